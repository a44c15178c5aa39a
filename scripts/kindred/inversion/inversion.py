"""Representation inversion: images whose features match those of a target, reached from another image.

Jones, Springer, Kenyon and Moore (UAI 2022), equation 2: starting from the seed image s, find the image x that
minimises ||g(x) - g(t)||_2 / ||g(t)||_2, g being the features that enter the classifier and t the target. The parts of
the target that appear are those the model uses; the parts of the seed that remain are those it ignores. The optimiser
is the authors': per-image unit gradients, their exponential average, constant steps, pixels clamped to [0, 1], best
iterate kept.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from kindred.descent import Descent, descend
from kindred.workflow.errors import BadInput

WARM_UP_SHARE = 0.9  # of the steps; more steps in float32 gain little (docs/performance.md)


def invert(
    features: Callable[[Tensor], Tensor],
    targets: Tensor,
    seeds: Tensor,
    *,
    steps: int = 2000,
    step_size: float = 1 / 8,
    momentum: float = 0.9,
    curve_every: int = 0,
    warm_up: Callable[[Tensor], Tensor] | None = None,
) -> Descent:
    """Move the images `seeds` (n, c, h, w) until their `features` match those of `targets` (n, c, h, w).

    Pixels are in [0, 1]; `features` maps images to (n, ...), differentiably. `step_size` is in pixel units, the length
    of a step while gradients agree; the defaults are those of Jones et al. 2022. The result's `loss` (n,) is the
    relative residual ||g(x) - g(t)|| / ||g(t)|| of each returned image, its `curve` that of the iterates every
    `curve_every` steps. Images are independent, so inverting them in chunks gives the same up to rounding. A target
    whose features are all zero keeps its seed image, with residual NaN.

    warm_up: a faster, low-precision version of the features (in bfloat16, say), used for the first WARM_UP_SHARE of the
    steps; `features` are used for the rest and to choose the best image.

    Costs a forward pass of the targets, `steps` forward and backward passes and one last forward pass. Raises BadInput
    if shapes differ, pixels are outside [0, 1], or settings are not what `descend` takes.
    """
    _check(targets, seeds)
    # Tensors made in inference_mode cannot enter a backward pass; clones made outside of it can.
    with torch.inference_mode(False), torch.no_grad():

        def residual_of(features: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
            goal = _rows(features(targets.detach().clone()))
            length = torch.linalg.vector_norm(goal, dim=1)
            length = torch.where(length > 0, length, float("nan"))
            # vector_norm, unlike the root of a sum, has gradient 0 where the features match exactly.
            return lambda x: torch.linalg.vector_norm(_rows(features(x)) - goal, dim=1) / length

        return descend(
            residual_of(features),
            seeds,
            steps=steps,
            step_size=step_size,
            direction="unit",
            momentum=momentum,
            curve_every=curve_every,
            warm_up=None if warm_up is None else residual_of(warm_up),
            warm_up_steps=int(WARM_UP_SHARE * steps),
        )


def _rows(features: Tensor) -> Tensor:
    """Features (n, p) in at least float32, whatever the model's precision."""
    return features.to(torch.promote_types(features.dtype, torch.float32)).flatten(1)


def _check(targets: Tensor, seeds: Tensor) -> None:
    if targets.shape != seeds.shape or targets.ndim < 2 or not len(targets):
        raise BadInput(
            f"target images have shape {tuple(targets.shape)} and seed images {tuple(seeds.shape)}; both must be the "
            "same (n, c, h, w) with n >= 1."
        )
    for name, images in (("target", targets), ("seed", seeds)):
        low, high = torch.stack(images.detach().aminmax()).tolist()
        if not (low >= 0 and high <= 1):
            raise BadInput(f"pixels of {name} images lie in [{low:g}, {high:g}]; they must lie in [0, 1].")
