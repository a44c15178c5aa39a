"""Layer x layer similarity of pairs of models on one scale (Cianfarani et al. 2022, Fig. 2).

The usual triptych is standard with itself, robust with itself, standard with robust; any number of pairs is drawn.
"""

import pandas as pd

from kindred.figures.layout import layer_matrices, reading
from kindred.figures.layout.layer_matrices import Layers
from kindred.figures.layout.style import Captioned, Options, Style, Tables
from kindred.figures.layout.text import span
from kindred.workflow.errors import BadInput


def draw(tables: Tables, options: Options, style: Style) -> Captioned:
    """A panel per pair of `options["panels"]` (rows: layers of the first model, columns: of the second).

    Raises BadInput for what the table lacks.
    """
    table = reading.require(tables, "layers", "stimuli model_a layer_a model_b layer_b measure value n")
    rows = reading.choose(table, "measure", options["measure"], "layers.csv")
    rows = reading.choose(rows, "stimuli", "natural", f"layers.csv ({options['measure']})")
    pairs = options["panels"]
    titles = layer_matrices.titles(tables["models"], [name for pair in pairs for name in pair])
    panels = [
        Layers(_cells(rows, a, b), layer_matrices.pair(titles[a], titles[b]), f"layer of {a}", f"layer of {b}", a == b)
        for a, b in pairs
    ]
    shown = layer_matrices.described(options["measure"], span(table["n"]), " on natural images")
    text = f"{shown} Layers run in forward order from the input upward and to the right.{layer_matrices.means(panels)}"
    return layer_matrices.draw(panels, options["measure"], style), text


def _cells(table: pd.DataFrame, model_a: str, model_b: str) -> pd.DataFrame:
    """The cells of one pair of models from rows of one measure; the table may hold it either way round.

    Layers keep the order in which the table first names them (forward order). Raises BadInput for cells that
    are missing or there twice.
    """
    sides = ["layer_a", "layer_b"]
    rows = table[(table["model_a"] == model_a) & (table["model_b"] == model_b)]
    if rows.empty:
        rows, sides = table[(table["model_a"] == model_b) & (table["model_b"] == model_a)], sides[::-1]
    if rows.empty:
        pairs = [f"{a} with {b}" for a, b in dict.fromkeys(zip(table["model_a"], table["model_b"], strict=True))]
        more = f" and {len(pairs) - 6} more" if len(pairs) > 6 else ""
        raise BadInput(f"layers.csv does not compare {model_a} with {model_b}; it has {', '.join(pairs[:6])}{more}.")
    layers_a, layers_b = (rows[side].unique() for side in sides)
    if len(rows) != len(layers_a) * len(layers_b) or rows.duplicated(sides).any():
        raise BadInput(
            f"layers.csv has {len(rows)} rows for {model_a} with {model_b}, which have {len(layers_a)} and "
            f"{len(layers_b)} layers; each pair of layers must be there once."
        )
    return rows.pivot(index=sides[0], columns=sides[1], values="value").loc[layers_a, layers_b]
