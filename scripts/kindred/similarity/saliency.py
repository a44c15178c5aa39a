"""Input gradients of models, and their agreement between models (Jones et al. 2022, Fig. 5)."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from kindred.workflow.errors import BadInput

Loss = Literal["logit", "cross_entropy"]
LOSSES: tuple[Loss, ...] = ("logit", "cross_entropy")


def input_gradients(classifier: nn.Module, images: Tensor, labels: Tensor, loss: Loss) -> Tensor:
    """Gradients (n, c h w) of each image's loss with respect to its pixels.

    images: (n, c, h, w); labels: (n,). loss 'logit': the logit of the true class; 'cross_entropy': the cross-entropy
    with it. One forward and one backward pass to the input, none to weights. Raises BadInput for another loss.
    """
    if loss not in LOSSES:
        raise BadInput(f"the loss of input gradients is '{loss}'; it must be one of {', '.join(LOSSES)}.")
    with torch.inference_mode(False), torch.enable_grad():
        pixels = images.detach().clone().requires_grad_()
        # In float64 the cross-entropy of a confident model does not vanish; the network is not converted.
        logits = classifier(pixels).double()
        if loss == "logit":
            total = logits.gather(1, labels[:, None]).sum()
        else:
            total = nn.functional.cross_entropy(logits, labels, reduction="sum")
        (gradient,) = torch.autograd.grad(total, pixels)
    return gradient.flatten(1)


def cosines(gradients: Sequence[Tensor], shift: int = 0) -> Tensor:
    """Cosines (T, T, n) between the gradients (n, d) of T models, image by image; NaN where one is zero.

    shift: so many images further on, cyclically, is the image whose gradient the second model gives. With 1 these are
    cosines of different images: what remains without a common one.
    """
    units = torch.stack([_unit(each) for each in gradients], dim=1)
    return (units @ units.roll(-shift, dims=0).mT).permute(1, 2, 0)


def _unit(gradients: Tensor) -> Tensor:
    """Rows scaled to length 1; a row of zeros becomes NaN."""
    # By the largest entry first, or the squares of small gradients would underflow in float32.
    scaled = gradients / gradients.abs().amax(dim=1, keepdim=True)
    return scaled / torch.linalg.vector_norm(scaled, dim=1, keepdim=True)
