"""A page of small matrices in rows and columns, with one colour bar: matrices of matrices."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from kindred.figures.layout import heatmap, matrix
from kindred.figures.layout.page import MARGIN, Page
from kindred.figures.layout.style import LABEL, TICK, TITLE, Look, Style
from kindred.figures.layout.text import widest

BETWEEN = 0.16  # inches between columns of matrices
BAR_LENGTH = 3.0  # inches at most
UPRIGHT: Look = {"rotation": 90, "ha": "left", "va": "center"}


def draw(
    rows: Sequence[Sequence[matrix.Panel]],
    style: Style,
    *,
    cell: float,
    row_names: Sequence[str],
    every: bool,
    axis_names: tuple[str, str],
    origin: str = "upper",
    undefined: str = "undefined",
) -> Figure:
    """Matrices of cells of `cell` inches; titles of the first row stand above, `row_names` at the left.

    every: label the columns of every row of matrices (where rows differ), or of the last alone; axis_names:
    names of the rows and the columns of all matrices. Panels of one row have the same rows; of one column,
    the same columns unless `every`.
    """
    panels = [panel for row in rows for panel in row]
    size = min(TICK, 0.80 * cell * 72)
    name, gap = 1.9 * TITLE / 72, 1.7 * LABEL / 72
    left = MARGIN + name + gap + max(widest(row[0].rows.labels, size) for row in rows) + heatmap.PAD
    wide = max(len(panel.columns.labels) for panel in panels) * cell
    column = max(wide, widest([panel.title for panel in rows[0]], TITLE)) + BETWEEN
    right = left + column * max(map(len, rows)) - BETWEEN
    tall = [len(row[0].rows.labels) * cell for row in rows]
    labelled = [every or row is rows[-1] for row in rows]
    foot = [
        max(widest(panel.columns.labels, size) for panel in row) + 2 * heatmap.PAD if below else 0.0
        for row, below in zip(rows, labelled, strict=True)
    ]
    above = MARGIN + 1.6 * TITLE / 72 + heatmap.PAD
    matrices = sum(tall) + sum(foot) + BETWEEN * (len(rows) - 1)
    meaning = heatmap.hatching(panels, undefined)
    width = right + heatmap.bar_room(meaning) + MARGIN
    page = Page(style, width, above + matrices + 1.8 * LABEL / 72 + MARGIN)
    bodies = [(panel.values.shape[1] * cell, panel.values.shape[0] * cell) for panel in panels]
    numbers = min(matrix.number_size(panel, body) for panel, body in zip(panels, bodies, strict=True))
    top = y = page.height - above
    for place, (row, named) in enumerate(zip(rows, row_names, strict=True)):
        y -= tall[place]
        for at, panel in enumerate(row):
            x = left + at * column
            axes = page.axes(x, y, panel.values.shape[1] * cell, tall[place])
            matrix.draw(page, axes, panel, origin=origin, size=numbers)
            axes.set_yticks(panel.rows.places, panel.rows.labels, fontsize=style.points(size))
            axes.set_xticks(panel.columns.places, panel.columns.labels, fontsize=style.points(size), rotation=90)
            axes.tick_params(pad=72 * style.points(heatmap.PAD), labelleft=at == 0, labelbottom=labelled[place])
            if place == 0:
                page.write(x, page.height - MARGIN, panel.title, TITLE, "title", va="top")
        page.write(MARGIN, y + tall[place] / 2, named, TITLE, "row", **UPRIGHT)
        y -= foot[place] + BETWEEN
    page.write(MARGIN + name, top - (matrices - foot[-1]) / 2, axis_names[0], LABEL, "axis", **UPRIGHT)
    page.write((left + right) / 2, MARGIN, axis_names[1], LABEL, "axis", ha="center", va="bottom")
    long = min(sum(tall), BAR_LENGTH)
    heatmap.scale_bar(page, right + heatmap.BEFORE_BAR, top, long, panels[0].scale, meaning)
    return page.figure
