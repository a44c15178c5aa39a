"""What Jones et al. 2022 published, cell by cell beside what a study has measured.

A cell of ours is the mean over all models of the study that stand for what the cell names: an architecture under the
paper's name (`architectures` says which of the study's it is) and a radius in L2. Cells of a model with itself, which
are 1 by construction, are left out.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd

from kindred.errors import BadInput

COLUMNS = "figure images inverter inverter_eps tested tested_eps quantity ours published pairs".split()  # noqa: SIM905
SUMMARY = "figure quantity cells mean_absolute_difference spearman".split()  # noqa: SIM905
STITCHED = (
    "both_right",
    "both_wrong_same",
    "body_wrong_head_right",
    "body_right_head_wrong",
    "both_wrong_differ",
)
NEEDED = {
    "fig1": ("inverter_eps", "tested_eps", "cka"),
    "fig3_fig4": ("eps", "images", "inverter", "tested", "cka"),
    "fig5_fig7_fig8": ("eps", "saliency_cosine_mean", *(f"stitch_{case}" for case in STITCHED)),
    "fig6": ("inverter", "inverter_eps", "tested", "tested_eps", "cka"),
}

Pairs = Iterable[tuple[str, str]]
Find = Callable[[str, str], float]


@dataclass(frozen=True)
class Known:
    """A model of the study that the paper could have had: the paper's name of its architecture, and its radius."""

    model: str
    architecture: str
    eps: float


def known(models: pd.DataFrame, architectures: Mapping[str, str]) -> list[Known]:
    """The models of models.csv whose architecture has a name in the paper and that were trained in L2 or plainly."""
    found = []
    for row in models.itertuples():
        eps = 0.0 if pd.isna(row.eps) else float(row.eps)  # type: ignore[arg-type]
        if row.architecture in architectures and (eps == 0 or row.norm == "l2"):
            found.append(Known(str(row.model), architectures[str(row.architecture)], eps))
    return found


