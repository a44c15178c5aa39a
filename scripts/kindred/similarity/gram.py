"""Gram matrices of many layers, centred once and packed as the rows of one matrix.

Every comparison of two layers by HSIC or CKA is an inner product of two centred n x n kernel matrices. Here
each layer's matrix is computed once and its upper triangle becomes one row of a (layers, entries) float32
matrix, so that all comparisons of all layers are one matrix product (`cka.py`).

A row holds the *U-centred* kernel (Székely and Rizzo 2014, Partial distance correlation, eq. 2.3): off the
diagonal, row means are subtracted so that each row of the n x n matrix sums to zero; the diagonal is zero.
The inner product of two such rows is the unbiased HSIC numerator of Song et al. 2012 (eq. 5), free of
cancellation. With d the diagonals and t the traces of the doubly centred kernels, the biased numerator
follows: <K, L>_biased = <K, L>_unbiased + n/(n-2) d_K . d_L - t_K t_L / ((n-1)(n-2)).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence, Sized
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from kindred.similarity.strata import Strata
from kindred.workflow.errors import BadInput

Kernel = Literal["linear", "rbf"]
Precision = Literal["float32", "bfloat16"]
Rows = tuple[int, int]  # a block row: first image, last image + 1

BLOCK = 128  # images per block row: 56 % of the square at n = 1,024, yet large enough for fast products
BUFFER = 2**21  # entries of centred features held at once; more does not fit a cache


@dataclass(frozen=True, eq=False)
class Grams:
    """Centred Gram matrices of T layers on the same n images in the same order.

    packed: (T, m) float32; U-centred, divided by trace / n. Block rows of the upper triangle in order: images
        [lo, lo + block) against images [lo, n). The square block on the diagonal has both triangles; the rest
        has a factor sqrt(2), so that the inner product of two rows is that of the whole matrices.
    diagonal: (T, n) float64; diagonal of the doubly centred kernel, divided by trace / n: sums to n.
    trace: (T,) float64; trace of the doubly centred kernel, in the kernel's own units.
    constant: (T,) bool; layers without variance, whose row and diagonal are 0. (RBF: also where the median
        distance is 0.)
    strata: the classes of images that were drawn class by class, for which packed is centred then (`stratified`);
        None for independent images.
    """

    packed: Tensor
    diagonal: Tensor
    trace: Tensor
    constant: Tensor
    n: int
    block: int
    strata: Strata | None = None

    def __len__(self) -> int:
        return self.packed.shape[0]

    def blocks(self, rows: Tensor) -> Iterator[tuple[int, int, Tensor]]:
        """Block rows of packed rows: (lo, hi, view of shape (..., hi - lo, n - lo))."""
        return block_views(rows, block_rows(self.n, self.block), self.n)


def packed_bytes(layers: int, n: int, block: int = BLOCK) -> int:
    """Bytes that `pack` keeps for this many layers on n images: about 2 n (n + block) a layer.

    While packing there is also a buffer of max(8 MiB, 2 KiB x n) (two or three for features that are not
    float32), one layer's features where an iterator yields them, and about 6 n^2 bytes for 'rbf'.
    """
    return layers * (4 * entries(block_rows(n, block), n) + 8 * n)


@torch.no_grad()
def pack(
    features: Iterable[Tensor | Iterable[Tensor]],
    *,
    kernel: Kernel = "linear",
    sigma: float = 0.5,
    precision: Precision = "float32",
    count: int | None = None,
    block: int = BLOCK,
) -> Grams:
    """Centred Gram matrices of layers given as features (n, p_t) or (n, ...), of any width and float type.

    A layer may come in parts, an iterable of column blocks (n, q) of its features. features may be an iterator of
    `count` layers: each is released before the next one is requested. `packed_bytes` is the memory used.

    kernel: 'linear', x . y; or 'rbf', exp(-|x - y|^2 / (2 s^2)) where s is `sigma` times the (lower) median
        distance between two different images (Kornblith et al. 2019, section 3).
    precision: 'bfloat16' rounds the centred features to bfloat16 before the Gram products (on a GPU to TF32).
        Products are summed in float32, on the CPU over about 2,048 features at a time, whose sum is rounded
        to bfloat16 as well; diagonals are float32. Measured (tests/benchmarks/compare_cka.py: n = 1,024, 72
        layers of 64 to 16,384 features): CKA off by at most 9e-5, against 3e-8 with float32. Faster only on
        hardware that multiplies bfloat16 (AVX-512 BF16, AMX) or TF32.

    Features are centred before the product and the matrix again afterwards, so that a common offset, however
    large, leaves no trace beyond the rounding already in the features. A layer whose spread is below 1e-2
    units in the last place of its mean (root mean square) counts as constant, as does one below 1e-19.

    Raises BadInput: fewer than 4 images, unequal numbers of images, NaN or infinity, no features, integers, another
    number of layers than `count`.
    """
    if count is None:
        assert isinstance(features, Sized)
        count = len(features)
    centrings: list[Centring] = []
    packed = buffer = None
    n, plan = 0, []
    with matmul_precision("medium" if precision == "bfloat16" else "highest"):
        for layer in features:  # no enumerate(): it would keep a second layer alive
            index = len(centrings)
            row: Tensor | None = None
            spread_floor = torch.zeros((), dtype=torch.float64)
            for part in (layer,) if isinstance(layer, Tensor) else layer:
                x = features_of(part, index, n)
                if buffer is None or packed is None:
                    n = x.shape[0]
                    plan = block_rows(n, block)
                    buffer = torch.empty(n * max(512, BUFFER // n), device=x.device)
                    packed = torch.empty(count, entries(plan, n), device=x.device)
                if index == count:
                    raise BadInput(f"count is {count}, but there are more layers.")
                if row is None:
                    row = packed[index].zero_()
                rounds = precision == "bfloat16"
                spread_floor = spread_floor.to(x.device) + _gram(x, row, buffer, plan, round_features=rounds)
                del part, x
            del layer
            assert row is not None
            constant = _to_rbf(row, plan, n, sigma, spread_floor) if kernel == "rbf" else None
            centrings.append(_centre(row, plan, n, spread_floor, constant))
    if packed is None or len(centrings) < len(packed):
        raise BadInput(f"count is {count}, but there are only {len(centrings)} layers.")
    diagonal, trace, constant = (
        torch.stack([getattr(one, name) for one in centrings]) for name in ("diagonal", "trace", "constant")
    )
    for index, each in enumerate(trace.cpu()):
        demand_finite(each, index)
    return Grams(packed, diagonal, trace, constant, n, block)


@torch.no_grad()
def stratified(grams: Grams, strata: Strata) -> Grams:
    """The same layers centred for the unbiased HSIC of images drawn class by class; `strata.py`, for debiased CKA only.

    Overwrites the packed rows, which must be those of independent images: U-centring subtracts what the estimator does
    not see. Takes about 16 n C bytes, and three block rows, beside them.
    """
    if grams.strata is not None or len(strata.labels) != grams.n:
        raise ValueError(f"Gram matrices of {grams.n} independent images are needed.")
    plan, strata = block_rows(grams.n, grams.block), strata.to(grams.packed.device)
    for row in grams.packed:
        centring = strata.centring(class_sums(row, plan, strata))
        for lo, hi, piece in block_views(row, plan, grams.n):
            centring.apply(lo, hi, piece)
    return replace(grams, strata=strata)


def class_sums(row: Tensor, rows: Iterable[Rows], strata: Strata) -> Tensor:
    """Sums (n, C) float64 over the images of each class, in every row of the whole matrix of a packed row."""
    members = strata.members
    sums = torch.zeros(members.shape, dtype=torch.float64, device=row.device)
    with matmul_precision("highest"):
        for lo, hi, piece in block_views(row, rows, len(members)):
            square, rest = piece[:, : hi - lo], piece[:, hi - lo :]
            sums[lo:hi] += square @ members[lo:hi] + rest @ members[hi:] / math.sqrt(2)
            sums[hi:] += rest.T @ members[lo:hi] / math.sqrt(2)
    return sums


def demand_finite(trace: Tensor, index: int) -> None:
    """Raise BadInput where the trace of a layer's kernel shows features that are not finite or too large."""
    if not torch.isfinite(trace):
        raise BadInput(
            f"features of layer {index} (counted from 0) hold NaN, infinity or values beyond 1e18; "
            "all must be finite with squares within float32."
        )


