"""From tidy tables to the small matrices that figures show, and from models.csv to training budgets.

Whatever a figure needs and a table lacks is told in one sentence (BadInput): a missing row means that something was
not computed, whereas a row whose value is NaN was computed and is undefined, and is drawn as such.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kindred.errors import BadInput

Matrix = NDArray[np.float64]

MEASURES = {
    "cka_debiased": "debiased linear CKA",
    "cka_biased": "biased linear CKA",
    "cka_minibatch": "minibatch linear CKA",
    "cka_rbf": "RBF-kernel CKA",
    "stir": "debiased STIR",
    "stir_biased": "biased STIR",
}
# Columns of names, in which an empty cell is an empty name.
WORDS = (
    *(
        "stimuli",
        "inverter",
        "model_a",
        "model_b",
        "layer_a",
        "layer_b",
        "measure",
        "attack",
        "source",
        "target",
    ),
    *("model", "architecture", "training", "norm"),
    *("inversion", "loss", "body", "head", "case"),
)
_NORMS = {"linf": "ℓ∞", "l2": "ℓ2", "l1": "ℓ1"}


@dataclass(frozen=True)
class Budget:
    """What a model was trained against: the name of its training, the norm and the radius (0: nothing)."""

    label: str
    training: str
    norm: str
    eps: float


def read(path: str | Path) -> pd.DataFrame:
    """A table as it was written: empty cells are undefined in columns of numbers and empty text in columns of names.

    No word is taken for an undefined value, so a model may be called `null` or `NA`.
    """
    table = pd.read_csv(path, keep_default_na=False, na_values=[""])
    words = [name for name in WORDS if name in table]
    return table.astype(dict.fromkeys(words, object)).fillna(dict.fromkeys(words, ""))


def require(table: pd.DataFrame, columns: Sequence[str], where: str) -> None:
    """BadInput unless the table has these columns and at least one row."""
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise BadInput(f"{where} lacks the column {missing[0]!r}; it needs {', '.join(columns)}.")
    if table.empty:
        raise BadInput(f"{where} has a header but no rows; there is nothing to draw.")


def present(table: pd.DataFrame, column: str) -> list[str]:
    """The values of a column in order of appearance, without gaps."""
    return [str(value) for value in table[column].dropna().unique()]


def choose(table: pd.DataFrame, column: str, wanted: str, where: str) -> pd.DataFrame:
    """The rows whose `column` is `wanted`; BadInput naming what there is when there are none."""
    rows = table[table[column].astype(str) == wanted]
    if rows.empty:
        raise BadInput(
            f"{where} has no {column} {wanted!r}; it has {', '.join(present(table, column)) or 'none'}."
        )
    return rows


def only(table: pd.DataFrame, column: str, wanted: str | None, where: str) -> str:
    """`wanted` if given, else the one value of a column; BadInput when there are several to choose from."""
    values = present(table, column)
    if wanted is not None:
        return wanted
    if len(values) != 1:
        raise BadInput(
            f"{where} has {len(values)} values of {column} ({', '.join(values)}); name the one to draw."
        )
    return values[0]


def order(models: pd.DataFrame, names: Sequence[str] | None = None) -> list[str]:
    """The models to draw: `names` as given, or every row of models.csv. Each must be there, and once."""
    require(models, ["model"], "models.csv")
    known = [str(name) for name in models["model"]]
    if len(set(known)) < len(known):
        twice = next(name for name in known if known.count(name) > 1)
        raise BadInput(f"models.csv has the model {twice!r} more than once.")
    if names is None:
        return known
    for name in names:
        if name not in known:
            near = get_close_matches(name, known, 3) or known[:5]
            raise BadInput(f"The model {name!r} is not in models.csv; it has for example {', '.join(near)}.")
    if not names or len(set(names)) < len(names):
        raise BadInput(
            f"The order of models must name each model once and at least one; it is {list(names)!r}."
        )
    return list(names)


def radius(eps: float) -> str:
    """0.05 -> '0.05', 8/255 -> '8/255': radii are written as people choose them."""
    short = f"{eps:.4g}"
    if abs(float(short) - eps) > 1e-9 and abs(eps * 255 - round(eps * 255)) < 1e-3:
        return f"{round(eps * 255)}/255"
    return short


def norm_name(norm: str) -> str:
    """'linf' -> 'ℓ∞'."""
    return _NORMS.get(norm, norm)


def budgets(models: pd.DataFrame) -> dict[str, Budget]:
    """The training budget of each model of models.csv.

    Standard training has eps 0 or none and is called by its training's name. Two trainings with one norm and
    radius are told apart by their names.
    """
    require(models, ["model", "training", "norm", "eps"], "models.csv")
    keys: dict[str, tuple[str, str, float]] = {}
    for model, training, norm, eps in zip(
        models["model"], models["training"], models["norm"], models["eps"], strict=True
    ):
        size = pd.to_numeric(eps, errors="coerce")
        size = 0.0 if pd.isna(size) else float(size)
        keys[str(model)] = (str(training), "" if size == 0 or pd.isna(norm) else str(norm), size)
    sharing: dict[tuple[str, float], set[str]] = {}
    for training, norm, eps in keys.values():
        sharing.setdefault((norm, eps), set()).add(training)
    named = {}
    for model, (training, norm, eps) in keys.items():
        label = f"{norm_name(norm)} {radius(eps)}"
        if eps == 0:
            label = training
        elif len(sharing[norm, eps]) > 1:
            label = f"{training} {label}"
        named[model] = Budget(label, training, norm, eps)
    return named


def in_order(given: Sequence[Budget]) -> list[Budget]:
    """Distinct budgets: those without a radius first, then by norm and growing radius."""
    first = {budget: place for place, budget in reversed(list(enumerate(given)))}
    return sorted(first, key=lambda budget: (budget.eps > 0, budget.norm, budget.eps, first[budget]))


def by_budget(names: Sequence[str], budget: dict[str, Budget]) -> list[str]:
    """Models grouped by budget (standard first), within a group in the order given."""
    place = {one: index for index, one in enumerate(in_order([budget[name] for name in names]))}
    return sorted(names, key=lambda name: place[budget[name]])


def square(
    table: pd.DataFrame,
    row: str,
    column: str,
    value: str,
    names: Sequence[str],
    where: str,
    *,
    symmetric: bool = False,
) -> Matrix:
    """The values as a matrix (len(names), len(names)); `symmetric` tables hold each unordered pair once.

    Raises BadInput for a pair the table lacks or holds twice.
    """
    place: dict[Hashable, int] = {name: index for index, name in enumerate(names)}
    rows = table[row].astype(str).map(place)
    columns = table[column].astype(str).map(place)
    kept = (rows.notna() & columns.notna()).to_numpy()
    i = rows[kept].to_numpy(dtype=np.int64)
    j = columns[kept].to_numpy(dtype=np.int64)
    found = pd.to_numeric(table.loc[kept, value], errors="coerce").to_numpy(dtype=np.float64)
    values = np.full((len(names), len(names)), np.nan)
    count = np.zeros(values.shape, dtype=np.int64)
    values[i, j] = found
    np.add.at(count, (i, j), 1)
    if symmetric:
        values[j, i] = found
        np.add.at(count, (j[i != j], i[i != j]), 1)
    for wrong, says in ((count == 0, "has no row"), (count > 1, "has more than one row")):
        if wrong.any():
            a, b = np.argwhere(wrong)[0]
            pairs = int(np.triu(wrong | wrong.T).sum()) if symmetric else int(wrong.sum())
            more = f" and for {pairs - 1} more pairs" if pairs > 1 else ""
            raise BadInput(
                f"{where} {says} for {names[a]} ({row}) with {names[b]} ({column}){more}; "
                "each pair of the models drawn must be there once."
            )
    return values


def counted(n: pd.Series) -> str:
    """'10,000', or '3,700 to 3,900' where cells differ; '' when nothing is known."""
    numbers = pd.to_numeric(n, errors="coerce").dropna()
    if numbers.empty:
        return ""
    low, high = int(numbers.min()), int(numbers.max())
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def off_diagonal(values: Matrix) -> Matrix:
    """The defined values off the diagonal, flat."""
    flat = values[~np.eye(len(values), dtype=bool)]
    return flat[np.isfinite(flat)]


def listed(items: Sequence[str]) -> str:
    """'a', 'a and b', 'a, b and c'."""
    return " and ".join(filter(None, [", ".join(items[:-1]), *items[-1:]]))
