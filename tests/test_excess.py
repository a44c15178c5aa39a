"""The null and the ceiling of SAT: image by image in loops, and with intervals of the right coverage."""

import math

import numpy as np
import pytest
import zarr
from kindred.activations import batches
from kindred.attacks.catalogue import moves
from kindred.images.shuffled import Shuffled, donors
from kindred.similarity.excess import excess_of_pairs
from kindred.similarity.transfer import sat_from_counts, transfer_counts
from test_transfer import outcomes

M, N = 4, 300


def moved(shuffles: int, seed: int = 5) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of `outcomes()`: labels, classes of images with the perturbations of others, and the donors."""
    rng, labels = np.random.default_rng(seed), outcomes(M, N)[2]
    wrong = rng.random((M, M, shuffles, N)) < rng.uniform(0.05, 0.4, (M, M, 1, 1))
    return labels, np.where(wrong, (labels + 1) % 10, labels), donors(N, shuffles)


def naive(a: int, b: int, shuffled: np.ndarray, donor: np.ndarray) -> dict[str, float]:
    """All values of a pair by loops over images; the variance by all pairs of terms that share an image."""
    correct, predicted, labels = outcomes(M, N)
    images = [i for i in range(N) if correct[a, i] and correct[b, i]]
    x = {i: (int(predicted[a, b, i] != labels[i]) + int(predicted[b, a, i] != labels[i])) / 2 for i in images}
    u = {i: (int(predicted[a, a, i] != labels[i]) + int(predicted[b, b, i] != labels[i])) / 2 for i in images}
    cases = [(s, j, int(donor[s, j])) for s in range(len(donor)) for j in images if donor[s, j] in x]
    y = [(int(shuffled[a, b, s, j] != labels[j]) + int(shuffled[b, a, s, j] != labels[j])) / 2 for s, j, _ in cases]
    p, ceiling, q = (sum(one) / len(one) for one in (x.values(), u.values(), y))
    terms = [({i}, (x[i] - p) / p / len(x)) for i in images]
    terms += [({j, i}, -(value - q) / q / len(y)) for (_, j, i), value in zip(cases, y, strict=True)]
    variance = 0.0
    for first, one in terms:
        for second, other in terms:
            if first & second:
                variance += one * other
    ratio = sum(((x[i] / p - u[i] / ceiling) / len(x)) ** 2 for i in images)
    found = {"n": len(y), "null": math.log(100 * q), "ceiling": math.log(100 * ceiling), "excess": math.log(p / q)}
    found |= {"excess_low": found["excess"] - 1.959964 * math.sqrt(variance), "share": p / ceiling}
    found |= {"share_high": p / ceiling * math.exp(1.959964 * math.sqrt(ratio))}
    found["rate"] = sum(int(shuffled[a, b, s, j] != labels[j]) for s, j, _ in cases) / len(cases)
    return found


@pytest.mark.parametrize("shuffles", [1, 2])
def test_every_pair_agrees_with_loops_over_images(shuffles: int) -> None:
    correct, predicted, _ = outcomes(M, N)
    labels, shuffled, donor = moved(shuffles)
    found = excess_of_pairs(correct, predicted, labels, shuffled, donor)
    sat = sat_from_counts(transfer_counts(correct, predicted, labels)).sat
    np.testing.assert_allclose(found.excess, sat - found.null, atol=1e-12)
    np.testing.assert_allclose(np.log(found.share), sat - found.ceiling, atol=1e-12)
    for a, b in ((0, 1), (2, 1), (3, 3)):
        for name, value in naive(a, b, shuffled, donor).items():
            if a != b or name != "share_high":
                assert getattr(found, name)[a, b] == pytest.approx(value, rel=1e-6), name
    for name in ("null", "ceiling", "excess", "excess_low", "excess_high", "share", "share_low", "share_high", "n"):
        np.testing.assert_array_equal(getattr(found, name), getattr(found, name).T)
    np.testing.assert_allclose(found.excess_low + found.excess_high, 2 * found.excess)
    assert np.isnan(np.diag(found.share_low)).all() and (np.diag(found.share) == 1).all()


def test_only_images_and_perturbations_of_common_images_count() -> None:
    correct, predicted, _ = outcomes(M, N)
    labels, shuffled, donor = moved(2)
    before = excess_of_pairs(correct, predicted, labels, shuffled, donor)
    scrambled = shuffled.copy()
    for a in range(M):
        for b in range(M):
            common = correct[a] & correct[b]
            scrambled[a, b][~(common & common[donor])] = -5
    after = excess_of_pairs(correct, predicted, labels, scrambled, donor)
    np.testing.assert_array_equal(before.null, after.null)
    np.testing.assert_array_equal(before.rate, after.rate)
    assert (scrambled != shuffled).any()


def test_without_shuffles_there_is_a_ceiling_and_no_null() -> None:
    correct, predicted, labels = outcomes(M, N)
    nothing = np.empty((M, M, 0, N), int), np.empty((0, N), int)
    found = excess_of_pairs(correct, predicted, labels, *nothing)
    assert np.isnan([found.null, found.rate, found.excess, found.excess_low]).all() and not found.n.any()
    assert np.isfinite([found.ceiling, found.share]).all()


def test_excess_is_undefined_at_the_floor() -> None:
    right, labels = np.ones((2, 20), bool), np.zeros(20, int)
    wrong = np.arange(20) < 4
    some, none, donor = np.tile(wrong, (2, 2, 1)).astype(int), np.zeros((2, 2, 1, 20), int), donors(20, 1)
    found = excess_of_pairs(right, some, labels, none, donor, floor=0.05)
    assert (found.null == math.log(0.05)).all() and (found.rate == 0).all()
    assert np.isnan(found.excess).all() and np.isnan(found.excess_low).all()
    found = excess_of_pairs(right, 0 * some, labels, none, donor)
    assert (found.ceiling == math.log(0.01)).all() and np.isnan(found.share).all()
    every = excess_of_pairs(right, 0 * some + 1, labels, none + 1, donor)
    assert (every.excess == 0).all() and np.isnan(every.excess_low).all()  # no spread
    nobody = excess_of_pairs(np.array([wrong, ~wrong]), some, labels, none, donor)
    assert np.isnan(nobody.share[0, 1]) and nobody.n[0, 1] == 0 and nobody.share[0, 0] == 1


@pytest.mark.parametrize(("images", "shuffles"), [(5, 2), (4, 1), (101, 7)])
def test_donors_are_others_and_no_two_meet_twice(images: int, shuffles: int) -> None:
    donor = donors(images, shuffles)
    assert all(sorted(row) == list(range(images)) for row in donor.tolist())
    met = [frozenset((image, giver)) for row in donor.tolist() for image, giver in enumerate(row)]
    assert all(len(two) == 2 for two in met) and len(set(met)) == len(met) == images * shuffles
    np.testing.assert_array_equal(donors(images, shuffles + 1)[:-1], donor)
    assert not np.array_equal(donors(101, 1), donors(101, 1, seed=1))


def test_perturbations_are_put_on_other_images() -> None:
    rng = np.random.default_rng(0)
    natural = rng.uniform(0, 1, (7, 1, 3, 3)).astype(np.float32)
    made = np.clip(natural + rng.uniform(-0.1, 0.1, natural.shape), 0, 1).astype(np.float32)
    donor = donors(7, 1)[0]
    shown = Shuffled(natural, made, np.argsort(donor))
    given = made[donor].astype(float) - natural[donor]
    np.testing.assert_allclose(shown[0:7][donor], np.clip(natural + given, 0, 1), atol=1e-6)
    assert shown.shape == natural.shape and shown[2:5].dtype == np.float32 and len(shown[2:5]) == 3


def test_images_with_other_perturbations_are_read_from_a_store_chunk_by_chunk() -> None:
    rng = np.random.default_rng(1)
    natural, made = rng.random((2, 7, 1, 4, 4)).astype(np.float32)
    stored = zarr.create_array({}, data=made, chunks=(3, 1, 4, 4))
    donor = donors(7, 1)[0]
    parts = list(batches.read(Shuffled(natural, stored, np.argsort(donor)), 2))
    # Batches of at most two, which end where chunks of three do.
    assert [rows.stop for rows, _ in parts] == [2, 3, 5, 6, 7]
    whole = np.concatenate([part for _, part in parts])[donor]
    np.testing.assert_allclose(whole, np.clip(natural + made[donor] - natural[donor], 0, 1), atol=1e-6)


def test_only_additive_perturbations_move() -> None:
    assert moves({"norm": "linf", "eps": 0.1}) and moves({"norm": "l2", "eps": 1.0, "method": "apgd"})
    assert not moves({"norm": "jpeg", "eps": 20.0}) and not moves({"method": "spatial", "shift": 3.0})
