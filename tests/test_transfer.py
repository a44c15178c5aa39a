"""Transfer counts and SAT: worked by hand, symmetric, and with intervals that cover."""

import math

import numpy as np
import pytest
from kindred.errors import BadInput
from kindred.transfer import sat, sat_from_counts, transfer_counts

# Two models, five images. A is wrong on image 3, B on image 4: both are right on images 0, 1 and 2.
LABELS = np.array([0, 1, 2, 0, 1])
CORRECT = np.array([[1, 1, 1, 0, 1], [1, 1, 1, 1, 0]], dtype=bool)
PREDICTED = np.array(
    [
        [
            [1, 2, 2, 1, 1],
            [0, 2, 2, 1, 0],
        ],  # made on A: A falls for 0 and 1; B for 1 (and for 3 and 4, not counted)
        [[1, 1, 2, 1, 2], [1, 0, 0, 1, 0]],  # made on B: A falls for 0 (and 3, 4); B for 0, 1, 2 and 3
    ]
)


def world(m: int = 4, images: int = 300, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Random outcomes: models right on 80 % of images, fooled at rates of their own, images unlike in difficulty."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 10, images)
    correct = rng.random((m, images)) < 0.8
    hard = rng.random(images)
    rate = rng.uniform(0.1, 0.9, (m, m))
    wrong = rng.random((m, m, images)) < rate[..., None] * hard
    predicted = np.where(wrong, (labels + rng.integers(1, 10, (m, m, images))) % 10, labels)
    return correct, predicted, labels


def brute(correct: np.ndarray, predicted: np.ndarray, labels: np.ndarray, a: int, b: int) -> list[float]:
    """Per-image means of the two indicators over the images both classify correctly."""
    return [
        (float(predicted[b, a, i] != labels[i]) + float(predicted[a, b, i] != labels[i])) / 2
        for i in range(len(labels))
        if correct[a, i] and correct[b, i]
    ]


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
    assert result.low[0, 1] == pytest.approx(math.log(100 / 3) - 1.959964 * math.sqrt(1 / 18 / 3) * 3)
    assert result.high[0, 0] == math.log(100)  # the bound itself would lie above
    assert result.n.tolist() == [[4, 3], [3, 4]]


def test_every_pair_equals_the_formula_image_by_image() -> None:
    correct, predicted, labels = world()
    result, counts = sat(correct, predicted, labels), transfer_counts(correct, predicted, labels)
    for a in range(4):
        for b in range(4):
            means = brute(correct, predicted, labels, a, b)
            assert counts.n[a, b] == len(means)
            assert result.sat[a, b] == pytest.approx(math.log(100 * np.mean(means)))
            assert result.error[a, b] == pytest.approx(np.std(means) / math.sqrt(len(means)) / np.mean(means))


def test_sat_is_symmetric_and_does_not_depend_on_order() -> None:
    correct, predicted, labels = world()
    result = sat(correct, predicted, labels)
    rng = np.random.default_rng(1)
    models, images = rng.permutation(4), rng.permutation(300)
    moved = sat(correct[np.ix_(models, images)], predicted[np.ix_(models, models, images)], labels[images])
    for name in ("sat", "low", "high", "error", "n"):
        values = getattr(result, name)
        np.testing.assert_array_equal(values, values.T)
        np.testing.assert_allclose(getattr(moved, name), values[np.ix_(models, models)], rtol=1e-13)


def test_the_diagonal_is_the_white_box_rate() -> None:
    correct, predicted, labels = world()
    for a in range(4):
        fooled = (predicted[a, a] != labels)[correct[a]]
        assert sat(correct, predicted, labels).sat[a, a] == pytest.approx(math.log(100 * fooled.mean()))
        assert transfer_counts(correct, predicted, labels).rate[a, a] == fooled.mean()


def test_images_either_model_gets_wrong_do_not_count() -> None:
    correct, predicted, labels = world()
    before = transfer_counts(correct, predicted, labels)
    shared = correct[:, None] & correct
    scrambled = np.where(shared, predicted, 10 - predicted)
    after = transfer_counts(correct, scrambled, labels)
    np.testing.assert_array_equal(before.fooled, after.fooled)
    np.testing.assert_array_equal(before.both, after.both)


def test_counts_alone_give_the_same_sat_and_independent_intervals() -> None:
    correct, predicted, labels = world(images=3000)
    counts = transfer_counts(correct, predicted, labels)
    paired, counted = sat(correct, predicted, labels), sat_from_counts(counts.n, counts.fooled)
    np.testing.assert_array_equal(paired.sat, counted.sat)
    np.testing.assert_allclose(np.diagonal(paired.low), np.diagonal(counted.low))
    rate, off = counts.rate, ~np.eye(4, dtype=bool)
    spread = rate * (1 - rate)
    np.testing.assert_allclose(
        counted.error[off], (np.sqrt((spread + spread.T) / (4 * counts.n)) / ((rate + rate.T) / 2))[off]
    )
    # Hard images fool in both directions, so pairing them widens the intervals here.
    assert (paired.error / counted.error)[off].mean() > 1.02


@pytest.mark.parametrize("hardness", [0.0, 0.8])
@pytest.mark.parametrize(("images", "rate"), [(400, 0.15), (60, 0.5), (1500, 0.03)])
def test_intervals_cover(hardness: float, images: int, rate: float) -> None:
    rng = np.random.default_rng(int(1000 * rate) + images)
    trials = 1500
    common = rng.random((trials, images)) < hardness
    lot = rng.random((trials, images)) < rate

    def fooled() -> np.ndarray:
        return np.where(common, lot, rng.random((trials, images)) < rate)

    there, back = fooled(), fooled()
    truth, hits = math.log(100 * rate), 0
    for a, b in zip(there, back, strict=True):
        n = np.full((2, 2), images)
        counts = np.array([[0, a.sum()], [b.sum(), 0]])
        both = np.array([[0, (a & b).sum()], [(a & b).sum(), 0]])
        result = sat_from_counts(n, counts, both)
        hits += bool(result.low[0, 1] <= truth <= result.high[0, 1])
    assert 0.93 < hits / trials < 0.975


def test_ignoring_the_pairing_would_not_cover() -> None:
    # The same draw of images for both directions: half the information the independent formula believes in.
    rng = np.random.default_rng(5)
    hits = {"paired": 0, "independent": 0}
    for _ in range(1000):
        k = int((rng.random(400) < 0.2).sum())
        n, fooled = np.full((2, 2), 400), np.array([[0, k], [k, 0]])
        for name, both in (("paired", fooled), ("independent", None)):
            result = sat_from_counts(n, fooled, both)
            hits[name] += bool(result.low[0, 1] <= math.log(20) <= result.high[0, 1])
    assert hits["paired"] > 930
    assert hits["independent"] < 870


def test_no_fooled_image_gives_the_floor_and_all_give_the_ceiling() -> None:
    n = np.full((2, 2), 50)
    none, every = sat_from_counts(n, 0 * n, floor=0.05), sat_from_counts(n, n)
    assert (none.sat == math.log(0.05)).all()
    assert (none.low == math.log(0.05)).all()
    # An event not seen in 50 images has at most this probability, with 97.5 % confidence.
    assert none.high == pytest.approx(np.full((2, 2), math.log(100 * (1 - 0.025 ** (1 / 50)))))
    assert (every.sat == math.log(100)).all()
    assert (every.high == math.log(100)).all()
    assert every.low == pytest.approx(np.full((2, 2), math.log(100 * 0.025 ** (1 / 50))))


def test_the_floor_is_never_undercut() -> None:
    n = np.full((2, 2), 1000)
    one = np.ones((2, 2), dtype=int)
    result = sat_from_counts(n, one, floor=0.5)
    assert (result.sat == math.log(0.5)).all()
    assert (result.low == math.log(0.5)).all()
    assert (result.high > math.log(0.1)).all()
    assert sat_from_counts(n, one).sat == pytest.approx(np.full((2, 2), math.log(0.1)))


def test_perfect_opposition_still_has_an_interval() -> None:
    n = np.full((2, 2), 30)
    for k in range(31):  # every image fooled in exactly one direction
        result = sat_from_counts(n, [[30, k], [30 - k, 30]], [[30, 0], [0, 30]])
        assert result.sat[0, 1] == pytest.approx(math.log(50))
        assert result.low[0, 1] < math.log(50) - 0.05
        assert result.high[0, 1] > math.log(50) + 0.05


def test_without_common_images_there_is_no_similarity() -> None:
    correct = np.array([[True, False], [False, True]])
    predicted = np.zeros((2, 2, 2), dtype=int)
    labels = np.array([0, 1])
    result = sat(correct, predicted, labels)
    for values in (result.sat, result.low, result.high, result.error):
        assert np.isnan(values[[0, 1], [1, 0]]).all()
    assert np.isfinite(result.sat[[0, 1], [0, 1]]).all()
    assert np.isnan(transfer_counts(correct, predicted, labels).rate[0, 1])


def test_a_wider_level_gives_a_wider_interval() -> None:
    narrow, wide = (sat(*world(), level=level) for level in (0.5, 0.99))
    assert (wide.low < narrow.low).all()
    assert (wide.high > narrow.high).all()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"correct": CORRECT.astype(int)}, "bool"),
        ({"correct": CORRECT[0]}, "shape"),
        ({"predicted": PREDICTED[:1]}, "predictions"),
        ({"predicted": PREDICTED[..., :4]}, "predictions"),
        ({"labels": LABELS[:3]}, "labels"),
    ],
)
def test_outcomes_that_do_not_fit_are_refused(change: dict, named: str) -> None:
    with pytest.raises(BadInput, match=named):
        sat(**({"correct": CORRECT, "predicted": PREDICTED, "labels": LABELS} | change))


@pytest.mark.parametrize(
    ("n", "fooled", "both", "settings", "named"),
    [
        ([[4, 3], [2, 4]], [[0, 0], [0, 0]], None, {}, "both directions"),
        ([[-1]], [[0]], None, {}, "0 or more"),
        ([[4, 3]], [[0, 0]], None, {}, "shape"),
        ([[4]], [[5]], None, {}, "fooled"),
        ([[4]], [[0, 0]], None, {}, "fooled"),
        ([[4, 4], [4, 4]], [[2, 1], [2, 2]], [[2, 2], [2, 2]], {}, "do not fit"),
        ([[4, 4], [4, 4]], [[4, 4], [4, 4]], [[4, 1], [1, 4]], {}, "do not fit"),
        ([[4, 4], [4, 4]], [[2, 1], [2, 2]], [[2, 1], [0, 2]], {}, "same in both"),
        ([[4]], [[2]], None, {"floor": 0}, "floor"),
        ([[4]], [[2]], None, {"level": 1}, "level"),
    ],
)
def test_counts_that_cannot_be_are_refused(
    n: list, fooled: list, both: list, settings: dict, named: str
) -> None:
    with pytest.raises(BadInput, match=named):
        sat_from_counts(n, fooled, both, **settings)
