"""Lines along the depth of networks: the page that the figures of layers share.

Panels in rows, the depth of a layer (0: the first, 1: the last) or a distance along x, a similarity or a share up,
and one legend for all lines at the right.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from matplotlib.figure import Figure

from kindred.figures import chart, plots, style

DEPTH = "depth of the layer"
WIDE, HIGH = 2.0, 1.5  # inches of a panel
DASHES = ("-", (0, (4, 1.5)), (0, (1, 1.2)), (0, (5, 1.2, 1, 1.2)))


@dataclass(frozen=True)
class Line:
    """One line of a panel; `look` are properties of its Line2D, which the legend shares."""

    label: str
    x: Sequence[float]
    y: Sequence[float]
    look: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Panel:
    """Lines on one pair of axes; `low` is the least that the axis up shows."""

    title: str
    lines: Sequence[Line]
    up: str
    along: str = DEPTH
    low: float = 0.0
    high: float = 1.0


def hue(place: int) -> dict[str, object]:
    """The look of the line numbered from 0 of groups that have no order; after ten hues lines are dashed."""
    return {"color": plots.group_colour(place + 1), "linestyle": DASHES[place // 10 % len(DASHES)]}


def shade(place: int, count: int, anchors: tuple[str, str] = ("#b9d3dc", "#1a1c44")) -> dict[str, object]:
    """The look of the line numbered from 0 of `count` that have an order, light to dark."""
    return {"color": tuple(style.ramp(anchors, max(count, 2))[place])}


def draw(
    panels: Sequence[Panel],
    *,
    columns: int,
    shared: bool = True,
    left: float = 0.46,
    dpi: int = style.DPI,
    font_size: float = style.FONT_SIZE,
) -> Figure:
    """All panels, `columns` in a row, and a legend of their lines, each label once; shared: one range for all.

    left: inches for labels at the left of each panel.
    """
    entries = {line.label: dict(line.look) for panel in panels for line in panel.lines}
    scale = font_size / style.FONT_SIZE
    with style.context(font_size) as size:
        sheet = plots.page(
            [(WIDE * scale, HIGH * scale)] * len(panels),
            columns=columns,
            right=chart.legend_width(entries, size) / scale,
            left=left,
            below=0.40,
            dpi=dpi,
            font_size=font_size,
        )
        values = [np.asarray(line.y, dtype=float) for panel in panels for line in panel.lines]
        for axes, panel in zip(sheet.axes, panels, strict=True):
            for line in panel.lines:
                axes.plot(line.x, line.y, linewidth=1.0, label=line.label, **line.look)  # type: ignore[arg-type]
            own = values if shared else [np.asarray(line.y, dtype=float) for line in panel.lines]
            seen = np.concatenate([*own, [panel.low]])
            seen = seen[np.isfinite(seen)]
            top = max(panel.high, float(seen.max()))
            low = min(panel.low, float(seen.min()))
            room = 0.03 * (top - low)
            axes.set_ylim(low - room, top + room)
            axes.tick_params(labelsize=size.tick)
            axes.set_xlabel(panel.along, fontsize=size.label, labelpad=2)
            axes.set_ylabel(panel.up, fontsize=size.label, labelpad=2)
            plots.title(axes, panel.title, size)
            plots.grid(axes)
        first_row = sheet.axes[: columns or len(panels)]
        chart.legend(sheet.figure, first_row[-1], entries, size)
    return sheet.figure
