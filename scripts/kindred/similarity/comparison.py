"""Comparison of models by penultimate features, and of layers, by any of the study's measures.

`measures` in all functions maps the name of a measure to its `module` and to the features that are compared on inverted
images, `between` models or images (`catalogue.Measure`). Measures of one module are computed together.
"""

import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from kindred.similarity.significance import permutation_p
from kindred.workflow.errors import BadInput

MEMORY = 2 * 2**30  # default number of bytes of features and Gram matrices held at once
MIN_IMAGES = 5  # for the jackknife
PERMUTATION_SEED = 0
Rows = dict[str, NDArray[np.float64]]  # value, low, high and null, each an array over pairs
Measures = Mapping[str, Mapping[str, Any]]
Tested = tuple[Tensor, Tensor | None, Tensor]  # features of inverted, target and seed images


def of_classes(settings: Mapping[str, Any], labels: NDArray[np.int64]) -> dict[str, Any]:
    """Settings with the labels (n,) of the compared images as their strata, where they were drawn class by class."""
    return {**settings, "strata": labels if settings.get("stratified") else None}


def compare(
    features: Sequence[Tensor], pairs: Sequence[tuple[int, int]], measures: Measures, settings: Mapping[str, Any]
) -> dict[str, Rows]:
    """Compare pairs of feature matrices: {measure: {value, low, high, null}}, arrays over `pairs`.

    features: (n, p) each; pairs: indices into them; settings: the keys of the config's section `similarity`
    that the measures use. low and high bound a 95 % interval over images, NaN where a measure has none; null
    is the level of the measure when images are paired at random, NaN where it is unknown.
    """
    found: dict[str, Rows] = {}
    for module, names in _by_module(measures).items():
        found |= importlib.import_module(module).compare(names, features, pairs, settings)
    return {name: found[name] for name in measures}


def compare_inverted(
    inverter: Tensor,
    tested: Iterable[Tested],
    measures: Measures,
    settings: Mapping[str, Any],
    memory: float = MEMORY,
) -> dict[str, Rows]:
    """Compare models on one model's inverted images: {measure: {value, low, high, null}}.

    inverter: (n, p), features of the inverted images in the model that they were inverted through. tested:
    for each model its features (n, p_t) of the same images, of their natural targets (None where no
    measure needs them), and of the seed images that they were made from; they are taken a few at a time, so that no
    more than about `memory` bytes are held at once. The results are arrays over `tested`.

    Measures between models compare the inverter with the tested model (Jones et al. 2022). Those between
    images compare a tested model's features of the inverted images with its own of the targets (Nanda et al.
    2022: STIR(m2 | m1) = CKA(m2(X), m2(X'))). null is the same measure where the tested model is given the seed images
    in place of the inverted ones: the level of a model that sees the seed in an inverted image and nothing of the
    target. Raises BadInput where features of targets are missing.
    """
    between_models = {name: one for name, one in measures.items() if one["between"] == "models"}
    between_images = {name: one for name, one in measures.items() if one["between"] == "images"}
    parts: dict[str, list[Rows]] = {name: [] for name in measures}
    for some in _batches(tested, len(inverter), memory):
        inverted, seeds = [features for features, _, _ in some], [features for _, _, features in some]
        found: dict[str, Rows] = {}
        if between_models:
            # The inverter itself may be among the tested models; its features are passed once.
            own = [features is inverter for features in inverted]
            others = [features for features, same in zip(inverted, own, strict=True) if not same]
            index = iter(range(1, 1 + len(others)))
            pairs = [(0, 0 if same else next(index)) for same in own]
            pairs += [(0, 1 + len(others) + at) for at in range(len(some))]
            found |= compare([inverter, *others, *seeds], pairs, between_models, settings)
        if between_images:
            natural = [features for _, features, _ in some if features is not None]
            if len(natural) != len(some):
                raise BadInput(
                    f"{', '.join(between_images)} compares inverted images with natural ones, but the features of the "
                    "natural images are missing."
                )
            count = len(some)
            pairs = [(first + at, at) for first in (count, 2 * count) for at in range(count)]
            found |= compare([*natural, *inverted, *seeds], pairs, between_images, settings)
        for name in measures:
            parts[name].append(_with_null(found[name], len(some)))
    return {
        name: {column: np.concatenate([rows[column] for rows in some]) for column in some[0]}
        for name, some in parts.items()
    }


