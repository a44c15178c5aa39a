"""The JPEG threat model: coefficients changed within an l2 ball (Kang et al. 2019, without rounding)."""

import math
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional

from kindred.attacks.balls import unit
from kindred.attacks.perturbation import Objective
from kindred.descent import l2_ball, slope

SIDE = 8  # of a block
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


def ascend(objective: Objective, images: Tensor, start: Tensor | None, eps: float, steps: int, step: float) -> Tensor:
    """Projected gradient ascent on coefficients: images (n, c, h, w) whose change has at most `eps` in L2.

    Without rounding JPEG is linear, so the image is the clean one plus what the change decodes to, clamped to
    [0, 1]. Steps have the length `step` along the gradient. start: the change to begin with (n, c, h, w);
    eps, step and start are in quantisation steps. Costs `steps` forward and backward passes.
    """
    change = torch.zeros_like(images) if start is None else start
    inside = l2_ball(torch.zeros_like(images), eps)
    for _ in range(steps):
        _, gradient = slope(lambda x: objective((images + decode(x)).clamp(0, 1)), change)
        change = inside(change + step * unit(gradient))
    return (images + decode(change)).clamp(0, 1)


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
