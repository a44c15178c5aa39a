"""SAT, and its excess over the null, of pairs that differ in one thing only, ordered by how similar they stay.

After Hwang et al. (2024), who show SAT.
"""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from kindred.figures.layout import chart, reading
from kindred.figures.layout.colours import HUES
from kindred.figures.layout.style import TICK, Captioned, Options, Style, Tables
from kindred.figures.layout.text import listed, plural, widest
from kindred.workflow.errors import BadInput

WIDE, ROW = 2.7, 0.32  # inches
LABELS = {"sat": "SAT", "excess": "excess over the null"}


def draw(tables: Tables, options: Options, style: Style) -> Captioned:
    """A row for each kind of difference, highest mean SAT first, several last: every pair a point, means as lines."""
    table = reading.require(tables, "variation", "differs sat excess").dropna(subset="sat")
    means = reading.require(tables, "variation_means", "differs quantity value low high models pairs")
    if table.empty:
        raise BadInput("variation.csv has no pair with a defined SAT; there is nothing to draw.")
    means = means.dropna(subset="value").set_index(["quantity", "differs"])
    order = sorted(set(table["differs"]), key=lambda kind: (kind == "several", -means.loc[("sat", kind), "value"]))
    shown = [quantity for quantity in LABELS if table[quantity].notna().any()]
    names = [f"{kind} ({(table['differs'] == kind).sum()})" for kind in order]
    edge = widest(names, TICK) + 0.12
    sizes = [(WIDE, ROW * max(len(names), 2))] * len(shown)
    page, panels = chart.panels(style, sizes, left=edge, beside=0.12)
    for axes, quantity in zip(panels, shown, strict=True):
        chart.rows(axes, names)
        _fill(axes, quantity, order, table, means)
    panels[0].set(title="Pairs that differ only in")
    several = " Pairs that differ in several things stand below." if "several" in order else ""
    unknown = sorted({kind for quantity, kind in means[means["low"].isna()].index if quantity in shown})
    text = (
        f"{' and '.join(LABELS[quantity] for quantity in shown)} of pairs of models by what they differ in (natural "
        f"logarithms). Red lines are means over pairs with 95 % intervals over models: "
        f"{listed([_mean(kind, means.loc[('sat', kind)]) for kind in order])}. "
    )
    if "excess" in shown:
        kinds = [kind for kind in order if ("excess", kind) in means.index]
        text += (
            "Excess is SAT less that of the same perturbations on other images: "
            f"{listed([_mean(kind, means.loc[('excess', kind)]) for kind in kinds])}. "
        )
    text += (
        "A training method is the method of a recipe with its norm; everything else in a recipe, the radius of an "
        f"adversary too, is a hyper-parameter.{several}"
    )
    if unknown:
        text += f" Too few models for an interval: {listed(unknown)}."
    return page.figure, text


def _fill(axes: Axes, quantity: str, order: list[str], table: pd.DataFrame, means: pd.DataFrame) -> None:
    draws = np.random.default_rng(0)
    for row, kind in enumerate(order):
        values = table.loc[table["differs"] == kind, quantity].dropna().to_numpy()
        spread = draws.uniform(-0.24, 0.24, len(values)) if len(values) > 1 else np.zeros(len(values))
        colour = HUES[5] if kind == "several" else HUES[0]
        axes.scatter(values, row + spread, s=7, color=colour, alpha=0.5, linewidths=0)
        if (quantity, kind) in means.index:
            mean = means.loc[(quantity, kind)]
            axes.plot([mean["value"]] * 2, [row - 0.36, row + 0.36], color=HUES[1], linewidth=1.4, gid="mean")
            axes.plot([mean["low"], mean["high"]], [row, row], color=HUES[1], linewidth=1.0, gid="interval")
    axes.set(xlabel=LABELS[quantity])
    bounds = means.loc[quantity, ["low", "high"]].to_numpy().ravel()
    seen = np.concatenate([table[quantity].to_numpy(dtype=np.float64), bounds])
    axes.set_xlim(*chart.padded(seen[np.isfinite(seen)]))
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10]))


def _mean(kind: str, mean: pd.Series) -> str:
    bounds = "" if np.isnan(mean["low"]) else f" [{mean['low']:.2f}, {mean['high']:.2f}]"
    return f"{kind} {mean['value']:.2f}{bounds} ({plural(int(mean['pairs']), 'pair')})"
