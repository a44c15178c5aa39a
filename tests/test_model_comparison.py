"""Comparison of models and layers: the estimator, interval and null level of each measure and pair."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from kindred.similarity import comparison
from kindred.similarity.biased_errors import biased_jackknife
from kindred.similarity.cka import cka, jackknife, permutation_null
from kindred.similarity.gram import pack
from kindred.similarity.minibatches import minibatch_cka, minibatch_cka_with_errors
from kindred.workflow.errors import BadInput
from measure_facts import facts
from torch import Tensor

N = 40
SETTINGS = {"minibatch": {"size": 10, "passes": 2, "seed": 0}, "bandwidth": 0.5}
MEASURES = facts("cka_debiased", "cka_biased", "cka_minibatch", "cka_rbf")
PAIRS = list(itertools.combinations_with_replacement(range(4), 2))


@pytest.fixture(scope="module")
def features() -> list[Tensor]:
    """Four models of different width that share part of their features."""
    generator = torch.Generator().manual_seed(0)
    shared = torch.randn(N, 6, generator=generator)
    return [
        shared @ torch.randn(6, width, generator=generator) + noise * torch.randn(N, width, generator=generator)
        for width, noise in ((5, 0.5), (9, 1.0), (60, 2.0), (3, 4.0))
    ]


def centred(features: Tensor) -> np.ndarray:
    x = features.double().numpy()
    x = x - x.mean(0)
    return x @ x.T


def unbiased_hsic(k: np.ndarray, m: np.ndarray) -> float:
    """Song et al. 2012, equation 5, as printed."""
    n = len(k)
    k, m = (a * (1 - np.eye(n)) for a in (k, m))
    one = np.ones(n)
    middle = (one @ k @ one) * (one @ m @ one) / ((n - 1) * (n - 2))
    return (np.trace(k @ m) + middle - 2 / (n - 2) * one @ k @ m @ one) / (n * (n - 3))


def reference(a: Tensor, b: Tensor, measure: str) -> float:
    k, m = centred(a), centred(b)
    if measure == "cka_biased":
        return (k * m).sum() / np.sqrt((k * k).sum() * (m * m).sum())
    return unbiased_hsic(k, m) / np.sqrt(unbiased_hsic(k, k) * unbiased_hsic(m, m))


@pytest.mark.parametrize("measure", ["cka_debiased", "cka_biased"])
def test_values_agree_with_the_definition(features: list[Tensor], measure: str) -> None:
    found = comparison.compare(features, PAIRS, MEASURES, SETTINGS)[measure]["value"]
    expected = [reference(features[a], features[b], measure) for a, b in PAIRS]
    np.testing.assert_allclose(found, expected, atol=2e-6)


def observing(features: list[Tensor]) -> Callable[..., Iterator[Tensor]]:
    """The function by which `layers` requests the activations of some layers, one after another."""
    return lambda first=0, last=None: (layer.clone() for layer in features[first:last])


def test_values_agree_with_the_functions_of_cka(features: list[Tensor]) -> None:
    found = comparison.compare(features, PAIRS, MEASURES, SETTINGS)
    linear, rbf = pack(features), pack(features, kernel="rbf", sigma=0.5)
    expected = {
        "cka_debiased": cka(linear, "debiased"),
        "cka_biased": cka(linear, "biased"),
        "cka_minibatch": minibatch_cka(features, 10, 2),
        "cka_rbf": cka(rbf, "debiased"),
    }
    for measure, matrix in expected.items():
        np.testing.assert_allclose(found[measure]["value"], [matrix[pair] for pair in PAIRS], atol=1e-9)
    assert len({round(rows["value"][1], 6) for rows in found.values()}) == 4  # four different measures


def test_intervals_come_from_the_jackknife(features: list[Tensor]) -> None:
    found = comparison.compare(features, PAIRS, MEASURES, SETTINGS)
    first, second = zip(*PAIRS, strict=True)
    errors = {
        "cka_debiased": jackknife(pack(features), PAIRS),
        "cka_rbf": jackknife(pack(features, kernel="rbf", sigma=0.5), PAIRS),
        "cka_biased": biased_jackknife(pack(features))[first, second],
        "cka_minibatch": minibatch_cka_with_errors(features, 10, 2, 0)[1][first, second],
    }
    for measure, rows in found.items():
        assert (rows["low"] <= rows["value"]).all() and (rows["value"] <= rows["high"]).all()
        error = errors[measure]
        np.testing.assert_allclose(rows["high"] - rows["low"], 2 * 1.959964 * error, rtol=1e-5, atol=1e-9)
        np.testing.assert_allclose(rows["high"] - rows["value"], rows["value"] - rows["low"], atol=1e-12)
        own = [a == b for a, b in PAIRS]
        np.testing.assert_allclose(rows["high"][own], 1, atol=1e-5)
        assert (rows["high"] - rows["low"] > 0.01)[~np.array(own)].all()


def test_null_levels_agree_with_random_pairings(features: list[Tensor]) -> None:
    found = comparison.compare(features, PAIRS, MEASURES, SETTINGS)
    for measure in ("cka_debiased", "cka_minibatch", "cka_rbf"):
        np.testing.assert_array_equal(found[measure]["null"], 0)
    expected = permutation_null(pack(features), "biased")
    np.testing.assert_allclose(found["cka_biased"]["null"], [expected[pair] for pair in PAIRS])
    # The mean over random pairings of images.
    draw = np.random.default_rng(0)
    shuffled = [
        reference(features[0], features[2][torch.from_numpy(draw.permutation(N))], "cka_biased") for _ in range(300)
    ]
    assert np.mean(shuffled) == pytest.approx(found["cka_biased"]["null"][PAIRS.index((0, 2))], abs=0.01)


def test_results_follow_the_order_of_pairs(features: list[Tensor]) -> None:
    whole = comparison.compare(features, PAIRS, MEASURES, SETTINGS)
    some = [(3, 1), (0, 0), (1, 3), (2, 0)]
    found = comparison.compare(features, some, MEASURES, SETTINGS)
    for measure, rows in found.items():
        for column, values in rows.items():
            expected = [whole[measure][column][PAIRS.index((min(pair), max(pair)))] for pair in some]
            np.testing.assert_allclose(values, expected, atol=1e-9)


@pytest.mark.parametrize("measures", list(itertools.permutations(MEASURES))[::5])
def test_results_follow_the_order_of_measures(features: list[Tensor], measures: tuple[str, ...]) -> None:
    for wanted in (measures, measures[:2], measures[:1]):
        found = comparison.compare(features[:2], [(0, 1)], facts(*wanted), SETTINGS)
        assert list(found) == list(wanted)
        assert all(set(rows) == {"value", "low", "high", "null"} for rows in found.values())
        assert list(comparison.layers(observing(features), facts(*wanted), SETTINGS, count=4, images=N)) == list(wanted)


def test_bandwidth_is_taken_from_the_settings(features: list[Tensor]) -> None:
    for bandwidth in (0.25, 2.0):
        settings = SETTINGS | {"bandwidth": bandwidth}
        expected = cka(pack(features, kernel="rbf", sigma=bandwidth), "debiased")
        found = comparison.compare(features, PAIRS, facts("cka_rbf"), settings)["cka_rbf"]["value"]
        np.testing.assert_allclose(found, [expected[pair] for pair in PAIRS])
        matrices = comparison.layers(observing(features), facts("cka_rbf"), settings, count=4, images=N)["cka_rbf"]
        np.testing.assert_allclose(matrices["value"], expected)


def test_layers_agree_with_pairs(features: list[Tensor]) -> None:
    found = comparison.layers(observing(features), MEASURES, SETTINGS, count=4, images=N)
    whole = comparison.compare(features, PAIRS, MEASURES, SETTINGS)
    for measure, matrices in found.items():
        rows = whole[measure] | {"error": (whole[measure]["high"] - whole[measure]["value"]) / 1.959963984540054}
        for column, matrix in matrices.items():
            assert matrix.shape == (4, 4)
            np.testing.assert_allclose(matrix, matrix.T, atol=1e-12)
            np.testing.assert_allclose([matrix[pair] for pair in PAIRS], rows[column], atol=1e-6)
        assert np.isfinite(matrices["error"]).all()


def test_a_minibatch_larger_than_all_images_is_an_error(features: list[Tensor]) -> None:
    settings = SETTINGS | {"minibatch": {"size": 41, "passes": 1, "seed": 0}}
    message = r"similarity\.minibatch\.size is 41; it must be less than 40, the images compared"
    with pytest.raises(BadInput, match=message):
        comparison.compare(features, PAIRS, MEASURES, settings)
    with pytest.raises(BadInput, match=message):
        comparison.layers(observing(features), facts("cka_minibatch"), settings, count=4, images=N)
    one = SETTINGS | {"minibatch": {"size": N, "passes": 1, "seed": 0}}  # would be cka_debiased under another name
    with pytest.raises(BadInput, match=r"it must be less than 40"):
        comparison.compare(features, PAIRS, MEASURES, one)


def test_constant_features_are_undefined(features: list[Tensor]) -> None:
    found = comparison.compare([features[0], torch.ones(N, 5)], [(0, 0), (0, 1), (1, 1)], MEASURES, SETTINGS)
    for measure, rows in found.items():
        assert rows["value"][0] == pytest.approx(1), measure
        assert np.isnan(rows["value"][1:]).all(), measure


def test_different_numbers_of_images_are_an_error(features: list[Tensor]) -> None:
    with pytest.raises(BadInput, match="39"):
        comparison.compare([features[0], features[1][:39]], [(0, 1)], MEASURES, SETTINGS)


def test_layers_within_a_memory_limit(features: list[Tensor]) -> None:
    whole = comparison.layers(observing(features), facts(*list(MEASURES)[:2]), SETTINGS, count=4, images=N)
    requested = []

    def observe(first: int = 0, last: int | None = None) -> Iterator[Tensor]:
        requested.append(len(features[first:last]))
        return iter(features[first:last])

    least = {"count": 4, "images": N, "memory": 1.0}
    parts = comparison.layers(observe, facts("cka_rbf"), SETTINGS, **least)
    assert max(requested) == 1 and len(requested) == 4 + 3 + 2 + 1
    expected = comparison.compare(features, PAIRS, MEASURES, SETTINGS)["cka_rbf"]["value"]
    np.testing.assert_allclose([parts["cka_rbf"]["value"][pair] for pair in PAIRS], expected, atol=1e-6)
    assert np.isnan(parts["cka_rbf"]["error"]).all() and (parts["cka_rbf"]["null"] == 0).all()
    bands = comparison.layers(observe, facts(*list(MEASURES)[:2]), SETTINGS, **least)
    for name, matrices in whole.items():
        np.testing.assert_allclose(bands[name]["value"], matrices["value"], atol=1e-6)
        # What needs whole Gram matrices is not known then.
        assert np.isnan(bands[name]["error"]).all()
        assert np.isnan(bands[name]["null"]).all() == (name == "cka_biased")


def test_own_measure_of_the_user(features: list[Tensor], tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "def overlap(x, y):\n    assert x.dtype == y.dtype == 'float64'\n    x[:] = 0\n    return len(x) + y.shape[1]\n"
    )
    mine = f"{file}:overlap"
    found = comparison.compare(features, PAIRS, facts("cka_biased", mine), SETTINGS)
    assert list(found) == ["cka_biased", mine]
    # The function gets copies: its changes reach no other pair.
    np.testing.assert_array_equal(found[mine]["value"], [N + features[b].shape[1] for _, b in PAIRS])
    assert np.isnan(found[mine]["low"]).all() and np.isnan(found[mine]["null"]).all()


@pytest.mark.parametrize(
    ("code", "function", "message"),
    [
        (None, "f", "does not exist"),
        ("def g(x, y): return 1", "f", "needs a function 'f' in"),
        ("import nothing_of_the_kind", "f", "cannot be imported: ModuleNotFoundError"),
        ("def f(x, y): return x @ y", "f", r"raised \w+ on arrays \(40, 5\)"),
        ("def f(x, y): return str(x.shape)", "f", r"returned .\(40, 5\)., but must return one number"),
    ],
)
def test_invalid_own_measures_are_an_error(
    features: list[Tensor], tmp_path: Path, code: str | None, function: str, message: str
) -> None:
    file = tmp_path / "mine.py"
    if code is not None:
        file.write_text(code)
    with pytest.raises(BadInput, match=message):
        comparison.compare(features, PAIRS, facts(f"{file}:{function}"), SETTINGS)
