"""One labelled matrix: what it holds, and how its cells, numbers, separators and group strips are drawn."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.colors import Colormap, Normalize
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from kindred.figures.layout.budgets import Budget
from kindred.figures.layout.colours import ACCURACY, SIMILARITY, budget_colours, ink_on
from kindred.figures.layout.page import Page
from kindred.figures.layout.style import DOUBTED, HOLE, LABEL, UNDEFINED, Look
from kindred.figures.layout.text import widest
from kindred.similarity.catalogue import measure

STRIP = 0.055  # inches: the coloured strip that tells a group
GAP = 0.045  # inches between strip and matrix
SMALLEST = 4.4  # points: numbers in cells are not printed smaller
Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Side:
    """The rows or columns of a matrix: a label for each, and the group that each belongs to.

    `groups` and `colours` are empty or one per label; colours are drawn as a strip; `named` tells whether groups are
    set apart and (above columns) named; `at` are the positions of the labels where not all rows have one.
    """

    labels: tuple[str, ...]
    groups: tuple[str, ...] = ()
    colours: tuple[str, ...] = ()
    named: bool = True
    at: tuple[int, ...] = ()

    @property
    def places(self) -> Sequence[int]:
        """Positions of the labels."""
        return self.at or range(len(self.labels))

    @property
    def grouped(self) -> bool:
        """True where every group stands together, so that it can be named once and set apart."""
        return bool(self.groups) and len(runs(self.groups)) == len(set(self.groups))

    @property
    def strip(self) -> float:
        """Inches that the strip takes."""
        return GAP + STRIP if self.colours else 0.0


def of_models(names: Sequence[str], budgets: Sequence[Budget], *, named: bool = True) -> Side:
    """Models as rows or columns, with the names and colours of their budgets."""
    colours = budget_colours(budgets)
    labels = tuple(one.label for one in budgets)
    return Side(tuple(names), labels, tuple(colours[label] for label in labels), named)


def runs(values: Sequence[str]) -> list[tuple[str, int, int]]:
    """Neighbours of one value: (value, first, last + 1)."""
    found = [(value, [place for place, _ in some]) for value, some in groupby(enumerate(values), lambda one: one[1])]
    return [(value, places[0], places[-1] + 1) for value, places in found]


@dataclass(frozen=True)
class Scale:
    """Colours and numbers of cells, and the bar that explains them: its label, ticks and pointed ends."""

    cmap: Colormap
    norm: Normalize
    number: Callable[[float], str]
    label: str = ""
    ticks: Sequence[float] | None = None
    extend: str = "neither"


SHARES = Scale(ACCURACY, Normalize(0, 1), lambda value: f"{100 * value:.1f}")  # accuracies, printed in per cent


@dataclass(frozen=True)
class Panel:
    """One matrix (rows, columns) and how it is shown; `notes` is a small second line in each cell.

    `gutter`: inches kept free at the far left, for what a figure writes there itself. `doubted`: rows that are hatched
    over their colours, because they are not to be trusted.
    """

    values: Matrix
    rows: Side
    columns: Side
    scale: Scale
    title: str = ""
    row_name: str = ""
    column_name: str = ""
    notes: NDArray[np.str_] | None = None
    gutter: float = 0.0
    doubted: tuple[int, ...] = ()


def unit(value: float) -> str:
    """A similarity in a cell: .67, 1, −.02."""
    text = f"{value:.2f}".replace("-0.", "-.").removeprefix("0").replace("-", "−")
    return {"−.00": ".00", "1.00": "1"}.get(text, text)


def similarity(name: str, matrices: Sequence[Matrix], number: Callable[[float], str] = unit) -> Scale:
    """The scale of a measure: from 0 to 1, pointed where values lie outside, as debiased estimates may.

    A measure of the user's own, whose span is not known, has the span of its values.
    """
    of = measure(name)
    values = np.concatenate([each[np.isfinite(each)] for each in matrices])
    low, high = of.span
    if not np.isfinite([low, high]).all():
        low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
        return Scale(SIMILARITY, Normalize(low, high if high > low else low + 1), number, of.label)
    below, above = bool((values < low - 0.005).any()), bool((values > high + 0.005).any())
    extend = {(False, False): "neither", (True, False): "min", (False, True): "max", (True, True): "both"}[below, above]
    return Scale(SIMILARITY, Normalize(low, high), number, of.label, np.linspace(low, high, 6).tolist(), extend)


def number_size(panel: Panel, body: tuple[float, float]) -> float:
    """Size in points of the numbers in a matrix of (width, height) inches, 0 where they could not be read."""
    texts = {panel.scale.number(value) for value in panel.values[np.isfinite(panel.values)]}
    texts |= set() if panel.notes is None else {str(note) for note in panel.notes.flat}
    wide = max(widest(texts, 10.0), 1e-6)
    rows, columns = panel.values.shape
    fits = min(0.80 * body[0] / columns / wide * 10.0, 0.60 * body[1] / rows * 72, 0.86 * LABEL)
    return fits if fits >= SMALLEST else 0.0


def draw(page: Page, axes: Axes, panel: Panel, *, origin: str, size: float) -> None:
    """The cells with their numbers at `size` points (0: none), separators, undefined cells and strips."""
    cmap, norm = panel.scale.cmap.with_extremes(bad=UNDEFINED), panel.scale.norm
    axes.imshow(np.ma.masked_invalid(panel.values), cmap, norm, origin=origin, aspect="auto")  # type: ignore[arg-type]
    holes = np.argwhere(~np.isfinite(panel.values))
    if len(holes):
        boxes = [Rectangle((column - 0.5, row - 0.5), 1, 1) for row, column in holes]
        axes.add_collection(PatchCollection(boxes, **HOLE, gid="undefined"), autolim=False)
    doubted = [(row, column) for row, column in np.argwhere(np.isfinite(panel.values)) if row in panel.doubted]
    if doubted:
        boxes = [Rectangle((column - 0.5, row - 0.5), 1, 1) for row, column in doubted]
        axes.add_collection(PatchCollection(boxes, **DOUBTED, gid="doubted"), autolim=False)
    for side, line in ((panel.rows, axes.axhline), (panel.columns, axes.axvline)):
        if side.grouped and side.named:
            for _, _, end in runs(side.groups)[:-1]:
                line(end - 0.5, color="white", linewidth=1.4, gid="separator")
    _strips(page, axes, panel)
    if size:
        _numbers(axes, panel, page.style.points(size), 1 if origin == "lower" else -1)


def _numbers(axes: Axes, panel: Panel, size: float, up: int) -> None:
    colours = panel.scale.cmap(panel.scale.norm(np.nan_to_num(panel.values)))
    for row, column in np.argwhere(np.isfinite(panel.values)):
        look: Look = {"color": ink_on(colours[row, column]), "ha": "center", "va": "center_baseline"}
        lift = 0.0
        if panel.notes is not None:
            lift, note = 0.12 * up, str(panel.notes[row, column])
            axes.text(column, row - 0.22 * up, note, fontsize=0.68 * size, gid="note", **look)
        number = panel.scale.number(panel.values[row, column])
        axes.text(column, row + lift, number, fontsize=size, gid="value", **look)


def _strips(page: Page, axes: Axes, panel: Panel) -> None:
    """The coloured strips left of and above the matrix."""
    box = page.box_of(axes)
    for side, above in ((panel.rows, False), (panel.columns, True)):
        # Groups that stand together are set apart in the strip too.
        inset = 0.06 if side.grouped else 0.0
        for colour, start, end in runs(side.colours):
            place, length = start - 0.5 + inset, end - start - 2 * inset
            if above:
                corner, size = (place, 1 + GAP / box.height), (length, STRIP / box.height)
                frame = axes.get_xaxis_transform()
            else:
                corner, size = (-(GAP + STRIP) / box.width, place), (STRIP / box.width, length)
                frame = axes.get_yaxis_transform()
            look: Look = {"transform": frame, "facecolor": colour, "linewidth": 0, "clip_on": False}
            axes.add_patch(Rectangle(corner, *size, gid="strip", **look))
