"""Adversarial training with PGD (Madry et al. 2018, equation 2.1)."""

from torch import Tensor

from kindred.training import adversary
from kindred.training.loop import Step


def loss(step: Step) -> Tensor:
    """Cross-entropy on images that PGD has just changed to fool the model."""
    if step.eps == 0:
        return step.cross_entropy(step.images)
    attack = adversary.ball(step, step.recipe["steps"], reach=2.5)
    return step.cross_entropy(adversary.perturbed(step, attack))
