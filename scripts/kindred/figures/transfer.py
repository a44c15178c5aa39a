"""SAT of every pair of models, and directed transfer rates (Hwang et al. 2024).

SAT(A, B) = ln of the mean of the two directed transfer rates in per cent, so its largest value is ln 100. The two
panels share one colour scale, logarithmic in the rate: the same colour is the same share of images fooled.
"""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import LogNorm, Normalize
from numpy.typing import NDArray
from scipy.cluster.hierarchy import dendrogram, linkage
from scipy.spatial.distance import squareform

from kindred.analyses.scores import TOP
from kindred.figures.layout import heatmap, matrix, reading
from kindred.figures.layout.budgets import of_models
from kindred.figures.layout.colours import TRANSFER, budget_colours
from kindred.figures.layout.page import Page
from kindred.figures.layout.style import QUIET, TICK, Captioned, Look, Options, Style, Tables
from kindred.figures.layout.text import extent, half_widths, hatched, plural, span

TREE = 0.62  # inches: height of the dendrogram


def select(tables: Tables, attack: str) -> tuple[list[str], reading.Matrix, reading.Matrix, NDArray[np.float64]]:
    """Models in the order of a dendrogram, their SAT and rates, and the tree of them in the order of models.csv.

    The tree is the average linkage of the distances ln 100 - SAT, with optimal order of its leaves; an undefined pair
    is as far apart as the farthest defined one.
    """
    names, where = reading.model_names(tables), f"(attack {attack})"
    transfer = reading.require(tables, "transfer", "attack source target value")
    sat = reading.require(tables, "sat", "attack model_a model_b sat low high n")
    sat = reading.choose(sat, "attack", attack, "sat.csv")
    directed = reading.choose(transfer, "attack", attack, "transfer.csv")
    scores = reading.square(sat, "model_a", "model_b", "sat", names, f"sat.csv {where}", symmetric=True)
    rates = reading.square(directed, "source", "target", "value", names, f"transfer.csv {where}")
    apart = np.clip(TOP - scores, 0.0, None)
    np.fill_diagonal(apart, 0.0)
    apart[~np.isfinite(apart)] = reading.defined(apart).max()
    tree = linkage(squareform(apart, checks=False), method="average", optimal_ordering=True)
    leaves = dendrogram(tree, no_plot=True)["leaves"]
    kept = np.ix_(leaves, leaves)
    return [names[leaf] for leaf in leaves], scores[kept], rates[kept], tree


def percent(rate: float) -> str:
    """A rate in a cell: 15 for 0.152, .4 for 0.004."""
    hundred = 100 * rate
    return f"{hundred:.0f}" if hundred >= 0.95 or hundred == 0 else f"{hundred:.1f}".removeprefix("0")


def draw(tables: Tables, options: Options, style: Style) -> Captioned:
    """SAT under its dendrogram, directed rates (rows source, columns target) in the same order beside it."""
    names, sat, rates, tree = select(tables, options["attack"])
    budget, rows = of_models(tables["models"]), tables["sat"]
    rows = rows[(rows["attack"] == options["attack"]) & rows["model_a"].isin(names) & rows["model_b"].isin(names)]
    budgets = [budget[name] for name in names]
    colours, side = budget_colours(budgets), matrix.of_models(names, budgets, named=False)
    if len(colours) == 1:
        side, colours = matrix.Side(side.labels), {}
    # The scale begins at the least SAT (or ln of a rate in per cent), down to a half, at least 0.
    with np.errstate(divide="ignore"):
        seen = reading.defined(np.concatenate([sat, np.log(100 * rates)]))
    low = float(np.clip(np.floor(2 * seen.min()) / 2, 0.0, 4.0)) if len(seen) else 0.0
    below = (reading.defined(rates) < np.exp(low) / 100 * (1 - 1e-9)).any() or (reading.defined(sat) < low - 1e-9).any()
    ticks = [float(tick) for tick in np.arange(np.ceil(low), TOP, 1.0)]
    extend = "min" if below else "neither"
    scale = matrix.Scale(TRANSFER, Normalize(low, TOP), "{:.1f}".format, "SAT", ticks, extend)
    of_rates = matrix.Scale(TRANSFER, LogNorm(np.exp(low) / 100, 1.0, clip=True), percent)
    panels = [
        matrix.Panel(sat, side, side, scale, "SAT", "model", "model"),
        matrix.Panel(rates, side, side, of_rates, "Images fooled, %", "made on (source)", "shown to (target)"),
    ]
    room = len(colours) * heatmap.LEGEND_LINE - 0.05
    drawn = heatmap.draw(panels, style, headroom=max(TREE, room), before_bar=extent("100 %", TICK)[0])
    page, (left, right), bar = drawn.page, drawn.axes, drawn.bar
    _tree(page, left, tree, side.strip)
    box = page.box_of(right)
    heatmap.legend(page, colours, box.x0, box.y1 + side.strip + 0.07)
    assert bar is not None
    look: Look = {"fontsize": style.points(TICK), "ha": "right", "va": "center_baseline", "gid": "rate tick"}
    for rate in (1, 2, 5, 10, 20, 50, 100):  # the same scale in per cent, on the left side of the bar
        if np.log(rate) >= low - 1e-9:
            bar.text(-0.35, np.log(rate), f"{rate} %", transform=bar.get_yaxis_transform(), **look)
    strips = "; strips show the training budget" if colours else ""
    text = (
        f"Success of adversarial images ({options['attack']}) made on one model and given to another, over the images "
        f"that both classify correctly ({span(rows['n'])} per pair). Left: SAT, the natural logarithm of the "
        f"mean of the two directed rates in per cent (at most ln 100 = {TOP:.3f}); symmetric. Right: the directed "
        "rates, rows sources, columns targets; the diagonal is the white-box rate. Both panels share one colour "
        "scale, logarithmic in the rate. Models are in the order of the dendrogram (average linkage of ln 100 − SAT, "
        f"optimal order of leaves; the last two groups join at {tree[-1, 2]:.2f}){strips}."
    )
    apart = reading.off_diagonal(sat)
    if len(apart):
        ends = f", from {apart.min():.3f} to {apart.max():.3f}" if np.ptp(apart) else ""
        text += f" Pairs of different models: mean SAT {apart.mean():.3f}{ends}."
    text += half_widths(rows)
    if zero := int((rates == 0).sum()):
        text += f" {plural(zero, 'directed rate')} of zero {'take' if zero > 1 else 'takes'} the lowest colour."
    undefined = (
        "are undefined: the models classify no image correctly together; the dendrogram puts such pairs farthest apart"
    )
    return page.figure, text.replace(" -", " −") + hatched([sat, rates], undefined)


def _tree(page: Page, columns: Axes, tree: NDArray[np.float64], strip: float) -> None:
    """The dendrogram above the first matrix (and its strip), leaves over columns, distances from 0 up."""
    laid = dendrogram(tree, no_plot=True)
    # scipy puts leaf k at 10 k + 5; column k of the matrix is at k.
    across = (np.asarray(laid["icoord"]) - 5) / 10
    up = np.asarray(laid["dcoord"])
    box = page.box_of(columns)
    foot = box.y1 + max(strip, matrix.GAP) + 0.02
    axes = page.axes(box.x0, foot, box.width, TREE, label="dendrogram")
    segments = list(np.stack([across, up], axis=-1))
    axes.add_collection(LineCollection(segments, colors=QUIET, linewidths=0.6, capstyle="projecting"))
    axes.set_xlim(-0.5, len(tree) + 0.5)
    axes.set_ylim(0, max(float(up.max()), 1e-9) * 1.02)
    axes.set_axis_off()
