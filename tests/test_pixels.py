"""Modes of image files: colour, grey, depth, transparency."""

from pathlib import Path

import numpy as np
import pytest
from kindred.images import photographs, pixels
from kindred.workflow.errors import BadInput
from PIL import Image


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "CMYK", "I;16", "YCbCr", "F"])
def test_modes(tmp_path: Path, mode: str, channels: int) -> None:
    """A plane of one grey comes out as that grey, whatever it is kept in."""
    grey = 1.0 if mode == "1" else 0.6
    byte = round(grey * 255)
    if mode == "I;16":
        image = Image.fromarray(np.full((20, 20), round(grey * 65535), np.uint16))
    elif mode == "F":
        image = Image.fromarray(np.full((20, 20), grey, np.float32))
    else:
        image = Image.new("RGB", (20, 20), (byte,) * 3)
        image = image.convert("RGBA").convert("LA") if mode == "LA" else image.convert(mode)
    path = tmp_path / f"x{'.png' if mode in ('1', 'L', 'P', 'RGB', 'RGBA', 'LA', 'I;16') else '.tif'}"
    image.save(path)
    values = pixels.fit(photographs.read(path, channels), 16, pixels.CROP)
    assert values.shape == (channels, 16, 16) and values.dtype == np.float32
    np.testing.assert_allclose(values, grey, atol=0.006)


def test_what_is_transparent_is_white(tmp_path: Path) -> None:
    image = Image.new("RGBA", (20, 20), (255, 0, 0, 0))
    image.paste((0, 0, 255, 255), (0, 0, 10, 20))
    image.save(tmp_path / "x.png")
    values = pixels.fit(photographs.read(tmp_path / "x.png", 3), 20, 1.0)
    assert values[:, 5, 2].tolist() == [0, 0, 1] and values[:, 5, 17].tolist() == [1, 1, 1]


def test_sixteen_bits_are_not_cut_to_eight(tmp_path: Path) -> None:
    ramp = np.linspace(0, 65535, 400).astype(np.uint16).reshape(20, 20)
    Image.fromarray(ramp).save(tmp_path / "x.png")
    values = pixels.fit(photographs.read(tmp_path / "x.png", 1), 20, 1.0)
    np.testing.assert_allclose(values[0], ramp / 65535, atol=1e-6)
    wide = np.full((20, 20), 70000, np.int32)
    Image.fromarray(wide).save(tmp_path / "x.tif")
    with pytest.raises(BadInput, match="32 bits a pixel with values from 70000 to 70000"):
        photographs.read(tmp_path / "x.tif", 1)
