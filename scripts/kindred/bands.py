"""Linear CKA of very many layers within a bound on memory: a band of all Gram matrices at a time, no entry twice.

Packed Gram matrices take about 2 n^2 bytes a layer (`gram.py`), and all comparisons are inner products of them, which
are sums over entries. So some block rows of all layers, a band, are packed, multiplied and forgotten before the next.
What U-centring needs of the whole matrix follows from the features beforehand: the row sums of the kernel of centred
features are x_i . sum_j x_j, and its diagonal is |x_i|^2. Features are asked for once a band.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from kindred.cka import Estimator, Matrix, cka_of_sums, known_estimator, products
from kindred.errors import BadInput
from kindred.gram import (
    BLOCK,
    BUFFER,
    Precision,
    check,
    demand_finite,
    features_of,
    matmul_precision,
    rounding_floor,
)

Rows = tuple[int, int]  # a block row: first image, last image + 1


@dataclass
class Margins:
    """What centring needs to know of one layer, from its first band on.

    means: of the features, chunk by chunk; shift (n,) float32 and scale: of the U-centred matrix (`gram.Grams`).
    """

    means: list[Tensor] = field(default_factory=list)
    shift: Tensor | None = None
    scale: Tensor | None = None


@dataclass
class _Sums:
    """Of one layer while its features pass by: squared norms and row sums (n,) float64, and the floor of its trace."""

    norms: Tensor
    rows: Tensor
    floor: Tensor


def bands(images: int, layers: int, memory: float, block: int = BLOCK) -> list[list[Rows]]:
    """Block rows of each band, about equally much in all, such that one of all layers takes at most `memory` bytes.

    One block row of all layers, 4 layers block images bytes, is the least that there can be.
    """
    rows = [(lo, min(lo + block, images)) for lo in range(0, images, block)]

    def size(row: Rows) -> int:
        return 4 * layers * (row[1] - row[0]) * (images - row[0])

    fewest = math.ceil(sum(map(size, rows)) / max(memory, 1))
    for count in range(min(max(1, fewest), len(rows)), len(rows) + 1):
        dealt: list[list[Rows]] = [[] for _ in range(count)]
        for row in rows:  # the longest first, each to where least is
            min(dealt, key=lambda band: sum(map(size, band))).append(row)
        if max(sum(map(size, band)) for band in dealt) <= memory:
            break
    return dealt


@torch.no_grad()
def cka_in_bands(
    observe: Callable[[], Iterable[Tensor]],
    estimators: Sequence[Estimator],
    *,
    layers: int,
    images: int,
    memory: float,
    precision: Precision = "float32",
    block: int = BLOCK,
) -> list[Matrix]:
    """Linear CKA (T, T) of all pairs of T layers by each estimator, as `cka.cka` of `gram.pack` has it.

    observe: gives the features (n, p_t) of each layer in turn, and is called once a band (`bands`). At most about
    `memory` bytes are held beside one layer's features and a buffer of 8 MiB. precision: as for `gram.pack`.

    Raises BadInput as `gram.pack`, and where observe does not give `layers` layers of `images` images.
    """
    check("linear", 1.0, precision, block)
    if layers < 1:
        raise BadInput("there are 0 layers to compare; at least 1 is needed.")
    for estimator in estimators:
        known_estimator(estimator)
    known: list[Margins] = []
    diagonals: list[Tensor] = []
    constants: list[Tensor] = []
    total = strips = buffer = None
    plan = bands(images, layers, memory, block)
    widths = [sum((hi - lo) * (images - lo) for lo, hi in band) for band in plan]
    for band, width in zip(plan, widths, strict=True):
        index = -1
        for layer in observe():  # no enumerate(): it would keep a second layer alive
            index += 1
            x = features_of(layer, index, images)
            if index >= layers:
                raise BadInput(f"there are more than the {layers} layers that were announced.")
            if buffer is None or strips is None:
                buffer = torch.empty(images * max(512, BUFFER // images), device=x.device)
                strips = torch.empty(layers * max(widths), device=x.device)
            strip = strips[: layers * width].view(layers, width)[index].zero_()
            # On the CPU features are rounded here, and all other products are float32.
            rounded_by_torch = precision == "bfloat16" and x.device.type != "cpu"
            with matmul_precision("medium" if rounded_by_torch else "highest"):
                if index == len(known):
                    known.append(Margins())
                    sums = _multiply(x, strip, buffer, band, known[index], precision)
                    diagonal, constant = _centring(sums, images, known[index])
                    diagonals.append(diagonal)
                    constants.append(constant)
                else:
                    _multiply(x, strip, buffer, band, known[index], precision)
            _centre(strip, band, images, known[index])
            del layer, x
        if index + 1 != layers:
            raise BadInput(f"there are {index + 1} layers where {layers} were announced.")
        assert strips is not None
        found = products(strips[: layers * width].view(layers, width))
        total = found if total is None else total + found
    assert total is not None
    diagonal, constant = torch.stack(diagonals), torch.stack(constants)
    # At the end and not layer by layer, for which a GPU would have to be waited for.
    for index, each in enumerate(diagonal.sum(dim=1).cpu()):
        demand_finite(each, index)
    return [cka_of_sums(total, diagonal, constant, images, estimator) for estimator in estimators]


def _pieces(strip: Tensor, band: Sequence[Rows], images: int) -> Iterable[tuple[int, int, Tensor]]:
    """(lo, hi, view (hi - lo, n - lo)) of each block row in a strip."""
    start = 0
    for lo, hi in band:
        end = start + (hi - lo) * (images - lo)
        yield lo, hi, strip[start:end].view(hi - lo, images - lo)
        start = end


def _multiply(
    x: Tensor, strip: Tensor, buffer: Tensor, band: Sequence[Rows], margins: Margins, precision: Precision
) -> _Sums:
    """Adds block rows of the kernel of the centred features to a strip; in the first band sums cover all rows."""
    n, p = x.shape
    first = not margins.means
    skipped = band[0][0]  # images before the band's first row have no part in it
    rounds = precision == "bfloat16"
    # The CPU multiplies bfloat16 fast only where the result is bfloat16. That is too coarse for the diagonal, which
    # comes from `norms`; these and the row sums are of features that are not rounded.
    coarse = rounds and x.device.type == "cpu"
    zeros = torch.zeros(n, dtype=torch.float64, device=x.device)
    sums = _Sums(zeros, zeros.clone(), zeros[:1].sum())
    width = buffer.numel() // n
    narrow = torch.empty(buffer.numel(), dtype=torch.bfloat16, device=x.device) if rounds else buffer
    product = (
        torch.empty(max((hi - lo) * (n - lo) for lo, hi in band), dtype=torch.bfloat16) if coarse else buffer
    )
    for place, lo in enumerate(range(0, p, width)):
        part = x[skipped:, lo : lo + width]
        if part.dtype not in (torch.float32, torch.float64):
            part = part.float()
        if first:
            margins.means.append(part.mean(dim=0))
        mean = margins.means[place]
        factors = centred = torch.sub(part, mean, out=buffer[: part.numel()].view(part.shape))
        if rounds:
            factors = narrow[: part.numel()].view(part.shape).copy_(centred)
        if first:
            sums.norms += torch.linalg.vector_norm(centred, dim=1).square_()
            # Where an offset is large the mean is not exact, and what it leaves behind is in every entry.
            sums.rows += torch.mv(centred, centred.sum(dim=0))
            sums.floor = sums.floor + rounding_floor(x.dtype, n) * mean.double().square().sum()
        if rounds and not coarse:
            centred.copy_(factors)
        for start, stop, piece in _pieces(strip, band, n):
            left, right = slice(start - skipped, stop - skipped), slice(start - skipped, None)
            if coarse:
                out = product[: piece.numel()].view(piece.shape)
                piece.add_(torch.mm(factors[left], factors[right].T, out=out))
            else:
                torch.addmm(piece, centred[left], centred[right].T, out=piece)
    return sums


def _centring(sums: _Sums, n: int, margins: Margins) -> tuple[Tensor, Tensor]:
    """Fills the margins; (diagonal of the doubly centred kernel (n,), normalised; whether the layer is constant)."""
    means = sums.rows / n
    diagonal = sums.norms - 2 * means + means.mean()
    trace = diagonal.sum()
    constant = trace <= sums.floor
    scale = torch.where(constant, torch.zeros_like(trace), n / trace)
    # Székely and Rizzo 2014, eq. 2.3, with the grand mean shared out between row and column.
    others = sums.rows - sums.norms
    margins.shift = (others / (n - 2) - others.sum() / (2 * (n - 1) * (n - 2))).float()
    margins.scale = scale.float()
    return diagonal * scale, constant


def _centre(strip: Tensor, band: Sequence[Rows], n: int, margins: Margins) -> None:
    """U-centres, normalises and weights block rows in place, as those of `gram.Grams`."""
    assert margins.shift is not None and margins.scale is not None
    shift, small = margins.shift, margins.scale
    root = small * math.sqrt(2)
    for lo, hi, piece in _pieces(strip, band, n):
        piece.sub_(shift[lo:hi, None]).sub_(shift[lo:])
        piece.diagonal().zero_()
        piece[:, : hi - lo].mul_(small)
        piece[:, hi - lo :].mul_(root)
