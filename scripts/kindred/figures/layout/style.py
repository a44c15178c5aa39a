"""Type, line work and scale of every figure, independent of the user's matplotlibrc.

Layouts are worked out in inches at the default type size. Another size magnifies the page with everything on it.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.style
from matplotlib.figure import Figure

SHEET = Path(__file__).with_name("kindred.mplstyle")
# Points at the default size of the type: titles of panels, names of axes, labels at ticks, notes.
TITLE, LABEL, TICK, NOTE = 8.96, 8.0, 7.2, 6.8

INK = "#262626"
QUIET = "#6b6b6b"
UNDEFINED = "#f6f6f6"
# A cell without a value: hatched, so that it is not taken for a low one.
HOLE: dict[str, Any] = {"facecolor": UNDEFINED, "edgecolor": "#9a9a9a", "hatch": "///////", "linewidth": 0}
# A cell that is not to be trusted: hatched the other way, over its colour.
DOUBTED: dict[str, Any] = {"facecolor": "none", "edgecolor": "#9a9a9a", "hatch": "\\\\\\", "linewidth": 0}

Tables = Mapping[str, Any]
Options = Mapping[str, Any]
Captioned = tuple[Figure, str]  # a figure and its caption
Look = dict[str, Any]  # properties of something drawn


@dataclass(frozen=True)
class Style:
    """Resolution in dots per inch, and size of the type in points."""

    dpi: int
    font_size: float

    @property
    def scale(self) -> float:
        """Magnification of the page."""
        return self.font_size / LABEL

    def points(self, size: float) -> float:
        """A size of type given at the default scale, such as TICK, on this page."""
        return size * self.scale


@contextmanager
def applied(dpi: int, font_size: float) -> Iterator[Style]:
    """Matplotlib set to this package's style sheet; yields resolution and type size."""
    style = Style(dpi, font_size)
    sizes = {
        "font.size": LABEL,
        "axes.titlesize": TITLE,
        "axes.titlepad": 5.0,
        "axes.labelsize": LABEL,
        "axes.labelpad": 3.0,
        "xtick.labelsize": TICK,
        "ytick.labelsize": TICK,
    }
    scaled = {name: style.points(size) for name, size in sizes.items()}
    with matplotlib.style.context([SHEET, scaled], after_reset=True):  # type: ignore[list-item]
        yield style
