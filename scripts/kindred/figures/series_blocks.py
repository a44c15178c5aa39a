"""Every model of a series with itself, layers against layers (Cianfarani et al. 2022, Fig. 2)."""

import numpy as np

from kindred.figures.layout import layer_matrices, reading
from kindred.figures.layout.layer_matrices import Layers
from kindred.figures.layout.style import Captioned, Options, Style, Tables
from kindred.figures.layout.text import span
from kindred.similarity.catalogue import measure

SUMMARIES = ["mean_off_diagonal", "first_vs_last_half", "principal_share"]


def draw(tables: Tables, options: Options, style: Style) -> Captioned:
    """A panel per model of the series `options["each"]`."""
    rows = reading.choose(tables["series_cells"], "series", options["each"], "series_cells.csv")
    panels = [
        Layers(part.pivot(index="place_a", columns="place_b", values="value"), str(model), "layer", "layer", same=True)
        for model, part in rows.groupby("model", sort=False)
    ]
    rows = reading.choose(tables["series_structure"], "series", options["each"], "series_structure.csv")
    models = []
    for model, part in rows.groupby("model", sort=False):
        values = part.set_index("summary")["value"][SUMMARIES]
        models.append(f"{model} " + ", ".join(f"{value:.2f}" if np.isfinite(value) else "–" for value in values))
    text = (
        f"Similarity ({measure(options['measure']).label}, n = {span(tables['series_cells']['n'])}) of every layer of "
        "a model with every layer of the same model on natural images, on one colour scale; layers from the input "
        "upward and to the right. Of each model the mean over pairs of different layers, the mean between its two "
        f"halves, and the mean share of a layer's variance along its first principal component: {'; '.join(models)}. "
        "Every model is trained once, so differences include the chance of training."
    )
    return layer_matrices.draw(panels, options["measure"], style), text
