"""Accuracy of every model on clean images and under each attack, as a table with coloured cells."""

import numpy as np
import pandas as pd

from kindred.attacks.catalogue import STRONGEST
from kindred.figures.layout import architectures, heatmap, matrix, reading
from kindred.figures.layout.budgets import by_budget, of_models
from kindred.figures.layout.colours import budget_colours
from kindred.figures.layout.style import NOTE, QUIET, Captioned, Options, Style, Tables
from kindred.figures.layout.text import hatched, listed, plural, widest
from kindred.workflow.errors import BadInput


def draw(tables: Tables, options: Options, style: Style) -> Captioned:
    """A row per model, a column for clean images and for each attack, in per cent; strips show the budget.

    Models are ordered by architecture, and in it by budget. Raises BadInput for accuracies outside 0..1.
    """
    models = tables["models"]
    budget, family = of_models(models), architectures.names(models)
    names = by_budget(reading.model_names(tables), budget)
    names.sort(key=lambda name: list(family.values()).index(family[name]))
    attacks = [column.removeprefix("accuracy_") for column in models if column.startswith("accuracy_")]
    single = [attack for attack in attacks if attack != STRONGEST]
    columns = ["clean_accuracy", *(f"accuracy_{attack}" for attack in attacks)]
    table = models.set_index("model").loc[names, columns].apply(pd.to_numeric, errors="coerce")
    wrong = table.stack()
    for (name, column), value in wrong[(wrong < 0) | (wrong > 1)][:1].items():
        raise BadInput(f"models.csv has {value:g} as {column} of {name}; it must be from 0 to 1.")
    values, colours = table.to_numpy(dtype=np.float64), budget_colours(budget.values())
    groups = tuple(family[name] for name in names)
    rows = matrix.Side(tuple(names), groups, tuple(colours[budget[name].label] for name in names))
    gutter = widest(groups, NOTE) + 0.10
    legend = 0.30 + widest(colours, NOTE) if len(colours) > 1 else 0.0
    shown = ["clean", *attacks]
    drawn = heatmap.table(values, rows, shown, "Accuracy, %", style, gutter=gutter, beside=legend)
    page, box = drawn.page, drawn.page.box_of(drawn.axes[0])
    for name, start, end in matrix.runs(groups):
        y = box.y1 - (start + end) / 2 * box.height / len(names)
        page.write(box.x0 - drawn.lefts[0] + 0.02, y, name, NOTE, "group", color=QUIET, va="center_baseline")
    if legend:
        heatmap.legend(page, colours, box.x1 + 0.15, box.y1 - len(colours) * heatmap.LEGEND_LINE)
    under = f" and under the attack{'s' if len(single) > 1 else ''} {listed(single)}" if single else ""
    text = (
        f"Accuracy in per cent of {plural(len(table), 'model')} on clean evaluation images{under}, on one colour "
        "scale from 0 to 100; models by architecture, then by training budget, which the strips show."
    )
    if attacks:
        text += (
            " Each attack is made on the model itself (white box) and may take fewer images than clean accuracy, as "
            "many as its settings say; all of them count, also those that the model gets wrong without it. A stronger "
            "attack may find more, so accuracy under attack is an upper bound."
        )
    if STRONGEST in attacks:
        text += (
            f" {STRONGEST.capitalize()}: right under every attack, whatever its norm, over the first images, which all "
            "attacks have."
        )
    return page.figure, text + hatched([values], "were not measured")
