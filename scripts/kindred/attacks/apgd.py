"""APGD, projected gradient ascent without a step size to choose (Croce and Hein 2020, algorithm 1).

The step begins at 2 eps and is halved at check points where an image has made too little progress, which then goes on
from its best point so far; momentum is fixed at 0.75. The loss is cross-entropy or the margin, as in PGD.
"""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from kindred.attacks.balls import BallAttack, unit
from kindred.attacks.perturbation import Objective, Seeds
from kindred.attacks.pgd import Pgd, single_step
from kindred.descent import Projection, slope

MOMENTUM = 0.75  # alpha of the paper: share of the new step against the last move
PROGRESS = 0.75  # rho: share of steps since the last check that must have raised the loss


@dataclass(frozen=True, kw_only=True)
class Apgd(BallAttack):
    """Settings of APGD, which chooses its step sizes and momentum itself."""

    def scaled(self, factor: float) -> "Apgd":
        """The same attack with so many times the radius; a linf radius is at most 1."""
        return replace(self, eps=self.limited(factor * self.eps))

    def single(self) -> Pgd:
        """One step of length eps."""
        return single_step(self)

    def search(self, objective: Objective, images: Tensor, seeds: Seeds | None) -> Tensor:
        """The points of highest objective that were met, (n, c, h, w)."""
        if self.eps == 0:
            return images
        raised, start = self.varied(objective, seeds), self.start(images, seeds)
        return ascend(raised, start, self.ball(images), steps=self.steps, eps=float(self.eps), norm=self.norm)[0]


attack = Apgd.of


def checkpoints(steps: int) -> list[int]:
    """Steps at which progress is judged: w_j = ceil(p_j steps), p_0 = 0, p_1 = 0.22, intervals shrinking to 0.06."""
    shares = [0.0, 0.22]
    while shares[-1] < 1:
        shares.append(shares[-1] + max(shares[-1] - shares[-2] - 0.03, 0.06))
    # Rounded first: 0.57 of 100 steps are 57, whatever the last digits say.
    return sorted({math.ceil(round(share * steps, 6)) for share in shares if share <= 1})


def ascend(
    loss: Objective, start: Tensor, project: Projection, *, steps: int, eps: float, norm: str
) -> tuple[Tensor, Tensor]:
    """(images (n, ...), their loss (n,)): for each image the point of highest loss that was met, the start included.

    loss: (n, ...) -> (n,), raised; project: onto the ball, clamped to [0, 1] afterwards. `steps` forward and backward
    passes and one last forward. Images do not influence each other, and nothing waits for the device.
    """
    checks = checkpoints(steps)
    with torch.inference_mode(False), torch.no_grad():
        place = lambda x: project(x).clamp(0.0, 1.0)  # noqa: E731
        x = place(start.detach().clone())
        size = x.new_full((len(x), *[1] * (x.ndim - 1)), 2 * eps)
        value, gradient = slope(loss, x)
        best, best_value, best_gradient = x, value, gradient
        before, size_then, best_then = x, size, best_value
        rises = torch.zeros_like(value)
        last = 0
        for step in range(1, steps + 1):
            direction = gradient.sign().nan_to_num_(nan=0.0) if norm == "linf" else unit(gradient)
            towards = place(x + size * direction)
            # The first step has no move before it.
            share = MOMENTUM if step > 1 else 1.0
            moved = place(x + share * (towards - x) + (1 - share) * (x - before))
            before, x = x, moved
            previous = value
            if step < steps:
                value, gradient = slope(loss, x)
            else:
                value = loss(x).detach()
            rises = rises + (value > previous).to(value.dtype)
            better = value > best_value
            best, best_value = torch.where(_wide(better, x), x, best), torch.where(better, value, best_value)
            best_gradient = torch.where(_wide(better, x), gradient, best_gradient)
            if step in checks and step < steps:
                slow = rises < PROGRESS * (step - last)
                stuck = (size == size_then).flatten() & (best_value == best_then)
                halve = slow | stuck
                size_then, best_then = size, best_value
                # Go on from the best point, with its gradient, and with no move before it.
                back = _wide(halve, x)
                size = torch.where(back, size / 2, size)
                x, gradient = torch.where(back, best, x), torch.where(back, best_gradient, gradient)
                value, before = torch.where(halve, best_value, value), torch.where(back, x, before)
                rises, last = torch.zeros_like(rises), step
        return best, best_value


def _wide(flags: Tensor, like: Tensor) -> Tensor:
    return flags.view(-1, *[1] * (like.ndim - 1))
