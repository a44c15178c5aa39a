"""Activations of many layers within a memory limit: repeated passes over the images, wide layers in parts.

A Gram matrix is a sum over features, so the parts of a layer add up to it (`gram.pack`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import itemgetter

import numpy as np
import torch
from torch import Tensor

from kindred.activations.extraction import demand_finite
from kindred.activations.layers import capture
from kindred.models.classifiers import Classifier

BATCH = 128
Piece = tuple[int, int, int]  # index of the layer, first column, last column + 1


@dataclass(frozen=True)
class Observation:
    """A model and its input images: pixels (n, c, h, w) float32 in [0, 1]; layers in forward order.

    pooled: average over spatial positions; copied: protect from in-place operations (`layers.capture`).
    """

    name: str
    classifier: Classifier
    pixels: np.ndarray
    layers: Sequence[str]
    pooled: bool = False
    copied: bool = True

    def of(self, images: np.ndarray) -> "Observation":
        """The same observation on the images at these positions."""
        return replace(self, pixels=self.pixels[images])


def features(observation: Observation, device: torch.device, memory: int) -> Iterator[Iterator[Tensor]]:
    """For each layer in order its features (n, q) in parts, column blocks of (n, p), float32 on the device.

    At most `memory` bytes of features are held at once (but at least one column for each image), and about the same
    again for the outputs of the pass's layers on a batch of images. Each layer must be consumed before the next is
    requested. Raises BadInput naming model and layer where activations are not finite.
    """
    widths, whole = _widths(observation, device)
    pieces = (
        (layer, part)
        for some in passes(widths, len(observation.pixels), memory)
        for layer, part in _pass(observation, some, whole, device, memory)
    )
    return (map(itemgetter(1), parts) for _, parts in groupby(pieces, itemgetter(0)))


def passes(widths: Sequence[int], images: int, memory: int) -> list[list[Piece]]:
    """Pieces of layers that are held together: at most memory / (4 images) columns in all, at least one.

    widths: features of each layer; memory: bytes of float32.
    """
    room = max(1, memory // (4 * max(images, 1)))
    found: list[list[Piece]] = [[]]
    left = room
    for layer, width in enumerate(widths):
        start = 0
        while start < width:
            if left == 0:
                found.append([])
                left = room
            stop = min(width, start + left)
            found[-1].append((layer, start, stop))
            left -= stop - start
            start = stop
    return found


def flatten(value: Tensor, pooled: bool) -> Tensor:
    """Features (n, p) of an output (n, ...): flattened, or averaged over spatial positions.

    In four dimensions the two equal ones are spatial: (n, c, h, h), else (n, h, h, c). Otherwise the last dimension is
    channels, so tokens (n, t, c) and windows are averaged over all dimensions in between.
    """
    if not pooled or value.dim() < 3:
        return value.flatten(1)
    if value.dim() == 4 and value.shape[2] == value.shape[3]:
        return value.mean(dim=(2, 3))
    return value.mean(dim=tuple(range(1, value.dim() - 1)))


def _widths(observation: Observation, device: torch.device) -> tuple[list[int], list[int]]:
    """Numbers of features of each layer: those compared, and those of the layer's output."""
    outputs = _forward(observation, observation.pixels[:1], observation.layers, device)
    widths = [flatten(outputs[layer], observation.pooled).shape[1] for layer in observation.layers]
    return widths, [outputs[layer].numel() for layer in observation.layers]


@torch.inference_mode()
def _forward(
    observation: Observation, pixels: np.ndarray, layers: Sequence[str], device: torch.device
) -> dict[str, Tensor]:
    """Outputs of these layers for pixels (b, c, h, w): {layer: (b, ...)}."""
    images = torch.from_numpy(np.ascontiguousarray(pixels)).to(device)
    return capture(observation.classifier, images, layers, observation.copied)


def _pass(
    observation: Observation, pieces: Sequence[Piece], whole: Sequence[int], device: torch.device, memory: int
) -> Iterator[tuple[int, Tensor]]:
    """One pass of all images through the network: (layer, part of its features (n, q)) for each piece."""
    count = len(observation.pixels)
    held = {piece: torch.empty(count, piece[2] - piece[1], device=device) for piece in pieces}
    names = [observation.layers[layer] for layer, _, _ in pieces]
    each = 4 * sum(whole[layer] for layer, _, _ in pieces)
    batch = int(np.clip(memory // max(each, 1), 1, BATCH))
    for start in range(0, count, batch):
        rows = slice(start, min(start + batch, count))
        outputs = _forward(observation, observation.pixels[rows], names, device)
        for (layer, first, last), buffer in held.items():
            name = observation.layers[layer]
            part = flatten(outputs[name], observation.pooled)[:, first:last]
            demand_finite(part, observation.name, name, rows)
            buffer[rows] = part
        del outputs
    for piece in pieces:
        yield piece[0], held.pop(piece)
