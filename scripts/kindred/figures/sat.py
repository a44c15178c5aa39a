"""SAT of every pair of models in the order of a dendrogram, directed transfer rates beside it (Hwang et al. 2024).

SAT(A, B) = ln of the mean of the two directed transfer rates in per cent, so its largest value is ln 100. The two
panels share one colour scale, logarithmic in the rate: the same colour is the same share of images fooled.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import FuncNorm, Normalize
from matplotlib.figure import Figure
from scipy.cluster.hierarchy import dendrogram, linkage
from scipy.spatial.distance import squareform

from kindred.errors import BadInput
from kindred.figures import cka, heatmap, matrix, style, tables

TOP = float(np.log(100.0))  # SAT of a pair that always fools each other
METHODS = ("average", "complete", "single", "weighted")
TREE = 0.62  # inches: height of the dendrogram


@dataclass(frozen=True)
class Content:
    """Models in dendrogram order with their matrices; `tree` is scipy's linkage of the models in the given order."""

    names: tuple[str, ...]
    budgets: tuple[tables.Budget, ...]
    sat: tables.Matrix
    rates: tables.Matrix
    tree: np.ndarray
    attack: str
    sat_rows: pd.DataFrame
    rate_rows: pd.DataFrame


def distances(sat: tables.Matrix) -> tables.Matrix:
    """ln 100 - SAT, zero on the diagonal; an undefined pair is put as far apart as the farthest defined one."""
    apart = np.clip(TOP - sat, 0.0, None)
    np.fill_diagonal(apart, 0.0)
    defined = apart[np.isfinite(apart)]
    return np.where(np.isfinite(apart), apart, defined.max())


def cluster(sat: tables.Matrix, method: str = "average") -> tuple[np.ndarray, list[int]]:
    """Linkage of condensed distances with optimal leaf ordering, and the order of the leaves.

    sat: (models, models), symmetric, at least two models. Raises BadInput for an unknown method.
    """
    if method not in METHODS:
        raise BadInput(f"The linkage method is {method!r}; it must be one of {', '.join(METHODS)}.")
    if len(sat) < 2:
        raise BadInput("A dendrogram needs at least two models; there is one.")
    condensed = squareform(distances(sat), checks=False)
    tree = linkage(condensed, method=method, optimal_ordering=True)
    return tree, [int(leaf) for leaf in dendrogram(tree, no_plot=True)["leaves"]]


def select(
    sat: pd.DataFrame,
    transfer: pd.DataFrame,
    models: pd.DataFrame,
    *,
    attack: str | None = None,
    method: str = "average",
    order: Sequence[str] | None = None,
) -> Content:
    """The matrices of the figure. Raises BadInput for what the tables lack."""
    tables.require(sat, ["attack", "model_a", "model_b", "sat"], "sat.csv")
    tables.require(transfer, ["attack", "source", "target", "rate"], "transfer.csv")
    names = tables.order(models, order)
    attack = tables.only(sat, "attack", attack, "sat.csv")
    sat_rows = tables.choose(sat, "attack", attack, "sat.csv")
    rate_rows = tables.choose(transfer, "attack", attack, "transfer.csv")
    scores = tables.square(
        sat_rows, "model_a", "model_b", "sat", names, f"sat.csv (attack {attack})", symmetric=True
    )
    rates = tables.square(rate_rows, "source", "target", "rate", names, f"transfer.csv (attack {attack})")
    tree, leaves = cluster(scores, method)
    budget = tables.budgets(models)
    sorted_names = [names[leaf] for leaf in leaves]
    kept = np.ix_(leaves, leaves)
    return Content(
        names=tuple(sorted_names),
        budgets=tuple(budget[name] for name in sorted_names),
        sat=scores[kept],
        rates=rates[kept],
        tree=tree,
        attack=attack,
        sat_rows=sat_rows[
            sat_rows["model_a"].astype(str).isin(names) & sat_rows["model_b"].astype(str).isin(names)
        ],
        rate_rows=rate_rows[
            rate_rows["source"].astype(str).isin(names) & rate_rows["target"].astype(str).isin(names)
        ],
    )


