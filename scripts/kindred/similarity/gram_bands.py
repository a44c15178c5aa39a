"""Linear CKA of very many layers within a memory limit: one band of all Gram matrices at a time.

Packed Gram matrices take about 2 n^2 bytes a layer (`gram.py`), and all comparisons are inner products of them, which
are sums over entries. So some block rows of all layers, a band, are packed, multiplied and released before the next; no
entry is computed twice. The centring of the whole matrix follows from the features beforehand: the row sums of the
kernel of centred features are x_i . sum_j x_j, and its diagonal is |x_i|^2. Features are requested once per band.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from kindred.similarity import gram
from kindred.similarity.cka import Estimator, Matrix, cka_of_sums, products
from kindred.similarity.strata import Centring, Strata
from kindred.workflow.errors import BadInput


@dataclass
class _Sums:
    """A layer's kernel in float64: diagonal and row sums (n,), sums over classes (n, C), and the floor of its trace."""

    norms: Tensor
    rows: Tensor
    classes: Tensor | None
    floor: Tensor


def bands(images: int, layers: int, memory: float, block: int = gram.BLOCK) -> list[list[gram.Rows]]:
    """Block rows of each band, balanced, such that a band of all layers takes at most `memory` bytes.

    The smallest band is one block row of all layers, 4 layers block images bytes.
    """
    rows = gram.block_rows(images, block)

    def size(band: Sequence[gram.Rows]) -> int:
        return 4 * layers * gram.entries(band, images)

    fewest = math.ceil(size(rows) / max(memory, 1))
    for count in range(min(max(1, fewest), len(rows)), len(rows) + 1):
        found: list[list[gram.Rows]] = [[] for _ in range(count)]
        for row in rows:  # the longest first, each to the smallest band
            min(found, key=size).append(row)
        if max(map(size, found)) <= memory:
            break
    return found


