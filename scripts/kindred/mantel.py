"""Whether two measures of the same pairs of models agree: correlation, and Mantel's test by permuting models.

Pairs share models, so the usual test of a correlation counts them as far more evidence than they are. Mantel (1967):
rename the models of one matrix at random and see how often the correlation is as far from 0 as it was.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

Floats = NDArray[np.float64]
FEWEST = 4


def pearson(first: Floats, second: Floats) -> float:
    """Pearson's correlation of two vectors; NaN where one of them does not vary."""
    a, b = first - first.mean(), second - second.mean()
    scale = float(np.sqrt((a**2).sum() * (b**2).sum()))
    return float((a * b).sum() / scale) if scale > 1e-12 else float("nan")


def compare(first: Floats, second: Floats, permutations: int, seed: int) -> tuple[float, float, float, int]:
    """(Pearson, Spearman, two-sided p of Mantel's test on Pearson, pairs) of two symmetric matrices (m, m).

    Only models of which all pairs are defined in both take part, at most: those with an undefined pair are left out,
    the one with most of them first. The p is (1 + as far or farther) / (1 + permutations). NaN for fewer than four.
    """
    kept = complete(np.isfinite(first) & np.isfinite(second))
    first, second = first[np.ix_(kept, kept)], second[np.ix_(kept, kept)]
    m = len(kept)
    if m < FEWEST:
        nan = float("nan")
        return nan, nan, nan, m * (m - 1) // 2
    rows, columns = np.triu_indices(m, 1)
    a, b = first[rows, columns], second[rows, columns]
    seen = pearson(a, b)
    rho = pearson(rankdata(a), rankdata(b))
    if not np.isfinite(seen):
        return seen, rho, float("nan"), len(a)
    rng = np.random.default_rng(seed)
    far = 1
    for _ in range(permutations):
        order = rng.permutation(m)
        # A little slack, or rounding would decide whether the same matrix renamed is as far.
        far += abs(pearson(a, second[order[rows], order[columns]])) >= abs(seen) - 1e-12
    return seen, rho, far / (1 + permutations), len(a)


def complete(defined: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Indices of models (k,) all of whose pairs are defined; the diagonal does not matter."""
    holes = ~defined
    np.fill_diagonal(holes, False)
    kept = np.arange(len(defined))
    while holes[np.ix_(kept, kept)].any():
        kept = np.delete(kept, holes[np.ix_(kept, kept)].sum(axis=1).argmax())
    return kept


def agreement(predicted: NDArray[np.int64]) -> Floats:
    """Share of images of which two models say the same, (m, m), from predicted classes (m, n)."""
    return np.stack([(predicted == one).mean(axis=1) for one in predicted])
