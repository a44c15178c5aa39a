"""Attacks and inversions against their forward and backward passes, and against other packages.

The floor is the same number of steps of a forward pass and a backward pass to the input, at the same batch and with the
same loss, and nothing else: no step, no projection, no best iterate. "kindred float32" is what the pipeline does: the
loop on a copy with batch normalisation folded into convolutions and channels last; "as it is" is the loop on the very
network of the floor, "folded passes" the floor of the copy.

Success and residuals are always measured in float32 on the network as it is. The network is trained on handwritten
digits first, so that they mean something. An inversion has two forward passes beyond its steps (its targets, its last
iterate); they are part of the ratio.

`robustness` (MIT licence) holds the loop that Jones et al. 2022 used; it runs the model once more each step than the
loss needs. On the CPU its `.cuda()` does nothing; its own code is as released.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from kindred.activations.penultimate import features
from kindred.attacks.perturbation import perturb
from kindred.attacks.pgd import Pgd
from kindred.inversion.inversion import invert
from kindred.models.classifiers import Classifier, Description
from kindred.models.folding import folded
from race import Contender, Goals, Kernel
from torch import Tensor, nn
from torch.nn import functional

SIZE, CLASSES = 32, 10
STEPS, INVERSION_STEPS = 10, 100
SCRATCH = Path(os.environ.get("KINDRED_BENCH_SCRATCH", tempfile.gettempdir()))
DEVICE = torch.device(os.environ.get("KINDRED_BENCH_DEVICE", "cpu"))


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
    "residual14-wide": lambda: residual(64, 2),
}
EPS = {"tiny": 0.05, "residual20": 0.03, "residual14-wide": 0.05}
# Images attacked and how many at a time: success is counted on all of them.
SHOWN = {"tiny": (256, 64), "residual20": (256, 64), "residual14-wide": (32, 16)}


@cache
def digits() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Pixels and labels to train on, then those to attack: three equal channels."""
    from sklearn.datasets import load_digits

    data = load_digits()
    scans = torch.from_numpy(data.images).float()[:, None] / 16
    pixels = functional.interpolate(scans, (SIZE, SIZE), mode="bilinear").repeat(1, 3, 1, 1)
    labels = torch.from_numpy(data.target)
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    held, rest = order[:500], order[500:]
    return pixels[rest], labels[rest], pixels[held], labels[held]


@cache
def classifier(name: str) -> Classifier:
    """The network, trained for a few epochs by whoever comes first."""
    from kindred.training.loop import train

    torch.manual_seed(0)
    made = Classifier(NETS[name](), Description(name, CLASSES, 3, SIZE, SIZE, (0.3,) * 3, (0.35,) * 3))
    path = SCRATCH / f"{name}.pt"
    if not path.exists():
        recipe = {"method": "standard", "epochs": 4, "batch": 64, "lr": 0.004, "weight_decay": 0.01, "clip": 1.0}
        pixels, labels, *_ = digits()
        train(made, pixels.numpy(), labels.numpy(), recipe, 0, torch.device("cpu"))
        torch.save(made.state_dict(), path.with_suffix(".partial"))
        path.with_suffix(".partial").rename(path)
    made.load_state_dict(torch.load(path))
    return made.to(DEVICE).eval().requires_grad_(False)


def batches(name: str) -> list[tuple[Tensor, Tensor]]:
    count, size = SHOWN[name]
    _, _, pixels, labels = digits()
    parts = zip(pixels[:count].split(size), labels[:count].split(size), strict=True)
    return [(images.to(DEVICE), truth.to(DEVICE)) for images, truth in parts]


def passes(loss: Callable[[Tensor], Tensor], images: Tensor, steps: int) -> None:
    """The floor: forward and backward to the input, `steps` times."""
    for _ in range(steps):
        x = images.detach().requires_grad_()
        torch.autograd.grad(loss(x).sum(), x)


def bare(name: str, fold: bool = False, times: int = 1) -> Callable[[], Any]:
    """The passes of an attack on all batches."""
    net = folded(classifier(name)) if fold else classifier(name)
    shown = batches(name)

    def work() -> None:
        for images, labels in shown:
            passes(lambda x, y=labels: functional.cross_entropy(net(x), y, reduction="none"), images, STEPS * times)  # type: ignore[misc]

    return work


