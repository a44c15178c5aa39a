"""Published values of Jones et al. 2022, cell by cell beside a study's own.

Our value of a cell is the mean over all models of the study that match it: an architecture under the paper's
name (`architectures` maps the study's names to those) and a radius in L2. Cells of a model with itself, which
are 1 by construction, are left out.

Intervals (95 %) are over models: pairs that share one are not independent, so models are left out one by one with all
their pairs, and cells that have no other pair go along (`jackknife`). There is no interval where models or pairs are
fewer than three, where nothing is left without some model, or where all pairs have one value. A cell of a single pair
has the interval of the study's own table, which is over images. As cells are given and no sample, intervals of
differences err on the wide side, by up to 1.4 times where a cell has two models a side.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from kindred.analyses import jackknife
from kindred.analyses.correlations import pearson
from kindred.workflow.errors import BadInput

ABOUT = "figure images inverter inverter_eps tested tested_eps quantity".split()  # noqa: SIM905
MATCHED = [*ABOUT, "published", "cell", "first", "second", "ours", "low", "high"]
COLUMNS = [*ABOUT, "ours", "low", "high", "published", "pairs"]
SUMMARY = "figure quantity cells mean_absolute_difference value low high models pairs spearman".split()  # noqa: SIM905
STITCHED = ("both_right", "both_wrong_same", "body_wrong_head_right", "body_right_head_wrong", "both_wrong_differ")
NEEDED = {
    "fig1": ("inverter_eps", "tested_eps", "cka"),
    "fig3_fig4": ("eps", "images", "inverter", "tested", "cka"),
    "fig5_fig7_fig8": ("eps", "saliency_cosine_mean", *(f"stitch_{case}" for case in STITCHED)),
    "fig6": ("inverter", "inverter_eps", "tested", "tested_eps", "cka"),
}

Row = tuple[str, str, float, float, float]  # two models, the value of their pair and its bounds
Find = Mapping[tuple[str, str], Row]


@dataclass(frozen=True)
class Counterpart:
    """A model of the study that the paper has as well: the paper's name of its architecture, its radius."""

    model: str
    architecture: str
    eps: float


def counterparts(models: pd.DataFrame, architectures: Mapping[str, str]) -> list[Counterpart]:
    """Models of models.csv whose architecture is in the paper and whose training is standard or in L2."""
    found = []
    for row in models.itertuples():
        eps = 0.0 if pd.isna(row.eps) else float(row.eps)  # type: ignore[arg-type]
        if row.architecture in architectures and (eps == 0 or row.norm == "l2"):
            found.append(Counterpart(str(row.model), architectures[str(row.architecture)], eps))
    return found


