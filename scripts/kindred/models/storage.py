"""A model of the study on disk: its weights, and beside them how to build it, its accuracy and its source."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from kindred.activations.extraction import predict
from kindred.images.images import Images
from kindred.models import accuracy, classifiers, descriptions, examination
from kindred.workflow import store
from kindred.workflow.errors import BadInput
from kindred.workflow.job import log

# Keys of a model's entry that do not decide its weights: tables read labels from the config.
LABELS = ("trained", "layers", "accuracy", "classes")


@dataclasses.dataclass(frozen=True)
class Model:
    """A model ready for use: its name in the config, the classifier, and the SHA-256 of its weights."""

    name: str
    classifier: classifiers.Classifier
    weights: str


def describe(
    entry: Mapping[str, Any], images: Mapping[str, Any], classes: int, brought: Mapping[str, Any] | None = None
) -> classifiers.Description:
    """Description of the model of a config entry for the study's images (settings `images`).

    brought: what is known of an imported checkpoint. Its architecture and arguments hold, and its normalisation and
    input size where the entry has none of its own; a model trained here has those of the images.
    """
    brought = brought or {}
    size = int(images["size"])

    def own(key: str) -> Any:
        return entry.get(key) or brought.get(key) or images.get(key)

    return classifiers.Description(
        architecture=brought.get("architecture") or entry["architecture"],
        classes=classes,
        channels=len(images["mean"]),
        size=size,
        input_size=int(own("input_size") or size),
        mean=tuple(own("mean")),
        std=tuple(own("std")),
        arguments=dict(brought.get("arguments") or entry.get("arguments") or {}),
        output=entry.get("output"),
    )


def write(
    weights_path: str,
    description_path: str,
    classifier: classifiers.Classifier,
    *,
    held_out: Images,
    device: torch.device,
    source: Mapping[str, Any],
    record: Mapping[str, Any] | None = None,
    expected: Mapping[str, float] | None = None,
    finished: bool = True,
) -> None:
    """Write weights and description; the description is last, so where it is the weights are whole.

    source: the entry of the model, recorded without its labels; record: what else is recorded. The model is examined
    and its clean accuracy measured here, on all held-out images, with the very weights that were written. Raises
    BadInput as `examination.examine`, and where the accuracy is not what is `expected` (with its `tolerance`), before
    there is a description. A model that is not `finished`, a snapshot, is not examined and may guess without a warning.
    """
    classifiers.save(weights_path, classifier.net.state_dict())
    name = Path(weights_path).stem
    written = classifiers.load(weights_path, classifier.description).to(device)
    found = examination.examine(name, written, held_out, device) if finished else {}
    logits = predict(written, held_out.pixels, name=name, device=device)
    measured = accuracy.measure(logits, held_out)
    if finished:
        accuracy.warn_of_doubt(name, measured, len(held_out.classes))
    if expected:
        accuracy.demand(name, measured, expected)
    about = {
        "description": dataclasses.asdict(classifier.description),
        "parameters": classifiers.count_parameters(classifier),
        **measured,
        "examination": found,
        "weights_sha256": descriptions.file_hash(weights_path),
        "versions": store.versions(),
        "source": {key: value for key, value in source.items() if key not in LABELS},
        **(record or {}),
    }
    descriptions.write(description_path, about)
    log.info("model '%s': clean accuracy %.4f on %d images", name, measured["clean_accuracy"], len(held_out))


def load(name: str, weights_path: str, description_path: str) -> Model:
    """A model in evaluation mode, parameters frozen. Raises BadInput where weights and description differ."""
    about = descriptions.read(description_path)
    digest = descriptions.file_hash(weights_path)
    if digest != about["weights_sha256"]:
        raise BadInput(
            f"weights '{weights_path}' are not those that '{description_path}' describes (SHA-256 "
            f"{digest[:12]}... and {about['weights_sha256'][:12]}...); delete both and run again."
        )
    try:
        description = classifiers.Description(**about["description"])
    except TypeError as error:
        raise BadInput(
            f"model description '{description_path}' was not written by this version ({error}); delete it "
            "and run again."
        ) from error
    classifier = classifiers.load(weights_path, description)
    return Model(name, classifier, digest)


def names(paths: Sequence[str]) -> list[str]:
    """The names of models, in order; paths: weights and description of each in turn."""
    return [Path(path).stem for path in paths[::2]]


def each(paths: Sequence[str]) -> Iterator[Model]:
    """Models one at a time, in order; paths: weights and description of each in turn."""
    for name, weights_path, description_path in zip(names(paths), paths[::2], paths[1::2], strict=True):
        yield load(name, weights_path, description_path)
