"""Tables of other comparisons of models: input gradients and stitching."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations, product

import numpy as np
import pandas as pd

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

GRADIENT_COLUMNS = "loss model_a model_b mean sd n".split()  # noqa: SIM905


def gradients_table(tiles: Iterable[str], models: Sequence[str]) -> pd.DataFrame:
    """Mean and sd over images of the cosine of input gradients, each unordered pair of models once per loss.

    Images on which either gradient is zero do not count. Raises BadInput for missing pairs.
    """
    frames = []
    for path in with_one_set_of_weights(tiles):
        for loss, cosines in zip(store.strings(path, "loss"), values(path, "cosine").astype(np.float64), strict=True):
            defined = [one[~np.isnan(one)] for one in cosines]
            means = [one.mean() if len(one) else np.nan for one in defined]
            sds = [one.std(ddof=1) if len(one) > 1 else np.nan for one in defined]
            pairs = pairs_of(path, "model_a", "model_b").assign(
                loss=loss, mean=means, sd=sds, n=list(map(len, defined))
            )
            frames.append(of_study(pairs[pairs["model_a"] != pairs["model_b"]], models, unordered=True))
    table = pd.concat(frames)
    demand_each_once("gradients", table, "loss", combinations(models, 2), "compare_gradients")
    return in_order(table, models, "loss", "model_a", "model_b")[GRADIENT_COLUMNS]


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
    return in_order(with_shares(table, "agreed", "rate"), models, "body", "head")
