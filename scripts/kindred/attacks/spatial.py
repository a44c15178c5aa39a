"""Rotations and translations, the worst of several (Engstrom et al. 2019: worst-of-k and grid search)."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from kindred.attacks.perturbation import Attack, Objective, Seeds


@dataclass(frozen=True, kw_only=True)
class Spatial(Attack):
    """Settings: translations by at most `shift` pixels along either axis, rotations by at most `degrees`.

    `tries` random transformations of each image, or all points of a grid of `tries` values along each of the
    three axes.
    """

    norm: ClassVar[str] = "spatial"
    shift: float
    degrees: float = 0.0
    tries: int = 10
    grid: bool = False

    @property
    def random(self) -> bool:
        return not self.grid

    def scaled(self, factor: float) -> "Spatial":
        """The same attack with so many times the translations."""
        return replace(self, shift=factor * self.shift)

    def single(self) -> "Spatial":
        """One transformation, the largest."""
        return replace(self, tries=1, grid=True, restarts=1)

    def search(self, objective: Objective, images: Tensor, seeds: Seeds | None) -> Tensor:
        """The worst transformation of each image, which may be the image itself; one forward pass each."""
        with torch.no_grad():
            worst, most = images.clone(), objective(images)
            for change in self._changes(seeds, len(images)):
                moved = move(images, change.to(images))
                value = objective(moved)
                better = value > most
                worst = torch.where(better.view(-1, *[1] * (images.ndim - 1)), moved, worst)
                most = torch.where(better, value, most)
        return worst

    def _changes(self, seeds: Seeds | None, n: int) -> Iterator[Tensor]:
        """Transformations (n, 3), one of every image after another."""
        limits = torch.tensor([self.shift, self.shift, self.degrees])
        if seeds is not None:
            drawn = torch.stack([torch.rand(self.tries, 3, generator=seed) for seed in seeds])
            yield from (2 * drawn.transpose(0, 1) - 1) * limits
            return
        values = torch.linspace(-1, 1, self.tries) if self.tries > 1 else torch.ones(1)
        for point in itertools.product(values.tolist(), repeat=3):
            yield (torch.tensor(point) * limits).expand(n, 3)


def move(images: Tensor, change: Tensor) -> Tensor:
    """Images (n, c, h, w) rotated about the centre by change[:, 2] degrees counter-clockwise, then translated.

    change (n, 3): pixels to the right, pixels down, degrees. Bilinear; black beyond the border.
    """
    height, width = images.shape[2:]
    angle = torch.deg2rad(change[:, 2])
    cosine, sine = angle.cos(), angle.sin()
    x, y = change[:, 0], change[:, 1]
    # Where each pixel comes from, in units of half a side: the translation is taken back, then the rotation.
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


attack = Spatial.of
