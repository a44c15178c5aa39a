"""HSIC and CKA of images drawn class by class: by means over tuples, by leaving images out, and invariances."""

import itertools

import numpy as np
import pytest
import stratified as stratified_reference
import torch
from kindred.similarity import cka_measures, layer_comparison, layer_errors
from kindred.similarity.cka import cka, cka_between, jackknife, permutation_null, products
from kindred.similarity.gram import Grams, pack, stratified
from kindred.similarity.gram_bands import cka_in_bands
from kindred.similarity.strata import strata_of
from kindred.workflow.errors import BadInput

COUNTS = [[5, 6, 7], [5, 5, 5], [9, 5], [13]]


def drawn(counts: list[int], seed: int = 0, shift: float = 2.0) -> tuple[list[np.ndarray], np.ndarray]:
    """Three layers of images of classes with these counts, in random order; the third is independent of the others."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(len(counts)), counts))
    z = shift * rng.standard_normal((len(counts), 4))[labels] + rng.standard_normal((len(labels), 4))
    noise = [rng.standard_normal((len(labels), width)) for width in (6, 3, 5)]
    return [z @ rng.standard_normal((4, 6)) + noise[0], np.tanh(z[:, :3]) + noise[1], noise[2]], labels


def packed(features: list[np.ndarray], labels: np.ndarray, **options) -> Grams:
    return stratified(pack([torch.from_numpy(one) for one in features], **options), strata_of(labels))


def u_statistic(k: np.ndarray, other: np.ndarray, labels: np.ndarray) -> float:
    """The same by all ordered tuples of 2, 3 and 4 different images: means for given classes, then over classes."""
    classes, index = np.unique(labels, return_inverse=True)

    def mean(order: int, value) -> float:
        tuples = np.array(list(itertools.permutations(range(len(labels)), order))).T
        cell = np.ravel_multi_index(tuple(index[tuples]), (len(classes),) * order)
        return float(np.mean(np.bincount(cell, value(*tuples)) / np.bincount(cell)))

    return (
        mean(2, lambda i, j: k[i, j] * other[i, j])
        - 2 * mean(3, lambda i, j, r: k[i, j] * other[i, r])
        + mean(4, lambda i, j, q, r: k[i, j] * other[q, r])
    )


@pytest.mark.parametrize("counts", COUNTS)
@pytest.mark.parametrize("block", [4, 128])
def test_inner_products_are_the_means_over_tuples_of_images(counts: list[int], block: int) -> None:
    features, labels = drawn(counts)
    grams = packed(features, labels, block=block)
    n, units = grams.n, (grams.trace / grams.n).numpy()
    found = products(grams.packed).numpy() * np.outer(units, units) / (n * (n - 3))
    kernels = [one @ one.T for one in features]
    expected = np.array([[u_statistic(a, b, labels) for b in kernels] for a in kernels])
    quick = [[stratified_reference.hsic(a, b, labels) for b in kernels] for a in kernels]  # what other tests use
    np.testing.assert_allclose(quick, expected, rtol=1e-9)
    scale = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
    assert np.abs((found - expected) / scale).max() < 2e-6


def test_means_over_tuples_do_not_see_what_is_added_to_rows_and_columns() -> None:
    features, labels = drawn([5, 5, 6])
    x = np.random.default_rng(1).standard_normal(len(labels))
    kernel = features[0] @ features[0].T
    assert abs(u_statistic(x[:, None] + x, kernel, labels)) < 1e-10
    # So common offsets change nothing, though they add x_i + x_j to a linear kernel.
    values = [cka(packed([one + offset for one in features], labels)) for offset in (0, 3)]
    np.testing.assert_allclose(values[0], values[1], atol=1e-5)


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_scale_and_order_of_images_change_nothing(kernel) -> None:
    features, labels = drawn([7, 8, 9])
    whole = cka(packed(features, labels, kernel=kernel))
    np.testing.assert_allclose(cka(packed([40 * one for one in features], labels, kernel=kernel)), whole, atol=1e-5)
    order = np.random.default_rng(3).permutation(len(labels))
    np.testing.assert_allclose(
        cka(packed([one[order] for one in features], labels[order], kernel=kernel)), whole, atol=1e-5
    )
    # But the classes matter: other strata of the same images give another value.
    assert np.abs(cka(packed(features, labels[order], kernel=kernel)) - whole)[0, 1] > 0.003


def test_one_class_is_the_estimator_of_independent_images() -> None:
    features, _ = drawn([15, 15])
    independent = pack([torch.from_numpy(one) for one in features])
    one = packed(features, np.zeros(30, dtype=int))
    np.testing.assert_allclose(cka(one), cka(independent), rtol=1e-5)
    np.testing.assert_allclose(jackknife(one, [(0, 1), (0, 2)]), jackknife(independent, [(0, 1), (0, 2)]), rtol=1e-5)


@pytest.mark.parametrize(
    ("counts", "most"), [([5] * 10, 0.03), ([10] * 10, 0.01), ([50] * 4, 0.01), ([5, 8, 6, 7, 9], 0.12), ([8, 8], 0.2)]
)
def test_errors_are_close_to_those_of_leaving_images_out_of_their_class(
    counts: list[int], most: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    features, labels = drawn(counts, shift=1.0)
    keep = [np.arange(len(labels)) != image for image in range(len(labels))]
    with monkeypatch.context() as patch:
        patch.setattr("kindred.similarity.strata.FEWEST", 4)
        left = np.array([cka(packed([one[kept] for one in features], labels[kept]))[0, 1] for kept in keep])
    classes = [left[labels == label] for label in np.unique(labels)]
    brute = np.sqrt(sum((len(one) - 1) * np.var(one) for one in classes))
    found = jackknife(packed(features, labels), [(0, 1)])[0]
    assert abs(found / brute - 1) < most


def test_errors_of_all_pairs_are_those_of_each_pair() -> None:
    features, labels = drawn([50, 52, 49])
    grams = packed([*features, np.ones((151, 2))], labels, block=64)
    every = layer_errors.jackknife_of_all(grams)
    pairs = [(0, 1), (0, 2), (1, 2)]
    np.testing.assert_allclose([every[pair] for pair in pairs], jackknife(grams, pairs), rtol=2e-5)
    assert (np.diag(every)[:3] == 0).all() and np.isnan(every[3]).all()


def test_constant_layers_are_undefined_and_others_are_not() -> None:
    features, labels = drawn([6, 7])
    grams = packed([features[0], np.ones((13, 2)), features[1]], labels)
    found = cka(grams)
    assert np.isnan(found[1]).all() and np.isnan(jackknife(grams, [(0, 1)])).all()
    np.testing.assert_allclose(found[[0, 2]][:, [0, 2]], cka(packed(features[:2], labels)), rtol=1e-6)
    np.testing.assert_array_equal(permutation_null(grams)[0, [0, 2]], 0)
    np.testing.assert_allclose(cka_between(grams, packed(features[:1], labels))[[0, 2]], found[[0, 2], :1], rtol=1e-6)


def test_too_few_images_of_a_class_and_biased_measures_are_refused() -> None:
    with pytest.raises(BadInput, match=r"only 4 are of class 7, .* `choice: random`"):
        strata_of([3] * 6 + [7] * 4)
    grams = packed(*drawn([6, 7]))
    for function in (cka, permutation_null):
        with pytest.raises(ValueError, match="not centred for strata"):
            function(grams, "biased")
    with pytest.raises(ValueError, match="independent images"):
        stratified(grams, strata_of([0] * 13))


@pytest.mark.parametrize("estimators", [["debiased"], ["biased", "debiased"], ["biased"]])
@pytest.mark.parametrize("memory", [1.0, 1e9])
def test_bands_agree_with_whole_gram_matrices(estimators, memory: float) -> None:
    features, labels = drawn([50, 40, 45])
    layers = [torch.from_numpy(one) + 5 for one in [*features, np.ones((135, 2))]]
    found = cka_in_bands(
        lambda: iter(layers), estimators, layers=4, images=135, memory=memory, block=32, strata=strata_of(labels)
    )
    expected = {"debiased": cka(stratified(pack(layers), strata_of(labels))), "biased": cka(pack(layers), "biased")}
    for name, one in zip(estimators, found, strict=True):
        np.testing.assert_allclose(one, expected[name], atol=2e-6)


MEASURES = ["cka_debiased", "cka_biased", "cka_rbf", "stir", "cka_minibatch"]
SETTINGS = {"bandwidth": 0.5, "minibatch": {"size": 30, "passes": 2, "seed": 0}}


def test_debiased_measures_use_strata_and_others_do_not() -> None:
    features, labels = drawn([20, 22, 21])
    layers = [torch.from_numpy(one) for one in features]
    pairs = [(0, 1), (0, 2)]
    found = cka_measures.compare(MEASURES, layers, pairs, {**SETTINGS, "strata": labels})
    plain = cka_measures.compare(MEASURES, layers, pairs, {**SETTINGS, "strata": None})
    for name in ("cka_debiased", "cka_rbf", "stir"):
        grams = packed(features, labels, kernel="rbf" if name == "cka_rbf" else "linear")
        np.testing.assert_array_equal(found[name]["value"], cka(grams)[0, 1:])
        width = 2 * cka_measures.Z95 * jackknife(grams, pairs)
        np.testing.assert_allclose(found[name]["high"] - found[name]["low"], width)
        assert (found[name]["value"] != plain[name]["value"]).all()
    for name in ("cka_biased", "cka_minibatch"):
        np.testing.assert_array_equal(found[name]["value"], plain[name]["value"])
        np.testing.assert_array_equal(found[name]["null"], plain[name]["null"])


@pytest.mark.parametrize("memory", [1.0, 1e9])
def test_layers_are_compared_as_models_are(memory: float) -> None:
    features, labels = drawn([20, 22, 21])
    layers = [torch.from_numpy(one) for one in features]
    names, settings = ["cka_debiased", "cka_biased", "cka_rbf"], {**SETTINGS, "strata": labels}
    expected = cka_measures.compare(names, layers, [(0, 1), (0, 2), (1, 2)], settings)
    every = cka_measures.layers(
        names, lambda lo=0, hi=None: iter(layers[lo:hi]), settings, count=3, images=63, memory=memory
    )
    results = [every]
    if memory > 1:
        whole, share = layer_comparison.compare(lambda _: ([one] for one in layers), 3, 63, names, settings, 2**30)
        # The share of variance is that of all images, whatever the strata.
        np.testing.assert_allclose(
            share["value"],
            [np.linalg.svd(one - one.mean(0), compute_uv=False)[0] ** 2 / one.var(0).sum() / 63 for one in features],
            rtol=1e-4,
        )
        results.append(whole)
    for found in results:
        for name in names:
            np.testing.assert_allclose(
                [found[name]["value"][pair] for pair in ((0, 1), (0, 2), (1, 2))], expected[name]["value"], atol=1e-6
            )
