"""Jackknife errors of debiased CKA for all pairs of many layers at once, as batched matrix products.

For layers s and t and an image i, sum_j A^s_ij A^t_ij is all that leaving out image i needs (`cka.jackknife`). For all
pairs of layers it is the product of the (T, n) matrix of their i-th rows with its transpose, so n such products give
the errors of all T^2 pairs, at about four times the operations of their CKA instead of a pass over memory for each.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from kindred.similarity.cka import Matrix, deleted, spread, undefined_below
from kindred.similarity.gram import Grams, matmul_precision

ENTRIES = 2**24  # sums (layer, layer, image) held at once, in float64


@torch.no_grad()
def jackknife_of_all(grams: Grams) -> Matrix:
    """Standard errors (T, T) over images of debiased CKA of all pairs of layers, as `cka.jackknife` of single pairs.

    There must be at least 5 images. NaN where CKA is undefined, with all images or with one left out, and 0 for a layer
    with itself. Takes 128 MiB beside the packed Gram matrices, or 8 T n bytes where that is more.
    """
    layers = len(grams)
    own = torch.zeros(layers, grams.n, dtype=torch.float64, device=grams.packed.device)
    for lo, hi, piece in grams.blocks(grams.packed):
        square, rest = piece[..., : hi - lo], piece[..., hi - lo :]
        own[:, lo:hi] += square.square().sum(dim=2) + rest.square().sum(dim=2) / 2
        own[:, hi:] += rest.square().sum(dim=1) / 2
    roots = undefined_below(deleted(own, grams), grams).sqrt()
    errors = torch.empty(layers, layers, dtype=torch.float64, device=own.device)
    each = max(1, ENTRIES // (layers * grams.n))
    for first in range(0, layers, each):
        some = range(first, min(first + each, layers))
        values = deleted(image_sums(grams, some, range(layers)), grams) / roots[some, None] / roots
        errors[some] = spread(values, grams)
    errors = (errors + errors.T) / 2
    errors.diagonal().mul_(0)  # NaN stays NaN
    return errors.cpu().numpy()


def image_sums(grams: Grams, some: Sequence[int], others: Sequence[int]) -> Tensor:
    """sum_j A^s_ij A^t_ij (S, T, n) float64 of some layers with others."""
    sums = torch.zeros(len(some), len(others), grams.n, dtype=torch.float64, device=grams.packed.device)
    left, right = list(some), list(others)
    every = right == list(range(len(grams)))
    with matmul_precision("highest"):
        for lo, hi, piece in grams.blocks(grams.packed):
            square, rest = piece[..., : hi - lo], piece[..., hi - lo :] / 2**0.5  # packed with a factor sqrt(2)
            for part, images, by in ((square, slice(lo, hi), 1), (rest, slice(lo, hi), 1), (rest, slice(hi, None), 2)):
                rows = (part if every else part[right]).movedim(by, 0).contiguous()  # (image, layer, other image)
                own = rows if left == right else part[left].movedim(by, 0)
                sums[..., images] += torch.bmm(own, rows.transpose(1, 2)).movedim(0, 2)
    return sums