def matched(
    published: Mapping[str, pd.DataFrame],
    models: pd.DataFrame,
    architectures: Mapping[str, str],
    *,
    cka: pd.DataFrame,
    measure: str,
    inversion: str,
    gradients: pd.DataFrame | None = None,
    loss: str = "logit",
    stitching: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Every pair of models of the study that stands for a published cell (`cell`), cell by cell.

    published: tables by the keys of NEEDED; cka, gradients, stitching: the study's tables (the last two if
    made). What has no direction counts once for both orders. In means over architectures, pairs of one architecture at
    one radius do not count, as in the paper. Raises BadInput for a missing column.
    """
    for name, columns in NEEDED.items():
        if missing := [column for column in columns if column not in published[name].columns]:
            raise BadInput(f"the published table {name} lacks the column '{missing[0]}'.")
    rows = cka[cka["measure"] == measure]
    inverted = _finder(rows[rows["stimuli"] == inversion], "model_a", "model_b")
    natural = _finder(rows[rows["stimuli"] == "natural"], "model_a", "model_b", either=True)
    find = {"natural": natural, "inverted": inverted}
    wanted: list[tuple] = []  # a row's columns up to `quantity`, our pairs, the published value
    for row in published["fig1"].itertuples():
        wanted.append(("1", "inverted", "", row.inverter_eps, "", row.tested_eps, "cka", inverted, row.cka))
    for row in published["fig3_fig4"].itertuples():
        sides = (row.images, row.inverter, row.eps, row.tested, row.eps)
        wanted.append(("3" if _near(row.eps, 0) else "4", *sides, "cka", find[str(row.images)], row.cka))
    for row in published["fig6"].itertuples():
        sides = ("inverted", row.inverter, row.inverter_eps, row.tested, row.tested_eps)
        wanted.append(("6", *sides, "cka", inverted, row.cka))
    means: list[tuple[str, str, str, Find]] = []  # by radius: figure, column, quantity, our pairs
    if gradients is not None:
        cosine = _finder(gradients[gradients["loss"] == loss], "model_a", "model_b", either=True)
        means.append(("5", "saliency_cosine_mean", f"cosine ({loss})", cosine))
    if stitching is not None:
        for case in STITCHED:
            agreed = _finder(stitching[stitching["case"] == case], "body", "head")
            means.append(("7" if case in STITCHED[:2] else "8", f"stitch_{case}", case, agreed))
    by_eps = published["fig5_fig7_fig8"]
    for figure, column, quantity, own in means:
        for eps, value in zip(by_eps["eps"], by_eps[column], strict=True):
            wanted.append((figure, "natural", "", eps, "", eps, quantity, own, value))
    ours, found = counterparts(models, architectures), []
    for cell, (*about, own, value) in enumerate(wanted):
        pairs = product(_at(ours, about[3], about[2]), _at(ours, about[5], about[4]))
        different = [(a.model, b.model) for a, b in pairs if (a.architecture, a.eps) != (b.architecture, b.eps)]
        if not np.isnan(value):
            each = {own[pair][:2]: own[pair] for pair in different if pair in own}
            found += [(*about, float(value), cell, *row) for row in each.values()]
    return pd.DataFrame(found, columns=MATCHED)


def side_by_side(pairs: pd.DataFrame) -> pd.DataFrame:
    """Every published cell that the study has as well, with both values; empty where there is none.

    pairs: of `matched`; their number is that of the column `pairs`, as many as models stand on either side.
    """
    rows = []
    for _, part in pairs.groupby("cell", sort=False):
        mean, one = _over_models(part, part["ours"]), part.iloc[0]
        low, high = (one["low"], one["high"]) if len(part) == 1 else (mean.low, mean.high)
        rows.append((*one[ABOUT], mean.value, low, high, one["published"], len(part)))
    return pd.DataFrame(rows, columns=COLUMNS)


def summary(pairs: pd.DataFrame) -> pd.DataFrame:
    """How far ours is from the published, by figure and quantity and in all.

    pairs: of `matched`. With the number of cells, the mean of |ours - published|, that of ours - published (`value`)
    with its interval, the models and pairs it rests on, (a, b) and (b, a) being one, and Spearman's correlation, which
    is undefined (empty) for fewer than three cells or where one side does not vary.
    """
    parts = [(str(figure), str(quantity), part) for (figure, quantity), part in pairs.groupby(["figure", "quantity"])]
    parts.append(("all", "cka", pairs[pairs["quantity"] == "cka"]))
    rows = []
    for figure, quantity, part in parts:
        cells, mean = side_by_side(part), _over_models(part, part["ours"] - part["published"])
        gap, rank = (cells["ours"] - cells["published"]).abs().mean(), spearman(cells["ours"], cells["published"])
        rows.append((figure, quantity, len(cells), gap, mean.value, mean.low, mean.high, mean.models, mean.pairs, rank))
    return pd.DataFrame(rows, columns=SUMMARY)


def _over_models(pairs: pd.DataFrame, values: pd.Series) -> jackknife.Estimate:
    """The mean over cells of the means over their pairs, with its interval; pairs of a cell follow each other."""
    if pairs.empty:
        return jackknife.Estimate(np.nan, np.nan, np.nan, models=0, units=0, pairs=0, needed=0)
    names, place = np.unique(pairs[["first", "second"]].to_numpy(dtype=str), return_inverse=True)
    sides, count = np.sort(place.reshape(-1, 2), axis=1), len(names)
    # Nothing left out in the first row, then each model in turn.
    kept = np.vstack([np.ones(len(pairs)), (sides != np.arange(count)[:, None, None]).all(axis=2)])
    starts = np.flatnonzero(np.diff(pairs["cell"], prepend=-1))
    number, total = (np.add.reduceat(one, starts, axis=1) for one in (kept, kept * values.to_numpy(dtype=np.float64)))
    means, left = np.divide(total, number, out=np.zeros_like(total), where=number > 0), (number > 0).sum(axis=1)
    value, *without = np.divide(means.sum(axis=1), left, out=np.full(count + 1, np.nan), where=left > 0)
    different, needed = len(np.unique(sides, axis=0)), int(np.isnan(without).sum())
    known = min(count, different) >= jackknife.FEWEST and np.ptp(pairs["ours"]) > 0
    low, high = jackknife.bounds(float(value), np.array(without)) if known else (np.nan, np.nan)
    return jackknife.Estimate(float(value), low, high, models=count, units=count, pairs=different, needed=needed)


def spearman(x: Sequence[float] | pd.Series, y: Sequence[float] | pd.Series) -> float:
    """Spearman's rank correlation, ties sharing their mean rank; NaN for fewer than three or no variance."""
    return pearson(rankdata(x), rankdata(y)) if len(x) >= 3 else float("nan")


def _at(ours: list[Counterpart], eps: object, name: str) -> list[Counterpart]:
    return [one for one in ours if _near(one.eps, eps) and name in ("", one.architecture)]


def _near(a: object, b: object) -> bool:
    return abs(float(a) - float(b)) < 1e-9  # type: ignore[arg-type]


def _finder(table: pd.DataFrame, first: str, second: str, either: bool = False) -> Find:
    """The defined rows of a table by their two models, by either order where pairs have none."""
    table = table.dropna(subset="value")[[first, second, "value", "low", "high"]]
    found = {(row[0], row[1]): row for row in table.itertuples(index=False, name=None)}
    return {(b, a): row for (a, b), row in found.items()} | found if either else found
