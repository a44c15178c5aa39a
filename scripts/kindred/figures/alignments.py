"""Corresponding layers of two models of one architecture by measures of other families than CKA."""

from kindred.figures.layout import lines, reading
from kindred.figures.layout.layer_matrices import pair
from kindred.figures.layout.style import Captioned, Options, Style, Tables
from kindred.figures.layout.text import span
from kindred.similarity.catalogue import MEASURES

LABELS = {"cca": "CCA", "svcca": "SVCCA", "pwcca": "PWCCA", "procrustes": "Procrustes"}
LABELS |= {name: one.label for name, one in MEASURES.items()}


def draw(tables: Tables, options: Options, style: Style) -> Captioned:
    """A panel for each pair of models, a line for each measure."""
    table = reading.require(tables, "alignments", "model_a model_b place measure value null")
    looks = {name: lines.hue(place) for place, name in enumerate(reading.present(table, "measure"))}
    panels = []
    above = (table["value"] - table["null"]).groupby(table["measure"], sort=False).mean()
    for (a, b), rows in table.groupby(["model_a", "model_b"], sort=False):
        last = max(1, rows["place"].max())
        own = [
            lines.Line(LABELS[name], part["place"] / last, part["value"], looks[name])
            for name, part in rows.groupby("measure", sort=False)
        ]
        panels.append(lines.Panel(pair(a, b), own, "similarity"))
    n = int(table["n"].iloc[0])
    cca = table[table["measure"] == "cca"]
    full = int((cca[["rank_a", "rank_b"]].max(axis=1) >= n - 1).sum())
    means = ", ".join(f"{LABELS[name]} {value:.2f}" for name, value in above.items())
    text = (
        "Corresponding layers of two models of one architecture on the same natural images (n = "
        f"{span(table['n'])}), by several measures of similarity. A scale of the outputs of a layer changes "
        "none of them, an orthogonal map none but PWCCA, which weighs the neurons of the first model; an "
        "invertible linear map changes neither CCA nor, on the side of the second model, PWCCA; SVCCA keeps "
        "the first principal directions of each side. CCA and PWCCA are 1 by construction where the outputs "
        f"of either layer span as many directions as there are images, which holds for {full} of {len(cca)} "
        "layers here. Unrelated outputs do not give 0: less the level that images paired at random give, the "
        f"means over layers are {means}."
    )
    return lines.draw(panels, style, columns=3), text