def lowest(content: Content) -> float:
    """Where the scale begins: the smallest SAT (or ln of a rate in per cent) rounded down to a half, at least 0."""
    with np.errstate(divide="ignore"):
        logs = np.log(100 * content.rates)
    seen = np.concatenate([content.sat[np.isfinite(content.sat)], logs[np.isfinite(logs)]])
    low = float(np.floor(2 * seen.min()) / 2) if len(seen) else 0.0
    return float(np.clip(low, 0.0, 4.0))


def rate_norm(low: float) -> FuncNorm:
    """The norm for rates (0..1) that gives the colours of Normalize(low, ln 100) to SAT."""
    floor = float(np.exp(low)) / 100

    def forward(rate: np.ndarray) -> np.ndarray:
        return np.log(100 * np.maximum(rate, floor * 1e-6))

    def inverse(score: np.ndarray) -> np.ndarray:
        return np.exp(score) / 100

    return FuncNorm((forward, inverse), vmin=floor, vmax=1.0)


def percent(rate: float) -> str:
    """A rate in a cell: 15 for 0.152, .4 for 0.004."""
    hundred = 100 * rate
    return f"{hundred:.0f}" if hundred >= 0.95 or hundred == 0 else f"{hundred:.1f}".removeprefix("0")


def draw(
    sat: pd.DataFrame,
    transfer: pd.DataFrame,
    models: pd.DataFrame,
    *,
    attack: str | None = None,
    method: str = "average",
    order: Sequence[str] | None = None,
    annotate: bool | str = "auto",
    dpi: int = style.DPI,
    font_size: float = style.FONT_SIZE,
) -> Figure:
    """SAT under its dendrogram, directed rates (rows source, columns target) in the same order beside it.

    sat, transfer, models: sat.csv, transfer.csv, models.csv; attack: which (needed only when there are several);
    method: linkage of ln 100 - SAT; order: the models to draw (the dendrogram then orders them).
    """
    content = select(sat, transfer, models, attack=attack, method=method, order=order)
    low = lowest(content)
    side = cka.model_side(content.names, content.budgets, named=False)
    colours = cka.legend(content.budgets)
    if len(colours) == 1:
        side, colours = matrix.Side(side.labels), {}
    panels = [
        matrix.Panel(
            content.sat,
            side,
            side,
            "SAT",
            "model",
            "model",
            style.TRANSFER,
            Normalize(low, TOP),
            "{:.1f}".format,
        ),
        matrix.Panel(
            content.rates,
            side,
            side,
            "Images fooled, %",
            "made on (source)",
            "shown to (target)",
            style.TRANSFER,
            rate_norm(low),
            percent,
        ),
    ]
    with style.context(font_size) as size:
        listed = len(colours) * 1.45 * size.note / 72
        drawn = heatmap.draw(
            panels,
            bar=heatmap.Bar(
                "SAT",
                _score_ticks(low),
                "min" if _below(content, low) else "neither",
                before=style.extent("100 %", size.tick)[0],
            ),
            headroom=max(TREE, listed - 0.05) * font_size / style.FONT_SIZE,
            annotate=annotate,
            dpi=dpi,
            font_size=font_size,
        )
        _tree(
            drawn.figure, drawn.axes[0], content.tree, TREE * font_size / style.FONT_SIZE, strip=bool(colours)
        )
        page = drawn.figure.get_size_inches()
        box = drawn.axes[1].get_position()
        heatmap.legend(
            drawn.figure, colours, box.x0 * page[0], box.y1 * page[1] + side.strip + 0.07, size.note
        )
        _rate_ticks(drawn, low, size)
    return drawn.figure


def _below(content: Content, low: float) -> bool:
    rates = content.rates[np.isfinite(content.rates)]
    scores = content.sat[np.isfinite(content.sat)]
    return bool((rates < np.exp(low) / 100 * (1 - 1e-9)).any() or (scores < low - 1e-9).any())


def _score_ticks(low: float) -> list[float]:
    return [float(tick) for tick in np.arange(np.ceil(low), TOP, 1.0)]


