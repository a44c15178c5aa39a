"""Jackknife errors of biased and of minibatch CKA against leaving images out one at a time, in float64."""

import numpy as np
import pytest
import torch
from kindred.similarity import biased_errors, cka_measures, layer_comparison
from kindred.similarity.biased_errors import biased_jackknife
from kindred.similarity.gram import pack
from kindred.similarity.minibatches import estimate, minibatch_cka_with_errors, minibatches
from kindred.similarity.strata import strata_of
from numpy.typing import NDArray

Array = NDArray[np.float64]


def layers(n: int) -> list[Array]:
    rng = np.random.default_rng(4)
    shared = rng.standard_normal((n, 3))
    made = [np.hstack([shared * weight, rng.standard_normal((n, width))]) for weight, width in ((2, 4), (1, 9), (0, 5))]
    # Scales and offsets differ, and so does the spread of images, as diagonals enter.
    return [made[0] + 3, made[1] * (1 + np.arange(n)[:, None] / n), 100 * made[2]]


def biased(features: list[Array]) -> Array:
    """(T, T) of Kornblith et al. 2019 (eq. 4)."""
    kernels = []
    for x in features:
        centred = x - x.mean(0)
        k = centred @ centred.T
        kernels.append(k / np.linalg.norm(k))
    return np.array([[(k * m).sum() for m in kernels] for k in kernels])


def hsic(k: Array, m: Array) -> float:
    """Song et al. 2012 (eq. 5), of kernels with or without their diagonals."""
    n = len(k)
    k, m = k - np.diag(np.diag(k)), m - np.diag(np.diag(m))
    middle = k.sum() * m.sum() / ((n - 1) * (n - 2))
    return float(((k * m).sum() + middle - 2 / (n - 2) * k.sum(0) @ m.sum(0)) / (n * (n - 3)))


def of_minibatches(features: list[Array], batches: list[Array]) -> Array:
    sums = sum(
        np.array([[hsic(x[rows] @ x[rows].T, y[rows] @ y[rows].T) for y in features] for x in features])
        for rows in batches
    )
    return sums / np.sqrt(np.diag(sums)[:, None] * np.diag(sums))


def errors(left_out: Array, classes: Array | None = None) -> Array:
    """Of values (n, T, T) with each image left out; of its class where there are classes (n,)."""
    if classes is None:
        return np.sqrt((len(left_out) - 1) * left_out.var(axis=0))
    of_class = [left_out[classes == each] for each in np.unique(classes)]
    n = len(classes)
    # A class has the share m/n of n images; each of its images has 1/(n-1) of those that are left.
    return np.sqrt(sum((len(part) / n * (n - 1)) ** 2 * part.var(axis=0) / (len(part) - 1) for part in of_class))


OFF = ~np.eye(3, dtype=bool)


@pytest.mark.parametrize(("n", "block"), [(6, 128), (40, 16), (150, 64)])
@pytest.mark.parametrize("drawn", ["random", "by class"])
def test_errors_of_biased_cka_are_those_of_leaving_images_out(n: int, block: int, drawn: str) -> None:
    features = layers(n)
    classes = np.arange(n) ** 2 % 3 if drawn == "by class" else None
    left_out = np.array([biased([x[np.arange(n) != image] for x in features]) for image in range(n)])
    grams = pack([torch.from_numpy(x).float() for x in features], block=block)
    strata = None if classes is None else strata_of(classes, fewest=1)
    found = biased_jackknife(grams, strata=strata)
    np.testing.assert_allclose(found[OFF], errors(left_out, classes)[OFF], rtol=1e-4)
    assert (np.diag(found) == 0).all()
    np.testing.assert_allclose(biased_jackknife(grams, [2, 0], strata), found[[2, 0]], rtol=1e-6)


