"""What claims have in common: groups of models, intervals over models, and verdicts."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from kindred.analyses.jackknife import Estimate

Tables = Mapping[str, pd.DataFrame]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
FEWEST = 3  # architectures over which a mean has an interval


@dataclass(frozen=True)
class Statistic:
    """A statistic with its 95 % interval and two-sided p against 0, and what it rests on.

    models and images: how many; images is None where pairs differ in it. caveat: what the interval leaves out.
    """

    value: float
    low: float
    high: float
    p: float
    models: int
    images: int | None
    caveat: str = ""


@dataclass(frozen=True)
class Groups:
    """The models of a study in order, and which of them are standard, and robust at the largest budget.

    Robust are the models with the largest eps of the norm that most models are trained against.
    """

    names: list[str]
    architectures: NDArray[np.object_]
    standard: Flags
    robust: Flags
    budget: str

    def both(self, rows: Flags, columns: Flags) -> Flags:
        """The pairs (m, m) of a model of one group with a model of another."""
        return rows[:, None] & columns[None, :]


def groups(models: pd.DataFrame) -> Groups | None:
    """The groups of models.csv; None unless there are at least two standard and two robust models."""
    norm = models["norm"].fillna("").astype(str).to_numpy()
    eps = models["eps"].to_numpy(dtype=np.float64)
    trained = norm[eps > 0]
    commonest = max(sorted(set(trained)), key=lambda one: (trained == one).sum()) if len(trained) else ""
    of_norm = (norm == commonest) & (eps > 0)
    largest = eps[of_norm].max() if of_norm.any() else np.inf
    standard, robust = eps == 0, of_norm & (eps == largest)
    if standard.sum() < 2 or robust.sum() < 2:
        return None
    architectures = models["architecture"].astype(str).to_numpy(dtype=object)
    return Groups(list(models["model"].astype(str)), architectures, standard, robust, f"{commonest} {largest:g}")


def square(table: pd.DataFrame, first: str, second: str, value: str, names: list[str], symmetric: bool) -> Floats:
    """A column as a matrix (m, m) over names; NaN where the table has no such pair."""
    index = {name: at for at, name in enumerate(names)}
    found = np.full((len(names),) * 2, np.nan)
    for a, b, one in zip(table[first].astype(str), table[second].astype(str), table[value], strict=True):
        if a in index and b in index:
            found[index[a], index[b]] = one
            if symmetric:
                found[index[b], index[a]] = one
    return found


def over_models(estimate: Estimate, images: int | None, caveat: str = "") -> Statistic:
    """The statistic of a jackknife over models; p from Student's t at the width of its interval."""
    p = p_of(estimate.value, estimate.low, estimate.high, estimate.units)
    return Statistic(estimate.value, estimate.low, estimate.high, p, estimate.models, images, caveat)


def p_of(value: float, low: float, high: float, units: int) -> float:
    """Two-sided p against 0 of Student's t, its error from the width of a 95 % interval over so many units."""
    freedom = max(units - 1, 1)
    error = (high - low) / (2 * stats.t.ppf(0.975, freedom))
    return float(2 * stats.t.sf(abs(value) / error, freedom)) if error > 0 else float("nan")


def over_architectures(values: pd.Series, made: Groups, images: int | None, caveat: str = "") -> Statistic:
    """Mean over architectures of the difference of the robust and the standard models' means, by Student's t.

    values: one a model, by its name. Where fewer than FEWEST architectures have both, the two groups of models are
    compared instead, by Welch's t.
    """
    each = values.reindex(made.names).to_numpy(dtype=np.float64)
    robust, standard = (group & np.isfinite(each) for group in (made.robust, made.standard))
    table = pd.DataFrame({"architecture": made.architectures, "value": each})
    differences = (
        table[robust].groupby("architecture")["value"].mean() - table[standard].groupby("architecture")["value"].mean()
    ).dropna()
    models = int((robust | standard).sum())
    if len(differences) >= FEWEST:
        test = stats.ttest_1samp(differences, 0)
        shared = f"over {len(differences)} architectures"
        value = float(differences.mean())
    elif min(robust.sum(), standard.sum()) > 1:
        test = stats.ttest_ind(each[robust], each[standard], equal_var=False)
        shared = f"over models of {len(set(table[robust | standard]['architecture']))} architectures"
        value = float(each[robust].mean() - each[standard].mean())
    else:
        value = float(each[robust].mean() - each[standard].mean()) if robust.any() and standard.any() else np.nan
        return Statistic(value, np.nan, np.nan, np.nan, models, images, "too few models for an interval")
    bounds = test.confidence_interval()
    note = "; ".join(filter(None, (shared, caveat)))
    return Statistic(value, float(bounds.low), float(bounds.high), float(test.pvalue), models, images, note)


def one_value(column: pd.Series) -> int | None:
    """The number that all rows share; None where they differ."""
    values = column.dropna().unique()
    return int(values[0]) if len(values) == 1 else None


def verdict(statistic: Statistic, sign: int) -> str:
    """supported, contradicted, or undecided at this n: whether the interval excludes 0, and on which side."""
    if np.isfinite([statistic.low, statistic.high]).all():
        if min(sign * statistic.low, sign * statistic.high) > 0:
            return "supported"
        if max(sign * statistic.low, sign * statistic.high) < 0:
            return "contradicted"
    return "undecided"
