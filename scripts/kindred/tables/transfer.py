"""Tables of adversarial transfer and SAT, and the predictions that they come from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from kindred.similarity import significance
from kindred.tables.tables import values, with_one_set_of_weights
from kindred.workflow import store
from kindred.workflow.errors import BadInput

if TYPE_CHECKING:
    from kindred.similarity.excess import Excess
    from kindred.similarity.transfer import Sat, Transfer

AGAIN = "make them again with `snakemake --forcerun cross_evaluate`."


def predictions(tiles: Iterable[str], models: Sequence[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Predictions held in transfer tiles: (correct, predicted, labels).

    correct: (model, image) bool, on natural images; predicted: (source, target, image); labels: (image,).
    Raises BadInput for a pair of models that no tile holds, and for tiles of different images.
    """
    order = {model: index for index, model in enumerate(models)}
    tiles = with_one_set_of_weights(tiles)
    store.demand_same_images(*tiles)
    labels = values(tiles[0], "label")
    natural = np.full((len(models), len(labels)), -1, dtype=np.int32)
    for path in tiles:
        for target, found in zip(store.strings(path, "target"), values(path, "natural"), strict=True):
            if target in order:
                natural[order[target]] = found
    predicted = _of_pairs(tiles, models, "predicted", (len(labels),))
    return natural == labels, predicted, labels


def shuffled(tiles: Sequence[str], models: Sequence[str], shuffles: int) -> tuple[np.ndarray, np.ndarray]:
    """Predictions of images with the perturbations of others, of tiles that `predictions` has read: (shuffled, donor).

    shuffled: (source, target, shuffle, image); donor: (shuffle, image), whose perturbation each image is given. Raises
    BadInput for a pair of models that no tile holds, and where tiles differ in their donors.
    """
    images = len(values(tiles[0], "label"))
    if not shuffles:
        return np.empty((len(models), len(models), 0, images), np.int32), np.empty((0, images), np.int64)
    donor = values(tiles[0], "donor")
    for path in tiles[1:]:
        if not np.array_equal(values(path, "donor"), donor):
            raise BadInput(f"'{path}' and '{tiles[0]}' differ in whose perturbation an image is given; {AGAIN}")
    return _of_pairs(tiles, models, "shuffled", donor.shape), donor


def no_gradient(tiles: Iterable[str], models: Sequence[str]) -> np.ndarray:
    """Share of the attacked images of each model (n,) on which its attack had no gradient, of tiles."""
    share = {
        source: float(each.mean())
        for path in tiles
        for source, each in zip(store.strings(path, "source"), values(path, "no_gradient"), strict=True)
    }
    return np.array([share[model] for model in models])


def _of_pairs(tiles: Iterable[str], models: Sequence[str], name: str, shape: tuple[int, ...]) -> np.ndarray:
    """An array of the tiles, (source, target) and `shape`, of these models. Raises BadInput for a missing pair."""
    order = {model: index for index, model in enumerate(models)}
    found = np.full((len(models), len(models), *shape), -1, dtype=np.int32)
    for path in tiles:
        held = values(path, name)
        for row, source in enumerate(store.strings(path, "source")):
            for column, target in enumerate(store.strings(path, "target")):
                if source in order and target in order:
                    found[order[source], order[target]] = held[row, column]
    if (found < 0).any():
        source, target = np.argwhere(found < 0)[0][:2]
        raise BadInput(
            f"no tile holds the predictions of '{models[target]}' on the images of '{models[source]}'; {AGAIN}"
        )
    return found


def transfer_table(
    attack: str, models: Sequence[str], counts: Transfer, excess: Excess, without: np.ndarray
) -> pd.DataFrame:
    """Transfer rates (`value`) of every ordered pair, source before target; the white-box rate on the diagonal.

    `null` is the rate of the same perturbations on other images, over `null_n` cases. without: of `no_gradient`, the
    share of the source's images on which its gradient was exactly zero, so that its attack is no attack.
    """
    every = np.indices((len(models),) * 2).reshape(2, -1)
    low, high = significance.wilson(counts.fooled, counts.n)
    columns = {"n": counts.n, "fooled": counts.fooled, "value": counts.rate, "low": low, "high": high}
    columns |= {"null": excess.rate, "null_n": excess.n, "no_gradient": np.tile(without[:, None], len(models))}
    return _entries(attack, models, ("source", "target"), every, columns)


def sat_table(attack: str, models: Sequence[str], scores: Sat, excess: Excess) -> pd.DataFrame:
    """SAT of every unordered pair once, in the order of `models`, including each model with itself."""
    columns = {"sat": scores.sat, "low": scores.low, "high": scores.high, "n": scores.n}
    columns |= {"null": excess.null, "null_n": excess.n, "ceiling": excess.ceiling}
    for name in ("excess", "share"):
        columns |= {column: getattr(excess, column) for column in (name, f"{name}_low", f"{name}_high")}
    return _entries(attack, models, ("model_a", "model_b"), np.triu_indices(len(models)), columns)


def _entries(
    attack: str, models: Sequence[str], sides: tuple[str, str], index: Any, columns: Mapping[str, np.ndarray]
) -> pd.DataFrame:
    """Entries of model x model matrices, a column each, with the names of their two models."""
    names = np.array(models, dtype=object)
    pairs = dict(zip(sides, (names[side] for side in index), strict=True))
    return pd.DataFrame({"attack": attack, **pairs, **{name: values[tuple(index)] for name, values in columns.items()}})
