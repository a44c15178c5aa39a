"""Quality of an attack on every model: signs that gradients are hidden."""

import numpy as np

from kindred.figures.layout import heatmap, matrix, reading
from kindred.figures.layout.style import NOTE, Captioned, Look, Options, Style, Tables
from kindred.figures.layout.text import plural, span, widest

COLUMNS = {
    "clean": "clean accuracy",
    "single": "one step",
    "half": "half eps",
    "many": "attack",
    "double": "double eps",
}
WARNING = "#8a2946"


def draw(tables: Tables, options: Options, style: Style) -> Captioned:
    """A row per model: accuracy on clean images, and shares of images fooled; warnings stand at the right."""
    quality = reading.require(tables, "quality", f"model n warning {' '.join(COLUMNS)}")
    warnings = list(quality["warning"].astype(object).fillna(""))
    drawn = heatmap.table(
        quality[list(COLUMNS)].to_numpy(dtype=np.float64),
        matrix.Side(tuple(quality["model"])),
        list(COLUMNS.values()),
        "Images, %",
        style,
        beside=widest(warnings, NOTE) + 0.15 if any(warnings) else 0.0,
        undefined="no image is right",
    )
    look: Look = {"fontsize": style.points(NOTE), "color": WARNING, "va": "center_baseline", "gid": "warning"}
    for place, text in enumerate(warnings):
        drawn.axes[0].text(len(COLUMNS) - 0.4, place, text, **look)
    attack, warned = str(quality["attack"].iloc[0]), int(quality["warning"].notna().sum())
    known = quality[quality["clean"] > 0]
    images = f" ({span((known['n'] / known['clean']).round())} evaluation images)" if len(known) else ""
    count = f"{warned} of {plural(len(quality), 'model')}" if warned else "No model"
    text = (
        f"Clean accuracy{images}, and the share of the images that a model gets right (n = {span(quality['n'])}) on "
        f"which {attack}, made on the model itself (white box), succeeds: with one step of length eps, and in full at "
        "half, at its own and at twice its radius. Where gradients are hidden, one step beats many, or a larger "
        f"radius fools no more images. {count} {'show' if warned > 1 else 'shows'} a sign of it."
    )
    return drawn.page.figure, text
