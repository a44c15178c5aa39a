"""Clusters of models from a SAT matrix: spectral and hierarchical clustering, their stability, and maps.

Spectral clustering after Ng, Jordan and Weiss (2002): the leading eigenvectors of the normalised affinity,
rows scaled to length one, k-means. Hwang et al. (2024) show ten such clusters without stating the affinity: SAT
itself and exp(SAT), the percentage of images fooled, are offered. Ten groups of their matrix depend on the seed of
k-means, with SAT more than with exp(SAT), so the stability over seeds is always reported. What else a partition
depends on is in `sensitivity`.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform
from sklearn.manifold import TSNE

from kindred.analyses import jackknife, rand_index
from kindred.analyses.scores import TOP
from kindred.workflow.errors import BadInput

Matrix = NDArray[np.float64]
Labels = NDArray[np.int64]

AFFINITIES = ("sat", "exp_sat")
DIAGONALS = ("zero", "kept")
MOST = 10  # groups that are tried
ROUNDS = 100  # at most, of k-means, which converges in far fewer


def affinity(sat: Matrix, kind: str, diagonal: str = "zero") -> Matrix:
    """Affinities (m, m) of models: SAT, negative values set to 0, or exp(SAT), the percentage fooled.

    Undefined pairs have affinity 0, and so has a model with itself, as in Ng, Jordan and Weiss (2002, step 1), unless
    the diagonal, the white-box rate, is 'kept'. It is the largest entry of its row and would bind each model to itself.
    """
    values = np.exp(sat) if kind == "exp_sat" else np.maximum(sat, 0.0)
    values = np.where(np.isfinite(values), values, 0.0)
    if diagonal == "zero":
        np.fill_diagonal(values, 0.0)
    return values


def most_groups(models: int) -> int:
    """The largest number of groups that is tried for so many models."""
    return min(MOST, models - 1)


def distances(sat: Matrix) -> Matrix:
    """ln 100 - SAT, 0 on the diagonal; an undefined pair is as far apart as the farthest defined one."""
    apart = np.clip(TOP - sat, 0.0, None)
    np.fill_diagonal(apart, 0.0)
    return np.where(np.isfinite(apart), apart, np.nanmax(apart))


def spectrum(weights: Matrix) -> tuple[NDArray[np.float64], Matrix]:
    """Eigenvalues (m,), ascending, and eigenvectors (m, m), in columns, of the Laplacian I - D^-1/2 W D^-1/2.

    Raises BadInput where a model has no affinity to any model.
    """
    degree = weights.sum(axis=1)
    if not (degree > 0).all():
        raise BadInput("a model has no affinity to any model, so it cannot be clustered.")
    scale = 1 / np.sqrt(degree)
    laplacian = np.eye(len(weights)) - weights * scale[:, None] * scale[None, :]
    values, vectors = np.linalg.eigh((laplacian + laplacian.T) / 2)
    return values, vectors


def largest_gap(eigenvalues: NDArray[np.float64], most: int) -> int:
    """The number of clusters, from 2 to `most`, after which the gap between eigenvalues is largest."""
    gaps = np.diff(eigenvalues)[1:most]
    return int(np.argmax(gaps)) + 2


def spectral(vectors: Matrix, count: int, seeds: int, starts: int) -> Labels:
    """Partitions (seeds, m) into `count` clusters, one per seed, from the eigenvectors of `spectrum`.

    Raises BadInput unless `count` is at least 2 and below the number of models.
    """
    if not 2 <= count < len(vectors):
        raise BadInput(
            f"the number of clusters is {count}; for {len(vectors)} models it must be from 2 to {len(vectors) - 1}."
        )
    points = vectors[:, :count]
    points = points / np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-300)
    return kmeans(points, count, seeds, starts)


def kmeans(points: Matrix, count: int, seeds: int, starts: int) -> Labels:
    """Partitions (seeds, m) of points (m, p) by k-means, the best of `starts` starts for each seed 0, 1, ...

    Centres start by k-means++ (Arthur and Vassilvitskii 2007). All starts of all seeds are computed together,
    which for so few points is about five times faster than scikit-learn's.
    """
    draws = np.stack([np.random.default_rng(seed).random((starts, count)) for seed in range(seeds)])
    draws = draws.reshape(seeds * starts, count)
    first = np.minimum((draws[:, 0] * len(points)).astype(int), len(points) - 1)
    centres = points[first][:, None]
    for index in range(1, count):
        near = _squares(points, centres).min(axis=2)
        share = np.cumsum(near, axis=1)
        # Where every point coincides with a centre, choose uniformly.
        share = np.where(share[:, -1:] > 0, share, np.arange(1, len(points) + 1.0))
        taken = (share < draws[:, index, None] * share[:, -1:]).sum(axis=1)
        centres = np.concatenate([centres, points[np.minimum(taken, len(points) - 1)][:, None]], axis=1)
    labels = _squares(points, centres).argmin(axis=2)
    for _ in range(ROUNDS):
        member = (labels[:, :, None] == np.arange(count)).astype(np.float64)
        size = member.sum(axis=1)[:, :, None]
        means = np.einsum("smk,mp->skp", member, points) / np.maximum(size, 1)
        centres = np.where(size > 0, means, centres)
        moved = _squares(points, centres).argmin(axis=2)
        if np.array_equal(moved, labels):
            break
        labels = moved
    spread = _squares(points, centres).min(axis=2).sum(axis=1).reshape(seeds, starts)
    best = spread.argmin(axis=1)
    return labels.reshape(seeds, starts, -1)[np.arange(seeds), best].astype(np.int64)


def _squares(points: Matrix, centres: NDArray[np.float64]) -> NDArray[np.float64]:
    """Squared distances (start, point, centre)."""
    cross = np.einsum("mp,skp->smk", points, centres)
    own = (points**2).sum(axis=1)[None, :, None] + (centres**2).sum(axis=2)[:, None, :]
    return np.maximum(own - 2 * cross, 0.0)


def stability(partitions: Labels) -> jackknife.Estimate:
    """Mean adjusted Rand index over all pairs of partitions (n, m), its interval by leaving partitions out.

    Of runs on one matrix it describes the algorithm: how far its random starts decide, which the interval is over. It
    says nothing of other images or models. NaN for a single partition.
    """
    n = len(partitions)
    return jackknife.mean(rand_index.matrix(partitions), np.ones((n, n), dtype=bool))


def typical(partitions: Labels) -> Labels:
    """The partition (m,) that agrees best with all others, numbered from 1 by size, then by first member."""
    # Rounded, so that of equals the first is taken.
    return numbered(partitions[int(np.argmax(rand_index.matrix(partitions).sum(axis=1).round(9)))])


def numbered(labels: Sequence[int] | Labels) -> Labels:
    """The same partition numbered from 1: larger clusters first, ties by first member."""
    names, first, inverse, size = np.unique(labels, return_index=True, return_inverse=True, return_counts=True)
    rank = np.empty(len(names), dtype=np.int64)
    rank[np.lexsort((first, -size))] = np.arange(1, len(names) + 1)
    return rank[inverse]


def hierarchical(sat: Matrix, count: int) -> Labels:
    """The `count` clusters (m,) of average linkage on ln 100 - SAT, numbered from 1."""
    tree = linkage(squareform(distances(sat), checks=False), method="average")
    return numbered(fcluster(tree, count, criterion="maxclust"))


def mds(sat: Matrix) -> Matrix:
    """Classical scaling (Torgerson 1952) of ln 100 - SAT to the plane, (m, 2), the largest of each axis positive."""
    squares = distances(sat) ** 2
    centre = np.eye(len(squares)) - 1 / len(squares)
    values, vectors = np.linalg.eigh(-centre @ squares @ centre / 2)
    plane = vectors[:, -2:][:, ::-1] * np.sqrt(np.maximum(values[-2:][::-1], 0.0))
    largest = plane[np.abs(plane).argmax(axis=0), [0, 1]]
    return plane * np.where(largest < 0, -1.0, 1.0)


def tsne(sat: Matrix, perplexity: float, seed: int) -> Matrix:
    """t-SNE (van der Maaten and Hinton 2008) of the same distances, (m, 2), initialised by `mds`.

    The perplexity, a number of neighbours, is at most a third of the other models.
    """
    start = mds(sat)
    # scikit-learn's scale for initial points: large enough to break ties, small enough not to matter.
    start = start / max(float(start[:, 0].std()), 1e-12) * 1e-4
    embedding = TSNE(
        metric="precomputed",
        init=start.astype(np.float32),
        perplexity=min(perplexity, (len(sat) - 1) / 3),
        random_state=seed,
        method="exact",
    )
    return np.asarray(embedding.fit_transform(distances(sat)), dtype=np.float64)
