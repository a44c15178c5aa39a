"""Gain of ensembles over their members against the similarity of the members (Hwang et al. 2024)."""

import numpy as np

from kindred.figures.layout import chart, reading
from kindred.figures.layout.colours import HUES
from kindred.figures.layout.style import NOTE, QUIET, Captioned, Look, Options, Style, Tables
from kindred.figures.layout.text import listed, plural, signed

SIZE = (1.75, 1.9)  # inches


def draw(tables: Tables, options: Options, style: Style) -> Captioned:
    """A panel for each size: gain in points against mean SAT, the least-squares line, the correlation."""
    table = reading.require(tables, "ensembles", "size mean_sat gain")
    gains = tables["ensemble_gains"]
    known = gains.set_index("size")
    sizes = sorted(int(size) for size in table["size"].unique())
    low, high = chart.padded(100 * table["gain"])
    page, drawn = chart.panels(style, [SIZE] * len(sizes), left=0.42, between=0.08)
    for axes, count in zip(drawn, sizes, strict=True):
        part = table[(table["size"] == count) & table["mean_sat"].notna()]
        x, y = part["mean_sat"].to_numpy(), 100 * part["gain"].to_numpy()
        alpha = min(1.0, 60 / np.sqrt(1 + 20 * len(x)))
        axes.scatter(x, y, s=3.5, color=HUES[2], alpha=alpha, linewidths=0)
        row = known.loc[count]
        if len(x) > 2 and np.isfinite(row["correlation"]):
            slope, base = np.polyfit(x, y, 1)
            ends = np.array([x.min(), x.max()])
            axes.plot(ends, base + slope * ends, color=HUES[1], linewidth=1.0)
            bounds = f" [{row['low']:.2f}, {row['high']:.2f}]" if np.isfinite(row["low"] + row["high"]) else ""
            look: Look = {"transform": axes.transAxes, "fontsize": style.points(NOTE), "ha": "right", "va": "top"}
            axes.text(0.97, 0.97, signed(f"r = {row['correlation']:.2f}{bounds}"), gid="correlation", **look)
        axes.axhline(0, color=QUIET, linewidth=0.5)
        axes.set(xlim=chart.padded(table["mean_sat"]), ylim=(low, high + 0.12 * (high - low)))
        axes.set(title=f"{count} models", xlabel="mean SAT of members")
    drawn[0].set_ylabel("gain over members, points")
    counts = zip(gains["sets"].astype(int), gains["size"].astype(int), strict=True)
    sets = [f"{plural(count, 'set')} of {size}" for count, size in counts]
    text = (
        "Accuracy of the averaged outputs of a set of models minus the mean accuracy of its members, in "
        f"percentage points, against the mean SAT of their pairs ({', '.join(sets)} models)."
    )
    if gains["correlation"].notna().any():
        text += (
            " r: Pearson's correlation over sets and its 95 % interval, which resamples models rather than "
            "sets, as sets share members."
        )
    choice = tables["ensemble_choice"].dropna(subset=["accuracy", "best_member"])
    if len(choice):
        best = choice.sort_values("accuracy", ascending=False, kind="stable").iloc[0]
        text += (
            " Best of the sets that were chosen on one half of the images, measured on the other half: "
            f"{listed(str(best['models']).split())} ({best['chosen']}), {100 * best['accuracy']:.1f} % "
            f"against {100 * best['best_member']:.1f} % for its best member."
        )
    return page.figure, text
