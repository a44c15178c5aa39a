"""Perturbing images so that they fool a classifier: what all attacks share around the search of each.

An attack is a class of its own in a module of its own (`pgd`, `apgd`, `spatial`), which searches for images
that make an objective large: cross-entropy, or the margin of the logits (Carlini and Wagner 2017).

Cross-entropy is raised as the log odds of the other classes, log(sum over j != y of exp z_j) - z_y, of which it is an
increasing function, softplus. So the direction of the gradient, by which every attack here moves, and the order of two
values are those of cross-entropy. But the gradient of cross-entropy itself is the probability of the other classes
times that of the log odds, and rounds to exactly zero for a confident model, which then seems robust.
"""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from kindred.descent import euclidean
from kindred.workflow.errors import BadInput

Objective = Callable[[Tensor], Tensor]  # images (n, c, h, w) -> (n,)
LogitObjective = Callable[[Tensor, Tensor], Tensor]  # logits (n, classes), labels (n,) -> (n,)
Seeds = list[torch.Generator]  # one generator for each image

SEEDS = 2**63 - 1


@dataclass(frozen=True, kw_only=True)
class Attack:
    """Settings that all attacks have: the objective by its name, and the number of random restarts."""

    norm: ClassVar[str] = "l2"
    loss: str = "cross_entropy"
    restarts: int = 1

    @classmethod
    def of(cls, settings: dict[str, Any]) -> Self:
        """The attack of a config's entry; keys that are no field of it (images, seed, precision) are left out."""
        known = {field.name for field in fields(cls)}
        return cls(**{key: value for key, value in settings.items() if key in known})

    @property
    def random(self) -> bool:
        """Whether it draws random numbers, and so needs a generator."""
        return False

    def scaled(self, factor: float) -> "Attack":
        """The same attack with so many times the budget."""
        raise NotImplementedError

    def single(self) -> "Attack":
        """The attack cut down to one step of full length, without random numbers."""
        raise NotImplementedError

    @abstractmethod
    def search(self, objective: Objective, images: Tensor, seeds: Seeds | None) -> Tensor:
        """Images (n, c, h, w) near the given ones, in [0, 1], that make the objective large; one restart."""


@dataclass(frozen=True)
class Perturbed:
    """Adversarial images (n, c, h, w), and of which of them (n,) every gradient that the search took was exactly zero.

    Such an image was moved by chance alone: that it fools nobody says nothing of the classifier. False for attacks that
    take no gradients.
    """

    images: Tensor
    no_gradient: Tensor


def perturb(
    classifier: nn.Module,
    images: Tensor,
    labels: Tensor,
    attack: Attack,
    generator: torch.Generator | None = None,
    objective: LogitObjective | None = None,
) -> Tensor:
    """The images of `perturbed`, which has the arguments described."""
    return perturbed(classifier, images, labels, attack, generator, objective).images


def perturbed(
    classifier: nn.Module,
    images: Tensor,
    labels: Tensor,
    attack: Attack,
    generator: torch.Generator | None = None,
    objective: LogitObjective | None = None,
) -> Perturbed:
    """Adversarial versions of `images` (n, c, h, w): `classifier` is driven away from `labels` (n,).

    Pixels are in [0, 1]. `classifier` maps images to logits (n, classes); it is used in the mode it is in (eval,
    usually) and the gradients of its parameters are left alone. Of several restarts each image keeps one that fools the
    classifier, and among those (or if there are none) the one of the highest objective.

    Random numbers come from `generator` (on the CPU; needed if the attack draws any): one number per image seeds that
    image's own generator, so they depend neither on the device nor, when one generator serves consecutive batches, on
    where the batches are cut. `objective` is raised in place of `attack.loss`.

    With several restarts, each costs one forward pass beside its search. Raises BadInput for a missing generator.
    """
    if attack.random and generator is None:
        raise BadInput("an attack that draws random numbers needs a generator; none was given.")
    # Tensors made in inference_mode cannot enter a backward pass; clones made outside of it can.
    with torch.inference_mode(False):
        clean, labels = images.detach().clone(), labels.clone()
        raised = objective or OBJECTIVES[attack.loss]
        seeds = _seeds(len(clean), generator) if attack.random and generator is not None else None

        def of_logits(logits: Tensor) -> Tensor:
            return raised(logits.to(torch.promote_types(logits.dtype, torch.float32)), labels)

        moving = torch.zeros(len(clean), dtype=torch.bool, device=clean.device)
        gradients = 0

        def watch(gradient: Tensor) -> None:
            nonlocal gradients, moving
            gradients += 1
            moving |= gradient.flatten(1).any(dim=1)

        def of_images(x: Tensor) -> Tensor:
            if x.requires_grad:
                x.register_hook(watch)  # type: ignore[no-untyped-call]
            return of_logits(classifier(x))

        best = attack.search(of_images, clean, seeds)
        if attack.restarts == 1 or seeds is None:  # without random numbers all restarts are the same
            return Perturbed(best, ~moving & bool(gradients))

        def measured(x: Tensor) -> tuple[Tensor, Tensor]:
            with torch.no_grad():
                logits = classifier(x)
                return logits.argmax(dim=1) != labels, of_logits(logits)

        best_fooled, best_value = measured(best)
        for _ in range(attack.restarts - 1):
            found = attack.search(of_images, clean, seeds)
            fooled, value = measured(found)
            better = (fooled & ~best_fooled) | ((fooled == best_fooled) & (value > best_value))
            best = torch.where(better.view(-1, *[1] * (clean.ndim - 1)), found, best)
            best_fooled = torch.where(better, fooled, best_fooled)
            best_value = torch.where(better, value, best_value)
        return Perturbed(best, ~moving & bool(gradients))


def norms(delta: Tensor, norm: str) -> Tensor:
    """Size (n,) of every perturbation of `delta` (n, ...), in pixel units; computed in float64.

    In linf, and in l2 for everything else: the size of a translation or of a change of JPEG coefficients is no norm of
    pixels.
    """
    flat = delta.detach().double().flatten(1)
    return flat.abs().amax(dim=1) if norm == "linf" else euclidean(flat)[:, 0]


def log_odds(logits: Tensor, labels: Tensor) -> Tensor:
    """Log of the odds of all other classes against the label, (n,), of logits (n, classes) and labels (n,).

    Cross-entropy is log(1 + exp of it): an attack that raises one raises the other.
    """
    return _others(logits, labels).logsumexp(dim=1) - _own(logits, labels)


def margin(logits: Tensor, labels: Tensor) -> Tensor:
    """Highest other logit minus the label's, (n,): positive once the classifier is fooled."""
    return _others(logits, labels).amax(dim=1) - _own(logits, labels)


def _others(logits: Tensor, labels: Tensor) -> Tensor:
    return logits.scatter(1, labels[:, None], float("-inf"))


def _own(logits: Tensor, labels: Tensor) -> Tensor:
    return logits.gather(1, labels[:, None])[:, 0]


OBJECTIVES: dict[str, LogitObjective] = {"cross_entropy": log_odds, "margin": margin}


def _seeds(n: int, generator: torch.Generator) -> Seeds:
    """A generator of its own for every image, seeded by the given one."""
    numbers = torch.randint(SEEDS, (n,), generator=generator).tolist()
    return [torch.Generator().manual_seed(number) for number in numbers]
