"""Adversarial examples: projected gradient descent within a linf or l2 ball, and other threat models.

Projected gradient descent with a random start after Madry et al. 2018 (linf: sign steps; l2: steps of unit
gradient), optionally with the accumulated momentum of Dong et al. 2018 (MI-FGSM) and with the margin of the
logits (Carlini and Wagner 2017) in place of cross-entropy. The loop itself is `kindred.descent`. Two variants:
gradients taken at randomly resized and padded images (`kindred.diversity`), and APGD (`kindred.apgd`) in place of PGD.

What an adversary may do to an image is one function in `kindred.threats`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from kindred.descent import euclidean
from kindred.errors import BadInput
from kindred.threats import BALLS, THREATS

Norm = Literal["linf", "l2", "spatial", "jpeg"]
Objective = Literal["cross_entropy", "margin"]
Method = Literal["pgd", "apgd"]
Height = Callable[[Tensor, Tensor], Tensor]

SEEDS = 2**63 - 1


@dataclass(frozen=True)
class Attack:
    """Settings of an attack.

    `norm`: the threat model, a name of `threats.THREATS`.
    `eps`: radius of the ball in pixel units, pixels being in [0, 1]; 0 leaves the images alone. For `spatial` the
    largest shift in pixels, for `jpeg` the radius in quantisation steps.
    `step_size`: in the same units; None stands for 2.5 eps / steps, enough to reach the border and walk along it.
    `random_start`: begin at a point drawn uniformly from the volume of the ball rather than at the image.
    `restarts`: how many random starts are tried; more than one needs `random_start`.
    `momentum`: 0 for plain PGD, 1 for the setting of MI-FGSM.
    `method`: pgd, or apgd, which chooses its steps and momentum itself and keeps the point of highest loss.
    `diversity`: probability that a step sees a randomly resized and padded image, shrunk to `smallest` of its side at
    most; needs a generator.
    `degrees`: largest turn, for `spatial` alone; its `steps` are how many ways are tried of each image, or the points
    along each axis of a grid without `random_start`.

    Raises BadInput for anything else.
    """

    norm: Norm
    eps: float
    steps: int = 10
    step_size: float | None = None
    random_start: bool = True
    restarts: int = 1
    loss: Objective = "cross_entropy"
    momentum: float = 0.0
    method: Method = "pgd"
    diversity: float = 0.0
    smallest: float = 0.9
    degrees: float = 0.0

    def __post_init__(self) -> None:
        _one_of("norm", self.norm, get_args(Norm))
        _one_of("loss", self.loss, get_args(Objective))
        _one_of("method", self.method, get_args(Method))
        _number("eps", self.eps)
        _number("momentum", self.momentum)
        _count("steps", self.steps)
        _count("restarts", self.restarts)
        if self.step_size is not None:
            _number("step_size", self.step_size)
        if not isinstance(self.random_start, bool):
            raise BadInput(f"an attack's random_start is {self.random_start!r}; it must be true or false.")
        _number("diversity", self.diversity)
        _number("smallest", self.smallest)
        if self.diversity > 1 or not 0 < self.smallest <= 1:
            raise BadInput(
                f"an attack's diversity is {self.diversity} and smallest {self.smallest}; they must be at most 1, and "
                "smallest above 0."
            )
        if self.method == "apgd" and (self.step_size is not None or self.momentum):
            raise BadInput(
                "an attack of method apgd chooses step_size and momentum itself; they must be left out."
            )
        _number("degrees", self.degrees)
        if self.degrees > 180 or (self.degrees and self.norm != "spatial"):
            raise BadInput(
                f"an attack's degrees is {self.degrees:g}; it must be at most 180, and 0 unless norm is spatial."
            )
        if self.norm not in BALLS and (self.method == "apgd" or self.momentum or self.diversity):
            raise BadInput(f"an attack of norm {self.norm} takes neither apgd nor momentum nor diversity.")
        if self.restarts > 1 and not self.random_start:
            raise BadInput(f"an attack's restarts is {self.restarts}; without random_start it must be 1.")

    @property
    def step(self) -> float:
        """The step size in pixel units, default resolved."""
        return 2.5 * self.eps / self.steps if self.step_size is None else float(self.step_size)


def of(settings: Mapping[str, Any]) -> Attack:
    """The attack that a config's entry describes; keys that are no field of it (images, seed) are left out."""
    return Attack(**{field.name: settings[field.name] for field in fields(Attack) if field.name in settings})


