"""Variance along the first principal component of each layer (Nguyen et al. 2021 on what makes blocks)."""

from kindred.figures.layout import lines, reading
from kindred.figures.layout.layer_matrices import images
from kindred.figures.layout.style import Captioned, Options, Style, Tables
from kindred.figures.layout.text import clause, span


def draw(tables: Tables, options: Options, style: Style) -> Captioned:
    """The share of variance along the first principal component by layer, on natural and other images."""
    table = reading.require(tables, "principal", "model seen depth value")
    panels: dict[str, list[lines.Line]] = {}
    groups = sorted(table.groupby(["model", "seen"], sort=False), key=lambda group: group[0][1] != "natural")
    for place, ((model, seen), part) in enumerate(groups):
        natural = seen == "natural"
        label = model if natural else f"{model}, {images(seen, model)}"
        line = lines.Line(label, part["depth"], part["value"], lines.hue(place))
        panels.setdefault("Natural images" if natural else "Other images", []).append(line)
    drawn = [lines.Panel(title, some, "share of variance") for title, some in panels.items()]
    means = table[table["seen"] == "natural"].groupby("model", sort=False)["value"].mean()
    text = (
        f"Share of the variance of a layer's outputs over images (n = {span(table['n'])}) that lies along "
        "their first principal component. Where it is large, linear CKA of two layers is decided by that "
        "one direction, which makes blocks of similar layers (Nguyen et al. 2021)."
    )
    text += clause("Mean over layers, natural images", [f"{model} {mean:.3f}" for model, mean in means.items()])
    return lines.draw(drawn, style, columns=len(drawn)), text
