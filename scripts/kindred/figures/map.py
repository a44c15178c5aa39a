"""Models on a map: those that fool each other lie near (Hwang et al. 2024, Fig. 1 of its version 4)."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from kindred.errors import BadInput
from kindred.figures import plots, style, tables

METHODS = {"mds": "Classical scaling", "tsne": "t-SNE"}


def draw(
    places: pd.DataFrame,
    clusters: pd.DataFrame,
    *,
    dpi: int = style.DPI,
    font_size: float = style.FONT_SIZE,
) -> Figure:
    """A panel for each way of laying models out, names beside the points, colours by group."""
    tables.require(places, ["method", "model", "x", "y"], "map.csv")
    tables.require(clusters, ["model", "cluster"], "clusters.csv")
    group = dict(zip(clusters["model"].astype(str), clusters["cluster"].astype(int), strict=True))
    known = [name for name in METHODS if name in set(places["method"])]
    if missing := [name for name in places["model"].astype(str) if name not in group]:
        raise BadInput(f"clusters.csv has no row for the model {missing[0]!r}.")
    side = float(np.clip(0.55 * np.sqrt(len(group)), 2.6, 5.2)) * font_size / style.FONT_SIZE
    with style.context(font_size) as size:
        sheet = plots.page(
            [(side, side)] * len(known), left=0.1, below=0.05, between=0.2, dpi=dpi, font_size=font_size
        )
        for axes, method in zip(sheet.axes, known, strict=True):
            part = places[places["method"] == method]
            points = part[["x", "y"]].to_numpy(dtype=np.float64)
            names = [str(name) for name in part["model"]]
            middle = (points.max(axis=0) + points.min(axis=0)) / 2
            # Equal units on both axes; names need room at the sides.
            reach = float((points.max(axis=0) - points.min(axis=0)).max()) / 2 * 1.16 or 1.0
            axes.set_xlim(middle[0] - reach, middle[0] + reach)
            axes.set_ylim(middle[1] - reach, middle[1] + reach)
            axes.scatter(
                points[:, 0],
                points[:, 1],
                s=11,
                c=[plots.group_colour(group[name]) for name in names],
                linewidths=0,
            )
            axes.set_xticks([])
            axes.set_yticks([])
            for spine in axes.spines.values():
                spine.set_visible(False)
            plots.title(axes, METHODS[method], size)
            plots.name_points(axes, points, names, max(4.0, size.tick * (0.95 if len(names) < 25 else 0.66)))
    return sheet.figure


def caption(places: pd.DataFrame, clusters: pd.DataFrame) -> str:
    """What the figure shows."""
    return (
        f"{clusters['model'].nunique()} models laid out by ln 100 − SAT: near each other where adversarial images of "
        "one fool the other. Left: classical scaling, which keeps distances as far as a plane can. Right: t-SNE, which "
        "keeps neighbours; distances between its clouds mean little. Axes have no units. Colours tell the groups of "
        f"spectral clustering ({int(clusters['cluster'].max())})."
    )
