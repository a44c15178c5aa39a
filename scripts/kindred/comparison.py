"""Comparison of models by their penultimate activations: every measure asked for, its interval and its null level.

The measures are those of `cka.py` under the names that the tables use; which kernel, which estimator and which
interval belongs to a name is said here and nowhere else.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from kindred.cka import Estimator, cka, jackknife, minibatch_cka, permutation_null
from kindred.errors import BadInput
from kindred.gram import pack

MEASURES = ("cka_debiased", "cka_biased", "cka_minibatch", "cka_rbf")
Z95 = 1.959963984540054
Rows = dict[str, NDArray[np.float64]]


def compare(
    features: Sequence[Tensor], pairs: Sequence[tuple[int, int]], settings: Mapping[str, Any]
) -> dict[str, Rows]:
    """{measure: {value, low, high, null}}, each an array over `pairs` of indices into `features` ((n, p) each).

    settings: `measures`, `minibatch` (size, passes, seed) and `bandwidth`, as in the config's section `similarity`.
    low and high bound a 95 % interval from delete-one jackknife errors over images, where the estimate is
    debiased (NaN for the others); null is the measure's expectation when images are paired at random.
    """
    rows, columns = (np.array(side, dtype=int) for side in zip(*pairs, strict=True))
    found: dict[str, Rows] = {}
    for kernel in ("linear", "rbf"):
        wanted = [name for name in settings["measures"] if (name == "cka_rbf") == (kernel == "rbf")]
        if not wanted:
            continue
        grams = pack(features, kernel=kernel, sigma=settings["bandwidth"])
        for name in wanted:
            error = np.full(len(pairs), np.nan)
            if name == "cka_minibatch":
                value, null = _minibatch(features, settings), np.zeros((len(features),) * 2)
            else:
                estimator: Estimator = "biased" if name == "cka_biased" else "debiased"
                value, null = cka(grams, estimator), permutation_null(grams, estimator)
                if estimator == "debiased":
                    error = jackknife(grams, pairs)
            at = value[rows, columns]
            found[name] = {
                "value": at,
                "low": at - Z95 * error,
                "high": at + Z95 * error,
                "null": null[rows, columns],
            }
    return {name: found[name] for name in settings["measures"]}


def layers(
    observe: Callable[[], Iterable[Tensor]], measures: Sequence[str], settings: Mapping[str, Any]
) -> dict[str, NDArray[np.float64]]:
    """{measure: (T, T)} for all pairs of T layers, whose activations (n, p) `observe` gives one after another.

    One layer's activations and the packed Grams of all are in memory at a time; the minibatch estimator needs
    all activations.
    """
    found: dict[str, NDArray] = {}
    linear = [name for name in measures if name in ("cka_debiased", "cka_biased")]
    if linear:
        grams = pack(observe())
        for name in linear:
            found[name] = cka(grams, "biased" if name == "cka_biased" else "debiased")
    if "cka_rbf" in measures:
        found["cka_rbf"] = cka(pack(observe(), kernel="rbf", sigma=settings["bandwidth"]), "debiased")
    if "cka_minibatch" in measures:
        found["cka_minibatch"] = _minibatch(list(observe()), settings)
    return {name: found[name] for name in measures}


def _minibatch(features: Sequence[Tensor], settings: Mapping[str, Any]) -> NDArray[np.float64]:
    size, passes, seed = (settings["minibatch"][key] for key in ("size", "passes", "seed"))
    images = len(features[0])
    if size > images:
        raise BadInput(f"similarity.minibatch.size is {size}, but only {images} images are compared.")
    return minibatch_cka(features, size, passes, seed)
