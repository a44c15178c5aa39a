"""Success of an inversion: residuals over the steps, and of the returned images, model by model."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from kindred.figures.layout import chart, reading
from kindred.figures.layout.budgets import by_budget, of_models
from kindred.figures.layout.colours import budget_colours
from kindred.figures.layout.style import INK, NOTE, QUIET, TICK, Captioned, Look, Options, Style, Tables
from kindred.figures.layout.text import plural, share, span, widest
from kindred.workflow.errors import BadInput

THRESHOLD: Look = {"color": INK, "linewidth": 0.7, "linestyle": (0, (3, 2)), "gid": "threshold"}
MANY = 30  # models; the bars of more are thinner


def draw(tables: Tables, options: Options, style: Style) -> Captioned:
    """Left: each model's median residual over the steps; right: the spread over images of the returned ones.

    Both panels have logarithmic scales. Raises BadInput for what the tables lack of the inversion `options["each"]`.
    """
    summary = "inversion model n median q05 q25 q75 q95 converged above undefined left_out"
    inversions = reading.require(tables, "inversions", summary)
    curves, name = reading.require(tables, "inversion_curves", "inversion model step median"), options["each"]
    budget = of_models(tables["models"])
    names = by_budget(reading.model_names(tables), budget)
    rows = reading.choose(inversions, "inversion", name, "inversions.csv").set_index("model")
    curves = reading.choose(curves, "inversion", name, "inversion_curves.csv").sort_values("step")
    if missing := [model for model in names if model not in rows.index or model not in set(curves["model"])]:
        raise BadInput(f"The tables of inversions have no row for the model {missing[0]!r} ({name}).")
    rows, curves = rows.loc[names], curves[curves["model"].isin(names)]
    colours = budget_colours(budget.values())
    own = {name: colours[budget[name].label] for name in rows.index}
    entries = {name: {"color": colour, "linewidth": 1.6} for name, colour in colours.items()}
    shares = [share(value) for value in rows["above"]]
    height = float(np.clip(0.15 * len(rows), 2.2, 9.0))
    row_size = min(TICK, 0.8 * height / len(rows) * 72)
    left = [chart.LEFT, 0.42 + widest(own, row_size)]
    room = 0.10 + widest([*shares, "above"], NOTE)
    sizes = [(2.5, height), (2.3, height)]
    page, (course, spread) = chart.panels(style, sizes, left=left, beside=room, entries=entries)
    for model, colour in own.items():
        part = curves[curves["model"] == model]
        course.plot(part["step"], part["median"], color=colour, linewidth=1.0, gid=f"course {model}")
    course.set(title="Over the steps", xlabel="step", ylabel="relative residual, median", yscale="log")
    course.set(xlim=(0, max(1.0, curves["step"].max())), ylim=_limits(curves[["median"]], rows))
    chart.plain_log(course, "y")
    course.axhline(rows["converged"].iloc[0], **THRESHOLD)
    chart.rows(spread, list(own), style.points(row_size))
    _spreads(spread, rows, own)
    heading: Look = {"xycoords": "axes fraction", "va": "bottom", "fontsize": style.points(NOTE), "color": QUIET}
    spread.annotate("above", (1, 1), (4, 0), textcoords="offset points", annotation_clip=False, **heading)
    for row, text in enumerate(shares):
        chart.beside(spread, row, text, fontsize=style.points(min(NOTE, row_size)), color=QUIET, gid="share")
    return page.figure, _caption(rows, options)


def _limits(values: pd.DataFrame, rows: pd.DataFrame) -> tuple[float, float]:
    """A scale for these residuals and the threshold, with some room."""
    seen = reading.defined(np.append(values, rows["converged"].iloc[0]))
    seen = seen[seen > 0]
    return float(seen.min()) / 1.4, float(seen.max()) * 1.4


def _spreads(axes: Axes, rows: pd.DataFrame, colours: dict[str, str]) -> None:
    """5 to 95 % as a line, the middle half as a bar, the median as a point, each model in its row."""
    thick = 1.0 if len(rows) > MANY else 1.8
    for row, (model, colour) in enumerate(colours.items()):
        values = rows.loc[model]
        axes.plot(values[["q05", "q95"]], [row, row], color=colour, linewidth=0.35 * thick)
        axes.plot(values[["q25", "q75"]], [row, row], color=colour, linewidth=1.6 * thick)
        look: Look = {"color": "white", "markeredgecolor": colour, "markersize": 1.7 * thick}
        axes.plot(values["median"], row, "o", gid=f"median {model}", **look)
    axes.set(title="Returned images", xlabel="relative residual", xscale="log")
    axes.set_xlim(*_limits(rows[["q05", "q95"]], rows))
    chart.plain_log(axes, "x")
    axes.axvline(rows["converged"].iloc[0], **THRESHOLD)


def _caption(rows: pd.DataFrame, options: Options) -> str:
    above = float((rows["above"] * rows["n"]).sum() / rows["n"].sum())
    text = (
        f"Relative residual ||g(x) − g(t)|| / ||g(t)|| of images x inverted through {plural(len(rows), 'model')} "
        f"(inversion {options['each']}, n = {span(rows['n'])} images each), g being the penultimate features of the "
        "model and t the target. Left: median over images of the iterate at each step. Right: the best iterate of "
        "each image, which is kept; line 5 to 95 %, bar the middle half, point the median. Dashed: the threshold "
        f"{rows['converged'].iloc[0]:g}, with the share of images above it at the right"
    )
    if above:
        worst = str(rows["above"].astype(float).idxmax())
        most = f", most through {worst} ({share(float(rows.loc[worst, 'above']))})" if len(rows) > 1 else ""
        text += f"; {share(above)} of all images are{most}. "
        left_out = int(rows["left_out"].sum())
        text += f"Comparisons leave out {left_out:,} of them." if left_out else "Comparisons leave none of them out."
    else:
        text += "; no image is."
    if undefined := int(rows["undefined"].sum()):
        text += f" Undefined residuals ({undefined:,}; the target's features are all zero) count as above it."
    return text
