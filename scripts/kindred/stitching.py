"""One model's representation given to another's head by least squares (Jones et al. 2022, Figs 7 and 8).

`body` is the model whose penultimate activations A are mapped, `head` the one whose last linear map reads the result:
B ~ A W + b is fitted on images of one set, and on others the stitched model's answers are compared with the head's.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from kindred.errors import BadInput

# Who is right: (name, whether the body is, whether the head is, whether both give one label).
CASES = (
    ("both_right", True, True, True),
    ("both_wrong_same", False, False, True),
    ("body_wrong_head_right", False, True, False),
    ("body_right_head_wrong", True, False, False),
    ("both_wrong_differ", False, False, False),
)
NAMES = tuple(name for name, *_ in CASES)


@dataclass(frozen=True, eq=False)
class Basis:
    """Centred activations U diag(s) V of one body, directions of no variance left out; float64.

    mean (p,), u (n, r), s (r,), v (r, p). Made once and used for every head.
    """

    mean: Tensor
    u: Tensor
    s: Tensor
    v: Tensor


@torch.no_grad()
def decompose(features: Tensor) -> Basis:
    """The basis of a body's activations (n, p). Raises BadInput for fewer than 2 images or values not finite.

    Directions with singular values below what rounding of the activations themselves makes, eps |A|_F in their own
    precision, are left out. So the fit is the one of least norm where activations are linearly dependent (dead units,
    fewer images than features).
    """
    if features.ndim != 2 or len(features) < 2:
        raise BadInput(
            f"activations to fit have shape {tuple(features.shape)}; they must be (n, p) with n of at least 2."
        )
    if not bool(torch.isfinite(features).all()):
        raise BadInput("activations to fit are not all finite.")
    values = features.double()
    mean = values.mean(dim=0)
    u, s, v = torch.linalg.svd(values - mean, full_matrices=False)
    rounding = torch.finfo(features.dtype).eps * torch.linalg.matrix_norm(values)
    kept = s > torch.maximum(rounding, torch.finfo(torch.float64).eps * max(features.shape) * s[0])
    return Basis(mean, u[:, kept], s[kept], v[kept])


@torch.no_grad()
def fit(basis: Basis, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Weight (p, q) and bias (q,) of the affine map that comes closest to targets (n, q) in least squares."""
    if len(targets) != len(basis.u):
        raise BadInput(
            f"{len(targets)} rows are to be fitted from {len(basis.u)}; both must describe the same images."
        )
    centre = targets.double().mean(dim=0)
    weight = basis.v.T @ ((basis.u.T @ (targets.double() - centre)) / basis.s[:, None])
    return weight, centre - basis.mean @ weight


@torch.no_grad()
def stitched(features: Tensor, fitted: tuple[Tensor, Tensor], final: tuple[Tensor, Tensor]) -> Tensor:
    """Logits (n, classes) of a body's activations (n, p) mapped by `fitted` and read by the head's last linear map.

    final: weight (classes, q) and bias (classes,), as `penultimate.final_linear` gives them.
    """
    weight, bias = fitted
    return (features.double() @ weight + bias) @ final[0].double().T + final[1].double()


def agreement(answers: Tensor, body: Tensor, head: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """For each of CASES the number of images, and on how many of them the stitched model says what the head says.

    answers, body, head: classes (n,) that the stitched model, the body and the head give. Returns (agreed, n), int64
    of shape (5,); every image is in exactly one case.
    """
    agreed, counts = [], []
    for _, body_right, head_right, same in CASES:
        chosen = (
            ((body == labels) == body_right) & ((head == labels) == head_right) & ((body == head) == same)
        )
        counts.append(chosen.sum())
        agreed.append((chosen & (answers == head)).sum())
    return torch.stack(agreed), torch.stack(counts)