def test_constant_layers_have_no_error_and_few_at_a_time_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    grams = pack([*(torch.from_numpy(x).float() for x in layers(30)), torch.ones(30, 4)])
    whole = biased_jackknife(grams)
    assert np.isnan(whole[3]).all() and np.isnan(whole[:, 3]).all() and np.isfinite(whole[:3, :3]).all()
    monkeypatch.setattr(biased_errors, "ENTRIES", 1)
    np.testing.assert_allclose(biased_jackknife(grams), whole, rtol=1e-6)


@pytest.mark.parametrize("drawn", ["random", "by class"])
def test_errors_of_minibatch_cka_are_those_of_leaving_images_out(drawn: str) -> None:
    n, size, passes, seed = 33, 8, 2, 5
    features = layers(n)
    classes = np.arange(n) % 3 if drawn == "by class" else None
    dealt = [rows.numpy() for rows in minibatches(n, size, passes, seed)]
    left_out = np.array([of_minibatches(features, [rows[rows != image] for rows in dealt]) for image in range(n)])
    strata = None if classes is None else strata_of(classes)
    shown = [torch.from_numpy(x).float() for x in features]
    value, error = minibatch_cka_with_errors(shown, size, passes, seed, strata=strata)
    np.testing.assert_allclose(value, of_minibatches(features, dealt), atol=1e-5)
    np.testing.assert_allclose(error[OFF], errors(left_out, classes)[OFF], rtol=1e-3)
    assert (np.diag(error) == 0).all()


def test_minibatches_of_four_images_have_a_value_and_no_error() -> None:
    shown = [torch.from_numpy(x).float() for x in layers(16)]
    value, error = minibatch_cka_with_errors(shown, 4, 1, 0)
    assert np.isfinite(value).all() and np.isnan(error[OFF]).all()


def test_errors_that_do_not_fit_are_left_out() -> None:
    shown = [torch.from_numpy(x).float() for x in layers(16)]
    settings = {"minibatch": {"size": 8, "passes": 1, "seed": 0}}
    fits = cka_measures.layers(["cka_minibatch"], lambda: shown, settings, count=3, images=16, memory=1e9)
    not_all = cka_measures.layers(["cka_minibatch"], lambda: shown, settings, count=3, images=16, memory=1e3)
    np.testing.assert_array_equal(fits["cka_minibatch"]["value"], not_all["cka_minibatch"]["value"])
    assert np.isfinite(fits["cka_minibatch"]["error"]).all() and np.isnan(not_all["cka_minibatch"]["error"]).all()


def test_layers_get_the_same_errors_as_models() -> None:
    shown = [torch.from_numpy(x).float() for x in layers(40)]
    settings = {"minibatch": {"size": 10, "passes": 2, "seed": 0}, "bandwidth": 0.5}
    names = ["cka_biased", "cka_minibatch"]
    pairs = [(0, 1), (2, 1)]
    models = cka_measures.compare(names, shown, pairs, settings)

    def features(chosen: torch.Tensor | None) -> list[list[torch.Tensor]]:
        return [[x if chosen is None else x[chosen]] for x in shown]

    streamed, _ = layer_comparison.compare(features, 3, 40, names, settings, 2**30)
    stored = cka_measures.layers(names, lambda: shown, settings, count=3, images=40, memory=2**30)
    for name in names:
        half = (models[name]["high"] - models[name]["value"]) / 1.959963984540054
        for found in (streamed, stored):
            np.testing.assert_allclose([found[name]["error"][pair] for pair in pairs], half, rtol=1e-5)


def test_the_error_of_minibatches_is_that_of_all_images_where_one_holds_all() -> None:
    shown = [torch.from_numpy(x).float() for x in layers(20)]
    _, error = estimate([(torch.arange(20), pack(shown))], 20, errors=True)
    debiased = cka_measures.of_grams(pack(shown), ["cka_debiased"], {})["cka_debiased"]["error"]
    np.testing.assert_allclose(error, debiased, rtol=1e-4)
