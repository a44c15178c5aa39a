"""Minibatch CKA (Nguyen et al. 2021, eq. 3): a ratio of means over minibatches of the unbiased HSIC.

Its value, jackknife error over images, and values when images are paired at random. Leaving an image out changes one
minibatch of each pass, whose unbiased HSIC is then that of the images left (`cka.jackknife`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kindred.similarity.biased_errors import spread_under
from kindred.similarity.cka import Matrix, numerators, ratio, roots_of
from kindred.similarity.gram import Grams, Precision, matmul_precision, pack
from kindred.similarity.layer_errors import image_sums
from kindred.similarity.strata import Strata
from kindred.workflow.errors import BadInput

Batch = tuple[Tensor, Grams]  # indices of the images of a minibatch, and the layers on these
KERNELS = 2**28  # bytes of whole Gram matrices that are kept for pairings at random
ENTRIES = 2**24  # entries of Gram matrices of minibatches held at once


def minibatch_cka(
    features: Sequence[Tensor], batch: int = 1024, passes: int = 3, seed: int = 0, precision: Precision = "float32"
) -> Matrix:
    """Minibatch linear CKA of all pairs of layers, (T, T).

    The ratio of means over minibatches of the unbiased HSIC, of each pair and of each layer with itself.
    features: (n, p_t) each. The images are shuffled anew for each pass, in the same order for all layers, and
    split into ceil(n / batch) minibatches whose sizes differ by at most one (Nguyen et al. and Cianfarani et
    al. 2022 have a smaller last one). precision: as for `pack`.

    Raises BadInput for a minibatch of fewer than 4 images, and as `pack`.
    """
    return estimate(batches(features, batch, passes, seed, precision), len(features[0]), errors=False)[0]


def minibatch_cka_with_errors(
    features: Sequence[Tensor],
    batch: int,
    passes: int,
    seed: int,
    precision: Precision = "float32",
    strata: Strata | None = None,
) -> tuple[Matrix, Matrix]:
    """The same and its standard errors over images, (T, T) each; NaN where leaving one out leaves a minibatch of 3.

    strata: the classes that images were drawn from; each image is then left out of its class.
    """
    return estimate(batches(features, batch, passes, seed, precision), len(features[0]), errors=True, strata=strata)


def minibatches(n: int, batch: int, passes: int, seed: int) -> Iterator[Tensor]:
    """Indices of the images of each minibatch, over `passes` passes; see `minibatch_cka`."""
    generator = torch.Generator().manual_seed(seed)
    for _ in range(passes):
        yield from torch.tensor_split(torch.randperm(n, generator=generator), math.ceil(n / batch))


def batches(features: Sequence[Tensor], batch: int, passes: int, seed: int, precision: Precision) -> Iterator[Batch]:
    """The minibatches of features (n, p_t), one after another. Raises BadInput as `minibatch_cka`."""
    n, device = len(features[0]), features[0].device
    if n // math.ceil(n / batch) < 4:
        raise BadInput(f"batch is {batch} for {n} images; every minibatch needs at least 4 images.")
    for images in minibatches(n, batch, passes, seed):
        chosen = (layer[images.to(device)] for layer in features)
        yield images, pack(chosen, count=len(features), precision=precision)


def room_for_errors(layers: int, n: int) -> int:
    """Bytes that the errors of all pairs of layers take."""
    return 8 * layers**2 * n


@torch.no_grad()
def estimate(given: Iterable[Batch], n: int, *, errors: bool, strata: Strata | None = None) -> tuple[Matrix, Matrix]:
    """(value, standard error), (T, T) each, from the same layers on one minibatch after another of n images.

    errors: whether they are wanted, or NaN; they take `room_for_errors`.
    """
    total = scale = change = None
    largest = 0
    for images, grams in given:
        m = grams.n
        debiased, biased = numerators(grams)
        units = grams.trace / m
        both = units[:, None] * units
        cross, own = debiased * both / (m * (m - 3)), biased.diagonal() * units**2 / (m * (m - 3))
        total, scale = (cross, own) if total is None or scale is None else (total + cross, scale + own)
        largest = max(largest, m)
        if errors:
            if change is None:
                change = torch.zeros(*debiased.shape, n, dtype=torch.float64, device=debiased.device)
            every = range(len(grams))
            left = debiased[..., None] - 2 * (m - 2) / (m - 3) * image_sums(grams, every, every)
            weight = both[..., None] / ((m - 1) * (m - 4)) if m > 4 else torch.nan
            change[..., images.to(change.device)] += left * weight - cross[..., None]
    assert total is not None and scale is not None
    roots = roots_of(total.diagonal(), scale, largest, "debiased")
    value = ratio(total, roots, roots)
    if change is None:
        return value, np.full_like(value, np.nan)
    change += total[..., None]
    own = torch.where(roots.isnan()[:, None], torch.nan, change.diagonal().T)
    own = torch.where(own > 0, own, torch.nan).sqrt()
    error = spread_under(strata, change.div_(own[:, None]).div_(own))
    error.diagonal().mul_(0)  # NaN stays NaN
    return value, error.cpu().numpy()


@torch.no_grad()
def permuted(
    features: Sequence[Tensor],
    pairs: Sequence[tuple[int, int]],
    orders: NDArray[np.integer],
    batch: int,
    passes: int,
    seed: int,
) -> Matrix:
    """Minibatch CKA (K, P) of pairs of layers (i, j) when images of layer j are taken in each of K orders (K, n).

    A minibatch of layer j in another order is a part of its whole Gram matrix, which is kept where all fit in KERNELS,
    and made of its features otherwise.
    """
    n, device = len(features[0]), features[0].device
    first, second = (sorted({pair[side] for pair in pairs}) for side in (0, 1))
    shuffled = torch.from_numpy(np.asarray(orders, dtype=np.int64)).to(device)
    shown = {layer: _flat(features[layer]) for layer in {*first, *second}}
    kept = 4 * n**2 * len(second) <= KERNELS
    kernels = {layer: shown[layer] @ shown[layer].T for layer in second} if kept else {}
    cross = torch.zeros(len(first), len(second), len(orders), dtype=torch.float64, device=device)
    own = [torch.zeros(len(first), 1, dtype=torch.float64, device=device), cross.new_zeros(len(second), len(orders))]
    for dealt in minibatches(n, batch, passes, seed):
        images, m = dealt.to(device), len(dealt)
        left = torch.stack([_centred(shown[layer][images] @ shown[layer][images].T) for layer in first]).flatten(1)
        weight = 1 / (m * (m - 3))
        own[0] += weight * left.square().sum(dim=1, keepdim=True, dtype=torch.float64)
        for column, layer in enumerate(second):
            for some in torch.arange(len(orders), device=device).split(max(1, ENTRIES // m**2)):
                at = shuffled[some][:, images]
                if kept:
                    made = kernels[layer][at[:, :, None], at[:, None, :]]
                else:
                    made = shown[layer][at] @ shown[layer][at].transpose(1, 2)
                right = _centred(made).flatten(1)
                with matmul_precision("highest"):
                    cross[:, column, some] += weight * (left @ right.T).double()
                own[1][column, some] += weight * right.square().sum(dim=1, dtype=torch.float64)
    values = cross / own[0][..., None].sqrt() / own[1].sqrt()
    rows, columns = [first.index(i) for i, _ in pairs], [second.index(j) for _, j in pairs]
    return np.asarray(values[rows, columns].T.cpu())


def _flat(layer: Tensor) -> Tensor:
    """Features (n, p) float32, centred and of unit size, so that their products lose nothing to a common offset."""
    x = layer.flatten(1).float()
    x = x - x.mean(dim=0)
    return x / x.square().mean().sqrt().clamp_min(torch.finfo(x.dtype).tiny)


def _centred(kernels: Tensor) -> Tensor:
    """U-centred kernels (..., m, m): row means over others subtracted, the diagonal 0 (Székely and Rizzo 2014)."""
    m = kernels.shape[-1]
    kernels = kernels.clone()
    kernels.diagonal(dim1=-2, dim2=-1).zero_()
    rows = kernels.sum(dim=-1) / (m - 2)
    rows -= rows.sum(dim=-1, keepdim=True) / (2 * (m - 1))
    kernels -= rows[..., None] + rows[..., None, :]
    kernels.diagonal(dim1=-2, dim2=-1).zero_()
    return kernels
