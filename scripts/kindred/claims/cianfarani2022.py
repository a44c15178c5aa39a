"""Statistics of the claims of Cianfarani et al. (2022); each is defined in docs/claims.md."""

import numpy as np
import pandas as pd
from scipy import stats

from kindred.analyses import block_structure, jackknife
from kindred.claims.statistics import Statistic, Tables, groups, one_value, over_architectures, over_models, square
from kindred.similarity.significance import Z95

MEASURE = "cka_debiased"
THIRD = 1 / 3


def long_range(tables: Tables) -> Statistic | None:
    """CKA of layers of the first half with those of the last, robust less standard models."""
    made = groups(tables["models"])
    table = tables["layers"]
    table = table[(table["measure"] == MEASURE) & (table["model_a"] == table["model_b"])]
    if made is None or table.empty:
        return None
    found = {}
    for model, rows in table.groupby("model_a", sort=False):
        order = rows["layer_a"].unique()
        values = rows.pivot(index="layer_a", columns="layer_b", values="value").loc[order, order].to_numpy()
        found[model] = block_structure.summaries(values, np.zeros_like(values), True)["first_vs_last_half"][0]
    return over_architectures(pd.Series(found), made, one_value(table["n"]), f"robust: {made.budget}")


def kept_under_attack(tables: Tables) -> Statistic | None:
    """Mean over layers of CKA of natural with adversarial images of the largest common eps, robust less standard."""
    made = groups(tables["cianfarani/models"])
    table = tables["cianfarani/benign"]
    if made is None:
        return None
    norm, eps = made.budget.split()
    table = table[(table["norm"] == norm) & np.isclose(table["eps"], float(eps))]
    if table.empty:
        return None
    values = table[table["attack"] == table["attack"].iloc[0]].groupby("model")["value"].mean()
    note = f"attack: {table['attack'].iloc[0]}, the budget of training"
    return over_architectures(values, made, one_value(table["n"]), note)


def overfitting_is_deep(tables: Tables) -> Statistic | None:
    """CKA of the epoch of best held-out accuracy under attack with the last one, first less last third of layers.

    Mean over models with an adversary. The interval is over images, each model's bound of its error being as in
    `block_structure.mean`.
    """
    models, epochs, curves = (tables[f"cianfarani/{name}"] for name in ("models", "epochs", "curves"))
    robust = set(models.loc[models["eps"] > 0, "model"])
    table = epochs[(epochs["to"] == "last") & (epochs["images"] == "natural") & epochs["model"].isin(robust)]
    values, errors = [], []
    for model, rows in table.groupby("model", sort=False):
        kept = set(rows["epoch"]) - {rows["epoch"].max()}
        course = curves[(curves["model"] == model) & (curves["images"] == "natural") & curves["attack"].notna()]
        course = course[course["epoch"].isin(kept)]
        if course.empty:
            continue
        best = rows[rows["epoch"] == course.loc[course["accuracy"].idxmax(), "epoch"]]
        thirds = [best[best["depth"] <= THIRD], best[best["depth"] >= 1 - THIRD]]
        values.append(thirds[0]["value"].mean() - thirds[1]["value"].mean())
        errors.append(sum((part["high"] - part["value"]).mean() for part in thirds) / Z95)
    if not values:
        return None
    value, error = float(np.mean(values)), float(np.mean(errors))
    p = float(2 * stats.norm.sf(abs(value) / error)) if error > 0 else np.nan
    note = f"interval over images, for {'this one training' if len(values) == 1 else f'these {len(values)} trainings'}"
    return Statistic(value, value - Z95 * error, value + Z95 * error, p, len(values), one_value(table["n"]), note)


def threats_differ(tables: Tables) -> Statistic | None:
    """Mean CKA of layers at one depth, pairs of models of one threat model less pairs of different ones."""
    models, series = tables["cianfarani/models"], tables["cianfarani/series"]
    robust = models[models["eps"] > 0]
    names = list(robust["model"].astype(str))
    threat = robust["norm"].astype(str).to_numpy()
    pairs = series.groupby(["model_a", "model_b"], sort=False)["value"].mean().reset_index()
    values = square(pairs, "model_a", "model_b", "value", names, symmetric=False)
    same = threat[:, None] == threat
    if not (
        (same & ~np.eye(len(names), dtype=bool) & np.isfinite(values)).any() and (~same & np.isfinite(values)).any()
    ):
        return None
    estimate = jackknife.difference(values, same, ~same)
    return over_models(estimate, one_value(series["n"]), "models of one architecture")
