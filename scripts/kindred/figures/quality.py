"""How good an attack is on every model, and where gradients seem to hide."""

import numpy as np
import pandas as pd
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from kindred.figures import accuracy, heatmap, matrix, style, tables

COLUMNS = {
    "clean": "clean accuracy",
    "single": "one step",
    "half": "half eps",
    "many": "attack",
    "double": "double eps",
}


def draw(quality: pd.DataFrame, *, dpi: int = style.DPI, font_size: float = style.FONT_SIZE) -> Figure:
    """A row a model: accuracy on clean images, and shares of images fooled; warnings are written at the right."""
    tables.require(quality, ["model", *COLUMNS, "warning"], "quality.csv")
    values = quality[list(COLUMNS)].to_numpy(dtype=np.float64)
    said = ["" if pd.isna(text) else str(text) for text in quality["warning"]]
    scale = font_size / style.FONT_SIZE
    names = tuple(str(name) for name in quality["model"])
    with style.context(font_size) as size:
        row = float(np.clip(3.6 / len(names), 0.14, 0.21)) * scale
        panel = matrix.Panel(
            values,
            matrix.Side(names),
            matrix.Side(tuple(COLUMNS.values())),
            "Images, %",
            "",
            "",
            style.ACCURACY,
            Normalize(0, 1),
            accuracy.percent,
        )
        drawn = heatmap.draw(
            [panel],
            bar=None,
            bodies=[(0.5 * scale * len(COLUMNS), row * len(names))],
            annotate=True,
            columns_above=True,
            beside=style.widest(said, size.note) + 0.15 if any(said) else 0.0,
            undefined="no image is right",
            dpi=dpi,
            font_size=font_size,
        )
        for place, text in enumerate(said):
            drawn.axes[0].text(
                len(COLUMNS) - 0.4,
                place,
                text,
                fontsize=size.note,
                color="#8a2946",
                va="center_baseline",
                gid="warning",
            )
    return drawn.figure


def caption(quality: pd.DataFrame) -> str:
    """What the figure shows, and how many models are warned of."""
    attack, warned = str(quality["attack"].iloc[0]), int(quality["warning"].notna().sum())
    hidden = f"{warned} of {len(quality)} models" if warned else "None of the models"
    return (
        "Accuracy on clean images, and share of the images that a model gets right "
        f"({tables.counted(quality['n'])}) which {attack} made on it fools (white box): with one step of length eps, "
        "and in full at half, at its own and at twice its radius. Where gradients hide, one step beats many, or a "
        f"larger radius fools no more images. {hidden} shows a sign of it."
    )
