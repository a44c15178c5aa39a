"""Agreement of two measures of the same pairs of models: correlation, and Mantel's test by permuting models.

Pairs share models, so the usual test of a correlation takes them for far more evidence than they are. Mantel
(1967): permute the models of one matrix at random and count how often the correlation is at least as extreme.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

Floats = NDArray[np.float64]
MIN_MODELS = 4


def pearson(x: Floats, y: Floats, weights: Floats | None = None) -> float:
    """Pearson's correlation of x and y (n,), observations weighted by `weights`; NaN where one does not vary."""
    if len(x) < 2:
        return float("nan")
    (xx, xy), (_, yy) = np.cov(x, y, aweights=weights, ddof=0)
    return float(xy / np.sqrt(xx * yy)) if xx * yy > 1e-24 else float("nan")


def compare(first: Floats, second: Floats, permutations: int, seed: int) -> tuple[float, float, float, int]:
    """(Pearson, Spearman, two-sided p of Mantel's test on Pearson, pairs) of two symmetric matrices (m, m).

    Only models whose pairs are all defined in both matrices are used: models with undefined pairs are left
    out, the one with most of them first. p is (1 + permutations at least as extreme) / (1 + permutations).
    NaN for fewer than four models.
    """
    kept = complete(np.isfinite(first) & np.isfinite(second))
    first, second = first[np.ix_(kept, kept)], second[np.ix_(kept, kept)]
    m = len(kept)
    if m < MIN_MODELS:
        return np.nan, np.nan, np.nan, m * (m - 1) // 2
    rows, columns = np.triu_indices(m, 1)
    a, b = first[rows, columns], second[rows, columns]
    observed = pearson(a, b)
    rho = pearson(rankdata(a), rankdata(b))
    if not np.isfinite(observed):
        return observed, rho, float("nan"), len(a)
    rng = np.random.default_rng(seed)
    extreme = 1
    for _ in range(permutations):
        order = rng.permutation(m)
        # A tolerance, or rounding would decide about permutations that give the same matrix.
        extreme += abs(pearson(a, second[order[rows], order[columns]])) >= abs(observed) - 1e-12
    return observed, rho, extreme / (1 + permutations), len(a)


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
