"""Groups of models from a matrix of SAT: spectral clustering with its stability, a tree's alternative, and maps.

Spectral clustering after Ng, Jordan and Weiss (2002): the leading eigenvectors of the normalised affinity, their
rows scaled to length one, k-means. Hwang et al. (2024) show ten such groups without saying what the affinity is.
With SAT itself the groups depend on the seed; with exp(SAT), the share of images fooled, they do not (papers.md
3.4), so both are offered and the stability over seeds is always told.
"""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform
from sklearn.manifold import TSNE
from sklearn.metrics import adjusted_rand_score

from kindred.errors import BadInput

Matrix = NDArray[np.float64]
Labels = NDArray[np.int64]

TOP = float(np.log(100.0))
AFFINITIES = ("sat", "exp_sat")
ROUNDS = 100  # of k-means, which settles in far fewer


def affinity(sat: Matrix, kind: str) -> Matrix:
    """How much models belong together, (m, m), at least 0: SAT (nothing below 0) or exp(SAT), percent fooled.

    Undefined pairs do not belong together at all. The diagonal stays: a model belongs to itself as much as its
    white-box rate says. Raises BadInput for an unknown kind.
    """
    if kind not in AFFINITIES:
        raise BadInput(f"the affinity is '{kind}'; it must be one of {', '.join(AFFINITIES)}.")
    values = np.exp(sat) if kind == "exp_sat" else np.maximum(sat, 0.0)
    return np.where(np.isfinite(values), values, 0.0)


def distances(sat: Matrix) -> Matrix:
    """ln 100 - SAT, 0 on the diagonal; an undefined pair is as far apart as the farthest defined one."""
    apart = np.clip(TOP - sat, 0.0, None)
    np.fill_diagonal(apart, 0.0)
    return np.where(np.isfinite(apart), apart, np.nanmax(apart))


def spectrum(weights: Matrix) -> tuple[NDArray[np.float64], Matrix]:
    """Eigenvalues (m,), ascending, and eigenvectors (m, m) in columns, of the Laplacian I - D^-1/2 W D^-1/2.

    Raises BadInput where a model belongs to none, not even to itself.
    """
    degree = weights.sum(axis=1)
    if not (degree > 0).all():
        raise BadInput("a model has no affinity to any other, so it can be put into no group.")
    scale = 1 / np.sqrt(degree)
    laplacian = np.eye(len(weights)) - weights * scale[:, None] * scale[None, :]
    values, vectors = np.linalg.eigh((laplacian + laplacian.T) / 2)
    return values, vectors


def largest_gap(eigenvalues: NDArray[np.float64], most: int) -> int:
    """The number of groups, 2 to `most`, after which the eigenvalues jump farthest."""
    gaps = np.diff(eigenvalues)[1:most]
    return int(np.argmax(gaps)) + 2


def spectral(vectors: Matrix, count: int, seeds: int, starts: int) -> Labels:
    """Partitions (seeds, m) into `count` groups, one a seed, from the eigenvectors of `spectrum`.

    Raises BadInput for a number of groups that the models cannot make.
    """
    if not 2 <= count < len(vectors):
        raise BadInput(
            f"{len(vectors)} models cannot make {count} groups; there must be at least 2, and fewer than models."
        )
    points = vectors[:, :count]
    points = points / np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-300)
    return kmeans(points, count, seeds, starts)


def kmeans(points: Matrix, count: int, seeds: int, starts: int) -> Labels:
    """k-means of points (m, p), once for each seed 0, 1, ...: (seeds, m) labels of the best of `starts` starts.

    Centres start by k-means++ (Arthur and Vassilvitskii 2007). All starts of all seeds move together, which for the
    few points here is many times faster than one after the other.
    """
    draws = np.stack([np.random.default_rng(seed).random((starts, count)) for seed in range(seeds)])
    draws = draws.reshape(seeds * starts, count)
    first = np.minimum((draws[:, 0] * len(points)).astype(int), len(points) - 1)
    centres = points[first][:, None]
    for index in range(1, count):
        near = _squares(points, centres).min(axis=2)
        share = np.cumsum(near, axis=1)
        # Where every point is a centre already, any point will do.
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


def stability(partitions: Labels) -> float:
    """Mean adjusted Rand index over all pairs of partitions (n, m); NaN for a single one."""
    pairs = [adjusted_rand_score(a, b) for a, b in combinations(partitions, 2)]
    return float(np.mean(pairs)) if pairs else float("nan")


def typical(partitions: Labels) -> Labels:
    """The partition (m,) that agrees best with all the others, groups numbered from 1 by size, then by model."""
    agreement = [sum(adjusted_rand_score(one, other) for other in partitions) for one in partitions]
    chosen = partitions[int(np.argmax(agreement))]
    return numbered(chosen)


def numbered(labels: Sequence[int] | Labels) -> Labels:
    """The same groups, numbered from 1: larger ones first, and of two equals the one that comes first."""
    names, first, inverse, size = np.unique(
        labels, return_index=True, return_inverse=True, return_counts=True
    )
    place = np.empty(len(names), dtype=np.int64)
    place[np.lexsort((first, -size))] = np.arange(1, len(names) + 1)
    return place[inverse]


def hierarchical(sat: Matrix, count: int, method: str = "average") -> Labels:
    """The `count` groups (m,) of a tree of ln 100 - SAT, numbered from 1."""
    tree = linkage(squareform(distances(sat), checks=False), method=method)
    return numbered(fcluster(tree, count, criterion="maxclust"))


def rand(first: Sequence[object] | Labels, second: Sequence[object] | Labels) -> float:
    """Adjusted Rand index of two partitions: 1 for the same groups, 0 as expected by chance."""
    return float(adjusted_rand_score(list(map(str, first)), list(map(str, second))))


def mds(sat: Matrix) -> Matrix:
    """Classical scaling (Torgerson 1952) of ln 100 - SAT into the plane, (m, 2); signs fixed, so it stays put."""
    squares = distances(sat) ** 2
    centre = np.eye(len(squares)) - 1 / len(squares)
    values, vectors = np.linalg.eigh(-centre @ squares @ centre / 2)
    plane = vectors[:, -2:][:, ::-1] * np.sqrt(np.maximum(values[-2:][::-1], 0.0))
    return _upright(plane)


def tsne(sat: Matrix, perplexity: float, seed: int) -> Matrix:
    """t-SNE (van der Maaten and Hinton 2008) of the same distances, (m, 2), started from `mds`.

    The perplexity, a number of neighbours, is at most a third of the other models.
    """
    start = mds(sat)
    # scikit-learn's own scale for a start: large enough to break ties, small enough to be forgotten.
    start = start / max(float(start[:, 0].std()), 1e-12) * 1e-4
    made = TSNE(
        metric="precomputed",
        init=start.astype(np.float32),
        perplexity=min(perplexity, (len(sat) - 1) / 3),
        random_state=seed,
        method="exact",
    )
    return np.asarray(made.fit_transform(distances(sat)), dtype=np.float64)


def _upright(points: Matrix) -> Matrix:
    """Each axis turned so that its largest coordinate is positive: eigenvectors have no sign of their own."""
    largest = points[np.abs(points).argmax(axis=0), np.arange(points.shape[1])]
    return points * np.where(largest < 0, -1.0, 1.0)
