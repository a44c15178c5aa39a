"""Pairs of models trained at one budget, along which Jones et al. 2022 draw their Figs 5, 7 and 8."""

from collections.abc import Sequence
from itertools import combinations, permutations
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from kindred.analyses import jackknife
from kindred.figures.layout import architectures, chart, reading
from kindred.figures.layout.budgets import in_order, of_models
from kindred.figures.layout.page import Page
from kindred.figures.layout.style import TICK, Style, Tables
from kindred.figures.layout.text import listed, plural, widest
from kindred.workflow.errors import BadInput

HIGH = 2.0  # inches of a panel


def of_one_budget(tables: Tables, a: str, b: str, *, ordered: bool) -> pd.DataFrame:
    """Ordered or unordered pairs of different models of one budget, by budget.

    Columns: `a` and `b` with the models, `budget` with its label (an ordered category, each with a pair), and
    `alike`: whether both are of one architecture (another seed).
    """
    names = reading.model_names(tables)
    budget, architecture = of_models(tables["models"]), architectures.names(tables["models"])
    every = [(x, y) for x, y in (permutations if ordered else combinations)(names, 2) if budget[x] == budget[y]]
    rows = [(x, y, budget[x].label, architecture[x] == architecture[y]) for x, y in every]
    levels = [one.label for one in in_order(budget[x] for x, _ in every)]
    table = pd.DataFrame(rows, columns=[a, b, "budget", "alike"])
    table["budget"] = pd.Categorical(table["budget"], levels, ordered=True)
    return table.sort_values("budget", kind="stable")


def merged(pairs: pd.DataFrame, table: pd.DataFrame, where: str, missing: str) -> pd.DataFrame:
    """The pairs with the columns of the rows that a table has for them, in the order of the pairs.

    Raises BadInput for a pair without a row; missing: how a message calls it, such as '{} and {}'.
    """
    sides = list(pairs.columns[:2])
    found = pairs.merge(table, on=sides, how="left", indicator=True)
    for pair in sorted(found.loc[found["_merge"] == "left_only", sides].itertuples(index=False, name=None))[:1]:
        raise BadInput(f"{where} has no row for {missing.format(*pair)}.")
    return found


def means(rows: pd.DataFrame, column: str) -> pd.DataFrame:
    """By budget: mean of a column over pairs, low and high of its 95 % interval over models (`analyses.jackknife`).

    The first two columns are the models of a pair. Bounds are NaN where models are too few.
    """
    sides = list(rows.columns[:2])
    models = list(dict.fromkeys(rows[sides].to_numpy().ravel()))
    found = {}
    for budget, part in rows.groupby("budget", observed=False):
        matrix = part.pivot(index=sides[0], columns=sides[1], values=column).reindex(index=models, columns=models)
        one = jackknife.mean(matrix.to_numpy(dtype=np.float64), np.ones(matrix.shape, dtype=bool))
        found[budget] = {"mean": one.value, "low": one.low, "high": one.high}
    return pd.DataFrame.from_dict(found, orient="index", columns=["mean", "low", "high"])


def counts(pairs: pd.DataFrame) -> str:
    """Number of pairs of different architectures at each budget: '14 pairs at standard and 10 at ℓ∞ 0.05'."""
    pairs = pairs.drop_duplicates(list(pairs.columns[:2]))
    (budget, first), *others = (~pairs["alike"]).groupby(pairs["budget"], observed=False).sum().items()
    return listed([f"{plural(first, 'pair')} at {budget}", *(f"{count:,} at {budget}" for budget, count in others)])


def panels(
    style: Style, pairs: pd.DataFrame, titles: Sequence[str], up: str, *, between: float, **more: Any
) -> tuple[Page, list[Axes]]:
    """Panels with budgets along x; up: the name of the first vertical axis; more: as `chart.panels`."""
    labels = list(pairs["budget"].cat.categories)
    width = float(np.clip(0.42 * len(labels), 1.9, 3.4))
    # Labels that would touch side by side run upward.
    upright = widest(labels, TICK) + 0.06 > width / max(len(labels), 1)
    below = 0.40 + (widest(labels, TICK) if upright else 0.0)
    lefts = [chart.LEFT, *[between] * (len(titles) - 1)]
    page, drawn = chart.panels(style, [(width, HIGH)] * len(titles), left=lefts, below=below, **more)
    for axes, title in zip(drawn, titles, strict=True):
        axes.set_xticks(range(len(labels)), labels, rotation=90 if upright else 0)
        axes.set_xlim(-0.4, len(labels) - 0.6)
        axes.grid(visible=False, axis="x")
        axes.set(title=title, xlabel="training budget of both models", ylabel=up if axes is drawn[0] else "")
    return page, drawn
