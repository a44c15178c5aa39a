"""Seeds, targets and the images that inversion made of them through each model (Jones et al. 2022, Fig. 2).

A row per example: its seed, its target, then one inverted image per model, the residual printed below. Seed and
target stand once per line where all models share them, else before each inverted image.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from kindred.errors import BadInput
from kindred.figures import cka, matrix, style, tables

ROLES = ("seed", "target", "inverted")
LINE = 20  # as many images stand side by side before a new block begins
GUTTER = 0.05  # inches between images
APART = 0.14  # inches between groups


@dataclass(frozen=True)
class Content:
    """Blocks of columns, and whether all models start from the same seeds and aim at the same targets."""

    blocks: list[list["Column"]]
    shared: bool


@dataclass(frozen=True)
class Column:
    """One column of images (example, channel, height, width); `residual` (example,) for inverted images only."""

    label: str
    group: str
    images: NDArray[np.floating]
    residual: NDArray[np.floating] | None


def arrange(
    images: NDArray[np.floating],
    residual: NDArray[np.floating],
    inverters: Sequence[str],
    models: pd.DataFrame | None = None,
    *,
    order: Sequence[str] | None = None,
    examples: int | None = None,
    line: int = LINE,
) -> Content:
    """Blocks of columns: seed, target and inverted images, models grouped by budget.

    images: (inverter, example, role, channel, height, width) in [0, 1], roles as ROLES, 1 or 3 channels; residual:
    (inverter, example); order: the inverters to draw; examples: as many of the first; line: columns per block.
    Raises BadInput for shapes that do not fit each other and for inverters that are not there.
    """
    images, residual = np.asarray(images), np.asarray(residual)
    if images.ndim != 6 or images.shape[2] != len(ROLES) or images.shape[3] not in (1, 3):
        raise BadInput(
            f"The gallery's images have the shape {images.shape}; it must be (inverter, example, 3 roles, "
            "1 or 3 channels, height, width)."
        )
    if images.shape[:2] != residual.shape or len(inverters) != len(images):
        raise BadInput(
            f"The gallery has images {images.shape[:2]}, residuals {residual.shape} and {len(inverters)} inverters; "
            "they must agree in (inverter, example)."
        )
    if images.shape[1] == 0 or (examples is not None and examples < 1):
        raise BadInput(
            f"The gallery has {images.shape[1]} examples and {examples!r} were asked for; at least 1."
        )
    names = list(inverters) if order is None else list(order)
    for name in names:
        if name not in inverters:
            raise BadInput(f"The gallery has no inverter {name!r}; it has {', '.join(inverters)}.")
    group = dict.fromkeys(names, "")
    if models is not None:
        tables.order(models, names)
        budget = tables.budgets(models)
        names = tables.by_budget(names, budget)
        group = {name: budget[name].label for name in names}
    shown = slice(None, examples)
    place = {name: index for index, name in enumerate(inverters)}

    def column(name: str, role: int) -> Column:
        chosen = images[place[name], shown, role]
        label = name if role == 2 else ROLES[role]
        belongs = group[name] if role == 2 or not shared else ""
        return Column(label, belongs, chosen, residual[place[name], shown] if role == 2 else None)

    first = images[place[names[0]], shown, :2]
    shared = all(np.array_equal(images[place[name], shown, :2], first, equal_nan=True) for name in names)
    if not shared:
        per = max(1, line // 3)
        return Content(
            [
                [column(name, role) for name in part for role in range(3)]
                for part in _lines(names, group, per)
            ],
            False,
        )
    common = [column(names[0], 0), column(names[0], 1)]
    parts = _lines(names, group, max(1, line - 2))
    return Content([common + [column(name, 2) for name in part] for part in parts], True)


def _lines(names: Sequence[str], group: dict[str, str], per: int) -> list[list[str]]:
    """Names in lines of at most `per`, a group on one line where it fits."""
    lines: list[list[str]] = [[]]
    for _, members in groupby(names, group.__getitem__):
        together = list(members)
        if lines[-1] and len(lines[-1]) + len(together) > per:
            lines.append([])
        for name in together:
            if len(lines[-1]) == per:
                lines.append([])
            lines[-1].append(name)
    return lines


def draw(
    images: NDArray[np.floating],
    residual: NDArray[np.floating],
    inverters: Sequence[str],
    models: pd.DataFrame | None = None,
    *,
    order: Sequence[str] | None = None,
    examples: int | None = None,
    line: int = LINE,
    dpi: int = style.DPI,
    font_size: float = style.FONT_SIZE,
) -> Figure:
    """A row of images per example, a column per model, the residual under each inverted image.

    See `arrange` for the arrays; models: models.csv, to group columns by training budget.
    """
    blocks = arrange(images, residual, inverters, models, order=order, examples=examples, line=line).blocks
    colours: dict[str, str] = {}
    if models is not None:
        budget = tables.budgets(models)
        colours = cka.legend(
            [budget[column.label] for block in blocks for column in block if column.residual is not None]
        )
    scale = font_size / style.FONT_SIZE
    count, _, tall, wide = blocks[0][0].images.shape
    side = float(np.clip(9.0 / max(map(len, blocks)), 0.46, 1.0)) * scale
    image = (side, side * tall / wide)
    with style.context(font_size) as size:
        under = 1.5 * size.note / 72
        lefts = [_places(block, side) for block in blocks]
        head = max(_head(block, size, side) for block in blocks)
        width = max(*(places[-1] + side for places in lefts), 4.2 * scale) + 2 * style.MARGIN
        block_height = head + count * (image[1] + under)
        height = len(blocks) * block_height + (len(blocks) - 1) * 0.15 + 2 * style.MARGIN
        figure = style.blank(width, height, dpi)
        top = height - style.MARGIN
        for block, places in zip(blocks, lefts, strict=True):
            _headings(figure, block, places, top - head, colours, side, size)
            for column, x in zip(block, places, strict=True):
                for row in range(count):
                    y = top - head - row * (image[1] + under) - image[1]
                    box = ((style.MARGIN + x) / width, y / height, image[0] / width, image[1] / height)
                    axes = figure.add_axes(box, label=f"{column.label} {row}")
                    _picture(axes, column.images[row])
                    if column.residual is not None:
                        figure.text(
                            box[0] + box[2] / 2,
                            (y - 0.03) / height,
                            written(float(column.residual[row])),
                            fontsize=min(size.note, 0.3 * side * 72),
                            color=style.QUIET,
                            ha="center",
                            va="top",
                            gid="residual",
                        )
            top -= block_height + 0.15
    return figure


def written(residual: float) -> str:
    """A residual under an image, two figures: .0021, .047, 1.3 (one below .001: 4e−5); a dash where it is undefined."""
    if not np.isfinite(residual):
        return "–"
    if residual == 0:
        return "0"
    if residual >= 9.5:
        return f"{residual:.0f}"
    if residual >= 0.00095:
        digits = max(1 - int(np.floor(np.log10(residual))), 1)
        return f"{residual:.{digits}f}".removeprefix("0")
    return f"{residual:.0e}".replace("e-0", "e−").replace("e-", "e−")


def _picture(axes: Axes, image: NDArray[np.floating]) -> None:
    """One image (channel, height, width), or a hatched field where it is undefined."""
    axes.set_axis_off()
    if not np.isfinite(image).all():
        axes.add_patch(Rectangle((0, 0), 1, 1, transform=axes.transAxes, **style.HOLE))
        return
    pixels = np.clip(np.moveaxis(image, 0, -1), 0, 1).astype(np.float64)
    if pixels.shape[-1] == 1:
        axes.imshow(pixels[..., 0], cmap="gray", vmin=0, vmax=1, aspect="auto")
    else:
        axes.imshow(pixels, aspect="auto")


def _places(block: Sequence[Column], side: float) -> list[float]:
    """Left edges in inches, groups a little apart."""
    places, x = [], 0.0
    for before, column in zip([None, *block[:-1]], block, strict=True):
        if before is not None:
            # Another group, a new triple, or the common seeds and targets end here.
            apart = before.group != column.group or (before.residual is not None and column.residual is None)
            x += side + (APART if apart else GUTTER)
        places.append(x)
    return places


def _head(block: Sequence[Column], size: style.Sizes, side: float) -> float:
    """Inches above the images for labels (turned when one does not fit) and groups."""
    labels = style.widest((column.label for column in block), size.tick)
    turned = labels > side
    groups = 1.7 * size.note / 72 + matrix.STRIP if any(column.group for column in block) else 0.0
    return (labels + 0.08 if turned else 1.9 * size.tick / 72) + groups


def _headings(
    figure: Figure,
    block: Sequence[Column],
    places: Sequence[float],
    foot: float,
    colours: dict[str, str],
    side: float,
    size: style.Sizes,
) -> None:
    """Labels over the columns; over those a strip in the budget's colour and its name. foot: inches from below."""
    width, height = figure.get_size_inches()
    labels = style.widest((column.label for column in block), size.tick)
    turned = labels > side
    for column, x in zip(block, places, strict=True):
        figure.text(
            (style.MARGIN + x + side / 2) / width,
            (foot + 0.04) / height,
            column.label,
            fontsize=size.tick,
            rotation=90 if turned else 0,
            ha="center",
            va="bottom",
            gid="label",
            parse_math=False,
        )
    above = foot + (labels + 0.08 if turned else 1.9 * size.tick / 72)
    side_labels = matrix.Side(tuple(c.label for c in block), tuple(c.group for c in block))
    for group, start, end in side_labels.runs():
        if not group:
            continue
        left, right = style.MARGIN + places[start], style.MARGIN + places[end - 1] + side
        figure.add_artist(
            Rectangle(
                (left / width, above / height),
                (right - left) / width,
                matrix.STRIP / height,
                transform=figure.transFigure,
                facecolor=colours[group],
                linewidth=0,
            )
        )
        figure.text(
            left / width,
            (above + matrix.STRIP + 0.035) / height,
            group,
            fontsize=size.note,
            color=style.QUIET,
            va="bottom",
            gid="group",
            parse_math=False,
        )


