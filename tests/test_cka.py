"""CKA against float64 references that build none of the package's packed matrices."""

import itertools

import numpy as np
import pytest
import torch
from kindred.similarity.cka import cka, cka_between, jackknife, permutation_null
from kindred.similarity.gram import pack
from kindred.similarity.minibatches import minibatch_cka
from kindred.workflow.errors import BadInput
from test_gram import layers, rbf_kernel

torch.set_num_threads(1)
ESTIMATORS = ["debiased", "biased"]


def feature_hsic(x: torch.Tensor, y: torch.Tensor, estimator: str) -> float:
    """Linear HSIC in feature space, float64; debiased without any centring (Song et al. 2012, eq. 5)."""
    x, y = x.double(), y.double()
    n = len(x)
    if estimator == "biased":
        x, y = x - x.mean(0), y - y.mean(0)
        return float((x.T @ y).square().sum()) / (n - 1) ** 2
    a, b = x.square().sum(1), y.square().sum(1)
    row_a, row_b = x @ x.sum(0) - a, y @ y.sum(0) - b
    trace = (x.T @ y).square().sum() - a @ b
    total = row_a.sum() * row_b.sum() / ((n - 1) * (n - 2))
    return float(trace + total - 2 / (n - 2) * (row_a @ row_b)) / (n * (n - 3))


def kernel_hsic(k: torch.Tensor, other: torch.Tensor, estimator: str = "debiased") -> float:
    """HSIC of two dense kernels, float64."""
    n = len(k)
    if estimator == "biased":
        h = torch.eye(n, dtype=torch.float64) - 1 / n
        return float((k @ h @ other @ h).trace()) / (n - 1) ** 2
    k, other = k - torch.diag(k.diagonal()), other - torch.diag(other.diagonal())
    sums = k.sum() * other.sum() / ((n - 1) * (n - 2))
    return float((k * other).sum() + sums - 2 / (n - 2) * (k.sum(1) @ other.sum(1))) / (n * (n - 3))


def table(function, items) -> np.ndarray:
    """CKA of all pairs of items from an HSIC of two items."""
    values = np.array([[function(a, b) for b in items] for a in items])
    return values / np.sqrt(np.outer(values.diagonal(), values.diagonal()))


