"""Attacks: closed forms for linear models, a NumPy reference, balls, random starts, restarts and their cost."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from attack_settings import attack as settings_of
from kindred.attacks.apgd import Apgd
from kindred.attacks.balls import BallAttack
from kindred.attacks.perturbation import Attack, log_odds, margin, norms, perturb, perturbed
from kindred.attacks.pgd import Pgd
from kindred.attacks.spatial import Spatial
from kindred.workflow.errors import BadInput
from scipy import stats
from torch import Tensor, nn

SHAPE = (3, 6, 6)
PIXELS = 108


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def images(n: int = 6, shape: tuple[int, ...] = SHAPE, border: float = 0.0) -> Tensor:
    return border + (1 - 2 * border) * torch.rand(n, *shape)


def generator(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def linear(classes: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(PIXELS, classes))


class Counted(nn.Module):
    """A small convolutional net that counts its passes."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Tanh(), nn.Flatten(), nn.Linear(128, 5)
        ).eval()
        self.forwards = self.backwards = 0

    def forward(self, x: Tensor) -> Tensor:
        self.forwards += 1
        if x.requires_grad:
            x.register_hook(self._count)
        return self.net(x)

    def _count(self, gradient: Tensor) -> None:
        self.backwards += 1


@pytest.mark.parametrize("loss", ["cross_entropy", "margin"])
@pytest.mark.parametrize("momentum", [0, 1.0])
def test_linf_reaches_the_corner_a_linear_model_asks_for(loss: str, momentum: float) -> None:
    net, x, labels = linear(2), images(), torch.tensor([0, 1, 0, 1, 1, 0])
    weight = net[1].weight.detach()
    towards = (weight[1 - labels] - weight[labels]).view(-1, *SHAPE)
    best = (x + 0.1 * towards.sign()).clamp(0, 1)
    found = perturb(net, x, labels, settings_of("linf", 0.1, loss=loss, momentum=momentum), generator())
    torch.testing.assert_close(found, best, rtol=0, atol=1e-6)


@pytest.mark.parametrize("loss", ["cross_entropy", "margin"])
@pytest.mark.parametrize("momentum", [0, 1.0])
def test_l2_reaches_the_point_a_linear_model_asks_for(loss: str, momentum: float) -> None:
    net, x, labels = linear(2), images(border=0.45), torch.tensor([0, 1, 0, 1, 1, 0])
    weight = net[1].weight.detach()
    towards = weight[1 - labels] - weight[labels]
    best = x + 0.3 * (towards / towards.norm(dim=1, keepdim=True)).view(-1, *SHAPE)
    attack = settings_of("l2", 0.3, 20, 0.9, loss=loss, momentum=momentum)  # the start fades by 1 + step / eps per step
    found = perturb(net, x, labels, attack, generator())
    torch.testing.assert_close(found, best, rtol=0, atol=1e-4)


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("loss", ["cross_entropy", "margin"])
@pytest.mark.parametrize("momentum", [0, 0.7])
def test_it_follows_a_reference_in_numpy(norm: str, loss: str, momentum: float) -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(PIXELS, 9), nn.Tanh(), nn.Linear(9, 4)).double()
    x, labels = images().double(), torch.tensor([0, 1, 2, 3, 0, 1])
    attack = settings_of(norm, 0.05 if norm == "linf" else 0.5, 7, 0.02, False, loss=loss, momentum=momentum)
    found = perturb(net, x, labels, attack)
    expected = _reference(net, x.flatten(1).numpy(), labels.numpy(), attack)
    np.testing.assert_allclose(found.flatten(1).numpy(), expected, rtol=0, atol=1e-12)


