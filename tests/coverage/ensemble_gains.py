"""Coverage of the paired interval (Bonett and Price) of the gain of an ensemble of two."""

from collections.abc import Iterable
from itertools import product

import numpy as np
import pandas as pd
from hardness import CLASSES, hardness
from intervals import row
from kindred.analyses import ensembles
from scipy import stats

SIZES = (50, 100, 500)
REPLICATIONS = 4000
ACCURACIES = (0.5, 0.8, 0.97)
# Correlation of the members' margins: of models that err apart, and alike.
MARGINS = {"apart": 0.3, "alike": 0.95}
OVER = {"members": "gain", "best member": "over_best"}


def truth(accuracy: float, correlation: float) -> float:
    """The gain: accuracy of the mean of two Gaussian margins with this correlation, less that of one."""
    return float(stats.norm.cdf(stats.norm.ppf(accuracy) / np.sqrt((1 + correlation) / 2)) - accuracy)


def margins(accuracy: float, correlation: float, n: int, choice: str, rng: np.random.Generator) -> np.ndarray:
    """Margins (2, n) of two members, right where they are positive; what they share is how hard an image is."""
    shared = np.sqrt(correlation) * hardness(n, choice, rng)
    return stats.norm.ppf(accuracy) + shared + np.sqrt(1 - correlation) * rng.standard_normal((2, n))


def gain_intervals(
    effort: float = 1.0, sizes: Iterable[int] = SIZES, choices: Iterable[str] = ("random", "balanced")
) -> pd.DataFrame:
    """A row for each number of images, choice, accuracy, correlation of members and gain, over members or the best."""
    rows = []
    for n, choice, accuracy, (name, correlation) in product(sizes, choices, ACCURACIES, MARGINS.items()):
        rng, replications = np.random.default_rng(n), max(20, round(effort * REPLICATIONS))
        first = ensembles.halves(np.arange(n) % CLASSES)
        # Each sample is a set of two models of its own.
        samples = np.stack([margins(accuracy, correlation, n, choice, rng) for _ in range(replications)])
        pairs = np.arange(2 * replications).reshape(-1, 2)
        table = ensembles.gains(samples.mean(axis=1) > 0, (samples > 0).reshape(-1, n), pairs, first)
        for over, column in OVER.items():
            given = {"over": over, "choice": choice, "accuracy": f"{accuracy:g}", "members err": name, "n": n}
            columns = table[column], table[f"{column}_low"], table[f"{column}_high"]
            rows.append({**given, **row(*columns, truth(accuracy, correlation))})
    return pd.DataFrame(rows)
