"""Matrices side by side with one colour bar: the page that all heatmap figures share.

Sizes are worked out in inches from the labels, so that the same code draws 3 models and 70: cells shrink as models are
added, labels are measured before room is given to them, and numbers are printed only where they can be read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable

from kindred.figures.layout import matrix
from kindred.figures.layout.matrix import Panel, Scale
from kindred.figures.layout.page import MARGIN, NARROWEST, Page
from kindred.figures.layout.style import HOLE, LABEL, NOTE, QUIET, TICK, TITLE, Look, Style
from kindred.figures.layout.text import extent, widest

PAD = 0.05  # inches between labels and what they label
BETWEEN = 0.28  # inches between panels
BAR = 0.11  # inches: width of the colour bar
BEFORE_BAR = 0.18  # inches
BAR_TEXT = 0.55  # inches right of the bar: its ticks and its label
HOLES = 0.24  # inches below the bar: what hatched cells mean
LEGEND_LINE = 1.45 * NOTE / 72  # inches


@dataclass(frozen=True)
class Drawn:
    """A page with its axes: one per panel, and the bar's (None without a bar)."""

    page: Page
    axes: list[Axes]
    bar: Axes | None
    lefts: list[float]  # inches left of each matrix that are its panel's


@dataclass(frozen=True)
class _Room:
    """Inches left of, above (without the title) and below a matrix, and sizes and angles of its labels."""

    left: float
    above: float
    below: float
    row_size: float
    column_size: float
    column_angle: float
    group_angle: float
    shares_rows: bool


def pitch(count: int) -> float:
    """Inches per cell of a matrix with `count` rows: large for few models, never too small for a label."""
    return float(np.clip(3.8 / max(count, 1), 0.112, 0.46))


def _measure(panel: Panel, before: Panel | None, body: tuple[float, float], columns_above: bool) -> _Room:
    rows, columns = panel.values.shape
    cell_width, cell_height = body[0] / columns, body[1] / rows
    row_size = TICK if panel.rows.at else min(TICK, 0.80 * cell_height * 72)
    flat = bool(panel.columns.at) or widest(panel.columns.labels, TICK) + 0.08 <= cell_width
    column_size = TICK if flat else min(TICK, 0.80 * cell_width * 72)
    shares = before is not None and before.rows is panel.rows
    left = 1.7 * LABEL / 72 if panel.row_name else 0.0
    left += panel.gutter + panel.rows.strip + PAD
    left += 0.0 if shares else widest(panel.rows.labels, row_size) + PAD
    labels = PAD + (1.2 * column_size / 72 if flat else widest(panel.columns.labels, column_size))
    above = panel.columns.strip + PAD + (labels if columns_above else 0.0)
    below = PAD + (0.0 if columns_above else labels) + (1.6 * LABEL / 72 if panel.column_name else 0.0)
    group_angle = 0.0
    if panel.columns.named and panel.columns.grouped:
        runs = matrix.runs(panel.columns.groups)
        if all(extent(name, NOTE)[0] <= (end - start) * cell_width + 0.03 for name, start, end in runs):
            above += 1.3 * NOTE / 72
        else:
            group_angle = 90.0
            above += widest((name for name, _, _ in runs), NOTE) + PAD
    return _Room(left, above, below, row_size, column_size, 0.0 if flat else 90.0, group_angle, shares)


def draw(
    panels: Sequence[Panel],
    style: Style,
    *,
    bar: bool = True,
    bodies: Sequence[tuple[float, float]] | None = None,
    origin: str = "upper",
    headroom: float = 0.0,
    columns_above: bool = False,
    before_bar: float = 0.0,
    beside: float = 0.0,
    undefined: str = "undefined",
) -> Drawn:
    """Panels side by side, with a bar of the scale of the first.

    bodies: width and height in inches of each matrix (default: square cells that suit the number of rows);
    headroom, before_bar, beside: inches kept free above the matrices, before the bar and at the right;
    columns_above: column labels stand above, as in a table; undefined: the meaning of a hatched cell, written
    under the bar (or below a figure without one).
    """
    if bodies is None:
        cell = pitch(max(panel.values.shape[0] for panel in panels))
        bodies = [(panel.values.shape[1] * cell, panel.values.shape[0] * cell) for panel in panels]
    rooms = [
        _measure(panel, before, body, columns_above)
        for panel, before, body in zip(panels, [None, *panels[:-1]], bodies, strict=True)
    ]
    numbers = min(matrix.number_size(panel, body) for panel, body in zip(panels, bodies, strict=True))
    meaning = hatching(panels, undefined)
    right = beside + (before_bar + bar_room(meaning) if bar else 0.0)
    widths = [room.left + body[0] for room, body in zip(rooms, bodies, strict=True)]
    content = sum(widths) + BETWEEN * (len(rooms) - 1) + right
    tall = max(body[1] for body in bodies)
    above = headroom + max(room.above for room in rooms)
    above += 1.6 * TITLE / 72 if any(panel.title for panel in panels) else 0.0
    foot = max(room.below for room in rooms) + (1.8 * NOTE / 72 if meaning and not bar else 0.0)
    page = Page(style, max(content + 2 * MARGIN, NARROWEST), above + tall + foot + 2 * MARGIN)
    top = page.height - MARGIN - above
    x = (page.width - content) / 2
    drawn: list[Axes] = []
    for panel, room, (width, height) in zip(panels, rooms, bodies, strict=True):
        x += room.left
        drawn.append(page.axes(x, top - height, width, height))
        matrix.draw(page, drawn[-1], panel, origin=origin, size=numbers)
        _label(page, drawn[-1], panel, room, columns_above)
        page.write(x, page.height - MARGIN, panel.title, TITLE, "title", va="top")
        x += width + BETWEEN
    scale = None
    if bar:
        scale = scale_bar(page, x - BETWEEN + BEFORE_BAR + before_bar, top, tall, panels[0].scale, meaning)
    elif meaning:
        page.key(page.box_of(drawn[0]).x0, MARGIN, meaning, "undefined", **HOLE)
    return Drawn(page, drawn, scale, [room.left for room in rooms])


