"""Gram matrices of many layers, centred once, packed as the rows of one matrix.

Every comparison of two layers by HSIC or CKA is an inner product of two centred n x n kernel matrices. Here
each layer's matrix is computed once, only its upper triangle is kept, and it becomes one row of a
(layers, entries) float32 matrix, so that all comparisons of all layers are one matrix product (`cka.py`).

A row holds the *U-centred* kernel (Székely and Rizzo 2014, Partial distance correlation, eq. 2.3): off the
diagonal, row means are taken out so that each row of the n x n matrix sums to zero; the diagonal is zero.
The inner product of two such rows is the unbiased HSIC numerator of Song et al. 2012 (eq. 5) with nothing left
to cancel. With d the diagonals and t the traces of the doubly centred kernels, the biased numerator follows:
<K, L>_biased = <K, L>_unbiased + n/(n-2) d_K . d_L - t_K t_L / ((n-1)(n-2)).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from kindred.errors import BadInput

Kernel = Literal["linear", "rbf"]
Precision = Literal["float32", "bfloat16"]

BLOCK = 128  # images per block row: 56 % of the square at n = 1,024, and still large enough for fast products
BUFFER = 2**21  # centred features held at once, in numbers; more does not fit a cache


@dataclass(frozen=True, eq=False)
class Grams:
    """Centred Gram matrices of T layers on the same n images, in the same order.

    packed: (T, m) float32; U-centred, divided by trace / n. Block rows of the upper triangle one after the other:
        images [lo, lo + block) against images [lo, n). The square block on the diagonal has both triangles; the
        rest carries a factor sqrt(2), so that the inner product of two rows is that of the whole matrices.
    diagonal: (T, n) float64; diagonal of the doubly centred kernel, divided by trace / n: sums to n.
    trace: (T,) float64; trace of the doubly centred kernel, in the kernel's own units.
    constant: (T,) bool; layers without variance, whose row and diagonal are 0. (RBF: also layers whose median
        distance is 0.)
    """

    packed: Tensor
    diagonal: Tensor
    trace: Tensor
    constant: Tensor
    n: int
    block: int

    def __len__(self) -> int:
        return self.packed.shape[0]

    def blocks(self, rows: Tensor) -> Iterator[tuple[int, int, Tensor]]:
        """The block rows of some packed rows: (lo, hi, view of shape (..., hi - lo, n - lo))."""
        return _blocks(rows, self.n, self.block)


def packed_bytes(layers: int, n: int, block: int = BLOCK) -> int:
    """Bytes that `pack` keeps for so many layers on n images: about 2 n (n + block) a layer.

    While packing there is one buffer of max(8 MiB, 2 KiB x n) more (two or three such for features that are not
    float32), one layer's features where an iterator gives them, and for 'rbf' about 6 n^2 bytes.
    """
    return layers * (4 * _width(n, block) + 8 * n)


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
    """Centred Gram matrices of layers given as features (n, p_t) or (n, ...), p_t free, of any float type.

    A layer may come in parts, an iterable of features (n, q) that stand side by side. features may be an iterator:
    a layer is let go before the next one is asked for. `count` announces how many layers an iterator will give,
    which saves holding the rows twice on a GPU. `packed_bytes` says what is kept.

    kernel: 'linear', x . y; or 'rbf', exp(-|x - y|^2 / (2 s^2)) where s is `sigma` times the (lower) median
        distance between two different images (Kornblith et al. 2019, section 3).
    precision: 'bfloat16' rounds the centred features to bfloat16 before the Gram products (on a GPU to TF32). They
        are summed in float32, on the CPU within 2,048 features or so at a time, whose sum is rounded to bfloat16 as
        well; diagonals are float32. Measured (tests/benchmarks/compare_cka.py: n = 1,024, 72 layers of 64 to 16,384
        features): CKA off by at most 9e-5, against 3e-8 with float32. Faster only where the hardware multiplies
        bfloat16 (AVX-512 BF16, AMX) or TF32.

    Features are centred before they are multiplied and the matrix again afterwards, so that a common offset,
    however large, leaves no trace beyond the rounding already in the features. A layer whose spread is below
    1e-2 units in the last place of its mean (root mean square) counts as constant, as does one below 1e-19.

    Raises BadInput: fewer than 4 images, layers with different images, NaN or infinity, no features, integers.
    """
    check(kernel, sigma, precision, block)
    if count is None and isinstance(features, Sized):
        count = len(features)

    rows: list[Tensor] = []
    statistics: list[tuple[Tensor, Tensor, Tensor]] = []
    packed = buffer = None
    n = 0
    with matmul_precision("medium" if precision == "bfloat16" else "highest"):
        for layer in features:  # no enumerate(): it would keep a second layer alive
            index = len(rows)
            row: Tensor | None = None
            spread_floor = torch.zeros((), dtype=torch.float64)
            for part in (layer,) if isinstance(layer, Tensor) else layer:
                x = features_of(part, index, n)
                if buffer is None:
                    n = x.shape[0]
                    buffer = torch.empty(n * max(512, BUFFER // n), device=x.device)
                    if count is not None:
                        packed = torch.empty(count, _width(n, block), device=x.device)
                if packed is not None and index >= len(packed):
                    raise BadInput(f"count is {count}, but there are more layers than that.")
                if row is None:
                    row = torch.empty(_width(n, block), device=x.device) if packed is None else packed[index]
                    row.zero_()
                spread_floor = spread_floor.to(x.device) + _gram(
                    x, row, buffer, block, round_features=precision == "bfloat16"
                )
                del part, x
            del layer
            if row is None:
                raise BadInput(f"layer {index} (counted from 0) has no features.")
            constant = _radial(row, n, block, sigma, spread_floor) if kernel == "rbf" else None
            statistics.append(_centre(row, n, block, spread_floor, constant))
            rows.append(row)
    if not rows:
        raise BadInput("there are 0 layers to compare; at least 1 is needed.")
    if packed is not None and len(rows) < len(packed):
        raise BadInput(f"count is {count}, but there are only {len(rows)} layers.")
    if packed is None:
        packed = _stack(rows)
    diagonal, trace, constant = (torch.stack(part) for part in zip(*statistics, strict=True))
    for index, each in enumerate(trace.cpu()):
        demand_finite(each, index)
    return Grams(packed, diagonal, trace, constant, n, block)


def demand_finite(trace: Tensor, index: int) -> None:
    """Raises BadInput where the trace of a layer's kernel says that there are features that cannot be compared."""
    if not torch.isfinite(trace):
        raise BadInput(
            f"features of layer {index} (counted from 0) hold NaN, infinity or values beyond 1e18; "
            "all must be finite and their squares must fit float32."
        )


