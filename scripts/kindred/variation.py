"""Where variation comes from: pairs of models sorted by what they differ in, from what the config says of them."""

from collections.abc import Mapping
from typing import Any

# From what should matter least to what should matter most; "several" is what fits nowhere else.
KINDS = ("seed", "hyper-parameters", "training method", "architecture", "several")


def differs(first: Mapping[str, Any], second: Mapping[str, Any]) -> str:
    """What two entries of models differ in: one of KINDS, or 'nothing'.

    A training method is a recipe's `method` with its norm (for imported models the name of their training, and the
    norm); all else in a recipe, the radius of an adversary too, is a hyper-parameter. A seed only counts where all
    else is the same: models of another architecture differ in their random weights anyway.
    """
    a, b = _parts(first), _parts(second)
    apart = [kind for kind in ("hyper-parameters", "training method", "architecture") if a[kind] != b[kind]]
    # Another method has other hyper-parameters of necessity.
    if apart == ["hyper-parameters", "training method"]:
        return "training method"
    if len(apart) > 1:
        return "several"
    return apart[0] if apart else "seed" if a["seed"] != b["seed"] else "nothing"


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
