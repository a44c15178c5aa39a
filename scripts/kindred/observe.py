"""Observing: show images to a model, keep what it says (logits, and activations where layers are asked for)."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from kindred import batches
from kindred.batches import Pixels
from kindred.errors import BadInput
from kindred.layers import capture
from kindred.models import Classifier

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
    """Yield (rows, {layer: (b, ...), 'logits': (b, classes)}) batch by batch, float32, in the images' order.

    images: (n, channel, height, width) in [0, 1], an array in memory or in a store (read as it is used). Raises
    BadInput with the names of the model and of the first layer whose activations are not finite.
    """
    for rows, pixels in batches.read(images, batch):
        shown = torch.from_numpy(pixels).to(device)
        with capture(classifier, list(layers)) as seen:
            logits = classifier(shown)
        said = {layer: seen[layer] for layer in layers} | {"logits": logits}
        for layer, values in said.items():
            if not torch.isfinite(values).all():
                raise BadInput(
                    f"model '{name}' says NaN or infinity at layer '{layer}' for images {rows.start} to "
                    f"{rows.stop - 1}; its weights, its normalisation or the images are broken."
                )
        yield rows, {layer: values.float().cpu().numpy() for layer, values in said.items()}


def predict(
    classifier: Classifier,
    images: Pixels,
    *,
    name: str,
    device: torch.device,
    batch: int = DEFAULT_BATCH,
) -> np.ndarray:
    """Logits (n, classes) float32 of all images."""
    parts = [
        said["logits"] for _, said in observe(classifier, images, [], name=name, device=device, batch=batch)
    ]
    return np.concatenate(parts)


@torch.inference_mode()
def classes(
    classifiers: Mapping[str, Classifier],
    images: Pixels,
    *,
    device: torch.device,
    batch: int = DEFAULT_BATCH,
) -> np.ndarray:
    """What several models take the images for: (model, n) int64. Every image is read once and shown to all.

    Nothing waits for the device before the last image. Raises BadInput with the name of a model whose logits are not
    finite.
    """
    parts, finite = [], torch.ones(len(classifiers), dtype=torch.bool, device=device)
    for _, pixels in batches.read(images, batch):
        shown = torch.from_numpy(pixels).to(device)
        logits = [classifier(shown) for classifier in classifiers.values()]
        finite &= torch.stack([torch.isfinite(each).all() for each in logits])
        parts.append(torch.stack([each.argmax(1) for each in logits]))
    for name, fine in zip(classifiers, finite.tolist(), strict=True):
        if not fine:
            raise BadInput(
                f"model '{name}' says NaN or infinity for some of the images; its weights, its normalisation or the "
                "images are broken."
            )
    return torch.cat(parts, dim=1).cpu().numpy()


def penultimate(
    classifier: Classifier,
    images: Pixels,
    *,
    name: str,
    device: torch.device,
    batch: int = DEFAULT_BATCH,
) -> Tensor:
    """Penultimate activations (n, p) float32 on the CPU; nothing is stored on disk."""
    parts = [
        torch.from_numpy(said["penultimate"]).flatten(1)
        for _, said in observe(classifier, images, ["penultimate"], name=name, device=device, batch=batch)
    ]
    return torch.cat(parts)