@torch.no_grad()
def cka_in_bands(
    observe: Callable[[], Iterable[Tensor]],
    estimators: Sequence[Estimator],
    *,
    layers: int,
    images: int,
    memory: float,
    precision: gram.Precision = "float32",
    block: int = gram.BLOCK,
    strata: Strata | None = None,
) -> list[Matrix]:
    """Linear CKA (T, T) of all pairs of T layers by each estimator, as `cka.cka` of `gram.pack`.

    strata: of images drawn class by class, for the debiased estimator (`gram.stratified`).

    observe: yields the features (n, p_t) of each layer in turn; called once per band (`bands`). At most about
    `memory` bytes are held beside one layer's features and a buffer of 8 MiB. precision: as for `gram.pack`.

    Raises BadInput as `gram.pack`, and where observe does not yield `layers` layers of `images` images.
    """
    means: list[list[Tensor]] = []  # of the features of each layer, chunk by chunk
    known: list[gram.Centring] = []
    strata_known: list[Centring] = []
    totals: dict[str, Tensor] = {}
    wanted = dict.fromkeys(estimators) if strata is not None else ["debiased"]  # from which the biased one follows
    strips = buffer = None
    plan = bands(images, layers, memory, block)
    widths = [gram.entries(band, images) for band in plan]
    for band, width in zip(plan, widths, strict=True):
        index = -1
        for layer in observe():  # no enumerate(): it would keep a second layer alive
            index += 1
            x = gram.features_of(layer, index, images)
            if index >= layers:
                raise BadInput(f"there are more than the {layers} announced layers.")
            if buffer is None or strips is None:
                buffer = torch.empty(images * max(512, gram.BUFFER // images), device=x.device)
                strips = torch.empty(layers * max(widths), device=x.device)
            strip = strips[: layers * width].view(layers, width)[index].zero_()
            # On the CPU features are rounded here, and all other products are float32.
            rounded_by_torch = precision == "bfloat16" and x.device.type != "cpu"
            with gram.matmul_precision("medium" if rounded_by_torch else "highest"):
                if first := index == len(known):
                    means.append([])
                strata = strata and strata.to(x.device)
                sums = _multiply(x, strip, buffer, band, means[index], precision, strata)
            if first:
                others = sums.rows - sums.norms
                known.append(gram.centring(sums.norms, sums.rows, others, sums.floor))
                if strata is not None and sums.classes is not None:
                    strata_known.append(strata.centring(_centred(sums.classes, known[index], strata)))
            known[index].apply(strip, band)
            del layer, x
        if index + 1 != layers:
            raise BadInput(f"there are {index + 1} layers but {layers} were announced.")
        assert strips is not None
        packed = strips[: layers * width].view(layers, width)
        for estimator in sorted(wanted):  # biased comes first
            if estimator == "debiased":
                for centring, row in zip(strata_known, packed, strict=False):
                    for lo, hi, piece in gram.block_views(row, band, images):
                        centring.apply(lo, hi, piece)
            found = products(packed)
            totals[estimator] = totals[estimator] + found if estimator in totals else found
    diagonal = torch.stack([each.diagonal for each in known])
    constant = torch.stack([each.constant for each in known])
    # At the end rather than layer by layer, so that the host does not wait for a GPU.
    for index, each in enumerate(diagonal.sum(dim=1).cpu()):
        gram.demand_finite(each, index)
    return [
        cka_of_sums(totals[estimator if strata is not None else "debiased"], diagonal, constant, images, estimator)
        for estimator in estimators
    ]


def _centred(classes: Tensor, centring: gram.Centring, strata: Strata) -> Tensor:
    """Sums (n, C) over the other images of each class, of the kernel that this U-centring gives."""
    shift, members = centring.shift.double(), strata.members.double()
    others = strata.counts - members
    return centring.scale * (classes - others * shift[:, None] - (shift @ members - members * shift[:, None]))


def _multiply(
    x: Tensor,
    strip: Tensor,
    buffer: Tensor,
    band: Sequence[gram.Rows],
    means: list[Tensor],
    precision: gram.Precision,
    strata: Strata | None,
) -> _Sums:
    """Add block rows of the kernel of the centred features to a strip; in the first band, sum all rows."""
    n, p = x.shape
    first = not means
    skipped = band[0][0]  # images before the band's first row do not occur in it
    rounds = precision == "bfloat16"
    # The CPU multiplies bfloat16 fast only into bfloat16, which is too coarse for the diagonal: norms and row sums
    # come from features that are not rounded.
    coarse = rounds and x.device.type == "cpu"
    zeros = torch.zeros(n, dtype=torch.float64, device=x.device)
    classes = None if strata is None or not first else zeros.new_zeros(n, len(strata.counts))
    sums = _Sums(zeros, zeros.clone(), classes, zeros[:1].sum())
    width = buffer.numel() // n
    narrow = torch.empty(buffer.numel(), dtype=torch.bfloat16, device=x.device) if rounds else buffer
    largest = max(gram.entries([row], n) for row in band)
    product = torch.empty(largest, dtype=torch.bfloat16) if coarse else buffer
    for chunk, lo in enumerate(range(0, p, width)):
        part = x[skipped:, lo : lo + width]
        if part.dtype not in (torch.float32, torch.float64):
            part = part.float()
        if first:
            means.append(part.mean(dim=0))
        mean = means[chunk]
        factors = centred = torch.sub(part, mean, out=buffer[: part.numel()].view(part.shape))
        if rounds:
            factors = narrow[: part.numel()].view(part.shape).copy_(centred)
        if first:
            sums.norms += torch.linalg.vector_norm(centred, dim=1).square_()
            # With a large offset the mean is not exact, and its remainder is in every entry.
            sums.rows += torch.mv(centred, centred.sum(dim=0))
            if strata is not None and classes is not None:
                classes += centred @ (strata.members.T @ centred).T
            sums.floor = sums.floor + gram.rounding_floor(x.dtype, n) * mean.double().square().sum()
        if rounds and not coarse:
            centred.copy_(factors)
        for start, stop, piece in gram.block_views(strip, band, n):
            left, right = slice(start - skipped, stop - skipped), slice(start - skipped, None)
            if coarse:
                out = product[: piece.numel()].view(piece.shape)
                piece.add_(torch.mm(factors[left], factors[right].T, out=out))
            else:
                torch.addmm(piece, centred[left], centred[right].T, out=piece)
    if strata is not None and classes is not None:
        classes -= strata.members * sums.norms[:, None]
    return sums
