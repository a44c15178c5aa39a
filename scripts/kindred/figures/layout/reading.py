"""Reading of tables, and the small matrices that figures show of them.

A missing row means that something was not computed and is an error; a row whose value is empty was computed
and is undefined, and is drawn as such.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kindred.similarity.catalogue import measure
from kindred.workflow.errors import BadInput

Matrix = NDArray[np.float64]
# Columns of names, in which an empty cell is an empty name.
WORDS = (
    "stimuli inverter model_a model_b layer_a layer_b measure attack source target model architecture "
    "training norm inversion loss body head case student teacher method verdict"
)


def read(path: str | Path) -> pd.DataFrame:
    """A CSV as written: empty cells are undefined in columns of numbers, empty text in columns of names.

    No word is taken for an undefined value, so a model may be called `null` or `NA`, nor for a number.
    """
    names = dict.fromkeys(WORDS.split(), str)
    table = pd.read_csv(path, keep_default_na=False, na_values=[""], dtype=names)  # type: ignore[arg-type]
    return with_results(table.fillna({name: "" for name in names if name in table}))


def with_results(table: pd.DataFrame) -> pd.DataFrame:
    """models.csv without the models that `snakemake --keep-going` left out of all else; any other table as it is."""
    return table[table["parameters"].notna()] if {"remarks", "parameters"} <= {*table} else table


def read_all(names: Sequence[str], paths: Sequence[str]) -> dict[str, Any]:
    """Tables by their names without the folder: a CSV as a DataFrame, a store as {name: array}."""
    return {
        name.rpartition("/")[2]: _store(path) if str(path).endswith(".zarr") else read(path)
        for name, path in zip(names, paths, strict=True)
    }


def _store(path: str) -> dict[str, NDArray[Any]]:
    from kindred.workflow import store  # here, as only the gallery needs zarr

    return {name: np.asarray(array[:]) for name, array in store.open_group(Path(path)).arrays()}


def require(tables: Mapping[str, Any], name: str, columns: str) -> pd.DataFrame:
    """A table; raises BadInput unless it has these columns, named in one text, and at least one row."""
    table = tables[name]
    if missing := [column for column in columns.split() if column not in table]:
        raise BadInput(f"{name}.csv lacks the column {missing[0]!r}; it needs {', '.join(columns.split())}.")
    if table.empty:
        raise BadInput(f"{name}.csv has a header but no rows; there is nothing to draw.")
    return table


def present(table: pd.DataFrame, column: str) -> list[str]:
    """The values of a column in order of appearance, without gaps."""
    return [str(value) for value in table[column].dropna().unique()]


def choose(table: pd.DataFrame, column: str, wanted: str, where: str) -> pd.DataFrame:
    """The rows whose `column` is `wanted`; raises BadInput naming what there is when there are none."""
    rows = table[table[column] == wanted]
    if rows.empty:
        known = ", ".join(present(table, column)) or "none"
        raise BadInput(f"{where} has no {column} {wanted!r}; it has {known}.")
    return rows


def measure_of(table: pd.DataFrame) -> str:
    """Name in captions of the one measure of a table."""
    return measure(table["measure"].iloc[0]).label


def model_names(tables: Mapping[str, Any]) -> list[str]:
    """The models of models.csv in order."""
    return list(require(tables, "models", "model architecture training norm eps parameters")["model"])


def groups(tables: Mapping[str, Any], models: Iterable[str]) -> dict[str, int]:
    """{model: its group in clusters.csv, from 1}. Raises BadInput where one of `models` has none."""
    table = require(tables, "clusters", "model cluster")
    group = dict(zip(table["model"], table["cluster"].astype(int), strict=True))
    if missing := [name for name in models if name not in group]:
        raise BadInput(f"clusters.csv has no row for the model {missing[0]!r}.")
    return group


def square(
    table: pd.DataFrame, row: str, column: str, value: str, names: Sequence[str], where: str, *, symmetric: bool = False
) -> Matrix:
    """The values as a matrix (len(names), len(names)); `symmetric` tables hold each unordered pair once.

    Raises BadInput for a pair that the table lacks or holds twice.
    """
    cells = table[[row, column, value]].astype({row: str, column: str})
    if symmetric:
        mirrored = cells[cells[row] != cells[column]].rename(columns={row: column, column: row})
        cells = pd.concat([cells, mirrored])
    pairs = pd.MultiIndex.from_product([names, names])
    found = cells.set_index([row, column])[value]
    count = found.groupby(level=[0, 1]).size().reindex(pairs, fill_value=0)
    for a, b in count.index[count != 1][:1]:
        raise BadInput(
            f"{where} has {count[a, b]} rows for {a} ({row}) with {b} ({column}); each pair of models must be "
            "there once."
        )
    values = pd.to_numeric(found[found.index.isin(pairs)], errors="coerce")
    return values.reindex(pairs).to_numpy(dtype=np.float64).reshape(len(names), -1)


def defined(values: Sequence[float] | Matrix) -> Matrix:
    """The values that are defined, flat."""
    flat = np.asarray(values, dtype=np.float64).ravel()
    return flat[np.isfinite(flat)]


def off_diagonal(values: Matrix) -> Matrix:
    """The defined values off the diagonal, flat."""
    return defined(values[~np.eye(len(values), dtype=bool)])
