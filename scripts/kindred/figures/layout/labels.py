"""Names of points, set where they cover least."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from kindred.figures.layout.page import Page
from kindred.figures.layout.style import INK, QUIET, Look
from kindred.figures.layout.text import extent

Array = NDArray[np.float64]
POINT = 0.025  # inches: half the width of a point
CLEAR = 0.06  # inches that names keep from other points, so that none is taken for another point's
REACHES = (0.04, 0.14, 0.26, 0.40)  # inches from a point to its name; from the second on a line joins them
ANGLES = 16


def name_points(page: Page, axes: Axes, points: Array, names: Sequence[str], size: float) -> None:
    """A name beside each point (n, 2) in units of the axes, at `size` points of type.

    Limits of the axes must be set before, as positions are worked out on the page. Of all positions around a point the
    nearest that covers nothing is taken, or the one that covers least; the most crowded points choose first.
    """
    frame = page.box_of(axes)
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    corner = np.array([left, low])
    unit = np.array([(right - left) / frame.width, (high - low) / frame.height])
    spots = (points - corner) / unit  # inches from the lower left corner of the axes
    area = np.array([[0, 0, frame.width, frame.height]])
    # Once around the point along a rectangle on which a name keeps its distance, then farther away.
    turn = np.tile(2 * np.pi * np.arange(ANGLES) / ANGLES, len(REACHES))
    ways = np.clip(1.6 * np.column_stack([np.cos(turn), np.sin(turn)]), -1, 1)
    reach = np.repeat(REACHES, ANGLES)[:, None]
    apart = np.linalg.norm(spots[:, None] - spots[None], axis=2) + np.diag(np.full(len(spots), np.inf))
    look: Look = {"color": INK, "ha": "center", "va": "center_baseline", "gid": "name"}
    look["bbox"] = {"facecolor": "white", "alpha": 0.7, "edgecolor": "none", "pad": 0.5}
    taken = np.empty((0, 4))
    for index in np.argsort(apart.min(axis=1, initial=np.inf), kind="stable"):
        sides = np.array(extent(names[index], size))
        middles = spots[index] + ways * (reach + sides / 2)
        boxes = np.hstack([middles - sides / 2, middles + sides / 2])
        clear = np.where(np.arange(len(spots)) == index, POINT, CLEAR)[:, None]
        obstacles = np.vstack([np.hstack([spots - clear, spots + clear]), taken])
        outside = sides.prod() - _common(boxes, area)[:, 0]
        covered = _common(boxes, obstacles).sum(axis=1) + 3 * outside
        best = int(np.argmin(np.where(covered < 1e-9, 0, covered)))
        taken = np.vstack([taken, boxes[best]])
        if best >= ANGLES:
            end = np.clip(spots[index], boxes[best, :2], boxes[best, 2:])
            ends = np.array([spots[index], end]) * unit + corner
            axes.plot(ends[:, 0], ends[:, 1], color=QUIET, linewidth=0.4, zorder=0.9, gid="join")
        x, y = middles[best] * unit + corner
        axes.text(x, y, names[index], fontsize=page.style.points(size), **look)


def _common(boxes: Array, others: Array) -> Array:
    """Areas (n, m) that boxes (n, 4) share with others (m, 4); a box is two opposite corners."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    return np.clip(high - low, 0, None).prod(axis=2)
