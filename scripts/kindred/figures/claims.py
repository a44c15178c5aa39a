"""What the study says on the claims of the papers: the statistic of each with its interval, and the verdict."""

import numpy as np

from kindred.figures.layout import chart, reading
from kindred.figures.layout.colours import HUES
from kindred.figures.layout.style import NOTE, QUIET, TICK, Captioned, Options, Style, Tables
from kindred.figures.layout.text import plural, widest

WIDE, ROW = 3.4, 0.26  # inches
VERDICTS = {"supported": HUES[0], "contradicted": HUES[1], "undecided": QUIET}


def draw(tables: Tables, options: Options, style: Style) -> Captioned:
    """A row for each claim, paper by paper; values to the right of 0 speak for it."""
    table = reading.require(tables, "claims", "paper text statistic sign value low high models verdict")
    names = list(table["text"])
    page, (axes,) = chart.panels(
        style,
        [(WIDE, ROW * max(len(names), 2))],
        left=widest(names, TICK) + 0.2,
        beside=widest([f"{one} (99 models)" for one in VERDICTS], NOTE) + 0.15,
    )
    chart.rows(axes, names)
    for row, one in enumerate(table.itertuples()):
        colour = VERDICTS[one.verdict]
        low, high = sorted((one.sign * one.low, one.sign * one.high))
        axes.plot([low, high], [row, row], color=colour, linewidth=1.4, solid_capstyle="butt", gid="interval")
        axes.plot(one.sign * one.value, row, "o", color=colour, markersize=4, gid="value")
        chart.beside(
            axes, row, f"{one.verdict} ({plural(one.models, 'model')})", fontsize=style.points(NOTE), color=colour
        )
    axes.axvline(0, color=QUIET, linewidth=0.8)
    ends = table[["value", "low", "high"]].mul(table["sign"], axis=0).to_numpy(dtype=np.float64)
    axes.set_xlim(*chart.padded(np.append(ends, 0.0)))
    axes.set(xlabel="statistic, in the direction of the claim")
    counts = ", ".join(f"{int((table['verdict'] == one).sum())} {one}" for one in VERDICTS)
    definitions = "; ".join(f"{one.text}: {one.statistic}" for one in table.itertuples())
    text = (
        f"Claims of {', '.join(table['paper'].unique())} in this study, {counts}. Each is a statistic with its 95 % "
        "interval, over models unless claims.csv says otherwise, and supported where the interval lies right of 0, "
        "contradicted where it lies left of it. Statistics are differences of similarities or shares, correlations, "
        f"R2, or differences of SAT (natural logarithm). {definitions}."
    )
    return page.figure, text
