"""Signs of hidden gradients: told when they are there, and not for chance."""

import numpy as np
from kindred.attacks.quality import beats, warnings


def fooled(share: float, n: int = 200) -> np.ndarray:
    return np.arange(n) < share * n


def test_an_honest_attack() -> None:
    assert warnings(fooled(0.6), fooled(0.9), fooled(0.5), fooled(1.0)) == []
    assert warnings(fooled(1.0), fooled(1.0), fooled(1.0), fooled(1.0)) == []
    # One image of two hundred is chance.
    assert warnings(fooled(0.905), fooled(0.9), fooled(0.5), fooled(1.0)) == []


def test_one_step_beats_many() -> None:
    assert warnings(fooled(0.7), fooled(0.5), fooled(0.3), fooled(0.9)) == ["one step beats many"]


def test_no_growth() -> None:
    assert warnings(fooled(0.2), fooled(0.4), fooled(0.3), fooled(0.4)) == ["does not grow with eps"]
    assert warnings(fooled(0.2), fooled(0.4), fooled(0.6), fooled(0.9)) == ["does not grow with eps"]


def test_the_same_images_are_compared() -> None:
    draws = np.random.default_rng(0)
    one, other = (draws.random(300) < 0.5 for _ in range(2))
    assert not beats(one, other) or not beats(other, one)
    assert beats(fooled(0.1), fooled(0.0))
    assert not beats(fooled(0.0), fooled(0.1))
