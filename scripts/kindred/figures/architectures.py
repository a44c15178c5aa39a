"""Architecture x architecture similarity, budget by budget (Jones et al. 2022, Figs 3, 4 and 6).

`draw` has a pair of heatmaps per training budget, natural beside inverted images; `draw_budgets` a heatmap of inverter
budget x tested budget per pair of architectures. A cell with several models on a side (seeds) is a mean over ordered
pairs of different models; where both sides are one and the same model, its value with itself is shown, which is 1 by
construction.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from kindred.errors import BadInput
from kindred.figures import accuracy, cka, grid, heatmap, matrix, style, tables


@dataclass(frozen=True)
class Content:
    """Values (model, model) on natural and on inverted images, and what each model is."""

    names: tuple[str, ...]
    budgets: tuple[tables.Budget, ...]  # of each model
    families: tuple[str, ...]  # of each model
    over: tuple[tables.Budget, ...]  # budgets in order
    natural: tables.Matrix
    inverted: tables.Matrix
    inversion: str
    n: str
    n_natural: str

    @property
    def architectures(self) -> list[str]:
        """In the order of models.csv."""
        return list(dict.fromkeys(self.families))


def select(
    table: pd.DataFrame,
    models: pd.DataFrame,
    *,
    measure: str = "cka_debiased",
    inversion: str | None = None,
    order: Sequence[str] | None = None,
) -> Content:
    """What both figures show. Raises BadInput for what the tables lack."""
    names = tables.order(models, order)
    budget, family = tables.budgets(models), accuracy.families(models)
    name = cka.name_inversion(table, inversion)
    if name is None:
        raise BadInput("cka.csv has natural images only; this figure needs an inversion.")
    own = [budget[one] for one in names]
    where = f"cka.csv ({measure} on {{}} images)"
    rows = {kind: cka.rows_of(table, kind, measure) for kind in ("natural", name)}
    columns = ("model_a", "model_b", "value")
    return Content(
        tuple(names),
        tuple(own),
        tuple(family[one] for one in names),
        tuple(tables.in_order(own)),
        tables.square(rows["natural"], *columns, names, where.format("natural"), symmetric=True),
        tables.square(rows[name], *columns, names, where.format(name)),
        name,
        tables.counted(rows[name]["n"]),
        tables.counted(rows["natural"]["n"]),
    )


def average(values: tables.Matrix, rows: Sequence[int], columns: Sequence[int]) -> float:
    """Mean of the values of different models; of one and the same model, its value with itself; NaN for no pairs."""
    pairs = [values[i, j] for i in rows for j in columns if i != j]
    if not pairs and rows and list(rows) == list(columns):
        pairs = [values[rows[0], rows[0]]]
    defined = [value for value in pairs if np.isfinite(value)]
    return float(np.mean(defined)) if defined else float("nan")


def members(content: Content, architecture: str, budget: tables.Budget) -> list[int]:
    """Positions of the models of an architecture that were trained at a budget."""
    both = zip(content.families, content.budgets, strict=True)
    return [place for place, (family, own) in enumerate(both) if family == architecture and own == budget]


def means(
    content: Content, values: tables.Matrix, rows: Sequence[Sequence[int]], columns: Sequence[Sequence[int]]
) -> tables.Matrix:
    """`average` of every pair of groups of models."""
    return np.array([[average(values, row, column) for column in columns] for row in rows])


def short(architecture: str) -> str:
    """An architecture as figures name it, without the library it comes from."""
    return architecture.rpartition(":")[2]


def levels(content: Content) -> list[tuple[tables.Budget, list[str]]]:
    """Budgets with the architectures trained at each; those with a single one are left out. BadInput for none."""
    found = []
    for budget in content.over:
        here = [name for name in content.architectures if members(content, name, budget)]
        if len(here) > 1:
            found.append((budget, here))
    if not found:
        raise BadInput(
            "models.csv has no training budget with more than one architecture; there is nothing to draw."
        )
    return found


def complete(content: Content) -> list[str]:
    """The architectures with models at every budget; where none has, those with the most budgets."""
    count = {
        name: sum(bool(members(content, name, budget)) for budget in content.over)
        for name in content.architectures
    }
    return [name for name in content.architectures if count[name] == max(count.values())]


def draw(
    table: pd.DataFrame,
    models: pd.DataFrame,
    *,
    measure: str = "cka_debiased",
    inversion: str | None = None,
    order: Sequence[str] | None = None,
    dpi: int = style.DPI,
    font_size: float = style.FONT_SIZE,
) -> Figure:
    """A row per budget: architecture x architecture on natural images, and on inverted ones (rows invert)."""
    content = select(table, models, measure=measure, inversion=inversion, order=order)
    rows, budgets = [], []
    for budget, names in levels(content):
        groups = [members(content, name, budget) for name in names]
        labels = matrix.Side(tuple(short(name) for name in names))
        both = ((content.natural, "Natural images"), (content.inverted, "Inverted images"))
        rows.append([_panel(means(content, values, groups, groups), labels, title) for values, title in both])
        budgets.append(budget.label)
    largest = max(len(row[0].rows.labels) for row in rows)
    return grid.draw(
        rows,
        bar=cka.unit_bar(measure, [panel.values for row in rows for panel in row]),
        cell=min(heatmap.pitch(largest), 0.34),
        row_names=budgets,
        every=True,
        axis_names=("architecture (right: inverted through)", "architecture (right: tested)"),
        dpi=dpi,
        font_size=font_size,
    )


def draw_budgets(
    table: pd.DataFrame,
    models: pd.DataFrame,
    *,
    measure: str = "cka_debiased",
    inversion: str | None = None,
    order: Sequence[str] | None = None,
    dpi: int = style.DPI,
    font_size: float = style.FONT_SIZE,
) -> Figure:
    """A matrix per ordered pair of architectures: inverter budget (from below, as published) x tested budget."""
    content = select(table, models, measure=measure, inversion=inversion, order=order)
    names = complete(content)
    side = matrix.Side(tuple(budget.label for budget in content.over))
    groups = {name: [members(content, name, budget) for budget in content.over] for name in names}
    rows = [
        [
            _panel(means(content, content.inverted, groups[inverter], groups[tested]), side, short(tested))
            for tested in names
        ]
        for inverter in names
    ]
    return grid.draw(
        rows,
        bar=cka.unit_bar(measure, [panel.values for row in rows for panel in row]),
        cell=float(np.clip(1.3 / len(content.over), 0.13, 0.34)),
        row_names=[short(name) for name in names],
        every=False,
        axis_names=("inverted through", "tested model"),
        origin="lower",
        undefined="no pairs",
        dpi=dpi,
        font_size=font_size,
    )


def _panel(values: tables.Matrix, side: matrix.Side, title: str) -> matrix.Panel:
    return matrix.Panel(values, side, side, title, "", "", style.SIMILARITY, Normalize(0, 1), matrix.unit)


def caption(
    table: pd.DataFrame,
    models: pd.DataFrame,
    *,
    measure: str = "cka_debiased",
    inversion: str | None = None,
    order: Sequence[str] | None = None,
) -> str:
    """What `draw` shows, and the mean off the diagonal at each budget."""
    content = select(table, models, measure=measure, inversion=inversion, order=order)
    said = [
        f"Similarity ({tables.MEASURES.get(measure, measure)}, penultimate features) of architectures trained at one "
        f"budget. Left: natural images (n = {content.n_natural}). Right: images inverted through the row's model "
        f"(inversion {content.inversion}, n = {content.n}); rows invert, columns are tested. {_seeds(content)}"
    ]
    for budget, names in levels(content):
        groups = [members(content, name, budget) for name in names]
        both = [
            tables.off_diagonal(means(content, values, groups, groups))
            for values in (content.natural, content.inverted)
        ]
        low, high = (f"{each.mean():.3f}" if len(each) else "undefined" for each in both)
        said.append(f"Mean off the diagonal at {budget.label}: {low} → {high}.")
    return " ".join(said)


def caption_budgets(
    table: pd.DataFrame,
    models: pd.DataFrame,
    *,
    measure: str = "cka_debiased",
    inversion: str | None = None,
    order: Sequence[str] | None = None,
) -> str:
    """What `draw_budgets` shows, and which architectures it leaves out."""
    content = select(table, models, measure=measure, inversion=inversion, order=order)
    names = complete(content)
    said = [
        f"Similarity ({tables.MEASURES.get(measure, measure)}, penultimate features) on images inverted through a "
        f"model of the row's architecture and budget (inversion {content.inversion}, n = {content.n}), tested on the "
        f"column's. {_seeds(content)}"
    ]
    if left := [short(name) for name in content.architectures if name not in names]:
        said.append(f"Left out, as they lack a budget: {tables.listed(left)}.")
    return " ".join(said)


def _seeds(content: Content) -> str:
    several = any(
        len(members(content, name, budget)) > 1 for name in content.architectures for budget in content.over
    )
    if several:
        return (
            "Where an architecture has several models at a budget, a cell is the mean over ordered pairs of different "
            "models; a single model's cell with itself is 1 by construction."
        )
    return "A model's cell with itself is 1 by construction."
