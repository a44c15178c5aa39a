"""A model of the study on disk: its weights, and beside them how to build it and what is known of it."""

import dataclasses
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from kindred import arrival, models, records, store
from kindred.errors import BadInput
from kindred.images import Images
from kindred.job import log
from kindred.observe import predict


@dataclasses.dataclass(frozen=True)
class Model:
    """A model ready for use: its name in the config, the classifier, and the hash of its weights."""

    name: str
    classifier: models.Classifier
    weights: str


def describe(
    entry: Mapping[str, Any],
    images: Mapping[str, Any],
    classes: int,
    brought: Mapping[str, Any] | None = None,
) -> models.Description:
    """How to build the model of a config entry for the study's images.

    brought: what is known of an imported checkpoint. Its architecture and arguments hold, and its normalisation and
    input size where the entry has none of its own; a model trained here has those of the images.
    """
    brought = brought or {}
    size = int(images["size"])

    def own(key: str) -> Any:
        return entry.get(key) or brought.get(key) or images.get(key)

    return models.Description(
        architecture=brought.get("architecture") or entry["architecture"],
        classes=classes,
        channels=len(images["mean"]),
        size=size,
        input_size=int(own("input_size") or size),
        mean=tuple(own("mean")),
        std=tuple(own("std")),
        arguments=dict(brought.get("arguments") or entry.get("arguments") or {}),
    )


def write(
    weights_path: str,
    description_path: str,
    classifier: models.Classifier,
    *,
    held_out: Images,
    device: torch.device,
    record: Mapping[str, Any],
    expected: Mapping[str, float] | None = None,
    finished: bool = True,
) -> None:
    """Write weights and description; the description is last, so where it is the weights are whole.

    The clean accuracy is measured here, on all held-out images, with the very weights that were written. Raises
    BadInput where it is not what is `expected` (with its `tolerance`), before there is a description. Of a model that
    is not `finished`, a snapshot, nobody is told that it guesses.
    """
    partial = f"{weights_path}.partial"
    models.save(partial, classifier)
    name = Path(weights_path).stem
    shown = models.load(_renamed(partial, weights_path), classifier.description).to(device)
    logits = predict(shown, held_out.pixels, name=name, device=device)
    accuracy = arrival.accuracy(name, logits, held_out, finished)
    if expected:
        arrival.demand_accuracy(name, accuracy, logits, held_out, expected)
    about = {
        "description": dataclasses.asdict(classifier.description),
        "parameters": models.count_parameters(classifier),
        "clean_accuracy": accuracy,
        "clean_images": len(held_out),
        "weights_sha256": records.file_hash(weights_path),
        "versions": store.versions(),
        **record,
    }
    partial = f"{description_path}.partial"
    Path(partial).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    _renamed(partial, description_path)
    log.info("model '%s': clean accuracy %.4f on %d images", name, accuracy, len(held_out))


def load(name: str, weights_path: str, description_path: str) -> Model:
    """A model in evaluation mode, its parameters frozen. Raises BadInput where weights and description differ."""
    about = records.read(description_path)
    digest = records.file_hash(weights_path)
    if digest != about["weights_sha256"]:
        raise BadInput(
            f"weights '{weights_path}' are not those that '{description_path}' describes (SHA-256 {digest[:12]}... "
            f"and {about['weights_sha256'][:12]}...); delete both and run again."
        )
    try:
        description = models.Description(**about["description"])
    except TypeError as error:
        raise BadInput(
            f"model description '{description_path}' is not one that this version writes ({error}); delete it and run "
            "again."
        ) from error
    classifier = models.load(weights_path, description)
    return Model(name, classifier, digest)


def names(paths: Sequence[str]) -> list[str]:
    """The names of models, in order; paths: weights and description of each in turn."""
    return [Path(path).stem for path in paths[::2]]


def each(paths: Sequence[str]) -> Iterator[Model]:
    """Models one at a time, in order; paths: weights and description of each in turn."""
    for name, weights_path, description_path in zip(names(paths), paths[::2], paths[1::2], strict=True):
        yield load(name, weights_path, description_path)


def _renamed(partial: str, final: str) -> str:
    os.replace(partial, final)
    return final
