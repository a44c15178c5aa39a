"""Adversarial transfer: how often images made to fool one model fool another, and the similarity SAT made of it.

Hwang et al. (ECCV 2024): with X the images both models classify correctly, x_A the adversarial version of x
made on model A and y its label,

  SAT(A, B) = ln max(eps_s, 100 / (2 |X|) sum over X of [A(x_B) != y] + [B(x_A) != y]),

the natural logarithm of a percentage, at most ln 100 = 4.605. The two directions share their images, so their
outcomes are not independent; the intervals here take that into account where the joint outcomes are known.
"""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kindred.errors import BadInput

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]

FLOOR = 0.01
LEVEL = 0.95


@dataclass(frozen=True)
class Transfer:
    """Counts for every ordered pair of models, (m, m) int64, rows being sources and columns targets.

    `n`: images both models classify correctly. `fooled`: those of them whose version made on the source the target
    gets wrong; on the diagonal the white-box successes. `both`: those fooled in both directions of the pair.
    """

    n: Counts
    fooled: Counts
    both: Counts

    @property
    def rate(self) -> Floats:
        """Share of fooled images, (m, m); NaN for pairs without common images."""
        return _share(self.fooled, self.n)


@dataclass(frozen=True)
class Sat:
    """SAT of every pair of models, symmetric (m, m) matrices, NaN for pairs without common images.

    `sat` and the bounds `low` and `high` of its interval are natural logarithms of percentages, `error` is the
    delta method's standard error on that scale; `n` is the number of common images.
    """

    sat: Floats
    low: Floats
    high: Floats
    error: Floats
    n: Counts


def transfer_counts(correct: ArrayLike, predicted: ArrayLike, labels: ArrayLike) -> Transfer:
    """Counts of fooled images for every ordered pair of m models over N images.

    `correct` (m, N) bool: does the model classify the clean image correctly; `predicted` (source, target, N): the
    class the target gives the image as changed to fool the source; `labels` (N,). Raises BadInput if these do not
    fit together.
    """
    correct, predicted, labels = np.asarray(correct), np.asarray(predicted), np.asarray(labels)
    _check_outcomes(correct, predicted, labels)
    m = len(correct)
    n, fooled, both = (np.zeros((m, m), np.int64) for _ in range(3))
    # Source by source: a mask for all pairs at once would be as large as the predictions.
    for source in range(m):
        shared = correct[source] & correct
        there = shared & (predicted[source] != labels)
        back = predicted[:, source] != labels
        n[source] = shared.sum(axis=1)
        fooled[source] = there.sum(axis=1)
        both[source] = (there & back).sum(axis=1)
    return Transfer(n, fooled, both)


def sat(
    correct: ArrayLike, predicted: ArrayLike, labels: ArrayLike, *, floor: float = FLOOR, level: float = LEVEL
) -> Sat:
    """SAT of every pair of models with its interval, from outcomes image by image.

    Arguments as for `transfer_counts`; the rest as for `sat_from_counts`, with the joint outcomes known.
    """
    counts = transfer_counts(correct, predicted, labels)
    return sat_from_counts(counts.n, counts.fooled, counts.both, floor=floor, level=level)


