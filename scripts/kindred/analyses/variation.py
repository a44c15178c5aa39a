"""Sources of variation: pairs of models classified by what they differ in, according to the config."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

import numpy as np
import pandas as pd

from kindred.analyses import jackknife

# From the least to the most important, as expected; 'several' is any combination.
KINDS = ("seed", "hyper-parameters", "training method", "architecture", "several")
MEANS = ["differs", "quantity", *(field.name for field in fields(jackknife.Estimate))]


def difference(first: Mapping[str, Any], second: Mapping[str, Any]) -> str:
    """The difference between two entries of models: one of KINDS, or 'nothing'.

    The training method is a recipe's `method` with its norm (for imported models the name of their training, and the
    norm); all else in a recipe, including the radius of an adversary, is a hyper-parameter. A seed only counts where
    everything else is the same: different architectures have different random weights anyway.
    """
    a, b = _parts(first), _parts(second)
    different = [kind for kind in ("hyper-parameters", "training method", "architecture") if a[kind] != b[kind]]
    # Another method implies other hyper-parameters.
    if different == ["hyper-parameters", "training method"]:
        return "training method"
    if len(different) > 1:
        return "several"
    return different[0] if different else "seed" if a["seed"] != b["seed"] else "nothing"


def group_means(table: pd.DataFrame, quantities: tuple[str, ...] = ("sat", "excess")) -> pd.DataFrame:
    """Mean of each quantity over the pairs of each kind of difference, with its interval over models.

    table: model_a, model_b, differs and the quantities, each unordered pair once. The fields of `jackknife.Estimate`
    after differs and quantity; kinds in the order of KINDS.
    """
    names = pd.unique(table[["model_a", "model_b"]].to_numpy().ravel())
    index = {name: place for place, name in enumerate(names)}
    at = table["model_a"].map(index).to_numpy(), table["model_b"].map(index).to_numpy()
    rows = []
    for kind in [kind for kind in KINDS if (table["differs"] == kind).any()]:
        group = np.zeros((len(names),) * 2, bool)
        group[at] = table["differs"] == kind
        for quantity in quantities:
            values = np.full(group.shape, np.nan)
            values[at] = table[quantity]
            rows.append({"differs": kind, "quantity": quantity, **asdict(jackknife.mean(values, group))})
    return pd.DataFrame(rows, columns=MEANS)


def _parts(entry: Mapping[str, Any]) -> dict[str, Any]:
    recipe = dict(entry.get("recipe") or {})
    trained = entry["trained"]
    method = recipe.pop("method", None) or trained["training"]
    norm = recipe.pop("norm", None) or trained["norm"]
    return {
        "architecture": (entry["architecture"], entry.get("arguments") or {}, entry.get("input_size")),
        "training method": (method, norm),
        "hyper-parameters": recipe or trained["eps"],
        "seed": trained["seed"],
    }
