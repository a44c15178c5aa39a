"""Balls around images, in which PGD and APGD search: their settings, projections and random starts."""

from dataclasses import dataclass

import torch
from torch import Tensor

from kindred.attacks.diversity import diverse
from kindred.attacks.perturbation import Attack, Objective, Seeds
from kindred.descent import Projection, euclidean, l2_ball, linf_ball


@dataclass(frozen=True, kw_only=True)
class BallAttack(Attack):
    """An attack within a ball.

    norm: linf or l2 of pixels, or jpeg, which is l2 of JPEG coefficients. eps: the radius, in pixel units
    (pixels are in [0, 1]) or quantisation steps; 0 leaves the images alone. random_start: begin at a point
    drawn uniformly from the volume of the ball rather than at the image. diversity: probability that a step
    sees a randomly resized and padded image, shrunk to `smallest` of its side at most.
    """

    norm: str  # type: ignore[misc]
    eps: float
    steps: int = 10
    random_start: bool = True
    diversity: float = 0.0
    smallest: float = 0.9

    @property
    def random(self) -> bool:
        return self.eps > 0 and bool(self.random_start or self.diversity)

    def limited(self, eps: float) -> float:
        """A radius, cut to the range of the pixels in linf."""
        return min(1.0, eps) if self.norm == "linf" else eps

    def ball(self, images: Tensor) -> Projection:
        """The projection onto the ball of pixels around each image."""
        return {"linf": linf_ball, "l2": l2_ball}[self.norm](images, float(self.eps))

    def start(self, images: Tensor, seeds: Seeds | None) -> Tensor:
        """Where the search begins: at the images, or at random points of the ball."""
        return images + self.noise(images, seeds) if self.random_start and seeds is not None else images

    def varied(self, objective: Objective, seeds: Seeds | None) -> Objective:
        """The objective at randomly resized and padded images, if that is asked for."""
        if not self.diversity or seeds is None:
            return objective
        vary = diverse(seeds, self.diversity, self.smallest)
        return lambda x: objective(vary(x))

    def noise(self, images: Tensor, seeds: Seeds) -> Tensor:
        """Points of the volume of the ball (n, c, h, w), uniform; each generator moves on, so restarts differ."""
        shape = images.shape[1:]
        if self.norm == "linf":
            noise = torch.stack([torch.rand(shape, generator=seed) for seed in seeds]).mul_(2).sub_(1)
        else:
            # A uniform direction, and a radius whose power of the dimension is uniform.
            noise = torch.stack([torch.randn(shape, generator=seed) for seed in seeds])
            radius = torch.stack([torch.rand(1, generator=seed) for seed in seeds]) ** (1 / shape.numel())
            noise *= radius.view(-1, *[1] * len(shape)) / euclidean(noise)
        return noise.mul_(self.eps).to(device=images.device, dtype=images.dtype)


def unit(gradient: Tensor) -> Tensor:
    """The gradient (n, ...) of every image scaled to length 1; zero where it is zero or not a number."""
    # Scaled by the largest entry first, so that the squares of tiny gradients do not vanish.
    scaled = gradient / gradient.abs().amax(dim=tuple(range(1, gradient.ndim)), keepdim=True)
    return (scaled / euclidean(scaled)).nan_to_num_(nan=0.0)
