"""The images that a source holds, before any is chosen; and how some of them are chosen and read."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kindred.errors import BadInput, some
from kindred.images import Images
from kindred.job import log, progress
from kindred.pixels import fit

FIRST = 5  # so many broken files are named one by one


@dataclass(frozen=True)
class Pool:
    """Images to choose from: what messages call it, labels (n,) int64, ids that stay the same, names of all classes.

    open: position -> a PIL image of 8 bits or (h, w, channel) float32 in [0, 1]; raises BadInput, in words that go on
    after 'cannot be read: ', for one that cannot be read.
    crop: the share of the shorter side that is kept, where the config does not say.
    """

    name: str
    labels: np.ndarray
    ids: Sequence[str]
    classes: list[str]
    open: Callable[[int], Any]
    crop: float = 1.0

    def without(self, positions: Sequence[int]) -> "Pool":
        """The images that are not at these positions, in their order."""
        left = np.setdiff1d(np.arange(len(self.ids)), np.asarray(positions, dtype=np.int64))
        ids = [self.ids[at] for at in left]
        return Pool(
            self.name, self.labels[left], ids, self.classes, lambda at: self.open(int(left[at])), self.crop
        )


@dataclass(frozen=True)
class Taken:
    """Images that were read, the positions that were tried for them, and the ids that could not be read, and why."""

    images: Images
    tried: list[int]
    broken: dict[str, str]


def choose(labels: np.ndarray, count: int, seed: int, balanced: bool = True) -> np.ndarray:
    """Positions (count,) drawn without repetition, in random order; balanced: of all classes alike.

    Then every class gives one image before any gives a second, so numbers differ by one at most while classes last.
    A smaller count takes a part of what a larger one takes. Raises BadInput for more images than there are.
    """
    if not 0 <= count <= len(labels):
        raise BadInput(f"{count:,} images are wanted of {len(labels):,}.")
    draws = np.random.default_rng(seed)
    order = draws.permutation(len(labels))
    if not balanced:
        return order[:count]
    by_class = np.argsort(labels[order], kind="stable")
    counts = np.bincount(labels)
    rank = np.empty(len(labels), dtype=np.int64)  # how many of its class come before an image
    rank[by_class] = np.arange(len(labels)) - np.repeat(np.cumsum(counts) - counts, counts)
    return order[np.argsort(rank, kind="stable")[:count]]


def take(
    pool: Pool,
    order: np.ndarray,
    count: int,
    *,
    side: int,
    channels: int,
    crop: float | None,
    most_broken: int,
) -> Taken:
    """The first `count` images in this order that can be read; broken ones make room for the next.

    Raises BadInput as soon as more than `most_broken` cannot be read, and where the images run out.
    """
    pixels = np.empty((count, channels, side, side), dtype=np.float32)
    taken: list[int] = []
    tried: list[int] = []
    broken: dict[str, str] = {}
    for at in progress(map(int, order), f"reading images of {pool.name}", total=count):
        if len(taken) == count:
            break
        tried.append(at)
        try:
            pixels[len(taken)] = fit(pool.open(at), side, crop or pool.crop)
        except BadInput as error:
            broken[pool.ids[at]] = str(error)
            if len(broken) > most_broken:
                raise BadInput(_too_many(pool, broken, len(tried), most_broken)) from error
            continue
        taken.append(at)
    if len(taken) < count:
        raise BadInput(
            f"{count:,} images are wanted of {pool.name}, which holds {len(pool.ids):,}"
            f"{f', {len(broken)} of them broken' if broken else ''}."
        )
    for name, why in list(broken.items())[:FIRST]:
        log.warning("the image '%s' cannot be read: %s; another takes its place", name, why)
    if broken:
        log.warning("%d of %d images of %s cannot be read", len(broken), len(tried), pool.name)
    ids = [pool.ids[at] for at in taken]
    return Taken(Images(pixels, pool.labels[taken], ids, pool.classes), tried, broken)


def _too_many(pool: Pool, broken: dict[str, str], tried: int, most: int) -> str:
    first, why = next(iter(broken.items()))
    if len(broken) == 1:
        return (
            f"the image '{first}' of {pool.name} cannot be read: {why}; replace it or take it out, or allow some with "
            "images.broken."
        )
    return (
        f"{len(broken)} of the first {tried} images of {pool.name} cannot be read ({some(broken)}; the first: {why}), "
        f"but images.broken allows {most}."
    )
