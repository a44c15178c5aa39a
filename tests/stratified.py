"""Unbiased HSIC and CKA of images drawn class by class, by sums over classes of sums over images, in plain numpy."""

import itertools
import math

import numpy as np


def hsic(k: np.ndarray, other: np.ndarray, labels: np.ndarray) -> float:
    """The U-statistic of `kindred.similarity.strata` for kernels (n, n): sums over all, less images that coincide."""
    k, other = (np.where(np.eye(len(labels)), 0.0, one) for one in (k, other))
    member = (labels[:, None] == np.unique(labels)).astype(float)
    counts = member.sum(0)
    classes = range(len(counts))
    r, s = k @ member, other @ member  # sums over each class
    row = np.einsum("ia,ib,id->abd", member, r, s)  # sums over images of a class of products of such sums
    block, block_other, both = member.T @ r, member.T @ s, member.T @ (k * other) @ member

    def ways(*chosen: int) -> float:
        return math.prod(counts[one] - chosen[:place].count(one) for place, one in enumerate(chosen))

    total = sum(both[a, b] / ways(a, b) for a, b in itertools.product(classes, repeat=2)) / len(counts) ** 2
    for a, b, c in itertools.product(classes, repeat=3):
        total -= 2 * (row[a, b, c] - (b == c) * both[a, b]) / ways(a, b, c) / len(counts) ** 3
    for a, b, c, d in itertools.product(classes, repeat=4):
        found = block[a, b] * block_other[c, d] + ((a, b) in ((c, d), (d, c))) * both[a, b] * (1 + (a == b))
        found -= (a == c) * row[a, b, d] + (a == d) * row[a, b, c] + (b == c) * row[b, a, d] + (b == d) * row[b, a, c]
        total += found / ways(a, b, c, d) / len(counts) ** 4
    return float(total)


def cka(x: np.ndarray, y: np.ndarray, labels: np.ndarray) -> float:
    """Linear CKA of features (n, p) and (n, q)."""
    x, y = (np.asarray(one, dtype=np.float64) - np.asarray(one, dtype=np.float64).mean(0) for one in (x, y))
    k, other = x @ x.T, y @ y.T
    return hsic(k, other, labels) / math.sqrt(hsic(k, k, labels) * hsic(other, other, labels))
