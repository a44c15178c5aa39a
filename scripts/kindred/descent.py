"""Gradient descent on images: one loop for adversarial attacks and for inversion.

Both move the pixels of many images at once down a loss, keep each image inside a set (a ball around the clean image,
the pixel range) and return one iterate per image. Images do not influence each other: every norm, comparison and
projection is per image, so a batch may be split anywhere.

Cost: `steps` forward and backward passes to the input and one last forward pass. Gradients of weights are not computed,
so a parameter's `.grad` stays as it was. The host does not wait for the device inside the loop.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from kindred.workflow.errors import BadInput

Loss = Callable[[Tensor], Tensor]
Projection = Callable[[Tensor], Tensor]
Direction = Literal["sign", "unit"]
Averaging = Literal["exponential", "sum"]
Keep = Literal["best", "last"]


@dataclass(frozen=True)
class Descent:
    """Result of a descent.

    `images` (n, ...) in [0, 1]; `loss` (n,) of exactly these images, NaN where the last iterates are kept; `curve` (n,
    k): the loss of the iterates (not of the best ones so far), without columns unless it was requested.
    """

    images: Tensor
    loss: Tensor
    curve: Tensor


def linf_ball(centre: Tensor, eps: float) -> Projection:
    """Projection to the images that differ from `centre` (n, ...) by at most `eps` in every pixel."""
    low, high = centre - eps, centre + eps
    return lambda x: x.clamp(low, high)


def l2_ball(centre: Tensor, eps: float) -> Projection:
    """Projection to the images whose Euclidean distance from `centre` (n, ...) is at most `eps`.

    Images inside are unchanged, up to rounding. Clamping the result to [0, 1] afterwards keeps it in the ball if the
    centre is in [0, 1]; the two together are not the nearest point of the intersection.
    """

    def project(x: Tensor) -> Tensor:
        delta = x - centre
        # Inside the factor is 1: eps / 0 is infinite, and 0 / 0 (a ball of radius 0) counts as inside.
        factor = (eps / euclidean(delta)).nan_to_num_(nan=1.0).clamp_(max=1.0)
        return delta.mul_(factor).add_(centre)

    return project


def euclidean(x: Tensor) -> Tensor:
    """Euclidean norm of every image of `x` (n, ...), of shape (n, 1, ...) to broadcast against it.

    `torch.linalg.vector_norm` is faster, but on the CPU its float32 sums are less accurate: at 3 x 224 x 224 pixels it
    is off by 1e-6, which is good enough for the length of a step but not for the radius of a ball.
    """
    return x.square().sum(dim=_pixels(x), keepdim=True).sqrt()


def descend(
    loss: Loss,
    start: Tensor,
    *,
    steps: int,
    step_size: float,
    direction: Direction = "sign",
    momentum: float = 0.0,
    averaging: Averaging = "exponential",
    project: Projection | None = None,
    keep: Keep = "best",
    curve_every: int = 0,
    warm_up: Loss | None = None,
    warm_up_steps: int = 0,
) -> Descent:
    """Move `start` (n, ...), pixels in [0, 1], down `loss`, a function to one number per image (n,).

    With g the gradient of an image, d(g) its direction (its sign, or g / ||g||_2) and m = 0 at the start, one step is

      'exponential'  m <- momentum m + (1 - momentum) d(g),   x <- x - step_size m     (Jones et al. 2022)
      'sum'          m <- momentum m + g / ||g||_1,           x <- x - step_size d(m)  (Dong et al. 2018, MI-FGSM)

    followed by `project` and by clamping to [0, 1]; without momentum both are x - step_size d(g). `step_size` is in
    pixel units: the change of every pixel for 'sign', the Euclidean length of the step for 'unit'. A gradient that is
    zero or has a NaN contributes nothing, so such an image stays as it is.

    `keep` 'best' returns the iterate of lowest loss of each image, the start and the last one included; 'last' the
    last, whose loss is not measured, which saves a forward pass. With `curve_every` k > 0 the loss is recorded at steps
    0, k, 2k, ... and at the last if it is measured.

    The first `warm_up_steps` steps descend `warm_up` instead, a faster and less precise version of the loss: its values
    are in the curve, but its iterates do not count as best. The momentum carries over.

    Raises BadInput for numbers outside this description, and for a loss that is not one number per image.
    """
    _check(steps, step_size, momentum, averaging)

    def into_set(x: Tensor) -> Tensor:
        return (x if project is None else project(x)).clamp(0.0, 1.0)

    # The caller may be inside inference_mode, whose tensors cannot take part in a backward pass.
    with torch.inference_mode(False), torch.no_grad():
        x = into_set(start.detach().clone())
        velocity = torch.zeros_like(x) if momentum else None
        best, lowest = x, x.new_full((len(x),), float("nan"))
        curve: list[Tensor] = []
        for step in range(steps):
            warming_up = warm_up is not None and step < warm_up_steps
            losses, gradient = slope(warm_up if warm_up is not None and warming_up else loss, x)
            if curve_every and step % curve_every == 0:
                curve.append(losses)
            if keep == "best" and not warming_up:
                best, lowest = _better(best, lowest, x, losses)
            x = into_set(x.add(_move(gradient, velocity, direction, momentum, averaging), alpha=-step_size))
        if keep == "best":
            losses = loss(x)
            best, lowest = _better(best, lowest, x, losses)
            curve += [losses] if curve_every else []
        recorded = torch.stack(curve, dim=1) if curve else lowest[:, None][:, :0]
        return Descent(best if keep == "best" else x, lowest, recorded)


def _better(best: Tensor, lowest: Tensor, x: Tensor, losses: Tensor) -> tuple[Tensor, Tensor]:
    """The iterate of lower loss of each image and its loss; a loss that is NaN is never lower."""
    better = (losses < lowest) | lowest.isnan()
    # Exactly one or the other, as pixels are finite; several times faster on the CPU than torch.where.
    chosen = best.lerp(x, better.to(x.dtype).view(-1, *[1] * (x.ndim - 1)))
    return chosen, torch.where(better, losses, lowest)


def slope(loss: Loss, x: Tensor) -> tuple[Tensor, Tensor]:
    """Loss (n,) at `x` and its gradient with respect to the pixels alone."""
    with torch.enable_grad():
        # A view of x that is a leaf of its own: x itself never requires grad.
        leaf = x.detach().requires_grad_()
        losses = loss(leaf)
        if losses.shape != (len(x),):
            raise BadInput(
                f"the loss of a descent has shape {tuple(losses.shape)}; it must be one number for each of the "
                f"{len(x)} images."
            )
        (gradient,) = torch.autograd.grad(losses.sum(), leaf)
    return losses.detach(), gradient


def _move(
    gradient: Tensor, velocity: Tensor | None, direction: Direction, momentum: float, averaging: Averaging
) -> Tensor:
    """The change that a step subtracts, before the step size; `velocity` is updated in place."""
    direct = _unit if direction == "unit" else _sign
    if velocity is None:
        return direct(gradient)
    if averaging == "exponential":
        return velocity.lerp_(direct(gradient), 1.0 - momentum)
    return direct(velocity.mul_(momentum).add_(_unit(gradient, order=1)))


def _sign(x: Tensor) -> Tensor:
    return x.sign().nan_to_num_(nan=0.0)


def _unit(x: Tensor, order: int = 2) -> Tensor:
    """x / ||x|| per image, in the norm of order 1 or 2, zero where that is undefined.

    Dividing by the largest entry first keeps the squares of a confident model's tiny gradients from underflowing. 0/0
    and NaN become NaN in every pixel of the image, and zero in the last step.
    """
    pixels = _pixels(x)
    # Many times faster on the CPU than the infinity norm, and without a copy for the absolute values.
    scaled = x / torch.maximum(x.amax(dim=pixels, keepdim=True), -x.amin(dim=pixels, keepdim=True))
    if order == 1:
        length = scaled.abs().sum(dim=pixels, keepdim=True)
    else:
        length = torch.linalg.vector_norm(scaled, dim=pixels, keepdim=True)
    return scaled.div_(length).nan_to_num_(nan=0.0)


def _pixels(x: Tensor) -> tuple[int, ...]:
    return tuple(range(1, x.ndim))


def _check(steps: int, step_size: float, momentum: float, averaging: Averaging) -> None:
    if steps < 1:
        raise BadInput(f"the descent's steps is {steps}; it must be at least 1.")
    if not 0 <= step_size < float("inf"):
        raise BadInput(f"the descent's step_size is {step_size}; it must be a finite number of pixels, 0 or more.")
    if not 0 <= momentum < 1 and averaging == "exponential":
        raise BadInput(
            f"the descent's momentum is {momentum}; for an exponential average it must be at least 0 and below 1."
        )
    if not 0 <= momentum < float("inf"):
        raise BadInput(f"the descent's momentum is {momentum}; it must be a finite number, 0 or more.")
