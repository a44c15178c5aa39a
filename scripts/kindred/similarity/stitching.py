"""Stitching: one model's features mapped to another's head by least squares (Jones et al. 2022, Figs 7, 8).

`body` is the model whose penultimate activations A are mapped, `head` the one whose last linear map is applied to the
result: B ~ A W + b is fitted on one set of images; on another the predictions of the stitched model are compared with
the head's. Least squares are linear in what is fitted, so that the fit of B followed by the last map F is the fit of
B F, of a few classes instead of many features.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

# (name, whether the body is right, whether the head is right, whether both predict the same class)
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
    """Centred activations U diag(s) V of one body without directions of no variance, float64.

    mean (p,), u (n, r), s (r,), v (r, p). Computed once and used for every head.
    """

    mean: Tensor
    u: Tensor
    s: Tensor
    v: Tensor


@torch.no_grad()
def decompose(features: Tensor) -> Basis:
    """The basis of a body's activations (n, p).

    Directions whose singular values are below the rounding of the activations, eps |A|_F in their own precision, are
    left out, which makes the fit the one of least norm where activations are linearly dependent (dead units, fewer
    images than features).
    """
    values = features.double()
    mean = values.mean(dim=0)
    u, s, v = torch.linalg.svd(values - mean, full_matrices=False)
    rounding = torch.finfo(features.dtype).eps * torch.linalg.matrix_norm(values)
    kept = s > torch.maximum(rounding, torch.finfo(torch.float64).eps * max(features.shape) * s[0])
    return Basis(mean, u[:, kept], s[kept], v[kept])


@torch.no_grad()
def fit(basis: Basis, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Weight (p, q), bias (q,) of the least-squares map to targets (n, q)."""
    centre = targets.double().mean(dim=0)
    weight = basis.v.T @ ((basis.u.T @ (targets.double() - centre)) / basis.s[:, None])
    return weight, centre - basis.mean @ weight


@torch.no_grad()
def answers(features: Tensor, final: tuple[Tensor, Tensor]) -> Tensor:
    """Logits (n, classes) float64 of a head's activations (n, q), to be fitted.

    final: weight (classes, q) and bias (classes,) of its last linear map, from `penultimate.final_linear`.
    """
    return features.double() @ final[0].double().T + final[1].double()


@torch.no_grad()
def stitched(features: Tensor, fitted: tuple[Tensor, Tensor]) -> Tensor:
    """Logits (n, classes) of a body's activations (n, p), by the fit of a head's logits."""
    weight, bias = fitted
    return features.double() @ weight + bias


def agreement(predicted: Tensor, body: Tensor, head: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Numbers of images where the stitched model predicts as the head does, and of all images, by case.

    predicted, body, head: classes (n,) predicted by the stitched model, the body and the head; labels (n,).
    Returns (agreed, n), int64 of shape (5,) in the order of CASES; every image is in exactly one case.
    """
    agreed, counts = [], []
    for _, body_right, head_right, same in CASES:
        chosen = ((body == labels) == body_right) & ((head == labels) == head_right) & ((body == head) == same)
        counts.append(chosen.sum())
        agreed.append((chosen & (predicted == head)).sum())
    return torch.stack(agreed), torch.stack(counts)
