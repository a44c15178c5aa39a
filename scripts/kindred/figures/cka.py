"""Model x model CKA on natural images beside the same on inverted images (Jones et al. 2022, Figs 3 and 4).

Rows invert, columns are tested: a cell of the right panel is the CKA of the row's and the column's features on the
images inverted through the row's model, so that matrix is not symmetric and its diagonal is 1 by construction.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from kindred.figures import heatmap, matrix, style, tables

COLUMNS = ("stimuli", "model_a", "model_b", "measure", "value")
WHERE = "cka.csv"


@dataclass(frozen=True)
class Content:
    """What the figure shows: models in order, their budgets, and a matrix per panel (None: no inversion)."""

    names: tuple[str, ...]
    budgets: tuple[tables.Budget, ...]
    natural: tables.Matrix
    inverted: tables.Matrix | None
    inversion: str | None
    rows: pd.DataFrame


def rows_of(table: pd.DataFrame, stimuli: str, measure: str) -> pd.DataFrame:
    """The rows of cka.csv with one measure on one kind of stimuli. Raises BadInput when there are none."""
    tables.require(table, COLUMNS, WHERE)
    return tables.choose(
        tables.choose(table, "measure", measure, WHERE), "stimuli", stimuli, f"{WHERE} ({measure})"
    )


def name_inversion(table: pd.DataFrame, inversion: str | None) -> str | None:
    """The inversion to draw: the one asked for, the only one there, or None when the table has natural images only."""
    tables.require(table, COLUMNS, WHERE)
    others = table[table["stimuli"].astype(str) != "natural"]
    return None if inversion is None and others.empty else tables.only(others, "stimuli", inversion, WHERE)


def select(
    table: pd.DataFrame,
    models: pd.DataFrame,
    *,
    measure: str = "cka_debiased",
    inversion: str | None = None,
    order: Sequence[str] | None = None,
) -> Content:
    """The matrices of the figure, models grouped by training budget. Raises BadInput for what the tables lack."""
    budget = tables.budgets(models)
    names = tables.by_budget(tables.order(models, order), budget)
    inversion = name_inversion(table, inversion)
    natural = rows_of(table, "natural", measure)
    kept = [natural]
    inverted = None
    where = f"{WHERE} ({measure} on {{}} images)"
    if inversion is not None:
        kept.append(rows_of(table, inversion, measure))
        inverted = tables.square(kept[1], "model_a", "model_b", "value", names, where.format(inversion))
    rows = pd.concat(kept)
    return Content(
        names=tuple(names),
        budgets=tuple(budget[name] for name in names),
        natural=tables.square(
            natural, "model_a", "model_b", "value", names, where.format("natural"), symmetric=True
        ),
        inverted=inverted,
        inversion=inversion,
        rows=rows[rows["model_a"].astype(str).isin(names) & rows["model_b"].astype(str).isin(names)],
    )


def draw(
    table: pd.DataFrame,
    models: pd.DataFrame,
    *,
    measure: str = "cka_debiased",
    inversion: str | None = None,
    order: Sequence[str] | None = None,
    annotate: bool | str = "auto",
    dpi: int = style.DPI,
    font_size: float = style.FONT_SIZE,
) -> Figure:
    """Natural and inverted CKA side by side on one scale from 0 to 1.

    table: cka.csv; models: models.csv; order: the models to draw (default: all, as in models.csv), then grouped by
    budget; inversion: name of the inverted stimuli (needed only when the table has several).
    """
    content = select(table, models, measure=measure, inversion=inversion, order=order)
    side = model_side(content.names, content.budgets)
    norm = Normalize(0, 1)

    def panel(values: tables.Matrix, title: str, row: str, column: str) -> matrix.Panel:
        return matrix.Panel(values, side, side, title, row, column, style.SIMILARITY, norm, matrix.unit)

    panels = [panel(content.natural, "Natural images", "model", "model")]
    if content.inverted is not None:
        panels.append(panel(content.inverted, "Inverted images", "inverted through", "tested model"))
    return heatmap.draw(
        panels,
        bar=unit_bar(measure, [shown.values for shown in panels]),
        annotate=annotate,
        dpi=dpi,
        font_size=font_size,
    ).figure


def model_side(names: Sequence[str], budgets: Sequence[tables.Budget], *, named: bool = True) -> matrix.Side:
    """Models as rows or columns, with the names and colours of their budgets."""
    colours = legend(budgets)
    labels = tuple(one.label for one in budgets)
    return matrix.Side(tuple(names), labels, tuple(colours[label] for label in labels), named)


def legend(budgets: Sequence[tables.Budget]) -> dict[str, str]:
    """Label and colour of every budget, standard first."""
    return style.budget_colours((one.label, one.norm, one.eps) for one in tables.in_order(budgets))


def unit_bar(measure: str, values: Sequence[tables.Matrix]) -> heatmap.Bar:
    """The bar of a similarity from 0 to 1; pointed where values lie outside (debiased estimates can)."""
    seen = np.concatenate([matrix[np.isfinite(matrix)] for matrix in values])
    low, high = bool((seen < -0.005).any()), bool((seen > 1.005).any())
    extend = {(False, False): "neither", (True, False): "min", (False, True): "max", (True, True): "both"}[
        low, high
    ]
    return heatmap.Bar(tables.MEASURES.get(measure, measure), (0, 0.2, 0.4, 0.6, 0.8, 1), extend)


def caption(
    table: pd.DataFrame,
    models: pd.DataFrame,
    *,
    measure: str = "cka_debiased",
    inversion: str | None = None,
    order: Sequence[str] | None = None,
) -> str:
    """What the figure shows: estimator, images, direction, means over pairs, uncertainty, chance level."""
    content = select(table, models, measure=measure, inversion=inversion, order=order)
    said = [
        f"Similarity ({tables.MEASURES.get(measure, measure)}) of the penultimate features of "
        f"{len(content.names)} models, grouped by training budget, on one colour scale."
    ]
    natural = content.rows["stimuli"].astype(str) == "natural"
    over, inside = (_images(content.rows[kind]) for kind in (natural, ~natural))
    if content.inverted is None:
        said.append(f"All models see the same natural images{over}; the matrix is symmetric.")
    else:
        said.append(
            f"Left: all models see the same natural images{over}; symmetric. Right: both models of a cell see the "
            f"images inverted through the row's model (inversion {content.inversion}{inside}); rows invert, columns "
            "are tested, so the matrix is not symmetric and its diagonal is 1 by construction."
        )
    if len(content.names) > 1:
        said.append(_means(content))
    said += _uncertainty(content.rows)
    holes = sum(int((~np.isfinite(m)).sum()) for m in (content.natural, content.inverted) if m is not None)
    if holes:
        said.append(f"Hatched cells ({holes}) are undefined: a model's features do not vary over the images.")
    return " ".join(said)


def _images(rows: pd.DataFrame) -> str:
    n = tables.counted(rows["n"]) if "n" in rows else ""
    return f", n = {n}" if n else ""


def _means(content: Content) -> str:
    """Mean over pairs of different models: all of them, and within each budget where these are few."""
    panels = [content.natural] + ([] if content.inverted is None else [content.inverted])

    def arrow(keep: np.ndarray) -> str:
        found = [m[keep][np.isfinite(m[keep])] for m in panels]
        return " → ".join(f"{m.mean():.3f}" if len(m) else "undefined" for m in found)

    labels = np.array([one.label for one in content.budgets])
    different = ~np.eye(len(labels), dtype=bool)
    parts = [f"all pairs {arrow(different)}"]
    distinct = list(dict.fromkeys(labels))
    if 1 < len(distinct) <= 4:
        for label in distinct:
            keep = different & (labels[:, None] == label) & (labels[None, :] == label)
            if keep.any():
                parts.append(f"both {label} {arrow(keep)}")
    direction = "" if content.inverted is None else ", natural → inverted"
    return f"Mean over pairs of different models{direction}: {'; '.join(parts)}."


def _uncertainty(rows: pd.DataFrame) -> list[str]:
    """Sentences on the 95 % intervals and on the value that unrelated features would give, where the table knows."""
    said = []
    other = rows[rows["model_a"].astype(str) != rows["model_b"].astype(str)]
    if {"low", "high"} <= set(rows.columns):
        width = (
            pd.to_numeric(other["high"], errors="coerce") - pd.to_numeric(other["low"], errors="coerce")
        ) / 2
        if width.notna().any():
            said.append(
                f"Half-width of the 95 % intervals: median {width.median():.3f}, largest {width.max():.3f}."
            )
    if "null" in rows.columns:
        null = pd.to_numeric(other["null"], errors="coerce").dropna()
        if len(null):
            span = f"{null.min():.3f}"
            if null.max() - null.min() >= 0.0005:
                span = f"{null.min():.3f} to {null.max():.3f}"
            said.append(f"Expected for images paired at random: {span}.".replace("-0.000", "0.000"))
    return said