def _reference(net: nn.Sequential, clean: np.ndarray, labels: np.ndarray, attack: BallAttack) -> np.ndarray:
    """One image at a time, gradients by hand."""
    w1, b1, w2, b2 = (parameter.detach().numpy() for parameter in net.parameters())
    result = []
    for centre, label in zip(clean, labels, strict=True):
        x, m = centre.copy(), np.zeros_like(centre)
        for _ in range(attack.steps):
            hidden = np.tanh(w1 @ x + b1)
            logits = w2 @ hidden + b2
            if attack.loss == "cross_entropy":
                slope = np.exp(logits - logits.max())
                slope /= slope.sum()
            else:
                slope = np.zeros(4)
                slope[np.argmax(np.where(np.arange(4) == label, -np.inf, logits))] = 1
            slope[label] -= 1
            g = w1.T @ ((1 - hidden**2) * (w2.T @ slope))
            m = attack.momentum * m + g / np.abs(g).sum()
            if attack.norm == "linf":
                x = np.clip(x + attack.step_size * np.sign(m), centre - attack.eps, centre + attack.eps)
            else:
                delta = x + attack.step_size * m / np.linalg.norm(m) - centre
                x = centre + delta * min(1, attack.eps / np.linalg.norm(delta))
            x = np.clip(x, 0, 1)
        result.append(x)
    return np.stack(result)


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("eps", [1 / 255, 8 / 255, 0.3, 2.0, 50.0])
@pytest.mark.parametrize("restarts", [1, 2])
def test_results_stay_in_the_ball_and_in_the_pixel_range(norm: str, eps: float, restarts: int) -> None:
    x = images().round(decimals=1)  # some pixels exactly black or white
    for step_size in (None, 3 * eps):
        attack = settings_of(norm, eps, 5, step_size, restarts=restarts)
        found = perturb(Counted(), x, torch.arange(6) % 5, attack, generator())
        assert (norms(found - x, norm) <= eps + 1e-6).all()
        assert found.amin() >= 0
        assert found.amax() <= 1
        assert (norms(found - x, norm) > 0).all()


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_the_default_step_reaches_the_border(norm: str) -> None:
    eps = 0.02
    found = perturb(Counted(), x := images(border=0.2), torch.zeros(6).long(), settings_of(norm, eps), generator())
    assert norms(found - x, norm).amax() > 0.99 * eps


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_without_a_radius_the_images_come_back(norm: str) -> None:
    net, x = Counted(), images()
    found = perturb(net, x, torch.zeros(6).long(), settings_of(norm, 0, restarts=3))
    assert torch.equal(found, x)
    assert found.data_ptr() != x.data_ptr()
    assert net.forwards == 0


def test_passes_are_counted_and_parameters_left_alone() -> None:
    net, x, labels = Counted(), images(), torch.arange(6) % 5
    state = {name: value.clone() for name, value in net.state_dict().items()}
    before = x.clone()
    perturb(net, x, labels, settings_of("linf", 0.1, 7), generator())
    assert (net.forwards, net.backwards) == (7, 7)
    perturb(net, x, labels, settings_of("linf", 0.1, 7, restarts=3), generator())
    assert (net.forwards, net.backwards) == (7 + 24, 7 + 21)
    assert all(parameter.requires_grad and parameter.grad is None for parameter in net.parameters())
    assert all(torch.equal(value, state[name]) for name, value in net.state_dict().items())
    assert torch.equal(x, before)


def test_frozen_parameters_and_inference_mode_give_the_same() -> None:
    net, x, labels = Counted(), images(), torch.arange(6) % 5
    attack = settings_of("l2", 1.0, restarts=2)
    plain = perturb(net, x, labels, attack, generator())
    with torch.inference_mode():
        assert torch.equal(perturb(net, x * 1, labels * 1, attack, generator()), plain)
    net.requires_grad_(False)
    assert torch.equal(perturb(net, x, labels, attack, generator()), plain)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_the_generator_alone_decides(norm: str) -> None:
    net, x, labels, attack = Counted(), images(), torch.arange(6) % 5, settings_of(norm, 0.3, 3, restarts=2)
    first = perturb(net, x, labels, attack, generator(1))
    torch.manual_seed(99)
    assert torch.equal(perturb(net, x, labels, attack, generator(1)), first)
    assert not torch.equal(perturb(net, x, labels, attack, generator(2)), first)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_batches_may_be_cut_anywhere(norm: str) -> None:
    net, x, labels = Counted().double(), images().double(), torch.arange(6) % 5
    attack, one = settings_of(norm, 0.3, restarts=3), generator()
    whole = perturb(net, x, labels, attack, generator())
    parts = [perturb(net, x[cut], labels[cut], attack, one) for cut in (slice(0, 1), slice(1, 4), slice(4, 6))]
    torch.testing.assert_close(torch.cat(parts), whole, rtol=0, atol=1e-9)


