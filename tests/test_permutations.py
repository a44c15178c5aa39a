"""p by permutation of images, calibrated values, and the bias that shared seeds had."""

import numpy as np
import pytest
import torch
from kindred.inversion.seeds import match_seeds
from kindred.similarity import cka_measures
from kindred.similarity.cka import cka, permuted
from kindred.similarity.comparison import compare, p_by_permutation
from kindred.similarity.gram import pack
from kindred.similarity.significance import calibrated, permutation_p
from measure_facts import facts
from numpy.typing import NDArray
from torch import Tensor

Array = NDArray[np.float64]
SETTINGS = {"minibatch": {"size": 10, "passes": 2, "seed": 0}, "bandwidth": 0.5}


def biased(x: Array, y: Array) -> float:
    """Kornblith et al. 2019 (eq. 4), from centred features."""
    a, b = x - x.mean(0), y - y.mean(0)
    return float(np.linalg.norm(b.T @ a) ** 2 / (np.linalg.norm(a.T @ a) * np.linalg.norm(b.T @ b)))


def unbiased(x: Array, y: Array) -> float:
    """Song et al. 2012 (eq. 5), term by term."""

    def hsic(k: Array, m: Array) -> float:
        n, ones = len(k), np.ones(len(k))
        middle = (ones @ k @ ones) * (ones @ m @ ones) / ((n - 1) * (n - 2))
        return float((np.trace(k @ m) + middle - 2 / (n - 2) * ones @ k @ m @ ones) / (n * (n - 3)))

    k, m = x @ x.T, y @ y.T
    k, m = k - np.diag(np.diag(k)), m - np.diag(np.diag(m))
    return hsic(k, m) / np.sqrt(hsic(k, k) * hsic(m, m))


def features(n: int, *widths: int, seed: int = 0, shared: float = 1.0) -> list[Tensor]:
    draws = np.random.default_rng(seed)
    common = draws.normal(size=(n, 6))
    return [
        torch.from_numpy(shared * common @ draws.normal(size=(6, width)) + draws.normal(size=(n, width)))
        for width in widths
    ]


@pytest.mark.parametrize("block", [16, 128])
def test_permuted_cka_is_that_of_features_in_another_order(block: int) -> None:
    layers = features(37, 5, 9, 3)
    grams = pack(layers, block=block)
    orders = np.stack([np.random.default_rng(seed).permutation(37) for seed in range(5)])
    pairs = [(0, 1), (2, 1), (0, 2), (1, 0)]
    for estimator, naive in (("debiased", unbiased), ("biased", biased)):
        found = permuted(grams, pairs, orders, estimator)  # type: ignore[arg-type]
        expected = [[naive(layers[a].numpy(), layers[b].numpy()[order]) for a, b in pairs] for order in orders]
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_all_measures_of_the_family_are_permuted_alike_and_pairs_keep_their_places() -> None:
    names = ("cka_debiased", "cka_biased", "cka_minibatch", "cka_rbf")
    layers = features(30, 4, 8, 5)
    pairs = [(0, 2), (0, 1), (1, 2)]
    orders = np.stack([np.arange(30), np.random.default_rng(1).permutation(30)])
    found = cka_measures.permuted(names, layers, pairs, SETTINGS, orders)
    for row, order in enumerate(orders):
        turned = [*layers, *(layer[torch.from_numpy(order)] for layer in layers)]
        expected = compare(turned, [(a, 3 + b) for a, b in pairs], facts(*names), SETTINGS)
        for name in names:
            np.testing.assert_allclose(found[name][row], expected[name]["value"], atol=1e-6)


def test_p_counts_the_permutations_with_at_least_the_value() -> None:
    found = permutation_p([0.5, 0.1, np.nan], [[0.5, 0.2, 0.1], [0.4, 0.3, 0.1], [0.6, 0.0, 0.1]])
    np.testing.assert_allclose(found, [3 / 4, 3 / 4, np.nan])


def test_p_is_small_where_models_share_something_and_uniform_where_not(tmp_path) -> None:  # type: ignore[no-untyped-def]
    own = tmp_path / "own.py"
    own.write_text("import numpy as np\n\ndef trace(x, y):\n    return abs(np.corrcoef(x[:, 0], y[:, 0])[0, 1])\n")
    measures = facts("cka_biased", "cka_minibatch", f"{own}:trace")
    pairs = [(0, 0), (0, 1), (1, 1)]
    alike = features(40, 6, 6)
    alike[1] = alike[0] + 0.1 * alike[1]
    p = p_by_permutation(alike, pairs, compare(alike, pairs, measures, SETTINGS), measures, SETTINGS, 49)
    for values in p.values():
        assert np.isnan(values[[0, 2]]).all() and values[1] == 1 / 50
    levels = []
    for seed in range(150):
        apart = features(12, 3, 4, seed=seed, shared=0)
        one, pair = facts("cka_biased"), [(0, 1)]
        levels += [
            p_by_permutation(apart, pair, compare(apart, pair, one, SETTINGS), one, SETTINGS, 19)["cka_biased"][0]
        ]
    levels = np.array(levels)
    assert 0.02 < (levels <= 0.1).mean() < 0.19 and abs(levels.mean() - 0.525) < 0.08


