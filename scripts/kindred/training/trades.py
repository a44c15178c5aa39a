"""TRADES (Zhang et al. 2019, equation 5)."""

import torch
from torch import Tensor
from torch.nn import functional

from kindred.training import adversary
from kindred.training.loop import Step


def loss(step: Step) -> Tensor:
    """CE(f(x), y) + beta KL(f(x) || f(x')), x' being the image that makes the divergence large.

    x' starts uniformly in the ball, where the paper starts 0.001 away from the image. Both means are over images.
    """
    logits = step.classifier(step.images)
    clean = functional.cross_entropy(logits, step.labels)
    if step.eps == 0:
        return clean
    step.classifier.eval()
    with torch.no_grad():
        target = functional.log_softmax(step.classifier(step.images), dim=1)

    def divergence(outputs: Tensor, _: Tensor) -> Tensor:
        found = functional.log_softmax(outputs, dim=1)
        return functional.kl_div(found, target, reduction="none", log_target=True).sum(dim=1)

    attack = adversary.ball(step, step.recipe["steps"], reach=2.5)
    changed = adversary.perturbed(step, attack, divergence)
    apart = functional.kl_div(
        functional.log_softmax(step.classifier(changed), dim=1),
        functional.log_softmax(logits, dim=1),
        reduction="batchmean",
        log_target=True,
    )
    return clean + float(step.recipe["beta"]) * apart
