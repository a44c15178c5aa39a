"""What tables have in common: writing them, columns of shares, and pairs of models as tiles hold them.

Tables are tidy, one row per value; names and their order are those of the config. Tiles may hold more than a table
needs (models removed from the study); a missing pair is an error.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from kindred.models import descriptions
from kindred.similarity import significance
from kindred.workflow import store
from kindred.workflow.errors import BadInput


def with_shares(table: pd.DataFrame, count: str, value: str = "value") -> pd.DataFrame:
    """The table with the share that the column `count` is of `n`, and the bounds of its 95 % interval (Wilson)."""
    low, high = significance.wilson(table[count], table["n"])
    return table.assign(**{value: table[count] / table["n"].where(table["n"] > 0), "low": low, "high": high})


def with_one_set_of_weights(tiles: Iterable[str]) -> list[str]:
    """The tiles as a list. Raises BadInput where two were made with different weights of a model."""
    known: dict[str, str] = {}
    tiles = list(tiles)
    for path in tiles:
        about = store.attributes(path)
        for found in (about.get("weights", {}), about.get("source_weights", {})):
            for model, digest in found.items():
                descriptions.demand_same_weights(path, digest, model, known.setdefault(model, digest))
    return tiles


def values(path: str, name: str) -> np.ndarray:
    return np.asarray(store.array(path, name)[:])


def pairs_of(path: str, first: str, second: str) -> pd.DataFrame:
    """The pairs of models of a tile."""
    return pd.DataFrame({side: store.strings(path, side) for side in (first, second)})


def of_study(table: pd.DataFrame, models: Sequence[str], unordered: bool = False) -> pd.DataFrame:
    """Rows whose two models, in the first two columns, are in the study; unordered pairs in its order."""
    order = {model: index for index, model in enumerate(models)}
    first, second = table.columns[:2]
    table = table[table[first].isin(order) & table[second].isin(order)].copy()
    if unordered:
        turned = table[first].map(order) > table[second].map(order)
        table.loc[turned, [first, second]] = table.loc[turned, [second, first]].to_numpy()
    return table


def demand_each_once(what: str, table: pd.DataFrame, by: str, pairs: Iterable[tuple[str, ...]], rule: str) -> None:
    """Raise BadInput unless each pair of models, in the first two columns, is there once for each value of `by`."""
    pairs = list(pairs)
    for value in table[by].unique() if len(table) else [f"no {by}"]:
        found = Counter(table[table[by] == value].iloc[:, :2].itertuples(index=False, name=None))
        if wrong := [pair for pair in pairs if found[pair] != 1]:
            (a, b), times = wrong[0], found[wrong[0]]
            raise BadInput(
                f"the tiles for '{what}' hold '{a}' with '{b}' {times} times instead of once, and {len(wrong)} of "
                f"{len(pairs)} pairs of models are wrong ({value}); make them again with `snakemake --forcerun {rule}`."
            )


def in_order(table: pd.DataFrame, models: Sequence[str], *columns: str) -> pd.DataFrame:
    """Rows sorted by these columns, names of models by their order in the config."""
    order = {model: index for index, model in enumerate(models)}
    key = lambda values: values if values.name in ("measure", "loss") else values.map(order)  # noqa: E731
    return table.sort_values(list(columns), key=key, kind="stable", ignore_index=True)


def write(path: str, table: pd.DataFrame) -> None:
    """Write a table as CSV, under its final name only when complete; undefined values are empty."""
    partial = f"{path}.partial"
    table.to_csv(partial, index=False, float_format="%.10g", lineterminator="\n")
    os.replace(partial, path)
