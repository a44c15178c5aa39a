"""Ensembles: predictions by hand, all sets or a sample, gains without headroom, and honest choices."""

import numpy as np
import pandas as pd
import pytest
from kindred.analyses import ensembles


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


def test_gains_by_hand() -> None:
    """Four images; the first member is best on the first half, the second on the second: each meets the other."""
    alone = np.array([[1, 1, 0, 0], [0, 1, 1, 1]], dtype=bool)
    first = np.array([True, True, False, False])
    sets, correct = np.array([[0, 1]]), np.array([[1, 1, 1, 1]], dtype=bool)
    row = ensembles.gains(correct, alone, sets, first).iloc[0]
    assert row["members"] == pytest.approx((0.5 + 0.75) / 2)
    assert row["gain"] == pytest.approx(1 - 0.625)
    # On the first half the best of the second half (0, 1), on the second half that of the first (0, 0).
    assert row["over_best"] == pytest.approx(np.mean([1, 0, 1, 1]))
    assert (row["accuracy_low"], row["accuracy_high"]) == pytest.approx((0.5101, 1.0), abs=1e-4)
    # Bonett and Price: 3 images better, none worse, 4 in all, and one more each way.
    better, worse = 4 / 6, 1 / 6
    half = 1.959964 * np.sqrt((better + worse - (better - worse) ** 2) / 6)
    expected = better - worse - half, min(1.0, better - worse + half)
    assert (row["over_best_low"], row["over_best_high"]) == pytest.approx(expected)


def test_equal_members_gain_nothing_over_the_best() -> None:
    """Against the best on the same images, chance alone would make a set of equals lose."""
    draws = np.random.default_rng(4)
    over = []
    for _ in range(40):
        alone = draws.random((6, 200)) < 0.8
        sets = ensembles.choose_sets(6, 6, 10, draws)
        table = ensembles.gains(alone[:1], alone, sets, np.arange(200) % 2 == 0)
        over.append(table["over_best"][0])
        same = alone[0].mean() - alone.mean(axis=1).max()
        assert same <= 0
    assert abs(np.mean(over)) < 4 * np.std(over) / np.sqrt(40)


def test_summary_tells_similarity_from_headroom() -> None:
    """Gain that follows from headroom alone: its correlation with SAT is large, its partial correlation is not."""
    draws = np.random.default_rng(5)
    sets = ensembles.choose_sets(14, 2, 1000, draws)
    weak = draws.normal(size=14)[sets].sum(axis=1)
    noise = draws.normal(0, 0.2, (2, len(sets)))
    table = pd.DataFrame({"mean_sat": 2 - weak + noise[0], "members": 0.9 - 0.01 * weak})
    table["gain"] = 0.01 * (weak + noise[1])
    table["over_best"] = 0.0
    found = ensembles.summary(table, sets, 14, 200, 0).set_index(["over", "statistic"])
    plain, partial = (found.loc["members", name] for name in ("correlation", "partial correlation"))
    assert plain["high"] < -0.8
    assert partial["low"] < 0 < partial["high"] and abs(partial["value"]) < 0.3
    assert found.loc["members", "mean"]["value"] == pytest.approx(table["gain"].mean())
    assert np.isnan(found.loc["best member", "correlation"]["value"])
    assert set(found["n"]) == {91} and set(found["models"]) == {14} and set(found["null"]) == {0}


def test_what_is_chosen_on_one_half_is_measured_on_the_other() -> None:
    """Models right by chance: the best of many sets is better where it was chosen, and no better elsewhere."""
    draws = np.random.default_rng(6)
    alone = draws.random((40, 300)) < 0.5
    first, sets = np.arange(300) < 150, np.arange(40)[:, None]
    sat = draws.normal(size=40)
    both = tuple(ensembles.best_choice(ensembles.choices(alone, alone, sets, sat, half)) for half in (first, ~first))
    assert min(both[0].before, both[1].before) > 0.55
    assert both[0].before == pytest.approx(alone[both[0].members[0]][first].mean())
    table = ensembles.outcome(both, alone, first, [f"m{index}" for index in range(40)]).set_index("quantity")
    right = np.where(first, alone[both[1].members[0]], alone[both[0].members[0]])
    row = table.loc["accuracy"]
    assert row["value"] == pytest.approx(right.mean())
    assert row["low"] < 0.5 < row["high"]
    assert table.loc["gain over members", "value"] == table.loc["gain over best member", "value"] == 0
    assert table.loc["gain over members", "low"] < 0
    assert row["models_first"] == f"m{both[0].members[0]}" and row["chosen"] == ensembles.ANY and np.isnan(row["size"])


def test_the_best_way_is_found_where_it_was_chosen() -> None:
    way = ensembles.Choice("a", 2, np.array([0, 1]), 1.0, 0.7, np.ones(4, dtype=bool))
    better = ensembles.Choice("b", 3, np.array([0, 1, 2]), 1.0, 0.8, np.zeros(4, dtype=bool))
    found = ensembles.best_choice([way, better])
    assert (found.way, found.size) == (ensembles.ANY, 3)


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
