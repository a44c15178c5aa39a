"""Intervals of means over pairs of models, by leaving models out: pairs that share a model are not independent.

Models, or clusters of them such as architectures, are left out one by one with all their pairs; the spread of what is
left gives the standard error (delete-one jackknife), and Student's t with a degree of freedom less than units the
interval. A bootstrap over models is too narrow where models differ more than single pairs (91 % for ten of them) and
exaggerates what is peculiar to single pairs threefold in variance (Owen 2007), this one twofold (Efron and Stein 1981):
too wide where pairs differ by more than their models do. docs/coverage.md has how often intervals hold the truth.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
LEVEL = 0.95
FEWEST = 3  # units, and pairs of a group, below which there is no interval


@dataclass(frozen=True)
class Estimate:
    """A mean over pairs, or a difference of two: its value and bounds, and what it rests on.

    `models` that belong to a counted pair, `units` that were left out among them, `pairs` (a, b) and (b, a) being one.
    `needed` is how many units a group cannot do without, as it has no other pair. All of value, low and high are NaN
    without a pair, the bounds alone with fewer than FEWEST units or pairs of a group, or where a unit is needed.
    """

    value: float
    low: float
    high: float
    models: int
    units: int
    pairs: int
    needed: int


def mean(
    values: Floats,
    group: Flags,
    units: ArrayLike | None = None,
    *,
    level: float = LEVEL,
) -> Estimate:
    """The mean over the pairs of a group, with its interval.

    values: (m, m), symmetric or directed, or with one half alone; NaN is left out, and so is the diagonal. group: (m,
    m), the pairs that count. units: (m,), labels of what is left out; None for every model by itself.
    """
    return _estimate(values, [group], units, level)


def difference(
    values: Floats,
    first: Flags,
    second: Flags,
    units: ArrayLike | None = None,
    *,
    level: float = LEVEL,
) -> Estimate:
    """The mean over the pairs of one group less that of another, both without the same units; arguments as `mean`."""
    return _estimate(values, [first, second], units, level)


def _estimate(values: Floats, groups: list[Flags], units: ArrayLike | None, level: float) -> Estimate:
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
        return Estimate(np.nan, np.nan, np.nan, **held, needed=count)
    masks = [mask[np.ix_(takes_part, takes_part)] for mask in masks]
    kept = np.nan_to_num(values[np.ix_(takes_part, takes_part)])
    value = float(_means(np.ones((1, len(kept))), kept, masks)[0])
    without = _means((labels != np.arange(count)[:, None]).astype(np.float64), kept, masks)
    needed = int(np.isnan(without).sum())
    fewest = min(int(np.triu(mask | mask.T).sum()) for mask in masks)
    if min(count, fewest) < FEWEST or needed:
        return Estimate(value, np.nan, np.nan, **held, needed=needed)
    return Estimate(value, *bounds(value, without, level), **held, needed=0)


def bounds(value: float, without: Floats, level: float = LEVEL) -> tuple[float, float]:
    """The interval of a value, from what it is without each of the units in turn (unit,)."""
    count = len(without)
    error = np.sqrt((count - 1) / count * np.square(without - without.mean()).sum())
    half = float(stats.t.ppf((1 + level) / 2, count - 1) * error)
    return value - half, value + half


def _means(weights: Floats, values: Floats, masks: list[Flags]) -> Floats:
    """(row,) the weighted mean over pairs of a mask, less that of the second if there is one; NaN without pairs.

    weights: (row, model); a pair weighs their product.
    """
    found = []
    for mask in masks:
        total = (weights @ mask.astype(np.float64) * weights).sum(axis=1)
        summed = (weights @ np.where(mask, values, 0.0) * weights).sum(axis=1)
        found.append(np.divide(summed, total, out=np.full_like(total, np.nan), where=total > 0))
    return found[0] - found[1] if len(found) > 1 else found[0]