def own(name: str, precision: str | None = "float32", **options: Any) -> Callable[[], Any]:
    """Kindred's attack; precision None: on the network as it is."""
    net = classifier(name) if precision is None else folded(classifier(name), precision)  # type: ignore[arg-type]
    settings = Pgd(**{"norm": "linf", "eps": EPS[name], "steps": STEPS, **options})
    shown = batches(name)

    def work() -> list[Tensor]:
        generator = torch.Generator().manual_seed(0)
        return [perturb(net, images, labels, settings, generator) for images, labels in shown]

    return work


def torchattacks(name: str) -> Callable[[], Any]:
    from torchattacks import PGD

    attack = PGD(classifier(name), eps=EPS[name], alpha=2.5 * EPS[name] / STEPS, steps=STEPS, random_start=True)
    shown = batches(name)
    return lambda: [attack(images, labels) for images, labels in shown]


def foolbox(name: str) -> Callable[[], Any]:
    import foolbox as package

    wrapped = package.PyTorchModel(classifier(name).requires_grad_(True), bounds=(0, 1), device=DEVICE)
    attack = package.attacks.LinfPGD(steps=STEPS, rel_stepsize=2.5 / STEPS, random_start=True)
    shown = batches(name)
    return lambda: [attack(wrapped, images, labels, epsilons=EPS[name])[1] for images, labels in shown]


def art(name: str) -> Callable[[], Any]:
    from art.attacks.evasion import ProjectedGradientDescentPyTorch
    from art.estimators.classification import PyTorchClassifier

    net = classifier(name).requires_grad_(True)
    shape = (3, SIZE, SIZE)
    estimator = PyTorchClassifier(
        net,
        nn.CrossEntropyLoss(),
        shape,
        CLASSES,
        clip_values=(0, 1),
        device_type="gpu" if DEVICE.type == "cuda" else "cpu",
    )
    size = SHOWN[name][1]
    attack = ProjectedGradientDescentPyTorch(
        estimator,
        eps=EPS[name],
        eps_step=2.5 * EPS[name] / STEPS,
        max_iter=STEPS,
        num_random_init=1,
        batch_size=size,
        verbose=False,
    )
    shown = [(images.cpu().numpy(), labels.cpu().numpy()) for images, labels in batches(name)]
    return lambda: [torch.from_numpy(attack.generate(images, labels)).to(DEVICE) for images, labels in shown]


def success(name: str) -> Callable[[list[Tensor]], dict[str, float]]:
    """Share of images that the network, as it is and in float32, gets wrong; and how far the furthest pixel went."""

    @torch.no_grad()
    def judge(found: list[Tensor]) -> dict[str, float]:
        net = classifier(name)
        pairs = list(zip(found, batches(name), strict=True))
        wrong = torch.cat([net(images).argmax(1) != labels for images, (_, labels) in pairs])
        furthest = max(float((images - clean).abs().max()) for images, (clean, _) in pairs)
        return {"success": float(wrong.float().mean()), "furthest pixel / eps": furthest / EPS[name]}

    return judge


def pictures() -> tuple[Tensor, Tensor]:
    """Targets of an inversion and the images it starts from."""
    _, _, pixels, _ = digits()
    return pixels[:32].to(DEVICE), pixels[32:64].to(DEVICE)


def goal(net: Classifier) -> tuple[Callable[[Tensor], Tensor], Tensor]:
    representation = features(net)
    with torch.no_grad():
        return representation, representation(pictures()[0])


def apart(representation: Callable[[Tensor], Tensor], target: Tensor) -> Callable[[Tensor], Tensor]:
    length = torch.linalg.vector_norm(target, dim=1)
    return lambda x: torch.linalg.vector_norm(representation(x) - target, dim=1) / length


def bare_inversion(name: str, fold: bool = False) -> Callable[[], Any]:
    loss = apart(*goal(folded(classifier(name)) if fold else classifier(name)))
    return lambda: passes(loss, pictures()[1], INVERSION_STEPS)


def own_inversion(name: str, precision: str | None = "float32") -> Callable[[], Any]:
    net = classifier(name)
    representation = features(net if precision is None else folded(net))
    warm_up = features(folded(net, "bfloat16")) if precision == "bfloat16" else None
    targets, seeds = pictures()
    return lambda: invert(representation, targets, seeds, steps=INVERSION_STEPS, warm_up=warm_up).images


