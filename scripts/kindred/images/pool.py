"""Images to choose from, before any is chosen or decoded."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kindred.images.pixels import of_array
from kindred.workflow.errors import BadInput

Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Pool:
    """The images that a source holds.

    name: what messages call them; labels: (n,) int64; ids: n texts that stay the same whatever is chosen; classes:
    names of all classes in the order of the labels. open: position -> a PIL image of 8 bits a channel, or (height,
    width, channel) float32 in [0, 1]; raises BadInput with the reason where an image cannot be read. crop: share of the
    shorter side that the centre crop keeps unless the settings have their own.
    """

    name: str
    labels: np.ndarray
    ids: Sequence[str]
    classes: list[str]
    open: Callable[[int], Any]
    crop: float = 1.0

    def without(self, positions: np.ndarray) -> "Pool":
        """The images that are not at these positions, in their order."""
        left = np.setdiff1d(np.arange(len(self.ids)), positions)
        ids = [self.ids[at] for at in left]
        return Pool(self.name, self.labels[left], ids, self.classes, lambda at: self.open(int(left[at])), self.crop)


def pool_of_array(
    name: str, x: np.ndarray, labels: np.ndarray, ids: Sequence[str], classes: list[str], channels: int
) -> Pool:
    """The images in one array (n, height, width) with channels first, last or none.

    Raises BadInput for types that are no pixels and for real numbers outside [0, 1]. The range is that of all images:
    dark images of a set in 0 to 255 would pass one by one.
    """
    if np.issubdtype(x.dtype, np.floating):
        low, high = (float(x.min()), float(x.max())) if x.size else (0.0, 0.0)
        if not (low >= 0 and high <= 1):
            hint = ", or keep them as uint8" if low >= 0 and 1 < high <= 255 else ""
            raise BadInput(
                f"the images of {name} go from {low:g} to {high:g}, but real numbers must be in [0, 1]: "
                f"divide them by the value of white{hint}."
            )
    elif x.dtype not in (np.uint8, np.uint16, np.bool_):
        raise BadInput(f"the images of {name} are of {x.dtype}, but must be of uint8, uint16 or real numbers.")
    return Pool(name, labels, ids, classes, lambda at: of_array(x[at], channels))
