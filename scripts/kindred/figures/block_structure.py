"""Layers against layers of pairs of models, on natural or other images (Cianfarani et al. 2022, Fig. 2)."""

from kindred.figures.layout import layer_matrices, reading
from kindred.figures.layout.layer_matrices import Layers, images
from kindred.figures.layout.style import Captioned, Options, Style, Tables
from kindred.figures.layout.text import span


def draw(tables: Tables, options: Options, style: Style) -> Captioned:
    """A panel for each pair of models and kinds of images, natural where `options["natural"]`, else others."""
    natural = options["natural"]
    table = reading.require(tables, "panels", "panel model_a seen_a model_b seen_b place_a place_b measure value n")
    rows = reading.choose(table, "measure", options["measure"], "panels.csv")
    rows = rows[((rows["seen_a"] == "natural") & (rows["seen_b"] == "natural")) == natural]
    titles = layer_matrices.titles(tables["models"], [*rows["model_a"], *rows["model_b"]])
    panels = []
    for (_, a, seen_a, b, seen_b), part in rows.groupby(["panel", "model_a", "seen_a", "model_b", "seen_b"]):
        on_a, on_b = images(seen_a, a), images(seen_b, b)
        row, column = (f"layer of {one}" + ("" if natural else f", {on}") for one, on in ((a, on_a), (b, on_b)))
        title, label = layer_matrices.pair(titles[a], titles[b]), "" if natural else f"{a} ({on_a}) with {b} ({on_b})"
        same = a == b and seen_a == seen_b
        panels.append(
            Layers(part.pivot(index="place_a", columns="place_b", values="value"), title, row, column, same, label)
        )
    shown = ", each on natural images" if natural else ", each on the images named at its axis"
    own = "" if natural else " Images of an 'own' attack were made on that very model."
    text = layer_matrices.described(options["measure"], span(table["n"]), shown)
    order = "Layers are numbered from the input upward and to the right."
    text = f"{text} {order}{own}{layer_matrices.means(panels)}"
    return layer_matrices.draw(panels, options["measure"], style), text
