"""Accuracy of every model on clean images and under each attack, as a table with coloured cells."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from kindred.errors import BadInput
from kindred.figures import cka, heatmap, matrix, style, tables

PREFIX = "accuracy_"
GROUPINGS = ("architecture", "budget")


def attacks_of(models: pd.DataFrame) -> list[str]:
    """Names of the attacks that models.csv has accuracies for, in the order of its columns."""
    return [str(column).removeprefix(PREFIX) for column in models.columns if str(column).startswith(PREFIX)]


def select(
    models: pd.DataFrame,
    *,
    attacks: Sequence[str] | None = None,
    group: str = "architecture",
    order: Sequence[str] | None = None,
) -> tuple[list[str], list[str], tables.Matrix]:
    """Models grouped, attacks, and accuracies 0..1 (model, 1 + attacks), clean first.

    group 'architecture': one architecture's models together, in it by budget; 'budget': the other way round.
    Raises BadInput for what the table lacks and for accuracies outside 0..1.
    """
    tables.require(
        models, ["model", "architecture", "training", "norm", "eps", "clean_accuracy"], "models.csv"
    )
    if group not in GROUPINGS:
        raise BadInput(f"The grouping is {group!r}; it must be one of {', '.join(GROUPINGS)}.")
    known = attacks_of(models)
    chosen = known if attacks is None else list(attacks)
    for attack in chosen:
        if attack not in known:
            raise BadInput(
                f"models.csv has no accuracy under {attack!r}; it has {', '.join(known) or 'clean accuracy only'}."
            )
    names = tables.order(models, order)
    budget = tables.budgets(models)
    names = tables.by_budget(names, budget)
    if group == "architecture":
        family = families(models)
        first = {
            name: place
            for place, name in enumerate(dict.fromkeys(family[n] for n in tables.order(models, order)))
        }
        names = sorted(names, key=lambda name: first[family[name]])
    rows = models.set_index(models["model"].astype(str)).loc[names]
    columns = ["clean_accuracy", *(PREFIX + attack for attack in chosen)]
    values = rows[columns].apply(pd.to_numeric, errors="coerce").to_numpy(dtype=np.float64)
    if ((values < 0) | (values > 1)).any():
        row, column = np.argwhere((values < 0) | (values > 1))[0]
        raise BadInput(
            f"models.csv gives {names[row]} the {columns[column]} {values[row, column]:g}; it must be between 0 and 1."
        )
    return names, chosen, values


def families(models: pd.DataFrame) -> dict[str, str]:
    """The architecture of each model."""
    return dict(zip(models["model"].astype(str), models["architecture"].astype(str), strict=True))


def draw(
    models: pd.DataFrame,
    *,
    attacks: Sequence[str] | None = None,
    group: str = "architecture",
    order: Sequence[str] | None = None,
    annotate: bool | str = True,
    dpi: int = style.DPI,
    font_size: float = style.FONT_SIZE,
) -> Figure:
    """A row per model, a column for clean images and one per attack, in per cent on one scale from 0 to 100.

    models: models.csv; attacks: the columns to draw (default: all it has); the strip tells the training budget.
    """
    names, chosen, values = select(models, attacks=attacks, group=group, order=order)
    budget = tables.budgets(models)
    own = [budget[name] for name in names]
    family = families(models)
    colours = cka.legend(own)
    groups = [family[name] if group == "architecture" else budget[name].label for name in names]
    rows = matrix.Side(tuple(names), tuple(groups), tuple(colours[one.label] for one in own))
    labels = ("clean", *chosen)
    scale = font_size / style.FONT_SIZE
    with style.context(font_size) as size:
        wide = style.widest(labels, size.tick)
        column = max(0.50 * scale, min(wide + 0.14, 1.1 * scale))
        row = float(np.clip(3.6 / len(names), 0.140, 0.21)) * scale
        gutter = style.widest(groups, size.note) + 0.10
        # Groups named at the left need no key to their colours.
        key = colours if group == "architecture" and len(colours) > 1 else {}
        legend = 0.30 + style.widest(key, size.note) if key else 0.0
        panel = matrix.Panel(
            values,
            rows,
            matrix.Side(labels),
            "Accuracy, %",
            "",
            "",
            style.ACCURACY,
            Normalize(0, 1),
            percent,
            gutter=gutter,
        )
        drawn = heatmap.draw(
            [panel],
            bar=None,
            bodies=[(column * len(labels), row * len(names))],
            annotate=annotate,
            column_angle=0.0 if wide + 0.08 <= column else 90.0,
            columns_above=True,
            beside=legend,
            undefined="not measured",
            dpi=dpi,
            font_size=font_size,
        )
        axes, page = drawn.axes[0], drawn.figure.get_size_inches()
        box = axes.get_position()
        for name, start, end in rows.runs():
            drawn.figure.text(
                box.x0 - (drawn.lefts[0] - 0.02) / page[0],
                box.y1 - (start + end) / 2 * box.height / len(names),
                name,
                fontsize=size.note,
                color=style.QUIET,
                va="center_baseline",
                gid="group",
                parse_math=False,
            )
        top = box.y1 * page[1] - len(key) * 1.45 * size.note / 72
        heatmap.legend(drawn.figure, key, box.x1 * page[0] + 0.15, top, size.note)
    return drawn.figure


def percent(value: float) -> str:
    """An accuracy in a cell: 93.4."""
    return f"{100 * value:.1f}"


def caption(
    models: pd.DataFrame,
    *,
    attacks: Sequence[str] | None = None,
    group: str = "architecture",
    order: Sequence[str] | None = None,
) -> str:
    """What the figure shows: the models, the columns, and what is missing."""
    names, chosen, values = select(models, attacks=attacks, group=group, order=order)
    under = f" and under the attack{'s' * (len(chosen) > 1)} {tables.listed(chosen)}" if chosen else ""
    by = {"architecture": "architecture, then training budget", "budget": "training budget"}[group]
    said = [
        f"Accuracy in per cent of {len(names)} models on clean images{under}, on one colour scale from 0 to 100; "
        f"grouped by {by}. Strips tell the training budget."
    ]
    if chosen:
        said.append("Each attack is made on the model it is shown to (white box).")
    holes = int((~np.isfinite(values)).sum())
    if holes:
        said.append(f"Hatched cells ({holes}) were not measured.")
    return " ".join(said)
