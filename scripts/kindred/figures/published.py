"""Ours beside what Jones et al. 2022 published: a point per cell that both have."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kindred.figures import chart, style, tables

COLUMNS = ("figure", "images", "quantity", "ours", "published")
NOTHING = "No cell in common: none of the study's models stands for one of the paper's."
COLOURS = ("#254573", "#c75a47", "#65abae", "#8a2946", "#7d7d79")
NAMES = {
    "both_right": "both right",
    "both_wrong_same": "both wrong alike",
    "body_wrong_head_right": "head right",
    "body_right_head_wrong": "body right",
    "both_wrong_differ": "both wrong",
}


@dataclass(frozen=True)
class Panel:
    """One panel: its title, and the cells of each of its groups."""

    title: str
    groups: dict[str, pd.DataFrame]


def select(table: pd.DataFrame) -> list[Panel]:
    """The panels for which there are cells; table: published.csv, which may have no rows."""
    if not table.empty:
        tables.require(table, COLUMNS, "published.csv")
    figure = table["figure"].astype(str)
    panels = [Panel("Figure 1", {"inverted": table[figure == "1"]})]
    both = table[figure.isin(["3", "4"])]
    panels.append(Panel("Figures 3 and 4", {str(kind): part for kind, part in both.groupby("images")}))
    panels.append(Panel("Figure 5", {"cosine": table[figure == "5"]}))
    panels.append(Panel("Figure 6", {"inverted": table[figure == "6"]}))
    cases = table[figure.isin(["7", "8"])]
    panels.append(
        Panel(
            "Figures 7 and 8",
            {NAMES.get(str(case), str(case)): part for case, part in cases.groupby("quantity", sort=False)},
        )
    )
    return [panel for panel in panels if any(len(part) for part in panel.groups.values())]


def draw(table: pd.DataFrame, *, dpi: int = style.DPI, font_size: float = style.FONT_SIZE) -> Figure:
    """A panel per figure of the paper, published value along x, ours up; a sentence where there is no cell."""
    panels = select(table)
    scale = font_size / style.FONT_SIZE
    with style.context(font_size) as size:
        if not panels:
            figure = style.blank(4.6 * scale, 0.8 * scale, dpi)
            figure.text(
                0.5, 0.5, NOTHING, fontsize=size.label, ha="center", va="center", gid="nothing", wrap=True
            )
            return figure
        figure, drawn = chart.page(
            [1.6] * len(panels),
            1.6,
            lefts=[0.44 * scale] * len(panels),
            below=0.40 * scale,
            beside=0.05,
            titles=[panel.title for panel in panels],
            dpi=dpi,
            font_size=font_size,
        )
        for place, (axes, panel) in enumerate(zip(drawn, panels, strict=True)):
            _points(axes, panel, size)
            chart.name(axes, size, "published", "ours" if place == 0 else "")
    return figure


def _points(axes: Axes, panel: Panel, size: style.Sizes) -> None:
    values = np.concatenate(
        [part[["ours", "published"]].to_numpy().ravel() for part in panel.groups.values()]
    )
    low, high = min(0.0, float(values.min())), min(1.0, float(values.max()))
    room = 0.05 * (high - low)
    axes.plot([low, high], [low, high], color=style.QUIET, linewidth=0.6, linestyle=(0, (4, 3)))
    for place, (name, part) in enumerate(panel.groups.items()):
        colour = COLOURS[place % len(COLOURS)]
        axes.plot(
            part["published"],
            part["ours"],
            "o",
            color=colour,
            markersize=2.4,
            alpha=0.75,
            linewidth=0,
            gid=f"cells {name}",
        )
        if len(panel.groups) > 1:
            axes.annotate(
                name,
                (0, 1),
                xycoords="axes fraction",
                xytext=(4, -2 - 1.2 * size.note * place),
                textcoords="offset points",
                fontsize=size.note,
                color=colour,
                va="top",
                gid="legend",
            )
    axes.set_xlim(low - room, high + room)
    axes.set_ylim(low - room, max(high, float(values.max())) + room)


def caption(table: pd.DataFrame, summary: pd.DataFrame, *, measure: str) -> str:
    """What the figure shows, with the number of cells, mean absolute difference and rank correlation of each."""
    if not select(table):
        return (
            f"{NOTHING} The table published.architectures of the config says which architecture of the study is which "
            "of the paper's; models count that were trained plainly or in ℓ2."
        )
    said = [
        f"Cells of Jones et al. (2022) that the study has as well, ours ({tables.MEASURES.get(measure, measure)}) "
        "against the published value; on the dashed line both agree. Cells of a model with itself are left out."
    ]
    for row in summary.itertuples():
        if row.cells:
            what = (
                "All CKA cells"
                if row.figure == "all"
                else f"Figure {row.figure}, {str(row.quantity).replace('_', ' ')}"
            )
            rank = "" if pd.isna(row.spearman) else f", Spearman {row.spearman:.2f}"
            cells = f"{row.cells:,} cell{'' if row.cells == 1 else 's'}"
            said.append(
                f"{what}: {cells}, mean absolute difference {row.mean_absolute_difference:.3f}{rank}."
            )
    return " ".join(said)
