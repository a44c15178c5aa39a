"""Measures of the same pairs of models against each other: a scatter plot below the diagonal, correlation above."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.typing import ColorType

from kindred.errors import BadInput
from kindred.figures import plots, style, tables

LABELS = {"agreement": "same prediction", "cka": "natural CKA", "gradients": "input gradients"}
NUMBERS = ("pearson", "spearman", "p")
CELL = 1.12  # inches


def label(measure: str) -> str:
    """What a measure is called: SAT with its attack, or in words."""
    return LABELS.get(measure, f"SAT ({measure.removeprefix('sat_')})")


def draw(
    pairs: pd.DataFrame,
    mantel: pd.DataFrame,
    measures: Sequence[str],
    *,
    dpi: int = style.DPI,
    font_size: float = style.FONT_SIZE,
) -> Figure:
    """pairs: pairs.csv; mantel: mantel.csv; measures: columns of pairs.csv, at least two, in order."""
    if absent := [name for name in measures if name not in pairs.columns]:
        raise BadInput(
            f"pairs.csv has no measure {absent[0]!r}; it has {', '.join(map(str, pairs.columns[2:]))}."
        )
    if len(measures) < 2:
        raise BadInput(
            f"A figure of measures against each other needs two of them; it has {list(measures)!r}."
        )
    m = len(measures)
    tests = {
        frozenset((str(row["first"]), str(row["second"]))): tuple(float(row[name]) for name in NUMBERS)
        for row in mantel.to_dict("records")
    }
    with style.context(font_size) as size:
        cell = CELL * font_size / style.FONT_SIZE
        sheet = plots.page(
            [(cell, cell)] * m * m,
            columns=m,
            left=0.22,
            below=0.16,
            above=0.02,
            right=0.1,
            between=0.02,
            dpi=dpi,
            font_size=font_size,
        )
        for place, axes in enumerate(sheet.axes):
            row, column = divmod(place, m)
            a, b = measures[row], measures[column]
            if row > column:
                _points(axes, pairs[b].to_numpy(dtype=float), pairs[a].to_numpy(dtype=float), size)
                axes.tick_params(labelleft=column == 0, labelbottom=row == m - 1)
                continue
            axes.set_axis_off()
            if row == column:
                axes.text(
                    0.5, 0.5, label(a).replace(" (", "\n("), ha="center", va="center", fontsize=size.label
                )
                continue
            pearson, spearman, p = tests[frozenset((a, b))]
            # Darker for a stronger correlation, never so dark that the numbers cannot be read.
            shade = to_rgb(style.TRANSFER(0.62 * min(1.0, abs(np.nan_to_num(pearson)))))
            axes.add_patch(_box(axes, shade))
            text = f"{pearson:.2f}\nρ {spearman:.2f}\np {_small(p)}".replace("-", "−")
            axes.text(
                0.5,
                0.5,
                text,
                ha="center",
                va="center",
                fontsize=size.label,
                linespacing=1.4,
                color=style.ink_on(shade),
            )
    return sheet.figure


def _points(axes: Axes, x: np.ndarray, y: np.ndarray, size: style.Sizes) -> None:
    axes.scatter(x, y, s=4, color=plots.HUES[0], alpha=0.55, linewidths=0)
    axes.set_xlim(*plots.padded(x))
    axes.set_ylim(*plots.padded(y))
    axes.tick_params(labelsize=size.note)
    axes.locator_params(nbins=3)
    plots.grid(axes)


def _box(axes: Axes, colour: ColorType) -> Rectangle:
    return Rectangle((0.02, 0.02), 0.96, 0.96, transform=axes.transAxes, facecolor=colour, linewidth=0)


def _small(p: float) -> str:
    return f"{p:.3f}" if p >= 0.001 else "<0.001"


def caption(pairs: pd.DataFrame, mantel: pd.DataFrame, measures: Sequence[str]) -> str:
    """What the figure shows, for these measures."""
    chosen = mantel[mantel["first"].isin(measures) & mantel["second"].isin(measures)]
    used = tables.counted(chosen["pairs"])
    known = chosen.dropna(subset=["pearson"]).sort_values("pearson", key=abs, ascending=False, kind="stable")
    said = [
        f"{tables.listed([label(name) for name in measures])} of the same {used} pairs of different models. Below the "
        "diagonal a point is a pair. Above it: Pearson's correlation, Spearman's ρ, and p of Mantel's test, which "
        "renames the models of one matrix at random, because pairs that share a model are not independent."
    ]
    for row in known.head(1).to_dict("records"):
        said.append(
            f"Strongest: {label(str(row['first']))} with {label(str(row['second']))}, {float(row['pearson']):.2f}."
        )
    if used != f"{len(pairs):,}":
        said.append(f"Of {len(pairs):,} pairs, those of models with an undefined value are left out.")
    return " ".join(said)
