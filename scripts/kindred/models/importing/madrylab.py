"""Released robust ImageNet checkpoints in MadryLab's format (Salman et al. 2020)."""

from pathlib import Path

from kindred.models.importing import checkpoint, hub
from kindred.models.importing.checkpoint import Checkpoint, Entry

REPOSITORY = "madrylab/robust-imagenet-models"


def bring(entry: Entry) -> Checkpoint:
    """The weights from the given file, or from the hub by their name."""
    file = Path(entry["weights"] or hub.download(REPOSITORY, f"{entry['madrylab']}.ckpt"))
    found = checkpoint.read(entry, file)
    return Checkpoint(
        found.state, file, found.key, entry["architecture"], classes=1000, channels=3, **found.normalisation
    )
