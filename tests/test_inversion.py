"""Inversion: pairing, linear maps that can be inverted exactly, the authors' loop as a reference, and its cost."""

import numpy as np
import pytest
import torch
from kindred.errors import BadInput
from kindred.inversion import Inversion, invert, pair_seeds
from scipy import stats
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


# Pairing


def test_seeds_have_another_label_and_repeat() -> None:
    labels = np.random.default_rng(0).integers(0, 7, 500)
    pairs = pair_seeds(labels, 3)
    assert pairs.shape == (500,)
    assert pairs.dtype == np.int64
    assert (labels[pairs] != labels).all()
    assert np.array_equal(pairs, pair_seeds(labels.tolist(), 3))
    assert np.array_equal(pairs, pair_seeds(torch.from_numpy(labels), 3))
    assert not np.array_equal(pairs, pair_seeds(labels, 4))


def test_seeds_are_pinned() -> None:
    # Written down so that a change of the rule, which would silently change every inversion, shows.
    assert pair_seeds([5, 5, 2, 2, 9, 9, 9, 2], 0).tolist() == [4, 3, 0, 0, 1, 1, 0, 5]


@pytest.mark.parametrize("labels", [[0, 1, 1, 1, 2, 2], [7, 7, 7, 7, 7, -3], [3, 1, 3, 1, 1]])
def test_every_image_of_another_label_is_as_likely(labels: list[int]) -> None:
    labels = np.array(labels)
    drawn = np.stack([pair_seeds(labels, seed) for seed in range(3000)])
    for image, label in enumerate(labels):
        counts = np.bincount(drawn[:, image], minlength=len(labels))
        assert (counts[labels == label] == 0).all()
        others = counts[labels != label]
        assert others.sum() == 3000
        assert stats.chisquare(others).pvalue > 1e-4 if len(others) > 1 else others[0] == 3000


def test_images_draw_independently() -> None:
    drawn = np.stack([pair_seeds([0, 0, 1, 1], seed) for seed in range(2000)])
    assert abs(np.corrcoef(drawn[:, 0], drawn[:, 1])[0, 1]) < 0.1


@pytest.mark.parametrize(("labels", "named"), [([1, 1, 1], "1 class"), ([], "0 class"), ([[0, 1]], "shape")])
def test_labels_that_cannot_be_paired_are_refused(labels: list, named: str) -> None:
    with pytest.raises(BadInput, match=named):
        pair_seeds(np.array(labels, dtype=int), 0)


# Inverting


def test_it_is_the_loop_of_the_paper() -> None:
    net, targets, seeds = body().double(), images().double(), images().double()
    expected, residual, curve = _reference(net, targets.numpy(), seeds.numpy(), 40)
    end = invert(net, targets, seeds, Inversion(steps=40), curve_every=1)
    np.testing.assert_allclose(end.images.numpy(), expected, rtol=0, atol=1e-10)
    np.testing.assert_allclose(end.loss.numpy(), residual, rtol=1e-9)
    np.testing.assert_allclose(end.curve.loss.numpy(), curve, rtol=1e-9)
    assert end.curve.steps.tolist() == list(range(41))
    assert (end.loss[:, None] <= end.curve.loss).all()


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


def test_an_invertible_linear_map_gives_the_target_back() -> None:
    basis, _ = torch.linalg.qr(torch.randn(PIXELS, PIXELS))
    targets, seeds = images(), images()

    def rotate(x: Tensor) -> Tensor:
        return x.flatten(1) @ basis

    end = invert(rotate, targets, seeds, Inversion(steps=300, step_size=0.01))
    assert (end.loss < 0.005).all()
    assert (end.images - targets).abs().max() < 0.02
    assert (seeds - targets).abs().max() > 0.5


def test_what_a_linear_map_ignores_stays_the_seeds() -> None:
    # Steps are gradients, so only the row space moves (no pixel reaches the edge of the range here).
    weight = torch.randn(PIXELS, 4, dtype=torch.float64)
    targets, seeds = (0.45 + 0.1 * torch.rand(5, *SHAPE, dtype=torch.float64) for _ in range(2))
    end = invert(lambda x: x.flatten(1) @ weight, targets, seeds, Inversion(steps=400, step_size=0.01))
    _, _, rows = torch.linalg.svd(weight.T)
    blind = rows[4:]
    torch.testing.assert_close(
        end.images.flatten(1) @ blind.T, seeds.flatten(1) @ blind.T, rtol=0, atol=1e-10
    )
    assert (end.loss < 0.01).all()


