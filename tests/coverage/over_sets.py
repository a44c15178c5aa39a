"""Coverage of the bootstrap over models of correlations and means over pairs of models."""

from collections.abc import Iterable
from itertools import combinations, product

import numpy as np
import pandas as pd
from intervals import row
from kindred.analyses import correlations

MODELS = (6, 10, 20, 30)
REPLICATIONS = 500
DRAWS = 1000
# Standard deviations of what a model brings to all its pairs and of what is peculiar to a pair.
EFFECTS = {"models": (1.0, 0.25), "equal": (1.0, 1.0), "pairs": (0.25, 1.0)}
TRUTHS = (0.0, 0.3, 0.9)
# Correlation of the quantity that is held fixed with each of the two others.
CONTROL = 0.5


def quantities(matrix: np.ndarray, effects: str, m: int, sets: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Gaussian quantities (3, pairs) with this correlation matrix, of models and of pairs and so of their sums."""
    size, noise = EFFECTS[effects]
    half = np.linalg.cholesky(matrix)
    own, pairs = half @ rng.standard_normal((3, m)), half @ rng.standard_normal((3, len(sets)))
    return size * own[:, sets].sum(axis=2) + noise * pairs


def intervals_of_correlations(
    effort: float = 1.0,
    models: Iterable[int] = MODELS,
    effects: Iterable[str] = EFFECTS,
    truths: Iterable[float] = TRUTHS,
) -> pd.DataFrame:
    """A row for each statistic, population, truth and number of models."""
    rows = []
    for dominate, truth, m in product(effects, truths, models):
        sets = np.array(list(combinations(range(m), 2)))
        for name in ("correlation", "partial correlation"):
            # What is held fixed raises a plain correlation by its own share.
            plain = truth * (1 - CONTROL**2) + CONTROL**2 if name == "partial correlation" else truth
            control = CONTROL if name == "partial correlation" else 0.0
            matrix = np.array([[1, plain, control], [plain, 1, control], [control, control, 1]])
            found = []
            for seed in range(max(20, round(effort * REPLICATIONS))):
                x, y, held = quantities(matrix, dominate, m, sets, np.random.default_rng(seed))
                partial = name == "partial correlation"
                statistic = correlations.partial_correlation(x, y, held) if partial else correlations.correlation(x, y)
                bounds = correlations.interval(statistic, sets, m, DRAWS, seed)
                found.append((correlations.of_all(statistic, len(sets)), *bounds))
            given = {"statistic": name, "effects": dominate, "models": str(m)}
            rows.append({**given, **row(*np.transpose(found), truth)})
    return pd.DataFrame(rows)
