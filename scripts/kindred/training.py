"""Training: from random weights to a classifier, with or without an adversary.

A training method is one function in `METHODS`; everything else (optimiser, schedule, ramp of eps) is shared, so
that two models differ in what their entries say and in nothing else.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from kindred.attacks import Attack, perturb
from kindred.errors import BadInput
from kindred.job import log, progress

Method = Callable[[nn.Module, Tensor, Tensor, Mapping[str, Any], float, torch.Generator], Tensor]


def standard(
    classifier: nn.Module,
    images: Tensor,
    labels: Tensor,
    recipe: Mapping[str, Any],
    eps: float,
    generator: torch.Generator,
) -> Tensor:
    """Cross entropy on the images as they are."""
    return functional.cross_entropy(classifier(images), labels)


def pgd(
    classifier: nn.Module,
    images: Tensor,
    labels: Tensor,
    recipe: Mapping[str, Any],
    eps: float,
    generator: torch.Generator,
) -> Tensor:
    """Cross entropy on images that PGD has just changed to fool the model (Madry et al. 2018, equation 2.1).

    The adversary sees the network in evaluation mode, so that it does not move the running statistics.
    """
    if eps > 0:
        adversary = _adversary(recipe, eps, recipe["steps"], _step_size(recipe, eps))
        images = _changed(classifier, images, labels, adversary, generator)
    return functional.cross_entropy(classifier(images), labels)


def fast(
    classifier: nn.Module,
    images: Tensor,
    labels: Tensor,
    recipe: Mapping[str, Any],
    eps: float,
    generator: torch.Generator,
) -> Tensor:
    """Cross entropy on images changed in a single step from a random start (Wong et al. 2020, algorithm 3).

    The step is `step_size` or 1.25 eps, as in the paper.
    """
    if eps > 0:
        step = _step_size(recipe, eps) if recipe.get("step_size") else 1.25 * eps
        images = _changed(classifier, images, labels, _adversary(recipe, eps, 1, step), generator)
    return functional.cross_entropy(classifier(images), labels)


def trades(
    classifier: nn.Module,
    images: Tensor,
    labels: Tensor,
    recipe: Mapping[str, Any],
    eps: float,
    generator: torch.Generator,
) -> Tensor:
    """CE(f(x), y) + beta KL(f(x) || f(x')), x' being what makes that divergence large (Zhang et al. 2019, equation 5).

    x' starts uniformly in the ball, where the paper starts 0.001 away from the image. The two means are over images.
    """
    said = classifier(images)
    clean = functional.cross_entropy(said, labels)
    if eps == 0:
        return clean
    classifier.eval()
    with torch.no_grad():
        target = functional.log_softmax(classifier(images), dim=1)

    def apart(logits: Tensor, _: Tensor) -> Tensor:
        found = functional.log_softmax(logits, dim=1)
        return functional.kl_div(found, target, reduction="none", log_target=True).sum(dim=1)

    adversary = _adversary(recipe, eps, recipe["steps"], _step_size(recipe, eps))
    changed = perturb(classifier, images, labels, adversary, generator, apart)
    classifier.train()
    divergence = functional.kl_div(
        functional.log_softmax(classifier(changed), dim=1),
        functional.log_softmax(said, dim=1),
        reduction="batchmean",
        log_target=True,
    )
    return clean + float(recipe["beta"]) * divergence


def _adversary(recipe: Mapping[str, Any], eps: float, steps: int, step_size: float) -> Attack:
    """The recipe's threat model at the radius in force; turns grow with it."""
    degrees = float(recipe.get("degrees") or 0.0) * eps / float(recipe["eps"])
    return Attack(norm=recipe["norm"], eps=eps, steps=steps, step_size=step_size, degrees=degrees)


def _changed(
    classifier: nn.Module, images: Tensor, labels: Tensor, adversary: Attack, generator: torch.Generator
) -> Tensor:
    classifier.eval()
    changed = perturb(classifier, images, labels, adversary, generator)
    classifier.train()
    return changed


METHODS: dict[str, Method] = {"standard": standard, "pgd": pgd, "trades": trades, "fast": fast}


def train(
    classifier: nn.Module,
    images: np.ndarray,
    labels: np.ndarray,
    recipe: Mapping[str, Any],
    seed: int,
    device: torch.device,
    method: Method | None = None,
    after: Callable[[int], None] | None = None,
) -> list[dict[str, float]]:
    """Train in place; returns the history, one row an epoch (epoch, eps, loss).

    images: (n, channel, height, width) float32 in [0, 1]; labels: (n,) int64; method: the loss of a step, in place of
    that of the recipe's method; after: called with the number of epochs that are over, 0 before the first, without an
    effect on what comes out. AdamW with a one-cycle schedule;
    the order of the images and the adversary's starts come from `seed`, and what the network itself draws (dropout)
    from torch's global generator, so a second run gives the same weights on the same kind of device. Raises
    BadInput when the loss stops being a number.
    """
    step_loss = method or METHODS[recipe["method"]]
    generator = torch.Generator().manual_seed(seed)
    epochs, batch = int(recipe["epochs"]), int(recipe["batch"])
    pixels, targets = torch.from_numpy(images).to(device), torch.from_numpy(labels).to(device)
    classifier.to(device).train()
    optimiser = torch.optim.AdamW(
        classifier.parameters(), lr=recipe["lr"], weight_decay=recipe["weight_decay"]
    )
    steps = max(1, len(images) // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, recipe["lr"], total_steps=epochs * steps)
    history = []
    _pause(after, 0, classifier)
    for epoch in progress(range(epochs), f"training, {recipe['method']}"):
        eps = ramp(epoch, recipe)
        total = torch.zeros((), device=device)
        for index in _batches(len(images), batch, generator):
            chosen = index.to(device)
            loss = step_loss(classifier, pixels[chosen], targets[chosen], recipe, eps, generator)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(classifier.parameters(), recipe["clip"])
            optimiser.step()
            schedule.step()
            total += loss.detach()
        mean = float(total) / steps
        if not np.isfinite(mean):
            raise BadInput(
                f"training stopped being a number in epoch {epoch + 1} of {epochs}: the loss is {mean}; "
                f"a lower lr (now {recipe['lr']}) or a longer ramp usually helps."
            )
        history.append({"epoch": epoch + 1, "eps": eps, "loss": mean})
        log.info("epoch %d of %d: eps %.4f, loss %.4f", epoch + 1, epochs, eps, mean)
        _pause(after, epoch + 1, classifier)
    classifier.eval()
    return history


def _pause(after: Callable[[int], None] | None, epochs: int, classifier: nn.Module) -> None:
    """Let `after` look at the network: whatever it draws or switches is put back."""
    if after is not None:
        with torch.random.fork_rng():
            after(epochs)
        classifier.train()


def ramp(epoch: int, recipe: Mapping[str, Any]) -> float:
    """eps in force in this epoch (counted from 0): none for `clean_epochs`, then linear over `ramp_epochs`."""
    eps = float(recipe.get("eps") or 0.0)
    clean, rise = int(recipe.get("clean_epochs") or 0), int(recipe.get("ramp_epochs") or 0)
    if epoch < clean:
        return 0.0
    return eps * min(1.0, (epoch - clean + 1) / (rise + 1))


def _step_size(recipe: Mapping[str, Any], eps: float) -> float:
    # While eps grows the step grows with it, so that the adversary reaches the edge of its ball at any eps.
    if recipe.get("step_size"):
        return float(recipe["step_size"]) * eps / float(recipe["eps"])
    return 2.5 * eps / int(recipe["steps"])


def _batches(count: int, batch: int, generator: torch.Generator) -> Iterator[Tensor]:
    order = torch.randperm(count, generator=generator)
    # The last, smaller batch is left out: batch statistics of a few images would be noise.
    for start in range(0, max(1, count // batch) * batch, batch):
        yield order[start : start + batch]
