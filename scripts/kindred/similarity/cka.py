"""Centred kernel alignment of many layers at once: estimators, standard errors and null levels.

All are products of packed Gram matrices (`gram.py`). Undefined values are NaN: a constant layer has no CKA.
Nothing is clamped; the debiased estimate may lie slightly outside [0, 1].
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kindred.similarity.gram import Grams, matmul_precision
from kindred.workflow.errors import BadInput

Estimator = Literal["debiased", "biased"]
Matrix = NDArray[np.float64]

COLUMNS = 2**11  # entries summed in one float32 product; the sum over products is float64
ROWS = 256  # layers per block row of the symmetric product
PERMUTED = 2**24  # entries of permuted rows held at once


@torch.no_grad()
def cka(grams: Grams, estimator: Estimator = "debiased") -> Matrix:
    """CKA of all pairs of layers, (T, T), symmetric, 1 on the diagonal; NaN where a layer is constant.

    HSIC(K, L) / sqrt(HSIC(K, K) HSIC(L, L)); Kornblith et al. 2019 (eq. 4). 'debiased': with the unbiased HSIC of Song
    et al. 2012 (eq. 5); 'biased': tr(KHLH) / (n-1)^2 of Gretton et al. 2005 (definition 2). Raises BadInput for another
    estimator, as do all functions here that take one.
    """
    _demand_centring(estimator, grams)
    return cka_of_sums(products(grams.packed), grams.diagonal, grams.constant, grams.n, estimator)


@torch.no_grad()
def cka_of_sums(
    debiased: Tensor, diagonal: Tensor, constant: Tensor, n: int, estimator: Estimator = "debiased"
) -> Matrix:
    """CKA (T, T) from the inner products (T, T) of packed rows and the diagonals (T, n) that belong to them.

    constant: (T,) as in `gram.Grams`. Serves sums over parts of rows that are never in memory all at once.
    """
    traces = n * (~constant).double()
    biased = _biased(debiased, diagonal @ diagonal.T, traces[:, None] * traces, n)
    roots = roots_of(debiased.diagonal(), biased.diagonal(), n, estimator)
    return ratio(debiased if estimator == "debiased" else biased, roots, roots)


@torch.no_grad()
def cka_between(grams_a: Grams, grams_b: Grams, estimator: Estimator = "debiased") -> Matrix:
    """CKA of each layer of one pack (Ta) with each of another (Tb), (Ta, Tb).

    Both packs must hold the same images in the same order, in blocks of the same size.
    """
    _demand_centring(estimator, grams_a, grams_b)
    debiased, biased = numerators(grams_a, grams_b)
    roots = [roots_of(*_self_numerators(grams), grams.n, estimator) for grams in (grams_a, grams_b)]
    return ratio(debiased if estimator == "debiased" else biased, roots[0], roots[1])


@torch.no_grad()
def jackknife(grams: Grams, pairs: Sequence[tuple[int, int]], batch: int = 16) -> Matrix:
    """Jackknife standard errors (P,) over images of debiased CKA for pairs of layers (i, j), exact.

    Efron and Stein 1981: sqrt((n-1)/n sum_i (CKA_(-i) - mean)^2) over all images i left out in turn. For
    U-centred A and B, whose rows sum to zero, leaving out image i turns the numerator S = sum_ij A_ij B_ij of
    the unbiased HSIC into S - 2 (n-2)/(n-3) c_i with c_i = sum_j A_ij B_ij: a deleted row leaves -A_ij as the
    row sums of the rest, and the formula of Song et al. 2012 needs only these. So a pair costs one pass over
    its two packed rows. The width of an RBF kernel stays that of all images.

    Images drawn class by class are left out of their class: `Strata.deleted`, which is not exact, and `Strata.spread`.

    There must be at least 5 images. `batch` pairs are processed at once, in 12 batch block n bytes. NaN where CKA is
    undefined, with all images or with one left out.
    """
    if not pairs:
        return np.zeros(0)
    layers = sorted({layer for pair in pairs for layer in pair})
    row = {layer: index for index, layer in enumerate(layers)}
    cross = _delete_one(grams, pairs, batch)
    own = undefined_below(_delete_one(grams, [(layer, layer) for layer in layers], batch), grams, layers).sqrt()
    first, second = ([row[pair[side]] for pair in pairs] for side in (0, 1))
    return np.asarray(spread(cross / own[first] / own[second], grams).cpu())


def deleted(sums: Tensor, grams: Grams) -> Tensor:
    """Numerators (..., n) of the unbiased HSIC with each image left out, from c_i (..., n) of `jackknife`."""
    if grams.strata is not None:
        return grams.strata.deleted(sums)
    n = grams.n
    return sums.sum(dim=-1, keepdim=True) - 2 * (n - 2) / (n - 3) * sums


def undefined_below(own: Tensor, grams: Grams, layers: Sequence[int] | slice = slice(None)) -> Tensor:
    """Numerators (T, n) of layers with themselves, NaN where they are no more than rounding."""
    floor = floor_of_biased(grams)[layers]
    return torch.where(own > floor[:, None], own, torch.nan)


def jackknife_spread(values: Tensor) -> Tensor:
    """Jackknife standard error (...,) from the values (..., n) with each of n independent images left out."""
    n = values.shape[-1]
    return ((values - values.mean(dim=-1, keepdim=True)).square().mean(dim=-1) * (n - 1)).sqrt()


def spread(values: Tensor, grams: Grams) -> Tensor:
    """The same of debiased measures, where each image is left out of its class if there are strata."""
    return jackknife_spread(values) if grams.strata is None else grams.strata.spread(values)


def floor_of_biased(grams: Grams) -> Tensor:
    """Numerator (T,) of the biased HSIC of a layer with itself that is no more than rounding."""
    return _floor(grams.n) * _self_numerators(grams)[1]


@torch.no_grad()
def permutation_null(grams: Grams, estimator: Estimator = "debiased") -> Matrix:
    """Expected CKA (T, T) when the images of the two layers are paired at random, exactly.

    Over all n! pairings HSIC(K, K) does not change and the mean of tr(KL) is tr K tr L / (n-1) for centred K
    and L, so 'biased' gives tr K tr L / ((n-1) |K| |L|). 'debiased' gives 0 (under strata the mean of its numerator is
    0 as well). NaN where CKA is undefined.
    """
    _demand_centring(estimator, grams)
    debiased, biased = _self_numerators(grams)
    roots = roots_of(debiased, biased, grams.n, estimator)
    numerator = torch.zeros(len(grams), len(grams), dtype=torch.float64, device=roots.device)
    if estimator == "biased":
        traces = _traces(grams)
        numerator = traces[:, None] * traces / (grams.n - 1)
    return ratio(numerator, roots, roots)


def _demand_centring(estimator: Estimator, *packs: Grams) -> None:
    if estimator == "biased" and any(grams.strata is not None for grams in packs):
        raise ValueError("biased CKA needs Gram matrices that are not centred for strata.")


@torch.no_grad()
def permuted(
    grams: Grams, pairs: Sequence[tuple[int, int]], orders: NDArray[np.integer], estimator: Estimator = "debiased"
) -> Matrix:
    """CKA (K, P) of pairs of layers (i, j) when the images of layer j are taken in each of the K orders (K, n).

    Permuting images permutes rows and columns of a Gram matrix, and no self term changes: for each j and order one
    packed row is gathered, and all i of its pairs are one product with it. So an order costs about a pass over the
    packed rows for each j, beside the n^2 entries of one matrix and a few packed rows.
    """
    debiased, biased = _self_numerators(grams)
    roots, n = roots_of(debiased, biased, grams.n, estimator), grams.n
    found = torch.empty(len(orders), len(pairs), dtype=torch.float64, device=roots.device)
    traces, shuffled = _traces(grams), torch.from_numpy(np.asarray(orders, dtype=np.int64)).to(roots.device)
    several = max(1, PERMUTED // grams.packed.shape[1])
    for second in sorted({j for _, j in pairs}):
        places = [place for place, (_, j) in enumerate(pairs) if j == second]
        first = [pairs[place][0] for place in places]
        whole, left = _square(grams, second), grams.packed[first]
        for lo in range(0, len(orders), several):
            some = shuffled[lo : lo + several]
            rows = torch.empty(len(some), left.shape[1], device=left.device)
            for row, order in zip(rows, some, strict=True):
                for start, stop, piece in grams.blocks(row):
                    torch.mul(whole[order[start:stop, None], order[None, start:]], math.sqrt(2), out=piece)
                    piece[:, : stop - start].div_(math.sqrt(2))
            numerator = products(left, rows)
            if estimator == "biased":
                own = grams.diagonal[first] @ grams.diagonal[second][some].T
                numerator = _biased(numerator, own, (traces[first] * traces[second])[:, None], n)
            found[lo : lo + several, places] = (numerator / (roots[first][:, None] * roots[second])).T
    return np.asarray(found.cpu())


def _square(grams: Grams, layer: int) -> Tensor:
    """The U-centred matrix (n, n) of a layer, from its packed row."""
    whole = torch.empty(grams.n, grams.n, device=grams.packed.device)
    for lo, hi, piece in grams.blocks(grams.packed[layer]):
        whole[lo:hi, lo:hi] = piece[:, : hi - lo]
        whole[lo:hi, hi:] = piece[:, hi - lo :] / math.sqrt(2)
        whole[hi:, lo:hi] = whole[lo:hi, hi:].T
    return whole


def _traces(grams: Grams) -> Tensor:
    """Traces (T,) of the normalised kernels: n, or 0 for constant layers."""
    return grams.n * (~grams.constant).double()


def numerators(a: Grams, b: Grams | None = None) -> tuple[Tensor, Tensor]:
    """Sums of K_ij L_ij of the normalised kernels, U-centred and doubly centred, of all pairs: (Ta, Tb) each."""
    debiased = products(a.packed, None if b is None else b.packed)
    b = a if b is None else b
    own = a.diagonal @ b.diagonal.T
    return debiased, _biased(debiased, own, _traces(a)[:, None] * _traces(b), a.n)


def _self_numerators(grams: Grams) -> tuple[Tensor, Tensor]:
    """The same sums of each layer with itself: (T,) each."""
    debiased = torch.zeros(len(grams), dtype=torch.float64, device=grams.packed.device)
    for part in grams.packed.split(COLUMNS, dim=1):
        debiased += torch.linalg.vecdot(part, part)
    own = grams.diagonal.square().sum(dim=1)
    return debiased, _biased(debiased, own, _traces(grams) ** 2, grams.n)


def _biased(debiased: Tensor, diagonals: Tensor, traces: Tensor, n: int) -> Tensor:
    """Doubly centred products from U-centred ones, products of diagonals and products of traces."""
    return debiased + n / (n - 2) * diagonals - traces / ((n - 1) * (n - 2))


def products(a: Tensor, b: Tensor | None = None) -> Tensor:
    """a b^T (or a a^T) of packed rows: float32 products of COLUMNS columns, summed in float64."""
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
    """Share of the biased self term below which the debiased one is rounding: n (8 eps)^2 in float32."""
    return n * (8 * torch.finfo(torch.float32).eps) ** 2


def roots_of(debiased: Tensor, biased: Tensor, n: int, estimator: Estimator) -> Tensor:
    """Square roots (T,) of the self terms, NaN where CKA is undefined."""
    if estimator not in ("debiased", "biased"):
        raise BadInput(f"estimator is {estimator!r}; allowed are 'debiased' and 'biased'.")
    if estimator == "biased":
        return torch.where(biased > 0, biased, torch.nan).sqrt()
    return torch.where(debiased > _floor(n) * biased, debiased, torch.nan).sqrt()


def ratio(numerator: Tensor, rows: Tensor, columns: Tensor) -> Matrix:
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
        parts.append(deleted(rows, grams))
    return torch.cat(parts)
