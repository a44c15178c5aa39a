"""A file of weights for a named architecture."""

from pathlib import Path

from kindred.models.importing import checkpoint
from kindred.models.importing.checkpoint import Checkpoint, Entry


def bring(entry: Entry) -> Checkpoint:
    """The weights of the file; whether they fit the architecture shows when it is built for the images."""
    file = Path(entry["weights"])
    found = checkpoint.read(entry, file)
    return Checkpoint(found.state, file, found.key, entry["architecture"], entry["arguments"], **found.normalisation)
