"""Model x model similarity on natural and on inverted images (Jones et al. 2022, Figs 3 and 4).

Rows are inverters, columns tested models: a cell of the right panel compares the features of both on the images
inverted through the row's model, so that matrix is not symmetric and its diagonal is 1 by construction.
"""

import pandas as pd

from kindred.figures.layout import heatmap, matrix, similarities
from kindred.figures.layout.reading import defined
from kindred.figures.layout.similarities import Content
from kindred.figures.layout.style import Captioned, Options, Style, Tables
from kindred.figures.layout.text import clause, half_widths, hatched, plural, signed

MOST_LEVELS = 4  # means within budgets are told of so many


def draw(tables: Tables, options: Options, style: Style) -> Captioned:
    """Natural and inverted images side by side on one scale; without an inversion natural ones alone."""
    content = similarities.select(tables, options, grouped=True)
    side = matrix.of_models(content.names, content.budgets)
    scale = matrix.similarity(options["measure"], [one.matrix for one in content.values])
    names = (("Natural images", "model", "model"), ("Inverted images", "inverted through", "tested model"))
    panels = [
        matrix.Panel(
            one.matrix,
            side,
            side,
            scale,
            *named,
            doubted=content.doubted(one, options["unconverged"], *[content.names] * 2),
        )
        for one, named in zip(content.values, names, strict=False)
    ]
    natural, *inverted = content.values
    grouped = ", grouped by training budget" if len(content.levels) > 1 else ""
    text = f"Similarity ({similarities.described(options)}) of {plural(len(content.names), 'model')}{grouped}. "
    if not inverted:
        text += f"All models are given the same natural images, n = {natural.n}; the matrix is symmetric."
    else:
        text += (
            "Both panels share one colour scale. Left: all models are given the same natural images, n = "
            f"{natural.n}; symmetric. Right: both models of a cell are given the images inverted through "
            f"the row's model (inversion {options['inversion']}, n = {inverted[0].n}); rows are inverters, "
            "columns tested models, so the matrix is not symmetric, and its diagonal is 1 by construction."
        )
    undefined = "are undefined: the features of a model do not vary over the images"
    rows = pd.concat([one.rows for one in content.values])
    text += signed(_means(content) + half_widths(rows))
    levels, meanings = [], ("images paired at random", "a tested model that sees the seed alone")
    for one, meant in zip(content.values, meanings, strict=False):
        null = defined(one.rows.loc[one.rows["model_a"] != one.rows["model_b"], "null"])
        ends = dict.fromkeys(f"{end:.3f}" for end in (null.min(), null.max())) if len(null) else []
        levels += [f"{' to '.join(ends)} ({meant})"] if ends else []
    text += signed(clause("Null level", levels))
    for one, panel in zip(inverted, panels[1:], strict=True):
        text += similarities.unconverged(one.rows, options["unconverged"] if panel.doubted else None)
    text += hatched([one.matrix for one in content.values], undefined)
    return heatmap.draw(panels, style).page.figure, text


def _means(content: Content) -> str:
    """Mean over pairs of different models: all of them, and within each budget where these are few."""
    pairs = [table[~table["same"]] for table in map(content.pairs, content.values)]
    if pairs[0].empty:
        return ""
    parts = [f"all pairs {similarities.arrow(table['value'] for table in pairs)}"]
    for level in content.levels if 1 < len(content.levels) <= MOST_LEVELS else ():
        here = [table.loc[(table["level_a"] == level) & (table["level_b"] == level), "value"] for table in pairs]
        if len(here[0]):
            parts.append(f"both {level} {similarities.arrow(here)}")
    direction = ", natural → inverted" if len(pairs) > 1 else ""
    return clause(f"Mean over pairs of different models{direction}", parts)
