"""Training on the worst of several rotations and translations (Engstrom et al. 2019, worst-of-k)."""

from torch import Tensor

from kindred.attacks.spatial import Spatial
from kindred.training import adversary
from kindred.training.loop import Step


def loss(step: Step) -> Tensor:
    """Cross-entropy on transformed images; rotations grow with the translations, whose limit in pixels is `eps`."""
    if step.eps == 0:
        return step.cross_entropy(step.images)
    degrees = float(step.recipe["degrees"]) * step.eps / float(step.recipe["shift"])
    attack = Spatial(shift=step.eps, degrees=degrees, tries=step.recipe["tries"])
    return step.cross_entropy(adversary.perturbed(step, attack))
