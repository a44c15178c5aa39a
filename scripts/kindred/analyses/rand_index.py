"""Agreement of partitions: the adjusted Rand index (Hubert and Arabie 1985), and its level by permutation.

It is 1 for the same partition and 0 in expectation by chance. scikit-learn has it for two partitions; here are many at
once.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]
PERMUTATIONS = 999


def codes(values: Sequence[object] | Labels) -> Labels:
    """Whole numbers from 0 for the values (m,), equal ones for equal values."""
    return np.unique(np.asarray(values, dtype=str), return_inverse=True)[1].astype(np.int64)


def rands(partition: Labels, others: Labels) -> Floats:
    """Adjusted Rand index of a partition (m,) with each of others (draw, m), by codes from 0."""
    draws, m = others.shape
    a, b = int(partition.max()) + 1, int(others.max()) + 1
    cells = (np.arange(draws)[:, None] * a + partition) * b + others
    table = np.bincount(cells.ravel(), minlength=draws * a * b).reshape(draws, a, b).astype(np.float64)

    def pairs(counts: Floats) -> Floats:
        return counts * (counts - 1) / 2

    together = pairs(table).sum(axis=(1, 2))
    rows, columns = pairs(table.sum(axis=2)).sum(axis=1), pairs(table.sum(axis=1)).sum(axis=1)
    expected = rows * columns / (m * (m - 1) / 2)
    most = (rows + columns) / 2
    # Two partitions without structure, all together or all apart, are the same where neither has any.
    return np.divide(together - expected, most - expected, out=np.ones(draws), where=most > expected)


def matrix(partitions: Labels) -> Floats:
    """The index of every two of some partitions (n, m): (n, n)."""
    own = np.array([codes(one) for one in partitions])
    return np.array([rands(one, own) for one in own])


def rand(first: Sequence[object] | Labels, second: Sequence[object] | Labels) -> float:
    """Adjusted Rand index of two partitions (m,)."""
    return float(rands(codes(first), codes(second)[None])[0])


def level(partition: Sequence[object] | Labels, label: Sequence[object] | Labels, seed: int) -> float:
    """Share of permutations of the label, this one included, with an adjusted Rand index at least as large."""
    own, other = codes(partition), codes(label)
    rng = np.random.default_rng(seed)
    permuted = np.array([rng.permutation(other) for _ in range(PERMUTATIONS)])
    extreme = rands(own, permuted) >= rands(own, other[None])[0] - 1e-12
    return float((1 + extreme.sum()) / (1 + PERMUTATIONS))
