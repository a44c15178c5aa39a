"""A page measured in inches, and how it is saved with its caption."""

import math
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.transforms import Bbox

from kindred.figures.layout.style import NOTE, QUIET, Style
from kindred.figures.layout.text import wrap

MARGIN = 0.12  # inches around everything
NARROWEST = 4.6  # inches: room for a caption, even below one small panel
# Long lines are hard to read: a caption is no wider than this, in inches, or 0.6 of a very wide figure.
CAPTION_WIDTH = 8.5
SPACING = 1.38  # of the lines of a caption
SWATCH = 0.09  # inches


class Page:
    """A figure on which things are placed in inches from its lower left corner.

    All inches, here and wherever a layout is worked out, are those at the default size of the type.
    """

    def __init__(self, style: Style, width: float, height: float) -> None:
        """A blank page, made without pyplot (no windows, no global state)."""
        self.style = style
        # Whole pixels, so that nothing moves by a fraction of one when a caption is added below.
        sides = [(math.ceil(side * style.scale * style.dpi) + 1e-6) / style.dpi for side in (width, height)]
        self.figure = Figure(figsize=sides, dpi=style.dpi)  # type: ignore[arg-type]
        FigureCanvasAgg(self.figure)
        self.width, self.height = (side / style.scale for side in sides)

    def axes(self, x: float, y: float, width: float, height: float, label: str = "") -> Axes:
        """Axes with their lower left corner at x, y."""
        box = (x / self.width, y / self.height, width / self.width, height / self.height)
        return self.figure.add_axes(box, label=label)

    def box_of(self, axes: Axes) -> Bbox:
        """The place of axes, in inches."""
        box = axes.get_position()
        return Bbox([[box.x0 * self.width, box.y0 * self.height], [box.x1 * self.width, box.y1 * self.height]])

    def write(self, x: float, y: float, text: str, size: float, gid: str, **look: Any) -> None:
        """Text at x, y, its size given at the default scale."""
        size = self.style.points(size)
        self.figure.text(x / self.width, y / self.height, text, fontsize=size, gid=gid, **look)

    def rectangle(self, x: float, y: float, width: float, height: float, **look: Any) -> None:
        """A filled rectangle with its lower left corner at x, y."""
        corner, sides = (x / self.width, y / self.height), (width / self.width, height / self.height)
        look = {"linewidth": 0, **look, "transform": self.figure.transFigure}
        self.figure.add_artist(Rectangle(corner, *sides, **look))

    def key(self, x: float, y: float, text: str, gid: str, **look: Any) -> None:
        """A small box and what it stands for; x, y: its lower left corner."""
        self.rectangle(x, y, SWATCH, SWATCH, **look)
        self.write(x + SWATCH + 0.05, y + SWATCH / 2, text, NOTE, gid, color=QUIET, va="center_baseline")


def save(figure: Figure, png: str | Path, pdf: str | Path, caption: str, style: Style) -> None:
    """Write a figure as PNG and PDF, its caption, if any, wrapped below the panels.

    The same figure gives the same bytes: no dates and no versions are written. The caption is also in the
    metadata of both files (PNG `Description`, PDF `Subject`), where tools that read aloud find it.
    """
    width, height = figure.get_size_inches()
    margin, size, gap = MARGIN * style.scale, style.points(NOTE), 0.02
    column = min(width - 2 * margin, max(CAPTION_WIDTH * style.scale, 0.6 * width))
    lines = wrap(caption, column, size) if caption else []
    line_height = SPACING * size / 72
    for place, line in enumerate(lines):
        baseline = -(gap + (place + 0.8) * line_height) / height
        figure.text(margin / width, baseline, line, fontsize=size, color="#404040", gid="caption")
    below = math.ceil((gap + len(lines) * line_height + margin) * figure.dpi) / figure.dpi if lines else 0.0
    text = caption or None
    metadata: dict[Path, dict[str, Any]] = {
        Path(png): {"Software": None, "Description": text},
        Path(pdf): {"CreationDate": None, "Producer": None, "Creator": None, "Subject": text},
    }
    for path, about in metadata.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=figure.dpi, bbox_inches=Bbox([[0, -below], [width, height]]), metadata=about)
