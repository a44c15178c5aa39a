"""Outputs of layers on natural images against those on adversarial versions (Cianfarani et al. 2022)."""

from kindred.figures.layout import lines, reading
from kindred.figures.layout.budgets import Budget, written
from kindred.figures.layout.colours import budget_colours
from kindred.figures.layout.style import Captioned, Options, Style, Tables
from kindred.figures.layout.text import span


def draw(tables: Tables, options: Options, style: Style) -> Captioned:
    """A panel for each model, a line for each attack, darker for larger budgets."""
    table = reading.require(tables, "benign", "model attack norm eps depth value")
    # Attacks by norm and radius, labelled by these where they tell them apart, else by name.
    known = list(
        table[["attack", "norm", "eps"]].drop_duplicates().sort_values(["norm", "eps"]).itertuples(index=False)
    )
    balls = [written(norm, eps) for _, norm, eps in known]
    labels = balls if len(set(balls)) == len(balls) else [name for name, _, _ in known]
    attacks = {name: Budget(label, name, norm, eps) for label, (name, norm, eps) in zip(labels, known, strict=True)}
    colours = budget_colours(attacks.values())
    accuracy = tables["accuracy"].set_index(["model", "attack"])["accuracy"].to_dict()
    panels, models = [], []
    for model, rows in table.groupby("model", sort=False):
        own, told = [], []
        for name, about in attacks.items():
            part = rows[rows["attack"] == name]
            own.append(lines.Line(about.label, part["depth"], part["value"], {"color": colours[about.label]}))
            right = f" ({accuracy[model, name]:.2f})" if (model, name) in accuracy else ""
            if part["value"].notna().any():
                told.append(f"{about.label} {part['value'].mean():.2f}{right}")
        panels.append(lines.Panel(str(model), own, "CKA, natural × attacked"))
        models.append(f"{model} {', '.join(told)}")
    text = (
        f"Similarity ({reading.measure_of(table)}, n = {span(table['n'])}) of the outputs of each layer on "
        "natural images with its outputs on adversarial versions of the same images, made on the model "
        f"itself. Mean over layers, and in brackets the accuracy under that attack: {'; '.join(models)}."
    )
    return lines.draw(panels, style, columns=4), text
