"""Ensembles: predictions by hand, all sets or a sample, and an interval for sets that share members."""

import numpy as np
import pytest
from kindred.analyses import ensembles
from kindred.analyses.mantel import pearson


def test_correctness_by_hand() -> None:
    # Two images, two classes. Alone the first model is right on image 0, the second on image 1.
    logits = np.log(np.array([[[0.9, 0.1], [0.6, 0.4]], [[0.45, 0.55], [0.1, 0.9]]]))
    labels = np.array([0, 1])
    alone = ensembles.correct(logits, labels, np.array([[0], [1]]))
    np.testing.assert_array_equal(alone, [[True, False], [False, True]])
    np.testing.assert_array_equal(ensembles.correct(logits, labels, np.array([[0, 1]])), [[True, True]])


def test_averages_of_probabilities_and_of_logits_differ() -> None:
    # One model has large logits: they outweigh two others, its probability does not.
    logits = np.array([[[9.0, 0.0]], [[0.0, 2.0]], [[0.0, 2.0]]])
    labels, three = np.array([1]), np.array([[0, 1, 2]])
    assert ensembles.correct(logits, labels, three, "softmax")[0, 0]
    assert not ensembles.correct(logits, labels, three, "logits")[0, 0]


def test_blocks_do_not_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    draws = np.random.default_rng(0)
    logits, labels = draws.normal(size=(6, 40, 3)), draws.integers(3, size=40)
    sets = ensembles.choose_sets(6, 3, 1000, draws)
    whole = ensembles.correct(logits, labels, sets)
    monkeypatch.setattr(ensembles, "BLOCK", 1)
    np.testing.assert_array_equal(ensembles.correct(logits, labels, sets), whole)


def test_all_sets_or_a_sample() -> None:
    rng = np.random.default_rng(0)
    assert ensembles.choose_sets(7, 3, 35, rng).shape == (35, 3)
    sample = ensembles.choose_sets(30, 4, 100, rng)
    assert len({tuple(row) for row in sample}) == 100
    assert (np.diff(sample, axis=1) > 0).all()


def test_mean_sat_by_hand() -> None:
    sat = np.array([[9, 1, 2], [1, 9, 4], [2, 4, 9]], dtype=float)
    np.testing.assert_allclose(ensembles.mean_sat(sat, np.array([[0, 1, 2]])), [7 / 3])
    np.testing.assert_allclose(ensembles.mean_sat(sat, np.array([[0, 2], [1, 2]])), [2, 4])


def test_correlation_counts_weights_as_repetitions() -> None:
    draws = np.random.default_rng(1)
    x, y, times = draws.normal(size=20), draws.normal(size=20), draws.integers(0, 4, size=20)
    expected = np.corrcoef(np.repeat(x, times), np.repeat(y, times))[0, 1]
    assert pearson(x, y, times.astype(float)) == pytest.approx(expected)
    assert np.isnan(pearson(np.ones(3), y[:3]))


def test_interval_resamples_models() -> None:
    """A correlation due to one odd model: it looks certain over sets, but not over models."""
    draws = np.random.default_rng(2)
    sets = ensembles.choose_sets(12, 2, 1000, draws)
    odd = (sets == 0).any(axis=1)
    x, y = 3.0 - odd + draws.normal(0, 0.1, len(sets)), 0.0 + odd + draws.normal(0, 0.1, len(sets))
    low, high = ensembles.interval(x, y, sets, 12, 300, 0)
    assert pearson(x, y) < -0.9
    assert low < -0.9
    assert high > -0.3
    # Where the relation holds for every model, resampling changes little.
    sat = draws.normal(size=len(sets))
    low, high = ensembles.interval(sat, -sat, sets, 12, 100, 0)
    assert (low, high) == pytest.approx((-1, -1))


def test_halves_hold_equal_parts_of_classes() -> None:
    labels = np.array([0, 1] * 10)
    first = ensembles.halves(labels)
    assert first.sum() == 10
    assert labels[first].sum() == 5


def test_picks_by_hand() -> None:
    chosen, members = np.array([0.9, 0.95, 0.95, 0.8]), np.array([0.9, 0.7, 0.6, 0.5])
    found = dict(ensembles.picks(chosen, members, np.array([3.0, 2.5, 2.0, 1.0])))
    assert found["most accurate together"] == 2  # of two equals, the one of lower SAT
    assert found["most accurate members"] == 0
    assert found["least alike"] == 3
    assert found["least alike of the better quarter"] == 0
    assert ensembles.joined_names([[0, 2]], ["a", "b", "c"]) == ["a c"]
