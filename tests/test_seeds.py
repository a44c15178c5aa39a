"""Seed images of inversions: no targets, of another class, each used once where there are enough."""

import numpy as np
import pytest
from kindred.inversion.seeds import match_seeds, uneven
from kindred.workflow.errors import BadInput


def test_each_is_of_another_class_and_used_once_and_the_result_is_a_function_of_the_arguments() -> None:
    draws = np.random.default_rng(0)
    targets, candidates = draws.integers(0, 7, 300), draws.integers(0, 7, 400)
    found = match_seeds(targets, candidates, 3)
    assert found.shape == (1, 300) and found.dtype == np.int64
    assert (candidates[found[0]] != targets).all() and len(set(found[0])) == 300
    assert np.array_equal(found, match_seeds(targets.tolist(), candidates.tolist(), 3))
    other = match_seeds(targets, candidates, 4)
    assert (found != other).mean() > 0.9 and set(found[0]) != set(
        other[0]
    )  # neither order nor choice is the first ones
    assert not uneven(found)


def test_pairs_are_as_recorded() -> None:
    # A changed rule would silently change every inversion.
    assert match_seeds([5, 5, 2, 9], [2, 2, 9, 5, 9, 5], 0).tolist() == [[2, 4, 5, 3]]


def test_held_out_images_come_before_those_trained_on() -> None:
    labels = np.arange(60) % 5
    found = match_seeds(labels[:30], labels[:50], 0, preferred=20)
    assert set(range(20)) <= set(found[0])  # all 20, and 10 more
    drawn = np.stack([match_seeds(labels[:10], labels[:50], seed, preferred=20)[0] for seed in range(50)])
    assert drawn.max() < 20 and len(np.unique(drawn)) == 20


def test_pairings_have_different_seeds_for_a_target() -> None:
    draws = np.random.default_rng(1)
    targets = draws.integers(0, 4, 30)
    for candidates in (draws.integers(0, 4, 90), draws.integers(0, 4, 40)):
        found = match_seeds(targets, candidates, 0, pairings=3)
        assert found.shape == (3, 30)
        assert (candidates[found] != targets).all()
        assert all(len(set(column)) == 3 for column in found.T)
    counts = np.bincount(found.ravel(), minlength=40)
    assert set(counts) <= {2, 3} and counts.sum() == 90  # 40 images are used 90 times
    assert uneven(found).startswith("90 seed images are needed, but only 40 can be used: each starts 2 to 3 inversions")


def test_each_is_used_once_wherever_that_can_be() -> None:
    """Against the condition of Hall: a class among the targets needs as many candidates of others."""
    draws = np.random.default_rng(2)
    possible = 0
    for trial in range(1500):
        n, m, pairings, classes = (
            draws.integers(3, 12),
            draws.integers(3, 40),
            draws.integers(1, 4),
            draws.integers(2, 5),
        )
        targets, candidates = draws.integers(0, classes, n), draws.integers(0, classes, m)
        others = {label: int((candidates != label).sum()) for label in set(targets.tolist())}
        if min(others.values()) < pairings:
            with pytest.raises(BadInput, match="seed images of another class, but need"):
                match_seeds(targets, candidates, trial, pairings=int(pairings))
            continue
        preferred = int(draws.integers(0, m + 1))
        found = match_seeds(targets, candidates, trial, pairings=int(pairings), preferred=preferred)
        assert (candidates[found] != targets).all()
        assert all(len(set(column)) == pairings for column in found.T)
        enough = all(others[label] >= pairings * (targets == label).sum() for label in others)
        if pairings * n <= m and enough:
            possible += 1
            assert len(np.unique(found)) == found.size
    assert possible > 300


def test_without_another_class_there_is_one_message() -> None:
    with pytest.raises(BadInput, match=r"targets of class 3 have 0 seed images of another class, but need 1"):
        match_seeds([1, 3, 1], [3, 3], 0)
    with pytest.raises(BadInput, match=r"There are 0 of these; invert fewer images, evaluate more or have images for"):
        match_seeds([1, 3, 1], [], 0)
