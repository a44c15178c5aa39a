"""Intervals of means over pairs of models, by resampling models: pairs that share a model are not independent.

Models, or clusters of them such as architectures, are drawn with replacement, as many as there are. A pair then weighs
the product of how often its two models were drawn; a model is never paired with a copy of itself. Few units make
percentiles too narrow, so they are taken further out, at the level Phi(-sqrt(u / (u - 1)) t) for u units with t the
quantile of Student's distribution with u - 1 degrees of freedom (Hesterberg 2015, "expanded percentile").

Draws of models exaggerate what is peculiar to single pairs, up to threefold in variance (Owen 2007), so intervals are
too wide where pairs differ by more than their models do, and of differences in which the models cancel.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Draws = NDArray[np.int64]
LEVEL = 0.95
DRAWS = 4000
FEWEST = 3  # units below which there is no interval
MOST_LEFT_OUT = 0.1  # share of draws without a pair, above which those that have one say little


@dataclass(frozen=True)
class Estimate:
    """A mean over pairs, or a difference of two: its value and bounds, and what it rests on.

    `models` that belong to a counted pair, `units` that were resampled among them, `pairs` (a, b) and (b, a) being one.
    `left_out` is the share of draws in which a group had no pair. All of value, low and high are NaN without a pair,
    the bounds alone where fewer than FEWEST units were there to resample, or more than MOST_LEFT_OUT of draws without.
    """

    value: float
    low: float
    high: float
    models: int
    units: int
    pairs: int
    left_out: float


def mean(
    values: Floats,
    group: Flags,
    units: ArrayLike | None = None,
    *,
    draws: int = DRAWS,
    seed: int = 0,
    level: float = LEVEL,
) -> Estimate:
    """The mean over the pairs of a group, with its interval.

    values: (m, m), symmetric or directed, or with one half alone; NaN is left out, and so is the diagonal. group: (m,
    m), the pairs that count. units: (m,), labels of what is resampled; None for every model by itself.
    """
    return _estimate(values, [group], units, draws, seed, level)


def difference(
    values: Floats,
    first: Flags,
    second: Flags,
    units: ArrayLike | None = None,
    *,
    draws: int = DRAWS,
    seed: int = 0,
    level: float = LEVEL,
) -> Estimate:
    """The mean over the pairs of one group less that of another, both in the same draws; arguments as for `mean`."""
    return _estimate(values, [first, second], units, draws, seed, level)


def _estimate(
    values: Floats, groups: list[Flags], units: ArrayLike | None, draws: int, seed: int, level: float
) -> Estimate:
    m = len(values)
    masks = [np.asarray(group, bool) & np.isfinite(values) & ~np.eye(m, dtype=bool) for group in groups]
    either = np.any(masks, axis=0)
    either |= either.T
    takes_part = either.any(axis=1)
    labels = np.arange(m) if units is None else np.unique(np.asarray(units), return_inverse=True)[1].reshape(-1)
    _, labels = np.unique(labels[takes_part], return_inverse=True)
    count = int(labels.max()) + 1 if len(labels) else 0
    held = {"models": int(takes_part.sum()), "units": count, "pairs": int(np.triu(either).sum())}
    if not all(mask.any() for mask in masks):
        return Estimate(np.nan, np.nan, np.nan, **held, left_out=1.0)
    masks = [mask[np.ix_(takes_part, takes_part)] for mask in masks]
    kept = np.nan_to_num(values[np.ix_(takes_part, takes_part)])
    value = _means(np.ones((1, len(kept))), kept, masks)[0]
    if count < FEWEST:
        return Estimate(float(value), np.nan, np.nan, **held, left_out=0.0)
    drawn = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), draws)
    found = _means(drawn[:, labels].astype(np.float64), kept, masks)
    defined = found[np.isfinite(found)]
    tail = stats.norm.cdf(np.sqrt(count / (count - 1)) * stats.t.ppf((1 - level) / 2, count - 1))
    left_out = 1 - len(defined) / draws
    low, high = np.quantile(defined, [tail, 1 - tail]) if left_out <= MOST_LEFT_OUT else (np.nan, np.nan)
    return Estimate(float(value), float(low), float(high), **held, left_out=left_out)


def _means(weights: Floats, values: Floats, masks: list[Flags]) -> Floats:
    """(draw,) the weighted mean over pairs of a mask, less that of the second if there is one; NaN without pairs."""
    found = []
    for mask in masks:
        total = (weights @ mask.astype(np.float64) * weights).sum(axis=1)
        summed = (weights @ np.where(mask, values, 0.0) * weights).sum(axis=1)
        found.append(np.divide(summed, total, out=np.full_like(total, np.nan), where=total > 0))
    return found[0] - found[1] if len(found) > 1 else found[0]
