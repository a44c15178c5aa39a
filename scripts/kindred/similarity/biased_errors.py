"""Jackknife errors of biased CKA over images, from the sums that serve debiased CKA.

Let K and L be doubly centred on n images, and B = sum_ij K_ij L_ij the numerator of their biased HSIC. Without image i,
centring again adds (K_ji + K_ki) / (n-1) + K_ii / (n-1)^2 to K_jk, which cancels against L but for what image i took
from its rows, so that B becomes

    B - 2 a sum_j K_ij L_ij + a^2 K_ii L_ii,    a = n / (n-1).

`gram.Grams` has the U-centred A of K, and its diagonal d: K_ij = A_ij - (d_i + d_j) / (n-2) + t / ((n-1) (n-2)) off the
diagonal, with t the trace. As rows of A sum to zero, sum_j K_ij L_ij follows from sum_j A_ij A'_ij, from products of A
with the other diagonal, and from the diagonals alone.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from kindred.similarity.cka import Matrix, floor_of_biased, jackknife_spread
from kindred.similarity.gram import Grams, matmul_precision
from kindred.similarity.layer_errors import ENTRIES, image_sums
from kindred.similarity.strata import Strata


@torch.no_grad()
def biased_jackknife(grams: Grams, layers: Sequence[int] | None = None, strata: Strata | None = None) -> Matrix:
    """Standard errors (S, T) over images of biased CKA of some layers (None: all) with all T layers, exact.

    grams: centred for independent images. strata: the classes that images were drawn from; each image is then left out
    of its class (`Strata.spread_of_all`). 0 for a layer with itself, NaN where CKA is undefined, with all images or
    without one. Takes about 400 MiB beside the packed Gram matrices, or 24 T n bytes where that is more.
    """
    count = len(grams)
    chosen = list(range(count)) if layers is None else list(layers)
    own = torch.cat([_without(grams, [layer], [layer])[0] for layer in range(count)])
    roots = torch.where(own > floor_of_biased(grams)[:, None], own, torch.nan).sqrt()
    errors = np.empty((len(chosen), count))
    each = max(1, ENTRIES // (count * grams.n))
    for first in range(0, len(chosen), each):
        some = chosen[first : first + each]
        values = _without(grams, some, range(count)) / roots[some, None] / roots
        errors[first : first + each] = spread_under(strata, values).cpu()
    for row, layer in enumerate(chosen):
        errors[row, layer] *= 0  # NaN stays NaN
    return errors


def spread_under(strata: Strata | None, values: Tensor) -> Tensor:
    """Standard errors (...,) of statistics of all images alike, from the values (..., n) with each image left out."""
    return jackknife_spread(values) if strata is None else strata.to(values.device).spread_of_all(values)


def _without(grams: Grams, some: Sequence[int], others: Sequence[int]) -> Tensor:
    """Numerators (S, T, n) of the biased HSIC of some layers with others, each image left out in turn."""
    n, every = grams.n, list(others)
    d = grams.diagonal
    e, g = d / (n - 2), d.sum(dim=1) / ((n - 1) * (n - 2))
    p = e - g[:, None]  # the correction of K_ij is p_i + e_j
    left, right = list(some), every
    totals = e.sum(dim=1)
    both = d[left, None] * d[right]
    # sum over j, other than i, of (p_i + e_j) (p'_i + e'_j)
    corrections = (n - 1) * p[left, None] * p[right]
    corrections += p[left, None] * (totals[right, None] - e[right]) + p[right] * (totals[left, None] - e[left])[:, None]
    corrections += (e[left] @ e[right].T)[..., None] - e[left, None] * e[right]
    sums = (
        image_sums(grams, left, right) - _along(grams, left, e[right]) - _along(grams, right, e[left]).transpose(0, 1)
    )
    rows = sums + corrections + both  # sum over j of K_ij L_ij
    a = n / (n - 1)
    return rows.sum(dim=-1, keepdim=True) - 2 * a * rows + a**2 * both


def _along(grams: Grams, layers: Sequence[int], vectors: Tensor) -> Tensor:
    """sum_j A^s_ij v_j (S, V, n) float64 of the layers s and of vectors (V, n)."""
    found = torch.zeros(len(layers), len(vectors), grams.n, dtype=torch.float64, device=grams.packed.device)
    columns = vectors.float().T
    with matmul_precision("highest"):
        for lo, hi, piece in grams.blocks(grams.packed):
            square, rest = piece[layers][..., : hi - lo], piece[layers][..., hi - lo :] / 2**0.5
            found[..., lo:hi] += (square @ columns[lo:hi] + rest @ columns[hi:]).transpose(1, 2)
            found[..., hi:] += (rest.transpose(1, 2) @ columns[lo:hi]).transpose(1, 2)
    return found
