"""How well an inversion has worked: residuals over the steps, and of the returned images, model by model."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kindred.errors import BadInput
from kindred.figures import chart, cka, style, tables

SUMMARY = "inversion model n median q05 q25 q75 q95 worst converged above undefined left_out".split()  # noqa: SIM905
CURVE = "inversion model step median above".split()  # noqa: SIM905


@dataclass(frozen=True)
class Content:
    """Models in order, their budgets, their rows of inversions.csv and of inversion_curves.csv, the threshold."""

    names: tuple[str, ...]
    budgets: tuple[tables.Budget, ...]
    rows: pd.DataFrame
    curves: dict[str, pd.DataFrame]
    converged: float
    inversion: str


def select(
    inversions: pd.DataFrame,
    curves: pd.DataFrame,
    models: pd.DataFrame,
    *,
    inversion: str | None = None,
    order: Sequence[str] | None = None,
) -> Content:
    """What is drawn of one inversion. Raises BadInput for what the tables lack."""
    tables.require(inversions, SUMMARY, "inversions.csv")
    tables.require(curves, CURVE, "inversion_curves.csv")
    name = tables.only(inversions, "inversion", inversion, "inversions.csv")
    budget = tables.budgets(models)
    names = tables.by_budget(tables.order(models, order), budget)
    rows = tables.choose(inversions, "inversion", name, "inversions.csv").set_index("model")
    over = tables.choose(curves, "inversion", name, "inversion_curves.csv")
    courses = {str(model): part.sort_values("step") for model, part in over.groupby("model", sort=False)}
    for model in names:
        if model not in rows.index or model not in courses:
            raise BadInput(f"The tables of inversions have no row for the model {model!r} ({name}).")
    rows = rows.loc[names]
    return Content(
        tuple(names),
        tuple(budget[one] for one in names),
        rows,
        {model: courses[model] for model in names},
        float(rows["converged"].iloc[0]),
        name,
    )


def draw(
    inversions: pd.DataFrame,
    curves: pd.DataFrame,
    models: pd.DataFrame,
    *,
    inversion: str | None = None,
    order: Sequence[str] | None = None,
    dpi: int = style.DPI,
    font_size: float = style.FONT_SIZE,
) -> Figure:
    """Left: each model's median residual over the steps; right: the spread over images of the returned ones.

    inversions, curves: inversions.csv and inversion_curves.csv; both panels have logarithmic scales.
    """
    content = select(inversions, curves, models, inversion=inversion, order=order)
    colours = cka.legend(content.budgets)
    own = [colours[one.label] for one in content.budgets]
    scale = font_size / style.FONT_SIZE
    with style.context(font_size) as size:
        shares = [share(value) for value in content.rows["above"]]
        height = float(np.clip(0.15 * len(content.names), 2.2, 9.0))
        row_size = min(size.tick, 0.8 * height * scale / len(content.names) * 72)
        figure, (course, spread) = chart.page(
            (2.5, 2.3),
            height,
            lefts=(0.52 * scale, 0.42 * scale + style.widest(content.names, row_size)),
            below=0.42 * scale,
            beside=0.10 + style.widest([*shares, "above"], size.note) + chart.legend_width(colours, size),
            titles=("Over the steps", "Returned images"),
            dpi=dpi,
            font_size=font_size,
        )
        returned = content.rows[["q05", "q95"]].to_numpy(dtype=np.float64).ravel()
        along = np.concatenate(
            [part["median"].to_numpy(dtype=np.float64) for part in content.curves.values()]
        )
        _courses(course, content, own, _limits(along, content.converged))
        chart.name(course, size, "step", "relative residual, median")
        _spreads(spread, content, own, _limits(returned, content.converged), row_size)
        chart.name(spread, size, "relative residual")
        _shares(spread, shares, size, row_size)
        beside = 0.10 + style.widest([*shares, "above"], size.note)
        entries = {
            label: {"color": colour, "marker": "o", "markersize": 3.2, "linewidth": 1.2}
            for label, colour in colours.items()
        }
        chart.legend(figure, spread, entries, size, shift=beside)
    return figure


def _limits(values: np.ndarray, converged: float) -> tuple[float, float]:
    """A scale for these residuals and the threshold, with some room."""
    seen = np.append(values, converged)
    seen = seen[np.isfinite(seen) & (seen > 0)]
    return float(seen.min()) / 1.4, float(seen.max()) * 1.4


def _courses(axes: Axes, content: Content, colours: Sequence[str], limits: tuple[float, float]) -> None:
    for model, colour in zip(content.names, colours, strict=True):
        part = content.curves[model]
        axes.plot(part["step"], part["median"], color=colour, linewidth=1.0, gid=f"course {model}")
    axes.set_yscale("log")
    axes.set_ylim(*limits)
    chart.plain_log(axes, "y")
    axes.axhline(content.converged, color=style.INK, linewidth=0.7, linestyle=(0, (3, 2)), gid="threshold")
    axes.set_xlim(0, max(float(part["step"].max()) for part in content.curves.values()))


def _spreads(
    axes: Axes, content: Content, colours: Sequence[str], limits: tuple[float, float], row_size: float
) -> None:
    """5 to 95 % as a line, the middle half as a bar, the median as a point, each model in its row."""
    thick = 1.0 if len(content.names) > 30 else 1.8
    for row, (model, colour) in enumerate(zip(content.names, colours, strict=True)):
        values = content.rows.loc[model]
        axes.plot([values["q05"], values["q95"]], [row, row], color=colour, linewidth=0.35 * thick)
        axes.plot([values["q25"], values["q75"]], [row, row], color=colour, linewidth=1.6 * thick)
        axes.plot(
            values["median"],
            row,
            "o",
            color="white",
            markeredgecolor=colour,
            markersize=1.7 * thick,
            gid=f"median {model}",
        )
    axes.set_xscale("log")
    axes.set_xlim(*limits)
    chart.plain_log(axes, "x")
    axes.grid(visible=False, axis="y")
    axes.axvline(content.converged, color=style.INK, linewidth=0.7, linestyle=(0, (3, 2)), gid="threshold")
    axes.set_ylim(len(content.names) - 0.4, -0.6)
    axes.set_yticks(range(len(content.names)), content.names, fontsize=row_size, parse_math=False)


def _shares(axes: Axes, shares: Sequence[str], size: style.Sizes, row_size: float) -> None:
    """The share above the threshold at the right of each model's row, and what it is at the top."""
    look: dict[str, Any] = {
        "xytext": (4, 0),
        "textcoords": "offset points",
        "color": style.QUIET,
        "annotation_clip": False,
    }
    for row, text in enumerate(shares):
        where = axes.get_yaxis_transform()
        axes.annotate(
            text,
            (1, row),
            xycoords=where,
            fontsize=min(size.note, row_size),
            va="center_baseline",
            gid="share",
            **look,
        )
    axes.annotate("above", (1, 1), xycoords="axes fraction", fontsize=size.note, va="bottom", **look)


