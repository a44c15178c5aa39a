"""Statistics of the claims of Hwang et al. (2024); each is defined in docs/claims.md."""

import numpy as np
import pandas as pd

from kindred.analyses import jackknife
from kindred.claims.statistics import Statistic, Tables, over_models, p_of, square


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
    """Partial correlation of SAT with the gain of ensembles of two over their members, their headroom held fixed."""
    table = tables["ensemble_gains"]
    rows = table[(table["over"] == "members") & (table["statistic"] == "partial correlation")]
    return _row(rows[rows["size"] == rows["size"].min()], "models", "ensembles of the smallest size")


def distant_teachers(tables: Tables) -> Statistic | None:
    """Correlation over students and teachers of SAT with the gain by soft labels, or by hard ones alone."""
    table = tables["distillation_summary"]
    method = "soft" if (table["method"] == "soft").any() else "hard"
    return _row(table[table["method"] == method], "teachers", f"{method} labels; models are teachers")


def components(tables: Tables) -> Statistic | None:
    """R2 over pairs with models that the regression has not seen."""
    table = tables["regression"].set_index("held_out")
    note = "models resampled, predictions as they are"
    if "architectures" in table.index and np.isfinite(table.loc["architectures", "value"]):
        note += f"; R2 with whole architectures held out: {table.loc['architectures', 'value']:.2f}"
    return _row(table.loc[["models"]], "models", note)


def _row(rows: pd.DataFrame, units: str, caveat: str) -> Statistic | None:
    """A row of another table with its interval, which resampled as many `units`; None without a value."""
    rows = rows.dropna(subset=["value"])
    if rows.empty:
        return None
    one = rows.iloc[0]
    count = int(one[units])
    low, high = (float(one[name]) for name in ("low", "high"))
    return Statistic(float(one["value"]), low, high, p_of(one["value"], low, high, count), count, None, caveat)
