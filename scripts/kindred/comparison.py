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

from kindred.bands import cka_in_bands
from kindred.cka import Estimator, cka, cka_between, jackknife, minibatch_cka, permutation_null
from kindred.errors import BadInput
from kindred.gram import Grams, Precision, pack, packed_bytes

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
    count: int,
    images: int,
    memory: float = MEMORY,
) -> dict[str, NDArray[np.float64]]:
    """{measure: (T, T)} for all pairs of `count` layers on `images` images.

    observe(first, last) gives the activations (n, p) of these layers one after another; it is called several times
    where the packed Grams of all would take more than about `memory` bytes: once a band of them by the linear kernel
    (`bands.py`), and for the RBF kernel, whose width needs whole matrices, once for each part of the layers and every
    part before it. The minibatch estimator needs all activations at once.
    """
    found: dict[str, NDArray] = {}
    linear = [name for name in measures if name in ("cka_debiased", "cka_biased")]
    if linear:
        wanted: list[Estimator] = ["biased" if name == "cka_biased" else "debiased" for name in linear]
        matrices = cka_in_bands(
            observe, wanted, layers=count, images=images, memory=memory, precision=_precision(settings)
        )
        found |= dict(zip(linear, matrices, strict=True))
    if "cka_rbf" in measures:
        found["cka_rbf"] = _radial(observe, _parts(count, images, memory), settings)
    if "cka_minibatch" in measures:
        found["cka_minibatch"] = _minibatch(list(observe()), settings)
    return {name: found[name] for name in measures}


def _parts(count: int, images: int, memory: float) -> list[tuple[int, int]]:
    """Layers from which to which; two parts are in memory at once."""
    each = packed_bytes(1, images)
    if count * each <= memory:
        return [(0, count)]
    size = max(1, int(memory / (2 * each)))
    return [(first, min(first + size, count)) for first in range(0, count, size)]


def _radial(
    observe: Callable[..., Iterable[Tensor]], parts: Sequence[tuple[int, int]], settings: Mapping[str, Any]
) -> NDArray[np.float64]:
    """Debiased RBF CKA of all pairs, with the packed Grams of no more than two parts of the layers in memory."""
    found = np.empty((parts[-1][1],) * 2)

    def grams(first: int, last: int) -> Grams:
        some = observe(first, last)
        sigma, precision = settings["bandwidth"], _precision(settings)
        return pack(some, count=last - first, kernel="rbf", sigma=sigma, precision=precision)

    for at, (first, last) in enumerate(parts):
        rows = grams(first, last)
        found[first:last, first:last] = cka(rows)
        for begin, end in parts[at + 1 :]:
            columns = grams(begin, end)
            found[first:last, begin:end] = cka_between(rows, columns)
            found[begin:end, first:last] = found[first:last, begin:end].T
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
