"""Threat models: what an adversary may do to an image, each one function behind one interface.

A threat takes the loss it raises, the clean images, the attack's settings and a generator for each image, and gives
the changed images. `THREATS` names them all:

  linf, l2  balls of pixels, by projected gradient descent or APGD
  spatial   each image shifted and turned, the worst of several ways (Engstrom et al. 2019, "worst-of-k" and grid)
  jpeg      the coefficients of JPEG changed within an l2 ball (Kang et al. 2019, without rounding)
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from functools import cache
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from kindred.apgd import ascend
from kindred.descent import descend, euclidean, l2_ball, linf_ball
from kindred.diversity import diverse

if TYPE_CHECKING:
    from kindred.attacks import Attack

Height = Callable[[Tensor], Tensor]
Seeds = list[torch.Generator]
Threat = Callable[[Height, Tensor, "Attack", Seeds | None], Tensor]

BALLS = ("linf", "l2")  # threats that are balls of pixels
SIDE = 8  # of a block of JPEG
# Quantisation of luminance and chrominance as printed in annex K of ITU-T T.81 (quality 50).
LUMINANCE = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
CHROMINANCE = (
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    *((99,) * 8,) * 4,
)
# Columns: what one unit of Y, Cb and Cr adds to red, green and blue (ITU-T T.871).
TO_RGB = ((1.0, 0.0, 1.402), (1.0, -0.344136, -0.714136), (1.0, 1.772, 0.0))


def ball(height: Height, clean: Tensor, attack: Attack, seeds: Seeds | None) -> Tensor:
    """Images within `attack.eps` of the clean ones in linf or l2: PGD's last iterate, or APGD's best."""
    inside = (linf_ball if attack.norm == "linf" else l2_ball)(clean, float(attack.eps))
    start = clean + _noise(clean, attack, seeds) if attack.random_start and seeds is not None else clean
    raised = height
    if attack.diversity and seeds is not None:
        vary = diverse(seeds, attack.diversity, attack.smallest)
        raised = lambda x: height(vary(x))  # noqa: E731
    if attack.method == "apgd":
        return ascend(raised, start, inside, steps=attack.steps, eps=float(attack.eps), norm=attack.norm)[0]
    return descend(
        lambda x: -raised(x),
        start,
        steps=attack.steps,
        step_size=attack.step,
        direction="sign" if attack.norm == "linf" else "unit",
        momentum=float(attack.momentum),
        averaging="sum",
        project=inside,
        keep="last",
        measure_last=False,
    ).images


def _noise(clean: Tensor, attack: Attack, seeds: list[torch.Generator]) -> Tensor:
    """Points of the volume of the ball (n, c, h, w), uniform; each generator moves on, so restarts differ."""
    shape = clean.shape[1:]
    if attack.norm == "linf":
        noise = torch.stack([torch.rand(shape, generator=seed) for seed in seeds]).mul_(2).sub_(1)
    else:
        # A uniform direction, and a radius whose power of the dimension is uniform.
        noise = torch.stack([torch.randn(shape, generator=seed) for seed in seeds])
        radius = torch.stack([torch.rand(1, generator=seed) for seed in seeds]) ** (1 / shape.numel())
        noise *= radius.view(-1, *[1] * len(shape)) / euclidean(noise)
    return noise.mul_(attack.eps).to(device=clean.device, dtype=clean.dtype)


def spatial(height: Height, clean: Tensor, attack: Attack, seeds: Seeds | None) -> Tensor:
    """The worst of several shifts by at most `attack.eps` pixels (along either axis) and turns by `attack.degrees`.

    With `attack.random_start` so many as `steps` are drawn uniformly for each image; without, all of a grid of `steps`
    values along each of the three. The unchanged image is among those compared. Cost: one forward pass each.
    """
    seeds = seeds if attack.random_start else None
    with torch.no_grad():
        worst, most = clean.clone(), height(clean)
        for change in _changes(attack, seeds, len(clean)):
            moved = move(clean, change.to(clean))
            raised = height(moved)
            better = raised > most
            worst = torch.where(better.view(-1, *[1] * (clean.ndim - 1)), moved, worst)
            most = torch.where(better, raised, most)
    return worst


def move(images: Tensor, change: Tensor) -> Tensor:
    """Images (n, c, h, w) shifted right by change[:, 0] and down by change[:, 1] pixels, and turned by change[:, 2]
    degrees (counter-clockwise, about the centre, before the shift); bilinear, black beyond the border."""
    height, width = images.shape[2:]
    angle = torch.deg2rad(change[:, 2])
    cosine, sine = angle.cos(), angle.sin()
    x, y = change[:, 0], change[:, 1]
    # Where each pixel comes from, in units of half a side: the shift is taken back, then the turn.
    ratio = height / width
    back = torch.stack(
        [
            torch.stack([cosine, -sine * ratio, 2 * (-cosine * x + sine * y) / width], dim=1),
            torch.stack([sine / ratio, cosine, 2 * (-sine * x - cosine * y) / height], dim=1),
        ],
        dim=1,
    )
    grid = functional.affine_grid(back, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def _changes(attack: Attack, seeds: Seeds | None, n: int) -> Iterator[Tensor]:
    """Shifts and turns (n, 3), one set after another."""
    limits = torch.tensor([attack.eps, attack.eps, attack.degrees])
    if seeds is not None:
        drawn = torch.stack([torch.rand(attack.steps, 3, generator=seed) for seed in seeds])
        yield from (2 * drawn.transpose(0, 1) - 1) * limits
        return
    values = torch.linspace(-1, 1, attack.steps) if attack.steps > 1 else torch.ones(1)
    for point in itertools.product(values.tolist(), repeat=3):
        yield (torch.tensor(point) * limits).expand(n, 3)


def jpeg(height: Height, clean: Tensor, attack: Attack, seeds: Seeds | None) -> Tensor:
    """Projected gradient ascent on JPEG coefficients: their change has at most `attack.eps` quantisation steps in L2.

    Without rounding JPEG is linear, so the image is the clean one plus what the change decodes to, clamped to [0, 1].
    Steps have the length `attack.step` (same units), along the gradient; a random start is drawn uniformly from
    the ball.
    """
    change = torch.zeros_like(clean)
    if attack.random_start and seeds is not None:
        change = _noise(clean, attack, seeds)
    inside = l2_ball(torch.zeros_like(clean), attack.eps)
    for _ in range(attack.steps):
        with torch.enable_grad():
            leaf = change.detach().requires_grad_()
            (slope,) = torch.autograd.grad(height((clean + decode(leaf)).clamp(0, 1)).sum(), leaf)
        peak = slope.abs().amax(dim=(1, 2, 3), keepdim=True)
        scaled = slope / peak
        change = inside(change + attack.step * (scaled / euclidean(scaled)).nan_to_num(nan=0.0))
    return (clean + decode(change)).clamp(0, 1)


def decode(coefficients: Tensor) -> Tensor:
    """What coefficients (n, c, h, w), in quantisation steps, add to pixels in [0, 1]: blocks of 8 x 8, inverse DCT.

    One channel is luminance, three are Y, Cb and Cr (not subsampled) and become red, green and blue; of others each
    counts as luminance. Where a side is no multiple of 8, the last block is cut.
    """
    n, channels, height, width = coefficients.shape
    basis, tables = _basis().to(coefficients), _tables(channels).to(coefficients)
    padded = functional.pad(coefficients, (0, -width % SIDE, 0, -height % SIDE))
    rows, columns = padded.shape[2] // SIDE, padded.shape[3] // SIDE
    blocks = padded.unflatten(3, (columns, SIDE)).unflatten(2, (rows, SIDE)).transpose(3, 4)
    blocks = basis.T @ (blocks * tables[:, None, None]) @ basis / 255
    pixels = blocks.transpose(3, 4).reshape(n, channels, rows * SIDE, columns * SIDE)
    if channels == 3:
        pixels = torch.einsum("rc,nchw->nrhw", torch.tensor(TO_RGB).to(coefficients), pixels)
    return pixels[..., :height, :width]


@cache
def _basis() -> Tensor:
    """The orthonormal DCT-II matrix (8, 8)."""
    k, x = torch.arange(SIDE, dtype=torch.float64)[:, None], torch.arange(SIDE, dtype=torch.float64)
    basis = torch.cos(math.pi * (2 * x + 1) * k / (2 * SIDE)) * math.sqrt(2 / SIDE)
    basis[0] /= math.sqrt(2)
    return basis


def _tables(channels: int) -> Tensor:
    """Quantisation steps (channels, 8, 8)."""
    second = CHROMINANCE if channels == 3 else LUMINANCE
    return torch.tensor([LUMINANCE, *[second] * (channels - 1)], dtype=torch.float64)


THREATS: dict[str, Threat] = {"linf": ball, "l2": ball, "spatial": spatial, "jpeg": jpeg}
