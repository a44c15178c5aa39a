"""Architecture x architecture similarity, budget by budget (Jones et al. 2022, Figs 3 and 4)."""

from kindred.figures.layout import grid, heatmap, matrix, similarities
from kindred.figures.layout.reading import off_diagonal
from kindred.figures.layout.style import Captioned, Options, Style, Tables
from kindred.figures.layout.text import clause, signed
from kindred.workflow.errors import BadInput

LARGEST = 0.34  # inches of a cell


def draw(tables: Tables, options: Options, style: Style) -> Captioned:
    """A row per budget: architecture x architecture on natural and inverted images (rows are inverters)."""
    content = similarities.select(tables, options)
    levels = {}  # of several architectures: their names, and means on both images
    pairs = [content.by_group(one) for one in content.values]
    for level in content.levels:
        of_level = [table[(table["level_a"] == level) & (table["level_b"] == level)] for table in pairs]
        here = [name for name in dict.fromkeys(content.families) if name in set(of_level[0]["family_a"])]
        if len(here) > 1:
            levels[level] = here, [similarities.means(table, "family", here) for table in of_level]
    if not levels:
        raise BadInput("models.csv has no training budget with several architectures, but the figure needs one.")
    scale = matrix.similarity(options["measure"], [values for _, both in levels.values() for values in both])
    rows = []
    natural, inverted = content.values
    designs = list(zip(content.families, (one.label for one in content.budgets), strict=True))
    for level, (names, both) in levels.items():
        side = matrix.Side(tuple(names))
        marked = content.doubted(inverted, options["unconverged"], designs, [(name, level) for name in names])
        rows.append(
            [
                matrix.Panel(both[0], side, side, scale, "Natural images"),
                matrix.Panel(both[1], side, side, scale, "Inverted images", doubted=marked),
            ]
        )
    figure = grid.draw(
        rows,
        style,
        cell=min(heatmap.pitch(max(len(names) for names, _ in levels.values())), LARGEST),
        row_names=list(levels),
        every=True,
        axis_names=("architecture (right: inverted through)", "architecture (right: tested model)"),
    )
    text = (
        f"Similarity ({similarities.described(options)}) of architectures trained at one budget. Left: natural images "
        f"(n = {natural.n}). Right: images inverted through the row's model (inversion {options['inversion']}, n = "
        f"{inverted.n}); rows are inverters, columns tested models. {content.averaged}"
    )
    apart = {level: [off_diagonal(values) for values in both] for level, (_, both) in levels.items()}
    hatched = any(panel.doubted for _, panel in rows)
    text += similarities.unconverged(inverted.rows, options["unconverged"] if hatched else None)
    means = [f"{level} {similarities.arrow(both)}" for level, both in apart.items() if all(map(len, both))]
    return figure, text + signed(clause("Mean off the diagonal, natural → inverted", means))
