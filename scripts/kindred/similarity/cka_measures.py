"""The CKA family as measures of models and layers: kernel, estimator and interval of each name.

STIR (Nanda et al. 2022) is CKA of other features, so it is computed here as well. `strata` in settings are the labels
(n,) of images that were drawn class by class: debiased measures and their errors are then those of `strata.py`.
Without it, or where it is None, images are independent. Biased measures, and minibatches, which are shuffled, have the
same value under strata; their errors leave each image out of its class. An interval of theirs is for the mean of the
estimator at this number of images, not for CKA of the population, from which it differs by its bias.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from kindred.similarity import cka as kernels
from kindred.similarity import minibatches
from kindred.similarity.biased_errors import biased_jackknife
from kindred.similarity.cka import Estimator, cka, cka_between, jackknife, permutation_null
from kindred.similarity.gram import Grams, Precision, pack, packed_bytes, stratified
from kindred.similarity.gram_bands import cka_in_bands
from kindred.similarity.layer_errors import jackknife_of_all
from kindred.similarity.significance import Z95
from kindred.similarity.strata import Strata, strata_of
from kindred.workflow.errors import BadInput

ESTIMATORS: dict[str, Estimator] = {
    "cka_debiased": "debiased",
    "cka_biased": "biased",
    "cka_rbf": "debiased",
    "stir": "debiased",
    "stir_biased": "biased",
}
RBF, MINIBATCH = "cka_rbf", "cka_minibatch"
Matrix = NDArray[np.float64]


def compare(
    names: Sequence[str], features: Sequence[Tensor], pairs: Sequence[tuple[int, int]], settings: Mapping[str, Any]
) -> dict[str, dict[str, Matrix]]:
    """Compare pairs of feature matrices: {name: {value, low, high, null}}, arrays over `pairs`.

    features: (n, p) each; pairs: indices into them. settings: `minibatch` (size, passes, seed), `bandwidth`
    and `precision`, as far as the measures need them. low and high bound a 95 % interval from delete-one
    jackknife errors over images; null is the exact expectation when images are paired at random.

    Raises BadInput for minibatches of more images than there are, strata of fewer than 5 images, and as `gram.pack`.
    """
    rows, columns = (np.array(side, dtype=int) for side in zip(*pairs, strict=True))
    found: dict[str, dict[str, Matrix]] = {}
    for kernel in ("linear", "rbf"):
        wanted = [name for name in names if (name == RBF) == (kernel == "rbf")]
        if not wanted:
            continue
        grams = pack(features, kernel=kernel, sigma=settings.get("bandwidth", 0.5), precision=_precision(settings))
        for name in sorted(wanted, key=_debiased):
            if _debiased(name):
                grams = _for_strata(grams, _strata(settings))
            if name == MINIBATCH:
                value, errors = _minibatch(features, settings)
                error, null = errors[rows, columns], np.zeros_like(value)
            else:
                estimator = ESTIMATORS[name]
                value, null = cka(grams, estimator), permutation_null(grams, estimator)
                if estimator == "debiased":
                    error = jackknife(grams, pairs)
                else:
                    first, at = np.unique(rows, return_inverse=True)
                    error = biased_jackknife(grams, first.tolist(), strata_left_out(settings))[at, columns]
            chosen = value[rows, columns]
            found[name] = {
                "value": chosen,
                "low": chosen - Z95 * error,
                "high": chosen + Z95 * error,
                "null": null[rows, columns],
            }
    return found


def layers(
    names: Sequence[str],
    observe: Callable[..., Iterable[Tensor]],
    settings: Mapping[str, Any],
    *,
    count: int,
    images: int,
    memory: float,
) -> dict[str, dict[str, Matrix]]:
    """Compare all pairs of `count` layers on `images` images: {name: {value, error, null}}, each (T, T).

    observe(first, last) yields the activations (n, p) of these layers one after another. Where the packed
    Gram matrices of all layers would take more than about `memory` bytes, it is called once per band for the
    linear kernel (`gram_bands`), and for the RBF kernel, whose width depends on whole matrices, once for each
    part of the layers and each pair of parts. The minibatch estimator needs all activations at once.

    error: jackknife standard error over images; NaN where not all fit. null: as in `compare`; NaN for the biased
    estimator where not all fit.
    """
    found: dict[str, dict[str, Matrix]] = {}
    linear = [name for name in names if name not in (RBF, MINIBATCH)]
    whole = count * packed_bytes(1, images) <= memory
    if linear and whole:
        grams = pack(observe(), count=count, precision=_precision(settings))
        found |= of_grams(grams, linear, settings)
        del grams
    elif linear:
        wanted = [ESTIMATORS[name] for name in linear]
        matrices = cka_in_bands(
            observe,
            wanted,
            layers=count,
            images=images,
            memory=memory,
            precision=_precision(settings),
            strata=_strata(settings) if "debiased" in wanted else None,
        )
        found |= {name: without_error(name, values) for name, values in zip(linear, matrices, strict=True)}
    if RBF in names:
        if whole:
            sigma, precision = settings["bandwidth"], _precision(settings)
            grams = pack(observe(), count=count, kernel="rbf", sigma=sigma, precision=precision)
            found |= of_grams(grams, [RBF], settings)
            del grams
        else:
            found[RBF] = without_error(RBF, _rbf(observe, _parts(count, images, memory), settings))
    if MINIBATCH in names:
        value, error = _minibatch(list(observe()), settings, memory)
        found[MINIBATCH] = {**without_error(MINIBATCH, value), "error": error}
    return found


def of_grams(grams: Grams, names: Sequence[str], settings: Mapping[str, Any]) -> dict[str, dict[str, Matrix]]:
    """{name: {value, error, null}}, each (T, T), of measures with the kernel of these Gram matrices.

    Where there are strata and a debiased measure, the packed rows are overwritten.
    """
    found = {}
    errors: dict[str, Matrix] = {}
    for name in sorted(names, key=_debiased):
        estimator = ESTIMATORS[name]
        if estimator == "debiased":
            grams = _for_strata(grams, _strata(settings))
        value = cka(grams, estimator)
        if estimator not in errors:
            errors[estimator] = _errors(grams, estimator, settings)
        found[name] = {"value": value, "error": errors[estimator], "null": permutation_null(grams, estimator)}
    return found


def _errors(grams: Grams, estimator: Estimator, settings: Mapping[str, Any]) -> Matrix:
    """Standard errors (T, T) of all pairs of layers; NaN where leaving an image out leaves too few."""
    if estimator == "biased":
        return biased_jackknife(grams, strata=strata_left_out(settings))
    return jackknife_of_all(grams) if grams.n > 4 else np.full((len(grams),) * 2, np.nan)


def without_error(name: str, value: Matrix) -> dict[str, Matrix]:
    """The same of values that have no jackknife error; their null level is 0 unless the estimator is biased."""
    unknown = np.full_like(value, np.nan)
    biased = ESTIMATORS.get(name) == "biased"
    return {"value": value, "error": unknown, "null": unknown if biased else np.where(np.isnan(value), np.nan, 0.0)}


def permuted(
    names: Sequence[str],
    features: Sequence[Tensor],
    pairs: Sequence[tuple[int, int]],
    settings: Mapping[str, Any],
    orders: NDArray[np.integer],
) -> dict[str, Matrix]:
    """{name: (K, P)}: the measures of `pairs` when images of their second side are taken in each of K orders (K, n)."""
    found: dict[str, Matrix] = {}
    if MINIBATCH in names:
        found[MINIBATCH] = minibatches.permuted(features, pairs, orders, **_checked(len(features[0]), settings))
    if linear := [name for name in names if name not in (RBF, MINIBATCH)]:
        grams = pack(features, precision=_precision(settings))
        found |= {name: kernels.permuted(grams, pairs, orders, ESTIMATORS[name]) for name in linear}
    if RBF in names:
        grams = pack(features, kernel="rbf", sigma=settings["bandwidth"], precision=_precision(settings))
        found[RBF] = kernels.permuted(grams, pairs, orders)
    return found


def _parts(count: int, images: int, memory: float) -> list[tuple[int, int]]:
    """(first, last + 1) of each part of the layers; two parts are in memory at once."""
    each = packed_bytes(1, images)
    size = max(1, int(memory / (2 * each)))
    return [(first, min(first + size, count)) for first in range(0, count, size)]


def _rbf(
    observe: Callable[..., Iterable[Tensor]], parts: Sequence[tuple[int, int]], settings: Mapping[str, Any]
) -> Matrix:
    """Debiased RBF CKA of all pairs, with the packed Gram matrices of at most two parts in memory."""
    found = np.empty((parts[-1][1],) * 2)

    def grams(first: int, last: int) -> Grams:
        some = observe(first, last)
        sigma, precision = settings["bandwidth"], _precision(settings)
        packed = pack(some, count=last - first, kernel="rbf", sigma=sigma, precision=precision)
        return _for_strata(packed, _strata(settings))

    for index, (first, last) in enumerate(parts):
        rows = grams(first, last)
        found[first:last, first:last] = cka(rows)
        for begin, end in parts[index + 1 :]:
            columns = grams(begin, end)
            found[first:last, begin:end] = cka_between(rows, columns)
            found[begin:end, first:last] = found[first:last, begin:end].T
            del columns
    return found


def _debiased(name: str) -> bool:
    """Whether a measure needs other Gram matrices under strata; such measures come last."""
    return ESTIMATORS.get(name) == "debiased"


def _strata(settings: Mapping[str, Any]) -> Strata | None:
    labels = settings.get("strata")
    return None if labels is None else strata_of(labels)


def strata_left_out(settings: Mapping[str, Any]) -> Strata | None:
    """Strata of any size, of which errors of other measures than debiased ones leave out images."""
    labels = settings.get("strata")
    return None if labels is None else strata_of(labels, fewest=1)


def _for_strata(grams: Grams, strata: Strata | None) -> Grams:
    """The same centred for strata, where there are some and it is not yet."""
    return grams if strata is None or grams.strata is not None else stratified(grams, strata)


def _precision(settings: Mapping[str, Any]) -> Precision:
    return settings.get("precision", "float32")


def _minibatch(
    features: Sequence[Tensor], settings: Mapping[str, Any], memory: float = math.inf
) -> tuple[Matrix, Matrix]:
    """Value and error (T, T) each of minibatch CKA; error NaN where it would take more than `memory` bytes."""
    n = len(features[0])
    batched = minibatches.batches(features, **_checked(n, settings), precision=_precision(settings))
    errors = minibatches.room_for_errors(len(features), n) <= memory
    return minibatches.estimate(batched, n, errors=errors, strata=strata_left_out(settings))


def _checked(images: int, settings: Mapping[str, Any]) -> dict[str, int]:
    """The arguments batch, passes and seed of functions of minibatches."""
    size, passes, seed = (settings["minibatch"][key] for key in ("size", "passes", "seed"))
    if size >= images:
        raise BadInput(
            f"similarity.minibatch.size is {size}; it must be less than {images}, the images compared: one batch of "
            "all is cka_debiased."
        )
    return {"batch": size, "passes": passes, "seed": seed}
