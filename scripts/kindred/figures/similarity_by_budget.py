"""Inverter budget x tested budget: mean similarity on inverted images (Jones et al. 2022, Fig. 1).

Two conventions stand side by side, because the choice changes the numbers: the mean over all pairs of different models,
which between unequal budgets includes pairs of one architecture, and the mean over pairs of different architectures
only. The published figure mixes the two (papers.md 1.4), which shows as a dip on its diagonal.
"""

import numpy as np
import pandas as pd

from kindred.figures.layout import heatmap, matrix, similarities
from kindred.figures.layout.budgets import in_order
from kindred.figures.layout.style import Captioned, Options, Style, Tables
from kindred.figures.layout.text import plural, span

MANY = 5  # budgets; cells of more are smaller
CELL, SMALL = 0.62, 0.42  # inches
CONVENTIONS = {
    "All pairs of different models": "all pairs, also of one architecture",
    "Different architectures only": "pairs of different architectures only",
}


def draw(tables: Tables, options: Options, style: Style) -> Captioned:
    """A heatmap per convention; rows are inverter budgets from below (as published), columns tested ones."""
    content = similarities.select(tables, options, natural=False)
    (inverted,), levels = content.values, content.levels
    every = content.pairs(inverted).dropna(subset="value")
    kept = zip(CONVENTIONS, (~every["same"], every["family_a"] != every["family_b"]), strict=True)
    conventions = {title: every[some] for title, some in kept if some.any()}
    means = {title: similarities.means(pairs, "level", levels) for title, pairs in conventions.items()}
    side = matrix.of_models(levels, in_order(content.budgets), named=False)
    scale = matrix.similarity(options["measure"], list(means.values()), "{:.2f}".format)
    text = (
        f"Mean similarity ({similarities.described(options)}, n = {inverted.n}) on images inverted through "
        f"a model trained at the row's budget (inversion {options['inversion']}), the tested model being one "
        "trained at the column's budget. Each cell is a mean over ordered pairs of different models."
    )
    doubted = content.doubted(inverted, options["unconverged"], [one.label for one in content.budgets], levels)
    panels, empty = [], False
    for place, (title, pairs) in zip(("Left: ", "Right: "), conventions.items(), strict=False):
        count = pd.crosstab(pairs["level_a"], pairs["level_b"]).reindex(index=levels, columns=levels, fill_value=0)
        notes = count.map(plural, noun="pair").to_numpy(dtype=np.str_)
        names = title, "inverted through", "tested model"
        panels.append(matrix.Panel(means[title], side, side, scale, *names, notes=notes, doubted=doubted))
        where = place if len(conventions) > 1 else "Averaged are "
        text += f" {where}{CONVENTIONS[title]}, {span(count.to_numpy().ravel())} of them a cell."
        empty |= (count == 0).any(axis=None)
    if holes := int((~np.isfinite(inverted.matrix)).sum()):
        text += f" Undefined values ({holes}) are left out."
    text += " Hatched cells have no pairs." if empty else ""
    text += similarities.unconverged(inverted.rows, options["unconverged"] if doubted else None)
    wide = (CELL if len(levels) <= MANY else SMALL) * len(levels)
    bodies = [(wide, wide)] * len(panels)
    return heatmap.draw(panels, style, bodies=bodies, origin="lower", undefined="no pairs").page.figure, text