def test_the_residual_falls_and_is_that_of_the_images() -> None:
    net, targets, seeds = body(), images(), images()
    end = invert(net, targets, seeds, Inversion(steps=200), curve_every=50)
    start = end.curve.loss[:, 0]
    assert (end.loss < 0.2 * start).all()
    goal = net(targets)
    torch.testing.assert_close(end.loss, (net(end.images) - goal).norm(dim=1) / goal.norm(dim=1))
    torch.testing.assert_close(start, (net(seeds) - goal).norm(dim=1) / goal.norm(dim=1))
    assert end.images.amin() >= 0
    assert end.images.amax() <= 1


def test_chunks_give_the_same() -> None:
    net, targets, seeds = body().double(), images().double(), images().double()
    settings = Inversion(steps=60)
    whole = invert(net, targets, seeds, settings)
    parts = [invert(net, targets[cut], seeds[cut], settings) for cut in (slice(0, 2), slice(2, 5))]
    torch.testing.assert_close(torch.cat([part.images for part in parts]), whole.images, rtol=0, atol=1e-9)
    torch.testing.assert_close(torch.cat([part.loss for part in parts]), whole.loss, rtol=0, atol=1e-9)


def test_the_same_twice() -> None:
    net, targets, seeds = body(), images(), images()
    first = invert(net, targets, seeds, Inversion(steps=30))
    assert torch.equal(invert(net, targets, seeds, Inversion(steps=30)).images, first.images)
    with torch.inference_mode():
        assert torch.equal(invert(net, targets * 1, seeds * 1, Inversion(steps=30)).images, first.images)


def test_a_seed_that_already_matches_stays() -> None:
    targets = images()
    end = invert(body(), targets, targets, Inversion(steps=10))
    assert torch.equal(end.images, targets)
    assert (end.loss == 0).all()


def test_a_target_without_features_is_left_and_marked() -> None:
    targets, seeds = images(), images()

    def rectified(x: Tensor) -> Tensor:
        return (x.flatten(1)[:, :6] - 0.2).relu()

    dead = targets.clone()
    dead[1] = 0.1
    end = invert(rectified, dead, seeds, Inversion(steps=20), curve_every=10)
    assert end.loss.isnan().tolist() == [False, True, False, False, False]
    assert torch.equal(end.images[1], seeds[1])
    rest = [0, 2, 3, 4]
    alone = invert(rectified, dead[rest], seeds[rest], Inversion(steps=20))
    torch.testing.assert_close(end.images[rest], alone.images)


def test_passes_are_counted_and_parameters_left_alone() -> None:
    calls = {"forward": 0, "backward": 0}
    net = body()

    def features(x: Tensor) -> Tensor:
        calls["forward"] += 1
        if x.requires_grad:
            x.register_hook(lambda _: calls.__setitem__("backward", calls["backward"] + 1))
        return net(x)

    invert(features, images(), images(), Inversion(steps=9))
    assert calls == {"forward": 1 + 9 + 1, "backward": 9}  # the targets, the steps, the last iterate
    assert all(parameter.requires_grad and parameter.grad is None for parameter in net.parameters())


def test_half_precision_features_are_compared_in_single() -> None:
    net = body().bfloat16()
    end = invert(lambda x: net(x.bfloat16()), images(), images(), Inversion(steps=30), curve_every=10)
    assert end.loss.dtype == end.images.dtype == torch.float32
    assert (end.loss < end.curve.loss[:, 0]).all()


def test_features_of_any_shape_are_flattened() -> None:
    targets, seeds = images(), images()
    maps = nn.Conv2d(3, 4, 3)
    as_maps = invert(maps, targets, seeds, Inversion(steps=5))
    flat = invert(lambda x: maps(x).flatten(1), targets, seeds, Inversion(steps=5))
    assert torch.equal(as_maps.images, flat.images)
    assert as_maps.loss.shape == (5,)


def test_the_defaults_are_the_papers() -> None:
    assert Inversion() == Inversion(steps=2000, step_size=0.125, momentum=0.9, loss="relative_l2")


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"steps": 0}, "steps is 0"),
        ({"steps": 1.5}, "1.5"),
        ({"step_size": 0}, "step_size is 0"),
        ({"step_size": float("inf")}, "inf"),
        ({"momentum": 1}, "momentum is 1"),
        ({"momentum": "high"}, "'high'"),
        ({"loss": "l2"}, "'l2'"),
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong: dict, named: str) -> None:
    with pytest.raises(BadInput, match=named):
        Inversion(**wrong)


@pytest.mark.parametrize(
    ("targets", "seeds", "named"),
    [
        (images(2), images(3), "shape"),
        (images(0), images(0), "n >= 1"),
        (images(2) * 255, images(2), "target"),
        (images(2), images(2) - 1, "seed"),
    ],
)
def test_images_that_do_not_fit_are_refused(targets: Tensor, seeds: Tensor, named: str) -> None:
    with pytest.raises(BadInput, match=named):
        invert(body(), targets, seeds, Inversion(steps=1))
