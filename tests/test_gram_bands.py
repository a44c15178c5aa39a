"""CKA from bands of Gram matrices: equal to that of whole ones and to float64, within the memory limit."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from kindred.similarity.cka import cka
from kindred.similarity.gram import Precision, pack
from kindred.similarity.gram_bands import bands, cka_in_bands
from kindred.workflow.errors import BadInput
from test_gram import centred, layers, u_centred
from torch import Tensor

N = 300
BOTH: list[Any] = ["debiased", "biased"]


def in_bands(features: list[Tensor], memory: float, **options: Any) -> list[np.ndarray]:
    counted = {"layers": len(features), "images": N, "memory": memory, **options}
    return cka_in_bands(lambda: iter(features), BOTH, **counted)


def textbook(features: list[Tensor], estimator: str) -> np.ndarray:
    centre = u_centred if estimator == "debiased" else centred
    grams = torch.stack([centre(x.double() @ x.double().T).flatten() for x in features])
    products = grams @ grams.T
    return (products / products.diagonal().outer(products.diagonal()).sqrt()).numpy()


@pytest.mark.parametrize("block", [128, 37])
@pytest.mark.parametrize("offset", [0.0, 1000.0])
@pytest.mark.parametrize("memory", [1e12, 1e6, 1.0])
def test_values_agree_with_the_definition(block: int, offset: float, memory: float) -> None:
    features = [x + offset for x in layers(N, (5, 900, 60, 3000))]
    for found, estimator in zip(in_bands(features, memory, block=block), BOTH, strict=True):
        # An offset costs digits of the features.
        expected = textbook([x.double() - offset for x in features], estimator)
        np.testing.assert_allclose(found, expected, atol=1e-6 if offset == 0 else 1e-4)
        np.testing.assert_allclose(found, cka(pack(features), estimator), atol=2e-7)


@pytest.mark.parametrize("offset", [0.0, 1e6])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_bands_agree_with_whole_gram_matrices(precision: Precision, offset: float) -> None:
    features = [x + offset for x in layers(N, (5, 5000, 60))]
    whole, parts = (in_bands(features, memory, precision=precision) for memory in (1e12, 1.0))
    assert len(bands(N, 3, 1e12)) == 1 and len(bands(N, 3, 1.0)) == 3
    for one, other, estimator in zip(whole, parts, BOTH, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
        np.testing.assert_allclose(one, cka(pack(features, precision=precision), estimator), atol=2e-5)


def test_bands_partition_the_block_rows_within_memory() -> None:
    for memory in (1e9, 64e6, 45e6, 38e6):
        found = bands(1024, 72, memory)
        rows = sorted(row for band in found for row in band)
        assert rows == [(lo, lo + 128) for lo in range(0, 1024, 128)]
        assert found[0][0] == (0, 128), "the first band must cover all images"
        assert max(sum(4 * 72 * 128 * (1024 - lo) for lo, _ in band) for band in found) <= memory
    # A third of the packed Gram matrices makes three bands.
    assert len(bands(1024, 72, 64e6)) == 3
    assert bands(10, 3, 1.0, block=4) == [[(0, 4)], [(4, 8)], [(8, 10)]]


def test_layers_of_any_dtype_are_observed_once_per_band() -> None:
    features = layers(N, (7, 40))
    calls = []

    def observe() -> Iterator[Tensor]:
        calls.append(True)
        return iter([features[0].double(), features[1].half()])

    found = cka_in_bands(observe, BOTH, layers=2, images=N, memory=1.0)
    assert len(calls) == 3
    np.testing.assert_allclose(found[0], in_bands(features, 1e12)[0], atol=1e-3)


def test_constant_layers_are_undefined() -> None:
    features = [*layers(N, (7,)), torch.full((N, 3), 0.1)]
    for memory in (1e12, 1.0):
        for matrix in in_bands(features, memory):
            assert matrix[0, 0] == pytest.approx(1)
            assert np.isnan(matrix[1]).all() and np.isnan(matrix[:, 1]).all()


def test_invalid_features_and_counts_are_an_error() -> None:
    features = layers(N, (7, 9))
    broken = [features[0], features[1].clone()]
    broken[1][3, 4] = torch.nan
    with pytest.raises(BadInput, match=r"layer 1 \(counted from 0\) hold NaN"):
        in_bands(broken, 1.0)
    with pytest.raises(BadInput, match="2 layers but 3 were announced"):
        in_bands(features, 1.0, layers=3)
    with pytest.raises(BadInput, match="more than the 1 announced layers"):
        in_bands(features, 1.0, layers=1)
    with pytest.raises(BadInput, match=r"shape \(300, 7\); .* \(299 images, features\) are needed"):
        in_bands(features, 1.0, images=299)
