"""Agreement of clusters with the architectures, by everything that clusters depend on."""

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from kindred.figures.layout import chart, reading
from kindred.figures.layout.colours import HUES
from kindred.figures.layout.style import QUIET, Captioned, Look, Options, Style, Tables
from kindred.figures.layout.text import plural, signed

SIZE = (1.9, 2.0)  # inches
WAYS: dict[tuple[str, str], tuple[str, Look]] = {
    ("exp_sat", "zero"): ("exp(SAT)", {"color": HUES[0]}),
    ("exp_sat", "kept"): ("exp(SAT), diagonal kept", {"color": HUES[0], "linestyle": chart.DASHED}),
    ("sat", "zero"): ("SAT", {"color": HUES[1]}),
    ("sat", "kept"): ("SAT, diagonal kept", {"color": HUES[1], "linestyle": chart.DASHED}),
}
SHIFT = 0.13  # groups between lines, so that their intervals are told apart
LEVEL = 0.05


def draw(tables: Tables, options: Options, style: Style) -> Captioned:
    """A panel for each attack: adjusted Rand index by number of groups, a line for each affinity and diagonal."""
    columns = "attack affinity diagonal count gap label value low high p n"
    table = reading.require(tables, "sensitivity", columns)
    labels = reading.present(table, "label")
    label = "architecture" if "architecture" in labels else labels[0]
    table = table[table["label"] == label]
    attacks = reading.present(table, "attack") or [""]
    looks: dict[str, Look] = {
        name: {"linewidth": 1.0, "marker": "o", "markersize": 2.6, **look} for name, look in WAYS.values()
    }
    page, drawn = chart.panels(style, [SIZE] * len(attacks), left=0.42, between=0.08, entries=looks, heading="affinity")
    for axes, attack in zip(drawn, attacks, strict=True):
        part = table[table["attack"].fillna("").astype(str) == attack]
        for place, ((affinity, diagonal), (name, _)) in enumerate(WAYS.items()):
            rows = part[(part["affinity"] == affinity) & (part["diagonal"] == diagonal)]
            x = rows["count"].to_numpy() + SHIFT * (place - 1.5)
            axes.vlines(x, rows["low"], rows["high"], color=looks[name]["color"], linewidth=0.6)
            axes.plot(x, rows["value"], **looks[name])
            gap = rows["gap"].astype(bool).to_numpy()
            ring: Look = {"s": 34, "facecolors": "none", "edgecolors": looks[name]["color"], "linewidths": 0.9}
            axes.scatter(x[gap], rows["value"][gap], gid="gap", **ring)
        axes.axhline(0, color=QUIET, linewidth=0.5)
        axes.set_xlim(table["count"].min() - 0.6, table["count"].max() + 0.6)
        axes.set(title=attack or "SAT", xlabel="groups", ylim=(min(-0.1, _lowest(table)), 1.06))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    drawn[0].set_ylabel("adjusted Rand index")
    return page.figure, signed(_caption(table, label, len(attacks)))


def _lowest(table: pd.DataFrame) -> float:
    known = reading.defined(table[["value", "low"]].to_numpy())
    return 1.1 * float(known.min()) if len(known) else 0.0


def _caption(table: pd.DataFrame, label: str, attacks: int) -> str:
    known = table.dropna(subset=["value"])
    against = "their architectures" if label == "architecture" else "those of clusters"
    text = (
        f"Agreement of the groups of {plural(int(table['n'].max()), 'model')} by spectral clustering with {against} "
        "(adjusted Rand index, 0 by chance, 1 for the same), by number of groups, affinity, whether the affinity of a "
        f"model to itself is kept, and attack. Rings mark the number of groups before the largest gap of eigenvalues."
    )
    if np.isfinite(table["low"]).any():
        text += " Vertical lines: the middle 95 % over draws of images with replacement, all else fixed."
    if len(known):
        gaps = known[known["gap"].astype(bool)]
        clear = int((known["p"] <= LEVEL).sum())
        text += (
            f" Over the {plural(len(known), 'partition')} it is {_span(known)}, over the {len(gaps)} of the largest "
            f"gap {_span(gaps)}; {clear} of {len(known)} agree better than 95 % of permuted labels, one by one."
        )
    return text


def _span(rows: pd.DataFrame) -> str:
    return f"{rows['value'].min():.2f} to {rows['value'].max():.2f}"
