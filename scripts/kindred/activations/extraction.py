"""Running images through models: logits, and activations of chosen layers."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from kindred.activations import batches
from kindred.activations.batches import Pixels
from kindred.activations.layers import capture
from kindred.models.classifiers import Classifier
from kindred.workflow.errors import BadInput

DEFAULT_BATCH = 128


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


@torch.inference_mode()
def classes(
    classifiers: Mapping[str, Classifier], images: Pixels, *, device: torch.device, batch: int = DEFAULT_BATCH
) -> np.ndarray:
    """Predicted classes (model, n) int64 of several models; every image is read once and given to all.

    The host does not wait for the device before the last image. Raises BadInput naming a model with non-finite logits.
    """
    parts, finite = [], torch.ones(len(classifiers), dtype=torch.bool, device=device)
    for _, pixels in batches.read(images, batch):
        moved = torch.from_numpy(pixels).to(device)
        logits = [classifier(moved) for classifier in classifiers.values()]
        finite &= torch.stack([torch.isfinite(each).all() for each in logits])
        parts.append(torch.stack([each.argmax(1) for each in logits]))
    for name, fine in zip(classifiers, finite.tolist(), strict=True):
        if not fine:
            raise _not_finite(name, "logits")
    return torch.cat(parts, dim=1).cpu().numpy()


def penultimate(
    classifier: Classifier, images: Pixels, *, name: str, device: torch.device, batch: int = DEFAULT_BATCH
) -> Tensor:
    """Penultimate activations (n, p) float32 on the CPU, kept in memory. Raises BadInput as `observe`."""
    batched = observe(classifier, images, ["penultimate"], name=name, device=device, batch=batch)
    return torch.cat([torch.from_numpy(outputs["penultimate"]).flatten(1) for _, outputs in batched])
