"""The descent loop: its steps by hand, its projections, what it costs and what it must not touch."""

import pytest
import torch
from kindred.descent import descend, euclidean, l2_ball, linf_ball, pixel_box
from kindred.errors import BadInput
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
def test_three_steps_equal_the_formulae_worked_by_hand(direction: str, averaging: str) -> None:
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
    torch.testing.assert_close(end.loss, (slope * x**3).flatten(1).sum(1))


def test_the_exponential_average_starts_at_zero_and_speeds_up() -> None:
    # A constant unit gradient: m is 1 - 0.9^k after k steps, so the way after three is 0.1 + 0.19 + 0.271 steps.
    start = torch.full((1, 1, 1, 1), 0.9)
    end = descend(
        lambda x: x.flatten(1).sum(1),
        start,
        steps=3,
        step_size=0.5,
        direction="unit",
        momentum=0.9,
        keep="last",
    )
    assert end.images.item() == pytest.approx(0.9 - 0.5 * (0.1 + 0.19 + 0.271), abs=1e-6)


@pytest.mark.parametrize("averaging", ["exponential", "sum"])
@pytest.mark.parametrize("direction", ["sign", "unit"])
def test_a_zero_gradient_leaves_the_image(direction: str, averaging: str) -> None:
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
def test_a_nan_in_one_image_touches_no_other(direction: str, momentum: float) -> None:
    start, target = images(), images()
    spoil = torch.tensor([1.0, 1, float("nan"), 1, 1])

    def run(loss, x: Tensor):
        return descend(loss, x, steps=5, step_size=0.02, direction=direction, momentum=momentum)

    spoilt, rest = run(lambda x: towards(target)(x) * spoil, start), [0, 1, 3, 4]
    clean = run(towards(target[rest]), start[rest])
    assert torch.equal(spoilt.images[2], start[2])
    assert spoilt.loss.isnan().tolist() == [False, False, True, False, False]
    torch.testing.assert_close(spoilt.images[rest], clean.images, rtol=0, atol=1e-6)


def test_gradients_too_small_to_square_still_point_somewhere() -> None:
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


def test_best_counts_the_start_every_step_and_the_last() -> None:
    # The steps overshoot: from 0.5 in steps of 0.2 the loss |x - goal| is lowest at the start, midway or at the end.
    goal = torch.tensor([0.5, 0.3, 0.25, 0.0]).view(-1, 1, 1, 1)
    start = torch.full((4, 1, 1, 1), 0.5)
    seen: list[Tensor] = []

    def loss(x: Tensor) -> Tensor:
        seen.append(x.detach().clone())
        return _distance(x, goal)

    end = descend(loss, start, steps=2, step_size=0.2, direction="sign")
    path = torch.stack(seen)
    losses = torch.stack([_distance(x, goal) for x in seen])
    torch.testing.assert_close(end.loss, losses.min(0).values)
    for image, step in enumerate(losses.argmin(0).tolist()):
        assert torch.equal(end.images[image], path[step, image])
    assert losses.argmin(0).tolist() == [0, 1, 1, 2]
    last = descend(loss, start, steps=2, step_size=0.2, direction="sign", keep="last")
    assert torch.equal(last.images, path[-1])
    torch.testing.assert_close(last.loss, losses[-1])


def _distance(x: Tensor, goal: Tensor) -> Tensor:
    return (x - goal).abs().flatten(1).sum(1)


def test_an_undefined_loss_gives_way_to_any_other() -> None:
    target, calls = images(), []

    def loss(x: Tensor) -> Tensor:
        calls.append(x)
        return towards(target)(x) + (float("nan") if len(calls) in {1, 4} else 0.0)

    end = descend(loss, images(), steps=3, step_size=0.05)
    torch.testing.assert_close(end.loss, towards(target)(end.images))
    assert torch.equal(end.images, calls[2])


