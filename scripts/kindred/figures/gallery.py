"""Seeds, targets and the images that inversion made of them through each model (Jones et al. 2022, Fig. 2).

A row per example: its seed, its target, then one inverted image per model, the residual printed below. All
models start from the same seeds and aim at the same targets.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from kindred.figures.layout import matrix
from kindred.figures.layout.budgets import by_budget, of_models
from kindred.figures.layout.colours import budget_colours
from kindred.figures.layout.page import MARGIN, NARROWEST, Page
from kindred.figures.layout.reading import defined
from kindred.figures.layout.style import HOLE, NOTE, QUIET, TICK, Captioned, Look, Options, Style, Tables
from kindred.figures.layout.text import plural, widest
from kindred.workflow.errors import BadInput

ROLES = ("seed", "target")  # then inverted
LINE = 18  # as many inverted images stand side by side before a new block begins
GUTTER = 0.05  # inches between images
APART = 0.14  # inches between groups
BLOCKS = 0.15  # inches between blocks


@dataclass(frozen=True)
class Column:
    """A column of images (example, channel, height, width); residuals as written below, of inverted images only."""

    label: str
    group: str
    images: NDArray[np.floating]
    residuals: Sequence[str] = ()


def select(tables: Tables) -> list[list[Column]]:
    """Blocks of columns: seed, target and inverted images, models grouped by budget.

    The store has images (inverter, example, role, channel, height, width) in [0, 1], roles as ROLES, 1 or 3 channels,
    residuals (inverter, example), and the names of inverters. Raises BadInput for an inverter that is no model.
    """
    images, residual = tables["gallery"]["images"], tables["gallery"]["residual"]
    inverters = [str(name) for name in tables["gallery"]["inverter"]]
    budget = of_models(tables["models"])
    if missing := [name for name in inverters if name not in budget]:
        raise BadInput(f"The gallery has the inverter {missing[0]!r}, which is not in models.csv.")
    common = [Column(role, "", images[0, :, place]) for place, role in enumerate(ROLES)]
    columns = []
    for name in by_budget(inverters, budget):
        place = inverters.index(name)
        residuals = [written(value) for value in residual[place]]
        columns.append(Column(name, budget[name].label, images[place, :, len(ROLES)], residuals))
    return [common + columns[start : start + LINE] for start in range(0, len(columns), LINE)]


def draw(tables: Tables, options: Options, style: Style) -> Captioned:
    """A row of images per example, a column per model, the residual under each inverted image."""
    blocks = select(tables)
    names = [str(name) for name in tables["gallery"]["inverter"]]
    budget = of_models(tables["models"])
    colours = budget_colours(budget[name] for name in names)
    count, _, tall, wide = blocks[0][0].images.shape
    side = float(np.clip(9.0 / max(map(len, blocks)), 0.46, 1.0))
    height, under = side * tall / wide, 1.5 * NOTE / 72
    lefts = [_lefts(block, side) for block in blocks]
    upright = widest(names, TICK) > side
    name = widest(names, TICK) + 0.08 if upright else 1.9 * TICK / 72
    head = name + 1.7 * NOTE / 72 + matrix.STRIP
    block_height = head + count * (height + under)
    width = max(*(places[-1] + side + MARGIN for places in lefts), NARROWEST)
    page = Page(style, width, len(lefts) * (block_height + BLOCKS) - BLOCKS + 2 * MARGIN)
    foot = page.height - MARGIN - head
    residual: Look = {"color": QUIET, "ha": "center", "va": "top"}
    label: Look = {"rotation": 90 if upright else 0, "ha": "center", "va": "bottom"}
    for block, places in zip(blocks, lefts, strict=True):
        # Over the labels a strip in the colour of the budget, and its name.
        for group, start, end in matrix.runs([column.group for column in block])[1:]:
            left, strip = places[start], foot + name
            page.rectangle(left, strip, places[end - 1] + side - left, matrix.STRIP, facecolor=colours[group])
            page.write(left, strip + matrix.STRIP + 0.035, group, NOTE, "group", color=QUIET, va="bottom")
        for column, x in zip(block, places, strict=True):
            page.write(x + side / 2, foot + 0.04, column.label, TICK, "label", **label)
            for row, image in enumerate(column.images):
                y = foot - row * (height + under) - height
                _picture(page.axes(x, y, side, height, label=f"{column.label} {row}"), image)
                for text in column.residuals[row : row + 1]:
                    page.write(x + side / 2, y - 0.03, text, min(NOTE, 0.3 * side * 72), "residual", **residual)
        foot -= block_height + BLOCKS
    residuals = tables["gallery"]["residual"]
    text = (
        f"Inverted images ({options['inversion']}): descent starts at the seed and changes it until the "
        "model's penultimate features are those of the target. Below each image its residual, the distance "
        "of its features from the target's relative to the length of the target's. "
        f"{plural(count, 'example')} (rows) and {plural(len(names), 'model')}, from the same seeds."
    )
    known = defined(residuals)
    if len(known):
        text += f" Residuals shown: median {np.median(known):.3f}, largest {known.max():.3f}."
    if broken := residuals.size - len(known):
        text += f" Images marked – ({broken}) have no residual: their inversion diverged."
    return page.figure, text


def written(residual: float) -> str:
    """A residual under an image, two figures: .0021, .047, 1.3 (one below .001: 4e−5); a dash for none."""
    if not np.isfinite(residual):
        return "–"
    if residual == 0 or residual >= 9.5:
        return f"{residual:.0f}"
    if residual >= 0.00095:
        digits = max(1 - int(np.floor(np.log10(residual))), 1)
        return f"{residual:.{digits}f}".removeprefix("0")
    return f"{residual:.0e}".replace("e-0", "e−").replace("e-", "e−")


def _picture(axes: Axes, image: NDArray[np.floating]) -> None:
    """One image (channel, height, width), or a hatched field where it is undefined."""
    axes.set_axis_off()
    if not np.isfinite(image).all():
        axes.add_patch(Rectangle((0, 0), 1, 1, transform=axes.transAxes, **HOLE))
        return
    pixels = np.clip(np.moveaxis(image, 0, -1), 0, 1).astype(np.float64)
    axes.imshow(pixels, aspect="auto", cmap="gray", vmin=0, vmax=1)  # the map is for grey images alone


def _lefts(block: Sequence[Column], side: float) -> list[float]:
    """Left edges in inches, groups a little apart."""
    places = [MARGIN]
    for before, column in pairwise(block):
        places.append(places[-1] + side + (APART if before.group != column.group else GUTTER))
    return places
