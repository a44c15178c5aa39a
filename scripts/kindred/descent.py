"""Gradient descent on images: one loop for adversarial attacks and for inversion.

Both move the pixels of many images at once down a loss of their own, keep each image inside a set (a ball
around the clean image, the pixel range) and return one iterate per image. Images do not influence each other:
every norm, comparison and projection below is per image, so a batch may be cut anywhere.

Cost: `steps` forward and backward passes to the input and one last forward pass. Gradients of weights are
never asked for, so a parameter's `.grad` stays as it was. Nothing inside the loop waits for the device.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from kindred.errors import BadInput

Loss = Callable[[Tensor], Tensor]
Projection = Callable[[Tensor], Tensor]
Direction = Literal["sign", "unit"]
Averaging = Literal["exponential", "sum"]
Keep = Literal["best", "last"]


@dataclass(frozen=True)
class Curve:
    """Loss of every image along the way.

    `steps` (k,) int64 on the CPU: after how many steps each point was measured, 0 being the start.
    `loss` (n, k): the loss of the iterate at that point, not of the best one so far.
    """

    steps: Tensor
    loss: Tensor


@dataclass(frozen=True)
class Descent:
    """Where a descent ended.

    `images` (n, ...) in [0, 1]; `loss` (n,) of exactly these images, NaN where it was not measured;
    `curve` with no points unless it was asked for.
    """

    images: Tensor
    loss: Tensor
    curve: Curve


def pixel_box() -> Projection:
    """Projection of images onto the pixel range [0, 1]."""
    return lambda x: x.clamp(0.0, 1.0)


def linf_ball(centre: Tensor, eps: float) -> Projection:
    """Projection onto the images that differ from `centre` (n, ...) by at most `eps` in every pixel."""
    low, high = centre - eps, centre + eps
    return lambda x: x.clamp(low, high)


def l2_ball(centre: Tensor, eps: float) -> Projection:
    """Projection onto the images whose Euclidean distance from `centre` (n, ...) is at most `eps`.

    Images already inside come back, up to rounding. Clamping the result to [0, 1] afterwards keeps it in the ball
    as long as the centre is in [0, 1]; the two together are not the nearest point of the intersection.
    """

    def project(x: Tensor) -> Tensor:
        delta = x - centre
        # Inside the factor is 1: eps / 0 is infinite, and 0 / 0 (a ball of radius 0) counts as inside too.
        factor = (eps / euclidean(delta)).nan_to_num_(nan=1.0).clamp_(max=1.0)
        return delta.mul_(factor).add_(centre)

    return project


def euclidean(x: Tensor) -> Tensor:
    """Euclidean norm of every image of `x` (n, ...), of shape (n, 1, ...) to broadcast against it.

    `torch.linalg.vector_norm` is faster, but on the CPU it sums float32 without care: at 3 x 224 x 224 pixels it is
    off by 1e-6, which is good enough for the length of a step and not for the radius of a ball.
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
    measure_last: bool = True,
    draft: Loss | None = None,
    draft_steps: int = 0,
    progress: Callable[[int], None] | None = None,
) -> Descent:
    """Move `start` (n, ...), pixels in [0, 1], down `loss`, which gives one number per image (n,).

    With g the gradient of an image, d(g) its direction (its sign, or g / ||g||_2) and m = 0 at the start, one
    step is

      'exponential'  m <- momentum m + (1 - momentum) d(g),   x <- x - step_size m     (Jones et al. 2022)
      'sum'          m <- momentum m + g / ||g||_1,           x <- x - step_size d(m)  (Dong et al. 2018, MI-FGSM)

    followed by `project` and by clamping to [0, 1]; without momentum both are x - step_size d(g). `step_size`
    is in pixel units: the change of every pixel for 'sign', the Euclidean length of the step for 'unit'. A
    gradient of zero, or one with a NaN, contributes nothing, so such an image stays where it is rather than
    turning into NaN.

    `keep` 'best' returns the iterate of lowest loss of each image, the start and the last one included;
    'last' the last. With `curve_every` k > 0 the loss is recorded at steps 0, k, 2k, ... and at the last.
    `measure_last` False saves the last forward pass where nobody wants the loss of the last iterate ('last'
    only; the loss is then NaN). `progress` is called with the number of steps done.

    The first `draft_steps` steps go down `draft` instead, the same loss computed in less time and with less care:
    what it says is in the curve, but no iterate counts as best by it. The momentum goes on.

    Raises BadInput for settings outside what is described here.
    """
    _check(steps, step_size, direction, momentum, averaging, keep, curve_every, measure_last)
    if not 0 <= draft_steps <= steps or (draft_steps and draft is None):
        raise BadInput(
            f"the descent's draft_steps is {draft_steps}; it must be 0 to {steps} (the steps), and 0 without a draft."
        )
    # The caller may be inside inference_mode, whose tensors cannot take part in a backward pass.
    with torch.inference_mode(False), torch.no_grad():
        place = _placer(project)
        x = place(start.detach().clone())
        points = _points(steps, curve_every, measure_last)
        record = _Record(x, keep, points)
        velocity = torch.zeros_like(x) if momentum else None
        for step in range(steps):
            drafting = draft is not None and step < draft_steps
            losses, gradient = _slope(draft if draft is not None and drafting else loss, x)
            record.see(step, x, losses, counts=not drafting)
            x = place(x.add(_move(gradient, velocity, direction, momentum, averaging), alpha=-step_size))
            if progress is not None:
                progress(step + 1)
        if measure_last:
            record.see(steps, x, loss(x))
        return record.result(x, measure_last)


