"""What SAT is beside its null and its ceiling: excess, and the share of the ceiling, of every pair of models.

The models stand in the order of the figure of SAT (`transfer`), and each quantity has a colour map of its own.
"""

import numpy as np
from matplotlib.colors import Normalize

from kindred.figures.layout import heatmap, matrix, reading
from kindred.figures.layout.budgets import of_models
from kindred.figures.layout.colours import ACCURACY, EXCESS, budget_colours
from kindred.figures.layout.style import Captioned, Options, Style, Tables
from kindred.figures.layout.text import hatched, plural
from kindred.figures.transfer import percent, select

MEANING = "undefined"


def draw(tables: Tables, options: Options, style: Style) -> Captioned:
    """Excess over the null at the left, the share of the ceiling at the right."""
    names, budget, attack = select(tables, options["attack"])[0], of_models(tables["models"]), options["attack"]
    rows = reading.require(tables, "sat", "attack model_a model_b sat null ceiling excess excess_low excess_high share")
    rows = reading.choose(rows, "attack", attack, "sat.csv")
    excess, share, sat, null, ceiling = (
        reading.square(rows, "model_a", "model_b", name, names, f"sat.csv (attack {attack})", symmetric=True)
        for name in ("excess", "share", "sat", "null", "ceiling")
    )
    budgets = [budget[name] for name in names]
    side = matrix.of_models(names, budgets, named=False)
    colours = budget_colours(budgets)
    if len(colours) == 1:
        side, colours = matrix.Side(side.labels), {}
    seen = reading.defined(excess)
    top = max(0.5, np.ceil(2 * np.quantile(seen, 0.98)) / 2) if len(seen) else 1.0
    ends = {(0, 0): "neither", (1, 0): "min", (0, 1): "max", (1, 1): "both"}
    extend = ends[int((seen < 0).any()), int((seen > top).any())]
    of_excess = matrix.Scale(EXCESS, Normalize(0, top), "{:.1f}".format, "excess, ln", extend=extend)
    beyond = "max" if (reading.defined(share) > 1).any() else "neither"
    of_share = matrix.Scale(ACCURACY, Normalize(0, 100), lambda value: percent(value / 100), "share, %", extend=beyond)
    panels = [
        matrix.Panel(excess, side, side, of_excess, "Excess over the null", "model", "model"),
        matrix.Panel(100 * share, side, side, of_share, "Share of the ceiling, %", "model", "model"),
    ]
    meaning = heatmap.hatching(panels, MEANING)
    second = heatmap.bar_room("")
    room = max(0.0, len(colours) * heatmap.LEGEND_LINE - 0.05)
    drawn = heatmap.draw(panels, style, headroom=room, beside=second, undefined=MEANING)
    page, bar = drawn.page, drawn.bar
    assert bar is not None
    first, box = page.box_of(bar), page.box_of(drawn.axes[1])
    heatmap.scale_bar(page, first.x0 + heatmap.bar_room(meaning), box.y1, first.height, of_share, "")
    heatmap.legend(page, colours, box.x0, box.y1 + side.strip + 0.07)
    strips = ", strips show the training budget" if colours else ""
    text = (
        f"Adversarial images ({attack}) given to other models, against what else would fool them. Null: SAT of the "
        "same perturbations put on other images, which keeps their norm and spectrum alone. Left: excess, SAT less the "
        "null, the natural logarithm of the ratio of the two shares fooled; 0 is no better than misplaced "
        "perturbations. Ceiling: SAT if each attack fooled the other model as often as its own. Right: the share "
        "fooled in per cent of the ceiling; 100 on the diagonal by definition. Both symmetric; models in the order of "
        f"the figure of SAT{strips}."
    )
    found = [reading.off_diagonal(values) for values in (sat, null, ceiling, excess, share)]
    if all(map(len, found)):
        means = [float(values.mean()) for values in found]
        text += (
            f" Means over pairs of different models: SAT {means[0]:.2f}, null {means[1]:.2f}, ceiling {means[2]:.2f}, "
            f"excess {means[3]:.2f}, share {100 * means[4]:.0f} %."
        )
    width = ((rows["excess_high"] - rows["excess_low"]) / 2)[rows["model_a"] != rows["model_b"]].dropna()
    if len(width):
        text += f" Half-width of the 95 % intervals of excess over images: median {width.median():.2f}."
    if more := int((seen > top).sum()):
        text += f" {plural(more, 'cell')} above {top:g} {'take' if more > 1 else 'takes'} the darkest colour."
    undefined = "are undefined: a share fooled, mostly that of the null, is not above the floor"
    return page.figure, text.replace(" -", " −") + hatched([excess, share], undefined)
