"""The adversary of adversarial training: an attack on the network as it is now, at the budget in force."""

from torch import Tensor

from kindred.attacks.perturbation import Attack, LogitObjective, perturb
from kindred.attacks.pgd import Pgd
from kindred.training.loop import Step


def ball(step: Step, steps: int, reach: float) -> Pgd:
    """PGD in the recipe's ball at the radius in force; all steps together go `reach` radii far, or have `step_size`.

    While eps grows the step grows with it, so that the adversary reaches the edge of its ball at any eps.
    """
    own, eps = step.recipe.get("step_size"), step.eps
    length = float(own) * eps / float(step.recipe["eps"]) if own else reach * eps / steps
    return Pgd(norm=step.recipe["norm"], eps=eps, steps=steps, step_size=length)


def perturbed(step: Step, attack: Attack, objective: LogitObjective | None = None) -> Tensor:
    """Images (n, c, h, w) that the adversary has changed.

    It sees the network in evaluation mode, so that it does not move the running statistics.
    """
    step.classifier.eval()
    changed = perturb(step.classifier, step.images, step.labels, attack, step.generator, objective)
    step.classifier.train()
    return changed
