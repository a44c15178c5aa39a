"""Pairs of models that were trained at one budget: what Jones et al. 2022 draw against the budget in Figs 5, 7, 8."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from kindred.figures import accuracy, tables

Pair = tuple[str, str]


@dataclass(frozen=True)
class Level:
    """One budget and its pairs of different models: of different architectures, and of one (another seed)."""

    budget: tables.Budget
    apart: tuple[Pair, ...]
    alike: tuple[Pair, ...]


@dataclass(frozen=True)
class Mean:
    """Over pairs: the mean, the standard deviation between pairs, and their number."""

    mean: float
    sd: float
    pairs: int

    @property
    def error(self) -> float:
        """Standard error of the mean, as if pairs were independent; NaN for fewer than two."""
        return self.sd / self.pairs**0.5 if self.pairs > 1 else float("nan")


def levels(models: pd.DataFrame, *, ordered: bool, order: Sequence[str] | None = None) -> list[Level]:
    """The budgets in order, standard first, with ordered or unordered pairs of models trained at each."""
    names = tables.order(models, order)
    budget, family = tables.budgets(models), accuracy.families(models)
    found = []
    for one in tables.in_order([budget[name] for name in names]):
        here = [name for name in names if budget[name] == one]
        pairs = [
            (a, b) for i, a in enumerate(here) for j, b in enumerate(here) if (i != j if ordered else i < j)
        ]
        found.append(
            Level(
                one,
                tuple(pair for pair in pairs if family[pair[0]] != family[pair[1]]),
                tuple(pair for pair in pairs if family[pair[0]] == family[pair[1]]),
            )
        )
    return found


def mean(values: Sequence[float]) -> Mean:
    """Mean and spread of what is defined."""
    defined = np.asarray(values, dtype=np.float64)
    defined = defined[~np.isnan(defined)]
    if not len(defined):
        return Mean(float("nan"), float("nan"), 0)
    sd = float(defined.std(ddof=1)) if len(defined) > 1 else float("nan")
    return Mean(float(defined.mean()), sd, len(defined))
