"""Jackknife errors of all pairs of layers against those of single pairs, and against leaving images out."""

import numpy as np
import pytest
import torch
from kindred.similarity import layer_errors
from kindred.similarity.cka import cka, jackknife
from kindred.similarity.gram import pack


def layers(n: int) -> list[torch.Tensor]:
    rng = np.random.default_rng(4)
    shared = rng.standard_normal((n, 3))
    made = [np.hstack([shared * weight, rng.standard_normal((n, width))]) for weight, width in ((2, 4), (1, 9), (0, 5))]
    return [torch.from_numpy(one).float() for one in [*made, np.ones((n, 4))]]


@pytest.mark.parametrize("n", [7, 40, 150])
def test_errors_of_all_pairs_are_those_of_each_pair(n: int) -> None:
    grams = pack(layers(n), block=32)
    found = layer_errors.jackknife_of_all(grams)
    pairs = [(0, 1), (0, 2), (1, 2)]
    np.testing.assert_allclose([found[pair] for pair in pairs], jackknife(grams, pairs), rtol=2e-5)
    np.testing.assert_array_equal(found, found.T)
    # A layer with itself has CKA 1 whichever images are left out, and a constant one has none.
    assert (np.diag(found)[:3] == 0).all() and np.isnan(found[3]).all()


def test_errors_are_those_of_leaving_images_out_in_turn() -> None:
    n = 30
    features = layers(n)[:3]
    left = [cka(pack([layer[np.arange(n) != image] for layer in features])) for image in range(n)]
    brute = np.sqrt((n - 1) * np.var(left, axis=0))
    found = layer_errors.jackknife_of_all(pack(features))
    off = ~np.eye(3, dtype=bool)
    np.testing.assert_allclose(found[off], brute[off], rtol=1e-4)


def test_few_layers_at_a_time_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    grams = pack(layers(40))
    whole = layer_errors.jackknife_of_all(grams)
    monkeypatch.setattr(layer_errors, "ENTRIES", 1)
    np.testing.assert_allclose(layer_errors.jackknife_of_all(grams), whole, rtol=1e-6)