def over_pairings(parts: Sequence[Rows]) -> Rows:
    """The mean of {value, low, high, null} over pairings of the same targets with other seeds, and their spread.

    spread is the standard deviation of the values over pairings, NaN for one. The half-width of the mean is the mean
    half-width. That is never too narrow, as the standard error of a mean is at most the mean of the standard errors,
    and equals it where errors are those of the target images, which all pairings share.
    """
    mean = {column: np.mean([rows[column] for rows in parts], axis=0) for column in parts[0]}
    values = [rows["value"] for rows in parts]
    spread = np.std(values, axis=0, ddof=1) if len(parts) > 1 else np.full_like(values[0], np.nan)
    return {**mean, "spread": spread}


def p_by_permutation(
    features: Sequence[Tensor],
    pairs: Sequence[tuple[int, int]],
    found: Mapping[str, Rows],
    measures: Measures,
    settings: Mapping[str, Any],
    permutations: int,
) -> dict[str, NDArray[np.float64]]:
    """p (one for each pair) of values that `compare` found, against images of one side paired at random.

    One-sided, (1 + number of permutations with at least the value) / (1 + permutations); exact. All pairs and measures
    share one set of permutations, drawn with a fixed seed, so that maxima over pairs could be tested as well. NaN for
    features with themselves.
    """
    draws = np.random.default_rng(PERMUTATION_SEED)
    orders = np.stack([draws.permutation(len(features[0])) for _ in range(permutations)])
    different = np.array([a != b for a, b in pairs])
    chosen = [pair for pair, tested in zip(pairs, different, strict=True) if tested]
    result = {name: np.full(len(pairs), np.nan) for name in measures}
    if not chosen:
        return result
    for module, names in _by_module(measures).items():
        own = importlib.import_module(module)
        permuted = getattr(own, "permuted", partial(_permuted, own.compare))
        values = permuted(names, features, chosen, settings, orders)
        for name in names:
            result[name][different] = permutation_p(found[name]["value"][different], values[name])
    return result


def layers(
    observe: Callable[..., Iterable[Tensor]],
    measures: Measures,
    settings: Mapping[str, Any],
    *,
    count: int,
    images: int,
    memory: float = MEMORY,
) -> dict[str, Rows]:
    """Compare all pairs of `count` layers on `images` images: {measure: {value, error, null}}, each (T, T).

    observe(first, last) yields the activations (n, p) of these layers one after another; it is called several
    times where not all fit into about `memory` bytes.
    """
    found: dict[str, Rows] = {}
    for module, names in _by_module(measures).items():
        own = importlib.import_module(module)
        found |= own.layers(names, observe, settings, count=count, images=images, memory=memory)
    return {name: found[name] for name in measures}


def converged(residual: NDArray[np.floating], largest: float | None, inverter: str) -> NDArray[np.int64]:
    """Indices of the images to compare: all, or those whose residual is at most `largest` (NaN is not).

    Raises BadInput where fewer than MIN_IMAGES are left.
    """
    if largest is None:
        return np.arange(len(residual))
    kept = np.flatnonzero(residual <= largest)
    if len(kept) < MIN_IMAGES:
        raise BadInput(
            f"of {len(residual)} images inverted through '{inverter}' only {len(kept)} have a residual of at most "
            f"{largest:g}, and {MIN_IMAGES} are needed; take more steps, raise converged, or set leave_out to false."
        )
    return kept


def _by_module(measures: Measures) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for name, one in measures.items():
        grouped.setdefault(one["module"], []).append(name)
    return grouped


def _permuted(
    compare: Callable[..., dict[str, Rows]],
    names: Sequence[str],
    features: Sequence[Tensor],
    pairs: Sequence[tuple[int, int]],
    settings: Mapping[str, Any],
    orders: NDArray[np.integer],
) -> dict[str, NDArray[np.float64]]:
    """{name: (K, P)}: measures of pairs when images of the second side are taken in each of K orders (K, n).

    By K comparisons, for modules that have no faster way of their own (`permuted`).
    """
    turned = [(a, len(features) + b) for a, b in pairs]
    every = [compare(names, [*features, *(each[order] for each in features)], turned, settings) for order in orders]
    return {name: np.stack([one[name]["value"] for one in every]) for name in names}


def _with_null(rows: Rows, count: int) -> Rows:
    """The first `count` rows, with the values of the others as null levels."""
    return {**{column: values[:count] for column, values in rows.items()}, "null": rows["value"][count:]}


def _batches(tested: Iterable[Tested], images: int, memory: float) -> Iterator[list[Tested]]:
    """Tested models in groups that fit: features, and half a square of float32 per Gram matrix, of each."""
    waiting = iter(tested)
    while first := next(waiting, None):
        width = sum(features.shape[1] for features in first if features is not None)
        each = 4 * images * width + 2 * images**2 * sum(features is not None for features in first)
        yield [first, *islice(waiting, max(0, int(memory // each) - 1))]
