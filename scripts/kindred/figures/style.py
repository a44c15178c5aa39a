"""How every figure looks: colour maps, colours of training budgets, type sizes, and how a figure is saved.

Colour maps are interpolated in OKLab (B. Ottosson 2020, "A perceptual color space for image processing") with equal
colour differences between neighbouring steps, so equal differences of a value look equal.
"""

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import ListedColormap, to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextToPath
from matplotlib.transforms import Bbox
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from kindred.errors import BadInput

SHEET = Path(__file__).with_name("kindred.mplstyle")
FONT_SIZE = 8.0
DPI = 200
MARGIN = 0.12  # inches around everything
# Long lines are hard to read: a caption is no wider than this, in inches, or 0.6 of a very wide figure.
CAPTION_WIDTH = 8.5

INK = "#262626"
QUIET = "#6b6b6b"
UNDEFINED = "#f6f6f6"
# A cell that has no value: hatched, so that it is not taken for a low one.
HOLE: dict[str, Any] = {"facecolor": UNDEFINED, "edgecolor": "#9a9a9a", "hatch": "///////", "linewidth": 0}

_TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


class Sizes(NamedTuple):
    """Type sizes in points, all from the one font size of the study."""

    title: float
    label: float
    tick: float
    note: float


def sizes(font_size: float = FONT_SIZE) -> Sizes:
    """Type sizes for a font size in points. Raises BadInput unless 4 <= font_size <= 24."""
    if not 4 <= font_size <= 24:
        raise BadInput(f"The font size is {font_size!r} points; it must be between 4 and 24.")
    return Sizes(title=1.12 * font_size, label=font_size, tick=0.9 * font_size, note=0.85 * font_size)


def oklab(colours: Iterable[object]) -> NDArray[np.float64]:
    """Colours (anything matplotlib takes, without alpha) as OKLab rows (n, 3): lightness 0..1, a, b."""
    rgb = np.array([to_rgb(colour) for colour in colours], dtype=np.float64)  # type: ignore[arg-type]
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return np.cbrt(linear @ _TO_LMS.T) @ _TO_LAB.T


def _rgb(lab: NDArray[np.float64]) -> NDArray[np.float64]:
    linear = (lab @ np.linalg.inv(_TO_LAB).T) ** 3 @ np.linalg.inv(_TO_LMS).T
    linear = np.clip(linear, 0, 1)
    return np.clip(np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055), 0, 1)


def ramp(anchors: Sequence[str], count: int) -> NDArray[np.float64]:
    """RGB (count, 3) through the anchors, neighbours equally far apart in OKLab."""
    lab = oklab(anchors)
    curve = PchipInterpolator(np.linspace(0, 1, len(anchors)), lab)
    fine = np.linspace(0, 1, 2001)
    travelled = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(curve(fine), axis=0), axis=1))])
    return _rgb(curve(np.interp(np.linspace(0, travelled[-1], count), travelled, fine)))


def _map(name: str, *anchors: str) -> ListedColormap:
    return ListedColormap(ramp(anchors, 256), name=f"kindred_{name}")


SIMILARITY = _map("similarity", "#efeee6", "#b5d6cb", "#65abae", "#2d7795", "#254573", "#1a1c44")
TRANSFER = _map("transfer", "#f2eee5", "#f0cf9e", "#e69a60", "#c75a47", "#8a2946", "#3f1136")
DIFFERENCE = _map("difference", "#254573", "#5d9fb5", "#f3f2ee", "#e2a173", "#8a2946")
ACCURACY = _map("accuracy", "#f0f0ec", "#c9d0d4", "#93a0ad", "#5b6b7d", "#2c3848")

_BUDGET_RAMPS = {"linf": ("#cdb3dc", "#55257c"), "l2": ("#c0d596", "#3a6520")}
_OTHER_RAMP = ("#e3bda9", "#7d3a20")
_GREYS = ("#a6a6a1", "#d4d4cf", "#7d7d79", "#bdbdb8")


def budget_colours(budgets: Iterable[tuple[str, str, float]]) -> dict[str, str]:
    """A colour per training budget: (label, norm, eps) in order -> {label: hex}.

    Budgets without a radius (eps 0 or NaN) are grey; each norm has its hue, darker for a larger radius.
    """
    given = list(dict.fromkeys(budgets))
    colours: dict[str, str] = {}
    plain = [label for label, _, eps in given if not eps > 0]
    for place, label in enumerate(dict.fromkeys(plain)):
        colours[label] = _GREYS[place % len(_GREYS)]
    for norm in dict.fromkeys(norm for _, norm, eps in given if eps > 0):
        labels = [
            label for label, other, eps in sorted(given, key=lambda b: b[2]) if other == norm and eps > 0
        ]
        light, dark = _BUDGET_RAMPS.get(norm, _OTHER_RAMP)
        steps = ramp((light, dark), max(len(labels), 2))
        # A single radius gets the dark end: it is the robust one.
        for step, label in zip(steps[-len(labels) :], labels, strict=True):
            colours[label] = to_hex(step)
    return colours