def share(value: float) -> str:
    """0.034 -> '3 %', 0.004 -> '<1 %'."""
    if 0 < value < 0.01:
        return "<1 %"
    return f"{100 * value:.0f} %"


def caption(
    inversions: pd.DataFrame,
    curves: pd.DataFrame,
    models: pd.DataFrame,
    *,
    inversion: str | None = None,
    order: Sequence[str] | None = None,
) -> str:
    """What the figure shows: what a residual is, the threshold, how many are above it and what becomes of them."""
    content = select(inversions, curves, models, inversion=inversion, order=order)
    rows = content.rows
    n = int(rows["n"].sum())
    above = round(float((rows["above"] * rows["n"]).sum()))
    worst = str(rows["above"].astype(float).idxmax())
    said = [
        f"Relative residual ||g(x) − g(t)|| / ||g(t)|| of images inverted through {len(content.names)} models "
        f"(inversion {content.inversion}, {tables.counted(rows['n'])} images each). Left: median over images of the "
        "iterate at each step. Right: the best iterate, which is kept; line 5 to 95 %, bar the middle half, point the "
        f"median. Dashed: the threshold {content.converged:g}; {share(above / n)} of all images are above it, most "
        f"through {worst} ({share(float(rows.loc[worst, 'above']))})."
    ]
    if out := int(rows["left_out"].sum()):
        said.append(f"The {out:,} images above it are left out of comparisons.")
    else:
        said.append("None is left out of comparisons.")
    if undefined := int(rows["undefined"].sum()):
        said.append(
            f"{undefined:,} residuals are undefined (the model says nothing of the target) and count as above it."
        )
    return " ".join(said)