def beside(
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
    """Every published cell that the study has as well, ours beside it; empty where there is none.

    published: tables by the keys of NEEDED; cka, gradients, stitching: the study's tables (the last two if made).
    `pairs` is the number of pairs of models in our cell. Raises BadInput where a published table lacks a column.
    """
    for name, columns in NEEDED.items():
        if missing := [column for column in columns if column not in published[name].columns]:
            raise BadInput(f"the published table {name} lacks the column '{missing[0]}'.")
    ours = known(models, architectures)
    rows = cka[cka["measure"] == measure]
    inverted = _finder(rows[rows["stimuli"] == inversion], "model_a", "model_b", "value")
    natural = _finder(rows[rows["stimuli"] == "natural"], "model_a", "model_b", "value", either=True)
    found = [
        *_figure1(published["fig1"], ours, inverted),
        *_figures3and4(published["fig3_fig4"], ours, {"natural": natural, "inverted": inverted}),
        *_figure6(published["fig6"], ours, inverted),
    ]
    by_eps = published["fig5_fig7_fig8"]
    if gradients is not None:
        cosine = _finder(gradients[gradients["loss"] == loss], "model_a", "model_b", "mean", either=True)
        found += _by_eps("5", by_eps, "saliency_cosine_mean", f"cosine ({loss})", ours, cosine)
    if stitching is not None:
        for case in STITCHED:
            agreed = _finder(stitching[stitching["case"] == case], "body", "head", "rate")
            figure = "7" if case in STITCHED[:2] else "8"
            found += _by_eps(figure, by_eps, f"stitch_{case}", case, ours, agreed)
    return pd.DataFrame(found, columns=COLUMNS)


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Per figure and quantity, and over all CKA cells: their number, mean |ours - published|, rank correlation.

    Spearman's correlation is undefined (empty) for fewer than three cells or where one side does not vary.
    """
    parts = [
        (str(figure), str(quantity), part)
        for (figure, quantity), part in table.groupby(["figure", "quantity"])
    ]
    parts.append(("all", "cka", table[table["quantity"] == "cka"]))
    rows = []
    for figure, quantity, part in parts:
        gap = (part["ours"] - part["published"]).abs()
        rows.append((figure, quantity, len(part), gap.mean(), spearman(part["ours"], part["published"])))
    return pd.DataFrame(rows, columns=SUMMARY)


def spearman(x: Sequence[float] | pd.Series, y: Sequence[float] | pd.Series) -> float:
    """Spearman's rank correlation, ties sharing their mean rank; NaN for fewer than three or without variance."""
    ranks = [pd.Series(np.asarray(values, dtype=np.float64)).rank().to_numpy() for values in (x, y)]
    if len(ranks[0]) < 3 or any(np.ptp(each) == 0 for each in ranks):
        return float("nan")
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def _figure1(table: pd.DataFrame, ours: list[Known], find: Find) -> Iterator[tuple]:
    # At equal radii the paper averages pairs of different architectures, elsewhere all pairs.
    for row in table.itertuples():
        inverters, tested = _at(ours, eps=row.inverter_eps), _at(ours, eps=row.tested_eps)
        same = _near(row.inverter_eps, row.tested_eps)
        pairs = [
            (a.model, b.model)
            for a, b in product(inverters, tested)
            if a.model != b.model and not (same and a.architecture == b.architecture)
        ]
        yield from _cell(
            ("1", "inverted", "", row.inverter_eps, "", row.tested_eps, "cka"), pairs, find, row.cka
        )


def _figures3and4(table: pd.DataFrame, ours: list[Known], find: Mapping[str, Find]) -> Iterator[tuple]:
    for row in table.itertuples():
        if row.inverter != row.tested:
            figure = "3" if _near(row.eps, 0) else "4"
            about = (figure, row.images, row.inverter, row.eps, row.tested, row.eps, "cka")
            pairs = _models(ours, (row.inverter, row.eps), (row.tested, row.eps))
            yield from _cell(about, pairs, find[str(row.images)], row.cka)


def _figure6(table: pd.DataFrame, ours: list[Known], find: Find) -> Iterator[tuple]:
    for row in table.itertuples():
        sides = (row.inverter, row.inverter_eps), (row.tested, row.tested_eps)
        if sides[0][0] != sides[1][0] or not _near(sides[0][1], sides[1][1]):
            about = ("6", "inverted", row.inverter, row.inverter_eps, row.tested, row.tested_eps, "cka")
            yield from _cell(about, _models(ours, *sides), find, row.cka)


def _by_eps(
    figure: str, table: pd.DataFrame, column: str, quantity: str, ours: list[Known], find: Find
) -> Iterator[tuple]:
    """Means over ordered pairs of different architectures at one radius."""
    for eps, value in zip(table["eps"], table[column], strict=True):
        here = _at(ours, eps=eps)
        pairs = [(a.model, b.model) for a, b in product(here, here) if a.architecture != b.architecture]
        yield from _cell((figure, "natural", "", eps, "", eps, quantity), pairs, find, value)


def _cell(about: tuple, pairs: Pairs, find: Find, value: object) -> Iterator[tuple]:
    """The row of one cell, if any pair of ours has a value and the paper has one."""
    seen = [found for found in (find(*pair) for pair in pairs) if not np.isnan(found)]
    number = float(value)  # type: ignore[arg-type]
    if seen and not np.isnan(number):
        yield (*about, float(np.mean(seen)), number, len(seen))


def _models(ours: list[Known], first: tuple, second: tuple) -> list[tuple[str, str]]:
    pairs = product(_at(ours, eps=first[1], name=first[0]), _at(ours, eps=second[1], name=second[0]))
    return [(a.model, b.model) for a, b in pairs if a.model != b.model]


def _at(ours: list[Known], eps: object, name: object = None) -> list[Known]:
    return [one for one in ours if _near(one.eps, eps) and name in (None, one.architecture)]


def _near(a: object, b: object) -> bool:
    return abs(float(a) - float(b)) < 1e-9  # type: ignore[arg-type]


def _finder(table: pd.DataFrame, first: str, second: str, value: str, either: bool = False) -> Find:
    """Looks a pair up, in either order where the table holds unordered pairs; NaN for what is not there."""
    values: dict[tuple[str, str], float] = {}
    for a, b, found in zip(table[first], table[second], table[value], strict=True):
        values[a, b] = float(found)
        if either:
            values[b, a] = float(found)
    return lambda a, b: values.get((a, b), float("nan"))