def sat_from_counts(
    n: ArrayLike,
    fooled: ArrayLike,
    both: ArrayLike | None = None,
    *,
    floor: float = FLOOR,
    level: float = LEVEL,
) -> Sat:
    """SAT of every pair of models with its interval, from the (m, m) counts of `Transfer`.

    With a and b the two directions' indicators of an image, p is the mean of (a + b) / 2 over the n common images
    and its variance that of (a + b) / 2 divided by n. Without `both` the directions are taken as independent
    binomials (on the diagonal they are one and the same). The interval at `level` is ln(100 p) -+ z se(p) / p, the
    delta method. Where no spread was seen (none or all fooled, for instance) that would have no width, and p
    is instead allowed to be what an event never seen in n images may be, 1 - (alpha / 2)^(1 / n), off either way.

    `floor` is eps_s, in percent: SAT and its bounds are at least ln(floor), and at most ln(100).
    Raises BadInput for counts that cannot be.
    """
    n, fooled = np.asarray(n), np.asarray(fooled)
    joint = None if both is None else np.asarray(both)
    _check_counts(n, fooled, joint)
    n, fooled = n.astype(np.int64), fooled.astype(np.int64)
    joint = None if joint is None else joint.astype(np.int64)
    if not 0 < floor < 100:
        raise BadInput(f"the floor of SAT is {floor}; it must be a percentage above 0 and below 100.")
    if not 0 < level < 1:
        raise BadInput(f"the level of SAT's intervals is {level}; it must be above 0 and below 1.")
    p = _share(fooled + fooled.T, 2 * n)
    error = np.sqrt(_variance(n, fooled, joint) / np.maximum(n, 1))
    # 0 / 0 is no spread at all, dealt with below; a share of 0 has no relative error either.
    relative = np.divide(error, p, out=np.full_like(p, np.nan), where=p > 0)
    reach = NormalDist().inv_cdf((1 + level) / 2) * relative
    unseen = 1 - ((1 - level) / 2) ** (1 / np.maximum(n, 1))
    flat = error == 0
    with np.errstate(divide="ignore"):
        centre = np.log(100 * p)
        low = np.where(flat, np.log(100 * p * (1 - unseen)), centre - reach)
        high = np.where(flat, np.log(100 * (p + (1 - p) * unseen)), centre + reach)
    bounds = np.log(floor), np.log(100.0)
    return Sat(np.clip(centre, *bounds), np.clip(low, *bounds), np.clip(high, *bounds), relative, n)


def _variance(n: Counts, fooled: Counts, both: Counts | None) -> Floats:
    """Variance of (a + b) / 2 over the n images of each pair, for its two indicators a and b.

    In whole numbers up to the division, so that no spread is exactly 0.
    """
    spread = fooled * (n - fooled)
    covariance = np.diag(np.diagonal(spread)) if both is None else n * both - fooled * fooled.T
    return _share(spread + spread.T + 2 * covariance, 4 * n**2)


def _share(part: Counts, whole: Counts) -> Floats:
    return np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=whole > 0)


def _check_outcomes(correct: NDArray, predicted: NDArray, labels: NDArray) -> None:
    if correct.ndim != 2 or correct.dtype != bool:
        raise BadInput(
            f"the table of correct classifications has shape {correct.shape} and type {correct.dtype}; it must be "
            "(model, image) and bool."
        )
    m, images = correct.shape
    if predicted.shape != (m, m, images):
        raise BadInput(
            f"the predictions on adversarial images have shape {predicted.shape}; for {m} models and {images} "
            f"images it must be {(m, m, images)}: source, target, image."
        )
    if labels.shape != (images,):
        raise BadInput(f"the labels have shape {labels.shape}; for {images} images it must be {(images,)}.")


def _check_counts(n: NDArray, fooled: NDArray, both: NDArray | None) -> None:
    if n.ndim != 2 or n.shape[0] != n.shape[1]:
        raise BadInput(f"the counts of common images have shape {n.shape}; it must be (model, model).")
    if not np.array_equal(n, n.T) or (n < 0).any():
        raise BadInput(
            "the counts of common images must be 0 or more and the same in both directions of a pair."
        )
    if fooled.shape != n.shape or (fooled < 0).any() or (fooled > n).any():
        raise BadInput(
            f"the counts of fooled images must have shape {n.shape} and lie between 0 and the common ones."
        )
    if both is None:
        return
    if both.shape != n.shape or not np.array_equal(both, both.T):
        raise BadInput(
            f"the counts of images fooled in both directions must have shape {n.shape} and be the same in both."
        )
    least = np.minimum(fooled, fooled.T)
    if (both > least).any() or (both < np.maximum(fooled + fooled.T - n, 0)).any():
        raise BadInput(
            "the counts of images fooled in both directions do not fit the counts fooled in each: they can be no "
            "more than either, nor leave more than the common images fooled."
        )
