"""What attacks and inversions cost beyond their forward and backward passes.

    python tests/benchmarks/descend.py [--device cpu|cuda] [--threads N] [--rounds N] [--batch N] [--csv FILE]

The floor of each row is the same number of steps of a forward pass and a backward pass to the input, at the same batch
and with the same loss, and nothing else: no step, no projection, no best iterate. Frozen parameters and parameters
that want gradients are both timed for the loop. An inversion also has the forward pass of its targets and that of its
last iterate, and an attack with restarts the last of each; they are part of the ratio, and their share of it (a
forward pass is about 0.4 of a step) shrinks with the number of steps.

The inversion also runs against the loop that Jones et al. 2022 used, of the `robustness` library (PyPI), where that is
installed: `robustness / ours`, timed in the same rounds. It runs the model once more each step than the loss needs.
What else it imports and is not there (dill, cox) is replaced by empty modules, and on the CPU `.cuda()` does nothing;
its own code is as released. Elsewhere a stand-in with the same passes is timed (`two forward passes / ours`).

Rounds of floor and loop alternate and the fastest of each counts; CPU seconds on the CPU, seconds on a GPU.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import MagicMock

import torch
from torch import Tensor, nn
from torch.nn import functional

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

from kindred.attacks import Attack, perturb
from kindred.inversion import Inversion, invert

SIZE, CLASSES = 32, 10


class Block(nn.Module):
    """Two convolutions beside a shortcut."""

    def __init__(self, width: int, out: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(width, out, 3, stride, 1, bias=False),
            nn.BatchNorm2d(out),
            nn.ReLU(),
            nn.Conv2d(out, out, 3, 1, 1, bias=False),
            nn.BatchNorm2d(out),
        )
        self.shortcut = nn.Identity() if width == out else nn.Conv2d(width, out, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.body(x) + self.shortcut(x))


def residual(width: int, blocks: int) -> nn.Sequential:
    """A residual net of three stages, (n, 3, 32, 32) -> logits; all but its last layer are the features."""
    layers: list[nn.Module] = [nn.Conv2d(3, width, 3, padding=1), nn.ReLU()]
    now = width
    for stage in range(3):
        for block in range(blocks):
            out = width * 2**stage
            layers.append(Block(now, out, 2 if stage and not block else 1))
            now = out
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(now, CLASSES)).eval()


def tiny() -> nn.Sequential:
    """Three strided convolutions: the smallest net anyone would attack, where overhead shows most."""
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, 2, 1),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, 2, 1),
        nn.ReLU(),
        nn.Conv2d(32, 32, 3, 2, 1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(512, CLASSES),
    ).eval()


NETS: dict[str, Callable[[], nn.Sequential]] = {
    "tiny": tiny,
    "residual20": lambda: residual(16, 3),
    "residual20-wide": lambda: residual(48, 3),
}


def passes(loss: Callable[[Tensor], Tensor], images: Tensor, steps: int) -> None:
    """The floor: forward and backward to the input, `steps` times."""
    for _ in range(steps):
        x = images.detach().requires_grad_()
        torch.autograd.grad(loss(x).sum(), x)


def cases(net: nn.Sequential, images: Tensor) -> dict[str, tuple[Callable[[], None], Callable[[], object]]]:
    """Name -> (floor, loop)."""
    labels = torch.arange(len(images), device=images.device) % CLASSES
    features = net[:-1]
    with torch.no_grad():
        goal = features(images.flip(0))

    def wrong(x: Tensor) -> Tensor:
        return functional.cross_entropy(net(x), labels, reduction="none")

    def apart(x: Tensor) -> Tensor:
        return torch.linalg.vector_norm(features(x) - goal, dim=1)

    def attack(settings: Attack) -> tuple[Callable[[], None], Callable[[], object]]:
        generator = torch.Generator().manual_seed(0)
        return (
            lambda: passes(wrong, images, settings.steps * settings.restarts),
            lambda: perturb(net, images, labels, settings, generator),
        )

    return {
        "pgd linf, 10 steps": attack(Attack("linf", 8 / 255, 10)),
        "pgd l2, 10 steps": attack(Attack("l2", 0.5, 10)),
        "pgd linf, 10 steps, momentum": attack(Attack("linf", 8 / 255, 10, momentum=1.0)),
        "pgd linf, 10 steps, 2 restarts": attack(Attack("linf", 8 / 255, 10, restarts=2)),
        "inversion, 60 steps": (
            lambda: passes(apart, images, 60),
            lambda: invert(features, images.flip(0), images, Inversion(steps=60), curve_every=10),
        ),
    }


def rival(net: nn.Sequential, images: Tensor) -> tuple[str, Callable[[], object]]:
    """(name, the inversion of 60 steps by the loop of `robustness`, or by a stand-in with its cost)."""
    steps, features = 60, net[:-1]
    with torch.no_grad():
        goal = features(images.flip(0))

    def apart(x: Tensor) -> Tensor:
        return torch.linalg.vector_norm(features(x) - goal, dim=1) / torch.linalg.vector_norm(goal, dim=1)

    if importlib.util.find_spec("robustness") is None:
        return "two forward passes", lambda: passes(lambda x: apart(x) + 0 * net(x).sum(dim=1), images, steps)
    for name in ("dill", "cox.store", "cox.utils", "cox"):
        if name not in sys.modules and importlib.util.find_spec(name.partition(".")[0]) is None:
            sys.modules[name] = MagicMock()
    from robustness.attacker import Attacker

    if images.device.type == "cpu":
        Tensor.cuda = lambda self, *_, **__: self  # type: ignore[method-assign]
    plain = SimpleNamespace(mean=torch.zeros(3), std=torch.ones(3))
    attacker = Attacker(net, plain).to(images.device)
    options = {"constraint": "2", "eps": 1000.0, "step_size": 1 / 8, "iterations": steps, "targeted": True}
    return "robustness", lambda: attacker(
        images, goal, custom_loss=lambda model, x, target: (apart(x), None), **options
    )


def fastest(net: nn.Module, trials: list[tuple[Callable[[], object], bool]], rounds: int) -> list[float]:
    """Seconds of each function, with parameters that want gradients or not: its fastest of alternating rounds."""
    device = next(net.parameters()).device
    clock = time.perf_counter if device.type == "cuda" else time.process_time
    best = [float("inf")] * len(trials)
    for _ in range(rounds + 1):  # the first round warms up and may win all the same
        for index, (function, grad) in enumerate(trials):
            net.requires_grad_(grad)
            if device.type == "cuda":
                torch.cuda.synchronize()
            start = clock()
            function()
            if device.type == "cuda":
                torch.cuda.synchronize()
            best[index] = min(best[index], clock() - start)
    return best


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--nets", nargs="+", choices=NETS, default=["tiny", "residual20"])
    parser.add_argument("--csv", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    device = torch.device(arguments.device)
    rows = []
    for name in arguments.nets:
        net = NETS[name]().to(device)
        images = torch.rand(arguments.batch, 3, SIZE, SIZE, device=device)
        other, theirs = rival(net, images)
        for case, (floor, loop) in cases(net, images).items():
            trials: list[tuple[Callable[[], object], bool]] = [(floor, False), (loop, False), (loop, True)]
            trials += [(theirs, False)] if case.startswith("inversion") else []
            seconds, frozen, free, *rivals = fastest(net, trials, arguments.rounds)
            rows.append(
                {
                    "net": name,
                    "case": case,
                    "floor_s": round(seconds, 4),
                    "ratio": round(frozen / seconds, 3),
                    "ratio_unfrozen": round(free / seconds, 3),
                    "rival": f"{other} / ours" if rivals else "",
                    "rival_ratio": round(rivals[0] / frozen, 3) if rivals else "",
                }
            )
            print("  ".join(f"{key} {value}" for key, value in rows[-1].items()), flush=True)
    if arguments.csv:
        with arguments.csv.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()
