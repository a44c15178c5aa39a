"""Quality of an attack on every model: signs that gradients are hidden."""

import numpy as np
import pandas as pd

from kindred.figures.layout import heatmap, matrix, reading
from kindred.figures.layout.style import NOTE, Captioned, Look, Options, Style, Tables
from kindred.figures.layout.text import plural, span, widest
from kindred.workflow.errors import BadInput

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
    quality = reading.require(tables, "quality", "attack model quantity value low high n warning")
    names = list(dict.fromkeys(quality["model"]))
    each = {quantity: _of_models(quality, quantity, names) for quantity in COLUMNS}
    warnings = list(each["many"]["warning"].astype(object).fillna(""))
    drawn = heatmap.table(
        np.stack([rows["value"].to_numpy(dtype=np.float64) for rows in each.values()], axis=1),
        matrix.Side(tuple(names)),
        list(COLUMNS.values()),
        "Images, %",
        style,
        beside=widest(warnings, NOTE) + 0.15 if any(warnings) else 0.0,
        undefined="no image is right",
    )
    look: Look = {"fontsize": style.points(NOTE), "color": WARNING, "va": "center_baseline", "gid": "warning"}
    for place, text in enumerate(warnings):
        drawn.axes[0].text(len(COLUMNS) - 0.4, place, text, **look)
    attack, warned = str(quality["attack"].iloc[0]), sum(map(bool, warnings))
    count = f"{warned} of {plural(len(names), 'model')}" if warned else "No model"
    text = (
        f"Clean accuracy ({span(each['clean']['n'])} evaluation images), and the share of the images that a model gets "
        f"right (n = {span(each['many']['n'])}) on which {attack}, made on the model itself (white box), succeeds: "
        "with one step of length eps, and in full at half, at its own and at twice its radius. "
        "Where gradients are hidden, one step beats many, or a larger radius fools no more images. "
        f"{count} {'show' if warned > 1 else 'shows'} a sign of it."
    )
    away = np.maximum(quality["high"] - quality["value"], quality["value"] - quality["low"]).max()
    text += f" Bounds of 95 % intervals over images are at most {100 * away:.1f} points away."
    return drawn.page.figure, text


def _of_models(quality: pd.DataFrame, quantity: str, names: list[str]) -> pd.DataFrame:
    """The rows of a quantity in the order of the models. Raises BadInput for a model without one."""
    rows = reading.choose(quality, "quantity", quantity, "quality.csv").set_index("model")
    if missing := [name for name in names if name not in rows.index]:
        raise BadInput(f"quality.csv has no {quantity} of the model {missing[0]!r}.")
    return rows.loc[names]
