"""Plots with two axes, side by side: the page that figures of points, lines and bars share.

The counterpart of `heatmap` for what is no matrix: panels of a given size in inches, thin axes, quiet grid lines, and
colours for groups that have no order.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

from kindred.figures import style

# Ten hues that differ in lightness as well, so neighbours are told apart without colour vision too.
HUES = (
    "#254573",
    "#c75a47",
    "#5d9fb5",
    "#b8860b",
    "#7b4f9d",
    "#3a6520",
    "#e29ab0",
    "#7d3a20",
    "#8fae5a",
    "#5b6b7d",
)
GRID = "#e6e6e2"
LEFT, BELOW, TITLE = 0.52, 0.42, 0.22  # inches around a panel at the usual type size


@dataclass(frozen=True)
class Page:
    """A figure with its panels from left to right, row by row."""

    figure: Figure
    axes: tuple[Axes, ...]


def group_colour(group: int) -> str:
    """The colour of a group numbered from 1; after ten they come again."""
    return HUES[(group - 1) % len(HUES)]


def page(
    sizes: Sequence[tuple[float, float]],
    *,
    columns: int | None = None,
    left: float = LEFT,
    below: float = BELOW,
    right: float = 0.0,
    above: float = TITLE,
    between: float = 0.18,
    dpi: int = style.DPI,
    font_size: float = style.FONT_SIZE,
) -> Page:
    """Panels of (width, height) inches, `columns` in a row (default: all), each with room for its labels.

    left, below, above: inches around each panel; right: kept free at the right of the page. Call it, and draw on it,
    inside `style.context`.
    """
    scale = font_size / style.FONT_SIZE
    left, below, above, right = (scale * room for room in (left, below, above, right))
    columns = columns or len(sizes)
    rows = [sizes[start : start + columns] for start in range(0, len(sizes), columns)]
    widths = [sum(left + width for width, _ in row) + between * (len(row) - 1) for row in rows]
    heights = [above + max(height for _, height in row) + below for row in rows]
    width = max(max(widths) + right + 2 * style.MARGIN, 4.6 * scale)
    height = sum(heights) + 2 * style.MARGIN
    figure = style.blank(width, height, dpi)
    made, top = [], height - style.MARGIN
    for row, tall in zip(rows, heights, strict=True):
        x = style.MARGIN
        for wide, high in row:
            x += left
            box = (x / width, (top - above - high) / height, wide / width, high / height)
            made.append(_frame(figure.add_axes(box)))
            x += wide + between
        top -= tall
    return Page(figure, tuple(made))


def _frame(axes: Axes) -> Axes:
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(True)
        axes.spines[side].set_linewidth(0.5)
        axes.spines[side].set_color("#9a9a9a")
    axes.tick_params(size=2, width=0.5, pad=2.5)
    axes.set_axisbelow(True)
    return axes


def grid(axes: Axes, which: str = "both") -> None:
    """Quiet lines at the ticks."""
    axes.grid(True, axis=which, color=GRID, linewidth=0.5)  # type: ignore[arg-type]


def title(axes: Axes, text: str, size: style.Sizes) -> None:
    """What a panel shows, above it at the left."""
    axes.set_title(text, loc="left", fontsize=size.title, pad=5, parse_math=False)


def name_points(axes: Axes, points: NDArray[np.float64], names: Sequence[str], size: float) -> None:
    """A name beside each point (n, 2), where it covers least: of eight places the first with the least overlap.

    Limits of the axes must be set before, as places are worked out on the page.
    """
    page_size = axes.figure.get_size_inches() * 72  # type: ignore[union-attr]
    area = axes.get_position()
    frame = Bbox(
        [[area.x0 * page_size[0], area.y0 * page_size[1]], [area.x1 * page_size[0], area.y1 * page_size[1]]]
    )
    spot = axes.transData.transform(points) * 72 / axes.figure.dpi
    back = axes.transData.inverted()
    taken = [Bbox([at - 1.6, at + 1.6]) for at in spot]
    ways = [(1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1)]
    # The most crowded first: the others have somewhere to go.
    near = np.sqrt(((spot[:, None] - spot[None]) ** 2).sum(axis=2) + 1e9 * np.eye(len(spot))).min(axis=1)
    for index in np.argsort(near, kind="stable"):
        width, height = (72 * extent for extent in style.extent(names[index], size))
        choices: list[tuple[float, int, Bbox]] = []
        for across, up in ways:
            x = spot[index, 0] + across * 3.0 - width * (1 - across) / 2
            y = spot[index, 1] + up * (2.2 if across else 3.0) - height * (1 - up) / 2
            box = Bbox([[x, y], [x + width, y + height]])
            outside = width * height - _common(box, frame)
            choices.append((sum(_common(box, other) for other in taken) + 3 * outside, len(choices), box))
        _, _, box = min(choices, key=lambda choice: choice[:2])
        taken.append(box)
        # In the units of the axes, as the page moves when a caption is added below.
        x, y = back.transform(
            (box.x0 * axes.figure.dpi / 72, (box.y0 + 0.22 * box.height) * axes.figure.dpi / 72)
        )
        axes.text(
            x, y, names[index], fontsize=size, color=style.INK, va="baseline", gid="name", parse_math=False
        )


def _common(one: Bbox, other: Bbox) -> float:
    shared = Bbox.intersection(one, other)
    return float(shared.width * shared.height) if shared is not None else 0.0


def padded(values: NDArray[np.float64], share: float = 0.06) -> tuple[float, float]:
    """Limits that leave a share of the range free on both sides."""
    defined = values[np.isfinite(values)]
    low, high = (float(defined.min()), float(defined.max())) if len(defined) else (0.0, 1.0)
    room = share * (high - low) or 0.5
    return low - room, high + room
