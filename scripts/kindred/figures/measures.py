"""Measures of the same pairs of models: scatter plots below the diagonal, correlations above."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patches import Rectangle

from kindred.figures.layout import chart, reading
from kindred.figures.layout.colours import HUES, TRANSFER, ink_on
from kindred.figures.layout.style import INK, NOTE, Captioned, Look, Options, Style, Tables
from kindred.figures.layout.text import bounded, listed, plural, signed, span

LABELS = {"agreement": "same prediction", "cka": "natural CKA", "gradients": "input gradients"}
CELL = 1.12  # inches
LEVEL = 0.05  # of a corrected test that the caption counts
MOST = 3  # correlations that the caption names
DARKEST = 0.62  # of the colour map, for a correlation of 1: numbers stay legible on it


def label(measure: str) -> str:
    """The name of a measure: SAT with its attack, or words."""
    return LABELS.get(measure, f"SAT ({measure.removeprefix('sat_')})")


def draw(tables: Tables, options: Options, style: Style) -> Captioned:
    """A panel for every two of `options["measures"]`, columns of pairs.csv."""
    measures = options["measures"]
    pairs, mantel = reading.require(tables, "pairs", " ".join(measures)), tables["mantel"]
    tests = {frozenset((row["first"], row["second"])): row for row in mantel.to_dict("records")}
    m = len(measures)
    room: Look = {"left": 0.22, "below": 0.16, "above": 0.02, "beside": 0.1, "between": 0.02}
    page, drawn = chart.panels(style, [(CELL, CELL)] * m * m, columns=m, **room)
    for place, axes in enumerate(drawn):
        row, column = divmod(place, m)
        a, b = measures[row], measures[column]
        if row > column:
            axes.scatter(pairs[b], pairs[a], s=4, color=HUES[0], alpha=0.55, linewidths=0)
            axes.set(xlim=chart.padded(pairs[b]), ylim=chart.padded(pairs[a]))
            axes.tick_params(labelsize=style.points(NOTE), labelleft=column == 0, labelbottom=row == m - 1)
            axes.locator_params(nbins=3)
        elif row == column:
            _write(axes, label(a).replace(" (", "\n("), INK)
        else:
            _correlation(axes, tests[frozenset((a, b))])
    chosen = mantel[mantel["first"].isin(measures) & mantel["second"].isin(measures)]
    tested = chosen[chosen["p"].notna()] if chosen["p"].notna().any() else chosen
    text = (
        f"{listed([label(name) for name in measures])} of the same {span(tested['n'])} pairs of "
        f"{span(tested['models'])} different models. Below the diagonal each point is a pair. Above it: Pearson's "
        "correlation, Spearman's ρ, and the two-sided p of Mantel's test, which permutes the models of one matrix, "
        f"because pairs that share a model are not independent; corrected for all "
        f"{plural(int(mantel['p'].notna().sum()), 'test')} of the study (Holm)."
    )
    known = chosen.dropna(subset=["pearson", "holm"]).sort_values("pearson", key=abs, ascending=False, kind="stable")
    if len(known):
        clear = known[known["holm"] <= LEVEL]
        parts = [
            f"{label(row['first'])} with {label(row['second'])} {bounded(row, prefix='pearson')}"
            for row in clear.head(MOST).to_dict("records")
        ]
        text += f" At 5 % after this correction {len(clear)} of {plural(len(known), 'correlation')} here differ from 0"
        more = ", the strongest" if len(clear) > len(parts) else ""
        text += f"{more}: {listed(parts)} (95 % intervals by resampling models)." if parts else "."
    if (chosen["n"] < len(pairs)).any():
        text += f" Of {plural(len(pairs), 'pair')}, those of models with an undefined value are left out."
    return page.figure, signed(text)


def _write(axes: Axes, text: str, colour: str) -> None:
    axes.set_axis_off()
    look: Look = {"ha": "center", "va": "center", "linespacing": 1.4, "transform": axes.transAxes}
    axes.text(0.5, 0.5, text, color=colour, gid="cell", **look)


def _correlation(axes: Axes, test: dict[str, float]) -> None:
    """A box, darker for a stronger correlation, with both correlations and the corrected p of Mantel's test."""
    shade = to_rgb(TRANSFER(DARKEST * min(1.0, abs(np.nan_to_num(test["pearson"])))))
    look: Look = {"transform": axes.transAxes, "facecolor": shade, "linewidth": 0}
    axes.add_patch(Rectangle((0.02, 0.02), 0.96, 0.96, **look))
    named = (("", "pearson"), ("ρ ", "spearman"))
    parts = [f"{name}{test[column]:.2f}" for name, column in named if np.isfinite(test[column])]
    if np.isfinite(test["holm"]):
        parts.append(f"p {test['holm']:.3f}" if test["holm"] >= 0.001 else "p < 0.001")
    _write(axes, signed("\n".join(parts or ["undefined"])), ink_on(shade))
