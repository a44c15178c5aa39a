"""A page of small matrices in rows and columns, with one colour bar: matrices of matrices."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kindred.figures import heatmap, matrix, style

BETWEEN = 0.16  # inches between columns of matrices


def draw(
    rows: Sequence[Sequence[matrix.Panel]],
    *,
    bar: heatmap.Bar,
    cell: float,
    row_names: Sequence[str],
    every: bool,
    axis_names: tuple[str, str],
    origin: str = "upper",
    undefined: str = "undefined",
    dpi: int = style.DPI,
    font_size: float = style.FONT_SIZE,
) -> Figure:
    """Matrices of cells of `cell` inches; titles of the first row's panels stand above, `row_names` at the left.

    every: label the columns of every row of matrices (where rows differ), or of the last alone; axis_names: what the
    rows and the columns of all matrices are. Panels of one row have the same rows; of one column, the same columns
    unless `every`.
    """
    with style.context(font_size) as size:
        cell *= font_size / style.FONT_SIZE
        label_size = min(size.tick, 0.80 * cell * 72)
        label = max(style.widest(row[0].rows.labels, label_size) for row in rows) + heatmap.PAD
        name, gap = 1.9 * size.title / 72, 1.7 * size.label / 72
        left = name + gap + label + max(row[0].rows.strip for row in rows)
        wide = max(len(panel.columns.labels) for row in rows for panel in row) * cell
        count = max(len(row) for row in rows)
        tall = [len(row[0].rows.labels) * cell for row in rows]
        strip = max(panel.columns.strip for row in rows for panel in row)
        foot = [
            max(style.widest(panel.columns.labels, label_size) for panel in row) + 2 * heatmap.PAD
            if every or row is rows[-1]
            else 0.0
            for row in rows
        ]
        above = 1.6 * size.title / 72
        holes = any(not np.isfinite(panel.values).all() for row in rows for panel in row)
        beside = heatmap.BEFORE_BAR + heatmap.BAR + 0.62 * font_size / style.FONT_SIZE
        if holes:
            beside = max(beside, heatmap.BEFORE_BAR + 0.2 + style.extent(undefined, size.note)[0])
        titles = max(style.widest([panel.title for panel in rows[0]], size.title), wide)
        column = max(wide, titles) + BETWEEN
        width = left + column * count + beside + 2 * style.MARGIN
        between = BETWEEN + strip
        height = (
            above + sum(tall) + sum(foot) + between * len(rows) + 1.8 * size.label / 72 + 2 * style.MARGIN
        )
        figure = style.blank(width, height, dpi)
        numbers = min(
            matrix.number_size(
                "auto", panel, (panel.values.shape[1] * cell, panel.values.shape[0] * cell), font_size
            )
            for row in rows
            for panel in row
        )
        y = height - style.MARGIN - above
        for place, (row, named) in enumerate(zip(rows, row_names, strict=True)):
            y -= strip + tall[place]
            for at, panel in enumerate(row):
                x = style.MARGIN + left + at * column
                body = panel.values.shape[1] * cell
                axes = figure.add_axes((x / width, y / height, body / width, tall[place] / height))
                matrix.draw(axes, panel, origin=origin, size=numbers)
                _label(axes, panel, label_size, left=at == 0, below=every or row is rows[-1])
                if place == 0:
                    _write(figure, x, height - style.MARGIN, panel.title, size.title, "title", va="top")
            middle = y + tall[place] / 2
            _write(
                figure, style.MARGIN, middle, named, size.title, "row", rotation=90, ha="left", va="center"
            )
            y -= foot[place] + BETWEEN
        middle = (height - above) / 2
        _write(
            figure,
            style.MARGIN + name,
            middle,
            axis_names[0],
            size.label,
            "axis",
            rotation=90,
            ha="left",
            va="center",
        )
        _write(
            figure,
            style.MARGIN + left + (column * count - BETWEEN) / 2,
            style.MARGIN,
            axis_names[1],
            size.label,
            "axis",
            ha="center",
            va="bottom",
        )
        x = style.MARGIN + left + column * count - BETWEEN + heatmap.BEFORE_BAR
        long = min(sum(tall), 3.0 * font_size / style.FONT_SIZE)
        top = height - style.MARGIN - above - strip
        key = 0.24 * font_size / style.FONT_SIZE if holes else 0.0
        long -= key
        scale = figure.add_axes((x / width, (top - long) / height, heatmap.BAR / width, long / height))
        heatmap.scale_bar(scale, rows[0][0], bar, size)
        if holes:
            heatmap.explain_holes(figure, x, top - long - key, undefined, size.note)
        return figure


def _label(axes: Axes, panel: matrix.Panel, size: float, *, left: bool, below: bool) -> None:
    """Labels of rows and columns at `size` points, where they are wanted."""
    axes.tick_params(axis="y", pad=72 * (heatmap.PAD + panel.rows.strip), labelleft=left)
    axes.tick_params(axis="x", pad=72 * heatmap.PAD, labelbottom=below)
    axes.set_yticks(range(len(panel.rows.labels)), panel.rows.labels, fontsize=size, parse_math=False)
    columns = panel.columns.labels
    axes.set_xticks(range(len(columns)), columns, fontsize=size, rotation=90, parse_math=False)


def _write(figure: Figure, x: float, y: float, text: str, size: float, gid: str, **place: object) -> None:
    """Text at x, y inches."""
    width, height = figure.get_size_inches()
    figure.text(x / width, y / height, text, fontsize=size, gid=gid, parse_math=False, **place)  # type: ignore[arg-type]
