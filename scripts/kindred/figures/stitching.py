"""Agreement of stitched models with their heads against the training budget (Jones et al. 2022, Figs 7 and 8)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from kindred.errors import BadInput
from kindred.figures import chart, pairs, style, tables

COLUMNS = ("body", "head", "case", "n", "agreed", "rate", "error")
WHERE = "stitching.csv"
PANELS = (
    ("Head and body agree", {"both_right": "both right", "both_wrong_same": "both wrong"}),
    (
        "Head and body differ",
        {
            "body_wrong_head_right": "head right",
            "body_right_head_wrong": "body right",
            "both_wrong_differ": "both wrong",
        },
    ),
)
COLOURS = {
    "both_right": "#254573",
    "both_wrong_same": "#5d9fb5",
    "body_wrong_head_right": "#8a2946",
    "body_right_head_wrong": "#e2a173",
    "both_wrong_differ": "#7d7d79",
}


@dataclass(frozen=True)
class Content:
    """Per case and budget the mean over ordered pairs, and the images behind it."""

    levels: tuple[pairs.Level, ...]
    means: dict[str, list[pairs.Mean]]
    images: dict[str, list[int]]
    pooled: dict[str, float]


def select(table: pd.DataFrame, models: pd.DataFrame, *, order: Sequence[str] | None = None) -> Content:
    """What is drawn. Raises BadInput for an ordered pair of one budget that stitching.csv lacks."""
    tables.require(table, COLUMNS, WHERE)
    levels = pairs.levels(models, ordered=True, order=order)
    means: dict[str, list[pairs.Mean]] = {}
    images: dict[str, list[int]] = {}
    pooled: dict[str, float] = {}
    for case in COLOURS:
        rows = tables.choose(table, "case", case, WHERE)
        by_pair = rows.set_index([rows["body"].astype(str), rows["head"].astype(str)])
        rates = pd.to_numeric(by_pair["rate"], errors="coerce").to_dict()
        counts = by_pair["n"].astype(int).to_dict()
        for level in levels:
            if missing := [pair for pair in level.apart if pair not in rates]:
                raise BadInput(
                    f"{WHERE} ({case}) has no row for the body {missing[0][0]} with the head {missing[0][1]}."
                )
        means[case] = [pairs.mean([rates[pair] for pair in level.apart]) for level in levels]
        images[case] = [sum(counts[pair] for pair in level.apart) for level in levels]
        pooled[case] = pairs.mean([rates[pair] for level in levels for pair in level.apart]).mean
    return Content(tuple(levels), means, images, pooled)


def draw(
    table: pd.DataFrame,
    models: pd.DataFrame,
    *,
    order: Sequence[str] | None = None,
    dpi: int = style.DPI,
    font_size: float = style.FONT_SIZE,
) -> Figure:
    """Two panels, where head and body agree and where they do not: agreement in per cent, bands of one s.e.

    table: stitching.csv; models: models.csv.
    """
    content = select(table, models, order=order)
    labels = [level.budget.label for level in content.levels]
    scale = font_size / style.FONT_SIZE
    width = float(np.clip(0.42 * len(labels), 1.9, 3.4))
    with style.context(font_size) as size:
        turned = chart.crowded(labels, width * scale, size)
        names = [name for _, cases in PANELS for name in cases.values()]
        beside = 0.1 + style.widest(names, size.note)
        figure, panels = chart.page(
            [width, width],
            2.0,
            lefts=[0.52 * scale, beside + 0.34 * scale],
            below=0.40 * scale + (style.widest(labels, size.tick) if turned else 0.0),
            beside=beside,
            titles=[title for title, _ in PANELS],
            dpi=dpi,
            font_size=font_size,
        )
        for axes, (_, cases) in zip(panels, PANELS, strict=True):
            ends = []
            for case, name in cases.items():
                middle = np.array([100 * one.mean for one in content.means[case]])
                error = np.array([100 * one.error for one in content.means[case]])
                places = np.arange(len(middle))
                look = {"color": COLOURS[case], "linewidth": 1.2, "markersize": 3}
                axes.plot(places, middle, "-o", gid=f"mean {case}", **look)  # type: ignore[arg-type]
                axes.fill_between(
                    places, middle - error, middle + error, color=COLOURS[case], alpha=0.18, linewidth=0
                )
                last = np.flatnonzero(np.isfinite(middle))
                ends.append((float(middle[last[-1]]) if len(last) else np.nan, name, COLOURS[case]))
            seen = [value for case in cases for value in _range(content.means[case])]
            low, high = (min(seen), max(seen)) if seen else (0.0, 100.0)
            room = max(2.0, 0.08 * (high - low))
            axes.set_ylim(low - room, min(high + room, 101.0))
            _name_ends(axes, ends, 2.0 * scale, size)
            chart.categories(axes, labels, size, angle=90.0 if turned else 0.0)
            chart.name(axes, size, "training budget of both models", "agreement with the head, %")
        panels[1].set_ylabel("")
    return figure


def _range(means: Sequence[pairs.Mean]) -> list[float]:
    values = [100 * (one.mean + sign * np.nan_to_num(one.error)) for one in means for sign in (-1, 1)]
    return [value for value in values if np.isfinite(value)]


def _name_ends(axes, ends: Sequence[tuple[float, str, str]], tall: float, size: style.Sizes) -> None:  # type: ignore[no-untyped-def]
    """The name of each line at its right end, moved apart where lines end close together."""
    low, high = axes.get_ylim()
    step = 1.25 * size.note / 72 / tall * (high - low)
    y = -np.inf
    for value, name, colour in sorted(each for each in ends if np.isfinite(each[0])):
        y = max(value, y + step)
        axes.annotate(
            name,
            (1, y),
            xycoords=axes.get_yaxis_transform(),
            xytext=(4, 0),
            textcoords="offset points",
            fontsize=size.note,
            color=colour,
            va="center_baseline",
            annotation_clip=False,
            gid="legend",
        )


def caption(table: pd.DataFrame, models: pd.DataFrame, *, order: Sequence[str] | None = None) -> str:
    """What the figure shows: what was fitted and scored, which pairs, what the band is, pooled means."""
    content = select(table, models, order=order)
    counts = tables.listed([f"{len(level.apart)} at {level.budget.label}" for level in content.levels])
    images = {
        case: f"{min(some):,} to {max(some):,}" if min(some) != max(some) else f"{max(some):,}"
        for case, some in content.images.items()
    }
    agree, wrong = content.pooled["both_right"], content.pooled["both_wrong_same"]
    said = [
        "How often a stitched model says what its head says, held-out images split by who of head and body is right. "
        "The body's penultimate activations are mapped to the head's by least squares on training images and read by "
        "the head's last linear map. Mean over ordered pairs of different architectures trained at one budget "
        f"({counts}), each pair counting once; band: one standard error between pairs, which share models and so say "
        "less than as many independent ones.",
        f"Over all pairs {100 * agree:.1f} % where both are right and {100 * wrong:.1f} % where both are wrong alike.",
        "Images behind a point: "
        + "; ".join(f"{case.replace('_', ' ')} {images[case]}" for case in COLOURS)
        + ".",
    ]
    return " ".join(said)
