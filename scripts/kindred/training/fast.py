"""Adversarial training with a single step from a random start (Wong et al. 2020, algorithm 3)."""

from torch import Tensor

from kindred.training import adversary
from kindred.training.loop import Step


def loss(step: Step) -> Tensor:
    """Cross-entropy on images changed in one step of length `step_size`, or 1.25 eps as in the paper."""
    if step.eps == 0:
        return step.cross_entropy(step.images)
    return step.cross_entropy(adversary.perturbed(step, adversary.ball(step, 1, reach=1.25)))
