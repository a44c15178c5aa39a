"""Gains of students: intervals over seeds and images that cover, verdicts, and their correlation with SAT."""

import numpy as np
import pandas as pd
import pytest
from kindred.analyses import distillation
from scipy import stats

NOISE = np.random.default_rng(0)


def test_gain_by_hand() -> None:
    alone = np.array([[1, 0, 0, 1], [1, 1, 0, 0]], dtype=bool)
    taught = np.array([[1, 1, 0, 1], [1, 1, 1, 1]], dtype=bool)
    value, low, high = distillation.gain(alone, taught)
    assert value == pytest.approx((0.25 + 0.5) / 2)
    seeds = np.var([0.25, 0.5], ddof=1) / 2
    images = np.var([0, 0.5, 0.5, 0.5, 1, -1], ddof=1) / 6
    freedom = (seeds + images) ** 2 / (seeds**2 / 1 + images**2 / 5)
    half = stats.t.ppf(0.975, freedom) * np.sqrt(seeds + images)
    assert (low, high) == pytest.approx((value - half, value + half))
    assert np.isnan(distillation.gain(alone[:1], taught[:1])[1:]).all()
    same = distillation.gain(alone, alone)
    assert same[0] == 0 and same[1] < 0 < same[2]


def test_intervals_of_gains_cover() -> None:
    """Three seeds that differ by two points, and images that differ: images alone would miss the truth more often."""
    hits = images_alone = 0
    for _ in range(400):
        easy = 0.3 + 0.4 * NOISE.random(300)
        levels = NOISE.normal(0, 0.02, (2, 3, 1))
        alone, taught = (NOISE.random((3, 300)) < easy + levels[side] + 0.03 * side for side in (0, 1))
        value, low, high = distillation.gain(alone, taught)
        hits += low <= 0.03 <= high
        over_images = (taught.astype(float) - alone).mean(axis=0)
        images_alone += abs(value - 0.03) <= 1.96 * over_images.std() / np.sqrt(300)
    assert 0.93 <= hits / 400 <= 0.995
    assert images_alone / 400 < 0.93


def test_hard_labels_of_a_teacher_that_is_always_right_say_nothing() -> None:
    alone, taught = np.zeros((2, 5), dtype=bool), np.ones((2, 5), dtype=bool)
    row = distillation.row(alone, taught, "hard", 1.0)
    assert np.isnan([row["value"], row["low"], row["high"]]).all() and "every training label" in str(row["verdict"])
    assert distillation.row(alone, taught, "hard", 0.999)["value"] == 1
    row = distillation.row(alone, taught, "soft", 1.0)
    assert (row["value"], row["verdict"], row["n"], row["seeds"]) == (1, "", 5, 2)


def test_correlation_needs_several_pairs() -> None:
    sat = np.linspace(1, 3, 6)
    table = pd.DataFrame({"student": "s", "teacher": list("abcdef"), "method": "soft", "value": 3 - sat, "sat": sat})
    found = distillation.summary(table, 200, 0).iloc[0]
    assert (found["value"], found["low"], found["high"]) == pytest.approx((-1, -1, -1))
    assert (found["n"], found["teachers"], found["verdict"]) == (6, 6, "")
    few = distillation.summary(table.assign(value=table["value"].where(sat < 2.1)), 200, 0).iloc[0]
    assert np.isnan([few["value"], few["low"], few["high"]]).all() and few["n"] == 3 and "cannot tell" in few["verdict"]
