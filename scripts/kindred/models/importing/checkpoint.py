"""A checkpoint that a source brings: weights and what is known of their network, read and written with care."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from kindred.models import classifiers, descriptions
from kindred.models.importing import naming, state_dicts
from kindred.workflow import store
from kindred.workflow.job import log

Entry = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """Weights by the names of the network that `architectures.build` makes, and what their source states.

    file: where the weights come from, and key where in it; labels: names of the classes in the order of the logits.
    What the source does not state is None.
    """

    state: dict[str, Tensor]
    file: Path
    key: str
    architecture: str
    arguments: dict[str, Any] = dataclasses.field(default_factory=dict)
    classes: int | None = None
    channels: int | None = None
    input_size: int | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    labels: list[str] | None = None


def configured(config: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The entry of a model in the checked configuration, where a job reads what must not run it again.

    Those are paths of files, which count by their content, and checks that change nothing of a result.
    """
    return {**config["models"], **(config["layerwise"] or {"models": {}})["models"]}[name]


def read(entry: Entry, file: Path) -> state_dicts.Found:
    """The weights in a file, with the user's names. Raises BadInput: they cannot be read or their hash is another."""
    if entry["sha256"]:
        descriptions.demand_hash(str(file), entry["sha256"])
    found = state_dicts.read(file, entry["trust_pickle"], entry["weights_key"])
    return dataclasses.replace(found, state=naming.renamed(found.state, entry["rename"], str(file)))


def write(weights_path: str, description_path: str, checkpoint: Checkpoint) -> None:
    """Write the weights and then what is known of them; there is never half a file under a final name."""
    classifiers.save(weights_path, checkpoint.state)
    stated = {field.name: getattr(checkpoint, field.name) for field in dataclasses.fields(checkpoint)}
    about = {
        **{key: value for key, value in stated.items() if key not in ("state", "file", "key")},
        "origin": str(checkpoint.file),
        "weights_key": checkpoint.key,
        "sha256": descriptions.file_hash(checkpoint.file),
        "weights_sha256": descriptions.file_hash(weights_path),
        "versions": store.versions(),
    }
    descriptions.write(description_path, about)
    log.info("%s: SHA-256 %s", checkpoint.file, about["sha256"])
