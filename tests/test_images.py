"""Images in stores: what is written comes back, opens in xarray, and must be pixels in [0, 1]."""

from pathlib import Path

import numpy as np
import pytest
import xarray
from kindred.images import images
from kindred.images.images import Images
from kindred.workflow import store
from kindred.workflow.errors import BadInput


@pytest.fixture
def some() -> Images:
    pixels = np.random.default_rng(0).random((30, 1, 8, 8), dtype=np.float32)
    return Images(pixels, np.arange(30) % 10, [f"some/{at:02d}" for at in range(30)], list("0123456789"))


def test_take(some: Images) -> None:
    taken = some.take(np.array([3, 1, 3]))
    assert taken.ids == ["some/03", "some/01", "some/03"]
    np.testing.assert_array_equal(taken.pixels, some.pixels[[3, 1, 3]])
    np.testing.assert_array_equal(taken.labels, [3, 1, 3])


def test_written_and_loaded(tmp_path: Path, some: Images) -> None:
    path = tmp_path / "natural.zarr"
    images.write(path, some, {"settings": {"seed": 3}})
    assert store.attributes(path)["settings"] == {"seed": 3}
    loaded = images.load(path)
    np.testing.assert_array_equal(loaded.pixels, some.pixels)
    np.testing.assert_array_equal(loaded.labels, some.labels)
    assert loaded.pixels.dtype == np.float32 and loaded.labels.dtype == np.int64
    assert loaded.ids == some.ids and loaded.classes == some.classes
    first = images.load(path, 7)
    assert len(first) == len(first.pixels) == len(first.labels) == 7
    np.testing.assert_array_equal(first.pixels, some.pixels[:7])
    with pytest.raises(BadInput, match=r"31 images are wanted of '.*natural\.zarr', which holds 30"):
        images.load(path, 31)


def test_in_xarray(tmp_path: Path, some: Images) -> None:
    path = tmp_path / "natural.zarr"
    images.write(path, some, {})
    dataset = xarray.open_zarr(path, consolidated=False)
    assert dataset["images"].dims == ("image", "channel", "height", "width")
    assert set(dataset.coords) == {"image", "label"}
    sevens = dataset["images"].where(dataset["label"] == 7, drop=True)
    np.testing.assert_array_equal(sevens.values, some.pixels[[7, 17, 27]])


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (np.nan, "2 of 1920 pixels are NaN"),
        (np.inf, r"range from [\d.e-]+ to inf"),
        (-np.inf, r"range from -inf to 0\.99"),
        (1.001, r"range from [\d.e-]+ to 1\.001"),
        (-0.25, r"range from -0\.25 to 0\.99"),
    ],
)
def test_pixels_outside_the_range_are_refused(tmp_path: Path, some: Images, value: float, words: str) -> None:
    path = tmp_path / "broken.zarr"
    some.pixels[11, 0, 2, 3:5] = value
    images.write(path, some, {})
    with pytest.raises(BadInput, match=rf"images in '.*broken\.zarr' must be in \[0, 1\], but .*{words}"):
        images.load(path)
    assert len(images.load(path, 11)) == 11  # those before it are whole


def test_nothing_but_nan(tmp_path: Path, some: Images) -> None:
    path = tmp_path / "broken.zarr"
    some.pixels[:] = np.nan
    images.write(path, some, {})
    with pytest.raises(BadInput, match="1920 of 1920 pixels are NaN"):
        images.load(path)
