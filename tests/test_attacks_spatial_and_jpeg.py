"""Rotations and translations, and the JPEG threat model: the images that come out, and that the loss is raised."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from kindred.attacks import apgd, jpeg, pgd, spatial
from kindred.attacks.perturbation import Attack, norms, perturb
from scipy.fft import dctn
from torch import Tensor, nn


def images(n: int = 3, channels: int = 1, side: int = 16, seed: int = 0) -> Tensor:
    return torch.rand(n, channels, side, side, generator=torch.Generator().manual_seed(seed))


def brightness(x: Tensor) -> Tensor:
    return x.mean(dim=(1, 2, 3))


class Bright(nn.Module):
    """Two logits that move with the left half of the image."""

    def forward(self, x: Tensor) -> Tensor:
        bright = 10 * (x[..., : x.shape[3] // 2].mean(dim=(1, 2, 3)) - 0.5)
        return torch.stack([bright, -bright], dim=1)


def test_a_translation_moves_pixels() -> None:
    shown = images()
    right = spatial.move(shown, torch.tensor([[2.0, 0, 0]] * 3))
    torch.testing.assert_close(right[..., 2:], shown[..., :-2])
    assert float(right[..., :2].abs().max()) == 0
    down = spatial.move(shown, torch.tensor([[0, 3.0, 0]] * 3))
    torch.testing.assert_close(down[:, :, 3:], shown[:, :, :-3])


def test_a_quarter_turn_is_counter_clockwise_and_precedes_the_translation() -> None:
    shown = images()
    turned = spatial.move(shown, torch.tensor([[0, 0, 90.0]] * 3))
    torch.testing.assert_close(turned, torch.rot90(shown, 1, dims=(2, 3)), atol=1e-5, rtol=0)
    both = spatial.move(shown, torch.tensor([[2.0, 0, 90.0]] * 3))
    torch.testing.assert_close(both[..., 2:], turned[..., :-2], atol=1e-5, rtol=0)


def test_the_worst_transformation_of_each_image_is_kept() -> None:
    shown = images(4)
    attack = spatial.Spatial(shift=3, tries=6, degrees=25)
    seeds = [torch.Generator().manual_seed(s) for s in range(4)]
    worst = attack.search(lambda x: -brightness(x), shown, seeds)
    drawn = [torch.rand(6, 3, generator=torch.Generator().manual_seed(s)) for s in range(4)]
    for i, points in enumerate(drawn):
        changes = (2 * points - 1) * torch.tensor([3.0, 3, 25])
        tried = spatial.move(shown[i : i + 1].expand(6, -1, -1, -1), changes)
        assert changes[:, :2].abs().max() <= 3 and changes[:, 2].abs().max() <= 25
        assert float(brightness(worst[i : i + 1])) == pytest.approx(float(brightness(tried).min()), abs=1e-6)


def test_a_grid_has_its_corners_and_an_image_that_nothing_fools_stays() -> None:
    shown = images(2)
    attack = spatial.Spatial(shift=2, tries=3, grid=True)
    seen: list[Tensor] = []

    def watched(x: Tensor) -> Tensor:
        seen.append(x)
        return brightness(x)

    # Moving can only darken, so the brightest is the image itself.
    torch.testing.assert_close(attack.search(watched, shown, None), shown)
    assert len(seen) == 1 + 27
    corners = [spatial.move(shown, torch.tensor([[x, y, 0.0]] * 2)) for x in (-2.0, 0, 2) for y in (-2.0, 0, 2)]
    assert all(any(torch.allclose(corner, tried) for tried in seen) for corner in corners)


def test_decoding_is_the_inverse_of_the_dct_of_jpeg() -> None:
    change = torch.zeros(1, 1, 16, 16, dtype=torch.float64)
    change[0, 0, 8 + 2, 3] = 1.5
    block = np.asarray(jpeg.decode(change))[0, 0, 8:, :8]
    # Row 2, column 3 of the printed table is 24; pixels are in [0, 1].
    expected = np.zeros((8, 8))
    expected[2, 3] = 1.5 * 24 / 255
    np.testing.assert_allclose(dctn(block, norm="ortho"), expected, atol=1e-12)
    assert float(jpeg.decode(change)[0, 0, :8].abs().max()) == 0


def test_colours_and_sides_that_are_no_multiple_of_eight() -> None:
    change = torch.zeros(1, 3, 20, 20)
    change[0, 0, 0, 0] = 1.0
    grey = jpeg.decode(change)
    assert grey.shape == (1, 3, 20, 20)
    torch.testing.assert_close(grey[0, 0], grey[0, 2])
    change = torch.zeros(1, 3, 20, 20)
    change[0, 2, 0, 0] = 1.0  # Cr: red up, green down, blue as it is
    red, green, blue = jpeg.decode(change)[0, :, 0, 0]
    assert red > 0 > green and float(blue) == 0


@pytest.mark.parametrize("random_start", [True, False])
def test_jpeg_stays_in_its_ball_and_raises_the_loss(random_start: bool) -> None:
    shown = images(3) * 0.5 + 0.25
    attack = pgd.Pgd(norm="jpeg", eps=2.0, steps=5, random_start=random_start)
    changed = perturb(Bright(), shown, torch.zeros(3, dtype=torch.int64), attack, torch.Generator().manual_seed(0))
    size = torch.from_numpy(dctn((changed - shown).double().numpy().reshape(3, 2, 8, 2, 8), axes=(2, 4), norm="ortho"))
    steps = size * 255 / torch.tensor(jpeg.LUMINANCE, dtype=torch.float64)[None, None, :, None]
    assert float(steps.flatten(1).norm(dim=1).max()) <= 2.0 + 1e-3
    assert (Bright()(changed)[:, 0] < Bright()(shown)[:, 0] - 0.05).all()


def test_every_attack_is_reproducible_and_stays_in_range() -> None:
    shown, labels = images(4), torch.tensor([0, 1, 0, 1])
    attacks = [
        pgd.attack({"norm": norm, "eps": eps, "steps": 3}) for norm, eps in (("linf", 0.1), ("l2", 0.1), ("jpeg", 2))
    ]
    attacks += [
        apgd.attack({"norm": "l2", "eps": 0.1, "steps": 3, "images": 7}),
        spatial.attack({"shift": 2, "tries": 3}),
    ]
    for attack in attacks:
        runs = [perturb(Bright(), shown, labels, attack, torch.Generator().manual_seed(0)) for _ in range(2)]
        assert torch.equal(*runs) and float(runs[0].min()) >= 0 and float(runs[0].max()) <= 1
        assert not torch.equal(runs[0], shown)
        assert norms(runs[0] - shown, attack.norm).shape == (4,)


def test_restarts_of_any_threat_are_no_weaker() -> None:
    shown, labels = images(16, seed=3), torch.randint(0, 2, (16,), generator=torch.Generator().manual_seed(1))
    makers: list[Callable[..., Attack]] = [
        lambda **more: pgd.Pgd(norm="jpeg", eps=2.0, steps=2, **more),
        lambda **more: spatial.Spatial(shift=2.0, tries=2, **more),
    ]
    for make in makers:
        losses = []
        for restarts in (1, 3):
            attack = make(restarts=restarts)
            changed = perturb(Bright(), shown, labels, attack, torch.Generator().manual_seed(0))
            losses.append(nn.functional.cross_entropy(Bright()(changed), labels, reduction="none"))
        assert (losses[1] >= losses[0] - 1e-6).all()


def test_larger_budgets_and_single_steps() -> None:
    ball = pgd.Pgd(norm="linf", eps=0.6, steps=5, step_size=0.2)
    assert (ball.scaled(2).eps, ball.scaled(2).step_size, ball.scaled(0.5).eps) == (1.0, 0.4, 0.3)
    assert (ball.single().steps, ball.single().step, ball.single().random) == (1, 0.6, False)
    assert apgd.Apgd(norm="l2", eps=0.6).single() == pgd.single_step(apgd.Apgd(norm="l2", eps=0.6))
    moved = spatial.Spatial(shift=3, degrees=20, tries=4)
    assert (moved.scaled(2).shift, moved.scaled(2).degrees) == (6, 20)
    assert (moved.single().tries, moved.single().random) == (1, False)
