"""Panels of points, lines and bars on one page, their axes, and the legend at their right."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullLocator
from numpy.typing import NDArray

from kindred.figures.layout.page import MARGIN, NARROWEST, Page
from kindred.figures.layout.reading import defined
from kindred.figures.layout.style import NOTE, QUIET, Style
from kindred.figures.layout.text import widest

GRID, SPINE = "#e4e4e0", "#9a9a9a"
LEFT, BELOW, ABOVE = 0.52, 0.42, 0.24  # inches around a panel: for its labels and its title
KEY = 0.16  # inches: the swatch of a legend
DASHED: tuple[float, tuple[float, ...]] = (0, (4, 3))
Entries = Mapping[str, Mapping[str, Any]]  # {name: properties of its Line2D}


def panels(
    style: Style,
    sizes: Sequence[tuple[float, float]],
    *,
    columns: int | None = None,
    left: float | Sequence[float] = LEFT,
    below: float = BELOW,
    above: float = ABOVE,
    between: float = 0.0,
    beside: float = 0.05,
    entries: Entries | None = None,
    heading: str = "",
) -> tuple[Page, list[Axes]]:
    """A page of panels of (width, height) inches, `columns` in a row (default: all), and a legend beside.

    left (one for all, or one per panel), below, above: inches around each panel, for its labels; beside:
    inches kept free at the right of the panels, before a legend of the entries under a heading.
    """
    columns = columns or len(sizes)
    lefts = [left] * len(sizes) if isinstance(left, float) else list(left)
    places = list(zip(sizes, lefts, strict=True))
    rows = [places[start : start + columns] for start in range(0, len(places), columns)]
    widths = [sum(edge + width for (width, _), edge in row) + between * (len(row) - 1) for row in rows]
    heights = [above + max(height for (_, height), _ in row) + below for row in rows]
    width = max(widths) + beside + legend_width(entries or {}) + 2 * MARGIN
    page = Page(style, max(width, NARROWEST), sum(heights) + 2 * MARGIN)
    drawn, top = [], page.height - MARGIN
    for row, tall in zip(rows, heights, strict=True):
        x = MARGIN
        for (width, height), edge in row:
            drawn.append(dressed(page.axes(x + edge, top - above - height, width, height)))
            x += edge + width + between
        top -= tall
    if entries:
        legend(page, drawn[min(columns, len(drawn)) - 1], entries, shift=beside, heading=heading)
    return page, drawn


def dressed(axes: Axes) -> Axes:
    """The axes with thin spines at the left and below, small ticks, and quiet lines across."""
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(True)
        axes.spines[side].set(linewidth=0.6, color=SPINE)
    axes.tick_params(size=2.5, width=0.5, pad=2.5, color=SPINE)
    axes.grid(visible=True, color=GRID, linewidth=0.5)
    return axes


def identity(axes: Axes, low: float, high: float) -> None:
    """The dashed line on which x and y agree."""
    axes.plot([low, high], [low, high], color=QUIET, linewidth=0.6, linestyle=DASHED)


def rows(axes: Axes, labels: Sequence[str], size: float | None = None) -> None:
    """Rows 0, 1, ... from above with their labels, and without an axis."""
    axes.set_yticks(range(len(labels)), labels, fontsize=size)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", size=0)
    axes.grid(visible=False, axis="y")


def beside(axes: Axes, y: float, text: str, **look: Any) -> None:
    """Text at the right of the axes, at the height `y` of their vertical axis."""
    look |= {"xycoords": axes.get_yaxis_transform(), "textcoords": "offset points", "annotation_clip": False}
    axes.annotate(text, (1, y), (4, 0), va="center_baseline", **look)


def plain_log(axes: Axes, which: str) -> None:
    """A logarithmic axis ('x' or 'y') with 0.2 and 1 at its ticks in place of powers of ten."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    low, high = axis.get_view_interval()
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high / low < 300 else (1.0,), numticks=12))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_locator(NullLocator())


def padded(values: Sequence[float] | NDArray[np.float64], share: float = 0.06) -> tuple[float, float]:
    """Limits that leave a share of the range free on both sides; a range of a half around a single value."""
    known = defined(values)
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    room = share * (high - low) if high - low > 1e-9 else 0.25
    return low - room, high + room


def legend_width(entries: Mapping[str, object]) -> float:
    """Inches beside the panels that a legend takes."""
    return KEY + 0.22 + widest(entries, NOTE) if entries else 0.0


def legend(page: Page, axes: Axes, entries: Entries, *, shift: float = 0.0, heading: str = "") -> None:
    """Names at the right of a panel, from its top.

    shift: inches between panel and legend that something else takes.
    """
    box, step = page.box_of(axes), 1.5 * NOTE / 72
    x, y = box.x1 + shift + 0.14, box.y1 - 0.5 * step
    look = {"color": QUIET, "va": "center_baseline"}
    if heading:
        page.write(x, y, heading, NOTE, "legend heading", **look)
        y -= step
    for label, line in entries.items():
        along = [(x + at) / page.width for at in (0, KEY / 2, KEY)]
        shape = Line2D(along, [y / page.height] * 3, transform=page.figure.transFigure, markevery=[1], **line)
        page.figure.add_artist(shape)
        page.write(x + KEY + 0.06, y, label, NOTE, "legend", **look)
        y -= step
