"""Training: its schedule of eps, that it repeats itself exactly, that it learns, and what an adversary adds."""

import copy
from importlib import import_module

import numpy as np
import pytest
import torch
from attack_settings import attack as settings_of
from kindred.attacks.perturbation import perturb
from kindred.attacks.pgd import Pgd
from kindred.training import adversary, loop, trades
from kindred.training.catalogue import METHODS
from kindred.workflow.errors import BadInput
from torch import Tensor, nn

CPU = torch.device("cpu")
SIDE = 6
STANDARD = {"method": "standard", "epochs": 6, "batch": 32, "lr": 0.01, "weight_decay": 0.01, "clip": 1.0}
PGD = {**STANDARD, "method": "pgd", "norm": "linf", "eps": 0.1, "steps": 3, "step_size": None}


def bright_side(n: int = 256, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Noise of which the left half (0) or the right half (1) is a little brighter."""
    draw = np.random.default_rng(seed)
    labels = draw.integers(0, 2, n)
    pixels = draw.uniform(0.2, 0.6, (n, 1, SIDE, SIDE))
    for image, label in zip(pixels, labels, strict=True):
        image[..., label * SIDE // 2 : (label + 1) * SIDE // 2] += 0.2
    return pixels.astype(np.float32), labels


def small(seed: int = 0, dropout: float = 0.0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Flatten(),
        nn.Linear(4 * (SIDE - 2) ** 2, 2),
    )


def train(classifier: nn.Module, data: tuple, recipe: dict, seed: int = 0, **more: object) -> list[dict[str, float]]:
    loss = import_module(METHODS[recipe["method"]].module).loss
    return loop.train(classifier, *data, recipe, seed, CPU, loss, **more)


def trained(recipe: dict, seed: int = 0, **net: float) -> tuple[nn.Module, list[dict[str, float]]]:
    classifier = small(**net)
    history = train(classifier, bright_side(), recipe, seed)
    return classifier, history


def same(a: nn.Module, b: nn.Module) -> bool:
    return all(torch.equal(a.state_dict()[key], b.state_dict()[key]) for key in a.state_dict())


def accuracy(classifier: nn.Module, images: Tensor, labels: Tensor) -> float:
    with torch.no_grad():
        return float((classifier(images).argmax(1) == labels).double().mean())


@pytest.mark.parametrize(
    ("recipe", "expected"),
    [
        ({"eps": 0.5, "clean_epochs": 2, "ramp_epochs": 3}, [0, 0, 0.125, 0.25, 0.375, 0.5, 0.5]),
        ({"eps": 0.5, "clean_epochs": 0, "ramp_epochs": 1}, [0.25, 0.5, 0.5]),
        ({"eps": 0.5, "clean_epochs": 1, "ramp_epochs": 0}, [0, 0.5, 0.5]),
        ({"eps": 0.5}, [0.5, 0.5]),
        ({"eps": 0.0, "norm": None}, [0, 0]),
        ({"shift": 3.0, "ramp_epochs": 1}, [1.5, 3.0]),
        ({}, [0, 0]),
    ],
)
def test_ramp(recipe: dict, expected: list[float]) -> None:
    assert [loop.ramp(epoch, recipe) for epoch in range(len(expected))] == expected


def test_history_tells_the_ramp() -> None:
    recipe = {**PGD, "clean_epochs": 2, "ramp_epochs": 1, "epochs": 5, "steps": 1}
    _, history = trained(recipe)
    assert [row["epoch"] for row in history] == [1, 2, 3, 4, 5]
    assert [row["eps"] for row in history] == [0, 0, 0.05, 0.1, 0.1]


@pytest.mark.parametrize("step_size", [None, 0.04])
def test_the_step_grows_with_eps(monkeypatch: pytest.MonkeyPatch, step_size: float | None) -> None:
    seen: list[Pgd] = []

    def watched(classifier: nn.Module, images: Tensor, labels: Tensor, attack: Pgd, *_: object) -> Tensor:
        seen.append(attack)
        return images

    monkeypatch.setattr(adversary, "perturb", watched)
    trained({**PGD, "ramp_epochs": 1, "epochs": 2, "batch": 256, "steps": 5, "step_size": step_size})
    assert [attack.eps for attack in seen] == [0.05, 0.1]
    full = 0.04 if step_size else 2.5 * 0.1 / 5
    assert [attack.step_size for attack in seen] == pytest.approx([full / 2, full])
    assert {(attack.norm, attack.steps) for attack in seen} == {("linf", 5)}


@pytest.mark.parametrize("recipe", [STANDARD, PGD], ids=["standard", "pgd"])
def test_twice_the_same(recipe: dict) -> None:
    short = {**recipe, "epochs": 2}
    (first, history), (second, again) = trained(short), trained(short)
    assert same(first, second) and history == again
    other, _ = trained(short, seed=1)
    assert not same(first, other)


def test_twice_the_same_with_dropout() -> None:
    assert same(*(trained({**STANDARD, "epochs": 2}, dropout=0.5)[0] for _ in range(2)))


def test_the_adversary_comes_from_the_seed() -> None:
    # Images that are all the same, so that their order makes no difference: what is left is where attacks start.
    images, labels = (np.repeat(part[:1], 32, axis=0) for part in bright_side())
    losses: dict[str, list[float]] = {"pgd": [], "standard": []}
    for recipe in ({**PGD, "steps": 1, "step_size": 0.001}, STANDARD):
        for seed in (0, 1):
            history = train(small(), (images, labels), {**recipe, "epochs": 1}, seed)
            losses[recipe["method"]].append(history[0]["loss"])
    assert losses["pgd"][0] != pytest.approx(losses["pgd"][1], rel=1e-5)
    assert losses["standard"][0] == pytest.approx(losses["standard"][1], rel=1e-6)


@pytest.mark.parametrize("recipe", [STANDARD, {**PGD, "eps": 0.02}], ids=["standard", "pgd"])
def test_it_learns(recipe: dict) -> None:
    classifier, history = trained(recipe)
    images, labels = map(torch.from_numpy, bright_side(seed=1))
    assert not classifier.training
    assert accuracy(classifier, images, labels) > 0.95
    assert history[-1]["loss"] < 0.3 * history[0]["loss"]
    # A first epoch begins near the loss of knowing nothing.
    assert 0.3 < history[0]["loss"] < 1.2


def test_the_loss_is_the_mean_of_what_was_seen() -> None:
    classifier = small()
    before = copy.deepcopy(classifier).train()
    images, labels = map(torch.from_numpy, bright_side())
    expected = nn.functional.cross_entropy(before(images), labels).item()
    history = train(classifier, bright_side(), {**STANDARD, "epochs": 1, "batch": 256}, 0)
    assert history[0]["loss"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("count", "batch", "sizes"), [(10, 4, [4, 4]), (8, 4, [4, 4]), (3, 4, [3]), (4, 4, [4])])
def test_batches(count: int, batch: int, sizes: list[int]) -> None:
    parts = list(loop._batches(count, batch, torch.Generator().manual_seed(0)))
    assert [len(part) for part in parts] == sizes
    everything = torch.cat(parts).tolist()
    assert len(set(everything)) == len(everything) and set(everything) <= set(range(count))


@pytest.mark.parametrize("epochs", [1, 2, 3, 4])
def test_very_short_trainings(epochs: int) -> None:
    assert len(trained({**STANDARD, "epochs": epochs, "batch": 300})[1]) == epochs


def test_each_epoch_in_another_order() -> None:
    generator = torch.Generator().manual_seed(0)
    first, second = (torch.cat(list(loop._batches(64, 64, generator))) for _ in range(2))
    assert not torch.equal(first, second)


def test_not_a_number() -> None:
    classifier = small()
    with torch.no_grad():
        classifier[-1].weight[0, 0] = torch.nan
    with pytest.raises(BadInput, match=r"the loss is nan in epoch 1 of 6; a lower lr \(now 0\.01\)"):
        train(classifier, bright_side(), STANDARD, 0)
    with pytest.raises(BadInput, match="the loss is"):
        trained({**STANDARD, "lr": 1e30, "clip": 1e30})


class Watched(nn.Module):
    """A net that writes down, at every pass, its mode and whether weights are being learnt."""

    def __init__(self) -> None:
        super().__init__()
        self.net = small()
        self.modes: list[bool] = []

    def forward(self, x: Tensor) -> Tensor:
        self.modes.append(self.training and self.net[1].training)
        return self.net(x)


def test_the_adversary_sees_evaluation_mode_and_the_weights_training_mode() -> None:
    watched = Watched()
    statistics = []
    watched.net[1].register_forward_hook(lambda bn, *_: statistics.append(bn.running_mean.clone()))
    train(watched, bright_side(), {**PGD, "epochs": 1, "batch": 128}, 0)
    passes = len(watched.modes) // 2
    assert passes >= PGD["steps"] + 1
    assert watched.modes == ([False] * (passes - 1) + [True]) * 2
    assert watched.net[1].num_batches_tracked == 2
    assert torch.equal(statistics[0], torch.zeros(4)) and not torch.equal(statistics[passes - 1], torch.zeros(4))


def test_standard_training_is_adversarial_training_at_eps_0() -> None:
    plain, _ = trained({**STANDARD, "epochs": 2})
    still, _ = trained({**PGD, "epochs": 2, "clean_epochs": 2})
    assert same(plain, still)


def two_cues(n: int = 512, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two cues for each label: one bright pixel that is right in 17 of 20 images, and many faint ones, always right.

    The faint ones can be undone by an adversary of linf radius 0.1, the bright one cannot (Tsipras et al. 2019).
    """
    draw = np.random.default_rng(seed)
    labels = draw.integers(0, 2, n)
    signs = 2 * labels - 1
    pixels = 0.5 + draw.normal(0, 0.05, (n, 1, SIDE, SIDE)) + 0.05 * signs[:, None, None, None]
    told = np.where(draw.random(n) < 0.85, signs, -signs)
    pixels[:, 0, 0, 0] = 0.5 + 0.2 * told
    return np.clip(pixels, 0, 1).astype(np.float32), labels


def test_an_adversary_makes_robust() -> None:
    clean, robust = [], []
    images, labels = map(torch.from_numpy, two_cues(seed=1))
    attack = settings_of("linf", 0.1, steps=10)
    for recipe in (STANDARD, PGD):
        torch.manual_seed(0)
        classifier = nn.Sequential(nn.BatchNorm2d(1), nn.Flatten(), nn.Linear(SIDE**2, 2))
        train(classifier, two_cues(), {**recipe, "epochs": 12}, 0)
        fooling = perturb(classifier, images, labels, attack, torch.Generator().manual_seed(2))
        clean.append(accuracy(classifier, images, labels))
        robust.append(accuracy(classifier, fooling, labels))
    assert clean[0] > 0.97 and robust[0] < 0.2
    assert clean[1] > 0.75 and robust[1] > 0.75


FAST = {**STANDARD, "method": "fast", "norm": "linf", "eps": 0.1, "step_size": None}
SPATIAL = {**STANDARD, "method": "spatial", "shift": 1.0, "degrees": 10.0, "tries": 3}
TRADES = {**PGD, "method": "trades", "beta": 6.0}


@pytest.mark.parametrize("recipe", [FAST, TRADES, SPATIAL])
def test_other_methods_and_threats_learn_and_repeat_themselves(recipe: dict) -> None:
    (first, history), (second, again) = trained(recipe), trained(recipe)
    assert same(first, second) and history == again
    images, labels = (torch.from_numpy(part) for part in bright_side(seed=1))
    assert accuracy(first, images, labels) > 0.9


def test_fast_is_a_single_step_of_one_and_a_quarter_eps(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Pgd] = []

    def watched(_c: nn.Module, images: Tensor, _l: Tensor, attack: Pgd, *_: object) -> Tensor:
        seen.append(attack)
        return images

    monkeypatch.setattr(adversary, "perturb", watched)
    trained({**FAST, "ramp_epochs": 1, "epochs": 2, "batch": 256})
    assert [(attack.steps, attack.eps, attack.step) for attack in seen] == [
        (1, 0.05, pytest.approx(0.0625)),
        (1, 0.1, pytest.approx(0.125)),
    ]
    assert all(attack.random_start for attack in seen)


def test_trades_is_cross_entropy_and_the_divergence_of_changed_images(monkeypatch: pytest.MonkeyPatch) -> None:
    images, labels = (torch.from_numpy(part[:16]) for part in bright_side())
    net = small()
    moved = images.flip(3)
    raised: list[Tensor] = []

    def watched(classifier: nn.Module, *_: object) -> Tensor:
        assert not classifier.training
        with torch.no_grad():
            raised.append(_[-1](classifier(moved), labels))  # type: ignore[operator]
        return moved

    monkeypatch.setattr(adversary, "perturb", watched)
    net.train()
    twin = copy.deepcopy(net)
    loss = trades.loss(loop.Step(net, images, labels, TRADES, 0.1, torch.Generator()))
    assert net.training
    # The same by the definition, in float64: KL(p || q) = sum p log(p / q), mean over images.
    clean, said = (twin(shown).double().softmax(1) for shown in (images, moved))
    entropy = -clean[torch.arange(16), labels].log().mean()
    divergence = (clean * (clean / said).log()).sum(1).mean()
    assert float(loss.detach()) == pytest.approx(float((entropy + 6 * divergence).detach()), rel=1e-4)
    # The adversary raises the same of a network in evaluation mode, which has seen the images once.
    calm = small().train()
    calm(images)
    p, q = (calm.eval()(shown).double().softmax(1) for shown in (images, moved))
    torch.testing.assert_close(raised[0].double(), (p * (p / q).log()).sum(1), rtol=1e-3, atol=1e-6)


def test_looking_at_a_training_changes_nothing() -> None:
    seen: list[int] = []
    plain = small(dropout=0.5)
    train(plain, bright_side(), {**STANDARD, "epochs": 3}, 0)
    watched = small(dropout=0.5)

    def look(epochs: int) -> None:
        seen.append(epochs)
        watched.eval()
        torch.rand(7)

    train(watched, bright_side(), {**STANDARD, "epochs": 3}, 0, after=look)
    assert seen == [0, 1, 2, 3]
    assert same(plain, watched)
