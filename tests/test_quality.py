"""Signs of hidden gradients: told when they are there, and not for chance."""

import numpy as np
import pytest
from kindred.attacks.quality import beats, rows, warnings
from scipy import stats


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


def test_warnings_stand_in_every_row() -> None:
    every = {"single": fooled(0.7), "half": fooled(0.3), "many": fooled(0.5), "double": fooled(0.9)}
    assert set(rows(np.ones(200, bool), every)["warning"]) == {"one step beats many"}


def test_the_same_images_are_compared() -> None:
    draws = np.random.default_rng(0)
    one, other = (draws.random(300) < 0.5 for _ in range(2))
    assert not beats(one, other) or not beats(other, one)
    assert beats(fooled(0.1), fooled(0.0))
    assert not beats(fooled(0.0), fooled(0.1))


def test_shares_have_intervals_over_the_images_that_count() -> None:
    correct = fooled(0.8)  # 160 of 200
    counts = {"single": 40, "half": 90, "many": 120, "double": 160}
    table = rows(correct, {name: np.arange(160) < count for name, count in counts.items()}).set_index("quantity")
    assert list(table) == ["value", "low", "high", "n", "warning"] and (table["warning"] == "").all()
    for name, (count, n) in {"clean": (160, 200), **{name: (count, 160) for name, count in counts.items()}}.items():
        bounds = stats.binomtest(count, n).proportion_ci(0.95, "wilson")
        found = tuple(table.loc[name, ["value", "low", "high", "n"]])
        assert found == pytest.approx((count / n, bounds.low, bounds.high, n))


def test_a_model_without_a_right_image_has_accuracy_alone() -> None:
    none = np.zeros(0, bool)
    table = rows(np.zeros(50, bool), dict.fromkeys(("single", "half", "many", "double"), none)).set_index("quantity")
    assert tuple(table.loc["clean", ["value", "low", "n"]]) == (0, 0, 50) and 0 < table.loc["clean", "high"] < 0.1
    others = table.drop("clean")
    assert others[["value", "low", "high"]].isna().all(axis=None) and (others["n"] == 0).all()
    assert (table["warning"] == "").all()
