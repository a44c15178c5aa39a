"""Attacks on many images, a batch at a time."""

import numpy as np
import torch
from torch import nn

from kindred.activations import batches
from kindred.attacks.perturbation import Attack, perturbed
from kindred.workflow.job import progress


def perturb_all(
    classifier: nn.Module,
    pixels: np.ndarray,
    labels: np.ndarray,
    attack: Attack,
    *,
    seed: int,
    device: torch.device,
    memory: float,
    name: str,
) -> tuple[np.ndarray, np.ndarray]:
    """Adversarial versions (n, c, h, w) float32 of `pixels` (n, c, h, w), labels (n,); the batch follows from memory.

    Beside them which images (n,) the search had no gradient for (`perturbation.Perturbed`).

    classifier: on the device; seed: of the random starts, which do not depend on the batch; memory: in bytes; name: of
    the model, for progress and messages.
    """
    generator = torch.Generator().manual_seed(seed)
    example = torch.from_numpy(pixels[:1]).to(device)
    batch = batches.fitting(classifier, example, memory, gradients=True)
    changed, no_gradient = np.empty_like(pixels), np.empty(len(pixels), dtype=bool)
    for start in progress(range(0, len(pixels), batch), f"attacking {name}"):
        rows = slice(start, start + batch)
        clean = torch.from_numpy(pixels[rows]).to(device)
        targets = torch.from_numpy(labels[rows]).to(device)
        found = perturbed(classifier, clean, targets, attack, generator)
        changed[rows], no_gradient[rows] = found.images.cpu().numpy(), found.no_gradient.cpu().numpy()
    return changed, no_gradient
