"""Accuracy over training on training and held-out images, and beside it similarity to the end of training."""

from kindred.figures.layout import lines, reading
from kindred.figures.layout.style import Captioned, Options, Style, Tables
from kindred.figures.layout.text import span

CLEAN, ATTACKED = "#a6a6a1", "#55257c"
DASH = {"natural": lines.DASHES[0], "training": lines.DASHES[1]}
THIRDS = (("first", 0, 1 / 3), ("middle", 1 / 3, 2 / 3), ("last", 2 / 3, 1.01))


def draw(tables: Tables, options: Options, style: Style) -> Captioned:
    """For each model over epochs: accuracy (above), CKA with the last epoch by thirds of layers (below)."""
    epochs, curves = tables["epochs"], reading.require(tables, "curves", "model epoch images attack accuracy")
    above, below = [], []
    for model, rows in curves.groupby("model", sort=False):
        own = []
        for (attack, seen), part in rows.groupby(["attack", "images"], sort=False):
            look = {"color": ATTACKED if attack else CLEAN, "linestyle": DASH[seen], "marker": "o", "markersize": 2}
            label = f"accuracy, {attack or 'clean'}, {lines.IMAGES[seen]}"
            own.append(lines.Line(label, part["epoch"], part["accuracy"], look))
        above.append(lines.Panel(str(model), own, "accuracy", "epoch"))
        thirds = []
        to_last = epochs[(epochs["model"] == model) & (epochs["to"] == "last")]
        for seen, part in to_last.groupby("images", sort=False):
            for place, (name, low, high) in enumerate(THIRDS):
                some = part[(part["depth"] >= low) & (part["depth"] < high)].groupby("epoch")["value"].mean()
                look = {**lines.shade(place, 3), "linestyle": DASH[seen]}
                thirds.append(lines.Line(f"{name} third of layers, {lines.IMAGES[seen]}", some.index, some, look))
        below.append(lines.Panel("", thirds, "CKA with the last epoch", "epoch"))
    parts = []
    for (model, attack), rows in curves.groupby(["model", "attack"], sort=False):
        accuracy = rows.pivot(index="epoch", columns="images", values="accuracy")
        best, end = accuracy["natural"], accuracy.iloc[-1]
        gap = 100 * (end["training"] - end["natural"])
        parts.append(
            f"{model} {f'under {attack}' if attack else 'clean'} {gap:.1f} points (held-out accuracy "
            f"{best.max():.3f} at best, in epoch {best.idxmax()}, and {end['natural']:.3f} at the end)"
        )
    text = (
        f"Above: accuracy over training on training images and on held-out ones (n = {span(curves['n'])} each), "
        "attacks being made on the model as it is at each epoch. Below: similarity of layers to themselves at the end "
        f"({reading.measure_of(epochs)}, n = {span(epochs['n'])}), mean over each third of the layers. Overfitting "
        f"shows as a growing gap between training and held-out accuracy; the gap at the end: {'; '.join(parts)}."
    )
    return lines.draw([*above, *below], style, columns=len(above)), text
