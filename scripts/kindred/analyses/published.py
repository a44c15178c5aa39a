"""Published values of Jones et al. 2022, cell by cell beside a study's own.

Our value of a cell is the mean over all models of the study that match it: an architecture under the paper's
name (`architectures` maps the study's names to those) and a radius in L2. Cells of a model with itself, which
are 1 by construction, are left out.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from kindred.analyses.correlations import pearson
from kindred.workflow.errors import BadInput

COLUMNS = "figure images inverter inverter_eps tested tested_eps quantity ours published pairs".split()  # noqa: SIM905
SUMMARY = "figure quantity cells mean_absolute_difference spearman".split()  # noqa: SIM905
STITCHED = ("both_right", "both_wrong_same", "body_wrong_head_right", "body_right_head_wrong", "both_wrong_differ")
NEEDED = {
    "fig1": ("inverter_eps", "tested_eps", "cka"),
    "fig3_fig4": ("eps", "images", "inverter", "tested", "cka"),
    "fig5_fig7_fig8": ("eps", "saliency_cosine_mean", *(f"stitch_{case}" for case in STITCHED)),
    "fig6": ("inverter", "inverter_eps", "tested", "tested_eps", "cka"),
}

Find = Callable[[str, str], float]


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


def side_by_side(
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
    """Every published cell that the study has as well, with both values; empty where there is none.

    published: tables by the keys of NEEDED; cka, gradients, stitching: the study's tables (the last two if
    made). `pairs` is the number of pairs of models in our cell. In means over architectures, pairs of one architecture
    at one radius do not count, as in the paper. Raises BadInput for a missing column.
    """
    for name, columns in NEEDED.items():
        if missing := [column for column in columns if column not in published[name].columns]:
            raise BadInput(f"the published table {name} lacks the column '{missing[0]}'.")
    rows = cka[cka["measure"] == measure]
    inverted = _finder(rows[rows["stimuli"] == inversion], "model_a", "model_b", "value")
    natural = _finder(rows[rows["stimuli"] == "natural"], "model_a", "model_b", "value", either=True)
    find = {"natural": natural, "inverted": inverted}
    wanted: list[tuple] = []  # a row's columns up to `quantity`, the function to our values, the published value
    for row in published["fig1"].itertuples():
        wanted.append(("1", "inverted", "", row.inverter_eps, "", row.tested_eps, "cka", inverted, row.cka))
    for row in published["fig3_fig4"].itertuples():
        sides = (row.images, row.inverter, row.eps, row.tested, row.eps)
        wanted.append(("3" if _near(row.eps, 0) else "4", *sides, "cka", find[str(row.images)], row.cka))
    for row in published["fig6"].itertuples():
        sides = ("inverted", row.inverter, row.inverter_eps, row.tested, row.tested_eps)
        wanted.append(("6", *sides, "cka", inverted, row.cka))
    means: list[tuple[str, str, str, Find]] = []  # by radius: figure, column, quantity, the function to our values
    if gradients is not None:
        cosine = _finder(gradients[gradients["loss"] == loss], "model_a", "model_b", "value", either=True)
        means.append(("5", "saliency_cosine_mean", f"cosine ({loss})", cosine))
    if stitching is not None:
        for case in STITCHED:
            agreed = _finder(stitching[stitching["case"] == case], "body", "head", "value")
            means.append(("7" if case in STITCHED[:2] else "8", f"stitch_{case}", case, agreed))
    by_eps = published["fig5_fig7_fig8"]
    for figure, column, quantity, own in means:
        for eps, value in zip(by_eps["eps"], by_eps[column], strict=True):
            wanted.append((figure, "natural", "", eps, "", eps, quantity, own, value))
    ours, found = counterparts(models, architectures), []
    for *about, own, value in wanted:
        pairs = product(_at(ours, about[3], about[2]), _at(ours, about[5], about[4]))
        values = [own(a.model, b.model) for a, b in pairs if (a.architecture, a.eps) != (b.architecture, b.eps)]
        values = [one for one in values if not np.isnan(one)]
        if values and not np.isnan(value):
            found.append((*about, float(np.mean(values)), float(value), len(values)))
    return pd.DataFrame(found, columns=COLUMNS)


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Number of cells, mean |ours - published| and rank correlation, by figure and quantity and in all.

    Spearman's correlation is undefined (empty) for fewer than three cells or where one side does not vary.
    """
    parts = [(str(figure), str(quantity), part) for (figure, quantity), part in table.groupby(["figure", "quantity"])]
    parts.append(("all", "cka", table[table["quantity"] == "cka"]))
    rows = []
    for figure, quantity, part in parts:
        gap = (part["ours"] - part["published"]).abs()
        rows.append((figure, quantity, len(part), gap.mean(), spearman(part["ours"], part["published"])))
    return pd.DataFrame(rows, columns=SUMMARY)


def spearman(x: Sequence[float] | pd.Series, y: Sequence[float] | pd.Series) -> float:
    """Spearman's rank correlation, ties sharing their mean rank; NaN for fewer than three or no variance."""
    return pearson(rankdata(x), rankdata(y)) if len(x) >= 3 else float("nan")


def _at(ours: list[Counterpart], eps: object, name: str) -> list[Counterpart]:
    return [one for one in ours if _near(one.eps, eps) and name in ("", one.architecture)]


def _near(a: object, b: object) -> bool:
    return abs(float(a) - float(b)) < 1e-9  # type: ignore[arg-type]


def _finder(table: pd.DataFrame, first: str, second: str, value: str, either: bool = False) -> Find:
    """A function to the value of a pair, in either order for tables of unordered pairs; NaN if missing."""
    values = dict(zip(zip(table[first], table[second], strict=True), table[value].astype(float), strict=True))
    if either:
        values |= {(b, a): found for (a, b), found in values.items()}
    return lambda a, b: values.get((a, b), float("nan"))
