"""Intervals cover the truth about as often as they say, in small; docs/coverage.md has all of it."""

import numpy as np
import pandas as pd
import pytest
from debiased_cka import replicate, ten_classes
from intervals import misses, row
from populations import population
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
    wide, right = {**many, "coverage": 0.999}, {**many, "coverage": 0.95}
    table = pd.DataFrame([{"estimator": "e", "n": 50, **one} for one in (many, wide, right)])
    assert misses(table) == [
        "e, n 50, truth 0.12: 80.0 %; 75 % of those that miss lie above the truth.",
        "e, n 50, truth 0.12: 99.9 %; intervals are too wide.",
    ]


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


def test_the_document_has_every_section() -> None:
    text = (ROOT / "docs" / "coverage.md").read_text(encoding="utf-8")
    for section in SECTIONS:
        assert f"## {section.title}\n" in text