def _rate_ticks(drawn: heatmap.Drawn, low: float, size: style.Sizes) -> None:
    """The same scale in per cent on the left side of the bar."""
    assert drawn.bar is not None
    ticks = [rate for rate in (1, 2, 5, 10, 20, 50, 100) if np.log(rate) >= low - 1e-9]
    for rate in ticks:
        drawn.bar.text(
            -0.35,
            np.log(rate),
            f"{rate} %",
            transform=drawn.bar.get_yaxis_transform(),
            fontsize=size.tick,
            ha="right",
            va="center_baseline",
            gid="rate tick",
        )


def _tree(figure: Figure, under: Axes, tree: np.ndarray, height: float, *, strip: bool) -> None:
    """The dendrogram above a matrix (and its strip), leaves over the columns; heights are distances from 0 up."""
    laid = dendrogram(tree, no_plot=True)
    # scipy puts leaf k at 10 k + 5; column k of the matrix is at k.
    across = (np.asarray(laid["icoord"]) - 5) / 10
    up = np.asarray(laid["dcoord"])
    box, page = under.get_position(), figure.get_size_inches()
    foot = box.y1 + (matrix.GAP + matrix.STRIP * strip + 0.02) / page[1]
    axes = figure.add_axes((box.x0, foot, box.width, height / page[1]), label="dendrogram")
    axes.add_collection(
        LineCollection(
            [np.column_stack(pair) for pair in zip(across, up, strict=True)],
            colors=style.QUIET,
            linewidths=0.6,
            capstyle="projecting",
        )
    )
    axes.set_xlim(-0.5, len(tree) + 0.5)
    axes.set_ylim(0, max(float(up.max()), 1e-9) * 1.02)
    axes.set_axis_off()


def caption(
    sat: pd.DataFrame,
    transfer: pd.DataFrame,
    models: pd.DataFrame,
    *,
    attack: str | None = None,
    method: str = "average",
    order: Sequence[str] | None = None,
) -> str:
    """What the figure shows: definition, attack, n, direction, ordering, and the uncertainty of SAT."""
    content = select(sat, transfer, models, attack=attack, method=method, order=order)
    n = tables.counted(content.sat_rows["n"]) if "n" in content.sat_rows else ""
    over = f" ({n} images per pair)" if n else ""
    said = [
        f"How well adversarial images ({content.attack}) made on one model fool another, over images both get right"
        f"{over}. Left: SAT, the natural logarithm of the mean of the two directed rates in per cent (at most "
        f"ln 100 = {TOP:.3f}); symmetric. Right: the directed rates, rows source, columns target; the diagonal is "
        "the white-box rate. Both panels share one colour scale, logarithmic in the rate.",
        f"Models are in the order of the dendrogram ({method} linkage of ln 100 − SAT, optimal leaf order; the last "
        f"two groups join at {content.tree[-1, 2]:.2f}).",
    ]
    if len({one.label for one in content.budgets}) > 1:
        said.append("Strips tell the training budget.")
    apart = tables.off_diagonal(content.sat)
    if len(apart):
        said.append(
            f"Pairs of different models: mean SAT {apart.mean():.3f}, from {apart.min():.3f} to {apart.max():.3f}."
        )
    if {"low", "high"} <= set(content.sat_rows.columns):
        rows = content.sat_rows[
            content.sat_rows["model_a"].astype(str) != content.sat_rows["model_b"].astype(str)
        ]
        width = (
            pd.to_numeric(rows["high"], errors="coerce") - pd.to_numeric(rows["low"], errors="coerce")
        ) / 2
        if width.notna().any():
            said.append(
                f"Half-width of the 95 % intervals: median {width.median():.3f}, largest {width.max():.3f}."
            )
    zero = int((content.rates == 0).sum())
    if zero:
        said.append(f"{zero} directed rates are zero and take the lowest colour.")
    holes = int((~np.isfinite(content.sat)).sum()), int((~np.isfinite(content.rates)).sum())
    if any(holes):
        said.append(
            f"Hatched cells ({sum(holes)}) are undefined: no image that both models get right; the dendrogram puts "
            "such pairs farthest apart."
        )
    return " ".join(said)
