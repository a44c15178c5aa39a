"""Intervals cover the truth about as often as they say, in small; docs/coverage.md has all of it."""

import numpy as np
import pandas as pd
import pytest
from cka_of_images import other_estimators, replicate, ten_classes
from intervals import misses, row, verdicts
from populations import population
from principal_shares import principal_intervals
from sections import SECTIONS
from workflow import ROOT


@pytest.mark.parametrize("cka", [0.0, 0.3, 0.9])
def test_the_stated_cka_of_a_population_is_that_of_very_many_images(cka: float) -> None:
    about = population(cka, skewed=True)
    layers, labels = about.draw(200_000, "random", np.random.default_rng(0))
    assert np.bincount(labels).min() > 19_000
    x, y = (layer - layer.mean(axis=0) for layer in layers)

    def hsic(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.square(a.T @ b / len(a)).sum())

    assert hsic(x, y) / np.sqrt(hsic(x, x) * hsic(y, y)) == pytest.approx(cka, abs=0.004)


def test_rows_and_sentences_say_on_which_side_intervals_miss() -> None:
    value = np.array([0.0, 0.1, 0.2, 0.3])
    found = row(value, value - 0.05, value + 0.05, 0.12)
    assert found["bias"] == pytest.approx(0.03) and found["width"] == pytest.approx(0.1)
    assert (found["coverage"], found["above"], found["below"]) == (0.25, 0.5, 0.25)
    many = {**found, "replications": 1000, "coverage": 0.8, "above": 0.15, "below": 0.05, "error": 0.01}
    near = {**many, "coverage": 0.92, "above": 0.06, "below": 0.02}
    wide, right = ({**many, "coverage": share} for share in (0.999, 0.95))
    rows = [("e", 50, many), ("e", 100, near), ("e", 500, right), *(("f", n, wide) for n in (50, 100, 500))]
    rows += [("g", 50, {**wide, "coverage": 0.98}), ("g", 100, right), ("g", 500, right)]
    table = pd.DataFrame([{"estimator": name, "n": n, **one} for name, n, one in rows])
    assert misses(table) == [
        "Too narrow: estimator e, n 50, truth 0.12: 80.0 %; 75 % of those that miss lie above the truth.",
        "Too narrow: estimator e, n 100, truth 0.12: 92.0 % (within two standard errors of the goal); 75 % of those "
        "that miss lie above the truth.",
        "Too wide, which errs towards no finding: 4 of 9 rows, 98.0 to 99.9 %: all rows with estimator f; estimator g, "
        "n 50.",
    ]
    assert list(verdicts(table)) == ["too narrow"] * 2 + [""] + ["too wide"] * 4 + [""] * 2
    # What is not printed has no goal.
    assert misses(table.assign(printed=["no"] * 8 + ["yes"])) == []


def test_samples_without_an_interval_are_counted_apart() -> None:
    nothing, value = np.full(4, np.nan), np.array([1.0, 2.0, 3.0, 9.0])
    some = row(value, [0, 0, np.nan, 0], [3, 1, 3, np.inf], 2.0)
    assert (some["coverage"], some["below"], some["none"], some["bias"]) == (0.5, 0.5, 0.5, -0.5)
    assert row(value, nothing, nothing, 2.0)["none"] == 1 and np.isnan(row(value, nothing, nothing, 2.0)["coverage"])


def test_intervals_of_debiased_cka_cover_after_both_choices_of_images() -> None:
    table = ten_classes(effort=0.05)
    used = table[(table["choice"] == "random") | (table["estimator"] == "stratified")]
    for _, one in used.groupby(["estimator", "truth"]):
        # 740 intervals: the binomial error is 0.8 percent.
        assert one["coverage"].mean() > 0.91, one
        assert one["bias"].abs().max() < 0.02, one


def test_the_estimator_of_independent_images_is_biased_after_a_balanced_choice() -> None:
    many = {"classes": 40, "between": 3.0, "factors": 80, "width": 80, "decay": 1.0}
    about = population(0.5, skewed=False, **many)
    truth = 0.5
    plain = row(*replicate(about, 200, "balanced", False, 40, seed=1), truth)
    right = row(*replicate(about, 200, "balanced", True, 40, seed=1), truth)
    # The standard deviation of the mean of 40 values is about .0017.
    assert plain["bias"] < -0.011 and abs(right["bias"]) < 0.006
    assert right["coverage"] > 0.85 and right["width"] < 0.8 * plain["width"]


def test_intervals_of_biased_and_minibatch_cka_cover_after_both_choices_of_images() -> None:
    table = other_estimators(effort=0.02)
    for _, one in table[table["n"] < 500].groupby(["measure", "choice"]):
        # 240 intervals: the binomial error is 1.4 percent.
        assert one["coverage"].mean() > 0.91, one
    # Where classes lie apart, a balanced choice is steadier, and its intervals say so.
    widths = table[table["CKA"] == 0.9].groupby(["measure", "choice"])["width"].mean()
    assert (widths.xs("balanced", level="choice") < 0.9 * widths.xs("random", level="choice")).all()


def test_intervals_of_principal_shares_cover_where_a_direction_is_ahead() -> None:
    table = principal_intervals(effort=0.05)
    ahead = table[table["ahead"] != "none"]
    # 450 intervals each: the binomial error is 1.2 percent.
    assert ahead[ahead["features"] == "Gaussian"]["coverage"].mean() > 0.91
    assert ahead[ahead["features"] == "skewed"]["coverage"].mean() > 0.85
    assert (table[table["ahead"] == "none"]["coverage"] > 0.97).all()


def test_the_document_has_every_section() -> None:
    text = (ROOT / "docs" / "coverage.md").read_text(encoding="utf-8")
    for section in SECTIONS:
        assert f"## {section.title}\n" in text
