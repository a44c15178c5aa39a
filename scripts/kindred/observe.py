"""Observing: show images to a model, keep what it says (logits, and activations where layers are asked for)."""

from collections.abc import Iterator, Sequence
from typing import TypeAlias

import numpy as np
import torch
import zarr
from torch import Tensor

from kindred.errors import BadInput
from kindred.layers import capture
from kindred.models import Classifier

DEFAULT_BATCH = 128
WIDEST = 128  # pixels a side up to which so many images at once keep their gradients in a few GB
Pixels: TypeAlias = np.ndarray | zarr.Array


def gradient_batch(side: int) -> int:
    """Images of `side` pixels a side to differentiate through at once: fewer of large ones, to bound memory."""
    return max(1, min(DEFAULT_BATCH, DEFAULT_BATCH * WIDEST**2 // side**2))


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
    count = images.shape[0]
    for start in range(0, count, batch):
        rows = slice(start, min(start + batch, count))
        shown = torch.from_numpy(np.ascontiguousarray(images[rows], dtype=np.float32)).to(device)
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
