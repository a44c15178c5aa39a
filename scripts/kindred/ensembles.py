"""Ensembles: what averaging some models' answers gains over its members, against how alike the members are.

Hwang et al. (2024): members that fool each other less make the better ensemble. Sets of models share members, so the
correlation over sets is less certain than their number suggests; its interval resamples models, not sets.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray

from kindred.errors import BadInput

Floats = NDArray[np.float64]
Sets = NDArray[np.int64]

AVERAGES = ("softmax", "logits")
BLOCK = 2**22  # numbers held at once while answers are averaged


def choose_sets(models: int, size: int, most: int, rng: np.random.Generator) -> Sets:
    """Sets of `size` of so many models, (sets, size) ascending: all where there are at most `most`, else a sample."""
    if comb(models, size) <= most:
        return np.array(list(combinations(range(models), size)), dtype=np.int64).reshape(-1, size)
    drawn: set[tuple[int, ...]] = set()
    while len(drawn) < most:
        drawn.add(tuple(sorted(rng.choice(models, size, replace=False).tolist())))
    return np.array(sorted(drawn), dtype=np.int64)


def right(
    logits: Floats, labels: NDArray[np.int64], sets: Sets, average: str = "softmax"
) -> NDArray[np.bool_]:
    """Whether each set is right about each image, (sets, n), by the mean of its members' answers.

    logits: (model, n, class); labels: (n,). `average`: of probabilities ('softmax') or of logits. Ties go to the
    first class. Raises BadInput for another way of averaging.
    """
    if average not in AVERAGES:
        raise BadInput(f"ensembles average '{average}'; it must be one of {', '.join(AVERAGES)}.")
    answers = np.asarray(logits, dtype=np.float32)
    if average == "softmax":
        answers = np.exp(answers - answers.max(axis=2, keepdims=True))
        answers /= answers.sum(axis=2, keepdims=True)
    _, n, classes = answers.shape
    found = np.empty((len(sets), n), dtype=bool)
    step = max(1, BLOCK // max(1, n * classes))
    for start in range(0, len(sets), step):
        part = sets[start : start + step]
        total = answers[part[:, 0]]
        for column in range(1, part.shape[1]):
            total = total + answers[part[:, column]]
        found[start : start + step] = total.argmax(axis=2) == labels
    return found


def mean_sat(sat: Floats, sets: Sets) -> Floats:
    """Mean SAT over the pairs inside each set, (sets,)."""
    pairs = list(combinations(range(sets.shape[1]), 2))
    return np.mean([sat[sets[:, a], sets[:, b]] for a, b in pairs], axis=0)


def correlation(x: Floats, y: Floats, weights: Floats | None = None) -> float:
    """Pearson's correlation, of observations counted so often; NaN without variance."""
    weights = np.ones(len(x)) if weights is None else weights
    share = weights / max(float(weights.sum()), 1e-300)
    dx, dy = x - (share * x).sum(), y - (share * y).sum()
    spread = float((share * dx**2).sum() * (share * dy**2).sum())
    return float((share * dx * dy).sum() / np.sqrt(spread)) if spread > 1e-24 else float("nan")


def interval(
    x: Floats, y: Floats, sets: Sets, models: int, draws: int, seed: int, level: float = 0.95
) -> tuple[float, float]:
    """Bootstrap interval of the correlation over sets when models are drawn again, with replacement.

    A set counts as often as its members can be picked from a draw, the product of how often each was drawn. Draws
    of too few different models to tell are left out; NaN where all are.
    """
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(draws):
        times = np.bincount(rng.integers(models, size=models), minlength=models).astype(np.float64)
        weights = times[sets].prod(axis=1)
        if (weights > 0).sum() > 2:
            found.append(correlation(x, y, weights))
    defined = np.array(found)[np.isfinite(found)] if found else np.array([])
    if not len(defined):
        return float("nan"), float("nan")
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def halves(labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which images belong to the first half, (n,): every second one of each class, so both halves are alike."""
    first = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        first[np.flatnonzero(labels == label)[::2]] = True
    return first


def picks(chosen_on: Floats, members_on: Floats, sat: Floats) -> Iterator[tuple[str, int]]:
    """(way of choosing, index of the set) from what was measured on the images for choosing, each (sets,).

    `members_on`: the mean accuracy of the members. Ties go to the set of lower SAT.
    """
    yield "most accurate together", int(np.lexsort((sat, -chosen_on))[0])
    yield "most accurate members", int(np.lexsort((sat, -members_on))[0])
    yield "least alike", int(np.argmin(sat))
    # As good as any, and of those the least alike: among sets whose members are better than most.
    good = members_on >= np.quantile(members_on, 0.75)
    yield "least alike of the better quarter", int(np.flatnonzero(good)[np.argmin(sat[good])])


def named(sets: Iterable[Sequence[int]], names: Sequence[str]) -> list[str]:
    """Members of each set in words, separated by blanks, which names do not have."""
    return [" ".join(names[index] for index in one) for one in sets]
