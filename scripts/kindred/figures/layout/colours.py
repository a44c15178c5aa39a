"""Colour maps, and colours of groups and of training budgets.

Ramps are interpolated in OKLab (B. Ottosson 2020, "A perceptual color space for image processing") with equal
colour differences between neighbouring steps, so equal differences of a value look equal.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from matplotlib.colors import ListedColormap, to_hex, to_rgb
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from kindred.figures.layout.budgets import Budget, in_order
from kindred.figures.layout.style import INK

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


def oklab(colours: Iterable[object]) -> NDArray[np.float64]:
    """Colours (anything matplotlib takes, without alpha) as OKLab rows (n, 3): lightness 0..1, a, b."""
    rgb = np.array([to_rgb(colour) for colour in colours], dtype=np.float64)  # type: ignore[arg-type]
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return np.cbrt(linear @ _TO_LMS.T) @ _TO_LAB.T


def ramp(anchors: Sequence[str], count: int) -> NDArray[np.float64]:
    """RGB (count, 3) through the anchors, neighbours equally far apart in OKLab."""
    curve = PchipInterpolator(np.linspace(0, 1, len(anchors)), oklab(anchors))
    fine = np.linspace(0, 1, 2001)
    travelled = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(curve(fine), axis=0), axis=1))])
    lab = curve(np.interp(np.linspace(0, travelled[-1], count), travelled, fine))
    linear = np.clip((lab @ np.linalg.inv(_TO_LAB).T) ** 3 @ np.linalg.inv(_TO_LMS).T, 0, 1)
    return np.clip(np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055), 0, 1)


def _map(name: str, *anchors: str) -> ListedColormap:
    return ListedColormap(ramp(anchors, 256), name=f"kindred_{name}")


SIMILARITY = _map("similarity", "#efeee6", "#b5d6cb", "#65abae", "#2d7795", "#254573", "#1a1c44")
TRANSFER = _map("transfer", "#f2eee5", "#f0cf9e", "#e69a60", "#c75a47", "#8a2946", "#3f1136")
EXCESS = _map("excess", "#f0efe6", "#d5dda8", "#9fbf74", "#5e9a5b", "#2f6d50", "#12403c")
ACCURACY = _map("accuracy", "#f0f0ec", "#c9d0d4", "#93a0ad", "#5b6b7d", "#2c3848")

# Ten hues that differ in lightness as well, so neighbours are told apart without colour vision too.
_HUES = "#254573 #c75a47 #5d9fb5 #b8860b #7b4f9d #3a6520 #e29ab0 #7d3a20 #8fae5a #5b6b7d"
HUES = tuple(_HUES.split())
_NORM_RAMPS = {
    "linf": ("#cdb3dc", "#55257c"),
    "l2": ("#c0d596", "#3a6520"),
    "jpeg": ("#ecd39a", "#8a5a00"),
    "spatial": ("#a9d6d3", "#1f5f66"),
}
_OTHER_RAMP = ("#e3bda9", "#7d3a20")
_GREYS = ("#a6a6a1", "#d4d4cf", "#7d7d79", "#bdbdb8")


def group_colour(group: int) -> str:
    """The colour of a group numbered from 1; after ten they come again."""
    return HUES[(group - 1) % len(HUES)]


def budget_colours(budgets: Iterable[Budget]) -> dict[str, str]:
    """{label: colour} of the distinct budgets in order.

    Budgets without a radius are grey; each norm has its hue, darker for a larger radius.
    """
    given = in_order(budgets)
    plain = [one for one in given if not one.eps]
    colours = {one.label: _GREYS[place % len(_GREYS)] for place, one in enumerate(plain)}
    for norm in dict.fromkeys(one.norm for one in given if one.eps):
        labels = [one.label for one in given if one.eps and one.norm == norm]
        steps = ramp(_NORM_RAMPS.get(norm, _OTHER_RAMP), max(len(labels), 2))
        # A single radius gets the dark end: it is the robust one.
        colours |= dict(zip(labels, map(to_hex, steps[-len(labels) :]), strict=True))
    return colours


def ink_on(colour: Sequence[float]) -> str:
    """White or near-black, whichever reads better on an RGB(A) colour."""
    return "white" if oklab([tuple(colour)[:3]])[0, 0] < 0.62 else INK
