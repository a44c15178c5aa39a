"""Comparison of models by their penultimate activations: every measure asked for, its interval and its null level.

The measures are those of `cka.py` under the names that the tables use; which kernel, which estimator and which
interval belongs to a name is said here and nowhere else.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from kindred.cka import Estimator, cka, cka_between, jackknife, minibatch_cka, permutation_null
from kindred.errors import BadInput
from kindred.gram import Precision, pack, packed_bytes

MEASURES = ("cka_debiased", "cka_biased", "cka_minibatch", "cka_rbf")
STIR = {"stir": "cka_debiased", "stir_biased": "cka_biased"}  # the index by which each compares
MEMORY = (
    2 * 2**30
)  # bytes of representations and of their Gram matrices held at once, unless a config says otherwise
Z95 = 1.959963984540054
LEAST = 5  # images, which the jackknife needs
Rows = dict[str, NDArray[np.float64]]


def compare(
    features: Sequence[Tensor], pairs: Sequence[tuple[int, int]], settings: Mapping[str, Any]
) -> dict[str, Rows]:
    """{measure: {value, low, high, null}}, each an array over `pairs` of indices into `features` ((n, p) each).

    settings: `measures`, `minibatch` (size, passes, seed), `bandwidth` and `precision`, as in the config's section
    `similarity`.
    low and high bound a 95 % interval from delete-one jackknife errors over images, where the estimate is
    debiased (NaN for the others); null is the measure's expectation when images are paired at random.
    """
    rows, columns = (np.array(side, dtype=int) for side in zip(*pairs, strict=True))
    found: dict[str, Rows] = {}
    for kernel in ("linear", "rbf"):
        wanted = [name for name in settings["measures"] if (name == "cka_rbf") == (kernel == "rbf")]
        if not wanted:
            continue
        grams = pack(
            features, kernel=kernel, sigma=settings.get("bandwidth", 0.5), precision=_precision(settings)
        )
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


def compare_inverted(
    inverter: Tensor,
    tested: Iterable[tuple[Tensor, Tensor | None]],
    settings: Mapping[str, Any],
    memory: float = MEMORY,
) -> dict[str, Rows]:
    """What one model's inverted images say to others: {measure: {value, low, high, null}}, arrays over `tested`.

    inverter: (n, p), what the model that they were inverted through says to the inverted images. tested: for each
    model (n, p_t) what it says to the same images, and what it says to their natural targets (None where no measure
    needs it). They are taken a few at a time, so that no more than about `memory` bytes are held at once.

    Measures of `cka.py` compare the inverter with the tested model (Jones et al. 2022). `stir` compares a tested
    model's answers to the inverted images with its own to the targets (Nanda et al. 2022: STIR(m2 | m1) =
    CKA(m2(X), m2(X'))), debiased; `stir_biased` as published.
    """
    indices = [name for name in settings["measures"] if name not in STIR]
    shared = [name for name in settings["measures"] if name in STIR]
    parts: dict[str, list[Rows]] = {name: [] for name in settings["measures"]}
    for some in _batches(tested, len(inverter), memory):
        inverted = [features for features, _ in some]
        if indices:
            # A model that is its own inverter is the first representation itself.
            own = [features is inverter for features in inverted]
            others = [features for features, itself in zip(inverted, own, strict=True) if not itself]
            place = iter(range(1, 1 + len(others)))
            pairs = [(0, 0 if itself else next(place)) for itself in own]
            found = compare([inverter, *others], pairs, {**settings, "measures": indices})
            for name in indices:
                parts[name].append(found[name])
        if shared:
            natural = [features for _, features in some if features is not None]
            if len(natural) != len(some):
                raise BadInput("stir needs what every tested model says to the natural images as well.")
            pairs = [(index, len(some) + index) for index in range(len(some))]
            wanted = {**settings, "measures": [STIR[name] for name in shared]}
            found = compare([*inverted, *natural], pairs, wanted)
            for name in shared:
                parts[name].append(found[STIR[name]])
    return {
        name: {column: np.concatenate([rows[column] for rows in some]) for column in some[0]}
        for name, some in parts.items()
    }


def _batches(
    tested: Iterable[tuple[Tensor, Tensor | None]], images: int, memory: float
) -> Iterator[list[tuple[Tensor, Tensor | None]]]:
    """Tested models by as many as fit: for each its features and half a square of float32 per kernel matrix."""
    waiting = iter(tested)
    while first := next(waiting, None):
        width = sum(features.shape[1] for features in first if features is not None)
        each = 4 * images * width + 2 * images**2 * sum(features is not None for features in first)
        yield [first, *islice(waiting, max(0, int(memory // each) - 1))]


def converged(residual: NDArray[np.floating], largest: float | None, inverter: str) -> NDArray[np.int64]:
    """Positions of the images to compare: all, or those whose residual is at most `largest` (NaN is not).

    Raises BadInput where fewer than LEAST are left.
    """
    if largest is None:
        return np.arange(len(residual))
    kept = np.flatnonzero(residual <= largest)
    if len(kept) < LEAST:
        raise BadInput(
            f"of {len(residual)} images inverted through '{inverter}' only {len(kept)} have a residual of at most "
            f"{largest:g}, and {LEAST} are needed; take more steps, raise converged, or set leave_out to false."
        )
    return kept


def layers(
    observe: Callable[..., Iterable[Tensor]],
    measures: Sequence[str],
    settings: Mapping[str, Any],
    *,
    count: int = 0,
    images: int = 0,
    memory: float = MEMORY,
) -> dict[str, NDArray[np.float64]]:
    """{measure: (T, T)} for all pairs of T layers, whose activations (n, p) `observe` gives one after another.

    One layer's activations and the packed Grams of all are in memory at a time; the minibatch estimator needs
    all activations.

    count and images: T and n. With them packed Grams take at most about `memory` bytes: layers are taken in parts, and
    `observe(first, last)` gives those of a part, again for every part before it.
    """
    found: dict[str, NDArray] = {}
    linear = [name for name in measures if name in ("cka_debiased", "cka_biased")]
    parts = _parts(count, images, memory)
    if len(parts) > 1:
        if linear:
            wanted: list[Estimator] = ["biased" if name == "cka_biased" else "debiased" for name in linear]
            blocks = _blockwise(observe, parts, wanted, precision=_precision(settings))
            found |= dict(zip(linear, blocks, strict=True))
        if "cka_rbf" in measures:
            radial = {"kernel": "rbf", "sigma": settings["bandwidth"], "precision": _precision(settings)}
            (found["cka_rbf"],) = _blockwise(observe, parts, ["debiased"], **radial)
    elif linear:
        grams = pack(observe(), precision=_precision(settings))
        for name in linear:
            found[name] = cka(grams, "biased" if name == "cka_biased" else "debiased")
    if "cka_rbf" in measures and "cka_rbf" not in found:
        grams = pack(observe(), kernel="rbf", sigma=settings["bandwidth"], precision=_precision(settings))
        found["cka_rbf"] = cka(grams, "debiased")
    if "cka_minibatch" in measures:
        found["cka_minibatch"] = _minibatch(list(observe()), settings)
    return {name: found[name] for name in measures}


def _parts(count: int, images: int, memory: float) -> list[tuple[int, int]]:
    """Layers from which to which; two parts are in memory at once."""
    each = packed_bytes(1, images) if images else 0
    if count * each <= memory:
        return [(0, count)]
    size = max(1, int(memory / (2 * each)))
    return [(first, min(first + size, count)) for first in range(0, count, size)]


def _blockwise(
    observe: Callable[..., Iterable[Tensor]],
    parts: Sequence[tuple[int, int]],
    estimators: Sequence[Estimator],
    **options: Any,
) -> list[NDArray[np.float64]]:
    """CKA of all pairs by each estimator, with the packed Grams of no more than two parts in memory."""
    found = [np.empty((parts[-1][1],) * 2) for _ in estimators]
    for at, (first, last) in enumerate(parts):
        rows = pack(observe(first, last), count=last - first, **options)
        for values, estimator in zip(found, estimators, strict=True):
            values[first:last, first:last] = cka(rows, estimator)
        for begin, end in parts[at + 1 :]:
            columns = pack(observe(begin, end), count=end - begin, **options)
            for values, estimator in zip(found, estimators, strict=True):
                values[first:last, begin:end] = cka_between(rows, columns, estimator)
                values[begin:end, first:last] = values[first:last, begin:end].T
            del columns
    return found


def _precision(settings: Mapping[str, Any]) -> Precision:
    return settings.get("precision", "float32")


def _minibatch(features: Sequence[Tensor], settings: Mapping[str, Any]) -> NDArray[np.float64]:
    size, passes, seed = (settings["minibatch"][key] for key in ("size", "passes", "seed"))
    images = len(features[0])
    if size > images:
        raise BadInput(f"similarity.minibatch.size is {size}, but only {images} images are compared.")
    return minibatch_cka(features, size, passes, seed, _precision(settings))
