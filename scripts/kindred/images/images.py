"""Images as stages pass them on: pixels, labels, and ids that never change."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kindred.workflow import store
from kindred.workflow.errors import BadInput


@dataclass(frozen=True)
class Images:
    """Pixels (n, channel, height, width) float32 in [0, 1], labels (n,) int64, n ids, names of classes."""

    pixels: np.ndarray
    labels: np.ndarray
    ids: list[str]
    classes: list[str]

    def take(self, index: np.ndarray) -> "Images":
        """The images at these positions, in this order."""
        ids = [self.ids[i] for i in index]
        return Images(self.pixels[index], self.labels[index], ids, self.classes)

    def __len__(self) -> int:
        return len(self.ids)


def write(path: str | Path, images: Images, attributes: Mapping[str, Any]) -> None:
    """Write images as a store with coordinates `image` (id) and `label`."""
    with store.writing(path, {**attributes, "classes": images.classes}) as group:
        put_coordinates(group, images.ids, images.labels)
        store.put(group, "images", images.pixels, ("image", "channel", "height", "width"))


def put_coordinates(group: Any, ids: list[str], labels: np.ndarray) -> None:
    """The two coordinates that every store of observations carries; both are indexed by `image`."""
    store.put(group, "image", ids, ("image",))
    store.put(group, "label", np.asarray(labels, dtype=np.int64), ("image",))
    group.attrs["coordinates"] = "label"  # the CF convention by which xarray knows it for a coordinate


def load(path: str | Path, count: int | None = None) -> Images:
    """The first `count` images of a store (all by default). BadInput: too few, or pixels outside [0, 1]."""
    ids = store.strings(path, "image")
    count = len(ids) if count is None else count
    if count > len(ids):
        raise BadInput(f"{count} images are wanted of '{path}', which holds {len(ids)}.")
    pixels = np.asarray(store.array(path, "images")[:count], dtype=np.float32)
    if broken := int(np.isnan(pixels).sum()):
        raise BadInput(f"images in '{path}' must be in [0, 1], but {broken} of {pixels.size} pixels are NaN.")
    if pixels.size and (pixels.min() < 0 or pixels.max() > 1):
        raise BadInput(f"images in '{path}' must be in [0, 1], but range from {pixels.min():g} to {pixels.max():g}.")
    labels = np.asarray(store.array(path, "label")[:count])
    return Images(pixels, labels, ids[:count], list(store.attributes(path)["classes"]))


def listed(path: str | Path, after: int = 0) -> list[tuple[str, int]]:
    """(id, label) of the images of a store but for the first `after`; no pixels are read."""
    ids = store.strings(path, "image")[after:]
    return list(zip(ids, np.asarray(store.array(path, "label")[after:]).tolist(), strict=True))


def load_some(paths: Sequence[str | Path], ids: Sequence[str]) -> Images:
    """The images of these ids, in this order, which may repeat, from the stores that hold them.

    Only these are read. BadInput: an id that no store holds, or pixels outside [0, 1].
    """
    place = {image: (path, at) for path in reversed(paths) for at, image in enumerate(store.strings(path, "image"))}
    if unknown := [image for image in ids if image not in place]:
        raise BadInput(
            f"image '{unknown[0]}' is in none of the stores {', '.join(map(str, paths))}, which have been made anew "
            "since it was used; run the same command again."
        )
    found = np.empty((len(ids), *store.array(paths[0], "images").shape[1:]), dtype=np.float32)
    labels = np.empty(len(ids), dtype=np.int64)
    for path in paths:
        rows = np.array([row for row, image in enumerate(ids) if place[image][0] == path], dtype=np.int64)
        if len(rows):
            # Sorted and each once, so that every chunk of the store is read once.
            positions, back = np.unique([place[ids[row]][1] for row in rows], return_inverse=True)
            found[rows] = np.asarray(store.array(path, "images").oindex[positions])[back]
            labels[rows] = np.asarray(store.array(path, "label")[:])[positions][back]
    if found.size and not (found.min() >= 0 and found.max() <= 1):
        raise BadInput(f"images in '{paths[0]}' must be in [0, 1], but range from {found.min():g} to {found.max():g}.")
    return Images(found, labels, list(ids), list(store.attributes(paths[0])["classes"]))
