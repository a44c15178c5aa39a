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

from kindred.errors import BadInput
from kindred.figures import style

STRIP = 0.055  # inches: the coloured strip that tells a group
GAP = 0.045  # inches between strip and matrix
SMALLEST = 4.4 / style.FONT_SIZE  # of the font size: numbers in cells are not printed smaller


@dataclass(frozen=True)
class Side:
    """What stands along one side of a matrix: a label per row or column, and the group each belongs to.

    `groups` and `colours` are empty or one per label; colours are drawn as a strip; `named` says whether groups are
    set apart and (above columns) named.
    """

    labels: tuple[str, ...]
    groups: tuple[str, ...] = ()
    colours: tuple[str, ...] = ()
    named: bool = True

    def runs(self) -> list[tuple[str, int, int]]:
        """Neighbours of one group: (group, first, last + 1)."""
        return _runs(self.groups)

    @property
    def grouped(self) -> bool:
        """Whether every group stands together, so that it can be named once and set apart."""
        return bool(self.groups) and len(self.runs()) == len(set(self.groups))

    @property
    def strip(self) -> float:
        """Inches that the strip takes."""
        return GAP + STRIP if self.colours else 0.0


def _runs(values: Sequence[str]) -> list[tuple[str, int, int]]:
    found, start = [], 0
    for value, members in groupby(values):
        end = start + len(list(members))
        found.append((value, start, end))
        start = end
    return found


@dataclass(frozen=True)
class Panel:
    """One matrix (rows, columns) and how it is shown; `notes` is a small second line in each cell.

    `gutter`: inches kept free at the far left, for what a figure writes there itself.
    """

    values: NDArray[np.float64]
    rows: Side
    columns: Side
    title: str
    row_name: str
    column_name: str
    cmap: Colormap
    norm: Normalize
    number: Callable[[float], str]
    notes: NDArray[np.str_] | None = None
    gutter: float = 0.0


def unit(value: float) -> str:
    """A similarity in a cell: .67, 1, −.02."""
    text = f"{value:.2f}".replace("-0.", "-.").removeprefix("0").replace("-", "−")
    return {"−.00": ".00", "1.00": "1"}.get(text, text)


def number_size(annotate: bool | str, panel: Panel, body: tuple[float, float], font_size: float) -> float:
    """The size in points of the numbers in the cells of a matrix of (width, height) inches, 0 for none.

    `annotate` True prints them whatever their size, False never, 'auto' where they can be read. Raises BadInput for
    anything else.
    """
    if annotate not in (True, False, "auto"):
        raise BadInput(f"annotate is {annotate!r}; it must be true, false or 'auto'.")
    texts = {panel.number(value) for value in panel.values[np.isfinite(panel.values)]}
    texts |= set() if panel.notes is None else {str(note) for note in panel.notes.flat}
    if not annotate:
        return 0.0
    wide = max(style.widest(texts, 10.0), 1e-6)
    rows, columns = panel.values.shape
    fits = min(0.80 * body[0] / columns / wide * 10.0, 0.60 * body[1] / rows * 72, 0.86 * font_size)
    return 0.0 if annotate == "auto" and fits < SMALLEST * font_size else fits


def draw(axes: Axes, panel: Panel, *, origin: str, size: float) -> None:
    """The cells with their numbers at `size` points (0: none), separators, hatched undefined cells and strips."""
    axes.imshow(
        np.ma.masked_invalid(panel.values),
        cmap=panel.cmap.with_extremes(bad=style.UNDEFINED),
        norm=panel.norm,
        origin=origin,  # type: ignore[arg-type]
        aspect="auto",
    )
    height, width = panel.values.shape
    axes.set_xlim(-0.5, width - 0.5)
    axes.set_ylim((height - 0.5, -0.5) if origin == "upper" else (-0.5, height - 0.5))
    holes = np.argwhere(~np.isfinite(panel.values))
    if len(holes):
        boxes = [Rectangle((column - 0.5, row - 0.5), 1, 1) for row, column in holes]
        axes.add_collection(PatchCollection(boxes, **style.HOLE, gid="undefined"), autolim=False)
    for side, line in ((panel.rows, axes.axhline), (panel.columns, axes.axvline)):
        if side.grouped and side.named:
            for _, _, end in side.runs()[:-1]:
                line(end - 0.5, color="white", linewidth=1.4, gid="separator")
    _strips(axes, panel)
    if size:
        _numbers(axes, panel, size, 1 if origin == "lower" else -1)


def _numbers(axes: Axes, panel: Panel, size: float, up: int) -> None:
    colours = panel.cmap(panel.norm(np.nan_to_num(panel.values)))
    for (row, column), value in np.ndenumerate(panel.values):
        if not np.isfinite(value):
            continue
        lines = [(panel.number(value), 0.0, size, "value")]
        if panel.notes is not None:
            lines = [
                (panel.number(value), 0.12 * up, size, "value"),
                (str(panel.notes[row, column]), -0.22 * up, 0.68 * size, "note"),
            ]
        ink = style.ink_on(colours[row, column])
        for text, lift, points, gid in lines:
            axes.text(
                column,
                row + lift,
                text,
                color=ink,
                fontsize=points,
                ha="center",
                va="center_baseline",
                gid=gid,
            )


def _strips(axes: Axes, panel: Panel) -> None:
    """The coloured strips left of and above the matrix."""
    box, page = axes.get_position(), axes.figure.get_size_inches()  # type: ignore[union-attr]
    width, height = box.width * page[0], box.height * page[1]
    for side, above in ((panel.rows, False), (panel.columns, True)):
        # Groups that stand together are set apart in the strip too.
        inset = 0.06 if side.grouped else 0.0
        for colour, start, end in _runs(side.colours):
            place, length = start - 0.5 + inset, end - start - 2 * inset
            if above:
                corner, size = (place, 1 + GAP / height), (length, STRIP / height)
                frame = axes.get_xaxis_transform()
            else:
                corner, size = (-(GAP + STRIP) / width, place), (STRIP / width, length)
                frame = axes.get_yaxis_transform()
            axes.add_patch(
                Rectangle(
                    corner, *size, transform=frame, facecolor=colour, linewidth=0, clip_on=False, gid="strip"
                )
            )
