"""Estimators of layer similarity on the same cells: how far each lies from the chosen one."""

import numpy as np

from kindred.figures.layout import lines, reading
from kindred.figures.layout.layer_matrices import pair
from kindred.figures.layout.style import Captioned, Options, Style, Tables
from kindred.figures.layout.text import clause, span
from kindred.similarity.catalogue import measure

LEAST = 0.01  # difference that the axis shows at least, either way


def draw(tables: Tables, options: Options, style: Style) -> Captioned:
    """Another measure minus the chosen one, against the chosen one, for every cell; a panel for each."""
    estimators = reading.require(tables, "estimators", "panel model_a model_b measure against")
    against = estimators["against"].iloc[0]
    cells = tables["panels"].pivot(index=["panel", "place_a", "place_b"], columns="measure", values="value")
    about = estimators.drop_duplicates("panel").sort_values("panel")
    dot = {"marker": "o", "markersize": 1.5, "linestyle": "none", "alpha": 0.6, "markeredgewidth": 0}
    drawn = []
    for other in reading.present(estimators, "measure"):
        points = []
        for place, (panel, a, b) in enumerate(about[["panel", "model_a", "model_b"]].itertuples(index=False)):
            x, y = cells.loc[panel, against], cells.loc[panel, other]
            points.append(lines.Line(pair(a, b), x, y - x, {**lines.hue(place), **dot}))
        titles = measure(other).label, "difference", measure(against).label
        drawn.append(lines.Panel(titles[0], points, *titles[1:], low=-LEAST, high=LEAST))
    figure = lines.draw(drawn, style, columns=len(drawn), shared=False, left=0.62)
    parts = []
    for name, rows in estimators.groupby("measure", sort=False):
        mean, most = rows["mean_absolute_difference"].mean(), rows["largest_absolute_difference"].max()
        if np.isfinite(mean):
            parts.append(f"{measure(name).label} {mean:.4f} on average over panels, {most:.4f} at most")
    reference = measure(against).label
    text = (
        f"Difference of other estimators from {reference} (vertical) against {reference} (horizontal), a "
        f"point for each pair of layers of the panels on natural images (n = {span(estimators['n'])})."
    )
    return figure, text + clause("Absolute difference", parts)
