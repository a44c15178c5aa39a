"""Coverage of Wilson intervals of shares: accuracy, transfer rates, agreement of stitched models. Exact."""

from typing import Any

import numpy as np
import pandas as pd
from kindred.similarity.significance import wilson
from scipy import optimize, stats

SIZES = (50, 100, 500)
RATES = (0.01, 0.02, 0.05, 0.1, 0.3, 0.5, 0.7, 0.9, 0.95, 0.98, 0.99)
CLASSES = 10


def rates_of_classes(rate: float, spread: float) -> np.ndarray:
    """Rates (CLASSES,) of this mean, normal quantiles in probit units apart by `spread`."""
    places = spread * stats.norm.ppf((np.arange(CLASSES) + 0.5) / CLASSES)
    level = optimize.brentq(lambda one: stats.norm.cdf(one + places).mean() - rate, -20, 20)
    return stats.norm.cdf(level + places)


def counts(n: int, rates: np.ndarray) -> np.ndarray:
    """Probabilities (n + 1,) of counts among n images, as many of each class, whose rates these are."""
    found = np.ones(1)
    for rate in rates:
        found = np.convolve(found, stats.binom.pmf(np.arange(n // len(rates) + 1), n // len(rates), rate))
    return found


def exact(n: int, probability: np.ndarray, rate: float) -> dict[str, Any]:
    """The columns of `intervals.row` from the probabilities (n + 1,) of all counts."""
    count = np.arange(n + 1)
    low, high = wilson(count, n)
    return {
        "truth": rate,
        "bias": float(probability @ (count / n) - rate),
        "coverage": float(probability[(low <= rate) & (rate <= high)].sum()),
        "error": 0.0,
        "above": float(probability[low > rate].sum()),
        "below": float(probability[high < rate].sum()),
        "width": float(probability @ (high - low)),
        "none": 0.0,
        "replications": "exact",
    }


def wilson_intervals(effort: float = 1.0) -> pd.DataFrame:
    """A row for each number of images, choice and rate; the effort is the same for all."""
    rows = []
    for n in SIZES:
        for choice in ("random", "balanced"):
            for rate in RATES:
                rates = rates_of_classes(rate, 1.0) if choice == "balanced" else np.array([rate])
                rows.append({"choice": choice, "n": n, **exact(n, counts(n, rates), rate)})
    return pd.DataFrame(rows)
