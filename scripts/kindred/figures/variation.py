"""SAT of pairs that differ in one thing only, ordered by how similar they stay (Hwang et al. 2024)."""

import numpy as np
from matplotlib.ticker import MaxNLocator

from kindred.figures.layout import chart, reading
from kindred.figures.layout.colours import HUES
from kindred.figures.layout.style import TICK, Captioned, Options, Style, Tables
from kindred.figures.layout.text import listed, plural, widest
from kindred.workflow.errors import BadInput

WIDE, ROW = 3.6, 0.32  # inches


def draw(tables: Tables, options: Options, style: Style) -> Captioned:
    """A row for each kind of difference, highest mean first, several last: every pair a point, their mean a line."""
    table = reading.require(tables, "variation", "differs sat").dropna(subset="sat")
    if table.empty:
        raise BadInput("variation.csv has no pair with a defined SAT; there is nothing to draw.")
    known = {str(kind): part["sat"].to_numpy() for kind, part in table.groupby("differs")}
    order = sorted(known, key=lambda kind: (kind == "several", -known[kind].mean()))
    content = {kind: known[kind] for kind in order}
    draws = np.random.default_rng(0)
    names = [f"{kind} ({len(values)})" for kind, values in content.items()]
    edge = widest(names, TICK) + 0.12
    page, (axes,) = chart.panels(style, [(WIDE, ROW * max(len(names), 2))], left=edge, beside=0.12)
    chart.rows(axes, names)
    for row, (kind, values) in enumerate(content.items()):
        spread = draws.uniform(-0.24, 0.24, len(values)) if len(values) > 1 else np.zeros(len(values))
        colour = HUES[5] if kind == "several" else HUES[0]
        axes.scatter(values, row + spread, s=7, color=colour, alpha=0.6, linewidths=0)
        axes.plot([values.mean()] * 2, [row - 0.36, row + 0.36], color=HUES[1], linewidth=1.4, gid="mean")
    axes.set(title="Pairs that differ only in", xlabel="SAT")
    axes.set_xlim(*chart.padded(np.concatenate(list(content.values()))))
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10]))
    means = [f"{kind} {values.mean():.2f} ({plural(len(values), 'pair')})" for kind, values in content.items()]
    several = " Pairs that differ in several things stand below." if "several" in content else ""
    text = (
        f"SAT of pairs of models by what they differ in; red lines are means: {listed(means)}. A training method is "
        "the method of a recipe with its norm; everything else in a recipe, the radius of an adversary too, is a "
        f"hyper-parameter.{several} Pairs share models, so they are fewer observations than points."
    )
    return page.figure, text
