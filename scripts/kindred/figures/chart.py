"""Lines and points: the page, the axes and the legend of figures that are no heatmaps.

Panels stand side by side on a page measured in inches; every panel has quiet axes at the left and below.
"""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter, NullLocator

from kindred.figures import style

GRID = "#e4e4e0"
KEY = 0.16  # inches: the swatch of a legend


def page(
    widths: Sequence[float],
    height: float,
    *,
    lefts: Sequence[float],
    below: float,
    beside: float = 0.0,
    titles: Sequence[str] = (),
    dpi: int = style.DPI,
    font_size: float = style.FONT_SIZE,
) -> tuple[Figure, list[Axes]]:
    """A figure with panels of these widths and one height (inches, at the default font size of style).

    lefts: inches left of each panel for its labels; below: inches under all; beside: inches kept free at the right.
    Call within `style.context`.
    """
    size = style.sizes(font_size)
    scale = font_size / style.FONT_SIZE
    widths = [width * scale for width in widths]
    tall = height * scale
    above = 1.9 * size.title / 72 if any(titles) else 0.06
    # A page for a caption, even for one small panel.
    total = max(sum(widths) + sum(lefts) + beside + 2 * style.MARGIN, 4.6 * scale)
    figure = style.blank(total, tall + above + below + 2 * style.MARGIN, dpi)
    page_width, page_height = figure.get_size_inches()
    drawn, x = [], style.MARGIN
    for place, (width, left) in enumerate(zip(widths, lefts, strict=True)):
        x += left
        bottom = style.MARGIN + below
        axes = figure.add_axes((x / page_width, bottom / page_height, width / page_width, tall / page_height))
        dress(axes, size)
        if titles:
            figure.text(
                x / page_width,
                1 - style.MARGIN / page_height,
                titles[place],
                fontsize=size.title,
                va="top",
                gid="title",
                parse_math=False,
            )
        drawn.append(axes)
        x += width
    return figure, drawn


def dress(axes: Axes, size: style.Sizes) -> None:
    """Thin spines at the left and below, small ticks, and quiet lines across."""
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(True)
        axes.spines[side].set_linewidth(0.6)
        axes.spines[side].set_color("#9a9a9a")
    axes.tick_params(labelsize=size.tick, size=2.5, width=0.5, pad=2.5, color="#9a9a9a")
    axes.set_axisbelow(True)
    axes.grid(axis="y", color=GRID, linewidth=0.5)


def name(axes: Axes, size: style.Sizes, x: str = "", y: str = "") -> None:
    """What stands along the two axes."""
    axes.set_xlabel(x, fontsize=size.label, labelpad=3, parse_math=False)
    axes.set_ylabel(y, fontsize=size.label, labelpad=4, parse_math=False)


def categories(axes: Axes, labels: Sequence[str], size: style.Sizes, *, angle: float = 0.0) -> None:
    """Evenly spaced places 0, 1, ... along x with their labels."""
    axes.xaxis.set_major_locator(FixedLocator(list(range(len(labels)))))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks(range(len(labels)), labels, fontsize=size.tick, rotation=angle, parse_math=False)
    axes.set_xlim(-0.4, len(labels) - 0.6)


def plain_log(axes: Axes, which: str) -> None:
    """A logarithmic axis ('x' or 'y') that says 0.2 and 1 where matplotlib would write powers of ten."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    low, high = axes.get_xlim() if which == "x" else axes.get_ylim()
    subs = (1.0, 2.0, 5.0) if high / low < 300 else (1.0,)
    axis.set_major_locator(LogLocator(subs=subs, numticks=12))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())


def crowded(labels: Sequence[str], width: float, size: style.Sizes) -> bool:
    """Whether labels side by side within `width` inches would touch, so that they have to be turned."""
    return style.widest(labels, size.tick) + 0.06 > width / max(len(labels), 1)


def legend_width(entries: Mapping[str, object], size: style.Sizes) -> float:
    """Inches beside the panels that a legend takes."""
    return KEY + 0.22 + style.widest(entries, size.note) if entries else 0.0


def legend(
    figure: Figure,
    axes: Axes,
    entries: Mapping[str, Mapping[str, object]],
    size: style.Sizes,
    shift: float = 0.0,
) -> None:
    """Names at the right of the last panel, from its top; entries: {name: properties of its Line2D}.

    shift: inches between panel and legend that something else takes.
    """
    width, height = figure.get_size_inches()
    box = axes.get_position()
    x, step = box.x1 * width + shift + 0.14, 1.5 * size.note / 72
    for place, (label, look) in enumerate(entries.items()):
        y = box.y1 * height - (place + 0.5) * step
        figure.add_artist(
            Line2D(
                [x / width, (x + KEY / 2) / width, (x + KEY) / width],
                [y / height] * 3,
                transform=figure.transFigure,
                markevery=[1],
                **look,  # type: ignore[arg-type]
            )
        )
        figure.text(
            (x + KEY + 0.06) / width,
            y / height,
            label,
            fontsize=size.note,
            color=style.QUIET,
            va="center_baseline",
            gid="legend",
            parse_math=False,
        )
