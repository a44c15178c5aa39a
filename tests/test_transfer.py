"""Transfer counts and SAT: worked by hand, symmetric, with intervals of the right coverage."""

import math

import numpy as np
import pytest
from kindred.similarity.transfer import Sat, Transfer, resampled_sat, sat_from_counts, transfer_counts

# Two models, five images. A is wrong on image 3, B on image 4: both are right on images 0, 1 and 2.
LABELS = np.array([0, 1, 2, 0, 1])
CORRECT = np.array([[1, 1, 1, 0, 1], [1, 1, 1, 1, 0]], dtype=bool)
PREDICTED = np.array(
    [
        [[1, 2, 2, 1, 1], [0, 2, 2, 1, 0]],  # made on A: fools A on 0 and 1; B on 1 (and on 3 and 4, not counted)
        [[1, 1, 2, 1, 2], [1, 0, 0, 1, 0]],  # made on B: fools A on 0 (and 3, 4); B on 0, 1, 2 and 3
    ]
)


def outcomes(m: int = 4, images: int = 300, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Random outcomes: models right on 80 % of images, each fooled at its own rate; difficulty varies."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 10, images)
    correct = rng.random((m, images)) < 0.8
    hard = rng.random(images)
    rate = rng.uniform(0.1, 0.9, (m, m))
    wrong = rng.random((m, m, images)) < rate[..., None] * hard
    predicted = np.where(wrong, (labels + rng.integers(1, 10, (m, m, images))) % 10, labels)
    return correct, predicted, labels


def brute(correct: np.ndarray, predicted: np.ndarray, labels: np.ndarray, a: int, b: int) -> list[float]:
    """Per-image means of the two indicators over the images that both models classify correctly."""
    return [
        (float(predicted[b, a, i] != labels[i]) + float(predicted[a, b, i] != labels[i])) / 2
        for i in range(len(labels))
        if correct[a, i] and correct[b, i]
    ]


def sat(correct: np.ndarray, predicted: np.ndarray, labels: np.ndarray, **settings: float) -> Sat:
    """SAT with the joint outcomes known."""
    return sat_from_counts(transfer_counts(correct, predicted, labels), **settings)


def test_counts_by_hand() -> None:
    counts = transfer_counts(CORRECT, PREDICTED, LABELS)
    assert counts.n.tolist() == [[4, 3], [3, 4]]
    assert counts.fooled.tolist() == [[2, 1], [1, 4]]
    assert counts.both.tolist() == [[2, 0], [0, 4]]
    np.testing.assert_array_equal(counts.rate, [[2 / 4, 1 / 3], [1 / 3, 1]])


def test_sat_by_hand() -> None:
    result = sat(CORRECT, PREDICTED, LABELS)
    expected = [[math.log(50), math.log(100 * 2 / 6)], [math.log(100 * 2 / 6), math.log(100)]]
    np.testing.assert_allclose(result.sat, expected, rtol=1e-14)
    # Off the diagonal the per-image means are 1/2, 1/2, 0: variance 1/18 over 3 images, p = 1/3.
    assert result.error[0, 1] == pytest.approx(math.sqrt(1 / 18 / 3) * 3)
    assert result.error[0, 0] == pytest.approx(math.sqrt(0.25 / 4) / 0.5)
    # Odds of 1 / 2, whose logarithm has the standard error of p over p (1 - p) = 2 / 9.
    odds = math.exp(math.log(1 / 2) - 1.959964 * math.sqrt(1 / 18 / 3) * 9 / 2)
    assert result.low[0, 1] == pytest.approx(math.log(100 * odds / (1 + odds)))
    assert math.log(50) < result.high[0, 0] < math.log(100) == result.high[1, 1]
    assert result.n.tolist() == [[4, 3], [3, 4]]


def test_every_pair_agrees_with_the_formula_image_by_image() -> None:
    correct, predicted, labels = outcomes()
    result, counts = sat(correct, predicted, labels), transfer_counts(correct, predicted, labels)
    for a in range(4):
        for b in range(4):
            means = brute(correct, predicted, labels, a, b)
            assert counts.n[a, b] == len(means)
            assert result.sat[a, b] == pytest.approx(math.log(100 * np.mean(means)))
            assert result.error[a, b] == pytest.approx(np.std(means) / math.sqrt(len(means)) / np.mean(means))


def test_sat_is_symmetric_and_independent_of_order() -> None:
    correct, predicted, labels = outcomes()
    result = sat(correct, predicted, labels)
    rng = np.random.default_rng(1)
    models, images = rng.permutation(4), rng.permutation(300)
    moved = sat(correct[np.ix_(models, images)], predicted[np.ix_(models, models, images)], labels[images])
    for name in ("sat", "low", "high", "error", "n"):
        values = getattr(result, name)
        np.testing.assert_array_equal(values, values.T)
        np.testing.assert_allclose(getattr(moved, name), values[np.ix_(models, models)], rtol=1e-13)


def test_diagonal_is_the_white_box_rate() -> None:
    correct, predicted, labels = outcomes()
    for a in range(4):
        fooled = (predicted[a, a] != labels)[correct[a]]
        assert sat(correct, predicted, labels).sat[a, a] == pytest.approx(math.log(100 * fooled.mean()))
        assert transfer_counts(correct, predicted, labels).rate[a, a] == fooled.mean()


def test_images_misclassified_by_either_model_do_not_count() -> None:
    correct, predicted, labels = outcomes()
    before = transfer_counts(correct, predicted, labels)
    shared = correct[:, None] & correct
    scrambled = np.where(shared, predicted, 10 - predicted)
    after = transfer_counts(correct, scrambled, labels)
    np.testing.assert_array_equal(before.fooled, after.fooled)
    np.testing.assert_array_equal(before.both, after.both)


@pytest.mark.parametrize("hardness", [0.0, 0.8])
@pytest.mark.parametrize(("images", "rate"), [(400, 0.15), (60, 0.5), (1500, 0.03), (100, 0.95)])
def test_intervals_have_the_stated_coverage(hardness: float, images: int, rate: float) -> None:
    rng = np.random.default_rng(int(1000 * rate) + images)
    trials = 1500
    common = rng.random((trials, images)) < hardness
    shared_outcome = rng.random((trials, images)) < rate

    def fooled() -> np.ndarray:
        return np.where(common, shared_outcome, rng.random((trials, images)) < rate)

    forward, backward = fooled(), fooled()
    truth, hits = math.log(100 * rate), 0
    for a, b in zip(forward, backward, strict=True):
        n = np.full((2, 2), images)
        counts = np.array([[0, a.sum()], [b.sum(), 0]])
        both = np.array([[0, (a & b).sum()], [(a & b).sum(), 0]])
        result = sat_from_counts(Transfer(n, counts, both))
        hits += bool(result.low[0, 1] <= truth <= result.high[0, 1])
    assert 0.93 < hits / trials < 0.975


def test_none_and_all_fooled_give_floor_and_ceiling() -> None:
    n = np.full((2, 2), 50)
    none, every = sat_from_counts(Transfer(n, 0 * n, 0 * n), floor=0.05), sat_from_counts(Transfer(n, n, n))
    assert (none.sat == math.log(0.05)).all()
    assert (none.low == math.log(0.05)).all()
    # An event not seen in 50 images has at most this probability, with 97.5 % confidence.
    assert none.high == pytest.approx(np.full((2, 2), math.log(100 * (1 - 0.025 ** (1 / 50)))))
    assert (every.sat == math.log(100)).all()
    assert (every.high == math.log(100)).all()
    assert every.low == pytest.approx(np.full((2, 2), math.log(100 * 0.025 ** (1 / 50))))


def test_sat_and_bounds_are_at_least_the_floor() -> None:
    n = np.full((2, 2), 1000)
    one = np.ones((2, 2), dtype=int)
    result = sat_from_counts(Transfer(n, one, one), floor=0.5)
    assert (result.sat == math.log(0.5)).all()
    assert (result.low == math.log(0.5)).all()
    assert (result.high > math.log(0.1)).all()
    assert sat_from_counts(Transfer(n, one, one)).sat == pytest.approx(np.full((2, 2), math.log(0.1)))


def test_opposite_outcomes_have_an_interval() -> None:
    n = np.full((2, 2), 30)
    for k in range(31):  # every image fooled in exactly one direction
        result = sat_from_counts(Transfer(n, np.array([[30, k], [30 - k, 30]]), np.array([[30, 0], [0, 30]])))
        assert result.sat[0, 1] == pytest.approx(math.log(50))
        assert result.low[0, 1] < math.log(50) - 0.05
        assert result.high[0, 1] > math.log(50) + 0.05


def test_pairs_without_common_images_are_undefined() -> None:
    correct = np.array([[True, False], [False, True]])
    predicted = np.zeros((2, 2, 2), dtype=int)
    labels = np.array([0, 1])
    result = sat(correct, predicted, labels)
    for values in (result.sat, result.low, result.high, result.error):
        assert np.isnan(values[[0, 1], [1, 0]]).all()
    assert np.isfinite(result.sat[[0, 1], [0, 1]]).all()
    assert np.isnan(transfer_counts(correct, predicted, labels).rate[0, 1])


def test_sat_of_resampled_images_is_that_of_the_images_repeated() -> None:
    correct, predicted, labels = outcomes(m=3, images=80, seed=3)
    draws = resampled_sat(correct, predicted, labels, 5, 0)
    times = np.random.default_rng(0).multinomial(80, np.full(80, 1 / 80), size=5)
    for found, each in zip(draws, times, strict=True):
        rows = np.repeat(np.arange(80), each)
        counts = transfer_counts(correct[:, rows], predicted[..., rows], labels[rows])
        np.testing.assert_allclose(found, sat_from_counts(counts).sat, atol=1e-12)
    # No image in common is no SAT; none fooled is the floor.
    correct[0] = False
    predicted[1:, 1:] = labels
    draws = resampled_sat(correct, predicted, labels, 2, 0, floor=0.5)
    assert np.isnan(draws[:, 0]).all() and np.isnan(draws[:, :, 0]).all()
    np.testing.assert_allclose(draws[:, 1:, 1:], np.log(0.5))


def test_resampled_images_spread_as_the_interval_says() -> None:
    correct, predicted, labels = outcomes(m=2, images=600, seed=4)
    draws = resampled_sat(correct, predicted, labels, 2000, 1)
    scores = sat_from_counts(transfer_counts(correct, predicted, labels))
    assert draws[:, 0, 1].std() == pytest.approx(scores.error[0, 1], rel=0.08)
