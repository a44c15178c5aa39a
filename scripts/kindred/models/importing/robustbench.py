"""Models of RobustBench's zoo, which its package builds and fetches."""

from pathlib import Path
from typing import Any

import torch
from torch import nn

from kindred.models import builders, classifiers, descriptions
from kindred.models.importing import checkpoint, naming
from kindred.models.importing.checkpoint import Checkpoint, Entry
from kindred.workflow.errors import BadInput, first_line


def bring(entry: Entry) -> Checkpoint:
    """The weights that RobustBench fetches for the model's id, or those in the given file."""
    arguments = {key: entry[key] for key in ("dataset", "threat_model")}
    net = builders.build(entry["architecture"], arguments)
    if entry["weights"]:
        file = Path(entry["weights"])
        found = checkpoint.read(entry, file)
        key, state = found.key, naming.fitted(found.state, net.state_dict(), str(file))
        classifiers.load_state(net, state, str(file), architecture=entry["architecture"])
    else:
        key = ""
        file, net = _fetched(entry["robustbench"], **arguments)
        descriptions.demand_hash(str(file), entry["sha256"])
    return Checkpoint(net.state_dict(), file, key, entry["architecture"], arguments, channels=3)


def _fetched(identifier: str, dataset: str, threat_model: str) -> tuple[Path, nn.Module]:
    """(the file of a model's weights, the network with them)."""
    folder = Path(torch.hub.get_dir()) / "robustbench"
    utils = builders.import_robustbench("robustbench.utils")
    known: dict[str, Any] = {"model_dir": str(folder), "dataset": dataset, "threat_model": threat_model}
    try:
        net = utils.load_model(model_name=identifier, **known)
    except Exception as error:  # it downloads, unpickles and builds
        raise BadInput(
            f"robustbench '{identifier}' cannot be loaded: {type(error).__name__}: {first_line(error)}; the "
            "weights may be given as a file with the key weights"
        ) from error
    files = sorted((folder / dataset / threat_model).glob(f"{identifier}*.pt"))
    if not files:
        raise BadInput(f"robustbench '{identifier}' was loaded, but its file is not below '{folder}'")
    return files[0], net
