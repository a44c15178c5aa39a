"""Coverage of the interval of a mean cosine of input gradients over images, Student's t."""

from collections.abc import Iterable
from itertools import product

import numpy as np
import pandas as pd
from hardness import ranks
from intervals import row
from kindred.tables.comparisons import mean_cosines
from scipy import stats

SIZES = (50, 100, 500)
TRUTHS = (0.0, 0.3, 0.9)
REPLICATIONS = 4000
POPULATIONS = ("bell-shaped", "few images count")


def cosines(population: str, mean: float, n: int, choice: str, rng: np.random.Generator) -> np.ndarray:
    """Cosines (n,) of this mean; classes are ordered by a normal quantity that makes half of each cosine.

    Bell-shaped: a beta distribution on -1 to 1 with parameters that add up to 20. Few images count: one image in ten
    lies far from the others, towards 1, or where the mean is near 1 towards 0.
    """
    score = np.sqrt(0.5) * (ranks(n, choice, rng) + rng.standard_normal(n))
    place = stats.norm.cdf(score)
    if population == POPULATIONS[0]:
        middle = (1 + mean) / 2
        return 2 * stats.beta.ppf(place, 20 * middle, 20 * (1 - middle)) - 1
    far = mean + (0.9 * (1 - mean) if mean < 0.5 else -0.9 * mean)
    near = (mean - 0.1 * far) / 0.9
    rare = place > 0.9
    spread = 0.1 * (1 - abs(near))
    return np.where(rare, far, near + spread * stats.norm.ppf(np.clip(place / 0.9, 1e-6, 1 - 1e-6)))


def mean_intervals(
    effort: float = 1.0, sizes: Iterable[int] = SIZES, choices: Iterable[str] = ("random", "balanced")
) -> pd.DataFrame:
    """A row for each number of images, choice, population and mean."""
    rows = []
    for n, choice, population, truth in product(sizes, choices, POPULATIONS, TRUTHS):
        rng = np.random.default_rng(n)
        samples = [cosines(population, truth, n, choice, rng) for _ in range(max(20, round(effort * REPLICATIONS)))]
        found = mean_cosines(np.array(samples))
        given = {"choice": choice, "population": population, "n": n}
        rows.append({**given, **row(found["value"], found["low"], found["high"], truth)})
    return pd.DataFrame(rows)
