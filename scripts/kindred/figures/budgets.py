"""Inverter budget x tested budget: mean CKA on inverted images (Jones et al. 2022, Fig. 1).

Two conventions stand side by side, because the choice changes the numbers: the mean over all pairs of different
models, which between unequal budgets includes pairs of one architecture, and the mean over pairs of different
architectures only. The published figure mixes the two (papers.md 1.4), which shows as a dip on its diagonal.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from kindred.errors import BadInput
from kindred.figures import cka, heatmap, matrix, style, tables

CONVENTIONS = {"models": "All pairs of different models", "architectures": "Different architectures only"}


@dataclass(frozen=True)
class Content:
    """Means (inverter budget, tested budget) and the number of ordered pairs behind each, per convention."""

    budgets: tuple[tables.Budget, ...]
    means: dict[str, tables.Matrix]
    pairs: dict[str, np.ndarray]
    undefined: int
    inversion: str
    n: str


def average(
    values: tables.Matrix,
    budgets: Sequence[object],
    families: Sequence[str],
    convention: str,
    over: Sequence[object],
) -> tuple[tables.Matrix, np.ndarray]:
    """Means and counts (len(over), len(over)) of values (model, model) over ordered pairs, NaN values left out.

    budgets, families: of each model; convention: a key of CONVENTIONS. A cell without pairs is NaN.
    """
    apart = ~np.eye(len(values), dtype=bool)
    if convention == "architectures":
        kinds = np.array(families, dtype=object)
        apart &= kinds[:, None] != kinds[None, :]
    counted = apart & np.isfinite(values)
    member = np.array([[one == budget for one in budgets] for budget in over], dtype=np.float64)
    pairs = member @ counted @ member.T
    total = member @ np.where(counted, values, 0.0) @ member.T
    with np.errstate(invalid="ignore"):
        return total / pairs, pairs.round().astype(int)


def select(
    table: pd.DataFrame,
    models: pd.DataFrame,
    *,
    measure: str = "cka_debiased",
    inversion: str | None = None,
    conventions: Sequence[str] = tuple(CONVENTIONS),
    order: Sequence[str] | None = None,
) -> Content:
    """The matrices of the figure. Raises BadInput for what the tables lack and for an unknown convention."""
    if not conventions or any(one not in CONVENTIONS for one in conventions):
        raise BadInput(
            f"The conventions are {list(conventions)!r}; they must be among {', '.join(CONVENTIONS)}."
        )
    tables.require(models, ["model", "architecture"], "models.csv")
    budget = tables.budgets(models)
    names = tables.order(models, order)
    name = cka.name_inversion(table, inversion)
    if name is None:
        raise BadInput("cka.csv has natural images only; this figure needs an inversion.")
    rows = cka.rows_of(table, name, measure)
    values = tables.square(
        rows, "model_a", "model_b", "value", names, f"cka.csv ({measure} on {name} images)"
    )
    families = dict(zip(models["model"].astype(str), models["architecture"].astype(str), strict=True))
    own = [budget[one] for one in names]
    over = tables.in_order(own)
    made = {one: average(values, own, [families[m] for m in names], one, over) for one in conventions}
    drawn = rows[rows["model_a"].astype(str).isin(names) & rows["model_b"].astype(str).isin(names)]
    return Content(
        budgets=tuple(over),
        means={one: means for one, (means, _) in made.items()},
        pairs={one: pairs for one, (_, pairs) in made.items()},
        undefined=int((~np.isfinite(values)).sum()),
        inversion=name,
        n=tables.counted(drawn["n"]) if "n" in drawn else "",
    )


def draw(
    table: pd.DataFrame,
    models: pd.DataFrame,
    *,
    measure: str = "cka_debiased",
    inversion: str | None = None,
    conventions: Sequence[str] = tuple(CONVENTIONS),
    order: Sequence[str] | None = None,
    annotate: bool | str = "auto",
    dpi: int = style.DPI,
    font_size: float = style.FONT_SIZE,
) -> Figure:
    """A heatmap per convention on one scale; rows are inverter budgets from below (as published), columns tested.

    table: cka.csv; models: models.csv; order: the models averaged over (default: all).
    """
    content = select(
        table, models, measure=measure, inversion=inversion, conventions=conventions, order=order
    )
    labels = [one.label for one in content.budgets]
    side = cka.model_side(labels, content.budgets, named=False)
    norm = Normalize(0, 1)
    panels = [
        matrix.Panel(
            content.means[one],
            side,
            side,
            CONVENTIONS[one],
            "inverted through",
            "tested model",
            style.SIMILARITY,
            norm,
            "{:.2f}".format,
            np.array([[f"{count} pairs" for count in row] for row in content.pairs[one]]),
        )
        for one in conventions
    ]
    wide = 0.62 if len(labels) <= 5 else 0.42
    wide *= font_size / style.FONT_SIZE
    return heatmap.draw(
        panels,
        bar=cka.unit_bar(measure, [shown.values for shown in panels]),
        bodies=[(wide * len(labels),) * 2] * len(panels),
        origin="lower",
        annotate=annotate,
        undefined="no pairs",
        dpi=dpi,
        font_size=font_size,
    ).figure


def caption(
    table: pd.DataFrame,
    models: pd.DataFrame,
    *,
    measure: str = "cka_debiased",
    inversion: str | None = None,
    conventions: Sequence[str] = tuple(CONVENTIONS),
    order: Sequence[str] | None = None,
) -> str:
    """What the figure shows: estimator, direction, which ordered pairs each cell averages and how many they are."""
    content = select(
        table, models, measure=measure, inversion=inversion, conventions=conventions, order=order
    )
    over = f", n = {content.n} images" if content.n else ""
    said = [
        f"Mean similarity ({tables.MEASURES.get(measure, measure)}, penultimate features{over}) on images inverted "
        f"through a model trained at the row's budget (inversion {content.inversion}), tested at the column's budget. "
        "Cells average ordered pairs of models; a model is never paired with itself."
    ]
    for place, one in enumerate(conventions):
        where = "" if len(conventions) == 1 else ("Left: " if place == 0 else "Right: ")
        what = {
            "models": "all pairs of different models, also of one architecture",
            "architectures": "only pairs of different architectures",
        }[one]
        said.append(f"{where}{what}; pairs per cell {_counts(content.pairs[one], content.budgets)}.")
    if content.undefined:
        said.append(f"{content.undefined} undefined values are left out.")
    if any((pairs == 0).any() for pairs in content.pairs.values()):
        said.append("Hatched cells have no pairs.")
    return " ".join(said)


def _counts(pairs: np.ndarray, budgets: Sequence[tables.Budget]) -> str:
    """The number of pairs of every cell, row by row where budgets are few, else as ranges."""
    if len(np.unique(pairs)) == 1:
        return str(pairs[0, 0])
    if len(budgets) <= 4:
        rows = [f"{one.label}: {', '.join(map(str, row))}" for one, row in zip(budgets, pairs, strict=True)]
        return "by inverter budget, tested left to right (" + "; ".join(rows) + ")"
    equal = np.diag(pairs)
    other = pairs[~np.eye(len(pairs), dtype=bool)]
    return f"{_range(equal)} at equal budgets, {_range(other)} at unequal ones"


def _range(numbers: np.ndarray) -> str:
    low, high = int(numbers.min()), int(numbers.max())
    return str(low) if low == high else f"{low} to {high}"
