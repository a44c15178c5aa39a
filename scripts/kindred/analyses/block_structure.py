"""Block structure of layer x layer matrices: similarity by distance, within and between halves.

These are the summaries of the digitised figure of Cianfarani et al. (2022), whose 80 layers have the
distances 1-5, 6-20, 21-40, 41-60 and 61-79; other networks use the same shares of their largest distance.
"""

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

EDGES = (5, 20, 40, 60, 79)  # largest distance of each range, among 80 layers
HIGH, LOW = 0.8, 0.3
RANGES = tuple(f"distance_{low + 1}_{high}" for low, high in zip((0, *EDGES), EDGES, strict=False))


def summaries(values: Matrix, errors: Matrix, same: bool) -> dict[str, tuple[float, float]]:
    """{summary: (value, standard error)} of the defined cells of a matrix of layers in forward order.

    errors: of the cells. same: whether rows and columns are one model on the same images; its diagonal is then 1 by
    construction and left out of all summaries but `diagonal`. Distances are differences of positions, on the scale of
    80 layers. For two models of different depths, positions are shares of each one's depth, and the nearest cells make
    the diagonal. Errors of means are as `mean` says; shares of cells have none.
    """
    rows, columns = values.shape
    # Both on the scale of the deeper model.
    deepest = max(rows, columns) - 1
    row = np.linspace(0, deepest, rows)[:, None]
    column = np.linspace(0, deepest, columns)[None, :]
    distance = np.abs(row - column)
    off = distance >= 0.5
    share = distance * EDGES[-1] / max(deepest, 1)
    regions = {"mean_off_diagonal": off}
    for name, low, high in zip(RANGES, (0, *EDGES), EDGES, strict=False):
        regions[name] = off & (share > low) & (share <= high + 1e-9)
    # A layer exactly in the middle belongs to the second half.
    early, left = row < deepest / 2, column < deepest / 2
    regions["first_half"] = off & early & left
    regions["last_half"] = off & ~early & ~left
    regions["first_vs_last_half"] = off & (early != left)
    found = {name: mean(values[cells], errors[cells]) for name, cells in regions.items()}
    defined = values[off & np.isfinite(values)]
    found["share_above_0.8"] = (float((defined > HIGH).mean()) if len(defined) else np.nan, np.nan)
    found["share_below_0.3"] = (float((defined < LOW).mean()) if len(defined) else np.nan, np.nan)
    found["diagonal"] = (1.0, 0.0) if same else mean(values[~off], errors[~off])
    return found


def by_distance(values: Matrix, errors: Matrix) -> list[tuple[float, float, float, int]]:
    """(distance as a share of the largest, mean, its error, number of cells), from 1, in a square matrix."""
    count = len(values)
    found = []
    for step in range(1, count):
        cells, own = (np.concatenate([one.diagonal(step), one.diagonal(-step)]) for one in (values, errors))
        found.append((step / (count - 1), *mean(cells, own), int(np.isfinite(cells).sum())))
    return found


def mean(values: Matrix, errors: Matrix) -> tuple[float, float]:
    """Mean of the defined cells, and a bound of its standard error: the mean of theirs.

    Cells share their images, so how much their errors cancel is not known; they are taken to vary together.
    """
    defined = np.isfinite(values)
    if not defined.any():
        return float("nan"), float("nan")
    return float(values[defined].mean()), float(errors[defined].mean())


def corresponding(rows: int, columns: int) -> NDArray[np.int64]:
    """For each of `rows` layers the index of the one of `columns` at the same share of the depth, (rows,)."""
    return np.linspace(0, columns - 1, rows).round().astype(np.int64)
