"""Statistics of the claims of Hwang et al. (2024); each is defined in docs/claims.md."""

import numpy as np
import pandas as pd

from kindred.analyses import jackknife
from kindred.claims.statistics import Statistic, Tables, over_models, square


def within_architectures(tables: Tables) -> Statistic | None:
    """SAT of pairs of models of one architecture less that of pairs of different ones, by the first attack."""
    models, sat = tables["models"], tables["sat"]
    names = list(models["model"].astype(str))
    attack = sat["attack"].iloc[0]
    values = square(sat[sat["attack"] == attack], "model_a", "model_b", "sat", names, symmetric=True)
    architecture = models["architecture"].astype(str).to_numpy()
    same = architecture[:, None] == architecture
    estimate = jackknife.difference(values, same, ~same)
    if not np.isfinite(estimate.value):
        return None
    return over_models(estimate, None, f"attack: {attack}; {len(set(architecture))} architectures")


def predicts_gain(tables: Tables) -> Statistic | None:
    """Partial correlation of SAT with the gain of ensembles of two, their headroom held fixed."""
    table = tables["ensemble_gains"]
    return _row(table[table["size"] == table["size"].min()], "partial")


def distant_teachers(tables: Tables) -> Statistic | None:
    """Correlation over students and teachers of SAT with the gain by soft labels."""
    return None


def components(tables: Tables) -> Statistic | None:
    """R2 over pairs with models that the regression has not seen."""
    return None


def _row(rows: pd.DataFrame, value: str) -> Statistic | None:
    return None
