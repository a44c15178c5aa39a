"""Networks that a function of the user's builds, with a file of weights."""

from pathlib import Path

from kindred.models import builders, classifiers
from kindred.models.importing import checkpoint, naming
from kindred.models.importing.checkpoint import Checkpoint, Entry


def bring(entry: Entry) -> Checkpoint:
    """The weights of the file by the names of the function's network. Raises BadInput: they do not fit."""
    file = Path(entry["weights"])
    net = builders.build(entry["architecture"], entry["arguments"])
    found = checkpoint.read(entry, file)
    state = naming.fitted(found.state, net.state_dict(), str(file))
    classifiers.load_state(net, state, str(file), architecture=entry["python"])
    return Checkpoint(state, file, found.key, entry["architecture"], entry["arguments"], **found.normalisation)