def starts(norm: str, eps: float, shape: tuple[int, ...], n: int) -> Tensor:
    """Where attacks begin: one step of size 0."""
    x = torch.full((n, *shape), 0.5)
    net = nn.Sequential(nn.Flatten(), nn.Linear(x[0].numel(), 2))
    return perturb(net, x, torch.zeros(n).long(), settings_of(norm, eps, 1, 0.0), generator()) - x


def test_linf_starts_are_uniform_in_the_cube() -> None:
    delta = starts("linf", 0.2, (1, 2, 2), 1500).flatten(1).numpy() / 0.2
    for pixel in delta.T:
        assert stats.kstest(pixel, stats.uniform(-1, 2).cdf).pvalue > 1e-3
    assert np.abs(np.corrcoef(delta.T) - np.eye(4)).max() < 0.1


def test_l2_starts_are_uniform_in_the_volume_of_the_ball() -> None:
    delta = starts("l2", 0.4, (1, 1, 3), 1500).flatten(1).numpy() / 0.4
    radius = np.linalg.norm(delta, axis=1)
    assert radius.max() <= 1 + 1e-6
    assert stats.kstest(radius**3, stats.uniform().cdf).pvalue > 1e-3
    for axis in (delta / radius[:, None]).T:  # Archimedes: every coordinate of a sphere's surface is uniform
        assert stats.kstest(axis, stats.uniform(-1, 2).cdf).pvalue > 1e-3


def test_without_random_start_it_begins_at_the_image() -> None:
    x = images()
    assert torch.equal(perturb(Counted(), x, torch.zeros(6).long(), settings_of("l2", 1.0, 1, 0.0, False)), x)


def test_more_restarts_never_weaken_an_attack() -> None:
    net, x = Counted(), images(40)
    labels = net(x).argmax(1)
    once, often = (
        perturb(net, x, labels, settings_of("linf", 0.02, 2, 0.005, restarts=k), generator()) for k in (1, 6)
    )
    fooled_once, fooled_often = (net(found).argmax(1) != labels for found in (once, often))
    assert (fooled_often | ~fooled_once).all()
    same = fooled_often == fooled_once
    weaker, stronger = (log_odds(net(found), labels) for found in (once, often))
    assert (stronger >= weaker - 1e-6)[same].all()
    assert (stronger > weaker + 1e-4).any()


def test_among_restarts_the_fooled_wins_and_then_the_highest_objective() -> None:
    fooled = torch.tensor([[0, 0, 0, 1], [1, 0, 1, 0], [0, 0, 1, 1]])
    value = torch.tensor([[5.0, 1, 9, 2], [1.0, 3, 4, 9], [9.0, 2, 6, 1]])
    runs = iter(range(3))

    @dataclass(frozen=True, kw_only=True)
    class Numbered(Attack):
        random = True  # type: ignore[assignment]

        def search(self, objective: object, images: Tensor, seeds: object) -> Tensor:
            return torch.full_like(images, next(runs) / 10)

    def classifier(x: Tensor) -> Tensor:  # logits of the label, of another class, and (far below) what is raised
        run = int((x[0, 0, 0, 0] * 10).round())
        return torch.stack([1.0 - fooled[run], fooled[run].float(), value[run] - 100], dim=1)

    found = perturb(
        classifier,
        images(4),
        torch.zeros(4).long(),
        Numbered(restarts=3),
        generator(),
        objective=lambda logits, _: logits[:, 2],
    )
    assert (found[:, 0, 0, 0] * 10).round().tolist() == [1, 1, 2, 0]


