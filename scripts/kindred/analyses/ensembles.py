"""Ensembles: accuracy gain from averaging the outputs of several models, against their similarity.

Hwang et al. (2024): members that fool each other less make the better ensemble. Sets of models share members,
so the interval of the correlation over sets resamples models, not sets.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations
from math import comb

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import softmax

from kindred.analyses.mantel import pearson

Floats = NDArray[np.float64]
Sets = NDArray[np.int64]

LEVEL = 0.95  # of intervals
BLOCK = 2**22  # values held at once while outputs are averaged


def choose_sets(models: int, size: int, most: int, rng: np.random.Generator) -> Sets:
    """Sets of `size` out of so many models, (sets, size) ascending: all, or a sample of `most`."""
    if comb(models, size) <= most:
        return np.array(list(combinations(range(models), size)), dtype=np.int64).reshape(-1, size)
    drawn: set[tuple[int, ...]] = set()
    while len(drawn) < most:
        drawn.add(tuple(sorted(rng.choice(models, size, replace=False).tolist())))
    return np.array(sorted(drawn), dtype=np.int64)


def correct(logits: Floats, labels: NDArray[np.int64], sets: Sets, average: str = "softmax") -> NDArray[np.bool_]:
    """Correctness (sets, n) bool of each set on each image, by the mean of its members' outputs.

    logits: (model, n, class); labels: (n,). `average`: probabilities ('softmax') or logits. Ties go to the first class.
    """
    outputs = np.asarray(logits, dtype=np.float32)
    if average == "softmax":
        outputs = softmax(outputs, axis=2)
    _, n, classes = outputs.shape
    found = np.empty((len(sets), n), dtype=bool)
    step = max(1, BLOCK // max(1, n * classes))
    for start in range(0, len(sets), step):
        part = sets[start : start + step]
        total = sum(outputs[members] for members in part.T)
        found[start : start + step] = total.argmax(axis=2) == labels
    return found


def mean_sat(sat: Floats, sets: Sets) -> Floats:
    """Mean SAT over the pairs inside each set, (sets,)."""
    pairs = list(combinations(range(sets.shape[1]), 2))
    return np.mean([sat[sets[:, a], sets[:, b]] for a, b in pairs], axis=0)


def interval(x: Floats, y: Floats, sets: Sets, models: int, draws: int, seed: int) -> tuple[float, float]:
    """95 % bootstrap interval of the correlation over sets when models are resampled with replacement.

    A set is weighted by the product of how often each of its members was drawn, the number of ways to pick it
    from the draw. Draws with too few different models are left out; NaN where all are.
    """
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(draws):
        times = np.bincount(rng.integers(models, size=models), minlength=models).astype(np.float64)
        weights = times[sets].prod(axis=1)
        if (weights > 0).sum() > 2:
            found.append(pearson(x, y, weights))
    defined = [one for one in found if np.isfinite(one)]
    low, high = np.quantile(defined, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]) if defined else (np.nan, np.nan)
    return float(low), float(high)


def halves(labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    """First half of the images as a mask (n,): every second one of each class, so that the halves match."""
    return pd.Series(labels).groupby(labels).cumcount().to_numpy() % 2 == 0


def picks(chosen_on: Floats, members_on: Floats, sat: Floats) -> Iterator[tuple[str, int]]:
    """(way of choosing, index of the set) from measurements on the images for choosing, each (sets,).

    `members_on`: mean accuracy of the members. Ties go to the set of lower SAT.
    """
    yield "most accurate together", int(np.lexsort((sat, -chosen_on))[0])
    yield "most accurate members", int(np.lexsort((sat, -members_on))[0])
    yield "least alike", int(np.argmin(sat))
    # The least alike among sets whose members are better than those of most sets.
    good = members_on >= np.quantile(members_on, 0.75)
    yield "least alike of the better quarter", int(np.flatnonzero(good)[np.argmin(sat[good])])


def joined_names(sets: Iterable[Sequence[int]], names: Sequence[str]) -> list[str]:
    """Members of each set as text, separated by spaces, which names do not contain."""
    return [" ".join(names[index] for index in one) for one in sets]