def perturb(
    classifier: nn.Module,
    images: Tensor,
    labels: Tensor,
    attack: Attack,
    generator: torch.Generator | None = None,
    objective: Height | None = None,
) -> Tensor:
    """Adversarial versions (n, c, h, w) of `images` (n, c, h, w): `classifier` is driven away from `labels` (n,).

    Pixels are in [0, 1]. `classifier` maps images to logits (n, classes); it is used in the mode it is in
    (eval, usually) and its parameters' gradients are left alone. The result is in [0, 1] and in the attack's
    ball up to float rounding, on the images' device. Of several restarts each image keeps one that fools the
    classifier, and among those (or if there are none) the one of highest loss; within a restart the last
    iterate counts. `eps` 0 gives a copy.

    Random starts come from `generator` (on the CPU; needed if the attack starts at random): one number per
    image seeds that image's own noise, so the noise depends neither on the device nor, when one generator
    serves consecutive batches, on where the batches are cut.

    `objective`: what is raised in place of `attack.loss`, from logits (n, classes) and labels (n,) to (n,).

    One restart costs `steps` forward and backward passes; with several, each has one more forward pass.
    Raises BadInput for pixels outside [0, 1], labels that do not match, or a missing generator.
    """
    _check(images, labels, attack, generator)
    if attack.eps == 0 and attack.degrees == 0:
        return images.detach().clone()
    # Tensors made in inference_mode cannot enter a backward pass; clones made outside of it can.
    with torch.inference_mode(False):
        clean, labels = images.detach().clone(), labels.clone()
        raised = objective or OBJECTIVES[attack.loss]
        drawn = attack.random_start or attack.diversity
        seeds = _seeds(len(clean), generator) if drawn and generator is not None else None
        if attack.restarts == 1:
            return _run(classifier, clean, labels, attack, raised, seeds, measure=False)[0]
        return _worst_of(classifier, clean, labels, attack, raised, seeds)


def norms(delta: Tensor, norm: Norm) -> Tensor:
    """Size (n,) of every perturbation of `delta` (n, ...), in pixel units; computed in float64.

    In linf, and in l2 for all other threat models, whose own measure of size is no norm of pixels.
    """
    _one_of("norm", norm, get_args(Norm))
    flat = delta.detach().double().flatten(1)
    return flat.abs().amax(dim=1) if norm == "linf" else euclidean(flat)[:, 0]


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy (n,) of `logits` (n, classes) for `labels` (n,): an attack raises it."""
    return functional.cross_entropy(logits, labels, reduction="none")


def margin(logits: Tensor, labels: Tensor) -> Tensor:
    """Highest other logit minus the label's, (n,): positive once the classifier is fooled."""
    column = labels[:, None]
    others = logits.scatter(1, column, float("-inf")).amax(dim=1)
    return others - logits.gather(1, column)[:, 0]


OBJECTIVES: dict[str, Height] = {"cross_entropy": cross_entropy, "margin": margin}


def _worst_of(
    classifier: nn.Module,
    clean: Tensor,
    labels: Tensor,
    attack: Attack,
    objective: Height,
    seeds: list[torch.Generator] | None,
) -> Tensor:
    """The strongest of `attack.restarts` restarts for each image."""
    best, best_fooled, best_loss = _run(classifier, clean, labels, attack, objective, seeds)
    for _ in range(attack.restarts - 1):
        images, fooled, loss = _run(classifier, clean, labels, attack, objective, seeds)
        better = (fooled & ~best_fooled) | ((fooled == best_fooled) & (loss > best_loss))
        best = torch.where(better.view(-1, *[1] * (clean.ndim - 1)), images, best)
        best_fooled = torch.where(better, fooled, best_fooled)
        best_loss = torch.where(better, loss, best_loss)
    return best


def _run(
    classifier: nn.Module,
    clean: Tensor,
    labels: Tensor,
    attack: Attack,
    objective: Height,
    seeds: list[torch.Generator] | None,
    measure: bool = True,
) -> tuple[Tensor, Tensor, Tensor]:
    """One restart: images, whether they fool (n,) and what is raised (n,); the latter two only if measured."""

    def height(x: Tensor) -> Tensor:
        logits = classifier(x)
        return objective(logits.to(torch.promote_types(logits.dtype, torch.float32)), labels)

    changed = THREATS[attack.norm](height, clean, attack, seeds)
    if not measure:
        return changed, torch.zeros_like(labels, dtype=torch.bool), torch.zeros_like(clean[:, 0, 0, 0])
    with torch.no_grad():
        logits = classifier(changed)
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
        return changed, logits.argmax(dim=1) != labels, objective(logits, labels)


def _seeds(n: int, generator: torch.Generator) -> list[torch.Generator]:
    """A generator of its own for every image, seeded by the given one."""
    numbers = torch.randint(SEEDS, (n,), generator=generator).tolist()
    return [torch.Generator().manual_seed(number) for number in numbers]


def _check(images: Tensor, labels: Tensor, attack: Attack, generator: torch.Generator | None) -> None:
    if images.ndim != 4 or not len(images):
        raise BadInput(
            f"images to attack have shape {tuple(images.shape)}; they must be (n, c, h, w) with n >= 1."
        )
    if labels.shape != images.shape[:1] or labels.dtype != torch.int64:
        raise BadInput(
            f"labels of {len(images)} images to attack have shape {tuple(labels.shape)} and type {labels.dtype}; "
            "they must be (n,) and int64."
        )
    low, high = torch.stack(images.detach().aminmax()).tolist()
    if not (low >= 0 and high <= 1):
        raise BadInput(f"pixels of images to attack lie in [{low:g}, {high:g}]; they must lie in [0, 1].")
    if (attack.random_start or attack.diversity) and attack.eps > 0 and generator is None:
        raise BadInput("an attack with random_start or diversity needs a generator; none was given.")


def _one_of(name: str, value: object, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise BadInput(f"an attack's {name} is {value!r}; it must be one of {', '.join(allowed)}.")


def _number(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        raise BadInput(f"an attack's {name} is {value!r}; it must be a finite number, 0 or more.")


def _count(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise BadInput(f"an attack's {name} is {value!r}; it must be a whole number, 1 or more.")
