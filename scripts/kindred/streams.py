"""Activations of many layers within a bound on memory: shown again as often as needed, wide layers in parts.

Nothing is stored on disk. The layers of one observation (a model that is shown images) are dealt into passes; in each
pass all images go through the network once and no more is kept than fits. A Gram matrix is a sum over features, so
parts of a layer add up to it (`gram.pack`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import itemgetter

import numpy as np
import torch
from torch import Tensor

from kindred.errors import BadInput
from kindred.layers import capture
from kindred.models import Classifier
from kindred.passes import Piece, passes

BATCH = 128


@dataclass(frozen=True)
class Observation:
    """A model that is shown images: pixels (n, c, h, w) float32 in [0, 1]; layers in the order in which they come.

    pooled: averaged over places; copied: safe from what the network changes in place (`layers.capture`).
    """

    name: str
    classifier: Classifier
    pixels: np.ndarray
    layers: Sequence[str]
    pooled: bool = False
    copied: bool = True

    def of(self, images: np.ndarray) -> "Observation":
        """The same on the images at these positions."""
        return replace(self, pixels=self.pixels[images])


def features(observation: Observation, device: torch.device, memory: int) -> Iterator[Iterator[Tensor]]:
    """For each layer in order its features (n, q) in parts, side by side, float32 on the device.

    At most `memory` bytes of features are held at once, but for one column of each image at least, and about as much
    again of what a batch of images says to the layers of a pass. Each layer must be used up before the next is asked
    for. Raises BadInput with the names of model and layer where values are not finite.
    """
    widths, whole = _widths(observation, device)
    pieces = (
        (layer, part)
        for some in passes(widths, len(observation.pixels), memory)
        for layer, part in _pass(observation, some, whole, device, memory)
    )
    return (map(itemgetter(1), parts) for _, parts in groupby(pieces, itemgetter(0)))


def flatten(value: Tensor, pooled: bool) -> Tensor:
    """Features (n, p) of an output (n, ...): flattened, or averaged over places.

    Of four dimensions the two equal ones are places: (n, c, h, h), else (n, h, h, c). Of others the last is
    channels, so tokens (n, t, c) and windows are averaged over all before it.
    """
    if not pooled or value.dim() < 3:
        return value.flatten(1)
    if value.dim() == 4 and value.shape[2] == value.shape[3]:
        return value.mean(dim=(2, 3))
    return value.mean(dim=tuple(range(1, value.dim() - 1)))


def _widths(observation: Observation, device: torch.device) -> tuple[list[int], list[int]]:
    """Features of each layer: those that are compared, and those that the network gives."""
    said = _say(observation, observation.pixels[:1], observation.layers, device)
    widths = [flatten(said[layer], observation.pooled).shape[1] for layer in observation.layers]
    return widths, [said[layer].numel() for layer in observation.layers]


@torch.inference_mode()
def _say(
    observation: Observation, pixels: np.ndarray, layers: Sequence[str], device: torch.device
) -> dict[str, Tensor]:
    shown = torch.from_numpy(np.ascontiguousarray(pixels)).to(device)
    with capture(observation.classifier, layers, observation.copied) as seen:
        observation.classifier(shown)
        return dict(seen)


def _pass(
    observation: Observation, pieces: Sequence[Piece], whole: Sequence[int], device: torch.device, memory: int
) -> Iterator[tuple[int, Tensor]]:
    """One showing of all images: (layer, part of its features (n, q)) for each piece."""
    count = len(observation.pixels)
    held = {piece: torch.empty(count, piece[2] - piece[1], device=device) for piece in pieces}
    names = [observation.layers[layer] for layer, _, _ in pieces]
    each = 4 * sum(whole[layer] for layer, _, _ in pieces)
    batch = int(np.clip(memory // max(each, 1), 1, BATCH))
    for start in range(0, count, batch):
        rows = slice(start, min(start + batch, count))
        said = _say(observation, observation.pixels[rows], names, device)
        for (layer, first, last), buffer in held.items():
            name = observation.layers[layer]
            part = flatten(said[name], observation.pooled)[:, first:last]
            if not torch.isfinite(part).all():
                raise BadInput(
                    f"model '{observation.name}' says NaN or infinity at layer '{name}' for images {rows.start} to "
                    f"{rows.stop - 1}; its weights, its normalisation or the images are broken."
                )
            buffer[rows] = part
        del said
    for piece in pieces:
        yield piece[0], held.pop(piece)
