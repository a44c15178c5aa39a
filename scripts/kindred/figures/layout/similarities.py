"""Model x model similarity: the values of cka.csv that a figure shows, by model, architecture and budget."""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from kindred.figures.layout import architectures, reading
from kindred.figures.layout.budgets import Budget, by_budget, in_order, of_models
from kindred.figures.layout.style import Options, Tables
from kindred.figures.layout.text import share, span
from kindred.similarity.catalogue import measure


@dataclass(frozen=True)
class Values:
    """One measure on one kind of images: (model, model), and its rows of cka.csv."""

    matrix: reading.Matrix
    rows: pd.DataFrame

    @property
    def n(self) -> str:
        """Number of images, as captions write it."""
        return span(self.rows["n"])


@dataclass(frozen=True)
class Content:
    """Models with their architectures and budgets, and the values on natural and on inverted images, as asked for."""

    names: list[str]
    families: list[str]
    budgets: list[Budget]
    values: list[Values]

    @property
    def levels(self) -> list[str]:
        """Labels of the budgets in order."""
        return [one.label for one in in_order(self.budgets)]

    def pairs(self, values: Values) -> pd.DataFrame:
        """The value of every ordered pair of models, with the architectures (family) and budgets (level) of both.

        Columns of the row's model end in _a, of the column's in _b; `same`: a model with itself.
        """
        a, b = np.indices(values.matrix.shape).reshape(2, -1)
        families, levels = np.array(self.families), np.array([one.label for one in self.budgets])
        pairs = pd.DataFrame({"value": values.matrix.ravel(), "same": a == b})
        return pairs.assign(family_a=families[a], family_b=families[b], level_a=levels[a], level_b=levels[b])

    def by_group(self, values: Values) -> pd.DataFrame:
        """The pairs without models with themselves, but for the only one of an architecture at a budget."""
        pairs = self.pairs(values)
        alone = ~pairs.duplicated(["family_a", "family_b", "level_a", "level_b"], keep=False)
        return pairs[~pairs["same"] | alone]

    def doubted(
        self, values: Values, threshold: float, groups: Sequence[Hashable], rows: Sequence[Hashable]
    ) -> tuple[int, ...]:
        """Positions of the rows through whose models more than the threshold of inverted images have not converged.

        groups: that of each model; rows: the groups that stand in a figure's rows. A group's share is the mean over its
        models.
        """
        shares = values.rows.groupby("model_a")["unconverged"].first().reindex(self.names)
        mean = {row: shares[[group == row for group in groups]].mean() for row in rows}
        return tuple(place for place, row in enumerate(rows) if mean[row] > threshold)

    @property
    def averaged(self) -> str:
        """A sentence on the mean over the pairs of two groups."""
        if len(set(zip(self.families, self.budgets, strict=True))) < len(self.names):
            return (
                "Where an architecture has several models at a budget, a cell is the mean over ordered pairs of "
                "different models; the cell of a single model with itself is 1 by construction."
            )
        return "The cell of a model with itself is 1 by construction."


def select(tables: Tables, options: Options, *, natural: bool = True, grouped: bool = False) -> Content:
    """The values of `options["measure"]` on natural images, where wanted, and on inverted ones, if any.

    grouped: models of one budget together, those without a radius first. Raises BadInput for what the tables lack.
    """
    names = reading.model_names(tables)
    budget, family = of_models(tables["models"]), architectures.names(tables["models"])
    names = by_budget(names, budget) if grouped else names
    stimuli = [*(["natural"] if natural else []), *([options["inversion"]] if options["inversion"] else [])]
    table = reading.require(tables, "cka", "stimuli model_a model_b measure value low high null unconverged n")
    of = options["measure"]
    table, found = reading.choose(table, "measure", of, "cka.csv"), []
    for one in stimuli:
        rows = reading.choose(table, "stimuli", one, f"cka.csv ({of})")
        rows = rows[rows["model_a"].isin(names) & rows["model_b"].isin(names)]
        where, symmetric = f"cka.csv ({of} on {one} images)", one == "natural"
        matrix = reading.square(rows, "model_a", "model_b", "value", names, where, symmetric=symmetric)
        found.append(Values(matrix, rows))
    return Content(names, [family[name] for name in names], [budget[name] for name in names], found)


def means(pairs: pd.DataFrame, by: str, names: Sequence[str]) -> reading.Matrix:
    """Means (names, names) of pairs over groups of rows and of columns, by `family` or `level`; NaN for none."""
    found = pairs.groupby([f"{by}_a", f"{by}_b"])["value"].mean().unstack()
    return found.reindex(index=names, columns=names).to_numpy(dtype=np.float64)


def arrow(kinds: Iterable[Sequence[float] | pd.Series]) -> str:
    """The mean of some values on each kind of images: '0.846 → 0.277'."""
    found = map(reading.defined, kinds)
    return " → ".join(f"{some.mean():.3f}" if len(some) else "undefined" for some in found)


def unconverged(rows: pd.DataFrame, hatched: float | None = None) -> str:
    """A sentence on rows of cka.csv, how many inverted images have not converged; nothing without inverted images.

    hatched: the share above which rows are hatched, where one is.
    """
    shares = rows.groupby("model_a")["unconverged"].first().dropna()
    if shares.empty:
        return ""
    if not shares.any():
        return " All inverted images that are compared have converged."
    worst = f" ({share(shares.max())} of those through {shares.idxmax()}, the most)" if len(shares) > 1 else ""
    text = f" {share(shares.mean())} of the inverted images have not converged{worst}"
    if hatched is None:
        return f"{text}."
    return f"{text}; rows of which more than {share(hatched)} have not are hatched over their colour."


def described(options: Options) -> str:
    """The measure and what it compares, for a caption."""
    return f"{measure(options['measure']).label} of penultimate features"
