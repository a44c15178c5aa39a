"""Correlations over sets of models: as scipy's of repeated observations, and intervals that cover."""

from itertools import combinations

import numpy as np
import pytest
from kindred.analyses import correlations
from scipy import stats

DRAWS = np.random.default_rng(0)
X, Y, CONTROL = DRAWS.normal(size=(3, 25))
TIED = np.round(X, 0)
TIMES = DRAWS.integers(0, 4, size=(6, 25))


def pairs(models: int) -> np.ndarray:
    return np.array(list(combinations(range(models), 2)))


def residuals(values: np.ndarray, control: np.ndarray) -> np.ndarray:
    design = np.column_stack([np.ones(len(control)), control])
    return values - design @ np.linalg.lstsq(design, values, rcond=None)[0]


@pytest.mark.parametrize(
    ("statistic", "naive"),
    [
        (correlations.mean(X), lambda rows: X[rows].mean()),
        (correlations.difference(X, Y > 0), lambda rows: X[rows][Y[rows] > 0].mean() - X[rows][Y[rows] <= 0].mean()),
        (correlations.correlation(X, Y), lambda rows: stats.pearsonr(X[rows], Y[rows]).statistic),
        (correlations.rank_correlation(TIED, Y), lambda rows: stats.spearmanr(TIED[rows], Y[rows]).statistic),
        (
            correlations.partial_correlation(X, Y, CONTROL),
            lambda rows: stats.pearsonr(residuals(X[rows], CONTROL[rows]), residuals(Y[rows], CONTROL[rows])).statistic,
        ),
    ],
)
def test_weights_count_as_repetitions(statistic: correlations.Statistic, naive) -> None:
    expected = [naive(np.repeat(np.arange(25), times)) for times in TIMES]
    np.testing.assert_allclose(statistic(TIMES.astype(float)), expected, rtol=1e-10)
    assert correlations.of_all(statistic, 25) == pytest.approx(naive(np.arange(25)))


def test_what_does_not_vary_has_no_correlation() -> None:
    flat = np.full(25, 0.3)
    for statistic in (correlations.correlation, correlations.rank_correlation):
        assert np.isnan(correlations.of_all(statistic(flat, Y), 25))
        assert np.isnan(correlations.of_all(statistic(Y, flat), 25))
    assert np.isnan(correlations.of_all(correlations.partial_correlation(X, Y, X), 25))
    assert np.isnan(correlations.of_all(correlations.partial_correlation(X, Y, flat), 25))
    # A draw of one value alone, or of nothing.
    weights = np.zeros((2, 25))
    weights[0, 3] = 2
    assert np.isnan(correlations.correlation(X, Y)(weights)).all()
    assert np.isnan(correlations.of_all(correlations.mean([]), 0))
    assert np.isnan(correlations.of_all(correlations.difference(X, X > 100), 25))


def test_the_interval_resamples_models() -> None:
    """A correlation due to one odd model: it looks certain over sets, but not over models."""
    draws, sets = np.random.default_rng(2), pairs(12)
    odd = (sets == 0).any(axis=1)
    x, y = 3.0 - odd + draws.normal(0, 0.1, len(sets)), 0.0 + odd + draws.normal(0, 0.1, len(sets))
    statistic = correlations.correlation(x, y)
    low, high = correlations.interval(statistic, sets, 12, 300, 0)
    assert correlations.of_all(statistic, len(sets)) < -0.9
    assert low < -0.9
    assert high > -0.3
    # Where the relation holds for every model, resampling changes little.
    x = draws.normal(size=len(sets))
    assert correlations.interval(correlations.correlation(x, -x), sets, 12, 100, 0) == pytest.approx((-1, -1))


def test_blocks_do_not_change_the_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    sets = pairs(9)
    statistic = correlations.correlation(sets[:, 0] + 0.1 * sets[:, 1], sets[:, 1])
    whole = correlations.interval(statistic, sets, 9, 50, 0)
    monkeypatch.setattr(correlations, "BLOCK", 100)
    assert correlations.interval(statistic, sets, 9, 50, 0) == pytest.approx(whole, rel=1e-12)


def test_too_few_models_have_no_interval() -> None:
    assert np.isnan(correlations.interval(correlations.mean([1.0, 2, 3]), pairs(3), 3, 50, 0)).all()


def test_few_units_are_taken_further_out() -> None:
    assert correlations.expanded_tail(10**7) == pytest.approx(0.025, abs=1e-5)
    # Student's quantile of 4 degrees of freedom is 2.776; with sqrt(5 / 4) that is 3.104 normal deviations.
    assert correlations.expanded_tail(5) == pytest.approx(stats.norm.sf(3.1042), rel=1e-3)


def test_the_interval_of_a_mean_covers() -> None:
    """Models that are odd in all their pairs: the truth is in the interval about as often as promised."""
    sets, hits, usual = pairs(12), 0, 0
    for seed in range(200):
        draws = np.random.default_rng(1000 + seed)
        odd = draws.normal(size=12)
        values = odd[sets].sum(axis=1) + 0.3 * draws.normal(size=len(sets))
        low, high = correlations.interval(correlations.mean(values), sets, 12, 400, seed)
        hits += low <= 0 <= high
        usual += abs(values.mean()) <= 1.96 * values.std() / np.sqrt(len(values))
    assert 0.9 <= hits / 200 <= 0.99
    assert usual / 200 < 0.7
