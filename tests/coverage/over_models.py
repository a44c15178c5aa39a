"""Coverage of the bootstrap over models of means over pairs of models, and of differences of such means."""

from collections.abc import Iterable
from itertools import product

import numpy as np
import pandas as pd
from intervals import row
from kindred.analyses import bootstrap

MODELS = (6, 10, 20, 30)
REPLICATIONS = 500
DRAWS = 2000
# Standard deviations of what a model brings to all its pairs and of what is peculiar to a pair.
EFFECTS = {"models": (1.0, 0.25), "equal": (1.0, 1.0), "pairs": (0.25, 1.0)}
SHAPES = ("Gaussian", "skewed")
MEAN, KINDS, FAMILIES = "mean", "robust less standard", "same less different architecture"
MIDDLE = 3.0


def values(m: int, effects: str, shape: str, families: np.ndarray | None, rng: np.random.Generator) -> np.ndarray:
    """Similarities (m, m) of m models: MIDDLE + a_i + a_j + e_ij, and in an architecture one value more for its pairs.

    That value has mean 1 and the standard deviation of the effects of models.
    """
    size, noise = EFFECTS[effects]

    def draw(count: int) -> np.ndarray:
        return rng.standard_normal(count) if shape == "Gaussian" else rng.exponential(size=count) - 1

    own, pairs = size * draw(m), np.zeros((m, m))
    pairs[np.triu_indices(m, 1)] = noise * draw(m * (m - 1) // 2)
    found = MIDDLE + own[:, None] + own + pairs + pairs.T
    if families is not None:
        bonus = 1 + size * draw(int(families.max()) + 1)
        found = found + np.where(families[:, None] == families, bonus[families][:, None], 0.0)
    return found


def estimate(statistic: str, m: int, effects: str, shape: str, seed: int) -> tuple[float, float, float]:
    """Value and bounds of one statistic in one sample of models."""
    rng, halves, every = np.random.default_rng(seed), np.arange(m) % 2 == 0, np.ones((m, m), bool)
    if statistic == MEAN:
        one = bootstrap.mean(values(m, effects, shape, None, rng), every, draws=DRAWS, seed=seed)
    elif statistic == KINDS:
        robust, standard = (side[:, None] & side for side in (halves, ~halves))
        one = bootstrap.difference(values(m, effects, shape, None, rng), robust, standard, draws=DRAWS, seed=seed)
    else:
        families = np.arange(m) % max(2, m // 3)
        same = families[:, None] == families
        one = bootstrap.difference(values(m, effects, shape, families, rng), same, ~same, draws=DRAWS, seed=seed)
    return one.value, one.low, one.high


def intervals_over_models(
    effort: float = 1.0,
    models: Iterable[int] = MODELS,
    statistics: Iterable[str] = (MEAN, KINDS, FAMILIES),
    effects: Iterable[str] = EFFECTS,
    shapes: Iterable[str] = SHAPES,
) -> pd.DataFrame:
    """A row for each statistic, population and number of models."""
    rows = []
    truths = {MEAN: MIDDLE, KINDS: 0.0, FAMILIES: 1.0}
    for statistic, dominate, shape, m in product(statistics, effects, shapes, models):
        seeds = range(max(20, round(effort * REPLICATIONS)))
        found = [estimate(statistic, m, dominate, shape, seed) for seed in seeds]
        given = {"statistic": statistic, "effects": dominate, "population": shape, "models": str(m)}
        rows.append({**given, **row(*np.transpose(found), truths[statistic])})
    return pd.DataFrame(rows)
