"""Adversarial transfer: how often images made to fool one model fool another; the similarity SAT.

Hwang et al. (ECCV 2024): with X the images that both models classify correctly, x_A the adversarial version
of x made on model A and y its label,

  SAT(A, B) = ln max(eps_s, 100 / (2 |X|) sum over X of [A(x_B) != y] + [B(x_A) != y]),

the natural logarithm of a percentage, at most ln 100 = 4.605. The two directions share their images, so their
outcomes are not independent; the intervals account for this where joint outcomes are known.
"""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray
from scipy import special

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]

FLOOR = 0.01
LEVEL = 0.95


@dataclass(frozen=True)
class Transfer:
    """Counts for every ordered pair of models, (m, m) int64, rows being sources and columns targets.

    `n`: images that both models classify correctly. `fooled`: those whose version made on the source is
    misclassified by the target; on the diagonal the white-box successes. `both`: fooled in both directions.
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


def transfer_counts(correct: NDArray[np.bool_], predicted: NDArray[np.integer], labels: Counts) -> Transfer:
    """Counts of fooled images for every ordered pair of m models over N images.

    correct: (m, N), whether the model classifies the clean image correctly; predicted: (source, target, N), the
    target's class for the image attacked on the source; labels: (N,).
    """
    m = len(correct)
    n, fooled, both = (np.zeros((m, m), np.int64) for _ in range(3))
    # Source by source: a mask for all pairs at once would be as large as the predictions.
    for source in range(m):
        shared = correct[source] & correct
        forward = shared & (predicted[source] != labels)
        backward = predicted[:, source] != labels
        n[source] = shared.sum(axis=1)
        fooled[source] = forward.sum(axis=1)
        both[source] = (forward & backward).sum(axis=1)
    return Transfer(n, fooled, both)


def sat_from_counts(counts: Transfer, floor: float = FLOOR) -> Sat:
    """SAT of every pair of models with its 95 % interval.

    With a and b the indicators of the two directions for an image, p is the mean of (a + b) / 2 over the n common
    images and its variance that of (a + b) / 2 divided by n. The interval is that of the logarithm of the odds, p / (1
    - p), by the delta method: for rare p that of the logarithm of p, which near 1 would be too narrow. Where no spread
    was observed (none or all fooled, for instance) it would have no width; p may then be off either way by the largest
    probability, at this level, of an event not observed in n images, 1 - (alpha / 2)^(1 / n).

    `floor` is eps_s, in percent: SAT and its bounds are at least ln(floor), and at most ln(100).
    """
    n, fooled = counts.n, counts.fooled
    p = _share(fooled + fooled.T, 2 * n)
    error = np.sqrt(_variance(counts) / np.maximum(n, 1))
    # Without spread the interval comes from `unseen` below; a share of 0 has no relative error.
    relative = np.divide(error, p, out=np.full_like(p, np.nan), where=p > 0)
    unseen = 1 - ((1 - LEVEL) / 2) ** (1 / np.maximum(n, 1))
    flat = error == 0
    odds, inner = np.full_like(p, np.nan), (p > 0) & (p < 1)
    odds[inner] = special.logit(p[inner])
    half_width = NormalDist().inv_cdf((1 + LEVEL) / 2) * np.divide(relative, 1 - p, where=inner, out=odds * 0)
    with np.errstate(divide="ignore"):
        centre = np.log(100 * p)
        low = np.where(flat, np.log(100 * p * (1 - unseen)), np.log(100) + special.log_expit(odds - half_width))
        high = np.where(flat, np.log(100 * (p + (1 - p) * unseen)), np.log(100) + special.log_expit(odds + half_width))
    bounds = np.log(floor), np.log(100.0)
    return Sat(np.clip(centre, *bounds), np.clip(low, *bounds), np.clip(high, *bounds), relative, n)


def resampled_sat(
    correct: NDArray[np.bool_],
    predicted: NDArray[np.integer],
    labels: Counts,
    draws: int,
    seed: int,
    floor: float = FLOOR,
) -> Floats:
    """SAT (draws, m, m) of images drawn with replacement, as many as there are; arguments as for `transfer_counts`.

    NaN for pairs without common images in a draw.
    """
    m, images = correct.shape
    times = np.random.default_rng(seed).multinomial(images, np.full(images, 1 / images), size=draws)
    n, fooled = (np.zeros((draws, m, m)) for _ in range(2))
    for source in range(m):
        shared = correct[source] & correct
        n[:, source] = times @ shared.T.astype(np.float64)
        fooled[:, source] = times @ (shared & (predicted[source] != labels)).T.astype(np.float64)
    with np.errstate(divide="ignore"):
        return np.clip(np.log(100 * _share(fooled + fooled.transpose(0, 2, 1), 2 * n)), np.log(floor), np.log(100.0))


def _variance(counts: Transfer) -> Floats:
    """Variance over n images of (a + b) / 2, a and b the indicators of a pair's two directions.

    In integers up to the division, so that no spread is exactly 0.
    """
    n, fooled = counts.n, counts.fooled
    spread = fooled * (n - fooled)
    covariance = n * counts.both - fooled * fooled.T
    return _share(spread + spread.T + 2 * covariance, 4 * n**2)


def _share(part: Counts | Floats, whole: Counts | Floats) -> Floats:
    return np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=whole > 0)
