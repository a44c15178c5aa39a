"""CKA from bands of Gram matrices: as from whole ones and from float64, and within its memory."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from kindred.bands import bands, cka_in_bands
from kindred.cka import cka
from kindred.errors import BadInput
from kindred.gram import Precision, pack
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
def test_values_are_those_of_the_definition(block: int, offset: float, memory: float) -> None:
    features = [x + offset for x in layers(N, (5, 900, 60, 3000))]
    for found, estimator in zip(in_bands(features, memory, block=block), BOTH, strict=True):
        # An offset costs digits of the features themselves.
        expected = textbook([x.double() - offset for x in features], estimator)
        np.testing.assert_allclose(found, expected, atol=1e-6 if offset == 0 else 1e-4)
        np.testing.assert_allclose(found, cka(pack(features), estimator), atol=2e-7)


@pytest.mark.parametrize("offset", [0.0, 1e6])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_bands_are_the_whole(precision: Precision, offset: float) -> None:
    features = [x + offset for x in layers(N, (5, 5000, 60))]
    whole, parts = (in_bands(features, memory, precision=precision) for memory in (1e12, 1.0))
    assert len(bands(N, 3, 1e12)) == 1 and len(bands(N, 3, 1.0)) == 3
    for one, other, estimator in zip(whole, parts, BOTH, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
        np.testing.assert_allclose(one, cka(pack(features, precision=precision), estimator), atol=2e-5)


def test_every_block_row_is_in_one_band_and_none_is_too_large() -> None:
    for memory in (1e9, 64e6, 45e6, 38e6):
        dealt = bands(1024, 72, memory)
        rows = sorted(row for band in dealt for row in band)
        assert rows == [(lo, lo + 128) for lo in range(0, 1024, 128)]
        assert dealt[0][0] == (0, 128), "the first band sees all images"
        assert max(sum(4 * 72 * 128 * (1024 - lo) for lo, _ in band) for band in dealt) <= memory
    # A third of the packed Grams takes three bands and no more.
    assert len(bands(1024, 72, 64e6)) == 3
    assert bands(10, 3, 1.0, block=4) == [[(0, 4)], [(4, 8)], [(8, 10)]]


def test_layers_of_any_dtype_that_come_anew_each_time() -> None:
    features = layers(N, (7, 40))
    asked = []

    def observe() -> Iterator[Tensor]:
        asked.append(True)
        return iter([features[0].double(), features[1].half()])

    found = cka_in_bands(observe, BOTH, layers=2, images=N, memory=1.0)
    assert len(asked) == 3
    np.testing.assert_allclose(found[0], in_bands(features, 1e12)[0], atol=1e-3)


def test_a_constant_layer_is_undefined() -> None:
    features = [*layers(N, (7,)), torch.full((N, 3), 0.1)]
    for memory in (1e12, 1.0):
        for matrix in in_bands(features, memory):
            assert matrix[0, 0] == pytest.approx(1)
            assert np.isnan(matrix[1]).all() and np.isnan(matrix[:, 1]).all()


def test_what_cannot_be_compared() -> None:
    features = layers(N, (7, 9))
    broken = [features[0], features[1].clone()]
    broken[1][3, 4] = torch.nan
    with pytest.raises(BadInput, match=r"layer 1 \(counted from 0\) hold NaN"):
        in_bands(broken, 1.0)
    with pytest.raises(BadInput, match="2 layers where 3 were announced"):
        in_bands(features, 1.0, layers=3)
    with pytest.raises(BadInput, match="more than the 1 layers"):
        in_bands(features, 1.0, layers=1)
    with pytest.raises(BadInput, match="there are 0 layers"):
        in_bands([], 1.0)
    with pytest.raises(BadInput, match="precision is 'float16'"):
        in_bands(features, 1.0, precision="float16")
    with pytest.raises(BadInput, match="300 images; the layers before it have 299"):
        in_bands(features, 1.0, images=299)
