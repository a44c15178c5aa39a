"""Correlations and means over pairs or larger sets of models, with intervals that resample models.

Sets share models, so they are no independent observations. Each draw takes as many models as there are, with
replacement; a set then weighs the product of how often each of its members was drawn, the number of ways to pick it
from the draw. Percentiles of few models are too narrow and are taken further out (Hesterberg 2015, section 4.4.4).
"""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

Floats = NDArray[np.float64]
Sets = NDArray[np.int64]
Statistic = Callable[[Floats], Floats]  # of weights (draw, observation), not negative: a value for each draw

LEVEL = 0.95
FEWEST = 4  # models, and observations, below which there is no interval
MOST_UNDEFINED = 0.1  # share of draws without a value above which there is none either
ROUNDING = 1e-12  # variance, of values with a variance of 1, below which nothing varies
BLOCK = 2**22  # weights held at once


def of_all(statistic: Statistic, n: int) -> float:
    """The statistic of n observations, each counted once."""
    return float(statistic(np.ones((1, n)))[0]) if n else float("nan")


def pearson(x: ArrayLike, y: ArrayLike) -> float:
    """Pearson's correlation of x and y (n,), each observation counted once."""
    return of_all(correlation(x, y), np.size(x))


def mean(x: ArrayLike) -> Statistic:
    """The mean of x (n,)."""
    values = np.asarray(x, dtype=np.float64)
    return lambda weights: _divided(weights @ values, weights.sum(axis=1))


def difference(x: ArrayLike, chosen: ArrayLike) -> Statistic:
    """The mean of the chosen (n,) of x (n,) minus the mean of the others; NaN where one of the two is empty."""
    values, first = np.asarray(x, dtype=np.float64), np.asarray(chosen, dtype=bool)
    inside, outside = mean(values[first]), mean(values[~first])
    return lambda weights: inside(weights[:, first]) - outside(weights[:, ~first])


def correlation(x: ArrayLike, y: ArrayLike) -> Statistic:
    """Pearson's correlation of x and y (n,); NaN where one of them does not vary."""
    x, y = _standardised(x), _standardised(y)
    return lambda weights: _weighted_correlation(x, y, weights)


def partial_correlation(x: ArrayLike, y: ArrayLike, control: ArrayLike) -> Statistic:
    """Correlation of what is left of x and of y (n,) after the least-squares fit of each on `control` (n,).

    NaN where nothing is left.
    """
    a, b, c = (_standardised(values) for values in (x, y, control))

    def statistic(weights: Floats) -> Floats:
        ab, ac, bc = (_weighted_correlation(*two, weights) for two in ((a, b), (a, c), (b, c)))
        left = (1 - ac**2) * (1 - bc**2)
        return np.where(left > ROUNDING, _divided(ab - ac * bc, np.sqrt(np.maximum(left, 0))), np.nan)

    return statistic


def rank_correlation(x: ArrayLike, y: ArrayLike) -> Statistic:
    """Spearman's correlation of x and y (n,), ties by their mean rank; ranks are taken anew in each draw."""
    ranks = _weighted_ranks(x), _weighted_ranks(y)

    def statistic(weights: Floats) -> Floats:
        found = [
            _weighted_correlation(_standardised(a), _standardised(b), row[None])[0]
            for a, b, row in zip(ranks[0](weights), ranks[1](weights), weights, strict=True)
        ]
        return np.array(found)

    return statistic


def interval(statistic: Statistic, sets: Sets, models: int, draws: int, seed: int) -> tuple[float, float]:
    """Bounds of the 95 % bootstrap interval of a statistic over sets (set, member) of so many models.

    NaN for fewer than FEWEST models or sets, and where more than MOST_UNDEFINED of the draws have no value.
    """
    if len(sets) < FEWEST or models < FEWEST:
        return float("nan"), float("nan")
    rng = np.random.default_rng(seed)
    times = rng.multinomial(models, np.full(models, 1 / models), size=draws).astype(np.float64)
    step = max(1, BLOCK // len(sets))
    edges = [*range(0, draws, step), draws]
    found = np.concatenate([statistic(times[a:b][:, sets].prod(axis=2)) for a, b in pairwise(edges)])
    defined = found[np.isfinite(found)]
    if len(defined) < (1 - MOST_UNDEFINED) * draws:
        return float("nan"), float("nan")
    tail = expanded_tail(models)
    low, high = np.quantile(defined, [tail, 1 - tail])
    return float(low), float(high)


def expanded_tail(units: int) -> float:
    """The share left out at each end of the bootstrap distribution of so many resampled units, 0.025 for very many."""
    return float(stats.norm.cdf(np.sqrt(units / (units - 1)) * stats.t.ppf((1 - LEVEL) / 2, units - 1)))


def _standardised(values: ArrayLike) -> Floats:
    """Values (n,) with mean 0 and variance 1, or zeros where they do not vary."""
    values = np.asarray(values, dtype=np.float64)
    if not len(values):
        return values
    centred, spread = values - values.mean(), values.std()
    return centred / spread if spread**2 > ROUNDING * np.abs(values).max() ** 2 else np.zeros_like(values)


def _weighted_correlation(x: Floats, y: Floats, weights: Floats) -> Floats:
    total = weights.sum(axis=1)
    over_x, over_y, over_xx, over_yy, over_xy = (
        _divided(weights @ values, total) for values in (x, y, x * x, y * y, x * y)
    )
    spread_x, spread_y = over_xx - over_x**2, over_yy - over_y**2
    varies = (spread_x > ROUNDING) & (spread_y > ROUNDING)
    product = np.where(varies, spread_x * spread_y, np.nan)
    return np.clip((over_xy - over_x * over_y) / np.sqrt(product), -1.0, 1.0)


def _weighted_ranks(values: ArrayLike) -> Callable[[Floats], Floats]:
    """Mean ranks (draw, n) of values of which each stands as often as it weighs, up to a constant."""
    _, inverse = np.unique(np.asarray(values, dtype=np.float64), return_inverse=True)
    order = np.argsort(inverse, kind="stable")
    starts = np.flatnonzero(np.diff(inverse[order], prepend=-1))

    def ranks(weights: Floats) -> Floats:
        tied = np.add.reduceat(weights[:, order], starts, axis=1)
        return (np.cumsum(tied, axis=1) - tied / 2)[:, inverse]

    return ranks


def _divided(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.full(np.shape(part), np.nan), where=whole > 0)
