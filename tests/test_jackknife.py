"""Means over pairs of models, and their intervals by leaving models out."""

from dataclasses import astuple

import numpy as np
import pytest
from kindred.analyses import jackknife
from scipy import stats


def symmetric(m: int, seed: int = 0) -> np.ndarray:
    values = np.random.default_rng(seed).standard_normal((m, m))
    return (values + values.T) / 2


def naive(values: np.ndarray, group: np.ndarray, models: list[int]) -> float:
    """The mean over the pairs of a group among some models, one by one."""
    pairs = [values[a, b] for a in models for b in models if a != b and group[a, b] and np.isfinite(values[a, b])]
    return sum(pairs) / len(pairs)


@pytest.mark.parametrize("units", [None, [0, 0, 1, 1, 2, 3, 3, 4]])
def test_the_error_is_that_of_leaving_units_out(units: list[int] | None) -> None:
    values, m = symmetric(8), 8
    values[0, 3] = values[3, 0] = np.nan
    group = np.random.default_rng(1).random((m, m)) < 0.8
    group |= group.T
    labels = range(m) if units is None else units
    one = jackknife.mean(values, group, units)
    assert one.value == pytest.approx(naive(values, group, list(range(m)))) and one.models == m
    assert one.pairs == np.isfinite(values[np.triu(group, 1)]).sum()
    count = len(set(labels))
    left = [naive(values, group, [model for model in range(m) if labels[model] != unit]) for unit in range(count)]
    # The variance over what is left (with count), times count - 1.
    half = stats.t.ppf(0.975, count - 1) * np.std(left) * np.sqrt(count - 1)
    assert (one.low, one.high) == pytest.approx((one.value - half, one.value + half))
    assert (one.units, one.needed) == (count, 0)


def test_of_effects_of_models_alone_the_interval_is_that_of_student() -> None:
    effect = np.random.default_rng(2).standard_normal(9)
    one = jackknife.mean(effect[:, None] + effect, np.ones((9, 9), bool))
    bounds = stats.ttest_1samp(2 * effect, 0).confidence_interval()
    assert (one.low, one.high) == pytest.approx((bounds.low, bounds.high))


def test_one_half_and_names_of_units_give_the_same() -> None:
    values, every = symmetric(7), np.ones((7, 7), bool)
    whole = jackknife.mean(values, every)
    half = jackknife.mean(np.where(np.tri(7, k=-1).T > 0, values, np.nan), every)
    assert astuple(half) == pytest.approx(astuple(whole))
    names = jackknife.mean(values, every, [f"model {place}" for place in range(7)])
    assert astuple(names) == astuple(whole)
    wider = jackknife.mean(values, every, level=0.99)
    assert wider.low <= whole.low < whole.high <= wider.high and wider.high - wider.low > whole.high - whole.low


def test_a_difference_is_taken_without_the_same_models() -> None:
    m = 10
    effect = 3 * np.random.default_rng(0).standard_normal(m)
    half = np.arange(m) % 2
    same = half[:, None] == half
    values = effect[:, None] + effect + np.where(same, 1.0, 0.0)
    apart = jackknife.difference(values, same, ~same)
    inside, outside = jackknife.mean(values, same), jackknife.mean(values, ~same)
    assert apart.value == pytest.approx(inside.value - outside.value)
    assert apart.pairs == m * (m - 1) // 2
    # Apart, the two intervals would add up: what models bring to both groups cancels.
    assert apart.high - apart.low < 0.8 * (inside.high - inside.low + outside.high - outside.low)
    assert jackknife.difference(values, same, same).low == jackknife.difference(values, same, same).high == 0


def test_too_few_models_have_no_interval_and_no_pair_no_mean() -> None:
    values, m = symmetric(6), 6
    two = np.zeros((m, m), bool)
    two[0, 1] = two[2, 3] = True
    one = jackknife.mean(values, two)
    assert one.value == pytest.approx((values[0, 1] + values[2, 3]) / 2) and (one.pairs, one.models) == (2, 4)
    assert np.isnan([one.low, one.high]).all() and one.needed == 0
    two[4, 5] = True
    assert np.isfinite([jackknife.mean(values, two).low, jackknife.mean(values, two).high]).all()
    star = np.zeros((m, m), bool)
    star[0] = True  # all pairs of one model
    one = jackknife.mean(values, star)
    assert (one.pairs, one.units, one.needed) == (5, 6, 1) and np.isnan([one.low, one.high]).all()
    two[2, 3] = two[4, 5] = False
    assert np.isnan(jackknife.mean(values, two).low) and jackknife.mean(values, two).value == values[0, 1]
    for nothing in (np.eye(m, dtype=bool), np.zeros((m, m), bool)):
        none = jackknife.mean(values, nothing)
        assert np.isnan([none.value, none.low, none.high]).all() and none.pairs == none.models == 0
    assert np.isnan(jackknife.difference(values, np.ones((m, m), bool), np.zeros((m, m), bool)).value)