def test_the_curve_is_the_loss_of_the_iterates() -> None:
    target, start = images(), images()
    seen: list[Tensor] = []

    def loss(x: Tensor) -> Tensor:
        seen.append(towards(target)(x).detach())
        return towards(target)(x)

    end = descend(loss, start, steps=7, step_size=0.05, curve_every=3)
    assert end.curve.steps.tolist() == [0, 3, 6, 7]
    assert torch.equal(end.curve.loss, torch.stack([seen[step] for step in (0, 3, 6, 7)], dim=1))
    assert descend(loss, start, steps=6, step_size=0.05, curve_every=3).curve.steps.tolist() == [0, 3, 6]
    none = descend(loss, start, steps=2, step_size=0.05).curve
    assert none.loss.shape == (5, 0)
    assert none.steps.shape == (0,)


def test_it_costs_a_pass_each_way_per_step_and_one_forward() -> None:
    net, start = Counted(), images()
    descend(net.loss, start, steps=6, step_size=0.01)
    assert (net.forwards, net.backwards) == (7, 6)
    end = descend(net.loss, start, steps=6, step_size=0.01, keep="last", measure_last=False, curve_every=3)
    assert (net.forwards, net.backwards) == (13, 12)
    assert end.loss.isnan().all()
    assert end.curve.steps.tolist() == [0, 3]
    kept = descend(net.loss, start, steps=6, step_size=0.01, keep="last")
    assert torch.equal(kept.images, end.images)


def test_nothing_of_the_caller_is_touched() -> None:
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


def test_it_works_inside_inference_mode_and_no_grad() -> None:
    net, start = Counted(), images()
    plain = descend(net.loss, start, steps=3, step_size=0.1)
    for mode in (torch.inference_mode, torch.no_grad):
        with mode():
            assert torch.equal(descend(net.loss, start * 1, steps=3, step_size=0.1).images, plain.images)


def test_batches_may_be_cut_anywhere() -> None:
    net, start = Counted().double(), images().double()
    settings = {"steps": 20, "step_size": 0.1, "direction": "unit", "momentum": 0.9, "curve_every": 5}
    whole = descend(net.loss, start, **settings)
    parts = [descend(net.loss, part, **settings) for part in (start[:2], start[2:])]
    torch.testing.assert_close(torch.cat([part.images for part in parts]), whole.images, rtol=0, atol=1e-12)
    torch.testing.assert_close(torch.cat([part.loss for part in parts]), whole.loss, rtol=0, atol=1e-12)
    torch.testing.assert_close(torch.cat([part.curve.loss for part in parts]), whole.curve.loss)


def test_memory_format_does_not_change_the_result() -> None:
    start, target = images(), images()
    settings = {"steps": 5, "step_size": 0.1, "direction": "unit", "project": l2_ball(start, 0.3)}
    plain = descend(towards(target), start, **settings)
    last = descend(towards(target), start.to(memory_format=torch.channels_last), **settings)
    torch.testing.assert_close(plain.images, last.images, rtol=0, atol=1e-6)


def test_progress_counts_steps() -> None:
    done: list[int] = []
    descend(towards(images()), images(), steps=3, step_size=0.1, progress=done.append)
    assert done == [1, 2, 3]


def test_pixels_stay_in_range_whatever_the_projection_says() -> None:
    start = images()
    end = descend(towards(start + 5), start, steps=5, step_size=0.5, keep="last", project=lambda x: x + 3)
    assert end.images.amin() >= 0
    assert end.images.amax() <= 1
    outside = descend(towards(images()), start * 3 - 1, steps=1, step_size=0.0)
    assert torch.equal(outside.images, (start * 3 - 1).clamp(0, 1))


