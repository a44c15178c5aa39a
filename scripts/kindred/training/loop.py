"""Training: from random weights to a classifier, with or without an adversary.

A method is the loss of one step; optimiser, schedule and growth of the budget are shared by all methods.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from kindred.workflow.errors import BadInput
from kindred.workflow.job import log, progress


@dataclass(frozen=True)
class Step:
    """A step of training: the network as it is now, images (n, c, h, w) in [0, 1], and labels (n,).

    eps: the budget of the recipe that is in force; generator: of the adversary's random starts.
    """

    classifier: nn.Module
    images: Tensor
    labels: Tensor
    recipe: Mapping[str, Any]
    eps: float
    generator: torch.Generator

    def cross_entropy(self, images: Tensor) -> Tensor:
        """Mean cross-entropy of the network on these images, which have the labels of the step."""
        return nn.functional.cross_entropy(self.classifier(images), self.labels)


Loss = Callable[[Step], Tensor]  # the loss of a step, a scalar


def train(
    classifier: nn.Module,
    images: np.ndarray,
    labels: np.ndarray,
    recipe: Mapping[str, Any],
    seed: int,
    device: torch.device,
    loss: Loss,
    after: Callable[[int], None] | None = None,
) -> list[dict[str, float]]:
    """Train in place; returns the history, one row per epoch (epoch, eps, loss).

    images: (n, channel, height, width) float32 in [0, 1]; labels: (n,) int64; loss: of one step, that of a method's
    module or a teacher's; after: called with the number of epochs that are over, 0 before the first, without an effect
    on the result. AdamW with a one-cycle schedule; the order of the images and the adversary's starts come from `seed`,
    and what the network itself draws (dropout) from torch's global generator, so a second run gives the same weights on
    the same kind of device. Raises BadInput when the loss is no longer finite.
    """
    generator = torch.Generator().manual_seed(seed)
    epochs, batch = int(recipe["epochs"]), int(recipe["batch"])
    pixels, targets = torch.from_numpy(images).to(device), torch.from_numpy(labels).to(device)
    classifier.to(device).train()
    optimiser = torch.optim.AdamW(classifier.parameters(), lr=recipe["lr"], weight_decay=recipe["weight_decay"])
    steps = max(1, len(images) // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, recipe["lr"], total_steps=epochs * steps)
    history = []
    _pause(after, 0, classifier)
    for epoch in progress(range(epochs), f"training, {recipe['method']}"):
        eps = ramp(epoch, recipe)
        total = torch.zeros((), device=device)
        for index in _batches(len(images), batch, generator):
            chosen = index.to(device)
            value = loss(Step(classifier, pixels[chosen], targets[chosen], recipe, eps, generator))
            optimiser.zero_grad(set_to_none=True)
            value.backward()
            nn.utils.clip_grad_norm_(classifier.parameters(), recipe["clip"])
            optimiser.step()
            schedule.step()
            total += value.detach()
        mean = float(total) / steps
        if not np.isfinite(mean):
            raise BadInput(
                f"the loss is {mean} in epoch {epoch + 1} of {epochs}; a lower lr (now {recipe['lr']}) or a longer "
                "ramp usually helps."
            )
        history.append({"epoch": epoch + 1, "eps": eps, "loss": mean})
        log.info("epoch %d of %d: eps %.4f, loss %.4f", epoch + 1, epochs, eps, mean)
        _pause(after, epoch + 1, classifier)
    classifier.eval()
    return history


def _pause(after: Callable[[int], None] | None, epochs: int, classifier: nn.Module) -> None:
    """Call `after`; random state and mode that it changes are restored."""
    if after is not None:
        with torch.random.fork_rng():
            after(epochs)
        classifier.train()


def ramp(epoch: int, recipe: Mapping[str, Any]) -> float:
    """The budget in force in this epoch (counted from 0): 0 for `clean_epochs`, then linear over `ramp_epochs`.

    It is the radius `eps`, or the `shift` of rotations and translations.
    """
    eps = float(recipe.get("eps") or recipe.get("shift") or 0.0)
    clean, rise = int(recipe.get("clean_epochs") or 0), int(recipe.get("ramp_epochs") or 0)
    if epoch < clean:
        return 0.0
    return eps * min(1.0, (epoch - clean + 1) / (rise + 1))


def _batches(count: int, batch: int, generator: torch.Generator) -> Iterator[Tensor]:
    order = torch.randperm(count, generator=generator)
    # The last, smaller batch is left out: batch statistics of a few images would be noise.
    for start in range(0, max(1, count // batch) * batch, batch):
        yield order[start : start + batch]