def test_losses_by_hand() -> None:
    logits = torch.tensor([[2.0, 5, 1], [7.0, 4, 3]])
    labels = torch.tensor([0, 0])
    assert margin(logits, labels).tolist() == [3, -3]
    expected = [-np.log(np.exp(row[0]) / np.exp(row).sum()) for row in logits.numpy()]
    np.testing.assert_allclose(np.log1p(np.exp(log_odds(logits, labels).numpy())), expected, rtol=1e-5)


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("scale", [1.0, 1e5])
@pytest.mark.parametrize("method", [Pgd, Apgd])
def test_a_confident_model_is_attacked_as_the_same_model_at_another_scale(
    norm: str, scale: float, method: type[BallAttack]
) -> None:
    """Cross-entropy in float32 has no gradient at logits of thousands; of two classes its direction is that of any."""
    net = linear(2)
    x = images()
    labels = net(x).argmax(1)
    attack = method(norm=norm, eps=0.5, steps=5, random_start=False)
    small = perturb(net, x, labels, attack)
    assert (small != x).any()
    with torch.no_grad():
        net[1].weight.mul_(scale)
        net[1].bias.mul_(scale)
    found = perturbed(net, x, labels, attack)
    torch.testing.assert_close(found.images, small, rtol=0, atol=1e-5)
    assert not found.no_gradient.any()


def test_images_without_a_gradient_are_told_from_those_that_withstand() -> None:
    class Half(nn.Module):
        """Saturated where the first pixel is dark: a softmax of large logits, which no loss behind it can undo."""

        def forward(self, x: Tensor) -> Tensor:
            logits = x.flatten(1)[:, :2] * torch.where(x[:, 0, 0, 0] < 0.5, 1e5, 1.0)[:, None]
            return logits.softmax(dim=1)

    x = images(40)
    x[:, 0, 0, 1] = 1 - x[:, 0, 0, 0]
    x[:, 0, 0, 0] = torch.where((x[:, 0, 0, 0] - 0.5).abs() < 0.02, 0.4, x[:, 0, 0, 0])
    dark = x[:, 0, 0, 0] < 0.5
    labels = torch.ones(40).long()
    for attack in (
        settings_of("linf", 0.001, 3, random_start=False),
        settings_of("l2", 0.001, 3, restarts=2),
        Apgd(norm="linf", eps=0.001, steps=3),
    ):
        found = perturbed(Half(), x, labels, attack, generator())
        assert found.no_gradient.tolist() == dark.tolist()
    spatial = Spatial(shift=1, tries=2)
    assert not perturbed(Half(), x, labels, spatial, generator()).no_gradient.any()


def test_norms() -> None:
    delta = torch.zeros(2, 1, 2, 2)
    delta[0, 0, 0] = torch.tensor([3.0, -4.0])
    assert norms(delta, "linf").tolist() == [4, 0]
    assert norms(delta, "l2").tolist() == [5, 0]


def test_the_default_step_size() -> None:
    assert settings_of("linf", 0.1, 10).step == pytest.approx(0.025)
    assert settings_of("linf", 0.1, 10, 0.5).step == 0.5


def test_random_starts_need_a_generator() -> None:
    with pytest.raises(BadInput, match="needs a generator"):
        perturb(linear(2), torch.rand(2, *SHAPE), torch.zeros(2).long(), settings_of("linf", 0.1))


def test_unknown_norms_and_losses_are_no_others() -> None:
    for wrong in ({"norm": "l1"}, {"loss": "hinge"}):
        with pytest.raises(KeyError, match=next(iter(wrong.values()))):
            attack = settings_of(**({"norm": "linf", "eps": 0.1} | wrong))
            perturb(linear(2), torch.rand(2, *SHAPE), torch.zeros(2).long(), attack, generator())
