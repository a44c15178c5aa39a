"""Layers over training against themselves at the end and at the epoch before (Cianfarani et al. 2022)."""

import numpy as np

from kindred.figures.layout import lines, reading
from kindred.figures.layout.style import Captioned, Options, Style, Tables
from kindred.figures.layout.text import clause, span

SHORT = {"natural": "held out", "training": "training"}


def draw(tables: Tables, options: Options, style: Style) -> Captioned:
    """Above, each layer against itself at the end of training; below, against the epoch kept before.

    A column for each model and kind of images, a line for each epoch, light to dark.
    """
    table = reading.require(tables, "epochs", "model images epoch depth to value")
    groups = list(table.groupby(["model", "images"], sort=False))
    epochs = sorted(table["epoch"].unique())
    looks = {epoch: lines.shade(place, len(epochs)) for place, epoch in enumerate(epochs)}
    panels = []
    for to, up in (("last", "CKA with the last epoch"), ("previous", "CKA with the epoch before")):
        for (model, seen), rows in groups:
            # The last epoch with itself is 1.
            kept = rows[(rows["to"] == to) & ((to != "last") | (rows["epoch"] < rows["epoch"].max()))]
            own = [
                lines.Line(f"epoch {epoch}", part["depth"], part["value"], looks[epoch])
                for epoch, part in kept.groupby("epoch")
            ]
            panels.append(lines.Panel(f"{model}, {SHORT[seen]}", own, up))
    parts = []
    for (model, seen), rows in groups:
        before = sorted(rows["epoch"].unique())[-2]
        late = rows[(rows["epoch"] == before) & (rows["to"] == "last")]
        first, second = late.groupby(late["depth"] >= 0.5)["value"].mean().reindex([False, True])
        if np.isfinite([first, second]).all():
            parts.append(f"{model} on {lines.IMAGES[seen]} (epoch {before}) {first:.3f} and {second:.3f}")
    text = (
        f"Similarity ({reading.measure_of(table)}, n = {span(table['n'])}) of each layer with itself at the "
        "end of training (above) and at the epoch kept before (below; the epochs may be unevenly far "
        "apart), lines from light to dark over training, epoch 0 being the random weights."
    )
    text += clause("With the last epoch, mean over the first and the second half of layers", parts)
    return lines.draw(panels, style, columns=len(groups)), text
