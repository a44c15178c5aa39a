"""Inversion: linear maps with known solutions, the authors' loop as a reference, and its cost."""

import numpy as np
import pytest
import torch
from kindred.inversion.inversion import invert
from kindred.workflow.errors import BadInput
from torch import Tensor, nn

SHAPE = (3, 4, 4)
PIXELS = 48


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def images(n: int = 5) -> Tensor:
    return 0.1 + 0.8 * torch.rand(n, *SHAPE)


def body(features: int = 12) -> nn.Sequential:
    return nn.Sequential(nn.Flatten(), nn.Linear(PIXELS, 20), nn.Tanh(), nn.Linear(20, features))


# Inverting


def test_iterates_agree_with_the_papers_loop() -> None:
    net, targets, seeds = body().double(), images().double(), images().double()
    expected, residual, curve = _reference(net, targets.numpy(), seeds.numpy(), 40)
    end = invert(net, targets, seeds, steps=40, curve_every=1)
    np.testing.assert_allclose(end.images.numpy(), expected, rtol=0, atol=1e-10)
    np.testing.assert_allclose(end.loss.numpy(), residual, rtol=1e-9)
    np.testing.assert_allclose(end.curve.numpy(), curve, rtol=1e-9)
    assert (end.loss[:, None] <= end.curve).all()


