"""Threat models that are no ball of pixels: what images may become, and that the loss is what is raised."""

import numpy as np
import pytest
import torch
from kindred import threats
from kindred.attacks import Attack, norms, of, perturb
from kindred.errors import BadInput
from scipy.fft import dctn
from torch import Tensor, nn


def images(n: int = 3, channels: int = 1, side: int = 16, seed: int = 0) -> Tensor:
    return torch.rand(n, channels, side, side, generator=torch.Generator().manual_seed(seed))


def brightness(x: Tensor) -> Tensor:
    return x.mean(dim=(1, 2, 3))


class Bright(nn.Module):
    """Two logits that move with the left half of the image."""

    def forward(self, x: Tensor) -> Tensor:
        said = 10 * (x[..., : x.shape[3] // 2].mean(dim=(1, 2, 3)) - 0.5)
        return torch.stack([said, -said], dim=1)


def test_a_shift_is_a_shift() -> None:
    shown = images()
    right = threats.move(shown, torch.tensor([[2.0, 0, 0]] * 3))
    torch.testing.assert_close(right[..., 2:], shown[..., :-2])
    assert float(right[..., :2].abs().max()) == 0
    down = threats.move(shown, torch.tensor([[0, 3.0, 0]] * 3))
    torch.testing.assert_close(down[:, :, 3:], shown[:, :, :-3])


def test_a_quarter_turn_is_counter_clockwise_and_comes_before_the_shift() -> None:
    shown = images()
    turned = threats.move(shown, torch.tensor([[0, 0, 90.0]] * 3))
    torch.testing.assert_close(turned, torch.rot90(shown, 1, dims=(2, 3)), atol=1e-5, rtol=0)
    both = threats.move(shown, torch.tensor([[2.0, 0, 90.0]] * 3))
    torch.testing.assert_close(both[..., 2:], turned[..., :-2], atol=1e-5, rtol=0)


def test_the_worst_way_is_kept_of_each_image() -> None:
    shown = images(4)
    attack = Attack("spatial", 3, steps=6, degrees=25)
    seeds = [torch.Generator().manual_seed(s) for s in range(4)]
    worst = threats.spatial(lambda x: -brightness(x), shown, attack, seeds)
    drawn = [torch.rand(6, 3, generator=torch.Generator().manual_seed(s)) for s in range(4)]
    for i, points in enumerate(drawn):
        changes = (2 * points - 1) * torch.tensor([3.0, 3, 25])
        tried = threats.move(shown[i : i + 1].expand(6, -1, -1, -1), changes)
        assert changes[:, :2].abs().max() <= 3 and changes[:, 2].abs().max() <= 25
        assert float(brightness(worst[i : i + 1])) == pytest.approx(float(brightness(tried).min()), abs=1e-6)


def test_a_grid_holds_its_corners_and_no_way_that_helps_leaves_the_image() -> None:
    shown = images(2)
    attack = Attack("spatial", 2, steps=3, random_start=False)
    points = [tuple(point[0].tolist()) for point in threats._changes(attack, None, 2)]
    assert len(points) == 27 and {(-2, 2, 0), (0, 0, 0), (2, 2, 0)} <= set(points)
    # Moving can only darken, so the brightest is the image itself.
    torch.testing.assert_close(threats.spatial(brightness, shown, attack, None), shown)


def test_decoding_is_the_inverse_of_the_dct_of_jpeg() -> None:
    change = torch.zeros(1, 1, 16, 16, dtype=torch.float64)
    change[0, 0, 8 + 2, 3] = 1.5
    block = np.asarray(threats.decode(change))[0, 0, 8:, :8]
    # Row 2, column 3 of the printed table is 24; pixels are in [0, 1].
    expected = np.zeros((8, 8))
    expected[2, 3] = 1.5 * 24 / 255
    np.testing.assert_allclose(dctn(block, norm="ortho"), expected, atol=1e-12)
    assert float(threats.decode(change)[0, 0, :8].abs().max()) == 0


def test_colours_and_sides_that_are_no_multiple_of_eight() -> None:
    change = torch.zeros(1, 3, 20, 20)
    change[0, 0, 0, 0] = 1.0
    grey = threats.decode(change)
    assert grey.shape == (1, 3, 20, 20)
    torch.testing.assert_close(grey[0, 0], grey[0, 2])
    change = torch.zeros(1, 3, 20, 20)
    change[0, 2, 0, 0] = 1.0  # Cr: red up, green down, blue as it is
    red, green, blue = threats.decode(change)[0, :, 0, 0]
    assert red > 0 > green and float(blue) == 0


@pytest.mark.parametrize("random_start", [True, False])
def test_jpeg_stays_in_its_ball_and_raises_the_loss(random_start: bool) -> None:
    shown = images(3) * 0.5 + 0.25
    attack = Attack("jpeg", 2.0, steps=5, random_start=random_start)
    changed = perturb(
        Bright(), shown, torch.zeros(3, dtype=torch.int64), attack, torch.Generator().manual_seed(0)
    )
    size = torch.from_numpy(
        dctn((changed - shown).double().numpy().reshape(3, 2, 8, 2, 8), axes=(2, 4), norm="ortho")
    )
    steps = size * 255 / torch.tensor(threats.LUMINANCE, dtype=torch.float64)[None, None, :, None]
    assert float(steps.flatten(1).norm(dim=1).max()) <= 2.0 + 1e-3
    assert (Bright()(changed)[:, 0] < Bright()(shown)[:, 0] - 0.05).all()


def test_every_threat_goes_through_one_door() -> None:
    shown, labels = images(4), torch.tensor([0, 1, 0, 1])
    for norm in threats.THREATS:
        attack = of(
            {"norm": norm, "eps": 2.0 if norm in ("spatial", "jpeg") else 0.1, "steps": 3, "images": 7}
        )
        runs = [perturb(Bright(), shown, labels, attack, torch.Generator().manual_seed(0)) for _ in range(2)]
        assert torch.equal(*runs) and float(runs[0].min()) >= 0 and float(runs[0].max()) <= 1
        assert not torch.equal(runs[0], shown)
        assert norms(runs[0] - shown, norm).shape == (4,)  # type: ignore[arg-type]


def test_restarts_of_any_threat_are_no_weaker() -> None:
    shown, labels = images(16, seed=3), torch.randint(0, 2, (16,), generator=torch.Generator().manual_seed(1))
    for norm in ("spatial", "jpeg"):
        losses = []
        for restarts in (1, 3):
            attack = Attack(norm, 2.0, steps=2, restarts=restarts)  # type: ignore[arg-type]
            changed = perturb(Bright(), shown, labels, attack, torch.Generator().manual_seed(0))
            losses.append(nn.functional.cross_entropy(Bright()(changed), labels, reduction="none"))
        assert (losses[1] >= losses[0] - 1e-6).all()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            {"norm": "linf", "degrees": 3.0},
            "degrees is 3; it must be at most 180, and 0 unless norm is spatial",
        ),
        ({"norm": "spatial", "degrees": 200.0}, "degrees is 200"),
        ({"norm": "jpeg", "method": "apgd"}, "of norm jpeg takes neither apgd nor momentum nor diversity"),
        ({"norm": "snow"}, "norm is 'snow'; it must be one of linf, l2, spatial, jpeg"),
    ],
)
def test_settings_that_do_not_go_together(settings: dict, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        of({"eps": 1.0, "steps": 1, **settings})
