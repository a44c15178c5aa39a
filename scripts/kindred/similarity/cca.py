"""Similarity measures other than CKA: the CCA family and orthogonal Procrustes.

Each compares two matrices of activations A (n, p) and B (n, q) of the same n images, with centred columns.
All are computed in float64 and lie in [0, 1], 1 for equivalent activations; NaN where one side is constant. Unrelated
activations of few images are not near 0 but near `null`. All are invariant to translation, and further to:

  cca         invertible linear maps of either side; it is 1 for any activations where p or q is close to n
  svcca       orthogonal maps and isotropic scaling; linear maps only within the directions kept
  pwcca       invertible linear maps of B; isotropic scaling of A and permutations of its neurons; not symmetric
  procrustes  orthogonal maps and isotropic scaling (both sides are normalised)
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kindred.workflow.errors import BadInput

Array = NDArray[np.floating]
DIRECTIONS = 20


@dataclass(frozen=True)
class Spread:
    """Centred activations A (n, p) = u s v^T: u (n, r) over images and s (r,), r the rank."""

    u: NDArray[np.float64]
    s: NDArray[np.float64]
    activations: NDArray[np.float64]

    @property
    def constant(self) -> bool:
        """True if the activations are the same for all images."""
        return len(self.s) == 0

    def of(self, images: NDArray[np.integer]) -> "Spread":
        """The same activations with the images in another order (n,)."""
        return Spread(self.u[images], self.s, self.activations[images])


def spread(activations: Array) -> Spread:
    """Left singular vectors and singular values of centred activations (n, p) of n images.

    Directions below float32 rounding are dropped. Where p > n they come from the n x n Gram matrix, so wide
    layers cost n^2 p. Raises BadInput for values that are not finite.
    """
    x = np.asarray(activations, dtype=np.float64).reshape(len(activations), -1)
    if not np.isfinite(x).all():
        raise BadInput(f"activations of shape {x.shape} hold NaN or infinity; all must be finite.")
    offset = np.abs(x).max(initial=0.0)
    x = x - x.mean(axis=0)
    if x.shape[1] > len(x):
        values, u = np.linalg.eigh(x @ x.T)
        s, u = np.sqrt(values[::-1].clip(min=0)), u[:, ::-1]
    else:
        u, s, _ = np.linalg.svd(x, full_matrices=False)
    rounding = np.finfo(np.float32).eps * max(s[0] if len(s) else 0.0, offset)
    # Singular values come from sums of squares: directions below the root of float64's rounding are noise.
    rank = int((s > max(rounding, 3e-8 * (s[0] if len(s) else 0.0))).sum())
    rank = min(rank, len(x) - 1)
    return Spread(u[:, :rank], s[:rank], x)


def cca(a: Spread, b: Spread) -> float:
    """Mean canonical correlation, over as many as the smaller rank (Raghu et al. 2017, section 2; all directions)."""
    return _mean(_correlations(a.u, b.u))


def svcca(a: Spread, b: Spread, directions: int = DIRECTIONS) -> float:
    """Mean canonical correlation of the leading principal directions (Raghu et al. 2017, algorithm 1).

    directions: a fixed number, as in the code of Cianfarani et al. 2022; Raghu et al. keep 99 % of the variance.
    """
    return _mean(_correlations(a.u[:, :directions], b.u[:, :directions]))


def pwcca(a: Spread, b: Spread) -> float:
    """Canonical correlations weighted by their share of A (Morcos et al. 2018, equation 2).

    The weight of a canonical variable h (over images) is sum_j |<h, a_j>| over the neurons a_j, the columns of A.
    """
    if a.constant or b.constant:
        return float("nan")
    left, correlations, _ = np.linalg.svd(a.u.T @ b.u, full_matrices=False)
    weights = np.abs((a.u @ left).T @ a.activations).sum(axis=1)
    return float((weights * correlations.clip(max=1)).sum() / weights.sum())


def procrustes(a: Spread, b: Spread) -> float:
    """1 - d / 2 = |A^T B|_* for A and B of norm 1, with the distance d after the best rotation.

    d = |A|^2 + |B|^2 - 2 |A^T B|_*, |.|_* the nuclear norm (Ding et al. 2021, equation 6).
    """
    if a.constant or b.constant:
        return float("nan")
    inner = (a.s[:, None] * (a.u.T @ b.u)) * b.s
    nuclear = np.linalg.svd(inner, compute_uv=False).sum()
    return float(nuclear / np.linalg.norm(a.s) / np.linalg.norm(b.s))


MEASURES: dict[str, Callable[..., float]] = {
    "cca": cca,
    "svcca": svcca,
    "pwcca": pwcca,
    "procrustes": procrustes,
}


def null(name: str, a: Spread, b: Spread, orders: Sequence[NDArray[np.integer]], **options: int) -> float:
    """Mean of a measure of MEASURES over pairings of the images of B with those of A at random, each an order (n,).

    CCA and PWCCA are 1 for any pairing where one side spans all directions that n centred images have.
    """
    if a.constant or b.constant:
        return float("nan")
    if name in ("cca", "pwcca") and max(len(a.s), len(b.s)) >= len(a.u) - 1:
        return 1.0
    return float(np.mean([MEASURES[name](a, b.of(order), **options) for order in orders]))


def _correlations(u: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.linalg.svd(u.T @ v, compute_uv=False).clip(max=1)


def _mean(correlations: NDArray[np.float64]) -> float:
    return float(correlations.mean()) if len(correlations) else float("nan")
