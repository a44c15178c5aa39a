"""Layers against layers as matrices on one scale (Cianfarani et al. 2022, Fig. 2).

Both axes run from the input upward and to the right: the origin is the lower left corner.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from pandas.api.types import is_numeric_dtype

from kindred.figures.layout import heatmap, matrix
from kindred.figures.layout.budgets import of_models
from kindred.figures.layout.reading import defined, off_diagonal
from kindred.figures.layout.style import TITLE, Style
from kindred.figures.layout.text import clause, hatched, shortened
from kindred.similarity.catalogue import measure

SIDE, SMALL = 2.3, 1.45  # inches: a panel, and one of a row of more than four
MANY = 4
NAMED = 16  # as many layers are named on the axes; of more, a handful are numbered


@dataclass(frozen=True)
class Layers:
    """Similarity of layers, indexed by their names or places; the title of the panel, and the names of its axes.

    `same`: whether both sides are one model on one kind of images, so that the diagonal is 1 by construction;
    `label` is what the caption calls the panel, if not by its title.
    """

    table: pd.DataFrame
    title: str
    row_name: str
    column_name: str
    same: bool
    label: str = ""

    @property
    def values(self) -> matrix.Matrix:
        return self.table.to_numpy(dtype=np.float64)

    @property
    def mean(self) -> float:
        """Mean of the defined cells, without a diagonal that is 1 by construction; NaN for none."""
        kept = off_diagonal(self.values) if self.same else defined(self.values)
        return float(kept.mean()) if len(kept) else float("nan")


def draw(panels: Sequence[Layers], measure: str, style: Style) -> Figure:
    """Matrices of one size side by side, whatever the numbers of layers, on the scale of the measure."""
    scale = matrix.similarity(measure, [panel.values for panel in panels])
    side = SIDE if len(panels) <= MANY else SMALL
    drawn = [
        matrix.Panel(
            panel.values,
            _side(panel.table.index),
            _side(panel.table.columns),
            scale,
            shortened(panel.title, side + 0.35, TITLE),  # no wider than its panel
            panel.row_name,
            panel.column_name,
        )
        for panel in panels
    ]
    return heatmap.draw(drawn, style, bodies=[(side, side)] * len(panels), origin="lower").page.figure


def _side(layers: pd.Index) -> matrix.Side:
    """The names of few layers; of many, numbers from 1 (nearest the input), a handful of them."""
    if len(layers) <= NAMED and not is_numeric_dtype(layers):
        return matrix.Side(tuple(layers))
    steps = MaxNLocator(nbins=6, integer=True, steps=[1, 2, 5, 10]).tick_values(0, len(layers))
    numbers = [1, *(int(step) for step in steps if 1 < step <= len(layers))]
    return matrix.Side(tuple(map(str, numbers)), at=tuple(number - 1 for number in numbers))


def titles(models: Any, wanted: Sequence[str]) -> dict[str, str]:
    """Names of models in titles: their training budgets where these tell them apart, else their own."""
    budget = of_models(models[models["model"].isin(wanted)])
    labels = {name: budget[name].label for name in wanted}
    return labels if len(set(labels.values())) == len(labels) else {name: name for name in wanted}


def pair(a: str, b: str) -> str:
    """Two sides of a panel or a line in one text: 'a × b', or 'a' where both are the same."""
    return a if a == b else f"{a} × {b}"


def images(seen: str, model: str) -> str:
    """Kinds of images in words: 'natural', 'own pgd' (made on that very model) or 'pgd of vgg'."""
    attack, found, owner = seen.partition("@")
    if not found:
        return seen
    return f"own {attack}" if owner == model else f"{attack} of {owner}"


def described(name: str, n: str, shown: str) -> str:
    """A sentence on matrices of pairs of models: the measure, the number of images, and the images that are shown."""
    return (
        f"Similarity ({measure(name).label}, n = {n}) of every layer of one model (rows) with every layer of "
        f"another or of the same (columns){shown}, on one colour scale."
    )


def means(panels: Sequence[Layers]) -> str:
    """A sentence with the mean of each panel, as far as it is defined, and one on hatched cells, if any."""
    texts = [f"{panel.label or panel.title} {panel.mean:.3f}" for panel in panels if np.isfinite(panel.mean)]
    undefined = "are undefined: the output of a layer does not vary over the images"
    text = clause("Mean of the cells, without a diagonal that is 1 by construction", texts)
    return text + hatched([panel.values for panel in panels], undefined)