def _slope(loss: Loss, x: Tensor) -> tuple[Tensor, Tensor]:
    """Loss (n,) at `x` and its gradient with respect to the pixels alone."""
    with torch.enable_grad():
        # A view of x with its own place in the graph: x itself never requires grad.
        leaf = x.detach().requires_grad_()
        losses = loss(leaf)
        (gradient,) = torch.autograd.grad(losses.sum(), leaf)
    return losses.detach(), gradient


def _move(
    gradient: Tensor, velocity: Tensor | None, direction: Direction, momentum: float, averaging: Averaging
) -> Tensor:
    """What one step subtracts, before the step size; `velocity` is updated in place."""
    towards = _unit if direction == "unit" else _sign
    if velocity is None:
        return towards(gradient)
    if averaging == "exponential":
        return velocity.lerp_(towards(gradient), 1.0 - momentum)
    return towards(velocity.mul_(momentum).add_(_unit_l1(gradient)))


def _sign(x: Tensor) -> Tensor:
    return x.sign().nan_to_num_(nan=0.0)


def _unit(x: Tensor) -> Tensor:
    """x / ||x||_2 per image, zero where that is undefined.

    Dividing by the largest entry first keeps the squares of a confident model's tiny gradients from
    underflowing. 0/0 and NaN both end as NaN in every pixel of the image, and as zero in the last step.
    """
    scaled = x / _peak(x)
    length = torch.linalg.vector_norm(scaled, dim=_pixels(x), keepdim=True)
    return scaled.div_(length).nan_to_num_(nan=0.0)


def _unit_l1(x: Tensor) -> Tensor:
    """x / ||x||_1 per image, zero where that is undefined."""
    scaled = x / _peak(x)
    return scaled.div_(scaled.abs().sum(dim=_pixels(x), keepdim=True)).nan_to_num_(nan=0.0)


def _peak(x: Tensor) -> Tensor:
    # Many times as fast on the CPU as the infinity norm, and without a copy for the absolute values.
    pixels = _pixels(x)
    return torch.maximum(x.amax(dim=pixels, keepdim=True), -x.amin(dim=pixels, keepdim=True))


def _pixels(x: Tensor) -> tuple[int, ...]:
    return tuple(range(1, x.ndim))


def _placer(project: Projection | None) -> Projection:
    """`project` and then the pixel range, which has the last word."""
    if project is None:
        return pixel_box()
    chosen = project
    return lambda x: chosen(x).clamp(0.0, 1.0)


def _points(steps: int, every: int, measure_last: bool) -> list[int]:
    """Step numbers at which the loss is recorded: multiples of `every`, and the last where it is measured."""
    if not every:
        return []
    points = list(range(0, steps, every))
    return [*points, steps] if measure_last else points


class _Record:
    """Best iterates and the curve, kept on the device."""

    def __init__(self, start: Tensor, keep: Keep, points: list[int]) -> None:
        self.best = start if keep == "best" else None
        self.column = {step: column for column, step in enumerate(points)}
        self.loss: Tensor | None = None
        self.curve: list[Tensor] = []
        self.unmeasured = start.new_full((len(start),), float("nan"))

    def see(self, step: int, x: Tensor, losses: Tensor, counts: bool = True) -> None:
        if losses.shape != self.unmeasured.shape:
            raise BadInput(
                f"the loss of a descent has shape {tuple(losses.shape)} where one number for each of the "
                f"{len(x)} images is needed."
            )
        if step in self.column:
            self.curve.append(losses)
        if not counts:
            return
        if self.best is None or self.loss is None:
            self.loss = losses
            self.best = None if self.best is None else x
            return
        better = (losses < self.loss) | self.loss.isnan()
        self.loss = torch.where(better, losses, self.loss)
        # Exactly one or the other, as pixels are finite; several times as fast on the CPU as torch.where.
        self.best = self.best.lerp(x, better.to(x.dtype).view(-1, *[1] * (x.ndim - 1)))

    def result(self, last: Tensor, measured: bool) -> Descent:
        points = torch.tensor(list(self.column), dtype=torch.int64)
        curve = torch.stack(self.curve, dim=1) if self.curve else self.unmeasured[:, None][:, :0]
        loss = self.loss if measured and self.loss is not None else self.unmeasured
        return Descent(last if self.best is None else self.best, loss, Curve(points, curve))


def _check(
    steps: int,
    step_size: float,
    direction: str,
    momentum: float,
    averaging: str,
    keep: str,
    curve_every: int,
    measure_last: bool,
) -> None:
    if steps < 1:
        raise BadInput(f"the number of descent steps is {steps}; it must be at least 1.")
    if not 0 <= step_size < float("inf"):
        raise BadInput(
            f"the descent step size is {step_size}; it must be a finite number of pixels, 0 or more."
        )
    if not 0 <= momentum < 1 and averaging == "exponential":
        raise BadInput(f"the descent momentum is {momentum}; an exponential average needs 0 <= momentum < 1.")
    if not 0 <= momentum < float("inf"):
        raise BadInput(f"the descent momentum is {momentum}; it must be a finite number, 0 or more.")
    if curve_every < 0:
        raise BadInput(
            f"the descent curve is asked for every {curve_every} steps; it must be 0 (no curve) or more."
        )
    for name, value, allowed in (
        ("direction", direction, get_args(Direction)),
        ("averaging", averaging, get_args(Averaging)),
        ("keep", keep, get_args(Keep)),
    ):
        if value not in allowed:
            raise BadInput(f"the descent's {name} is {value!r}; it must be one of {', '.join(allowed)}.")
    if keep == "best" and not measure_last:
        raise BadInput("keeping the best iterate of a descent needs the last one measured too.")
