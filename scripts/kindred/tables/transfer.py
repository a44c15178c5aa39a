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
    from kindred.similarity.transfer import Sat, Transfer


def predictions(tiles: Iterable[str], models: Sequence[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Predictions held in transfer tiles: (correct, predicted, labels).

    correct: (model, image) bool, on natural images; predicted: (source, target, image); labels: (image,).
    Raises BadInput for a pair of models that no tile holds, and for tiles of different images.
    """
    order = {model: index for index, model in enumerate(models)}
    tiles = with_one_set_of_weights(tiles)
    ids = store.demand_same_images(*tiles)
    labels = values(tiles[0], "label")
    natural = np.full((len(models), len(ids)), -1, dtype=np.int32)
    predicted = np.full((len(models), len(models), len(ids)), -1, dtype=np.int32)
    for path in tiles:
        sources, targets = store.strings(path, "source"), store.strings(path, "target")
        before, after = values(path, "natural"), values(path, "predicted")
        for row, source in enumerate(sources):
            for column, target in enumerate(targets):
                if source in order and target in order:
                    natural[order[target]] = before[column]
                    predicted[order[source], order[target]] = after[row, column]
    if (predicted < 0).any():
        source, target, _ = np.argwhere(predicted < 0)[0]
        raise BadInput(
            f"no tile holds the predictions of '{models[target]}' on the images of '{models[source]}'; make them again "
            "with `snakemake --forcerun cross_evaluate`."
        )
    return natural == labels, predicted, labels


def transfer_table(attack: str, models: Sequence[str], counts: Transfer) -> pd.DataFrame:
    """Transfer rates of every ordered pair, source before target; the white-box rate on the diagonal."""
    every = np.indices((len(models),) * 2).reshape(2, -1)
    low, high = significance.wilson(counts.fooled, counts.n)
    columns = {"n": counts.n, "fooled": counts.fooled, "rate": counts.rate, "low": low, "high": high}
    return _entries(attack, models, ("source", "target"), every, columns)


def sat_table(attack: str, models: Sequence[str], scores: Sat) -> pd.DataFrame:
    """SAT of every unordered pair once, in the order of `models`, including each model with itself."""
    columns = {"sat": scores.sat, "low": scores.low, "high": scores.high, "n": scores.n}
    return _entries(attack, models, ("model_a", "model_b"), np.triu_indices(len(models)), columns)


def _entries(
    attack: str, models: Sequence[str], sides: tuple[str, str], index: Any, columns: Mapping[str, np.ndarray]
) -> pd.DataFrame:
    """Entries of model x model matrices, a column each, with the names of their two models."""
    names = np.array(models, dtype=object)
    pairs = dict(zip(sides, (names[side] for side in index), strict=True))
    return pd.DataFrame({"attack": attack, **pairs, **{name: values[tuple(index)] for name, values in columns.items()}})
