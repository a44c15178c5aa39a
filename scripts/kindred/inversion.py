"""Representation inversion: images a model cannot tell from a target, grown from another image.

Jones, Springer, Kenyon and Moore (UAI 2022), equation 2: from the seed image s find the image that minimises
||g(x) - g(t)||_2 / ||g(t)||_2, g being the features that enter the classifier and t the target. What survives
of the target is what the model uses; what survives of the seed is what it ignores. The optimiser is the
authors': per-image unit gradients, their exponential average, constant steps, pixels clamped to [0, 1], best
iterate kept.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor

from kindred.descent import Descent, descend
from kindred.errors import BadInput

Objective = Literal["relative_l2"]

DRAFTED = (
    0.9  # of the steps, where there is a draft; more of them in float32 gain little (docs/performance.md)
)


@dataclass(frozen=True)
class Inversion:
    """Settings of an inversion; the defaults are those of Jones et al. 2022.

    `step_size` is in pixel units, the length of a step while gradients agree. Raises BadInput out of range.
    """

    steps: int = 2000
    step_size: float = 1 / 8
    momentum: float = 0.9
    loss: Objective = "relative_l2"

    def __post_init__(self) -> None:
        if isinstance(self.steps, bool) or not isinstance(self.steps, int) or self.steps < 1:
            raise BadInput(f"an inversion's steps is {self.steps!r}; it must be a whole number, 1 or more.")
        if not _is_number(self.step_size) or not 0 < self.step_size < float("inf"):
            raise BadInput(
                f"an inversion's step_size is {self.step_size!r}; it must be a finite number above 0."
            )
        if not _is_number(self.momentum) or not 0 <= self.momentum < 1:
            raise BadInput(
                f"an inversion's momentum is {self.momentum!r}; it must be at least 0 and below 1."
            )
        if self.loss not in get_args(Objective):
            raise BadInput(
                f"an inversion's loss is {self.loss!r}; it must be one of {', '.join(get_args(Objective))}."
            )


def pair_seeds(labels: Sequence[int] | np.ndarray | Tensor, seed: int) -> np.ndarray:
    """For every image the index (n,) int64 of the image its inversion starts from: another one, of another label.

    Each is drawn uniformly from all images of other labels, independently, so one image may seed several
    targets and some none. The result is a function of `labels` (n,) and `seed` alone, the same on every
    machine; adding or reordering images changes it, so write it down beside the inverted images. Raises
    BadInput unless `labels` is one row of at least two classes.
    """
    labels = np.asarray(labels)
    if labels.ndim != 1:
        raise BadInput(f"labels to pair have shape {labels.shape}; they must be one row of numbers.")
    classes, inverse, counts = np.unique(labels, return_inverse=True, return_counts=True)
    if len(classes) < 2:
        raise BadInput(
            f"labels to pair hold {len(classes)} class{'' if len(classes) == 1 else 'es'}; a seed image of "
            "another label needs at least 2."
        )
    # Sorted by label, the images of other labels are everything outside one run: draw a place there and step over.
    order = np.argsort(inverse, kind="stable")
    first = np.cumsum(counts) - counts
    others = len(labels) - counts[inverse]
    uniform = np.random.default_rng(seed).random(len(labels))
    place = np.minimum((uniform * others).astype(np.int64), others - 1)
    place += np.where(place >= first[inverse], counts[inverse], 0)
    return order[place].astype(np.int64)


def invert(
    features: Callable[[Tensor], Tensor],
    targets: Tensor,
    seeds: Tensor,
    inversion: Inversion | None = None,
    curve_every: int = 0,
    progress: Callable[[int], None] | None = None,
    draft: Callable[[Tensor], Tensor] | None = None,
) -> Descent:
    """Move the images `seeds` (n, c, h, w) until `features` of them match those of `targets` (n, c, h, w).

    Pixels are in [0, 1]; `features` maps images to (n, p), differentiably. The result's `loss` (n,) is the
    relative residual ||g(x) - g(t)|| / ||g(t)|| of each returned image, its `curve` the residual along the
    way every `curve_every` steps. Images are treated one by one, so inverting them in chunks gives the same
    up to rounding. A target whose features are all zero has no relative residual: its image stays at the seed
    and its residual is NaN.

    draft: the same features computed in less time and with less care (in bfloat16, say), down which the first
    DRAFTED of the steps go; the last ones, and which image is best, are up to `features`.

    Costs a forward pass of the targets, `steps` forward and backward passes and one last forward pass.
    Raises BadInput if shapes differ or pixels are outside [0, 1].
    """
    inversion = inversion or Inversion()
    _check(targets, seeds)
    # Tensors made in inference_mode cannot enter a backward pass; clones made outside of it can.
    with torch.inference_mode(False), torch.no_grad():

        def residual_of(says: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
            goal = _full(says(targets.detach().clone())).flatten(1)
            length = torch.linalg.vector_norm(goal, dim=1)
            length = torch.where(length > 0, length, float("nan"))
            # vector_norm, unlike a root of a sum, has the gradient 0 where the features match exactly.
            return lambda x: torch.linalg.vector_norm(_full(says(x)).flatten(1) - goal, dim=1) / length

        return descend(
            residual_of(features),
            seeds,
            steps=inversion.steps,
            step_size=float(inversion.step_size),
            direction="unit",
            momentum=float(inversion.momentum),
            averaging="exponential",
            keep="best",
            curve_every=curve_every,
            draft=None if draft is None else residual_of(draft),
            draft_steps=0 if draft is None else int(DRAFTED * inversion.steps),
            progress=progress,
        )


def _full(x: Tensor) -> Tensor:
    """At least float32, whatever precision the model computes in."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def _check(targets: Tensor, seeds: Tensor) -> None:
    if targets.shape != seeds.shape or targets.ndim < 2 or not len(targets):
        raise BadInput(
            f"target images have shape {tuple(targets.shape)} and seed images {tuple(seeds.shape)}; both must be "
            "the same (n, c, h, w) with n >= 1."
        )
    for name, images in (("target", targets), ("seed", seeds)):
        low, high = torch.stack(images.detach().aminmax()).tolist()
        if not (low >= 0 and high <= 1):
            raise BadInput(f"pixels of {name} images lie in [{low:g}, {high:g}]; they must lie in [0, 1].")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
