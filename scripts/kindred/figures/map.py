"""Models on a plane: those that fool each other lie near (Hwang et al. 2024, Fig. 1 of its version 4)."""

import numpy as np

from kindred.figures.layout import chart, reading
from kindred.figures.layout.colours import group_colour
from kindred.figures.layout.labels import name_points
from kindred.figures.layout.style import TICK, Captioned, Options, Style, Tables
from kindred.figures.layout.text import extent, plural

METHODS = {
    "mds": ("Classical scaling", "Classical scaling keeps distances as far as a plane can."),
    "tsne": ("t-SNE", "t-SNE keeps neighbours; distances between its clouds mean little."),
}
MANY = 25  # models; the names of more are smaller


def draw(tables: Tables, options: Options, style: Style) -> Captioned:
    """A panel for each way of laying models out, names beside the points, colours by group."""
    places = reading.require(tables, "map", "method model x y")
    group = reading.groups(tables, places["model"])
    methods = [name for name in METHODS if name in set(places["method"])]
    # Names want room: several times what they cover together.
    size = TICK * (0.95 if len(group) < MANY else 0.75)
    side = float(np.clip(np.sqrt(7 * sum(np.prod(extent(name, size)) for name in group)), 2.6, 5.6))
    page, drawn = chart.panels(style, [(side, side)] * len(methods), left=0.1, below=0.05, between=0.2)
    for axes, method in zip(drawn, methods, strict=True):
        part = places[places["method"] == method]
        names, points = list(part["model"]), part[["x", "y"]].to_numpy(dtype=np.float64)
        middle = (points.max(axis=0) + points.min(axis=0)) / 2
        # Equal units on both axes; names need room at the sides.
        reach = float(np.ptp(points, axis=0).max()) / 2 * 1.16 or 1.0
        axes.set(xlim=(middle[0] - reach, middle[0] + reach), ylim=(middle[1] - reach, middle[1] + reach))
        axes.scatter(points[:, 0], points[:, 1], s=11, c=[group_colour(group[name]) for name in names], linewidths=0)
        axes.set_axis_off()
        axes.set_title(METHODS[method][0])
        name_points(page, axes, points, names, size)
    ways = " ".join(METHODS[method][1] for method in methods)
    text = (
        f"{plural(len(group), 'model')} laid out by their distances ln 100 − SAT: near each other where "
        f"adversarial images of one fool the other. {ways} Axes have no units. Colours show the "
        f"{plural(max(group.values()), 'group')} of spectral clustering."
    )
    return page.figure, text
