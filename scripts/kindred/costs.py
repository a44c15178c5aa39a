"""What one network costs on this machine: seconds an image for each kind of pass, memory, and bytes an image.

Measured with the very functions that the stages use, on a few images and steps. Random weights cost what trained
ones do, so nothing has to be trained or downloaded first.
"""

import resource
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from kindred import alignments, folding, inversion, layerchoice, layers, streams
from kindred.attacks import Attack, perturb
from kindred.models import Classifier, count_parameters
from kindred.observe import DEFAULT_BATCH, observe, predict
from kindred.penultimate import features

NAME = "the network"  # in messages
FEW = 4  # images of the first look at how slow a network is
PATIENCE = 2.0  # seconds that a measured pass forward may take
STEPS = 3
PLENTY = 2**40  # bytes: all layers are shown at once


def measure(
    classifier: Classifier,
    pixels: np.ndarray,
    labels: np.ndarray,
    wanted: Any,
    device: torch.device,
    look: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Costs of one network, from images (n, channel, height, width) in [0, 1] and labels (n,) int64.

    Keys: `forward`, `observe` (with the wanted layers), `attack` and `inversion` (one step, on a folded copy),
    `adversary` (one step on the network as it is), `training` (a step of one network on one image without an
    adversary), all in seconds an image; `flops` (of a product of Gram matrices, a second); `features` {layer:
    numbers an image}, `parameters`, `host_mb` and `gpu_mb` (peaks).

    look (`layers`, `fraction` and `pooled` of cianfarani2022) adds `looked`, the widths of those layers, `look`,
    seconds an image of showing them all; and of alignments, which numpy computes in float64, `spread` of one side and
    `aligning` of two in seconds over n^3, and `flops64`.
    """
    classifier.to(device).eval().requires_grad_(False)  # as models of the study are
    count = _affordable(classifier, pixels, device)
    shown = pixels[:count]
    images, targets = torch.from_numpy(shown).to(device), torch.from_numpy(labels[:count]).to(device)
    chosen = layers.resolve(classifier, wanted, images[:1])
    _, said = next(iter(observe(classifier, shown[:1], chosen, name=NAME, device=device)))

    attack = Attack(norm="linf", eps=0.01, steps=STEPS)
    descent = inversion.Inversion(steps=STEPS)
    folded = folding.folded(classifier)
    says = features(folded)
    costs: dict[str, Any] = {
        "forward": _seconds(lambda: predict(classifier, shown, name=NAME, device=device), device) / count,
        "observe": _seconds(
            lambda: list(observe(classifier, shown, chosen, name=NAME, device=device)), device
        )
        / count,
    }
    steps = count * STEPS
    for key, net in (("attack", folded), ("adversary", classifier)):
        step = partial(perturb, net, images, targets, attack, torch.Generator())
        costs[key] = _seconds(step, device) / steps
    costs["inversion"] = (
        _seconds(lambda: inversion.invert(says, images, images.flip(0), descent), device) / steps
    )
    costs["training"] = _seconds(_training_step(classifier, images, targets), device) / count
    costs["flops"] = _flops(device)
    costs["features"] = {layer: int(values[0].size) for layer, values in said.items()}
    if look:
        costs |= _looking(classifier, shown, look, device)
    costs["parameters"] = count_parameters(classifier)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    costs["host_mb"] = peak / (2**20 if sys.platform == "darwin" else 2**10)
    costs["gpu_mb"] = torch.cuda.max_memory_allocated() / 2**20 if device.type == "cuda" else 0.0
    return costs


def _looking(
    classifier: Classifier, pixels: np.ndarray, look: Mapping[str, Any], device: torch.device
) -> dict[str, Any]:
    example = torch.from_numpy(pixels[:1]).to(device)
    chosen = layerchoice.select(classifier, look["layers"], look["fraction"], example)
    one = streams.Observation(NAME, classifier, pixels, chosen, look["pooled"])

    def show() -> list[int]:
        return [part.shape[1] for parts in streams.features(one, device, PLENTY) for part in parts]

    rows = 256
    values = np.random.default_rng(0).standard_normal((rows, 2 * rows))
    side = alignments.spread(values)

    def align() -> None:
        for measure in alignments.MEASURES.values():
            measure(side, side)

    on_cpu = torch.device("cpu")
    product = 2.0 * rows**2 * values.shape[1]
    return {
        "looked": show(),
        "look": _seconds(show, device) / len(pixels),
        "spread": _seconds(lambda: alignments.spread(values), on_cpu) / rows**3,
        "aligning": _seconds(align, on_cpu) / rows**3,
        "flops64": product / _seconds(lambda: values @ values.T, on_cpu),
    }


def _affordable(classifier: Classifier, pixels: np.ndarray, device: torch.device) -> int:
    """As many images as the stages take at once, fewer where a pass over them would take too long."""
    few = pixels[:FEW]
    each = _seconds(lambda: predict(classifier, few, name=NAME, device=device), device) / len(few)
    return int(min(len(pixels), DEFAULT_BATCH, max(FEW, PATIENCE / each)))


def _training_step(classifier: Classifier, images: torch.Tensor, labels: torch.Tensor) -> Callable[[], None]:
    for parameter in classifier.parameters():
        parameter.requires_grad_(True)
    optimiser = torch.optim.AdamW(classifier.parameters(), lr=0.0)

    def step() -> None:
        classifier.train()
        optimiser.zero_grad(set_to_none=True)
        functional.cross_entropy(classifier(images), labels).backward()
        optimiser.step()
        classifier.eval()

    return step


def _flops(device: torch.device, rows: int = 512, columns: int = 4096) -> float:
    """Floating point operations a second in the product that CKA spends its time in."""
    values = torch.ones(rows, columns, device=device)
    return 2.0 * rows * rows * columns / _seconds(lambda: values @ values.T, device)


def _seconds(work: Callable[[], object], device: torch.device, least: float = 0.3) -> float:
    """Shortest of several runs after one that is not counted, wall time with the device's work done."""
    work()
    times: list[float] = []
    while sum(times) < least and len(times) < 20:
        _finish(device)
        started = time.perf_counter()
        work()
        _finish(device)
        times.append(time.perf_counter() - started)
    return min(times)


def _finish(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
