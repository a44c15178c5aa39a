"""Matrices side by side with one colour bar: the page that all heatmap figures share.

Sizes are worked out in inches from the labels, so that the same code draws 3 models and 70: cells shrink as models
are added, labels are measured before room is given to them, and numbers are printed only where they can be read.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from kindred.figures import matrix, style
from kindred.figures.matrix import Panel

PAD = 0.05  # inches between labels and what they label
BETWEEN = 0.28  # inches between panels
BAR = 0.11  # inches: width of the colour bar
BEFORE_BAR = 0.18  # inches


@dataclass(frozen=True)
class Bar:
    """The colour bar at the right, of the first panel's map and norm."""

    label: str
    ticks: Sequence[float] | None = None
    extend: str = "neither"
    format: Callable[[float, int], str] | None = None
    before: float = 0.0  # inches kept free left of the bar, for a second scale


@dataclass(frozen=True)
class Drawn:
    """A figure with its axes: one per panel, and the bar's (None without a bar)."""

    figure: Figure
    axes: tuple[Axes, ...]
    bar: Axes | None
    lefts: tuple[float, ...]  # inches left of each matrix that are its panel's


@dataclass(frozen=True)
class _Room:
    """Inches that a panel needs: left of, above (without the title), below its matrix, and for the matrix itself."""

    left: float
    above: float
    below: float
    width: float
    height: float
    row_size: float
    column_size: float
    group_angle: float
    shares_rows: bool


def pitch(count: int, font_size: float = style.FONT_SIZE) -> float:
    """Inches per cell of a matrix with `count` rows: large for few models, never too small for a small label."""
    return float(np.clip(3.8 / max(count, 1), 0.112, 0.46)) * font_size / style.FONT_SIZE


def _measure(
    panel: Panel,
    before: Panel | None,
    body: tuple[float, float],
    size: style.Sizes,
    column_angle: float,
    columns_above: bool,
) -> _Room:
    rows, columns = panel.values.shape
    cell_width, cell_height = body[0] / columns, body[1] / rows
    row_size = min(size.tick, 0.80 * cell_height * 72)
    column_size = min(size.tick, 0.80 * cell_width * 72) if column_angle else size.tick
    shares = before is not None and before.rows.labels == panel.rows.labels
    left = 1.7 * size.label / 72 if panel.row_name else 0.0
    left += panel.gutter + panel.rows.strip + PAD
    left += 0.0 if shares else style.widest(panel.rows.labels, row_size) + PAD
    labels = style.widest(panel.columns.labels, column_size) if column_angle else 1.2 * column_size / 72
    above, below, angle = panel.columns.strip + PAD, PAD, 0.0
    if columns_above:
        above += labels + PAD
    else:
        below += labels + PAD
    below += 1.6 * size.label / 72 if panel.column_name else 0.0
    if panel.columns.named and panel.columns.grouped:
        runs = panel.columns.runs()
        if all(
            style.extent(name, size.note)[0] <= (end - start) * cell_width + 0.03 for name, start, end in runs
        ):
            above += 1.3 * size.note / 72
        else:
            angle = 90.0
            above += style.widest((name for name, _, _ in runs), size.note) + PAD
    return _Room(left, above, below, *body, row_size, column_size, angle, shares)


def draw(
    panels: Sequence[Panel],
    *,
    bar: Bar | None,
    bodies: Sequence[tuple[float, float]] | None = None,
    origin: str = "upper",
    headroom: float = 0.0,
    annotate: bool | str = "auto",
    column_angle: float = 90.0,
    columns_above: bool = False,
    beside: float = 0.0,
    undefined: str = "undefined",
    dpi: int = style.DPI,
    font_size: float = style.FONT_SIZE,
) -> Drawn:
    """Panels side by side with one colour bar, all on the scale of the first.

    bodies: width and height in inches of each matrix (default: square cells that suit the number of rows);
    headroom, beside: inches kept free above the matrices and at the right; columns_above: column labels stand above,
    as in a table; undefined: what a hatched cell means, written under the bar (or below a figure without one).
    """
    with style.context(font_size) as size:
        if bodies is None:
            cell = pitch(max(panel.values.shape[0] for panel in panels), font_size)
            bodies = [(panel.values.shape[1] * cell, panel.values.shape[0] * cell) for panel in panels]
        rooms = [
            _measure(panel, panels[place - 1] if place else None, body, size, column_angle, columns_above)
            for place, (panel, body) in enumerate(zip(panels, bodies, strict=True))
        ]
        numbers = min(
            matrix.number_size(annotate, panel, body, font_size)
            for panel, body in zip(panels, bodies, strict=True)
        )
        holes = any(not np.isfinite(panel.values).all() for panel in panels)
        right = beside
        if bar is not None:
            right = BEFORE_BAR + bar.before + BAR + (0.34 + 0.21) * font_size / style.FONT_SIZE
            if holes:
                right = max(right, BEFORE_BAR + bar.before + 0.15 + style.extent(undefined, size.note)[0])
        content = sum(room.left + room.width for room in rooms) + BETWEEN * (len(rooms) - 1) + right
        tall = max(room.height for room in rooms)
        above = headroom + max(room.above for room in rooms)
        above += 1.6 * size.title / 72 if any(panel.title for panel in panels) else 0.0
        # A page for a caption, even for one small panel.
        width = max(content + 2 * style.MARGIN, 4.6 * font_size / style.FONT_SIZE)
        foot = max(room.below for room in rooms) + (1.8 * size.note / 72 if holes and bar is None else 0.0)
        height = above + tall + foot + 2 * style.MARGIN
        figure = style.blank(width, height, dpi)
        top = height - style.MARGIN - above
        x = (width - content) / 2
        drawn: list[Axes] = []
        for panel, room in zip(panels, rooms, strict=True):
            x += room.left
            box = (x / width, (top - room.height) / height, room.width / width, room.height / height)
            axes = figure.add_axes(box)
            matrix.draw(axes, panel, origin=origin, size=numbers)
            _label(axes, panel, room, size, column_angle, columns_above)
            figure.text(
                box[0],
                1 - style.MARGIN / height,
                panel.title,
                fontsize=size.title,
                va="top",
                gid="title",
                parse_math=False,
            )
            drawn.append(axes)
            x += room.width + BETWEEN
        scale = None
        if bar is not None:
            x += BEFORE_BAR + bar.before - BETWEEN
            key = 0.24 * font_size / style.FONT_SIZE if holes else 0.0
            long = max(tall - key, 0.4 * tall)
            scale = figure.add_axes((x / width, (top - long) / height, BAR / width, long / height))
            scale_bar(scale, panels[0], bar, size)
        if holes:
            # Under the bar, or below the first matrix.
            x, y = (x, top - tall) if bar is not None else (drawn[0].get_position().x0 * width, style.MARGIN)
            explain_holes(figure, x, y, undefined, size.note)
        return Drawn(figure, tuple(drawn), scale, tuple(room.left for room in rooms))