def _reference(net: nn.Sequential, targets: np.ndarray, seeds: np.ndarray, steps: int):
    """Jones et al. 2022, one image at a time, gradients by hand."""
    w1, b1, w2, b2 = (parameter.detach().numpy() for parameter in net.parameters())

    def represent(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        hidden = np.tanh(w1 @ x + b1)
        return w2 @ hidden + b2, hidden

    images, residuals, curves = [], [], []
    for target, seed in zip(targets.reshape(len(targets), -1), seeds.reshape(len(seeds), -1), strict=True):
        goal, _ = represent(target)
        x, m, curve, path = seed.copy(), np.zeros_like(seed), [], []
        for step in range(steps + 1):
            found, hidden = represent(x)
            curve.append(np.linalg.norm(found - goal) / np.linalg.norm(goal))
            path.append(x)
            if step < steps:
                g = w1.T @ ((1 - hidden**2) * (w2.T @ (found - goal)))
                m = 0.9 * m + 0.1 * g / np.linalg.norm(g)
                x = np.clip(x - m / 8, 0, 1)
        images.append(path[int(np.argmin(curve))].reshape(SHAPE))
        residuals.append(min(curve))
        curves.append(curve)
    return np.stack(images), np.array(residuals), np.array(curves)


def test_invertible_linear_map_recovers_the_target() -> None:
    basis, _ = torch.linalg.qr(torch.randn(PIXELS, PIXELS))
    targets, seeds = images(), images()

    def rotate(x: Tensor) -> Tensor:
        return x.flatten(1) @ basis

    end = invert(rotate, targets, seeds, steps=300, step_size=0.01)
    assert (end.loss < 0.005).all()
    assert (end.images - targets).abs().max() < 0.02
    assert (seeds - targets).abs().max() > 0.5


def test_null_space_of_a_linear_map_keeps_the_seed() -> None:
    # Steps are gradients, so only the row space changes (no pixel reaches the edge of the range here).
    weight = torch.randn(PIXELS, 4, dtype=torch.float64)
    targets, seeds = (0.45 + 0.1 * torch.rand(5, *SHAPE, dtype=torch.float64) for _ in range(2))
    end = invert(lambda x: x.flatten(1) @ weight, targets, seeds, steps=400, step_size=0.01)
    _, _, rows = torch.linalg.svd(weight.T)
    null_space = rows[4:]
    torch.testing.assert_close(
        end.images.flatten(1) @ null_space.T, seeds.flatten(1) @ null_space.T, rtol=0, atol=1e-10
    )
    assert (end.loss < 0.01).all()


def test_residual_decreases_and_is_that_of_the_images() -> None:
    net, targets, seeds = body(), images(), images()
    end = invert(net, targets, seeds, steps=200, curve_every=50)
    start = end.curve[:, 0]
    assert (end.loss < 0.2 * start).all()
    goal = net(targets)
    torch.testing.assert_close(end.loss, (net(end.images) - goal).norm(dim=1) / goal.norm(dim=1))
    torch.testing.assert_close(start, (net(seeds) - goal).norm(dim=1) / goal.norm(dim=1))
    assert end.images.amin() >= 0
    assert end.images.amax() <= 1


def test_chunks_agree_with_the_whole() -> None:
    net, targets, seeds = body().double(), images().double(), images().double()
    settings = {"steps": 60}
    whole = invert(net, targets, seeds, **settings)
    parts = [invert(net, targets[cut], seeds[cut], **settings) for cut in (slice(0, 2), slice(2, 5))]
    torch.testing.assert_close(torch.cat([part.images for part in parts]), whole.images, rtol=0, atol=1e-9)
    torch.testing.assert_close(torch.cat([part.loss for part in parts]), whole.loss, rtol=0, atol=1e-9)


def test_inversion_is_deterministic() -> None:
    net, targets, seeds = body(), images(), images()
    first = invert(net, targets, seeds, steps=30)
    assert torch.equal(invert(net, targets, seeds, steps=30).images, first.images)
    with torch.inference_mode():
        assert torch.equal(invert(net, targets * 1, seeds * 1, steps=30).images, first.images)


def test_matching_seeds_stay() -> None:
    targets = images()
    end = invert(body(), targets, targets, steps=10)
    assert torch.equal(end.images, targets)
    assert (end.loss == 0).all()


def test_targets_with_zero_features_keep_the_seed_and_have_no_residual() -> None:
    targets, seeds = images(), images()

    def rectified(x: Tensor) -> Tensor:
        return (x.flatten(1)[:, :6] - 0.2).relu()

    dead = targets.clone()
    dead[1] = 0.1
    end = invert(rectified, dead, seeds, steps=20, curve_every=10)
    assert end.loss.isnan().tolist() == [False, True, False, False, False]
    assert torch.equal(end.images[1], seeds[1])
    rest = [0, 2, 3, 4]
    alone = invert(rectified, dead[rest], seeds[rest], steps=20)
    torch.testing.assert_close(end.images[rest], alone.images)


def test_number_of_passes_and_untouched_parameters() -> None:
    calls = {"forward": 0, "backward": 0}
    net = body()

    def features(x: Tensor) -> Tensor:
        calls["forward"] += 1
        if x.requires_grad:
            x.register_hook(lambda _: calls.__setitem__("backward", calls["backward"] + 1))
        return net(x)

    invert(features, images(), images(), steps=9)
    assert calls == {"forward": 1 + 9 + 1, "backward": 9}  # targets, steps, last iterate
    assert all(parameter.requires_grad and parameter.grad is None for parameter in net.parameters())


def test_residuals_of_half_precision_features_are_float32() -> None:
    net = body().bfloat16()
    end = invert(lambda x: net(x.bfloat16()), images(), images(), steps=30, curve_every=10)
    assert end.loss.dtype == end.images.dtype == torch.float32
    assert (end.loss < end.curve[:, 0]).all()


def test_features_of_any_shape_are_flattened() -> None:
    targets, seeds = images(), images()
    maps = nn.Conv2d(3, 4, 3)
    as_maps = invert(maps, targets, seeds, steps=5)
    flat = invert(lambda x: maps(x).flatten(1), targets, seeds, steps=5)
    assert torch.equal(as_maps.images, flat.images)
    assert as_maps.loss.shape == (5,)


def test_defaults_are_those_of_the_paper() -> None:
    net, targets, seeds = body(), images(2), images(2)
    expected = invert(net, targets, seeds, steps=2000, step_size=1 / 8, momentum=0.9)
    assert torch.equal(invert(net, targets, seeds).images, expected.images)


@pytest.mark.parametrize(
    ("wrong", "named"), [({"steps": 0}, "steps is 0"), ({"step_size": float("inf")}, "inf"), ({"momentum": 1}, "is 1;")]
)
def test_settings_out_of_range_are_an_error(wrong: dict, named: str) -> None:
    with pytest.raises(BadInput, match=named):
        invert(body(), images(), images(), **wrong)


@pytest.mark.parametrize(
    ("targets", "seeds", "named"),
    [
        (images(2), images(3), "shape"),
        (images(0), images(0), "n >= 1"),
        (images(2) * 255, images(2), "target"),
        (images(2), images(2) - 1, "seed"),
    ],
)
def test_invalid_images_are_an_error(targets: Tensor, seeds: Tensor, named: str) -> None:
    with pytest.raises(BadInput, match=named):
        invert(body(), targets, seeds, steps=1)
