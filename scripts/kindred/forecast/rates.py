"""Rates of one network on this machine: seconds per image of each kind of pass, and numbers per image of its layers.

Measured with the functions that the stages use, on a few images and steps, and only for the stages that the study has.
Random weights cost what trained ones do, so nothing has to be trained or downloaded first.
"""

import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from kindred.activations import layer_choice, layers, streaming
from kindred.activations.extraction import observe, predict
from kindred.activations.penultimate import features
from kindred.attacks.perturbation import perturb
from kindred.attacks.pgd import Pgd
from kindred.inversion import inversion
from kindred.models import folding
from kindred.models.classifiers import Classifier, count_parameters

NAME = "the network"  # in messages
MOST, FEW = 32, 4  # images
PATIENCE = 1.0  # seconds that one measured forward pass may take
STEPS = 2
PLENTY = 2**40  # bytes: all layers are kept at once


def measure(
    classifier: Classifier,
    pixels: np.ndarray,
    labels: np.ndarray,
    stages: Collection[str],
    wanted: Any,
    device: torch.device,
    layered: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Rates of one network, from images (n, channel, height, width) in [0, 1] and labels (n,) int64.

    stages: of `training`, `adversary` (a step of an attack on the network as it is), `attack` and `inversion` (on a
    folded copy). wanted: the layers whose activations are kept; layered (`layers`, `fraction`, `pooled`): those of
    layer comparisons. Gives these, `forward`, `quick` (a forward pass of the folded copy), `observe` and `layers` in
    seconds per image and step, `widths` and `layer_widths` (numbers per image), `flops` (of a product of Gram matrices,
    per second), `parameters`.
    """
    classifier.to(device).eval().requires_grad_(False)  # as models of the study are
    each = _seconds(lambda: predict(classifier, pixels[:FEW], name=NAME, device=device), device) / FEW
    count = int(min(len(pixels), MOST, max(FEW, PATIENCE / each)))
    shown = pixels[:count]
    images, targets = torch.from_numpy(shown).to(device), torch.from_numpy(labels[:count]).to(device)
    chosen = layers.resolve(classifier, wanted, images[:1])
    _, outputs = next(iter(observe(classifier, shown[:1], chosen, name=NAME, device=device)))
    folded = folding.folded(classifier)
    attack = Pgd(norm="linf", eps=0.01, steps=STEPS)
    work: dict[str, tuple[Callable[[], object], int]] = {
        "forward": (lambda: predict(classifier, shown, name=NAME, device=device), 1),
        "quick": (lambda: folded(images), 1),
        "observe": (lambda: list(observe(classifier, shown, chosen, name=NAME, device=device)), 1),
        "adversary": (lambda: perturb(classifier, images, targets, attack, torch.Generator()), STEPS),
        "attack": (lambda: perturb(folded, images, targets, attack, torch.Generator()), STEPS),
        "inversion": (lambda: inversion.invert(features(folded), images, images.flip(0), steps=STEPS), STEPS),
    }
    rates: dict[str, Any] = {
        name: _seconds(run, device) / count / steps
        for name, (run, steps) in work.items()
        if name in ("forward", "quick", "observe", *stages)
    }
    rates["widths"] = {layer: int(values[0].size) for layer, values in outputs.items()}
    if layered:
        selected = layer_choice.select(classifier, layered["layers"], layered["fraction"], images[:1])
        observation = streaming.Observation(NAME, classifier, shown, selected, layered["pooled"])

        def stream() -> list[int]:
            return [part.shape[1] for parts in streaming.features(observation, device, PLENTY) for part in parts]

        rates |= {"layer_widths": stream(), "layers": _seconds(stream, device) / count}
    if "training" in stages:
        rates["training"] = _seconds(_training_step(classifier, images, targets), device) / count
    rates["parameters"], rates["flops"] = count_parameters(classifier), _flops(device)
    return rates


def _training_step(classifier: Classifier, images: torch.Tensor, labels: torch.Tensor) -> Callable[[], None]:
    classifier.train().requires_grad_(True)
    optimiser = torch.optim.AdamW(classifier.parameters(), lr=0.0)

    def step() -> None:
        optimiser.zero_grad(set_to_none=True)
        functional.cross_entropy(classifier(images), labels).backward()
        optimiser.step()

    return step


def _flops(device: torch.device, rows: int = 512, columns: int = 2048) -> float:
    """Floating point operations per second in the product that CKA spends its time in."""
    values = torch.ones(rows, columns, device=device)
    return 2.0 * rows * rows * columns / _seconds(lambda: values @ values.T, device)


def _seconds(work: Callable[[], object], device: torch.device, least: float = 0.2) -> float:
    """The shortest of several runs after one that is not counted, wall time with the device's work done."""
    work()
    times: list[float] = []
    while sum(times) < least and len(times) < 10:
        started = time.perf_counter()
        work()
        if device.type != "cpu":
            torch.accelerator.synchronize(device)
        times.append(time.perf_counter() - started)
    return min(times)
