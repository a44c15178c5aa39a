"""Measures of alike representations other than CKA: the CCA family and orthogonal Procrustes.

Each takes two matrices of activations A (n, p) and B (n, q) of the same n images and centres their columns. All compute
in float64 and give 1 for alike and 0 for unlike, NaN where one does not vary. What each cannot see:

  cca         any invertible linear map of either side, and shifts; where either side tells all images apart
              (p or q near n) it is 1 whatever is compared
  svcca       orthogonal maps, one scale, and shifts; linear maps only among the directions that are kept
  pwcca       any invertible linear map of B, orthogonal maps and one scale of A, and shifts; not symmetric
  procrustes  orthogonal maps, one scale (both sides have length 1), and shifts
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kindred.errors import BadInput

Array = NDArray[np.floating]
DIRECTIONS = 20


@dataclass(frozen=True)
class Spread:
    """Centred activations A = u s v^T by their singular vectors: u (n, r), s (r,), v (p, r), r the rank."""

    u: NDArray[np.float64]
    s: NDArray[np.float64]

    @property
    def constant(self) -> bool:
        """Whether nothing varies."""
        return len(self.s) == 0


def spread(activations: Array) -> Spread:
    """The singular vectors of activations (n, p) over images; directions below the rounding of float32 are left out.

    Through the n x n Gram matrix where p > n, so wide layers cost n^2 p and no more. Raises BadInput for fewer than 2
    images, or values that are not finite.
    """
    x = np.asarray(activations, dtype=np.float64).reshape(len(activations), -1)
    if len(x) < 2 or not np.isfinite(x).all():
        raise BadInput(
            f"activations of shape {x.shape} must be finite and of at least 2 images to be aligned with others."
        )
    offset = np.abs(x).max(initial=0.0)
    x = x - x.mean(axis=0)
    if x.shape[1] > len(x):
        values, u = np.linalg.eigh(x @ x.T)
        s, u = np.sqrt(values[::-1].clip(min=0)), u[:, ::-1]
    else:
        u, s, _ = np.linalg.svd(x, full_matrices=False)
    rounding = np.finfo(np.float32).eps * max(s[0] if len(s) else 0.0, offset)
    # Squares were summed: below the root of float64's rounding nothing is left of a direction.
    rank = int((s > max(rounding, 3e-8 * (s[0] if len(s) else 0.0))).sum())
    rank = min(rank, len(x) - 1)
    return Spread(u[:, :rank], s[:rank])


def cca(a: Spread, b: Spread) -> float:
    """Mean canonical correlation, over as many as the smaller rank (Raghu et al. 2017, section 2; all directions)."""
    return _mean(_correlations(a.u, b.u))


def svcca(a: Spread, b: Spread, directions: int = DIRECTIONS) -> float:
    """Mean canonical correlation of the first principal directions of both sides (Raghu et al. 2017, algorithm 1).

    A fixed number of directions, as in the code of Cianfarani et al. 2022; Raghu et al. take 99 % of the variance.
    """
    if directions < 1:
        raise BadInput(f"SVCCA is asked for {directions} directions; it needs at least 1.")
    return _mean(_correlations(a.u[:, :directions], b.u[:, :directions]))


def pwcca(a: Spread, b: Spread) -> float:
    """Canonical correlations weighted by how much of A their directions explain (Morcos et al. 2018, equation 2).

    The weight of a canonical variable h (over images) is sum_j |<h, a_j>| over the columns a_j of A, which are taken
    here in the basis of A's principal directions, so that the weights do not depend on the basis of the neurons.
    """
    if a.constant or b.constant:
        return float("nan")
    left, correlations, _ = np.linalg.svd(a.u.T @ b.u, full_matrices=False)
    weights = np.abs(left.T * a.s).sum(axis=1)
    return float((weights * correlations.clip(max=1)).sum() / weights.sum())


def procrustes(a: Spread, b: Spread) -> float:
    """1 - d / 2 with d = |A|^2 + |B|^2 - 2 |A^T B|_* of A and B of length 1 (Ding et al. 2021, equation 6): |A^T B|_*.

    The nuclear norm is what is left of the distance after the best rotation.
    """
    if a.constant or b.constant:
        return float("nan")
    inner = (a.s[:, None] * (a.u.T @ b.u)) * b.s
    nuclear = np.linalg.svd(inner, compute_uv=False).sum()
    return float(nuclear / np.linalg.norm(a.s) / np.linalg.norm(b.s))


MEASURES: dict[str, Callable[[Spread, Spread], float]] = {
    "cca": cca,
    "svcca": svcca,
    "pwcca": pwcca,
    "procrustes": procrustes,
}


def _correlations(u: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.linalg.svd(u.T @ v, compute_uv=False).clip(max=1)


def _mean(correlations: NDArray[np.float64]) -> float:
    return float(correlations.mean()) if len(correlations) else float("nan")