@pytest.mark.parametrize(
    ("ball", "size"),
    [(linf_ball, lambda d: d.abs().flatten(1).amax(1)), (l2_ball, lambda d: d.flatten(1).norm(dim=1))],
)
def test_balls(ball, size) -> None:
    centre, eps = images().double(), 0.3
    inside = centre + (images().double() - 0.5) * 0.01
    project = ball(centre, eps)
    torch.testing.assert_close(project(inside), inside, rtol=0, atol=1e-15)
    assert torch.equal(project(centre), centre)
    point = ball(centre, 0.0)
    assert torch.equal(point(centre), centre)
    assert torch.equal(point(centre + 1), centre)
    outside = centre + torch.randn(SHAPE).double() * torch.tensor([1e-4, 0.1, 1, 10, 100]).view(-1, 1, 1, 1)
    there = project(outside)
    assert (size(there - centre) <= eps * (1 + 1e-12)).all()
    torch.testing.assert_close(project(there), there, rtol=0, atol=1e-14)
    # The nearest point of a convex set sees every other point of it at an angle of 90 degrees or more.
    for _ in range(20):
        other = project(centre + torch.randn(SHAPE).double())
        assert (((outside - there) * (other - there)).flatten(1).sum(1) <= 1e-9).all()


def test_pixel_box() -> None:
    assert pixel_box()(torch.tensor([[-1.0, 0.25, 2.0]])).tolist() == [[0.0, 0.25, 1.0]]


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
        ({"direction": "up"}, "'up'"),
        ({"averaging": "mean"}, "'mean'"),
        ({"keep": "worst"}, "'worst'"),
        ({"curve_every": -1}, "-1"),
        ({"measure_last": False}, "best"),
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong: dict, named: str) -> None:
    with pytest.raises(BadInput, match=named):
        descend(towards(images()), images(), **({"steps": 1, "step_size": 0.1} | wrong))


def test_a_loss_that_is_not_per_image_is_refused() -> None:
    with pytest.raises(BadInput, match="shape"):
        descend(lambda x: x.sum(), images(), steps=1, step_size=0.1)


def test_a_draft_leads_the_way_and_does_not_count_as_best():
    start = torch.full((2, 1, 2, 2), 0.5)
    asked = []

    def loss(x):
        asked.append("loss")
        return (x - 0.9).square().flatten(1).sum(1)

    def draft(x):  # downhill the same way, but it claims to be far lower
        asked.append("draft")
        return (x - 0.9).square().flatten(1).sum(1) - 100

    settings = {"steps": 10, "step_size": 0.05, "direction": "unit", "momentum": 0.5}
    plain = descend(loss, start, **settings)
    del asked[:]
    drafted = descend(loss, start, draft=draft, draft_steps=7, curve_every=1, **settings)
    assert asked == ["draft"] * 7 + ["loss"] * 4
    # The momentum is not lost where the draft ends, and the best iterate is one of the last, by the loss itself.
    torch.testing.assert_close(drafted.images, plain.images)
    torch.testing.assert_close(drafted.loss, plain.loss)
    assert (drafted.curve.loss[:, :7] < -90).all() and (drafted.curve.loss[:, 7:] >= 0).all()


def test_the_best_of_a_drafted_descent_is_looked_for_after_the_draft():
    start = torch.full((1, 1, 1, 1), 0.5)
    away = descend(
        lambda x: x.flatten(1).sum(1),
        start,
        steps=4,
        step_size=0.1,
        draft=lambda x: -x.flatten(1).sum(1),
        draft_steps=3,
    )
    torch.testing.assert_close(away.images, torch.full((1, 1, 1, 1), 0.7))


@pytest.mark.parametrize("draft_steps", [-1, 11, 3])
def test_steps_of_a_draft_that_cannot_be(draft_steps):
    draft = None if draft_steps == 3 else lambda x: x.flatten(1).sum(1)
    with pytest.raises(BadInput, match="draft_steps is"):
        descend(
            lambda x: x.flatten(1).sum(1),
            torch.rand(1, 1, 2, 2),
            steps=10,
            step_size=0.1,
            draft=draft,
            draft_steps=draft_steps,
        )
