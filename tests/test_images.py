"""Images: stable ids, a split that keeps every class's share, pixels in [0, 1]."""

from pathlib import Path

import numpy as np
import pytest
from kindred import images, selection, store
from kindred.errors import BadInput
from kindred.images import Images
from sklearn.datasets import load_digits

SETTINGS = {"source": "digits", "size": 16, "evaluation": 300, "seed": 0}


def split_of(settings: dict) -> tuple[Images, Images]:
    chosen = selection.select(settings)
    return chosen.evaluation, chosen.training


@pytest.fixture(scope="module")
def split() -> tuple[Images, Images]:
    return split_of(SETTINGS)


@pytest.fixture(scope="module")
def everything() -> Images:
    return selection.digits({"size": 8})


def test_digits_are_those_published(everything: Images) -> None:
    published = load_digits()
    assert len(everything) == 1797
    np.testing.assert_allclose(everything.pixels[:, 0], published.images / 16, atol=1e-7)
    np.testing.assert_array_equal(everything.labels, published.target)
    assert everything.ids[0] == "digits/0000" and everything.ids[1796] == "digits/1796"
    assert len(set(everything.ids)) == 1797
    assert everything.classes == [str(digit) for digit in range(10)]


@pytest.mark.parametrize("size", [8, 11, 32])
def test_size_and_range(size: int) -> None:
    pixels = selection.digits({"size": size}).pixels
    assert pixels.shape == (1797, 1, size, size) and pixels.dtype == np.float32
    assert pixels.min() == 0 and 0.9 < pixels.max() <= 1
    # Resizing moves no light: the mean of all images stays.
    assert pixels.mean() == pytest.approx(load_digits().images.mean() / 16, abs=0.01)


def test_the_split(split: tuple[Images, Images], everything: Images) -> None:
    evaluation, training = split
    assert (len(evaluation), len(training)) == (300, 1497)
    assert set(evaluation.ids).isdisjoint(training.ids)
    assert set(evaluation.ids) | set(training.ids) == set(everything.ids)
    for part in split:
        assert part.pixels.shape == (len(part), 1, 16, 16) and part.labels.dtype == np.int64
        shares = np.bincount(part.labels) / len(part)
        np.testing.assert_allclose(shares, np.bincount(everything.labels) / 1797, atol=0.005)


def test_ids_go_with_their_pixels_and_labels(split: tuple[Images, Images]) -> None:
    whole = selection.digits({"size": 16})
    for part in split:
        at = [int(name.removeprefix("digits/")) for name in part.ids]
        np.testing.assert_array_equal(part.pixels, whole.pixels[at])
        np.testing.assert_array_equal(part.labels, whole.labels[at])


def test_the_split_comes_from_the_seed_alone(split: tuple[Images, Images]) -> None:
    np.random.seed(5)
    again, _ = split_of({**SETTINGS, "size": 8})
    assert again.ids == split[0].ids
    other, _ = split_of({**SETTINGS, "size": 8, "seed": 1})
    assert other.ids != split[0].ids


@pytest.mark.parametrize("wanted", [0, 9, 1788, 1797, 5000])
def test_too_many_or_too_few(wanted: int) -> None:
    with pytest.raises(BadInput, match=rf"images\.evaluation is {wanted}, but digits holds 1797 images"):
        split_of({**SETTINGS, "size": 8, "evaluation": wanted})


@pytest.mark.parametrize("wanted", [10, 1787])
def test_as_many_and_as_few_as_can_be(wanted: int) -> None:
    evaluation, training = split_of({**SETTINGS, "size": 8, "evaluation": wanted})
    assert (len(evaluation), len(training)) == (wanted, 1797 - wanted)


def test_take(everything: Images) -> None:
    taken = everything.take(np.array([3, 1, 3]))
    assert taken.ids == ["digits/0003", "digits/0001", "digits/0003"]
    np.testing.assert_array_equal(taken.pixels, everything.pixels[[3, 1, 3]])
    np.testing.assert_array_equal(taken.labels, everything.labels[[3, 1, 3]])


def test_written_and_loaded(tmp_path: Path, split: tuple[Images, Images]) -> None:
    path = tmp_path / "natural.zarr"
    images.write(path, split[0], {"made": "ab12"})
    assert store.attributes(path)["made"] == "ab12"
    loaded = images.load(path)
    np.testing.assert_array_equal(loaded.pixels, split[0].pixels)
    np.testing.assert_array_equal(loaded.labels, split[0].labels)
    assert loaded.pixels.dtype == np.float32 and loaded.labels.dtype == np.int64
    assert loaded.ids == split[0].ids and loaded.classes == split[0].classes
    first = images.load(path, 7)
    assert len(first) == len(first.pixels) == len(first.labels) == 7
    np.testing.assert_array_equal(first.pixels, split[0].pixels[:7])
    with pytest.raises(BadInput, match=r"301 images are wanted of '.*natural\.zarr', which holds 300"):
        images.load(path, 301)


def test_in_xarray(tmp_path: Path, split: tuple[Images, Images]) -> None:
    path = tmp_path / "natural.zarr"
    images.write(path, split[0], {})
    dataset = store.read(path)
    assert dataset["images"].dims == ("image", "channel", "height", "width")
    assert set(dataset.coords) == {"image", "label"}
    sevens = dataset["images"].where(dataset["label"] == 7, drop=True)
    assert sevens.sizes["image"] == (split[0].labels == 7).sum()
    np.testing.assert_array_equal(sevens.values, split[0].pixels[split[0].labels == 7])


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (np.nan, "2 of 1280 pixels are NaN"),
        (np.inf, "range from 0 to inf"),
        (-np.inf, "range from -inf to 1"),
        (1.001, r"range from 0 to 1\.001"),
        (-0.25, r"range from -0\.25 to 1"),
    ],
)
def test_pixels_that_are_none(tmp_path: Path, everything: Images, value: float, said: str) -> None:
    path = tmp_path / "broken.zarr"
    some = everything.take(np.arange(20))
    some.pixels[11, 0, 2, 3:5] = value
    images.write(path, some, {})
    with pytest.raises(BadInput, match=rf"images in '.*broken\.zarr' must be in \[0, 1\], but .*{said}"):
        images.load(path)
    assert len(images.load(path, 11)) == 11  # those before it are whole


def test_nothing_but_nan(tmp_path: Path, everything: Images) -> None:
    path = tmp_path / "broken.zarr"
    some = everything.take(np.arange(4))
    some.pixels[:] = np.nan
    images.write(path, some, {})
    with pytest.raises(BadInput, match="256 of 256 pixels are NaN"):
        images.load(path)
