"""Agreement of stitched models with their heads by training budget (Jones et al. 2022, Figs 7 and 8)."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from kindred.figures.layout import chart, pairs, reading
from kindred.figures.layout.style import NOTE, Captioned, Options, Style, Tables
from kindred.figures.layout.text import span, widest
from kindred.workflow.errors import BadInput

PANELS = {
    "Head and body agree": ("both_right", "both_wrong_same"),
    "Head and body differ": ("body_wrong_head_right", "body_right_head_wrong", "both_wrong_differ"),
}
CASES = {
    "both_right": ("both right", "#254573"),
    "both_wrong_same": ("both wrong", "#5d9fb5"),
    "body_wrong_head_right": ("head right", "#8a2946"),
    "body_right_head_wrong": ("body right", "#e2a173"),
    "both_wrong_differ": ("both wrong", "#7d7d79"),
}


def select(tables: Tables) -> pd.DataFrame:
    """Ordered pairs of different architectures of one budget, a row per case, with agreement (`value`) in per cent.

    Raises BadInput for a pair that stitching.csv lacks.
    """
    table = reading.require(tables, "stitching", "body head case n value")
    wanted = pairs.of_one_budget(tables, "body", "head", ordered=True)
    wanted = wanted[~wanted["alike"]]
    if wanted.empty:
        raise BadInput("models.csv has no training budget with several architectures; the figure needs one.")
    wanted = wanted.assign(budget=wanted["budget"].cat.remove_unused_categories())
    missing = "the body {} with the head {}"
    found = [
        pairs.merged(wanted, reading.choose(table, "case", case, "stitching.csv"), f"stitching.csv ({case})", missing)
        for case in CASES
    ]
    every = pd.concat(found)
    return every.assign(value=100 * every["value"])


def draw(tables: Tables, options: Options, style: Style) -> Captioned:
    """Agreement in per cent where head and body agree, and where they differ; bands of 95 % over models."""
    rows = select(tables)
    names = 0.1 + widest([name for name, _ in CASES.values()], NOTE)
    up = "agreement with the head, %"
    page, drawn = pairs.panels(style, rows, list(PANELS), up, between=names + 0.40, beside=names)
    for axes, cases in zip(drawn, PANELS.values(), strict=True):
        ends, seen = [], []
        for case in cases:
            name, colour = CASES[case]
            found = pairs.means(rows[rows["case"] == case], "value")
            low, high = found["low"].clip(0, 100), found["high"].clip(0, 100)
            axes.plot(range(len(found)), found["mean"], "-o", gid=f"mean {case}", color=colour, lw=1.2, ms=3)
            axes.fill_between(range(len(found)), low, high, color=colour, alpha=0.18, linewidth=0)
            ends += [(mean, name, colour) for mean in reading.defined(found["mean"])[-1:]]
            seen += [*reading.defined(low), *reading.defined(high)]
        least, most = (min(seen), max(seen)) if seen else (0.0, 100.0)
        room = max(2.0, 0.08 * (most - least))
        axes.set_ylim(least - room, min(most + room, 101.0))
        _name_ends(axes, ends, style.points(NOTE))
    text = (
        "How often a stitched model predicts the class that its head predicts, held-out images split by which of head "
        "and body is right. The penultimate activations of the body are mapped to those of the head by least squares "
        "on training images, and the last linear map of the head reads the result. Mean over ordered pairs of "
        f"different architectures trained at one budget ({pairs.counts(rows)}), each pair counting once; band: 95 % "
        "interval over models, which are left out one by one with all their pairs."
    )
    pooled = rows.groupby("case")["value"].mean().dropna()
    both = (("both_right", "right"), ("both_wrong_same", "wrong and agree"))
    parts = [f"{pooled[case]:.1f} % where both are {what}" for case, what in both if case in pooled]
    text += f" Over all pairs {' and '.join(parts)}." if parts else ""
    counts = rows.groupby(["case", "budget"], observed=True)["n"].sum()
    images = [f"{case.replace('_', ' ')} {span(counts[case])}" for case in CASES]
    return page.figure, f"{text} Images behind a point, all pairs together: {'; '.join(images)}."


def _name_ends(axes: Axes, ends: list[tuple[float, str, str]], size: float) -> None:
    """The name of each line at its right end, moved apart where lines end close together."""
    low, high = axes.get_ylim()
    step = 1.25 * NOTE / 72 / pairs.HIGH * (high - low)
    y = -np.inf
    for value, name, colour in sorted(ends):
        y = max(value, y + step)
        chart.beside(axes, y, name, fontsize=size, color=colour, gid="legend")
