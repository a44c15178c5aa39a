"""Perturbations put on other images: what they still do there is not owed to the image that they were made for."""

import numpy as np
import zarr
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

    Row i is the natural image receiver[i] with the perturbation of image i, so that perturbed images, which may lie in
    a store, are read in order. natural, perturbed: (n, ...) in [0, 1]; receiver: (n,), each image once. The sum is
    clipped to [0, 1], so a perturbation keeps its norm and spectrum but for what clipping takes.
    """

    def __init__(self, natural: Floats, perturbed: Floats | zarr.Array, receiver: NDArray[np.int64]) -> None:
        self.natural, self.perturbed, self.receiver = natural, perturbed, receiver
        self.shape = natural.shape
        self.chunks = perturbed.chunks if isinstance(perturbed, zarr.Array) else (1,)

    def __getitem__(self, rows: slice) -> Floats:
        added = np.asarray(self.perturbed[rows], np.float32) - self.natural[rows]
        return np.clip(self.natural[self.receiver[rows]] + added, 0.0, 1.0)
