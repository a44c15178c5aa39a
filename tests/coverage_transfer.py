"""How often intervals of SAT, of its excess and of means over pairs of models hold the true value, by simulation.

Each function gives a table: what was simulated, `coverage` (the share of intervals that hold the truth), `below` and
`above` (the share that lie wholly below or above it), `undefined` (the share of draws without an interval) and
`trials`; of the bootstrap also `width`, in units of the normal interval with the standard deviation of the estimates.
"""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from kindred.analyses import bootstrap
from kindred.images.shuffled import donors
from kindred.similarity.excess import excess_of_pairs
from kindred.similarity.transfer import sat_from_counts, transfer_counts
from scipy import stats

Intervals = list[tuple[float, float]]


def summary(intervals: Intervals, truth: float, **what: object) -> dict[str, object]:
    low, high = np.array(intervals, dtype=np.float64).T
    known = ~np.isnan(low)
    held = (low <= truth) & (truth <= high)
    shares = {"coverage": held, "below": high < truth, "above": low > truth}
    return {
        **what,
        **{name: float(one[known].mean()) for name, one in shares.items()},
        "undefined": float(1 - known.mean()),
        "trials": len(low),
    }


def outcomes(
    rng: np.random.Generator, n: int, rates: tuple[float, float, float], shuffles: int = 1, hardness: float = 1.0
) -> tuple[np.ndarray, ...]:
    """Two models on n images that both get right: arguments of `excess_of_pairs`.

    rates: the shares fooled by transfer, by perturbations of other images, and by a model's own, of the population.
    Images differ in how hard they are and perturbations in how strong they are, each shared by all outcomes, by a
    factor of `hardness` in probit units.
    """
    image, strength = rng.standard_normal((2, n))

    def wrong(rate: float, giver: np.ndarray) -> np.ndarray:
        spread = hardness * np.sqrt(2)
        level = stats.norm.ppf(rate) * np.sqrt(1 + spread**2)
        return level + hardness * (image + strength[giver]) + rng.standard_normal(n) > 0

    itself, donor = np.arange(n), donors(n, shuffles, int(rng.integers(2**31)))
    predicted = np.array([[wrong(rates[2 if a == b else 0], itself) for b in range(2)] for a in range(2)], dtype=int)
    moved = np.array([[[wrong(rates[1], row) for row in donor] for _ in range(2)] for _ in range(2)], dtype=int)
    return np.ones((2, n), bool), predicted, np.zeros(n, int), moved, donor


def sat_intervals(
    rates: Iterable[float] = (0.02, 0.1, 0.5, 0.9),
    images: Iterable[int] = (100, 500),
    trials: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """The interval of SAT at several rates of transfer."""
    rng, rows = np.random.default_rng(seed), []
    for n in images:
        for rate in rates:
            found: Intervals = []
            for _ in range(trials):
                scores = sat_from_counts(transfer_counts(*outcomes(rng, n, (rate, 0.1, 0.9))[:3]))
                found.append((scores.low[0, 1], scores.high[0, 1]))
            rows.append(summary(found, np.log(100 * rate), statistic="SAT", rate=rate, n=n))
    return pd.DataFrame(rows)


def excess_intervals(
    rates: Iterable[tuple[float, float, float]] = (
        (0.05, 0.02, 0.5),
        (0.1, 0.05, 0.9),
        (0.5, 0.1, 0.9),
        (0.1, 0.1, 0.3),
    ),
    images: Iterable[int] = (100, 500),
    shuffles: Iterable[int] = (1, 3),
    trials: int = 2000,
    seed: int = 1,
) -> pd.DataFrame:
    """The intervals of excess and of the share of the ceiling; rates as for `outcomes`."""
    rng, rows = np.random.default_rng(seed), []
    for n in images:
        for p, q, u in rates:
            for count in shuffles:
                excess: Intervals = []
                share: Intervals = []
                for _ in range(trials):
                    one = excess_of_pairs(*outcomes(rng, n, (p, q, u), count))
                    excess.append((one.excess_low[0, 1], one.excess_high[0, 1]))
                    share.append((one.share_low[0, 1], one.share_high[0, 1]))
                what = {"rate": p, "null": q, "ceiling": u, "shuffles": count, "n": n}
                rows.append(summary(excess, np.log(p / q), statistic="excess", **what))
                rows.append(summary(share, p / u, statistic="share of the ceiling", **what))
    return pd.DataFrame(rows)


def model_bootstrap(
    models: Iterable[int] = (6, 10, 20),
    spread: Iterable[float] = (0.0, 0.5, 1.0),
    trials: int = 1000,
    draws: int = 4000,
    seed: int = 2,
) -> pd.DataFrame:
    """A mean over pairs, and the difference of pairs within and between two halves of the models.

    The value of a pair is a_i + a_j + e_ij, of variances `spread`^2 (a) and 1 (e); the truth is 0 for both.
    """
    rng, rows = np.random.default_rng(seed), []
    for m in models:
        every, half = np.ones((m, m), bool), np.arange(m) % 2
        same = half[:, None] == half
        for size in spread:
            found: dict[str, Intervals] = {"mean": [], "difference": []}
            estimates: dict[str, list[float]] = {name: [] for name in found}
            for trial in range(trials):
                effects, noise = size * rng.standard_normal(m), np.triu(rng.standard_normal((m, m)), 1)
                values = effects[:, None] + effects + noise + noise.T
                for name, one in (
                    ("mean", bootstrap.mean(values, every, draws=draws, seed=trial)),
                    ("difference", bootstrap.difference(values, same, ~same, draws=draws, seed=trial)),
                ):
                    found[name].append((one.low, one.high))
                    estimates[name].append(one.value)
            for name, intervals in found.items():
                width = np.nanmean(np.diff(intervals)) / (2 * 1.96 * np.std(estimates[name]))
                rows.append({**summary(intervals, 0.0, statistic=name, models=m, spread=size), "width": width})
    return pd.DataFrame(rows)
