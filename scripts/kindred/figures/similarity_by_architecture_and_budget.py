"""Inverter budget x tested budget for every pair of architectures (Jones et al. 2022, Fig. 6)."""

import numpy as np

from kindred.figures.layout import grid, matrix, similarities
from kindred.figures.layout.style import Captioned, Options, Style, Tables
from kindred.figures.layout.text import listed


def draw(tables: Tables, options: Options, style: Style) -> Captioned:
    """A matrix per pair of architectures: inverter budget (from below, as published) x tested budget."""
    content = similarities.select(tables, options, natural=False)
    # Architectures with models at every budget are shown; where none has, those with the most budgets.
    families = dict.fromkeys(content.families)
    budgets = [family for family, _ in dict.fromkeys(zip(content.families, content.budgets, strict=True))]
    names = [name for name in families if budgets.count(name) == max(map(budgets.count, budgets))]
    groups = content.by_group(content.values[0]).groupby(["family_a", "family_b"])
    means = [
        [similarities.means(groups.get_group((row, tested)), "level", content.levels) for tested in names]
        for row in names
    ]
    side = matrix.Side(tuple(content.levels))
    scale = matrix.similarity(options["measure"], [values for row in means for values in row])
    (inverted,) = content.values
    designs = list(zip(content.families, (one.label for one in content.budgets), strict=True))
    rows = []
    for row, name in zip(means, names, strict=True):
        of_row = [(name, level) for level in content.levels]
        doubted = content.doubted(inverted, options["unconverged"], designs, of_row)
        rows.append(
            [
                matrix.Panel(values, side, side, scale, tested, doubted=doubted)
                for values, tested in zip(row, names, strict=True)
            ]
        )
    figure = grid.draw(
        rows,
        style,
        cell=float(np.clip(1.3 / len(content.levels), 0.13, 0.34)),
        row_names=names,
        every=False,
        axis_names=("inverted through", "tested model"),
        origin="lower",
        undefined="no pairs",
    )
    text = (
        f"Similarity ({similarities.described(options)}, n = {content.values[0].n}) on images inverted through a "
        f"model of the row's architecture and budget (inversion {options['inversion']}), the tested model "
        f"being of the column's architecture and budget. {content.averaged}"
    )
    hatched = any(row[0].doubted for row in rows)
    text += similarities.unconverged(inverted.rows, options["unconverged"] if hatched else None)
    left = [name for name in families if name not in names]
    return figure, text + (f" Left out, as they lack a budget: {listed(left)}." if left else "")