def test_calibrated_values_lie_between_null_level_and_maximum() -> None:
    np.testing.assert_allclose(calibrated([0.4, 0.1, 1.0], [0.2, 0.2, 0.2], 1.0), [0.25, -0.125, 1.0])
    assert np.isnan(calibrated([0.4, 0.4], [np.nan, 1.0], [1.0, 1.0])).all()


def published(score: float, null: Array, alpha: float = 0.05) -> tuple[float, float, float]:
    """Gröger, Wen and Brbić, algorithm 1, after the text of the package: (calibrated score, p, threshold)."""
    every = np.sort([score, *null])
    tau = every[int(np.ceil((1 - alpha) * len(every))) - 1]
    return max((score - tau) / (1 - tau), 0.0), (1 + (null >= score).sum()) / (1 + len(null)), float(tau)


@pytest.mark.parametrize("package", [False, True])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_calibration_agrees_with_the_published_one(package: bool, seed: int) -> None:
    layers = features(40, 5, 7, seed=seed)
    orders = np.stack([np.random.default_rng([seed, at]).permutation(40) for at in range(60)])
    grams = pack(layers)
    value, null = cka(grams, "biased")[0, 1], permuted(grams, [(0, 1)], orders, "biased")[:, 0]
    if package:
        calibrate = pytest.importorskip("calibrated_similarity").calibrate
        turn = iter(torch.from_numpy(orders))
        x, y = layers

        def similarity(x: Tensor, y: Tensor) -> float:
            return biased(x.numpy(), y.numpy())

        score, p, tau = map(float, calibrate(x, y, similarity, K=60, perm_fn=lambda n, device: next(turn)))
    else:
        score, p, tau = published(biased(*(layer.numpy() for layer in layers)), null)
    assert permutation_p(value, null[:, None])[()] == pytest.approx(p)
    assert max(float(calibrated(value, tau, 1.0)), 0.0) == pytest.approx(score, abs=1e-5)
    assert float(calibrated(value, null.mean(), 1.0)) > score  # against the mean, not the 95th percentile


def inverted_cka(
    draws: np.random.Generator, n: int, disjoint: bool, sees: float, leak: float = 0.0
) -> tuple[float, float]:
    """(value, null level) of linear models, where A's features of the inverted image are those of the target.

    B sees the target with weight `sees`, and the seed with the rest; targets and seeds are standard normal in 8
    dimensions. leak: how much of the seed is left in A's features, as in images that have not converged.
    """
    labels = draws.integers(0, 10, 2 * n)
    latent = draws.normal(size=(2 * n, 8))
    if disjoint:
        seeds = n + match_seeds(labels[:n], labels[n:], int(draws.integers(2**31)))[0]
    else:  # each from all targets of another class
        seeds = np.array([draws.choice(np.flatnonzero(labels[:n] != label)) for label in labels[:n]])
    own, tested = latent[:n] + leak * latent[seeds], np.sqrt(sees) * latent[:n] + np.sqrt(1 - sees) * latent[seeds]
    pair = [torch.from_numpy(one) for one in (own, tested, latent[seeds])]
    found = cka(pack(pair))
    return found[0, 1], found[0, 2]


def mean_of(n: int, disjoint: bool, sees: float, draws: int = 600, leak: float = 0.0) -> Array:
    generator = np.random.default_rng(7)
    found = np.array([inverted_cka(generator, n, disjoint, sees, leak) for _ in range(draws)])
    return np.stack([found.mean(0), found.std(0) / np.sqrt(draws)])


def test_seeds_among_the_targets_bias_inverted_cka_and_others_do_not() -> None:
    truth = 0.5  # what B sees, as all covariances are the identity
    (apart, null), (error, null_error) = mean_of(50, True, 0.5)
    assert abs(apart - truth) < max(4 * error, 0.01)
    assert abs(null) < 4 * null_error
    (shared, _), (error, _) = mean_of(50, False, 0.5)
    assert shared < truth - 0.02 and shared < truth - 4 * error


def test_the_null_level_is_that_of_a_model_that_sees_the_seed_alone() -> None:
    # Even where nothing of the target is seen, the value is far from 0 while A's features keep some of the seed.
    (value, null), (error, _) = mean_of(50, True, 0.0, 100, leak=1.0)
    assert abs(null - 0.5) < max(4 * error, 0.01) and value == pytest.approx(null)
    (value, null), (_, error) = mean_of(50, True, 0.3, 300, leak=1.0)
    assert value > null + 0.1 and abs(null - 0.5) < max(4 * error, 0.01)