def reference(features, estimator="debiased") -> np.ndarray:
    return table(lambda a, b: feature_hsic(a, b, estimator), features)


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("n", [131, 256])
def test_equals_feature_space_with_fewer_and_more_features_than_images(estimator, n):
    features = layers(n, (2, 17, 130, 600, 3000))
    grams = pack(features)
    expected = reference(features, estimator)
    assert expected[~np.eye(5, dtype=bool)].min() < 0.8
    np.testing.assert_allclose(cka(grams, estimator), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_rbf_equals_dense_kernels(estimator):
    features = layers(60, (2, 10, 300), seed=4)
    kernels = [rbf_kernel(x, 0.4) for x in features]
    expected = table(lambda a, b: kernel_hsic(a, b, estimator), kernels)
    found = cka(pack(features, kernel="rbf", sigma=0.4, block=32), estimator)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


def test_debiased_hsic_is_the_u_statistic_over_four_images():
    x, y = layers(7, (3, 5), seed=1)
    k, other = (z.double() @ z.double().T for z in (x, y))
    i, j, q, r = torch.tensor(list(itertools.permutations(range(7), 4))).T
    hsic = lambda a, b: float((a[i, j] * (b[i, j] + b[q, r] - 2 * b[i, q])).mean())  # noqa: E731
    expected = hsic(k, other) / np.sqrt(hsic(k, k) * hsic(other, other))
    assert cka(pack([x, y]))[0, 1] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("kernel", ["linear", "rbf"])
@pytest.mark.parametrize("block", [10, 128])
def test_diagonal_is_one_and_matrix_symmetric(estimator, kernel, block):
    found = cka(pack(layers(90, (3, 40, 900)), kernel=kernel, block=block), estimator)
    assert np.abs(found.diagonal() - 1).max() < 1e-14
    assert np.array_equal(found, found.T)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_sums_over_pieces_of_rows_and_columns(estimator, monkeypatch):
    features = layers(60, (3, 40, 90, 200, 7))
    expected = cka(pack(features), estimator)
    monkeypatch.setattr("kindred.similarity.cka.COLUMNS", 101)
    monkeypatch.setattr("kindred.similarity.cka.ROWS", 2)
    np.testing.assert_allclose(cka(pack(features), estimator), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_invariances(estimator, kernel):
    x, y = layers(100, (30, 250))
    generator = torch.Generator().manual_seed(3)
    rotation = torch.linalg.qr(torch.randn(30, 30, generator=generator, dtype=torch.float64)).Q
    massive = y.clone()
    massive[:, 11] += 3000
    variants = [
        [x, y],
        [(x.double() @ rotation).float(), y],
        [x * 1e5, y * 1e-5],
        [x.double() + 100, y.double() - 1e4],
        [x, massive.double()],
    ]
    values = [cka(pack(variant, kernel=kernel), estimator)[0, 1] for variant in variants]
    np.testing.assert_allclose(values, values[0], rtol=0, atol=1e-6)
    assert 0.1 < values[0] < 0.95


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_offsets_in_float32_cost_only_the_rounding_of_the_features(estimator):
    x, y = layers(500, (30, 250))
    shifted = [x + 100, y - 100]
    shifted[1][:, 11] += 3000
    found = cka(pack(shifted), estimator)
    np.testing.assert_allclose(found, reference(shifted, estimator), rtol=0, atol=1e-6)
    np.testing.assert_allclose(found, reference([x, y], estimator), rtol=0, atol=1e-5)


def test_general_linear_maps_change_cka():
    (x,) = layers(100, (30,))
    stretched = x * torch.logspace(-2, 1, 30)
    assert cka(pack([x, stretched]))[0, 1] < 0.95


def test_independent_gaussians_are_at_the_null_level():
    generator = torch.Generator().manual_seed(0)
    features = [torch.randn(256, p, generator=generator) for p in (64, 512, 4096)]
    grams = pack(features)
    off = ~np.eye(3, dtype=bool)
    assert np.abs(cka(grams)[off]).max() < 0.02
    biased, null = cka(grams, "biased"), permutation_null(grams, "biased")
    np.testing.assert_allclose(biased[off], null[off], rtol=0.02)
    assert null[1, 2] > 0.7
    # Effective dimensions d of white features: the null is about sqrt(d1 d2 / ((n + d1)(n + d2))).
    assert null[0, 1] == pytest.approx(np.sqrt(64 * 512 / (320 * 768)), rel=0.02)


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_permutation_null_is_the_mean_over_all_pairings(estimator, kernel):
    features = layers(6, (2, 9), seed=7)
    if kernel == "linear":
        kernels = [z.double() @ z.double().T for z in features]
    else:
        kernels = [rbf_kernel(z, 0.5) for z in features]
    k, other = kernels
    orders = [list(order) for order in itertools.permutations(range(6))]
    mean = np.mean([kernel_hsic(k, other[order][:, order], estimator) for order in orders])
    root = np.sqrt(kernel_hsic(k, k, estimator) * kernel_hsic(other, other, estimator))
    found = permutation_null(pack(features, kernel=kernel), estimator)
    assert found[0, 1] == pytest.approx(mean / root, abs=1e-6)
    assert (abs(found[0, 1]) > 0.1) == (estimator == "biased")


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_constant_layers_are_nan_without_effect_on_others(estimator, kernel):
    x, y = layers(50, (5, 200))
    found = cka(pack([x, torch.full((50, 70), 0.1), y], kernel=kernel), estimator)
    assert np.isnan(found[1]).all()
    assert np.isnan(found[:, 1]).all()
    kept = cka(pack([x, y], kernel=kernel), estimator)
    assert np.array_equal(found[np.ix_([0, 2], [0, 2])], kept)
    null = permutation_null(pack([x, torch.zeros(50, 2), y], kernel=kernel), estimator)
    assert np.isnan(null[1]).all()
    assert np.isfinite(null[0, 2])


def test_a_single_outlying_image_has_biased_but_no_debiased_cka():
    dead = torch.full((40, 30), 0.3)
    dead[7] += torch.linspace(0, 2, 30)
    grams = pack([dead, layers(40, (6,))[0]])
    assert np.isnan(cka(grams)[0]).all()
    assert np.isfinite(cka(grams, "biased")).all()
    assert np.isnan(jackknife(grams, [(0, 1)])).all()


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_cka_between_packs_is_a_block_of_all_pairs(estimator):
    features = [*layers(80, (5, 200, 33)), torch.zeros(80, 3)]
    whole = cka(pack(features), estimator)
    found = cka_between(pack(features[:1]), pack(features[1:]), estimator)
    np.testing.assert_allclose(found, whole[:1, 1:], rtol=0, atol=2e-7)
    swapped = cka_between(pack(features[1:]), pack(features[:1]), estimator)
    np.testing.assert_allclose(swapped, found.T, rtol=0, atol=2e-7)
    assert np.isnan(found[0, 2])


def test_wide_rbf_kernels_tend_to_linear():
    features = layers(100, (4, 30, 400))
    linear = cka(pack(features))
    gaps = [np.abs(cka(pack(features, kernel="rbf", sigma=s)) - linear).max() for s in (0.5, 3, 300)]
    assert gaps[0] > gaps[1] > gaps[2]
    assert gaps[2] < 1e-5


def test_one_minibatch_of_all_images_is_debiased_cka():
    features = layers(50, (5, 200))
    np.testing.assert_allclose(minibatch_cka(features, 50, 1), cka(pack(features)), rtol=0, atol=1e-6)
    np.testing.assert_allclose(minibatch_cka(features, 900, 2), cka(pack(features)), rtol=0, atol=1e-6)


def test_minibatches_split_a_new_order_in_each_pass():
    features = [layer * scale for layer, scale in zip(layers(53, (5, 40, 9)), (1, 1e3, 1e-3), strict=True)]
    generator = torch.Generator().manual_seed(5)
    parts = [part for _ in range(2) for part in torch.tensor_split(torch.randperm(53, generator=generator), 4)]
    assert sorted({len(part) for part in parts}) == [13, 14]
    assert not torch.equal(parts[0], parts[4])
    values = np.mean(
        [[[feature_hsic(a[p], b[p], "debiased") for b in features] for a in features] for p in parts], axis=0
    )
    expected = values / np.sqrt(np.outer(values.diagonal(), values.diagonal()))
    np.testing.assert_allclose(minibatch_cka(features, 16, 2, 5), expected, rtol=0, atol=1e-6)
    assert np.abs(minibatch_cka(features, 16, 2, 6) - expected).max() > 1e-3


def test_minibatches_with_a_constant_layer_or_too_few_images():
    features = [*layers(20, (5, 9)), torch.full((20, 3), 0.1)]
    found = minibatch_cka(features, 10, 1)
    assert np.isnan(found[2]).all()
    assert np.isfinite(found[:2, :2]).all()
    with pytest.raises(BadInput, match="batch is 3"):
        minibatch_cka(features, 3, 1)


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
@pytest.mark.parametrize("block", [5, 128])
def test_jackknife_agrees_with_leaving_out_each_image(kernel, block):
    n = 24
    features = layers(n, (3, 12, 60), seed=2)
    if kernel == "linear":
        kernels = [x.double() @ x.double().T for x in features]
    else:
        kernels = [rbf_kernel(x, 0.5) for x in features]
    pairs = [(2, 0), (0, 1), (1, 1), (1, 2), (0, 1)]
    expected = []
    for i, j in pairs:
        values = []
        for out in range(n):
            keep = [image for image in range(n) if image != out]
            a, b = (kernels[layer][keep][:, keep] for layer in (i, j))
            values.append(kernel_hsic(a, b) / np.sqrt(kernel_hsic(a, a) * kernel_hsic(b, b)))
        expected.append(np.sqrt((n - 1) / n * np.square(values - np.mean(values)).sum()))
    grams = pack(features, kernel=kernel, block=block)
    for batch in (1, 2, 16):
        np.testing.assert_allclose(jackknife(grams, pairs, batch), expected, rtol=1e-5, atol=1e-7)
    assert min(expected[0], expected[1]) > 0.01


def test_jackknife_error_agrees_with_the_spread_over_samples():
    """The mean error over samples of images is close to the standard deviation of CKA over these samples."""
    pool = layers(60 * 40, (4, 10), seed=8)
    values, errors = [], []
    for part in range(40):
        grams = pack([x[60 * part : 60 * (part + 1)] for x in pool])
        values.append(cka(grams)[0, 1])
        errors.append(jackknife(grams, [(0, 1)])[0])
    assert np.mean(errors) == pytest.approx(np.std(values, ddof=1), rel=0.35)


def test_jackknife_of_constant_layers_and_of_no_pairs():
    grams = pack([*layers(20, (5, 9)), torch.full((20, 3), 0.1)])
    found = jackknife(grams, [(0, 1), (0, 2), (2, 2)])
    assert np.isfinite(found[0])
    assert np.isnan(found[1:]).all()
    assert jackknife(grams, []).shape == (0,)


def test_four_images_are_enough_for_debiased_cka():
    features = layers(4, (3, 8))
    np.testing.assert_allclose(cka(pack(features)), reference(features), rtol=0, atol=1e-5)


def test_unknown_estimators_are_an_error():
    grams = pack(layers(8, (2, 3)))
    for function in (cka, permutation_null):
        with pytest.raises(BadInput, match="estimator"):
            function(grams, "unbiased")
    with pytest.raises(BadInput, match="estimator"):
        cka_between(grams, grams, "unbiased")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_gpu_agrees_with_cpu(kernel):
    features = layers(131, (17, 600, 3000))
    cpu, gpu = pack(features, kernel=kernel), pack([x.cuda() for x in features], kernel=kernel)
    for estimator in ESTIMATORS:
        np.testing.assert_allclose(cka(gpu, estimator), cka(cpu, estimator), rtol=0, atol=1e-6)
    pairs = [(0, 1), (2, 1)]
    np.testing.assert_allclose(jackknife(gpu, pairs), jackknife(cpu, pairs), rtol=1e-4)
    minibatch = minibatch_cka([x.cuda() for x in features], 50, 2)
    np.testing.assert_allclose(minibatch, minibatch_cka(features, 50, 2), rtol=0, atol=1e-6)