def table(
    values: matrix.Matrix,
    rows: matrix.Side,
    columns: Sequence[str],
    title: str,
    style: Style,
    *,
    gutter: float = 0.0,
    beside: float = 0.0,
    undefined: str = "not measured",
) -> Drawn:
    """Shares (row, column) in per cent as a table with coloured cells, its columns named above."""
    width = float(np.clip(widest(columns, TICK) + 0.14, 0.5, 1.1)) * len(columns)
    height = float(np.clip(3.6 / len(rows.labels), 0.14, 0.21)) * len(rows.labels)
    panel = Panel(values, rows, matrix.Side(tuple(columns)), matrix.SHARES, title, gutter=gutter)
    look: Look = {"columns_above": True, "beside": beside, "undefined": undefined}
    return draw([panel], style, bar=False, bodies=[(width, height)], **look)


def _label(page: Page, axes: Axes, panel: Panel, room: _Room, above: bool) -> None:
    """Labels of rows and columns, names of both axes, names of the groups of columns."""
    points = page.style.points
    pad = 72 * points(PAD + panel.rows.strip)
    axes.set_yticks(panel.rows.places, panel.rows.labels, fontsize=points(room.row_size))
    axes.tick_params(axis="y", pad=pad, labelleft=not room.shares_rows)
    axes.set_xticks(panel.columns.places, panel.columns.labels, fontsize=points(room.column_size))
    axes.tick_params(axis="x", pad=72 * points(PAD), labeltop=above, labelbottom=not above)
    axes.tick_params(axis="x", labelrotation=room.column_angle)
    axes.set_xlabel(panel.column_name)
    axes.set_ylabel(panel.row_name, labelpad=points(2) + (pad if room.shares_rows else 0))
    if not (panel.columns.named and panel.columns.grouped):
        return
    look: Look = {"fontsize": points(NOTE), "color": QUIET, "rotation": room.group_angle, "gid": "group"}
    look |= {"transform": axes.get_xaxis_transform(), "ha": "center", "va": "bottom"}
    up = 1 + (panel.columns.strip + 0.035) / page.box_of(axes).height
    for name, start, end in matrix.runs(panel.columns.groups):
        axes.text((start + end - 1) / 2, up, name, **look)


def hatching(panels: Sequence[Panel], meaning: str) -> str:
    """The meaning of hatched cells, or nothing where there are none."""
    return "" if all(np.isfinite(panel.values).all() for panel in panels) else meaning


def bar_room(meaning: str) -> float:
    """Inches that a bar takes with the meaning of hatched cells below it."""
    return BEFORE_BAR + max(BAR + BAR_TEXT, extent(meaning, NOTE)[0] + 0.15)


def scale_bar(page: Page, x: float, top: float, height: float, scale: Scale, meaning: str) -> Axes:
    """A thin bar without outline, shorter by what hatched cells mean below it, if there are any."""
    long = max(height - HOLES, 0.4 * height) if meaning else height
    axes = page.axes(x, top - long, BAR, long)
    mapped = ScalarMappable(norm=scale.norm, cmap=scale.cmap)
    bar = page.figure.colorbar(mapped, cax=axes, ticks=scale.ticks, extend=scale.extend, extendfrac=0.03)
    bar.outline.set_visible(False)  # type: ignore[operator]
    axes.tick_params(which="both", pad=page.style.points(3), size=0)
    bar.set_label(scale.label)
    if meaning:
        page.key(x, top - height, meaning, "undefined", **HOLE)
    return axes


def legend(page: Page, colours: Mapping[str, str], x: float, y: float) -> None:
    """Names of groups in a column, a swatch of colour before each; x, y: its lower left corner in inches."""
    for place, (name, colour) in enumerate(reversed(list(colours.items()))):
        page.key(x, y + place * LEGEND_LINE, name, "legend", facecolor=colour)
