"""Agreement of two measures of the same pairs of models: correlation, and Mantel's test by permuting models.

Pairs share models, so the usual test of a correlation takes them for far more evidence than they are. Mantel
(1967): permute the models of one matrix at random and count how often the correlation is at least as extreme.
Intervals resample models for the same reason. Several tests at once are corrected for their number.
"""

from collections.abc import Mapping
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from kindred.analyses import correlations
from kindred.similarity.significance import false_discovery

Floats = NDArray[np.float64]
MIN_MODELS = 4


class Compared(NamedTuple):
    """Agreement of two matrices: both correlations with 95 % intervals, the two-sided p of Mantel's test, counts."""

    pearson: float
    pearson_low: float
    pearson_high: float
    spearman: float
    spearman_low: float
    spearman_high: float
    p: float
    n: int
    models: int


def compare(first: Floats, second: Floats, permutations: int, draws: int, seed: int) -> Compared:
    """Agreement of two symmetric matrices (m, m) of the same models.

    Only models whose pairs are all defined in both matrices are used: models with undefined pairs are left
    out, the one with most of them first. p, of Pearson's correlation, is (1 + permutations at least as extreme) /
    (1 + permutations); intervals are bootstraps over models in so many draws. NaN for fewer than four models.
    """
    kept = complete(np.isfinite(first) & np.isfinite(second))
    first, second = first[np.ix_(kept, kept)], second[np.ix_(kept, kept)]
    m = len(kept)
    sets = np.column_stack(np.triu_indices(m, 1))
    unknown = (np.nan, np.nan, np.nan)
    if m < MIN_MODELS:
        return Compared(*unknown, *unknown, np.nan, len(sets), m)
    a, b = first[sets[:, 0], sets[:, 1]], second[sets[:, 0], sets[:, 1]]

    def estimate(statistic: correlations.Statistic) -> tuple[float, float, float]:
        value = correlations.of_all(statistic, len(sets))
        return (value, *correlations.interval(statistic, sets, m, draws, seed)) if np.isfinite(value) else unknown

    pearson, spearman = estimate(correlations.correlation(a, b)), estimate(correlations.rank_correlation(a, b))
    return Compared(*pearson, *spearman, _level(a, second, sets, permutations, seed), len(sets), m)


def _level(a: Floats, second: Floats, sets: NDArray[np.int64], permutations: int, seed: int) -> float:
    b = second[sets[:, 0], sets[:, 1]]
    observed = correlations.pearson(a, b)
    if not np.isfinite(observed):
        return float("nan")
    # Neither mean nor variance of all pairs changes with the order of models: the mean product decides.
    centred, observed = a - a.mean(), float(np.mean((a - a.mean()) * b))
    rng = np.random.default_rng(seed)
    orders = np.array([rng.permutation(len(second)) for _ in range(permutations)])
    found = np.array([centred @ second[order[sets[:, 0]], order[sets[:, 1]]] for order in orders]) / len(a)
    # A tolerance, or rounding would decide about permutations that give the same matrix.
    extreme = np.abs(found) >= abs(observed) - 1e-12 * a.std() * b.std()
    return float((1 + extreme.sum()) / (1 + permutations))


def compare_all(found: Mapping[str, Floats], permutations: int, draws: int, seed: int) -> pd.DataFrame:
    """Agreement of every two of several named matrices, with both corrections of p for the number of tests.

    holm: the level at which the test is significant among all of them (Holm 1979), which holds however they depend on
    each other; q: its false discovery rate (Benjamini and Hochberg 1995).
    """
    rows = [(a, b, *compare(found[a], found[b], permutations, draws, seed)) for a, b in combinations(found, 2)]
    table = pd.DataFrame(rows, columns=["first", "second", *Compared._fields])
    at = table.columns.get_loc("p")
    table.insert(at, "null", 0.0)
    table.insert(at + 2, "holm", holm(table["p"]))
    table.insert(at + 3, "q", false_discovery(table["p"]))
    return table


def holm(p: ArrayLike) -> Floats:
    """Levels of several tests corrected for their number by Holm's procedure; NaN, no test, does not count."""
    p = np.asarray(p, dtype=np.float64)
    order = np.argsort(p)[: int(np.isfinite(p).sum())]
    found = np.full(p.shape, np.nan)
    found[order] = np.minimum(1, np.maximum.accumulate(p[order] * np.arange(len(order), 0, -1)))
    return found


def complete(defined: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Indices (k,) of models whose pairs are all defined; the diagonal does not count."""
    holes = ~defined
    np.fill_diagonal(holes, False)
    kept = np.arange(len(defined))
    while holes[np.ix_(kept, kept)].any():
        kept = np.delete(kept, holes[np.ix_(kept, kept)].sum(axis=1).argmax())
    return kept


def agreement(predicted: NDArray[np.int64]) -> Floats:
    """Share of images for which two models predict the same class, (m, m), from predicted classes (m, n)."""
    return np.stack([(predicted == one).mean(axis=1) for one in predicted])