def _label(axes: Axes, panel: Panel, room: _Room, size: style.Sizes, angle: float, above: bool) -> None:
    """Labels of rows and columns, names of both axes, names of the groups of columns."""
    pad = 72 * (PAD + panel.rows.strip)
    axes.set_yticks(
        range(len(panel.rows.labels)), panel.rows.labels, fontsize=room.row_size, parse_math=False
    )
    axes.tick_params(axis="y", pad=pad, labelleft=not room.shares_rows)
    axes.set_xticks(
        range(len(panel.columns.labels)), panel.columns.labels, fontsize=room.column_size, parse_math=False
    )
    axes.tick_params(axis="x", pad=72 * PAD, labelrotation=angle, labeltop=above, labelbottom=not above)
    axes.set_xlabel(panel.column_name, fontsize=size.label, labelpad=3, parse_math=False)
    axes.set_ylabel(
        panel.row_name, fontsize=size.label, labelpad=2 + (pad if room.shares_rows else 0), parse_math=False
    )
    if not (panel.columns.named and panel.columns.grouped):
        return
    for name, start, end in panel.columns.runs():
        axes.text(
            (start + end - 1) / 2,
            1 + (panel.columns.strip + 0.035) / room.height,
            name,
            transform=axes.get_xaxis_transform(),
            fontsize=size.note,
            color=style.QUIET,
            rotation=room.group_angle,
            ha="center",
            va="bottom",
            gid="group",
            parse_math=False,
        )


def scale_bar(axes: Axes, panel: Panel, bar: Bar, size: style.Sizes) -> None:
    """A thin bar without outline."""
    mapped = ScalarMappable(norm=panel.norm, cmap=panel.cmap)
    made = axes.figure.colorbar(  # type: ignore[union-attr]
        mapped, cax=axes, ticks=bar.ticks, extend=bar.extend, extendfrac=0.03, format=bar.format
    )
    made.outline.set_visible(False)  # type: ignore[operator]
    made.ax.tick_params(labelsize=size.tick, pad=3, size=0)
    made.ax.tick_params(which="minor", size=0)
    made.set_label(bar.label, fontsize=size.label, labelpad=4)


def explain_holes(figure: Figure, x: float, y: float, meaning: str, size: float) -> None:
    """A small hatched box and what it means; x, y: its lower left corner in inches."""
    width, height = figure.get_size_inches()
    side = 0.10
    figure.add_artist(
        Rectangle(
            (x / width, y / height), side / width, side / height, transform=figure.transFigure, **style.HOLE
        )
    )
    figure.text(
        (x + side + 0.05) / width,
        (y + side / 2) / height,
        meaning,
        fontsize=size,
        color=style.QUIET,
        va="center_baseline",
        gid="undefined",
    )


def legend(figure: Figure, colours: Mapping[str, str], x: float, y: float, size: float) -> None:
    """Names of groups in a column, a swatch of colour before each; x, y: its lower left corner in inches."""
    width, height = figure.get_size_inches()
    step, side = 1.45 * size / 72, 0.09
    for place, (name, colour) in enumerate(reversed(list(colours.items()))):
        base = y + place * step
        figure.add_artist(
            Rectangle(
                (x / width, base / height),
                side / width,
                side / height,
                transform=figure.transFigure,
                facecolor=colour,
                linewidth=0,
            )
        )
        figure.text(
            (x + side + 0.05) / width,
            (base + side / 2) / height,
            name,
            fontsize=size,
            color=style.QUIET,
            va="center_baseline",
            gid="legend",
            parse_math=False,
        )
