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


def summaries(values: Matrix, same: bool) -> dict[str, float]:
    """Summaries of a matrix (rows, columns) of layers in forward order, over its defined cells.

    same: whether rows and columns are one model on the same images; its diagonal is then 1 by construction and left out
    of all summaries but `diagonal`. Distances are differences of positions, on the scale of 80 layers. For two models
    of different depths, positions are shares of each one's depth, and the nearest cells make the diagonal.
    """
    rows, columns = values.shape
    # Both on the scale of the deeper model.
    deepest = max(rows, columns) - 1
    row = np.linspace(0, deepest, rows)[:, None]
    column = np.linspace(0, deepest, columns)[None, :]
    distance = np.abs(row - column)
    off = distance >= 0.5
    found = {"mean_off_diagonal": _mean(values[off])}
    share = distance * EDGES[-1] / max(deepest, 1)
    for name, low, high in zip(RANGES, (0, *EDGES), EDGES, strict=False):
        found[name] = _mean(values[off & (share > low) & (share <= high + 1e-9)])
    # A layer exactly in the middle belongs to the second half.
    early, left = row < deepest / 2, column < deepest / 2
    found["first_half"] = _mean(values[off & early & left])
    found["last_half"] = _mean(values[off & ~early & ~left])
    found["first_vs_last_half"] = _mean(values[off & (early != left)])
    defined = values[off & np.isfinite(values)]
    found["share_above_0.8"] = float((defined > HIGH).mean()) if len(defined) else np.nan
    found["share_below_0.3"] = float((defined < LOW).mean()) if len(defined) else np.nan
    found["diagonal"] = 1.0 if same else _mean(values[~off])
    return found


def by_distance(values: Matrix) -> list[tuple[float, float, int]]:
    """(distance as a share of the largest, mean, number of cells) for distances from 1 in a square matrix."""
    count = len(values)
    found = []
    for step in range(1, count):
        cells = np.concatenate([values.diagonal(step), values.diagonal(-step)])
        cells = cells[np.isfinite(cells)]
        found.append((step / (count - 1), _mean(cells), len(cells)))
    return found


def corresponding(rows: int, columns: int) -> NDArray[np.int64]:
    """For each of `rows` layers the index of the one of `columns` at the same share of the depth, (rows,)."""
    return np.linspace(0, columns - 1, rows).round().astype(np.int64)


def _mean(values: Matrix) -> float:
    defined = values[np.isfinite(values)]
    return float(defined.mean()) if len(defined) else float("nan")
