"""How many groups there are: eigenvalues of the Laplacian, and how far k-means agrees with itself over seeds."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from kindred.figures import plots, style, tables

AFFINITIES = {"exp_sat": ("exp(SAT)", plots.HUES[0]), "sat": ("SAT", plots.HUES[1])}
SHOWN = 15  # eigenvalues


def draw(
    eigenvalues: pd.DataFrame,
    stability: pd.DataFrame,
    clusters: pd.DataFrame,
    *,
    dpi: int = style.DPI,
    font_size: float = style.FONT_SIZE,
) -> Figure:
    """Left: eigenvalues from the second on. Right: stability by number of groups. A line marks the groups drawn."""
    tables.require(eigenvalues, ["affinity", "index", "eigenvalue"], "eigenvalues.csv")
    tables.require(stability, ["affinity", "count", "stability"], "stability.csv")
    tables.require(clusters, ["cluster"], "clusters.csv")
    count = int(clusters["cluster"].max())
    with style.context(font_size) as size:
        sheet = plots.page([(2.6, 2.0), (2.6, 2.0)], between=0.3, dpi=dpi, font_size=font_size)
        left, right = sheet.axes
        for name, (label, colour) in AFFINITIES.items():
            part = eigenvalues[(eigenvalues["affinity"] == name) & eigenvalues["index"].between(2, SHOWN)]
            left.plot(part["index"], part["eigenvalue"], "o-", ms=3, color=colour, label=label)
            runs = stability[stability["affinity"] == name]
            right.plot(runs["count"], runs["stability"], "o-", ms=3, color=colour, label=label)
        left.axvline(count + 0.5, color=style.QUIET, linewidth=0.6, linestyle=(0, (3, 2)))
        right.axvline(count, color=style.QUIET, linewidth=0.6, linestyle=(0, (3, 2)))
        left.set_xlabel("eigenvalue, by rank", fontsize=size.label)
        left.set_ylabel("eigenvalue of the Laplacian", fontsize=size.label)
        right.set_xlabel("groups", fontsize=size.label)
        right.set_ylabel("mean adjusted Rand index", fontsize=size.label)
        right.set_ylim(min(0.0, float(np.nanmin(stability["stability"]))), 1.03)
        for axes, text in ((left, "Eigenvalues"), (right, "Agreement over seeds")):
            plots.title(axes, text, size)
            plots.grid(axes)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        left.legend(
            loc="lower right", fontsize=size.tick, frameon=False, title="affinity", title_fontsize=size.tick
        )
    return sheet.figure


def caption(eigenvalues: pd.DataFrame, stability: pd.DataFrame, clusters: pd.DataFrame) -> str:
    """What the figure shows, with the stability of the groups that are drawn."""
    count, seeds = int(clusters["cluster"].max()), int(stability["seeds"].max())
    here = stability[stability["count"] == count].set_index("affinity")["stability"]
    parts = [f"{AFFINITIES[name][0]} {value:.2f}" for name, value in here.items() if name in AFFINITIES]
    return (
        "Left: the smallest eigenvalues of the normalised Laplacian of the two affinities, without the first, which is "
        "0; a jump after the k-th speaks for k groups. Right: mean adjusted Rand index over all pairs of "
        f"{seeds} runs of k-means that differ in their seed. The broken line marks the {count} groups that are drawn; "
        f"their stability: {tables.listed(parts)}."
    )
