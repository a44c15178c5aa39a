"""How far clusters of models depend on what was chosen: affinity, diagonal, attack, number of groups, and images.

Every partition is set against known labels of the models by the adjusted Rand index. Its level p comes from permuting
the labels, its interval from SAT of images drawn with replacement, everything else held fixed. As more noise in SAT
blurs groups, the interval of a clear partition lies low.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kindred.analyses import clusters
from kindred.analyses.clusters import Labels, Matrix
from kindred.analyses.correlations import LEVEL
from kindred.analyses.rand_index import codes, level, rand, rands
from kindred.workflow.errors import BadInput

Floats = NDArray[np.float64]
Known = Mapping[str, Sequence[str]]  # {label: its value for each model}
Partition = Callable[[Matrix], Labels]  # of SAT (m, m): groups (m,)

STARTS = 10  # of k-means on each draw of images
COLUMNS = ["value", "low", "high", "null", "p", "n"]


def spectral(kind: str, diagonal: str, count: int, seeds: int, starts: int) -> Partition:
    """Spectral clustering by these choices: the typical partition over the seeds of k-means."""

    def partition(sat: Matrix) -> Labels:
        _, vectors = clusters.spectrum(clusters.affinity(sat, kind, diagonal))
        return clusters.typical(clusters.spectral(vectors, count, seeds, starts))

    return partition


def agreement(found: Labels, drawn: Labels, label: Sequence[str], seed: int) -> tuple[float, ...]:
    """COLUMNS of a partition (m,) with a label, whose bounds are those of the same on draws (draw, m) of images."""
    own, low, high = codes(label), np.nan, np.nan
    if len(drawn):
        low, high = np.quantile(rands(own, drawn), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return rand(found, label), float(low), float(high), 0.0, level(found, label, seed), len(own)


def of_draws(partition: Partition, draws: Floats) -> Labels:
    """Partitions (draw, m) of SAT (draw, m, m), from 0; draws that leave a model without affinities are left out."""
    rows = []
    for sat in draws:
        try:
            rows.append(codes(partition(sat)))
        except BadInput:
            continue
    return np.array(rows, dtype=np.int64).reshape(-1, draws.shape[-1])


def label_table(partitions: Mapping[str, tuple[Labels, Labels]], known: Known, seed: int) -> pd.DataFrame:
    """Agreement of partitions, and of the same on draws of images, with what is known of the models."""
    rows = [
        (label, len(set(values)), name, *agreement(found, drawn, values, seed))
        for label, values in known.items()
        for name, (found, drawn) in partitions.items()
        if label != name
    ]
    return pd.DataFrame(rows, columns=["label", "groups", "partition", *COLUMNS])


def sensitivity(
    sat: Mapping[str, Matrix], draws: Mapping[str, Floats], known: Known, seeds: int, starts: int, seed: int
) -> pd.DataFrame:
    """Agreement with what is known for every attack, affinity, diagonal and number of groups.

    sat: {attack: (m, m)}; draws: {attack: (draw, m, m)} of the same images drawn with replacement, none for none. `gap`
    marks the number of groups that the eigenvalues speak for. Where a model has no affinity to any other, nothing is
    defined.
    """
    rows = []
    for attack, matrix in sat.items():
        most = clusters.most_groups(len(matrix))
        for kind in clusters.AFFINITIES:
            for diagonal in clusters.DIAGONALS:
                try:
                    values, _ = clusters.spectrum(clusters.affinity(matrix, kind, diagonal))
                except BadInput:
                    continue
                gap = clusters.largest_gap(values, most)
                for count in range(2, most + 1):
                    found = spectral(kind, diagonal, count, seeds, starts)(matrix)
                    drawn = of_draws(spectral(kind, diagonal, count, 1, STARTS), draws[attack])
                    rows += [
                        (attack, kind, diagonal, count, count == gap, label, *agreement(found, drawn, values, seed))
                        for label, values in known.items()
                    ]
    return pd.DataFrame(rows, columns=["attack", "affinity", "diagonal", "count", "gap", "label", *COLUMNS])
