"""What a layer x layer matrix says in numbers: similarity by distance, halves of a network, shares of cells.

The summaries are those in which the figure of Cianfarani et al. (2022) was digitised, whose 80 layers have the
distances 1-5, 6-20, 21-40, 41-60 and 61-79; networks of other depths take the same shares of their largest distance.
"""

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

EDGES = (5, 20, 40, 60, 79)  # largest distance of each range, among 80 layers
HIGH, LOW = 0.8, 0.3
RANGES = tuple(f"distance_{low + 1}_{high}" for low, high in zip((0, *EDGES), EDGES, strict=False))


def summaries(values: Matrix, same: bool) -> dict[str, float]:
    """Numbers of a matrix (rows, columns) of layers in forward order; undefined cells are left out.

    same: whether rows and columns are one model on one kind of images, so that the diagonal is 1 by construction and
    is left out of all but `diagonal`. Distances are those of positions, as shares of the largest where there are other
    than 80 layers. Of two models with other numbers of layers, positions are shares of each one's depth, and the
    diagonal is what lies nearest.
    """
    rows, columns = values.shape
    # Both on the scale of the deeper one.
    deepest = max(rows, columns) - 1
    row = np.linspace(0, deepest, rows)[:, None]
    column = np.linspace(0, deepest, columns)[None, :]
    distance = np.abs(row - column)
    off = distance >= 0.5
    found = {"mean_off_diagonal": _mean(values[off])}
    share = distance * EDGES[-1] / max(deepest, 1)
    for name, low, high in zip(RANGES, (0, *EDGES), EDGES, strict=False):
        found[name] = _mean(values[off & (share > low) & (share <= high + 1e-9)])
    # An odd layer in the middle belongs to the second half.
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
    """(distance as a share of the largest, mean, cells) of a square matrix, one row a distance from 1 on."""
    count = len(values)
    found = []
    for step in range(1, count):
        cells = np.concatenate([values.diagonal(step), values.diagonal(-step)])
        cells = cells[np.isfinite(cells)]
        found.append((step / (count - 1), _mean(cells), len(cells)))
    return found


def corresponding(rows: int, columns: int) -> NDArray[np.int64]:
    """For each of `rows` layers the one of `columns` at the same share of the depth, (rows,)."""
    return np.linspace(0, columns - 1, rows).round().astype(np.int64)


def _mean(values: Matrix) -> float:
    defined = values[np.isfinite(values)]
    return float(defined.mean()) if len(defined) else float("nan")
