"""Measures that are a function of two arrays of features, computed for one pair of models after another."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

Matrix = NDArray[np.float64]
Function = Callable[[Matrix, Matrix], float]


def compare_pairs(
    function: Function, features: Sequence[Tensor], pairs: Sequence[tuple[int, int]]
) -> dict[str, Matrix]:
    """{value, low, high, null}, each an array over `pairs` of indices into `features` ((n, p) each).

    function: takes float64 arrays (n, p) and (n, q) of its own, features of the same images in the same order. Interval
    and null level are not known (NaN).
    """
    arrays = [np.asarray(each.detach().cpu(), dtype=np.float64) for each in features]
    value = np.array([float(function(arrays[a].copy(), arrays[b].copy())) for a, b in pairs])
    unknown = np.full(len(pairs), np.nan)
    return {"value": value, "low": unknown, "high": unknown, "null": unknown}
