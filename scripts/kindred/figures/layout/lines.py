"""Lines along the depth of networks: the page that the figures of layers share.

Panels in rows, the depth of a layer (0: the first, 1: the last) or a distance along x, a similarity or a
share up, and one legend for all lines at the right.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from kindred.figures.layout import chart
from kindred.figures.layout.colours import HUES, group_colour, ramp
from kindred.figures.layout.reading import defined
from kindred.figures.layout.style import Look, Style

DEPTH = "depth of the layer"
IMAGES = {"natural": "held-out images", "training": "training images"}  # of models over their training
SIZE = (2.0, 1.5)  # inches of a panel
BETWEEN = 0.12  # inches
DASHES = ("-", (0, (4, 1.5)), (0, (1, 1.2)), (0, (5, 1.2, 1, 1.2)))


@dataclass(frozen=True)
class Line:
    """One line of a panel; `look` are properties of its Line2D, which the legend shares."""

    label: str
    x: Sequence[float]
    y: Sequence[float]
    look: Look


@dataclass(frozen=True)
class Panel:
    """Lines on one pair of axes, which show at least the range from `low` to `high`."""

    title: str
    lines: Sequence[Line]
    up: str
    along: str = DEPTH
    low: float = 0.0
    high: float = 1.0


def hue(place: int) -> Look:
    """The look of the line numbered from 0 of groups that have no order; after ten hues lines are dashed."""
    return {"color": group_colour(place + 1), "linestyle": DASHES[place // len(HUES) % len(DASHES)]}


def shade(place: int, count: int) -> Look:
    """The look of the line numbered from 0 of `count` that have an order, light to dark."""
    return {"color": tuple(ramp(("#b9d3dc", "#1a1c44"), max(count, 2))[place])}


def draw(panels: Sequence[Panel], style: Style, *, columns: int, shared: bool = True, left: float = 0.5) -> Figure:
    """All panels, at most `columns` in a row, and a legend of their lines, each label once.

    shared: one range for all; left: inches for labels at the left of each panel.
    """
    entries = {line.label: line.look for panel in panels for line in panel.lines}
    look: Look = {"columns": min(columns, len(panels)), "left": left, "between": BETWEEN, "entries": entries}
    page, drawn = chart.panels(style, [SIZE] * len(panels), **look)
    for axes, panel in zip(drawn, panels, strict=True):
        for line in panel.lines:
            axes.plot(line.x, line.y, linewidth=1.0, label=line.label, **line.look)
        seen = [defined(line.y) for one in (panels if shared else [panel]) for line in one.lines]
        limits = np.concatenate([*seen, [panel.low, panel.high]])
        room = 0.03 * np.ptp(limits)
        axes.set(title=panel.title, xlabel=panel.along, ylabel=panel.up)
        axes.set_ylim(limits.min() - room, limits.max() + room)
    return page.figure
