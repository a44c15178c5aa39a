"""What single pixels do to a model's answer, and whether two models agree on it (Jones et al. 2022, Fig. 5)."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from kindred.errors import BadInput

Loss = Literal["logit", "cross_entropy"]
LOSSES: tuple[Loss, ...] = ("logit", "cross_entropy")


def input_gradients(classifier: nn.Module, images: Tensor, labels: Tensor, loss: Loss) -> Tensor:
    """The gradient (n, c h w) of each image's loss with respect to its pixels; (n, c, h, w) in, labels (n,).

    'logit': of the logit of the true class; 'cross_entropy': of the cross-entropy with it. One forward and one
    backward pass to the input, none to weights. Raises BadInput for another loss.
    """
    if loss not in LOSSES:
        raise BadInput(f"the loss of a gradient is '{loss}'; it must be one of {', '.join(LOSSES)}.")
    with torch.inference_mode(False), torch.enable_grad():
        shown = images.detach().clone().requires_grad_()
        # In float64 a sure model's cross-entropy does not vanish; the network itself stays as it is.
        logits = classifier(shown).double()
        if loss == "logit":
            total = logits.gather(1, labels[:, None]).sum()
        else:
            total = nn.functional.cross_entropy(logits, labels, reduction="sum")
        (gradient,) = torch.autograd.grad(total, shown)
    return gradient.flatten(1)


def cosines(gradients: Sequence[Tensor]) -> Tensor:
    """Cosines (T, T, n) between the gradients of T models, (n, d) each, image by image; NaN where one is all zero."""
    units = torch.stack([_unit(each) for each in gradients], dim=1)
    return (units @ units.mT).permute(1, 2, 0)


def _unit(gradients: Tensor) -> Tensor:
    """Rows of length 1; a row of zeros becomes NaN."""
    # By their largest entry first: squares of small gradients would be lost in float32.
    scaled = gradients / gradients.abs().amax(dim=1, keepdim=True)
    return scaled / torch.linalg.vector_norm(scaled, dim=1, keepdim=True)
