"""Distillation: training a student with what a teacher says, hard or soft (Touvron et al. 2021, DeiT).

  hard  L = 1/2 CE(student, label) + 1/2 CE(student, the teacher's own label)
  soft  L = (1 - share) CE(student, label) + share T^2 KL(teacher / T || student / T)

both on the student's one output: DeiT's second output, for its distillation token, is part of an architecture and not
of a loss. The teacher stays as it is and sees the same pixels.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from kindred.errors import BadInput
from kindred.training import Method

METHODS = ("hard", "soft")


def taught(teacher: nn.Module, method: str, temperature: float, share: float) -> Method:
    """A training method, in place of one of `training.METHODS`, that learns from labels and from a teacher.

    The teacher is used in the mode it is in (eval, usually) and gets no gradients. Raises BadInput for another method.
    """
    if method not in METHODS:
        raise BadInput(f"the method of distillation is '{method}'; it must be one of {', '.join(METHODS)}.")

    def loss(
        classifier: nn.Module,
        images: Tensor,
        labels: Tensor,
        recipe: Mapping[str, Any],
        eps: float,
        generator: torch.Generator,
    ) -> Tensor:
        with torch.no_grad():
            said = teacher(images)
        return distilled(classifier(images), labels, said, method, temperature, share)

    return loss


def distilled(
    logits: Tensor, labels: Tensor, teacher: Tensor, method: str, temperature: float, share: float
) -> Tensor:
    """The loss above, a mean over images; logits and teacher (n, classes), labels (n,)."""
    own = functional.cross_entropy(logits, labels)
    if method == "hard":
        return (own + functional.cross_entropy(logits, teacher.argmax(dim=1))) / 2
    apart = functional.kl_div(
        functional.log_softmax(logits / temperature, dim=1),
        functional.log_softmax(teacher / temperature, dim=1),
        reduction="batchmean",
        log_target=True,
    )
    return (1 - share) * own + share * temperature**2 * apart
