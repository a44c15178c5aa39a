"""Coverage of the jackknife over models of means over pairs of models, and of differences of such means."""

from collections.abc import Iterable
from itertools import product

import numpy as np
import pandas as pd
from intervals import row
from kindred.analyses import jackknife

MODELS = (6, 10, 20, 30)
REPLICATIONS = 2000
# Standard deviations of what a model brings to all its pairs, of what is peculiar to a pair, and of what an
# architecture brings to all pairs of its models.
EFFECTS = {
    "models": (1.0, 0.25, 0.0),
    "equal": (1.0, 1.0, 0.0),
    "pairs": (0.25, 1.0, 0.0),
    "architectures": (0.25, 0.25, 1.0),
}
GAUSSIAN, SKEWED = "Gaussian", "skewed"
MEAN, KINDS, FAMILIES = "mean", "robust less standard", "same less different architecture"
MIDDLE, BONUS = 3.0, (1.0, 0.5)  # of any pair; mean and standard deviation of what pairs of one architecture have more
SHARING = 3  # models of an architecture


def values(m: int, effects: str, shape: str, rng: np.random.Generator, alike: bool = False) -> np.ndarray:
    """Similarities (m, m) of m models: MIDDLE + a_i + a_j + e_ij, and where `alike` BONUS in an architecture."""
    size, noise, common = EFFECTS[effects]
    family = np.arange(m) // SHARING

    def draw(count: int) -> np.ndarray:
        return rng.standard_normal(count) if shape == GAUSSIAN else rng.exponential(size=count) - 1

    own, pairs = size * draw(m) + common * draw(m)[family], np.zeros((m, m))
    pairs[np.triu_indices(m, 1)] = noise * draw(m * (m - 1) // 2)
    found = MIDDLE + own[:, None] + own + pairs + pairs.T
    if alike:
        more = BONUS[0] + BONUS[1] * draw(m)[family]
        found = found + np.where(family[:, None] == family, more, 0.0)
    return found


def estimate(statistic: str, m: int, effects: str, shape: str, left_out: str, seed: int) -> tuple[float, float, float]:
    """Value and bounds of one statistic in one sample; left_out: models, or architectures."""
    drawn = values(m, effects, shape, np.random.default_rng(seed), alike=statistic == FAMILIES)
    family = np.arange(m) // SHARING
    units = family if left_out == "architectures" else None
    if statistic == MEAN:
        one = jackknife.mean(drawn, np.ones((m, m), bool), units)
    elif statistic == KINDS:
        robust = np.arange(m) % 2 == 0
        one = jackknife.difference(drawn, *(side[:, None] & side for side in (robust, ~robust)), units)
    else:
        same = family[:, None] == family
        one = jackknife.difference(drawn, same, ~same, units)
    return one.value, one.low, one.high


Case = tuple[str, str, str, str]  # statistic, effects, population, what is left out
CASES: list[Case] = [
    *((statistic, effects, GAUSSIAN, "models") for statistic in (MEAN, KINDS, FAMILIES) for effects in EFFECTS),
    *((MEAN, effects, SKEWED, "models") for effects in EFFECTS),
    *((statistic, "architectures", GAUSSIAN, "architectures") for statistic in (MEAN, KINDS)),
]


def intervals_over_models(
    effort: float = 1.0, models: Iterable[int] = MODELS, cases: Iterable[Case] = CASES
) -> pd.DataFrame:
    """A row for each case and number of models; Kindred leaves out models."""
    rows = []
    truths = {MEAN: MIDDLE, KINDS: 0.0, FAMILIES: BONUS[0]}
    for (statistic, effects, shape, left_out), m in product(cases, models):
        seeds = range(max(20, round(effort * REPLICATIONS)))
        found = [estimate(statistic, m, effects, shape, left_out, seed) for seed in seeds]
        about = {"statistic": statistic, "effects": effects, "population": shape, "left out": left_out}
        printed = "yes" if left_out == "models" else "no"
        rows.append({**about, "printed": printed, "models": str(m), **row(*np.transpose(found), truths[statistic])})
    return pd.DataFrame(rows)
