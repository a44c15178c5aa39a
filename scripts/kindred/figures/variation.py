"""SAT of pairs that differ in one thing only, ordered by how alike they stay (Hwang et al. 2024)."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from kindred.figures import plots, style, tables


def kinds(table: pd.DataFrame) -> list[str]:
    """What pairs differ in, highest mean SAT first; pairs that differ in several things last."""
    tables.require(table, ["differs", "sat"], "variation.csv")
    means = table.groupby("differs")["sat"].mean().sort_values(ascending=False, kind="stable")
    return sorted(map(str, means.index), key=lambda kind: kind == "several")


def draw(table: pd.DataFrame, *, dpi: int = style.DPI, font_size: float = style.FONT_SIZE) -> Figure:
    """A row for each kind of difference: every pair a point, their mean a line."""
    rows = kinds(table)
    draws = np.random.default_rng(0)
    with style.context(font_size) as size:
        names = [f"{kind} ({int((table['differs'] == kind).sum())})" for kind in rows]
        left = style.widest(names, size.tick) * style.FONT_SIZE / font_size + 0.12
        sheet = plots.page(
            [(3.6, 0.32 * len(rows))], left=left, above=0.24, right=0.12, dpi=dpi, font_size=font_size
        )
        axes = sheet.axes[0]
        for place, kind in enumerate(rows):
            values = table.loc[table["differs"] == kind, "sat"].dropna().to_numpy()
            at = len(rows) - 1 - place
            spread = draws.uniform(-0.24, 0.24, len(values)) if len(values) > 1 else np.zeros(len(values))
            colour = plots.HUES[5] if kind == "several" else plots.HUES[0]
            axes.scatter(values, at + spread, s=7, color=colour, alpha=0.6, linewidths=0)
            if len(values):
                axes.plot([values.mean()] * 2, [at - 0.36, at + 0.36], color=plots.HUES[1], linewidth=1.4)
        axes.set_yticks(range(len(rows))[::-1], names, fontsize=size.tick)
        axes.set_ylim(-0.6, len(rows) - 0.4)
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="y", size=0)
        axes.set_xlabel("SAT", fontsize=size.label)
        plots.title(axes, "Pairs that differ only in", size)
        plots.grid(axes, "x")
    return sheet.figure


def caption(table: pd.DataFrame) -> str:
    """What the figure shows, with the mean of each kind."""
    grouped = {kind: table.loc[table["differs"] == kind, "sat"] for kind in kinds(table)}
    means = [f"{kind} {values.mean():.2f} ({len(values)} pairs)" for kind, values in grouped.items()]
    return (
        "SAT of pairs of models by what they differ in; a red line is the mean: "
        f"{tables.listed(means)}. A training method is a recipe's method with its norm; everything else in a recipe, "
        "an adversary's radius too, is a hyper-parameter. Pairs that differ in several things stand below. Pairs share "
        "models, so they are fewer observations than points."
    )
