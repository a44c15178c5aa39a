"""The descent loop: steps by hand, projections, cost, and no side effects."""

import pytest
import torch
from kindred.descent import descend, euclidean, l2_ball, linf_ball
from kindred.workflow.errors import BadInput
from torch import Tensor, nn

SHAPE = (5, 3, 4, 4)


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def images(shape: tuple[int, ...] = SHAPE, margin: float = 0.0) -> Tensor:
    return margin + (1 - 2 * margin) * torch.rand(shape)


def towards(target: Tensor, power: int = 2):
    return lambda x: ((x - target).abs() ** power).flatten(1).sum(1)


class Counted(nn.Module):
    """A small net that counts its forward passes and the backward passes through it."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(48, 16), nn.Tanh(), nn.Linear(16, 7))
        self.forwards = self.backwards = 0

    def forward(self, x: Tensor) -> Tensor:
        self.forwards += 1
        if x.requires_grad:
            x.register_hook(self._count)
        return self.net(x)

    def _count(self, gradient: Tensor) -> None:
        self.backwards += 1

    def loss(self, x: Tensor) -> Tensor:
        return self(x).square().sum(1)


@pytest.mark.parametrize("direction", ["sign", "unit"])
@pytest.mark.parametrize("averaging", ["exponential", "sum"])
def test_three_steps_agree_with_the_formulae(direction: str, averaging: str) -> None:
    start, slope, momentum, size = images(margin=0.3).double(), torch.randn(SHAPE).double(), 0.6, 0.01

    def gradient(x: Tensor) -> Tensor:  # of the loss sum(slope x^3), image by image
        return 3 * slope * x**2

    def direct(g: Tensor) -> Tensor:
        return g.sign() if direction == "sign" else g / g.flatten(1).norm(dim=1).view(-1, 1, 1, 1)

    x, m = start.clone(), torch.zeros_like(start)
    for _ in range(3):
        g = gradient(x)
        if averaging == "exponential":
            m = momentum * m + (1 - momentum) * direct(g)
            x = x - size * m
        else:
            m = momentum * m + g / g.abs().flatten(1).sum(1).view(-1, 1, 1, 1)
            x = x - size * direct(m)
    end = descend(
        lambda x: (slope * x**3).flatten(1).sum(1),
        start,
        steps=3,
        step_size=size,
        direction=direction,
        averaging=averaging,
        momentum=momentum,
        keep="last",
    )
    torch.testing.assert_close(end.images, x, rtol=0, atol=1e-14)


def test_exponential_average_starts_at_zero() -> None:
    # A constant unit gradient: m is 1 - 0.9^k after k steps, so three steps sum to 0.1 + 0.19 + 0.271 step sizes.
    start = torch.full((1, 1, 1, 1), 0.9)
    end = descend(
        lambda x: x.flatten(1).sum(1), start, steps=3, step_size=0.5, direction="unit", momentum=0.9, keep="last"
    )
    assert end.images.item() == pytest.approx(0.9 - 0.5 * (0.1 + 0.19 + 0.271), abs=1e-6)


@pytest.mark.parametrize("averaging", ["exponential", "sum"])
@pytest.mark.parametrize("direction", ["sign", "unit"])
def test_zero_gradient_leaves_the_image(direction: str, averaging: str) -> None:
    start = images()
    end = descend(
        lambda x: x.flatten(1).sum(1) * torch.tensor([1.0, 0, 1, 0, 1]),
        start,
        steps=4,
        step_size=0.05,
        direction=direction,
        averaging=averaging,
        momentum=0.5,
        keep="last",
    )
    assert torch.equal(end.images[[1, 3]], start[[1, 3]])
    assert (end.images[[0, 2, 4]] != start[[0, 2, 4]]).flatten(1).any(1).all()
    assert end.images.isfinite().all()


@pytest.mark.parametrize("direction", ["sign", "unit"])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_nan_in_one_image_does_not_affect_others(direction: str, momentum: float) -> None:
    start, target = images(), images()
    factor = torch.tensor([1.0, 1, float("nan"), 1, 1])

    def run(loss, x: Tensor):
        return descend(loss, x, steps=5, step_size=0.02, direction=direction, momentum=momentum)

    affected, rest = run(lambda x: towards(target)(x) * factor, start), [0, 1, 3, 4]
    clean = run(towards(target[rest]), start[rest])
    assert torch.equal(affected.images[2], start[2])
    assert affected.loss.isnan().tolist() == [False, False, True, False, False]
    torch.testing.assert_close(affected.images[rest], clean.images, rtol=0, atol=1e-6)


def test_tiny_gradients_keep_their_direction() -> None:
    start = images(margin=0.3)
    slope = torch.randn(SHAPE)
    moves = [
        descend(
            lambda x, scale=scale: scale * (slope * x).flatten(1).sum(1),
            start,
            steps=1,
            step_size=0.1,
            direction="unit",
            keep="last",
        ).images
        - start
        for scale in (1.0, 1e-30, 1e30)
    ]
    for move in moves:
        torch.testing.assert_close(euclidean(move).flatten(), torch.full((5,), 0.1), rtol=1e-5, atol=0)
        torch.testing.assert_close(move, moves[0], rtol=0, atol=1e-6)


@pytest.mark.parametrize("slope", [2.0, -2.0])
@pytest.mark.parametrize("averaging", ["exponential", "sum"])
def test_gradients_of_one_sign_point_downhill(slope: float, averaging: str) -> None:
    start = torch.full(SHAPE, 0.5)
    end = descend(
        lambda x: slope * x.flatten(1).sum(1),
        start,
        steps=1,
        step_size=48**0.5 * 0.1,
        direction="unit",
        momentum=0.0 if averaging == "exponential" else 0.5,
        averaging=averaging,
        keep="last",
    )
    torch.testing.assert_close(end.images, start - 0.05 * slope)


def test_best_iterate_among_start_steps_and_end() -> None:
    # Steps of 0.2 from 0.5 overshoot: the loss |x - goal| is lowest at the start, midway or at the end.
    goal = torch.tensor([0.5, 0.3, 0.25, 0.0]).view(-1, 1, 1, 1)
    start = torch.full((4, 1, 1, 1), 0.5)
    recorded: list[Tensor] = []

    def loss(x: Tensor) -> Tensor:
        recorded.append(x.detach().clone())
        return _distance(x, goal)

    end = descend(loss, start, steps=2, step_size=0.2, direction="sign")
    path = torch.stack(recorded)
    losses = torch.stack([_distance(x, goal) for x in recorded])
    torch.testing.assert_close(end.loss, losses.min(0).values)
    for image, step in enumerate(losses.argmin(0).tolist()):
        assert torch.equal(end.images[image], path[step, image])
    assert losses.argmin(0).tolist() == [0, 1, 1, 2]
    last = descend(loss, start, steps=2, step_size=0.2, direction="sign", keep="last")
    assert torch.equal(last.images, path[-1])
    assert last.loss.isnan().all()


def _distance(x: Tensor, goal: Tensor) -> Tensor:
    return (x - goal).abs().flatten(1).sum(1)


def test_undefined_loss_is_never_best() -> None:
    target, calls = images(), []

    def loss(x: Tensor) -> Tensor:
        calls.append(x)
        return towards(target)(x) + (float("nan") if len(calls) in {1, 4} else 0.0)

    end = descend(loss, images(), steps=3, step_size=0.05)
    torch.testing.assert_close(end.loss, towards(target)(end.images))
    assert torch.equal(end.images, calls[2])


def test_curve_is_the_loss_of_the_iterates() -> None:
    target, start = images(), images()
    recorded: list[Tensor] = []

    def loss(x: Tensor) -> Tensor:
        recorded.append(towards(target)(x).detach())
        return towards(target)(x)

    end = descend(loss, start, steps=7, step_size=0.05, curve_every=3)
    assert torch.equal(end.curve, torch.stack([recorded[step] for step in (0, 3, 6, 7)], dim=1))
    assert descend(loss, start, steps=6, step_size=0.05, curve_every=3).curve.shape == (5, 3)
    assert descend(loss, start, steps=2, step_size=0.05).curve.shape == (5, 0)


def test_number_of_forward_and_backward_passes() -> None:
    net, start = Counted(), images()
    descend(net.loss, start, steps=6, step_size=0.01)
    assert (net.forwards, net.backwards) == (7, 6)
    end = descend(net.loss, start, steps=6, step_size=0.01, keep="last", curve_every=3)
    assert (net.forwards, net.backwards) == (13, 12)
    assert end.loss.isnan().all()
    assert end.curve.shape == (5, 2)


def test_descent_has_no_side_effects() -> None:
    net, start = Counted(), images()
    before = start.clone()
    assert all(parameter.requires_grad for parameter in net.parameters())
    for keep in ("best", "last"):
        end = descend(net.loss, start, steps=3, step_size=0.1, momentum=0.5, keep=keep)
        assert not end.images.requires_grad
        assert not end.loss.requires_grad
        assert end.images.data_ptr() != start.data_ptr()
    assert torch.equal(start, before)
    assert not start.requires_grad
    assert all(parameter.grad is None for parameter in net.parameters())
    assert torch.is_grad_enabled()


def test_descent_inside_inference_mode_and_no_grad() -> None:
    net, start = Counted(), images()
    plain = descend(net.loss, start, steps=3, step_size=0.1)
    for mode in (torch.inference_mode, torch.no_grad):
        with mode():
            assert torch.equal(descend(net.loss, start * 1, steps=3, step_size=0.1).images, plain.images)


def test_batches_may_be_split_anywhere() -> None:
    net, start = Counted().double(), images().double()
    settings = {"steps": 20, "step_size": 0.1, "direction": "unit", "momentum": 0.9, "curve_every": 5}
    whole = descend(net.loss, start, **settings)
    parts = [descend(net.loss, part, **settings) for part in (start[:2], start[2:])]
    torch.testing.assert_close(torch.cat([part.images for part in parts]), whole.images, rtol=0, atol=1e-12)
    torch.testing.assert_close(torch.cat([part.loss for part in parts]), whole.loss, rtol=0, atol=1e-12)
    torch.testing.assert_close(torch.cat([part.curve for part in parts]), whole.curve)


def test_memory_format_does_not_change_the_result() -> None:
    start, target = images(), images()
    settings = {"steps": 5, "step_size": 0.1, "direction": "unit", "project": l2_ball(start, 0.3)}
    plain = descend(towards(target), start, **settings)
    last = descend(towards(target), start.to(memory_format=torch.channels_last), **settings)
    torch.testing.assert_close(plain.images, last.images, rtol=0, atol=1e-6)


def test_pixels_stay_in_range_after_any_projection() -> None:
    start = images()
    end = descend(towards(start + 5), start, steps=5, step_size=0.5, keep="last", project=lambda x: x + 3)
    assert end.images.amin() >= 0
    assert end.images.amax() <= 1
    outside = descend(towards(images()), start * 3 - 1, steps=1, step_size=0.0)
    assert torch.equal(outside.images, (start * 3 - 1).clamp(0, 1))


@pytest.mark.parametrize(
    ("ball", "size"), [(linf_ball, lambda d: d.abs().flatten(1).amax(1)), (l2_ball, lambda d: d.flatten(1).norm(dim=1))]
)
def test_projections_to_balls(ball, size) -> None:
    centre, eps = images().double(), 0.3
    inside = centre + (images().double() - 0.5) * 0.01
    project = ball(centre, eps)
    torch.testing.assert_close(project(inside), inside, rtol=0, atol=1e-15)
    assert torch.equal(project(centre), centre)
    point = ball(centre, 0.0)
    assert torch.equal(point(centre), centre)
    assert torch.equal(point(centre + 1), centre)
    outside = centre + torch.randn(SHAPE).double() * torch.tensor([1e-4, 0.1, 1, 10, 100]).view(-1, 1, 1, 1)
    nearest = project(outside)
    assert (size(nearest - centre) <= eps * (1 + 1e-12)).all()
    torch.testing.assert_close(project(nearest), nearest, rtol=0, atol=1e-14)
    # From the nearest point, every other point of a convex set is at 90 degrees or more to the outside one.
    for _ in range(20):
        other = project(centre + torch.randn(SHAPE).double())
        assert (((outside - nearest) * (other - nearest)).flatten(1).sum(1) <= 1e-9).all()


def test_norms_of_large_images_are_exact() -> None:
    x = torch.rand(1, 3, 1024, 1024)
    assert euclidean(x).item() == pytest.approx(x.double().square().sum().sqrt().item(), rel=1e-6)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"steps": 0}, "0"),
        ({"step_size": -1.0}, "-1"),
        ({"step_size": float("nan")}, "nan"),
        ({"momentum": 1.0}, "1.0"),
        ({"momentum": -0.1, "averaging": "sum"}, "-0.1"),
    ],
)
def test_settings_out_of_range_are_an_error(wrong: dict, named: str) -> None:
    with pytest.raises(BadInput, match=named):
        descend(towards(images()), images(), **({"steps": 1, "step_size": 0.1} | wrong))


def test_loss_that_is_not_per_image_is_an_error() -> None:
    with pytest.raises(BadInput, match="shape"):
        descend(lambda x: x.sum(), images(), steps=1, step_size=0.1)


def test_warm_up_moves_but_does_not_count_as_best():
    start = torch.full((2, 1, 2, 2), 0.5)
    calls = []

    def loss(x):
        calls.append("loss")
        return (x - 0.9).square().flatten(1).sum(1)

    def warm_up(x):  # the same gradient, but far lower values
        calls.append("warm_up")
        return (x - 0.9).square().flatten(1).sum(1) - 100

    settings = {"steps": 10, "step_size": 0.05, "direction": "unit", "momentum": 0.5}
    plain = descend(loss, start, **settings)
    del calls[:]
    warmed_up = descend(loss, start, warm_up=warm_up, warm_up_steps=7, curve_every=1, **settings)
    assert calls == ["warm_up"] * 7 + ["loss"] * 4
    # The momentum carries over, and the best iterate is one of the last, by the loss itself.
    torch.testing.assert_close(warmed_up.images, plain.images)
    torch.testing.assert_close(warmed_up.loss, plain.loss)
    assert (warmed_up.curve[:, :7] < -90).all() and (warmed_up.curve[:, 7:] >= 0).all()


def test_best_iterate_comes_after_the_warm_up():
    start = torch.full((1, 1, 1, 1), 0.5)
    away = descend(
        lambda x: x.flatten(1).sum(1),
        start,
        steps=4,
        step_size=0.1,
        warm_up=lambda x: -x.flatten(1).sum(1),
        warm_up_steps=3,
    )
    torch.testing.assert_close(away.images, torch.full((1, 1, 1, 1), 0.7))