def caption(
    images: NDArray[np.floating],
    residual: NDArray[np.floating],
    inverters: Sequence[str],
    models: pd.DataFrame | None = None,
    *,
    order: Sequence[str] | None = None,
    examples: int | None = None,
    line: int = LINE,
    inversion: str = "",
) -> str:
    """What the figure shows: what was inverted from what, and how near the residuals came."""
    content = arrange(images, residual, inverters, models, order=order, examples=examples, line=line)
    columns = [column for block in content.blocks for column in block if column.residual is not None]
    named = f" ({inversion})" if inversion else ""
    said = [
        f"Inverted images{named}: descent starts at the seed and changes it until the model's penultimate features "
        "are those of the target. Below each image its residual, the distance of its features to the target's "
        f"relative to the length of the target's. One row per example ({len(columns[0].images)}), "
        f"{len(columns)} models"
        + ("; all start from the same seeds." if content.shared and len(columns) > 1 else ".")
    ]
    all_residuals = np.concatenate([c.residual for c in columns if c.residual is not None])
    defined = all_residuals[np.isfinite(all_residuals)]
    if len(defined):
        said.append(f"Residuals shown: median {np.median(defined):.3f}, largest {defined.max():.3f}.")
    broken = int((~np.isfinite(all_residuals)).sum())
    if broken:
        said.append(f"Images marked – ({broken}) have no residual: their inversion diverged.")
    return " ".join(said)
