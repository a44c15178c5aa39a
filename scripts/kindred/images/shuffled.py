"""Perturbations put on other images: what they still do there is not owed to the image that they were made for."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def donors(images: int, shuffles: int, seed: int = 0) -> NDArray[np.int64]:
    """(shuffles, images): the image whose perturbation each image is given, the same for every model.

    One random order of the images, in which shuffle s takes the perturbation of the image s + 1 places before. So none
    keeps its own, and no two images meet twice while shuffles < images / 2.
    """
    order = np.random.default_rng(seed).permutation(images)
    found = np.empty((shuffles, images), np.int64)
    for shuffle in range(shuffles):
        found[shuffle, order] = np.roll(order, shuffle + 1)
    return found


class Shuffled:
    """Images with the perturbations of others, put together as they are read: it is indexed like an array of a store.

    natural, perturbed: (n, ...) in [0, 1]; donor: (n,), whose perturbation each natural image is given. The sum is
    clipped to [0, 1], so a perturbation keeps its norm and spectrum but for what clipping takes.
    """

    def __init__(self, natural: Floats, perturbed: Floats, donor: NDArray[np.int64]) -> None:
        self.natural, self.perturbed, self.donor = natural, perturbed, donor
        self.shape, self.chunks = natural.shape, (1,)

    def __getitem__(self, rows: Any) -> Floats:
        given = self.donor[rows]
        return np.clip(self.natural[rows] + (self.perturbed[given] - self.natural[given]), 0.0, 1.0)
