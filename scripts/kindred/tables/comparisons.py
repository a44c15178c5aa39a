"""Tables of other comparisons of models: input gradients and stitching."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations, product

import numpy as np
import pandas as pd
from scipy import stats

from kindred.tables.tables import (
    demand_each_once,
    in_order,
    of_study,
    pairs_of,
    values,
    with_one_set_of_weights,
    with_shares,
)
from kindred.workflow import store

GRADIENT_COLUMNS = "loss model_a model_b value low high null n sd".split()  # noqa: SIM905


def gradients_table(tiles: Iterable[str], models: Sequence[str]) -> pd.DataFrame:
    """Mean over images of the cosine of input gradients, each unordered pair of models once per loss.

    With the 95 % interval of the mean (Student's t), the mean for gradients of different images (`null`) and the
    standard deviation over images. Images on which either gradient is zero do not count. Raises BadInput for missing
    pairs.
    """
    frames = []
    for path in with_one_set_of_weights(tiles):
        losses = store.strings(path, "loss")
        every = zip(losses, values(path, "cosine"), values(path, "cosine_of_others"), strict=True)
        for loss, cosines, others in every:
            about = pairs_of(path, "model_a", "model_b").assign(
                loss=loss, **mean_cosines(cosines), null=mean_cosines(others)["value"]
            )
            frames.append(of_study(about[about["model_a"] != about["model_b"]], models, unordered=True))
    table = pd.concat(frames)
    demand_each_once("gradients", table, "loss", combinations(models, 2), "compare_gradients")
    return in_order(table, models, "loss", "model_a", "model_b")[GRADIENT_COLUMNS]


def mean_cosines(cosines: np.ndarray) -> dict[str, np.ndarray]:
    """The columns value, low, high, sd and n of each row (image) of cosines, NaN where there are too few."""
    each = pd.DataFrame(cosines, dtype=np.float64).T  # pandas leaves out what is undefined
    value, sd, n = (found.to_numpy() for found in (each.mean(), each.std(ddof=1), each.count()))
    half = stats.t.ppf(0.975, np.maximum(n - 1, 1)) * sd / np.sqrt(np.maximum(n, 1))
    return {"value": value, "low": value - half, "high": value + half, "sd": sd, "n": n}


def stitching_table(tiles: Iterable[str], models: Sequence[str]) -> pd.DataFrame:
    """Agreement of stitched models with their heads, for every ordered pair of body and head, by case.

    The number of images, those on which both predict the same class, their share and its 95 % interval (Wilson), empty
    for cases without images. Raises BadInput for missing pairs.
    """
    frames = []
    for path in with_one_set_of_weights(tiles):
        names = ["body", "head", "case"]
        index = pd.MultiIndex.from_product([store.strings(path, name) for name in names], names=names)
        columns = {name: values(path, name).ravel() for name in ("n", "agreed")}
        frames.append(of_study(pd.DataFrame(columns, index).reset_index(), models))
    table = pd.concat(frames)
    demand_each_once("stitching", table, "case", product(models, repeat=2), "stitch_models")
    return in_order(with_shares(table, "agreed"), models, "body", "head")
