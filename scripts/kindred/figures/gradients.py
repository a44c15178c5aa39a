"""Cosine between the input gradients of two models against their training budget (Jones et al. 2022, Fig. 5)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from kindred.errors import BadInput
from kindred.figures import chart, pairs, style, tables

COLUMNS = ("loss", "model_a", "model_b", "mean", "sd", "n")
WHERE = "gradients.csv"
SEEN = "#b9c3c9"
ALIKE: dict[str, Any] = {
    "color": "white",
    "marker": "D",
    "markersize": 3.0,
    "markeredgecolor": "#8a2946",
    "linewidth": 0,
}
TITLES = {"logit": "Logit of the true class", "cross_entropy": "Cross-entropy"}


@dataclass(frozen=True)
class Content:
    """Per loss and budget: cosines of the pairs of different architectures, and of one architecture's seeds."""

    losses: tuple[str, ...]
    levels: tuple[pairs.Level, ...]
    apart: dict[str, list[list[float]]]
    alike: dict[str, list[list[float]]]
    n: str
    within: float  # the mean over pairs of the sd over images


def select(table: pd.DataFrame, models: pd.DataFrame, *, order: Sequence[str] | None = None) -> Content:
    """What is drawn. Raises BadInput for a pair of one budget that gradients.csv lacks."""
    tables.require(table, COLUMNS, WHERE)
    levels = pairs.levels(models, ordered=False, order=order)
    losses = sorted(tables.present(table, "loss"), key=lambda loss: (list(TITLES).index(loss), loss))
    wanted = {frozenset(pair) for level in levels for pair in (*level.apart, *level.alike)}
    apart: dict[str, list[list[float]]] = {}
    alike: dict[str, list[list[float]]] = {}
    used = []
    for loss in losses:
        rows = table[table["loss"].astype(str) == loss]
        keys = [frozenset(pair) for pair in zip(rows["model_a"], rows["model_b"], strict=True)]
        values = dict(zip(keys, pd.to_numeric(rows["mean"], errors="coerce"), strict=True))
        if missing := [pair for pair in wanted if pair not in values]:
            raise BadInput(f"{WHERE} ({loss}) has no row for {tables.listed(sorted(missing[0]))}.")
        apart[loss] = [[values[frozenset(pair)] for pair in level.apart] for level in levels]
        alike[loss] = [[values[frozenset(pair)] for pair in level.alike] for level in levels]
        used.append(rows[[key in wanted for key in keys]])
    drawn = pd.concat(used)
    return Content(
        tuple(losses),
        tuple(levels),
        apart,
        alike,
        tables.counted(drawn["n"]),
        float(pd.to_numeric(drawn["sd"], errors="coerce").mean()),
    )


def draw(
    table: pd.DataFrame,
    models: pd.DataFrame,
    *,
    order: Sequence[str] | None = None,
    dpi: int = style.DPI,
    font_size: float = style.FONT_SIZE,
) -> Figure:
    """A panel per loss: the mean over pairs of different architectures with one sd, and every pair as a point.

    table: gradients.csv; models: models.csv. Diamonds are pairs of one architecture from different seeds.
    """
    content = select(table, models, order=order)
    labels = [level.budget.label for level in content.levels]
    scale = font_size / style.FONT_SIZE
    width = float(np.clip(0.42 * len(labels), 1.9, 3.4))
    seeds = any(any(each) for values in content.alike.values() for each in values)
    with style.context(font_size) as size:
        turned = chart.crowded(labels, width * scale, size)
        entries = {
            "mean ± sd": {"color": style.INK, "marker": "o", "markersize": 3, "linewidth": 1.2},
            "a pair": {"color": SEEN, "marker": "o", "markersize": 2.2, "linewidth": 0},
        }
        if seeds:
            entries["same architecture,"] = dict(ALIKE)
            entries["other seed"] = {"linewidth": 0}
        figure, panels = chart.page(
            [width] * len(content.losses),
            2.0,
            lefts=[(0.52 if place == 0 else 0.34) * scale for place in range(len(content.losses))],
            below=(0.40 * scale) + (style.widest(labels, size.tick) if turned else 0.0),
            beside=chart.legend_width(entries, size),
            titles=[TITLES.get(loss, loss) for loss in content.losses],
            dpi=dpi,
            font_size=font_size,
        )
        seen = [
            v
            for loss in content.losses
            for each in (*content.apart[loss], *content.alike[loss])
            for v in each
        ]
        seen = [value for value in seen if np.isfinite(value)] or [0.0, 1.0]
        top, bottom = max(0.1, *seen) * 1.06, min(0.0, *seen) * 1.06
        for place, (axes, loss) in enumerate(zip(panels, content.losses, strict=True)):
            for x, (apart, alike) in enumerate(zip(content.apart[loss], content.alike[loss], strict=True)):
                spread = np.linspace(-0.16, 0.16, len(apart)) if len(apart) > 1 else np.zeros(len(apart))
                axes.plot(x + spread, apart, "o", color=SEEN, markersize=2.2, gid=f"pairs {loss} {x}")
                axes.plot([x + 0.27] * len(alike), alike, gid=f"seeds {loss} {x}", **ALIKE)
            means = [pairs.mean(each) for each in content.apart[loss]]
            axes.errorbar(
                range(len(means)),
                [one.mean for one in means],
                yerr=[np.nan_to_num(one.sd) for one in means],
                color=style.INK,
                marker="o",
                markersize=3,
                linewidth=1.2,
                elinewidth=0.8,
                gid=f"mean {loss}",
            )
            axes.set_ylim(bottom, top)
            chart.categories(axes, labels, size, angle=90.0 if turned else 0.0)
            chart.name(axes, size, "training budget of both models", "cosine" if place == 0 else "")
        chart.legend(figure, panels[-1], entries, size)
    return figure


def caption(table: pd.DataFrame, models: pd.DataFrame, *, order: Sequence[str] | None = None) -> str:
    """What the figure shows: which pairs, what the spread is, the means at both ends."""
    content = select(table, models, order=order)
    counts = tables.listed([f"{len(level.apart)} at {level.budget.label}" for level in content.levels])
    said = [
        "Cosine between the input gradients of two models of different architectures trained at one budget, mean over "
        f"n = {content.n} images; each grey point is a pair ({counts}). Black: mean over pairs and one standard "
        f"deviation between pairs. Within a pair the standard deviation over images is {content.within:.3f} on average."
    ]
    for loss in content.losses:
        means = [pairs.mean(each).mean for each in content.apart[loss]]
        if len(means) > 1:
            said.append(
                f"{TITLES.get(loss, loss)}: {means[0]:.3f} ({content.levels[0].budget.label}) → {means[-1]:.3f} "
                f"({content.levels[-1].budget.label})."
            )
    if any(any(each) for values in content.alike.values() for each in values):
        said.append("Diamonds: pairs of one architecture trained from different seeds.")
    return " ".join(said)
