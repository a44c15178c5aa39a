"""APGD and input diversity: the paper's schedule, closed forms, balls, and that images do not influence each other."""

import pytest
import torch
from attack_settings import attack as settings_of
from kindred.attacks import apgd, diversity
from kindred.attacks.perturbation import log_odds, norms, perturb
from kindred.workflow.errors import BadInput
from torch import Tensor, nn

CLEAN = torch.rand(6, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * 0.6 + 0.2
LABELS = torch.tensor([0, 1, 2, 0, 1, 2])


def generator(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def linear() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(192, 3)).requires_grad_(False)


def convolutional(scale: float = 4.0) -> nn.Sequential:
    torch.manual_seed(3)
    layers = [nn.Conv2d(3, 12, 3), nn.Tanh(), nn.Conv2d(12, 12, 3), nn.Tanh(), nn.Flatten(), nn.Linear(192, 3)]
    net = nn.Sequential(*layers).requires_grad_(False)
    for parameter in net.parameters():
        parameter.mul_(scale)
    return net


def test_checkpoints_are_the_papers() -> None:
    assert apgd.checkpoints(100) == [0, 22, 41, 57, 70, 80, 87, 93, 99]
    assert apgd.checkpoints(1)[0] == 0


@pytest.mark.parametrize(("norm", "eps"), [("linf", 0.05), ("l2", 0.4)])
def test_a_linear_margin_reaches_its_highest_point(norm: str, eps: float) -> None:
    weight = torch.randn(6, 3, 8, 8, generator=generator())
    centre = CLEAN

    def loss(x: Tensor) -> Tensor:
        return (x * weight).sum(dim=(1, 2, 3))

    from kindred.descent import l2_ball, linf_ball

    ball = (linf_ball if norm == "linf" else l2_ball)(centre, eps)
    found, height = apgd.ascend(loss, centre, ball, steps=30, eps=eps, norm=norm)
    flat = weight.flatten(1)
    reach = eps * (flat.abs().sum(1) if norm == "linf" else flat.norm(dim=1))
    torch.testing.assert_close(height, loss(centre) + reach, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(loss(found), height)


@pytest.mark.parametrize(("norm", "eps"), [("linf", 0.05), ("l2", 0.5)])
@pytest.mark.parametrize("loss", ["cross_entropy", "margin"])
def test_results_stay_in_the_ball_and_in_the_pixel_range(norm: str, eps: float, loss: str) -> None:
    net = convolutional()
    attack = settings_of(norm=norm, eps=eps, steps=12, method="apgd", loss=loss)
    found = perturb(net, CLEAN, LABELS, attack, generator())
    assert float(norms(found - CLEAN, norm).max()) <= eps * (1 + 1e-5)
    assert 0 <= float(found.min()) <= float(found.max()) <= 1


@pytest.mark.parametrize(("norm", "eps"), [("linf", 0.1), ("l2", 1.0)])
def test_it_is_stronger_than_pgd_of_the_same_steps(norm: str, eps: float) -> None:
    net = convolutional(scale=6.0)
    clean = torch.rand(64, 3, 8, 8, generator=generator(5))
    labels = net(clean).argmax(1)
    height = {}
    for method in ("pgd", "apgd"):
        attack = settings_of(norm=norm, eps=eps, steps=40, method=method)
        height[method] = log_odds(net(perturb(net, clean, labels, attack, generator())), labels).mean()
    assert height["apgd"] > height["pgd"]


def test_it_never_ends_below_its_start() -> None:
    net = convolutional(scale=12.0)
    attack = settings_of(norm="linf", eps=0.3, steps=3, method="apgd", random_start=False)
    found = perturb(net, CLEAN, LABELS, attack)
    assert (log_odds(net(found), LABELS) >= log_odds(net(CLEAN), LABELS) - 1e-6).all()


@pytest.mark.parametrize("settings", [{"method": "apgd"}, {"diversity": 0.7}, {"method": "apgd", "diversity": 0.7}])
@pytest.mark.parametrize("restarts", [1, 2])
def test_batches_may_be_cut_anywhere(settings: dict, restarts: int) -> None:
    net = convolutional().double()
    attack = settings_of(norm="linf", eps=0.05, steps=6, restarts=restarts, **settings)
    whole = perturb(net, CLEAN.double(), LABELS, attack, generator())
    shared = generator()
    parts = [perturb(net, CLEAN[a:b].double(), LABELS[a:b], attack, shared) for a, b in ((0, 2), (2, 6))]
    torch.testing.assert_close(torch.cat(parts), whole)


def test_a_flat_loss_leaves_images_finite() -> None:
    found, _ = apgd.ascend(lambda x: x.sum(dim=(1, 2, 3)) * 0, CLEAN, lambda x: x, steps=8, eps=0.1, norm="l2")
    torch.testing.assert_close(found, CLEAN)


def test_diversity_needs_a_generator() -> None:
    with pytest.raises(BadInput, match="needs a generator"):
        perturb(linear(), CLEAN, LABELS, settings_of(norm="linf", eps=0.1, random_start=False, diversity=0.5))


def seeds(n: int) -> list[torch.Generator]:
    return [generator(seed) for seed in range(n)]


def test_diversity_shrinks_and_pads() -> None:
    ones = torch.ones(40, 1, 10, 10)
    varied = diversity.diverse(seeds(40), 1.0, 0.5)(ones)
    assert varied.shape == ones.shape
    sides = (varied[:, 0] > 0.5).any(dim=2).sum(dim=1)
    assert set(sides.tolist()) <= set(range(5, 11))
    assert len(set(sides.tolist())) > 3
    # A square of the image's own light somewhere on black, wherever it fits.
    torch.testing.assert_close(varied.sum(dim=(1, 2, 3)), sides.float() ** 2)
    corners = (varied[:, 0] > 0.5).any(dim=2).int().argmax(dim=1)
    assert corners.max() > 0
    assert (corners + sides <= 10).all()


def test_diversity_by_chance() -> None:
    images = torch.rand(400, 1, 8, 8, generator=generator())
    varied = diversity.diverse(seeds(400), 0.3, 0.3)(images)
    assert 0.2 < float((varied != images).flatten(1).any(1).float().mean()) < 0.35
    torch.testing.assert_close(diversity.diverse(seeds(400), 0.0, 0.3)(images), images)


def test_diversity_lets_gradients_through_and_moves_on() -> None:
    vary = diversity.diverse(seeds(6), 1.0, 0.5)
    images = CLEAN.clone().requires_grad_()
    first = vary(images)
    (slope,) = torch.autograd.grad(first.sum(), images)
    assert (slope.flatten(1).abs().sum(1) > 0).all()
    assert not torch.equal(first, vary(images))


def test_diversity_changes_the_attack_and_keeps_its_ball() -> None:
    net = convolutional()
    plain, varied = (
        perturb(net, CLEAN, LABELS, settings_of(norm="linf", eps=0.05, steps=5, diversity=chance), generator())
        for chance in (0.0, 1.0)
    )
    assert not torch.equal(plain, varied)
    assert float((varied - CLEAN).abs().max()) <= 0.05 + 1e-6
    assert (log_odds(net(varied), LABELS) > log_odds(net(CLEAN), LABELS)).all()
