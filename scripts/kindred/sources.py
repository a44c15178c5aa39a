"""Checkpoints of models that were trained elsewhere: found or fetched, read once, kept as safetensors.

A new one is one function here, one entry in `origins` and one in `config.schema.yaml`. What comes out is the
same for all: weights alone under the names of the network that `architectures.build` makes, and what the source says.
"""

import dataclasses
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
from torch import Tensor

from kindred import builders, hub, models, origins, records, statedicts, store
from kindred.job import log

Entry = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """Weights, and what their source says of the network that they belong to; None where it says nothing.

    labels: names of the classes in the order of the logits.
    """

    state: dict[str, Tensor]
    file: Path
    architecture: str
    arguments: dict[str, Any] = dataclasses.field(default_factory=dict)
    classes: int | None = None
    channels: int | None = None
    input_size: int | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    labels: list[str] | None = None


def of_file(entry: Entry) -> Checkpoint:
    """A file of weights for a named architecture."""
    found = _read(entry, Path(entry["weights"]))
    return Checkpoint(
        found.state, Path(entry["weights"]), entry["architecture"], entry["arguments"], **_normalised(found)
    )


def of_madrylab(entry: Entry) -> Checkpoint:
    """A released robust ImageNet checkpoint (Salman et al. 2020), from a file or by its name from the hub."""
    name = entry["madrylab"]
    file = Path(entry["weights"] or hub.download("madrylab/robust-imagenet-models", f"{name}.ckpt"))
    found = _read(entry, file)
    return Checkpoint(
        found.state, file, origins.architecture(entry), classes=1000, channels=3, **_normalised(found)
    )


def of_timm(entry: Entry) -> Checkpoint:
    """A model of timm by its full tag, `hf-hub:` or `local-dir:`; its weights from there, or from a given file."""
    stated = hub.stated(entry["timm"])
    file = Path(entry["weights"] or hub.weights(stated))
    size = entry["input_size"] or stated.config["input_size"][-1]
    arguments = {**stated.arguments, **entry["arguments"]}
    state = hub.fitted(stated, _read(entry, file).state, arguments, size, str(file))
    return Checkpoint(
        state,
        file,
        stated.architecture,
        arguments,
        classes=stated.config["num_classes"],
        channels=stated.config["input_size"][0],
        input_size=size,
        mean=tuple(stated.config["mean"]),
        std=tuple(stated.config["std"]),
        labels=stated.labels,
    )


def of_robustbench(entry: Entry) -> Checkpoint:
    """A model of RobustBench's zoo by its id; its package fetches the weights unless a file is given."""
    name = entry["robustbench"]
    told = {"dataset": entry["dataset"], "threat_model": entry["threat_model"]}
    architecture = origins.architecture(entry)
    net = builders.build(architecture, told)
    file, loaded = hub.robustbench(name, told, entry["weights"])
    if loaded is not None and entry["sha256"]:
        records.demand_hash(str(file), entry["sha256"])
    if loaded is None:
        state = _read(entry, file).named_for(net.state_dict())
        models.load_state(net, state, str(file), architecture=architecture)
    state = (loaded or net).state_dict()
    return Checkpoint(state, file, architecture, told, channels=3)


def of_python(entry: Entry) -> Checkpoint:
    """A file of weights for the module that a user's own function returns."""
    architecture, file = origins.architecture(entry), Path(entry["weights"])
    net = builders.build(architecture, entry["arguments"])
    found = _read(entry, file)
    state = found.named_for(net.state_dict())
    models.load_state(net, state, str(file), architecture=entry["python"])
    return Checkpoint(state, file, architecture, entry["arguments"], **_normalised(found))


SOURCES: dict[str, Callable[[Entry], Checkpoint]] = {
    "weights": of_file,
    "madrylab": of_madrylab,
    "timm": of_timm,
    "robustbench": of_robustbench,
    "python": of_python,
}


def bring(entry: Entry) -> Checkpoint:
    """The checkpoint of a filled entry of an imported model. Raises BadInput, also where the hash is another."""
    return SOURCES[origins.source(entry)](entry)


def write(weights_path: str, description_path: str, checkpoint: Checkpoint, made: Any) -> None:
    """Write weights and what is known of them; never half a file under the final name, the description last."""
    about = {
        field.name: getattr(checkpoint, field.name)
        for field in dataclasses.fields(checkpoint)
        if field.name not in ("state", "file")
    }
    # A clone each, as safetensors refuses tensors that share memory (tied weights).
    state = {key: value.detach().cpu().clone().contiguous() for key, value in checkpoint.state.items()}
    safetensors.torch.save_file(state, f"{weights_path}.partial", metadata={"format": "pt"})
    os.replace(f"{weights_path}.partial", weights_path)
    about |= {
        "made": made,
        "origin": str(checkpoint.file),
        "sha256": records.file_hash(checkpoint.file),
        "weights_sha256": records.file_hash(weights_path),
        "versions": store.versions(),
    }
    Path(f"{description_path}.partial").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    os.replace(f"{description_path}.partial", description_path)
    log.info("%s: SHA-256 %s", checkpoint.file, about["sha256"])


def _read(entry: Entry, file: Path) -> statedicts.Found:
    if entry["sha256"]:
        records.demand_hash(str(file), entry["sha256"])
    return statedicts.read(file, entry["trust_pickle"])


def _normalised(found: statedicts.Found) -> dict[str, Any]:
    return {"mean": found.mean, "std": found.std} if found.mean and found.std else {}
