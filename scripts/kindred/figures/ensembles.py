"""Gain of ensembles over their members against the similarity of the members (Hwang et al. 2024)."""

import numpy as np
import pandas as pd

from kindred.analyses.ensembles import ANY
from kindred.figures.layout import chart, reading
from kindred.figures.layout.colours import HUES
from kindred.figures.layout.style import NOTE, QUIET, Captioned, Look, Options, Style, Tables
from kindred.figures.layout.text import bounded, clause, listed, plural, signed

SIZE = (1.75, 1.75)  # inches
ROWS = (("members", "gain", "gain over members, points"), ("best member", "over_best", "gain over best member, points"))
STATISTICS = (("correlation", "r"), ("partial correlation", "partial r"))


def draw(tables: Tables, options: Options, style: Style) -> Captioned:
    """A column for each size, a row for each gain, in points, against mean SAT; correlations with their intervals."""
    table = reading.require(tables, "ensembles", "size mean_sat gain over_best n")
    gains = reading.require(tables, "ensemble_gains", "size over statistic value low high n models")
    sizes = sorted(int(size) for size in table["size"].unique())
    page, drawn = chart.panels(style, [SIZE] * 2 * len(sizes), columns=len(sizes), left=0.45, between=0.08)
    for place, axes in enumerate(drawn):
        over, column, label = ROWS[place // len(sizes)]
        count = sizes[place % len(sizes)]
        part = table[(table["size"] == count) & table["mean_sat"].notna()]
        x, y = part["mean_sat"].to_numpy(), 100 * part[column].to_numpy()
        alpha = min(1.0, 60 / np.sqrt(1 + 20 * len(x)))
        axes.scatter(x, y, s=3.5, color=HUES[2], alpha=alpha, linewidths=0)
        known = gains[(gains["size"] == count) & (gains["over"] == over)].set_index("statistic")
        if len(x) > 2 and np.isfinite(known.loc["correlation", "value"]):
            slope, base = np.polyfit(x, y, 1)
            ends = np.array([x.min(), x.max()])
            axes.plot(ends, base + slope * ends, color=HUES[1], linewidth=1.0)
        found = [f"{name} = {bounded(known.loc[key])}" for key, name in STATISTICS if pd.notna(known.loc[key, "value"])]
        if found:
            look: Look = {"transform": axes.transAxes, "fontsize": style.points(NOTE), "ha": "right", "va": "top"}
            axes.text(0.98, 0.98, signed("\n".join(found)), gid="correlation", **look)
        axes.axhline(0, color=QUIET, linewidth=0.5)
        low, high = chart.padded(100 * table[column])
        axes.set(xlim=chart.padded(table["mean_sat"]), ylim=(low, high + 0.3 * (high - low)))
        axes.set(title=f"{count} models", xlabel="mean SAT of members")
        if count == sizes[0]:
            axes.set_ylabel(label)
    return page.figure, signed(_caption(table, gains, tables["ensemble_choice"]))


def _caption(table: pd.DataFrame, gains: pd.DataFrame, choice: pd.DataFrame) -> str:
    means = gains[gains["statistic"] == "mean"]
    counts = means[means["over"] == "members"]
    sets = [f"{plural(int(row['n']), 'set')} of {row['size']:.0f}" for row in counts.to_dict("records")]
    text = (
        f"Accuracy of the averaged outputs of a set of models, of {int(gains['models'].max())}, minus the mean "
        "accuracy of its members (above) and minus that of its best member (below), in percentage points over "
        f"{plural(int(table['n'].max()), 'image')}, against the mean SAT of their pairs ({', '.join(sets)} models). "
        "The best member is found on one half of the images and compared with on the other half."
    )
    if gains.loc[gains["statistic"] == "correlation", "value"].notna().any():
        text += (
            " r: Pearson's correlation over sets; partial r: the same with the mean accuracy of the members held "
            "fixed, as weak members leave more to gain. In brackets 95 % intervals, which resample models rather than "
            "sets, as sets share members."
        )
    for over in ("members", "best member"):
        known = means[(means["over"] == over) & means["value"].notna()]
        parts = [f"{bounded(row, 100)} (sets of {row['size']:.0f})" for row in known.to_dict("records")]
        text += clause(f"Mean gain over {over}", [listed(parts)] if parts else [])
    best = choice[(choice["chosen"] == ANY) & choice["value"].notna()].set_index("quantity")
    if len(best):
        text += (
            " The set, its size and the way to choose it, all chosen on one half of the images and measured on the "
            f"other, both ways: accuracy {bounded(best.loc['accuracy'], 100, 1)} %, and "
            f"{bounded(best.loc['gain over best member'], 100, 1)} points over its best member, which is chosen "
            f"likewise ({plural(int(best['n'].max()), 'image')})."
        )
    return text
