"""Centred kernel alignment of many layers at once: estimators, errors and null level.

All of them are built on the products of packed Gram matrices (`gram.py`). Undefined values are NaN: a layer
without variance has no CKA. Nothing is clamped, and the debiased estimate may lie a little outside [0, 1].
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kindred.errors import BadInput
from kindred.gram import Grams, Precision, matmul_precision, pack

Estimator = Literal["debiased", "biased"]
Matrix = NDArray[np.float64]

COLUMNS = 2**11  # one float32 product sums at most this many entries; beyond that the sum is float64
ROWS = 256  # layers per block row of the symmetric product


@torch.no_grad()
def hsic(grams: Grams, estimator: Estimator = "debiased") -> Tensor:
    """HSIC of all pairs of layers, (T, T) float64, in the kernels' own units; 0 for constant layers.

    'debiased': the unbiased estimate of Song et al. 2012 (eq. 5); 'biased': tr(KHLH) / (n-1)^2 of Gretton et
    al. 2005 (definition 2).
    """
    known_estimator(estimator)
    debiased, biased = _numerators(grams)
    n = grams.n
    units = grams.trace / n
    numerator = debiased / (n * (n - 3)) if estimator == "debiased" else biased / (n - 1) ** 2
    return numerator * units[:, None] * units


@torch.no_grad()
def cka(grams: Grams, estimator: Estimator = "debiased") -> Matrix:
    """CKA of all pairs of layers, (T, T), symmetric, 1 on the diagonal; NaN where a layer is constant.

    HSIC(K, L) / sqrt(HSIC(K, K) HSIC(L, L)); Kornblith et al. 2019 (eq. 4) with the chosen estimate of HSIC.
    """
    known_estimator(estimator)
    debiased, biased = _numerators(grams)
    roots = _roots(debiased.diagonal(), biased.diagonal(), grams.n, estimator)
    return _ratio(debiased if estimator == "debiased" else biased, roots, roots)


@torch.no_grad()
def cka_of_sums(
    debiased: Tensor, diagonal: Tensor, constant: Tensor, n: int, estimator: Estimator = "debiased"
) -> Matrix:
    """CKA (T, T) from the inner products (T, T) of packed rows, and the diagonals (T, n) that belong to them.

    constant: (T,) as in `gram.Grams`; for sums over rows of which never all are in memory.
    """
    known_estimator(estimator)
    traces = n * (~constant).double()
    biased = _biased(debiased, diagonal @ diagonal.T, traces[:, None] * traces, n)
    roots = _roots(debiased.diagonal(), biased.diagonal(), n, estimator)
    return _ratio(debiased if estimator == "debiased" else biased, roots, roots)


@torch.no_grad()
def cka_between(grams_a: Grams, grams_b: Grams, estimator: Estimator = "debiased") -> Matrix:
    """CKA of each layer of one pack (rows, Ta) with each of another (columns, Tb), (Ta, Tb).

    Both packs must describe the same images in the same order; only their number can be checked here.
    """
    known_estimator(estimator)
    if (grams_a.n, grams_a.block) != (grams_b.n, grams_b.block):
        raise BadInput(
            f"the two packs hold {grams_a.n} images in blocks of {grams_a.block} and {grams_b.n} in blocks of "
            f"{grams_b.block}; both numbers must agree."
        )
    debiased, biased = _numerators(grams_a, grams_b)
    roots = [_roots(*_self_numerators(grams), grams.n, estimator) for grams in (grams_a, grams_b)]
    return _ratio(debiased if estimator == "debiased" else biased, roots[0], roots[1])


@torch.no_grad()
def minibatch_cka(
    features: Sequence[Tensor],
    batch: int = 1024,
    passes: int = 3,
    seed: int = 0,
    precision: Precision = "float32",
) -> Matrix:
    """Minibatch linear CKA of all pairs of layers, (T, T): Nguyen et al. 2021 (eq. 3), Cianfarani et al. 2022.

    Means over minibatches of the unbiased HSIC, of each pair and of each layer with itself, then their ratio.
    features: (n, p_t) each. The images are shuffled anew for each pass, alike for all layers, and split into
    ceil(n / batch) minibatches whose sizes differ by at most one (the papers leave a smaller last one).
    precision: as for `pack`.

    Raises BadInput: a minibatch of fewer than 4 images, passes < 1, and as `pack`.
    """
    if not features:
        raise BadInput("there are 0 layers to compare; at least 1 is needed.")
    n = features[0].shape[0]
    for index, layer in enumerate(features):
        if layer.shape[0] != n:
            raise BadInput(f"layer {index} (counted from 0) has {layer.shape[0]} images; layer 0 has {n}.")
    if batch < 1 or n // math.ceil(n / batch) < 4:
        raise BadInput(f"batch is {batch} for {n} images; every minibatch needs at least 4 images.")
    if passes < 1:
        raise BadInput(f"passes is {passes}; at least 1 is needed.")
    device = features[0].device
    return minibatches_cka(
        pack((layer[images.to(device)] for layer in features), count=len(features), precision=precision)
        for images in minibatches(n, batch, passes, seed)
    )


def minibatches(n: int, batch: int, passes: int, seed: int) -> Iterator[Tensor]:
    """Positions of the images of each minibatch, `passes` times over all of them, as `minibatch_cka` has it."""
    generator = torch.Generator().manual_seed(seed)
    for _ in range(passes):
        yield from torch.tensor_split(torch.randperm(n, generator=generator), math.ceil(n / batch))


@torch.no_grad()
def minibatches_cka(packs: Iterable[Grams]) -> Matrix:
    """The ratio of means over packs, each of the same layers on one minibatch; (T, T). See `minibatch_cka`."""
    total = scale = None
    largest = 0
    for grams in packs:
        debiased, biased = _numerators(grams)
        units = grams.trace / grams.n
        weight = 1 / (grams.n * (grams.n - 3))
        cross, own = debiased * units[:, None] * units * weight, biased.diagonal() * units**2 * weight
        total, scale = (cross, own) if total is None or scale is None else (total + cross, scale + own)
        largest = max(largest, grams.n)
    if total is None or scale is None:
        raise BadInput("there are 0 minibatches to compare; at least 1 is needed.")
    roots = _roots(total.diagonal(), scale, largest, "debiased")
    return _ratio(total, roots, roots)


@torch.no_grad()
def jackknife(grams: Grams, pairs: Sequence[tuple[int, int]], batch: int = 16) -> Matrix:
    """Standard errors (P,) of debiased CKA for pairs of layers (i, j), by leaving out each image in turn, exactly.

    Efron and Stein 1981: sqrt((n-1)/n sum_i (CKA_(-i) - mean)^2). For U-centred A and B, whose rows sum to zero,
    leaving out image i turns the numerator S = sum_ij A_ij B_ij of the unbiased HSIC into
    S - 2 (n-2)/(n-3) c_i with c_i = sum_j A_ij B_ij: a deleted row leaves -A_ij as the row sums of the rest, and
    the formula of Song et al. 2012 needs only these. So a pair costs one pass over its two packed rows. The width
    of an RBF kernel stays that of all images.

    `batch` pairs are worked on at once, which takes 12 batch block n bytes. NaN where CKA is undefined, with all
    images or with one left out. Raises BadInput: fewer than 5 images, layers that are not there.
    """
    if grams.n < 5:
        raise BadInput(f"the jackknife was asked for {grams.n} images; at least 5 are needed.")
    for pair in pairs:
        if not all(0 <= layer < len(grams) for layer in pair):
            raise BadInput(
                f"pair {tuple(pair)} names a layer that is not there; layers are 0 to {len(grams) - 1}."
            )
    if not pairs:
        return np.zeros(0)
    layers = sorted({layer for pair in pairs for layer in pair})
    place = {layer: position for position, layer in enumerate(layers)}
    cross = _delete_one(grams, pairs, batch)
    own = _delete_one(grams, [(layer, layer) for layer in layers], batch)
    floor = _floor(grams.n) * _self_numerators(grams)[1][layers]
    own = torch.where(own > floor[:, None], own, torch.nan).sqrt()
    first, second = ([place[pair[side]] for pair in pairs] for side in (0, 1))
    values = cross / own[first] / own[second]
    spread = (values - values.mean(dim=1, keepdim=True)).square().mean(dim=1)
    return np.asarray((spread * (grams.n - 1)).sqrt().cpu())


@torch.no_grad()
def permutation_null(grams: Grams, estimator: Estimator = "debiased") -> Matrix:
    """Expected CKA (T, T) when the images of one layer are paired with those of the other at random, exactly.

    Over all n! pairings HSIC(K, K) does not change and the mean of tr(KL) is tr K tr L / (n-1) for centred K and
    L, so 'biased' gives tr K tr L / ((n-1) |K| |L|). 'debiased' gives 0. NaN where CKA is undefined.
    """
    known_estimator(estimator)
    debiased, biased = _self_numerators(grams)
    roots = _roots(debiased, biased, grams.n, estimator)
    numerator = torch.zeros(len(grams), len(grams), dtype=torch.float64, device=roots.device)
    if estimator == "biased":
        traces = _traces(grams)
        numerator = traces[:, None] * traces / (grams.n - 1)
    return _ratio(numerator, roots, roots)


def known_estimator(estimator: str) -> None:
    """Raises BadInput for another estimator than there are."""
    if estimator not in ("debiased", "biased"):
        raise BadInput(f"estimator is {estimator!r}; allowed are 'debiased' and 'biased'.")


def _traces(grams: Grams) -> Tensor:
    """Traces (T,) of the normalised kernels: n, or 0 for constant layers."""
    return grams.n * (~grams.constant).double()


def _numerators(a: Grams, b: Grams | None = None) -> tuple[Tensor, Tensor]:
    """Sums of K_ij L_ij of the normalised kernels, U-centred and doubly centred, of all pairs: (Ta, Tb) each."""
    debiased = products(a.packed, None if b is None else b.packed)
    b = a if b is None else b
    own = a.diagonal @ b.diagonal.T
    return debiased, _biased(debiased, own, _traces(a)[:, None] * _traces(b), a.n)


def _self_numerators(grams: Grams) -> tuple[Tensor, Tensor]:
    """The same of each layer with itself: (T,) each."""
    debiased = torch.zeros(len(grams), dtype=torch.float64, device=grams.packed.device)
    for part in grams.packed.split(COLUMNS, dim=1):
        debiased += torch.linalg.vecdot(part, part)
    own = grams.diagonal.square().sum(dim=1)
    return debiased, _biased(debiased, own, _traces(grams) ** 2, grams.n)


def _biased(debiased: Tensor, diagonals: Tensor, traces: Tensor, n: int) -> Tensor:
    """Doubly centred products from U-centred ones, products of diagonals and products of traces."""
    return debiased + n / (n - 2) * diagonals - traces / ((n - 1) * (n - 2))


def products(a: Tensor, b: Tensor | None = None) -> Tensor:
    """a b^T (or a a^T) of packed rows in float64 sums of float32 products of COLUMNS columns."""
    other = a if b is None else b
    total = torch.zeros(len(a), len(other), dtype=torch.float64, device=a.device)
    with matmul_precision("highest"):
        for left, right in zip(a.split(COLUMNS, dim=1), other.split(COLUMNS, dim=1), strict=True):
            if b is not None:
                total += left @ right.T
                continue
            for lo in range(0, len(a), ROWS):
                total[lo : lo + ROWS, lo:] += left[lo : lo + ROWS] @ right[lo:].T
    return total if b is not None else total.triu() + total.triu(1).T


def _floor(n: int) -> float:
    """Share of the biased self term below which a debiased one is rounding: n (8 eps)^2 for float32 entries."""
    return n * (8 * torch.finfo(torch.float32).eps) ** 2


def _roots(debiased: Tensor, biased: Tensor, n: int, estimator: Estimator) -> Tensor:
    """Square roots (T,) of the self terms, NaN where there is nothing to divide by."""
    if estimator == "biased":
        return torch.where(biased > 0, biased, torch.nan).sqrt()
    return torch.where(debiased > _floor(n) * biased, debiased, torch.nan).sqrt()


def _ratio(numerator: Tensor, rows: Tensor, columns: Tensor) -> Matrix:
    # Roots before the product: that of two self terms could overflow, and symmetry is kept to the last bit.
    return np.asarray((numerator / (rows[:, None] * columns)).cpu())


def _delete_one(grams: Grams, pairs: Sequence[tuple[int, int]], batch: int) -> Tensor:
    """Numerators (P, n) of the unbiased HSIC of pairs of layers with each image left out; see `jackknife`."""
    n = grams.n
    parts = []
    for start in range(0, len(pairs), batch):
        chosen = pairs[start : start + batch]
        first, second = [i for i, _ in chosen], [j for _, j in chosen]
        rows = torch.zeros(len(chosen), n, dtype=torch.float64, device=grams.packed.device)
        for lo, hi, piece in grams.blocks(grams.packed):
            product = piece[first] * piece[second]
            square, rest = product[..., : hi - lo], product[..., hi - lo :]  # rest counts each pair twice
            rows[:, lo:hi] += square.sum(dim=2) + rest.sum(dim=2) / 2
            rows[:, hi:] += rest.sum(dim=1) / 2
        parts.append(rows.sum(dim=1, keepdim=True) - 2 * (n - 2) / (n - 3) * rows)
    return torch.cat(parts)
