"""What the choice of an index does to the same pairs: biased CKA with its null level, debiased CKA, and STIR."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kindred.errors import BadInput
from kindred.figures import chart, cka, style, tables

BIASED, NULL, SHARED = "#254573", "#c08a5b", "#8a2946"


@dataclass(frozen=True)
class Panel:
    """Points (x, y) of one panel, one per pair of different models; `null` belongs to y where it is drawn."""

    title: str
    x: np.ndarray
    y: np.ndarray
    null: np.ndarray | None
    y_name: str
    n: str


def select(
    table: pd.DataFrame,
    models: pd.DataFrame,
    *,
    inversion: str | None = None,
    order: Sequence[str] | None = None,
) -> list[Panel]:
    """Panels for which the table has the measures. Raises BadInput where it has none of them."""
    names = set(tables.order(models, order))
    inverted = cka.name_inversion(table, inversion)
    panels = []
    for stimuli, said in (("natural", "Natural images"), (inverted, "Inverted images")):
        pair = _pairs(table, stimuli, "cka_debiased", "cka_biased", names)
        if pair is not None:
            panels.append(
                Panel(
                    said,
                    pair["value_x"].to_numpy(),
                    pair["value_y"].to_numpy(),
                    pair["null_y"].to_numpy(),
                    "biased CKA",
                    tables.counted(pair["n_y"]),
                )
            )
    pair = _pairs(table, inverted, "cka_debiased", "stir", names)
    if pair is not None:
        x, y = pair["value_x"].to_numpy(), pair["value_y"].to_numpy()
        panels.append(
            Panel("STIR on inverted images", x, y, None, "STIR, debiased", tables.counted(pair["n_y"]))
        )
    if not panels:
        raise BadInput("cka.csv needs cka_debiased and one of cka_biased and stir for this figure.")
    return panels


def _pairs(
    table: pd.DataFrame, stimuli: str | None, first: str, second: str, names: set[str]
) -> pd.DataFrame | None:
    """Rows of two measures side by side, of different models; None where one of the measures is not there."""
    rows = table[table["stimuli"].astype(str) == str(stimuli)]
    a, b = rows["model_a"].astype(str), rows["model_b"].astype(str)
    rows = rows[(a != b) & a.isin(names) & b.isin(names)]
    sides = [rows[rows["measure"].astype(str) == measure] for measure in (first, second)]
    if sides[0].empty or sides[1].empty:
        return None
    return sides[0].merge(sides[1], on=["model_a", "model_b"], suffixes=("_x", "_y"))


def draw(
    table: pd.DataFrame,
    models: pd.DataFrame,
    *,
    inversion: str | None = None,
    order: Sequence[str] | None = None,
    dpi: int = style.DPI,
    font_size: float = style.FONT_SIZE,
) -> Figure:
    """Debiased CKA along x in every panel; up, biased CKA and what it would be for unrelated images, then STIR.

    table: cka.csv; models: models.csv; on the dashed line both indices agree.
    """
    panels = select(table, models, inversion=inversion, order=order)
    scale = font_size / style.FONT_SIZE
    with style.context(font_size) as size:
        entries = {}
        if any(panel.null is not None for panel in panels):
            entries = {"biased CKA of a pair": _dot(BIASED), "its null level": _dot(NULL)}
        if any(panel.null is None for panel in panels):
            entries["STIR of a pair"] = _dot(SHARED)
        figure, drawn = chart.page(
            [1.9] * len(panels),
            1.9,
            lefts=[0.50 * scale] * len(panels),
            below=0.40 * scale,
            beside=chart.legend_width(entries, size),
            titles=[panel.title for panel in panels],
            dpi=dpi,
            font_size=font_size,
        )
        for axes, panel in zip(drawn, panels, strict=True):
            _points(axes, panel)
            chart.name(axes, size, "debiased CKA", panel.y_name)
        chart.legend(figure, drawn[-1], entries, size)
    return figure


def _dot(colour: str) -> dict[str, object]:
    return {"color": colour, "marker": "o", "markersize": 2.6, "linewidth": 0}


def _points(axes: Axes, panel: Panel) -> None:
    low = min(0.0, *(float(np.nanmin(values)) for values in (panel.x, panel.y) if np.isfinite(values).any()))
    axes.plot([low, 1], [low, 1], color=style.QUIET, linewidth=0.6, linestyle=(0, (4, 3)))
    if panel.null is not None:
        axes.plot(panel.x, panel.null, "o", color=NULL, markersize=1.6, alpha=0.7, linewidth=0, gid="null")
    colour = BIASED if panel.null is not None else SHARED
    axes.plot(panel.x, panel.y, "o", color=colour, markersize=2.2, alpha=0.7, linewidth=0, gid="value")
    axes.set_xlim(low - 0.03, 1.03)
    axes.set_ylim(low - 0.03, 1.03)


def caption(
    table: pd.DataFrame,
    models: pd.DataFrame,
    *,
    inversion: str | None = None,
    order: Sequence[str] | None = None,
) -> str:
    """What the figure shows: how far the biased index lies above the debiased one and where its null level is."""
    said = [
        "Indices of the same pairs of different models (penultimate features). On the dashed line both agree. The null "
        "level of the biased index is its exact expectation when the images of one model are paired with those of the "
        "other at random; that of the debiased index is 0."
    ]
    for panel in select(table, models, inversion=inversion, order=order):
        gap = panel.y - panel.x
        if panel.null is not None:
            said.append(
                f"{panel.title} (n = {panel.n}): biased CKA lies {np.nanmean(gap):.3f} above debiased on average, its "
                f"null at {np.nanmin(panel.null):.3f} to {np.nanmax(panel.null):.3f}."
            )
        else:
            said.append(
                f"STIR compares what the tested model says to the inverted images with what it says to their natural "
                f"targets (Nanda et al. 2022); it lies {np.nanmean(gap):+.3f} from CKA with the inverter on average, "
                f"correlation over pairs {_correlation(panel.x, panel.y)}.".replace("-", "−")
            )
    return " ".join(said)


def _correlation(x: np.ndarray, y: np.ndarray) -> str:
    kept = np.isfinite(x) & np.isfinite(y)
    if kept.sum() < 3 or np.ptp(x[kept]) == 0 or np.ptp(y[kept]) == 0:
        return "undefined"
    return f"{np.corrcoef(x[kept], y[kept])[0, 1]:.2f}"
