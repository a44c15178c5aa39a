"""Tables of SAT, the pipeline's own or a user's, as model names and a symmetric matrix.

Two forms are read: `sat.csv` (tidy: attack, model_a, model_b, sat; each unordered pair once) and a square CSV
whose first row and first column hold the names of the models, as released by Hwang et al. (2024).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kindred.workflow.errors import BadInput

Matrix = NDArray[np.float64]
TOP = float(np.log(100.0))  # SAT of two models that every image fools
ROUNDING = 1e-6  # allowed difference between the two halves of a square table
TIDY = {"model_a", "model_b", "sat"}
MIN_MODELS = 3


@dataclass(frozen=True)
class Scores:
    """SAT of every pair of models, (m, m) symmetric, logarithms of percentages; NaN where undefined."""

    models: tuple[str, ...]
    sat: Matrix

    def pairs(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Row and column indices of the pairs of different models, each pair once."""
        first, second = np.triu_indices(len(self.models), 1)
        return first, second

    def of(self, models: Sequence[str]) -> "Scores":
        """The scores of these models, in their order. Raises BadInput for a model that is missing."""
        index = {name: at for at, name in enumerate(self.models)}
        if missing := [name for name in models if name not in index]:
            raise BadInput(f"the table of SAT has no model '{missing[0]}'; it holds {_some(self.models)}.")
        kept = [index[name] for name in models]
        return Scores(tuple(models), self.sat[np.ix_(kept, kept)])


def read(path: str | Path, attack: str | None = None) -> Scores:
    """SAT from a CSV file in one of the two forms. Raises BadInput as `of_table`, and if it cannot be read."""
    try:
        # No word stands for an undefined value: a model may be called `NA`.
        table = pd.read_csv(path, keep_default_na=False, na_values=[""])
    except (OSError, ValueError, UnicodeDecodeError) as error:
        raise BadInput(f"the table of SAT '{path}' cannot be read as CSV ({error}).") from error
    return of_table(table, f"'{path}'", attack)


def of_table(table: pd.DataFrame, where: str, attack: str | None = None) -> Scores:
    """SAT from a table in one of the two forms; `attack` chooses one of a tidy table.

    where: name of the table in messages. Raises BadInput for a table in neither form, with too few models, a
    missing pair or an impossible value, or that is not symmetric.
    """
    scores = _tidy(where, table, attack) if set(table.columns) >= TIDY else _square(where, table)
    if len(scores.models) < MIN_MODELS:
        raise BadInput(f"{where} holds {len(scores.models)} models; it must hold at least {MIN_MODELS}.")
    if (scores.sat > TOP + ROUNDING).any():
        raise BadInput(f"{where} holds a SAT of {np.nanmax(scores.sat):g}; it can be at most ln 100 = {TOP:.3f}.")
    return scores


def _square(where: str, table: pd.DataFrame) -> Scores:
    names = [str(name) for name in table.columns[1:]]
    rows = [str(name) for name in table.iloc[:, 0]] if len(table.columns) else []
    if names != rows or len(set(names)) < len(names):
        raise BadInput(
            f"{where} is not a table of SAT; it must have the columns model_a, model_b and sat, or the same "
            "names of models, each once, in its first row and first column."
        )
    values = table.iloc[:, 1:].apply(pd.to_numeric, errors="coerce").to_numpy(dtype=np.float64)
    both = np.isfinite(values) & np.isfinite(values.T)
    apart = np.abs(values - values.T)
    if not np.array_equal(np.isfinite(values), np.isfinite(values.T)) or (apart[both] > ROUNDING).any():
        raise BadInput(f"{where} is not symmetric; SAT of A with B must be SAT of B with A.")
    return Scores(tuple(names), values)


def _tidy(where: str, table: pd.DataFrame, attack: str | None) -> Scores:
    if "attack" in table:
        known = [str(name) for name in table["attack"].unique()]
        if attack is None and len(known) > 1:
            raise BadInput(f"{where} holds the attacks {', '.join(known)}; name one of them in sat.attack.")
        if attack is not None and attack not in known:
            raise BadInput(f"{where} does not hold the attack '{attack}'; it holds {', '.join(known)}.")
        table = table[table["attack"].astype(str) == (attack or known[0])]
    first, second = table["model_a"].astype(str), table["model_b"].astype(str)
    names = list(dict.fromkeys([*first, *second]))
    index = {name: at for at, name in enumerate(names)}
    rows, columns = first.map(index).to_numpy(), second.map(index).to_numpy()
    count = np.zeros((len(names),) * 2, dtype=np.int64)
    np.add.at(count, (np.minimum(rows, columns), np.maximum(rows, columns)), 1)
    upper = np.triu(np.ones_like(count, dtype=bool))
    if (count[upper] != 1).any():
        a, b = np.argwhere(upper & (count != 1))[0]
        raise BadInput(
            f"{where} holds '{names[a]}' with '{names[b]}' {count[a, b]} times; it must hold each pair once."
        )
    values = np.full(count.shape, np.nan)
    values[rows, columns] = values[columns, rows] = table["sat"].to_numpy(dtype=np.float64)
    return Scores(tuple(names), values)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
