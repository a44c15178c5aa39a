"""Means over pairs of models, and their intervals by resampling models."""

from dataclasses import astuple

import numpy as np
import pytest
from kindred.analyses import bootstrap
from scipy import stats


def symmetric(m: int, seed: int = 0) -> np.ndarray:
    values = np.random.default_rng(seed).standard_normal((m, m))
    return (values + values.T) / 2


def naive(values: np.ndarray, group: np.ndarray, labels: np.ndarray, draws: int, seed: int) -> list[float]:
    """Means of draws, by listing the models that were drawn and going through their pairs."""
    count = len(set(labels))
    drawn = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), draws)
    found = []
    for times in drawn:
        models = [model for model, label in enumerate(labels) for _ in range(times[label])]
        pairs = [values[a, b] for a in models for b in models if a != b and group[a, b] and np.isfinite(values[a, b])]
        if pairs:
            found.append(sum(pairs) / len(pairs))
    return found


@pytest.mark.parametrize("units", [None, [0, 0, 1, 1, 2, 3, 3, 4]])
def test_the_interval_is_that_of_listed_draws(units: list[int] | None) -> None:
    values, m = symmetric(8), 8
    values[0, 3] = values[3, 0] = np.nan
    group = np.random.default_rng(1).random((m, m)) < 0.8
    group |= group.T
    labels = np.arange(m) if units is None else np.array(units)
    one = bootstrap.mean(values, group, units, draws=300, seed=4)
    plain = [values[a, b] for a in range(m) for b in range(m) if a != b and group[a, b] and np.isfinite(values[a, b])]
    assert one.value == pytest.approx(np.mean(plain)) and one.pairs == len(plain) / 2 and one.models == m
    found, count = naive(values, group, labels, 300, 4), len(set(labels))
    tail = stats.norm.cdf(-np.sqrt(count / (count - 1)) * stats.t.ppf(0.975, count - 1))
    assert (one.low, one.high) == pytest.approx(tuple(np.quantile(found, [tail, 1 - tail])))
    assert (one.units, one.left_out) == (count, pytest.approx(1 - len(found) / 300))


def test_one_half_and_names_of_units_give_the_same() -> None:
    values, every = symmetric(7), np.ones((7, 7), bool)
    whole = bootstrap.mean(values, every, draws=200)
    half = bootstrap.mean(np.where(np.tri(7, k=-1).T > 0, values, np.nan), every, draws=200)
    assert astuple(half) == pytest.approx(astuple(whole))
    names = bootstrap.mean(values, every, [f"model {place}" for place in range(7)], draws=200)
    assert astuple(names) == astuple(whole)
    assert astuple(bootstrap.mean(values, every, draws=200, seed=1)) != astuple(whole)
    wider = bootstrap.mean(values, every, draws=200, level=0.99)
    assert wider.low <= whole.low < whole.high <= wider.high and wider.high - wider.low > whole.high - whole.low


def test_a_difference_is_taken_in_the_same_draws() -> None:
    m = 10
    effect = 3 * np.random.default_rng(0).standard_normal(m)
    half = np.arange(m) % 2
    same = half[:, None] == half
    values = effect[:, None] + effect + np.where(same, 1.0, 0.0)
    apart = bootstrap.difference(values, same, ~same)
    inside, outside = bootstrap.mean(values, same), bootstrap.mean(values, ~same)
    assert apart.value == pytest.approx(inside.value - outside.value)
    assert apart.pairs == m * (m - 1) // 2
    # Apart, the two intervals would add up: what models bring to both groups cancels in a draw.
    assert apart.high - apart.low < 0.8 * (inside.high - inside.low + outside.high - outside.low)
    assert bootstrap.difference(values, same, same).low == bootstrap.difference(values, same, same).high == 0


def test_too_few_models_have_no_interval_and_no_pair_no_mean() -> None:
    values, m = symmetric(6), 6
    two = np.zeros((m, m), bool)
    two[0, 1] = two[2, 3] = True
    one = bootstrap.mean(values, two)
    assert one.value == pytest.approx((values[0, 1] + values[2, 3]) / 2) and (one.pairs, one.models) == (2, 4)
    assert one.left_out > bootstrap.MOST_LEFT_OUT and np.isnan([one.low, one.high]).all()
    two[2, 3] = False
    assert np.isnan(bootstrap.mean(values, two).low) and bootstrap.mean(values, two).value == values[0, 1]
    for nothing in (np.eye(m, dtype=bool), np.zeros((m, m), bool)):
        none = bootstrap.mean(values, nothing)
        assert np.isnan([none.value, none.low, none.high]).all() and none.pairs == none.models == 0
    assert np.isnan(bootstrap.difference(values, np.ones((m, m), bool), np.zeros((m, m), bool)).value)
