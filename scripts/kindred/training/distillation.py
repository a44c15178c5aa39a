"""Distillation: training a student on the outputs of a teacher, hard or soft (Touvron et al. 2021, DeiT).

  hard  L = 1/2 CE(student, label) + 1/2 CE(student, the teacher's own label)
  soft  L = (1 - share) CE(student, label) + share T^2 KL(teacher / T || student / T)

both on the student's one output: DeiT's second output, for its distillation token, is part of an architecture and not
of a loss. The teacher stays as it is and sees the same pixels.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from kindred.training.loop import Loss, Step


def taught(teacher: nn.Module, method: str, temperature: float, share: float) -> Loss:
    """The loss of a training step that learns from labels and from a teacher, by the method `hard` or `soft`.

    The teacher is used in the mode it is in (eval, usually) and gets no gradients.
    """

    def loss(step: Step) -> Tensor:
        with torch.no_grad():
            outputs = teacher(step.images)
        return distilled(step.classifier(step.images), step.labels, outputs, method, temperature, share)

    return loss


def distilled(logits: Tensor, labels: Tensor, teacher: Tensor, method: str, temperature: float, share: float) -> Tensor:
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
