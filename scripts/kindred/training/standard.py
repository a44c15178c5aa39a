"""Standard training: cross-entropy on the images as they are."""

from torch import Tensor

from kindred.training.loop import Step


def loss(step: Step) -> Tensor:
    """Cross-entropy on the images as they are."""
    return step.cross_entropy(step.images)
