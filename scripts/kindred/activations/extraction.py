"""Running images through models: logits, and activations of chosen layers."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from kindred.activations import batches
from kindred.activations.batches import Pixels
from kindred.activations.layers import capture
from kindred.models import folding
from kindred.models.classifiers import Classifier
from kindred.workflow.errors import BadInput

DEFAULT_BATCH = 128
SURE = 1e-3  # of the largest logit: ten times what a copy's logits may differ by


@torch.inference_mode()
def observe(
    classifier: Classifier,
    images: Pixels,
    layers: Sequence[str],
    *,
    name: str,
    device: torch.device,
    batch: int = DEFAULT_BATCH,
) -> Iterator[tuple[slice, dict[str, np.ndarray]]]:
    """Yield (rows, {layer: (b, ...), 'logits': (b, classes)}) batch by batch in order, float32.

    images: (n, channel, height, width) in [0, 1], an array in memory or in a store (read as it is used). Raises
    BadInput naming the model and the first layer whose activations are not finite.
    """
    for rows, pixels in batches.read(images, batch):
        outputs = capture(classifier, torch.from_numpy(pixels).to(device), layers)
        for layer, values in outputs.items():
            demand_finite(values, name, layer, rows)
        yield rows, {layer: values.float().cpu().numpy() for layer, values in outputs.items()}


def demand_finite(values: Tensor, name: str, layer: str, rows: slice) -> None:
    """Raise BadInput, naming model, layer and images, unless activations (b, ...) are finite."""
    if not torch.isfinite(values).all():
        raise _not_finite(name, f"activations at layer '{layer}' for images {rows.start} to {rows.stop - 1}")


def _not_finite(name: str, what: str) -> BadInput:
    return BadInput(f"model '{name}' has NaN or infinite {what}; check its weights, its normalisation and the images.")


def predict(
    classifier: Classifier, images: Pixels, *, name: str, device: torch.device, batch: int = DEFAULT_BATCH
) -> np.ndarray:
    """Logits (n, classes) float32 of all images. Raises BadInput as `observe`."""
    batched = observe(classifier, images, [], name=name, device=device, batch=batch)
    return np.concatenate([outputs["logits"] for _, outputs in batched])


class Voter:
    """A classifier of which only predicted classes are wanted, with a copy that gives them in less time.

    The copy's logits are those of the classifier up to rounding (`folding`). Where its two largest are nearer than SURE
    of the largest, the classifier itself decides, so that classes are its own.
    """

    def __init__(self, classifier: Classifier) -> None:
        self.classifier, self.quick = classifier, folding.folded(classifier)

    def first(self, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The quick copy's classes (b,), which of them are in doubt (b,), and whether all logits are finite ()."""
        logits = self.quick(pixels)
        largest = logits.topk(2, dim=1).values
        doubt = largest[:, 0] - largest[:, 1] <= SURE * logits.abs().amax(dim=1)
        return logits.argmax(1), doubt, torch.isfinite(logits).all()


@torch.inference_mode()
def classes(
    voters: Mapping[str, Voter], images: Pixels, *, device: torch.device, batch: int = DEFAULT_BATCH
) -> np.ndarray:
    """Predicted classes (model, n) int64 of several models; every image is read once and given to all.

    Images of which a copy is in doubt are read once more, after the last one: until then the host does not wait for
    the device. Raises BadInput naming a model with non-finite logits.
    """
    parts: list[list[Tensor]] = []
    for _, pixels in batches.read(images, batch):
        moved = torch.from_numpy(pixels).to(device)
        found = [voter.first(moved) for voter in voters.values()]
        parts.append([torch.stack(each) for each in zip(*found, strict=True)])
    finite = torch.stack([part[2] for part in parts]).all(dim=0).tolist()
    for name, fine in zip(voters, finite, strict=True):
        if not fine:
            raise _not_finite(name, "logits")
    found_classes, doubt = (torch.cat([part[kind] for part in parts], dim=1).cpu().numpy() for kind in (0, 1))
    for rows, pixels in _chosen(images, batch, np.flatnonzero(doubt.any(axis=0))):
        moved = torch.from_numpy(pixels).to(device)
        for row, voter in enumerate(voters.values()):
            if len(own := np.flatnonzero(doubt[row, rows])):
                found_classes[row, rows[own]] = voter.classifier(moved[torch.from_numpy(own)]).argmax(1).cpu().numpy()
    return found_classes


def _chosen(images: Pixels, batch: int, indices: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(indices, images) of the images at some indices, in order, at most `batch` at a time."""
    for first in range(0, len(indices), batch):
        rows = indices[first : first + batch]
        yield rows, np.concatenate([np.asarray(images[row : row + 1], dtype=np.float32) for row in rows])


def penultimate(
    classifier: Classifier, images: Pixels, *, name: str, device: torch.device, batch: int = DEFAULT_BATCH
) -> Tensor:
    """Penultimate activations (n, p) float32 on the CPU, kept in memory. Raises BadInput as `observe`."""
    batched = observe(classifier, images, ["penultimate"], name=name, device=device, batch=batch)
    return torch.cat([torch.from_numpy(outputs["penultimate"]).flatten(1) for _, outputs in batched])