def rounding_floor(dtype: torch.dtype, n: int) -> float:
    """Trace, over the squared length of the mean features, below which a layer of n images is rounding only."""
    resolution = torch.finfo(dtype if dtype == torch.float64 else torch.float32).eps
    return 1e-4 * resolution**2 * n


@contextmanager
def matmul_precision(name: str) -> Iterator[None]:
    """torch's float32 matrix products at the given precision, whatever the user has set outside."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(name)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def check(kernel: str, sigma: float, precision: str, block: int) -> None:
    """Raises BadInput for settings that `pack` does not know."""
    if kernel not in ("linear", "rbf"):
        raise BadInput(f"kernel is {kernel!r}; allowed are 'linear' and 'rbf'.")
    if precision not in ("float32", "bfloat16"):
        raise BadInput(f"precision is {precision!r}; allowed are 'float32' and 'bfloat16'.")
    if not (sigma > 0 and math.isfinite(sigma)):
        raise BadInput(f"sigma is {sigma}; the fraction of the median distance must be a positive number.")
    if block < 1:
        raise BadInput(f"block is {block}; it must be at least 1 image.")


def _width(n: int, block: int) -> int:
    return sum((min(lo + block, n) - lo) * (n - lo) for lo in range(0, n, block))


def _blocks(rows: Tensor, n: int, block: int) -> Iterator[tuple[int, int, Tensor]]:
    start = 0
    for lo in range(0, n, block):
        hi = min(lo + block, n)
        end = start + (hi - lo) * (n - lo)
        yield lo, hi, rows[..., start:end].unflatten(-1, (hi - lo, n - lo))
        start = end


def features_of(layer: Tensor, index: int, n: int) -> Tensor:
    """Features (n, p) of one layer, checked as far as that needs no look at the numbers; n: 0 where not known yet."""
    if not layer.is_floating_point() or layer.ndim < 2:
        raise BadInput(
            f"features of layer {index} (counted from 0) are {layer.dtype} of shape {tuple(layer.shape)}; "
            "floating-point numbers of shape (images, features) are needed."
        )
    x = layer.flatten(1)
    if x.shape[0] < 4 or x.shape[1] == 0:
        raise BadInput(
            f"features of layer {index} (counted from 0) have the shape {tuple(layer.shape)}; "
            "at least 4 images and 1 feature are needed."
        )
    if n and x.shape[0] != n:
        raise BadInput(
            f"layer {index} (counted from 0) has {x.shape[0]} images; the layers before it have {n}."
        )
    return x


def _gram(x: Tensor, row: Tensor, buffer: Tensor, block: int, round_features: bool) -> Tensor:
    """Adds the Gram matrix of the centred features to row; returns the trace below which it is rounding only.

    The mean need not be exact: what is left of it is taken out of the Gram matrix by `_centre`.
    """
    n, p = x.shape
    width = buffer.numel() // n
    # The CPU multiplies bfloat16 fast only where the result is bfloat16, too coarse for what stands on the diagonal.
    coarse = round_features and x.device.type == "cpu"
    diagonal = _diagonal(row, n, block).float()  # of the parts before this one
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
            for start, stop, piece in _blocks(row, n, block):
                piece.add_(rounded[start:stop] @ rounded[start:].T)
            continue
        if round_features:
            centred.copy_(rounded)
        for start, stop, piece in _blocks(row, n, block):
            torch.addmm(piece, centred[start:stop], centred[start:].T, out=piece)
    if coarse:
        for start, stop, piece in _blocks(row, n, block):
            piece.diagonal().copy_(diagonal[start:stop])
    return rounding_floor(x.dtype, n) * offset


def _diagonal(row: Tensor, n: int, block: int) -> Tensor:
    """Diagonal (n,) of an unweighted packed matrix, float64."""
    return torch.cat([piece.diagonal() for _, _, piece in _blocks(row, n, block)]).double()


def _radial(row: Tensor, n: int, block: int, sigma: float, floor: Tensor) -> Tensor:
    """Turns a linear Gram matrix into the RBF kernel minus 1, in place; returns whether the layer is constant.

    Minus 1, because centring takes out any constant and expm1 keeps the digits of a wide kernel.
    """
    norms = _diagonal(row, n, block).float()
    upper = []
    for lo, hi, piece in _blocks(row, n, block):
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


def _centre(
    row: Tensor, n: int, block: int, floor: Tensor, constant: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """U-centres, normalises and weights a packed kernel in place.

    Returns the normalised diagonal (n,) of the doubly centred kernel, its trace and whether the layer is constant:
    where that is not known yet, whether the trace is below the floor.
    """
    raw = _diagonal(row, n, block)
    sums = torch.zeros(n, dtype=torch.float64, device=row.device)  # of rows, without the diagonal
    for lo, hi, piece in _blocks(row, n, block):
        piece.diagonal().zero_()
        sums[lo:hi] += piece.sum(dim=1)
        sums[hi:] += piece[:, hi - lo :].sum(dim=0)
    means = (sums + raw) / n
    diagonal = raw - 2 * means + means.mean()
    trace = diagonal.sum()
    if constant is None:
        constant = trace <= floor
    scale = torch.where(constant, torch.zeros_like(trace), n / trace)
    # Székely and Rizzo 2014, eq. 2.3, with the grand mean shared out between row and column.
    shift = (sums / (n - 2) - sums.sum() / (2 * (n - 1) * (n - 2))).float()
    small, root = scale.float(), scale.float() * math.sqrt(2)
    for lo, hi, piece in _blocks(row, n, block):
        piece.sub_(shift[lo:hi, None]).sub_(shift[lo:])
        piece.diagonal().zero_()
        piece[:, : hi - lo].mul_(small)
        piece[:, hi - lo :].mul_(root)
    return diagonal * scale, trace, constant


def _stack(rows: list[Tensor]) -> Tensor:
    """The rows as one matrix; each is let go once copied, so on the CPU memory is touched about once."""
    packed = torch.empty(len(rows), rows[0].numel(), device=rows[0].device)
    for index in reversed(range(len(rows))):
        packed[index] = rows.pop()
    return packed
