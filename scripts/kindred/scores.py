"""Tables of SAT: the pipeline's own and those that a user brings, as names and one symmetric matrix.

Two forms are read: `sat.csv` (tidy: attack, model_a, model_b, sat; each unordered pair once) and a square CSV whose
first row and first column hold the names of the models, such as the matrix that Hwang et al. (2024) released.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kindred.errors import BadInput

Matrix = NDArray[np.float64]
TOP = float(np.log(100.0))  # SAT of two models that every image fools
ROUNDING = 1e-6  # two halves of a square table may differ by so much
TIDY = {"model_a", "model_b", "sat"}
FEWEST = 3


@dataclass(frozen=True)
class Scores:
    """SAT of every pair of models, (m, m) symmetric, natural logarithms of percentages; NaN where undefined."""

    models: tuple[str, ...]
    sat: Matrix

    def pairs(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows and columns of the pairs of different models, each once."""
        first, second = np.triu_indices(len(self.models), 1)
        return first, second

    def of(self, models: Sequence[str]) -> "Scores":
        """The same for some of the models, in their order. Raises BadInput for one that is not there."""
        place = {name: index for index, name in enumerate(self.models)}
        if missing := [name for name in models if name not in place]:
            raise BadInput(f"the table of SAT has no model '{missing[0]}'; it holds {_some(self.models)}.")
        kept = [place[name] for name in models]
        return Scores(tuple(models), self.sat[np.ix_(kept, kept)])


def read(path: str | Path, attack: str | None = None) -> Scores:
    """SAT from a file in one of the two forms; `attack` chooses among those of a tidy one.

    Raises BadInput for a table that is neither, is not symmetric, lacks a pair, or holds what SAT cannot be.
    """
    try:
        # No word stands for an undefined value: a model may be called `NA`.
        table = pd.read_csv(path, keep_default_na=False, na_values=[""])
    except (OSError, ValueError, UnicodeDecodeError) as error:
        raise BadInput(f"the table of SAT '{path}' cannot be read as CSV ({error}).") from error
    scores = _tidy(path, table, attack) if set(table.columns) >= TIDY else _square(path, table)
    if len(scores.models) < FEWEST:
        raise BadInput(f"'{path}' holds {len(scores.models)} models; there must be at least {FEWEST}.")
    if (scores.sat > TOP + ROUNDING).any():
        raise BadInput(
            f"'{path}' holds a SAT of {np.nanmax(scores.sat):g}; it can be at most ln 100 = {TOP:.3f}."
        )
    return scores


def attacks(path: str | Path) -> list[str]:
    """The attacks of a tidy table in order of appearance; none of a square one."""
    table = pd.read_csv(path)
    return [str(name) for name in table["attack"].unique()] if "attack" in table else []


def _square(path: str | Path, table: pd.DataFrame) -> Scores:
    names = [str(name) for name in table.columns[1:]]
    rows = [str(name) for name in table.iloc[:, 0]] if len(table.columns) else []
    if names != rows or len(set(names)) < len(names):
        raise BadInput(
            f"'{path}' is no table of SAT: it must have the columns model_a, model_b and sat, or the same names of "
            "models, each once, in its first row and first column."
        )
    values = table.iloc[:, 1:].apply(pd.to_numeric, errors="coerce").to_numpy(dtype=np.float64)
    both = np.isfinite(values) & np.isfinite(values.T)
    apart = np.abs(values - values.T)
    if not np.array_equal(np.isfinite(values), np.isfinite(values.T)) or (apart[both] > ROUNDING).any():
        raise BadInput(f"'{path}' is not symmetric; SAT of A with B is SAT of B with A.")
    return Scores(tuple(names), values)


def _tidy(path: str | Path, table: pd.DataFrame, attack: str | None) -> Scores:
    if "attack" in table:
        known = attacks(path)
        if attack is None and len(known) > 1:
            raise BadInput(f"'{path}' holds the attacks {', '.join(known)}; name one in sat.attack.")
        if attack is not None and attack not in known:
            raise BadInput(f"'{path}' holds no attack '{attack}'; it holds {', '.join(known)}.")
        table = table[table["attack"].astype(str) == (attack or known[0])]
    first, second = table["model_a"].astype(str), table["model_b"].astype(str)
    names = list(dict.fromkeys([*first, *second]))
    place = {name: index for index, name in enumerate(names)}
    rows, columns = first.map(place).to_numpy(), second.map(place).to_numpy()
    count = np.zeros((len(names),) * 2, dtype=np.int64)
    np.add.at(count, (np.minimum(rows, columns), np.maximum(rows, columns)), 1)
    upper = np.triu(np.ones_like(count, dtype=bool))
    if (count[upper] != 1).any():
        a, b = np.argwhere(upper & (count != 1))[0]
        raise BadInput(
            f"'{path}' holds '{names[a]}' with '{names[b]}' {count[a, b]} times; each pair must be there once."
        )
    values = np.full(count.shape, np.nan)
    values[rows, columns] = values[columns, rows] = table["sat"].to_numpy(dtype=np.float64)
    return Scores(tuple(names), values)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