def ink_on(colour: Sequence[float]) -> str:
    """White or near-black, whichever reads better on an RGB(A) colour."""
    return "white" if oklab([tuple(colour)[:3]])[0, 0] < 0.62 else INK


@contextmanager
def context(font_size: float = FONT_SIZE) -> Iterator[Sizes]:
    """Matplotlib as this package wants it, whatever the user's matplotlibrc says; yields the type sizes."""
    given = sizes(font_size)
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(matplotlib.rc_params_from_file(SHEET, use_default_template=False))
        matplotlib.rcParams["font.size"] = given.label
        yield given


def blank(width: float, height: float, dpi: int = DPI) -> Figure:
    """An empty figure of width x height inches, drawn without pyplot (no windows, no global state)."""
    if not 30 <= dpi <= 2400:
        raise BadInput(f"The resolution is {dpi!r} dots per inch; it must be between 30 and 2400.")
    # Whole pixels, so that nothing moves by a fraction of one when a caption is added below.
    figure = Figure(
        figsize=((math.ceil(width * dpi) + 1e-6) / dpi, (math.ceil(height * dpi) + 1e-6) / dpi), dpi=dpi
    )
    FigureCanvasAgg(figure)
    return figure


@lru_cache(maxsize=16384)
def _ems(text: str) -> float:
    """Width of a line of text in units of its type size."""
    font = FontProperties(family="DejaVu Sans", size=100)
    return float(TextToPath().get_text_width_height_descent(text, font, ismath=False)[0]) / 100


def extent(text: str, size: float) -> tuple[float, float]:
    """Width and height in inches of a line of text set at `size` points."""
    # The font's own measures know no hinting; on the page a line may be a little wider.
    return (1.05 * _ems(text) * size / 72, 1.2 * size / 72) if text else (0.0, 0.0)


def widest(texts: Iterable[str], size: float) -> float:
    """Width in inches of the widest of some lines of text, 0 for none."""
    return max((extent(text, size)[0] for text in texts), default=0.0)


def wrap(text: str, width: float, size: float) -> list[str]:
    """Lines of at most `width` inches at `size` points; a word wider than that stands alone. Keeps paragraphs.

    Lines do not break inside '95 %', 'ℓ∞ 0.05', 'n = 10,000' and '0.67 → 0.09'.
    """
    together = r"(?<=\d) (?=%|→)|(?<=→) (?=\d)|(?<=ℓ[∞12]) (?=\d)|(?<=\bn) (?==)|(?<=\bn =) (?=\d)"
    text = re.sub(together, "\N{NO-BREAK SPACE}", text)
    lines: list[str] = []
    space = extent(" ", size)[0]
    for paragraph in text.splitlines():
        line: list[str] = []
        used = 0.0
        for word in paragraph.split(" "):
            needed = extent(word, size)[0]
            if line and used + space + needed > width:
                lines.append(" ".join(line))
                line, used = [], 0.0
            used += needed + (space if line else 0.0)
            line.append(word)
        lines.append(" ".join(line))
    return lines


def save(
    figure: Figure, png: str | Path, pdf: str | Path, caption: str = "", *, font_size: float = FONT_SIZE
) -> None:
    """Write a figure as PNG and as PDF, its caption wrapped below the panels; the figure itself is left as it was.

    The same figure gives the same bytes: no dates and no versions are written. The caption is also in the
    metadata of both files (PNG `Description`, PDF `Subject`), where tools that read aloud find it.
    """
    width, height = figure.get_size_inches()
    below = 0.0
    added = []
    with context(font_size) as size:
        if caption:
            column = min(width - 2 * MARGIN, max(CAPTION_WIDTH * font_size / FONT_SIZE, 0.6 * width))
            lines = wrap(caption, column, size.note)
            gap, spacing = 0.02, 1.38
            below = gap + len(lines) * spacing * size.note / 72 + MARGIN
            below = math.ceil(below * figure.dpi) / figure.dpi
            for place, line in enumerate(lines):
                baseline = -(gap + (place + 0.8) * spacing * size.note / 72)
                added.append(
                    figure.text(
                        MARGIN / width,
                        baseline / height,
                        line,
                        fontsize=size.note,
                        color="#404040",
                        va="baseline",
                        ha="left",
                        gid="caption",
                        parse_math=False,
                    )
                )
        page = Bbox([[0, -below], [width, height]])
        try:
            for path, kind, metadata in (
                (Path(png), "png", {"Software": None, "Description": caption or None}),
                (
                    Path(pdf),
                    "pdf",
                    {"CreationDate": None, "Producer": None, "Creator": None, "Subject": caption or None},
                ),
            ):
                path.parent.mkdir(parents=True, exist_ok=True)
                figure.savefig(path, format=kind, dpi=figure.dpi, bbox_inches=page, metadata=metadata)
        finally:
            for text in added:
                text.remove()
