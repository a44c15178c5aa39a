"""Sources of variation: pairs of models classified by what they differ in, according to the config."""

from collections.abc import Mapping
from typing import Any

# From the least to the most important, as expected; 'several' is any combination.
KINDS = ("seed", "hyper-parameters", "training method", "architecture", "several")


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