def robustness(name: str) -> Callable[[], Any]:
    from robustness.attacker import Attacker

    if DEVICE.type == "cpu":
        Tensor.cuda = lambda self, *_, **__: self  # type: ignore[method-assign]
    net = classifier(name)
    representation, target = goal(net)
    loss = apart(representation, target)
    attacker = Attacker(net, SimpleNamespace(mean=torch.zeros(3), std=torch.ones(3))).to(DEVICE)
    options = {"constraint": "2", "eps": 1000.0, "step_size": 1 / 8, "iterations": INVERSION_STEPS, "targeted": True}
    seeds = pictures()[1]
    return lambda: attacker(seeds, target, custom_loss=lambda model, x, y: (loss(x), None), **options)


def residual_of(name: str) -> Callable[[Tensor], dict[str, float]]:
    @torch.no_grad()
    def judge(found: Tensor) -> dict[str, float]:
        residuals = apart(*goal(classifier(name)))(found)
        return {"mean residual": float(residuals.mean()), "worst residual": float(residuals.max())}

    return judge


def attack_kernel(name: str) -> Kernel:
    judge = success(name)
    return Kernel(
        f"pgd {name}",
        "kindred float32",
        [
            Contender("bare passes", partial(bare, name), floor=True),
            Contender("folded passes", partial(bare, name, True)),
            Contender("kindred as it is", partial(own, name, None), judge=judge),
            Contender("kindred float32", partial(own, name), judge=judge),
            Contender("kindred bfloat16", partial(own, name, "bfloat16"), judge=judge),
            Contender("torchattacks", partial(torchattacks, name), ("torchattacks", "torchattacks"), judge=judge),
            Contender("foolbox", partial(foolbox, name), ("foolbox", "foolbox"), judge=judge),
            Contender("art", partial(art, name), ("art", "adversarial-robustness-toolbox"), judge=judge),
        ],
    )


def kernels() -> list[Kernel]:
    net = "residual20"
    return [
        attack_kernel(net),
        attack_kernel("residual14-wide"),
        Kernel(
            "pgd variants tiny",
            "linf",
            [
                Contender("bare passes", partial(bare, "tiny"), floor=True),
                Contender("linf", partial(own, "tiny", None)),
                Contender("l2", partial(own, "tiny", None, norm="l2", eps=0.5)),
                Contender("linf, momentum", partial(own, "tiny", None, momentum=1.0)),
                Contender("apgd", partial(own, "tiny", None, method="apgd")),
                Contender("two restarts", partial(own, "tiny", None, restarts=2), other=True, note="twice the passes"),
            ],
        ),
        Kernel(
            f"inversion {net}",
            "kindred float32",
            [
                Contender("bare passes", partial(bare_inversion, net), floor=True),
                Contender("folded passes", partial(bare_inversion, net, True)),
                Contender("kindred as it is", partial(own_inversion, net, None), judge=residual_of(net)),
                Contender("kindred float32", partial(own_inversion, net), judge=residual_of(net)),
                Contender("kindred bfloat16", partial(own_inversion, net, "bfloat16"), judge=residual_of(net)),
                Contender("robustness", partial(robustness, net), ("robustness", "robustness"), judge=residual_of(net)),
            ],
        ),
    ]


def targets(goals: Goals) -> None:
    for net in ("residual20", "residual14-wide"):
        pgd = goals.of(f"pgd {net}")
        pgd.time(f"PGD {net}, as it is / bare passes", "kindred as it is", "bare passes", most=1.05)
        pgd.time(f"PGD {net}, float32 / bare passes", "kindred float32", "bare passes", most=1.05)
        pgd.time(f"PGD {net}, float32 / folded passes", "kindred float32", "folded passes", most=1.05)
        pgd.time(f"PGD {net}, torchattacks / float32", "torchattacks", "kindred float32", least=1.2)
        pgd.time(f"PGD {net}, torchattacks / mixed precision", "torchattacks", "kindred bfloat16", least=2.5)
        pgd.time(f"PGD {net}, foolbox / mixed precision", "foolbox", "kindred bfloat16", least=4)
    pgd = goals.of("pgd residual20")
    pgd.loss("PGD residual20, success lost to mixed precision", "success", most=0.005)
    inversion = goals.of("inversion residual20")
    inversion.time("inversion, as it is / bare passes", "kindred as it is", "bare passes", most=1.1)
    inversion.time("inversion, float32 / bare passes", "kindred float32", "bare passes", most=1.1)
    inversion.time("inversion, robustness / float32", "robustness", "kindred float32", least=2)
    inversion.time("inversion, robustness / mixed precision", "robustness", "kindred bfloat16", least=2.5)
    inversion.gain("inversion, residual grown in mixed precision (share)", "mean residual", most=0.01)