def rounding_floor(dtype: torch.dtype, n: int) -> float:
    """Trace, relative to the squared norm of the mean features, up to which a layer is rounding only."""
    resolution = torch.finfo(dtype if dtype == torch.float64 else torch.float32).eps
    return 1e-4 * resolution**2 * n


@contextmanager
def matmul_precision(name: str) -> Iterator[None]:
    """Set the precision of torch's float32 matrix products within the context, whatever it is outside."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(name)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def block_rows(n: int, block: int) -> list[Rows]:
    """Block rows of the upper triangle of an (n, n) matrix."""
    return [(lo, min(lo + block, n)) for lo in range(0, n, block)]


def entries(rows: Iterable[Rows], n: int) -> int:
    """Number of entries of block rows."""
    return sum((hi - lo) * (n - lo) for lo, hi in rows)


def block_views(packed: Tensor, rows: Iterable[Rows], n: int) -> Iterator[tuple[int, int, Tensor]]:
    """(lo, hi, view of shape (..., hi - lo, n - lo)) of each block row in packed rows (..., entries)."""
    start = 0
    for lo, hi in rows:
        end = start + entries([(lo, hi)], n)
        yield lo, hi, packed[..., start:end].unflatten(-1, (hi - lo, n - lo))
        start = end


def features_of(layer: Tensor, index: int, n: int) -> Tensor:
    """Features (n, p) of one layer, checked without its values; n: 0 if unknown. Raises BadInput as `pack`."""
    x = layer.flatten(1)
    if not x.is_floating_point() or len(x) < 4 or x.shape[1] == 0 or len(x) != (n or len(x)):
        raise BadInput(
            f"features of layer {index} (counted from 0) are {layer.dtype} of shape {tuple(layer.shape)}; "
            f"floating-point numbers of shape ({n or 'at least 4'} images, features) are needed."
        )
    return x


def _gram(x: Tensor, row: Tensor, buffer: Tensor, rows: Sequence[Rows], round_features: bool) -> Tensor:
    """Add the Gram matrix of the centred features to row; return the trace below which it is rounding only.

    The mean need not be exact: its remainder is removed from the Gram matrix by `_centre`.
    """
    n, p = x.shape
    width = buffer.numel() // n
    # The CPU multiplies bfloat16 fast only into bfloat16, which is too coarse for the diagonal.
    coarse = round_features and x.device.type == "cpu"
    diagonal = _diagonal(row, rows, n).float()  # of the parts before this one
    offset = torch.zeros((), dtype=torch.float64, device=x.device)
    for lo in range(0, p, width):
        part = x[:, lo : lo + width]
        if part.dtype not in (torch.float32, torch.float64):
            part = part.float()
        mean = part.mean(dim=0)
        offset += mean.double().square().sum()
        centred = torch.sub(part, mean, out=buffer[: part.numel()].view(part.shape))
        rounded = centred.bfloat16() if round_features else centred
        if coarse:
            diagonal += torch.linalg.vector_norm(centred, dim=1).square_()
            for start, stop, piece in block_views(row, rows, n):
                piece.add_(rounded[start:stop] @ rounded[start:].T)
            continue
        if round_features:
            centred.copy_(rounded)
        for start, stop, piece in block_views(row, rows, n):
            torch.addmm(piece, centred[start:stop], centred[start:].T, out=piece)
    if coarse:
        for start, stop, piece in block_views(row, rows, n):
            piece.diagonal().copy_(diagonal[start:stop])
    return rounding_floor(x.dtype, n) * offset


def _diagonal(row: Tensor, rows: Sequence[Rows], n: int) -> Tensor:
    """Diagonal (n,) of an unweighted packed matrix, float64."""
    return torch.cat([piece.diagonal() for _, _, piece in block_views(row, rows, n)]).double()


def _to_rbf(row: Tensor, rows: Sequence[Rows], n: int, sigma: float, floor: Tensor) -> Tensor:
    """Turn a linear Gram matrix into the RBF kernel minus 1, in place; return whether the layer is constant.

    Minus 1, because centring removes any constant and expm1 keeps the digits of a wide kernel.
    """
    norms = _diagonal(row, rows, n).float()
    upper = []
    for lo, hi, piece in block_views(row, rows, n):
        piece.mul_(-2).add_(norms[lo:hi, None]).add_(norms[lo:]).clamp_(min=0)
        piece.diagonal().zero_()
        above = torch.ones(hi - lo, hi - lo, dtype=torch.bool, device=row.device).triu_(1)
        upper += [piece[:, : hi - lo][above], piece[:, hi - lo :].flatten()]
    distances = torch.cat(upper)
    median = distances.median()
    # The squared distances of all pairs sum to n times the trace of the centred linear kernel.
    constant = (median == 0) | (distances.sum(dtype=torch.float64) / n <= floor)
    rate = -0.5 / (sigma**2 * torch.where(constant, torch.ones_like(median), median))
    row.mul_(rate).expm1_()
    return constant


@dataclass(frozen=True, eq=False)
class Centring:
    """Constants that centre and normalise the kernel of one layer.

    shift (n,) and scale, float32: of the U-centred kernel; diagonal (n,), trace, constant: as in `Grams`.
    """

    shift: Tensor
    scale: Tensor
    diagonal: Tensor
    trace: Tensor
    constant: Tensor

    def apply(self, packed: Tensor, rows: Iterable[Rows]) -> None:
        """U-centre, normalise and weight packed block rows in place."""
        root = self.scale * math.sqrt(2)
        for lo, hi, piece in block_views(packed, rows, len(self.shift)):
            piece.sub_(self.shift[lo:hi, None]).sub_(self.shift[lo:])
            piece.diagonal().zero_()
            piece[:, : hi - lo].mul_(self.scale)
            piece[:, hi - lo :].mul_(root)


def centring(diagonal: Tensor, sums: Tensor, others: Tensor, floor: Tensor, constant: Tensor | None = None) -> Centring:
    """Centring from a kernel's diagonal (n,) and its row sums (n,) with and without the diagonal, float64.

    constant: whether the layer is, where that is known already; else it is if the trace is at most `floor`.
    """
    n = len(diagonal)
    means = sums / n
    centred = diagonal - 2 * means + means.mean()
    trace = centred.sum()
    constant = trace <= floor if constant is None else constant
    scale = torch.where(constant, torch.zeros_like(trace), n / trace)
    # Székely and Rizzo 2014, eq. 2.3, with the grand mean split between row and column.
    shift = others / (n - 2) - others.sum() / (2 * (n - 1) * (n - 2))
    return Centring(shift.float(), scale.float(), centred * scale, trace, constant)


def _centre(row: Tensor, rows: Sequence[Rows], n: int, floor: Tensor, constant: Tensor | None) -> Centring:
    """U-centre, normalise and weight a packed kernel in place."""
    raw = _diagonal(row, rows, n)
    others = torch.zeros(n, dtype=torch.float64, device=row.device)
    for lo, hi, piece in block_views(row, rows, n):
        piece.diagonal().zero_()
        others[lo:hi] += piece.sum(dim=1)
        others[hi:] += piece[:, hi - lo :].sum(dim=0)
    found = centring(raw, others + raw, others, floor, constant)
    found.apply(row, rows)
    return found
