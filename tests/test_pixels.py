"""Modes of image files: colour, grey, depth, transparency."""

import struct
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


def tiff(path: Path, values: np.ndarray, bits: int, photometric: int = 1) -> None:
    """A grey TIFF of so many bits a pixel, packed as the format has it, which Pillow itself does not write."""
    height, width = values.shape
    rows = ["".join(f"{value:0{bits}b}" for value in row) for row in values.tolist()]
    data = b"".join(int(row, 2).to_bytes(len(row) // 8, "big") for row in rows)
    data = values.astype("<u2").tobytes() if bits == 16 else data
    entries = [
        (256, width), (257, height), (258, bits), (259, 1), (262, photometric), (273, 8), (277, 1), (278, height),
        (279, len(data)),
    ]  # fmt: skip
    directory = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries)
    head = b"II*\0" + struct.pack("<I", 8 + len(data))
    path.write_bytes(head + data + struct.pack("<H", len(entries)) + directory + struct.pack("<I", 0))


@pytest.mark.parametrize(("bits", "photometric"), [(8, 0), (8, 1), (12, 1), (16, 0), (16, 1)])
def test_white_of_grey_tiffs(tmp_path: Path, bits: int, photometric: int) -> None:
    """White is the largest number of so many bits, and black is where the file says so."""
    ramp = np.linspace(0, 2**bits - 1, 18 * 16).round().astype(np.int64).reshape(18, 16)[:16]
    tiff(tmp_path / "x.tif", ramp, bits, photometric)
    values = pixels.fit(photographs.read(tmp_path / "x.tif", 1), 16, 1.0)[0]
    truth = ramp / (2**bits - 1)
    np.testing.assert_allclose(values, truth if photometric else 1 - truth, atol=1e-6)


def test_pgm_of_twelve_bits(tmp_path: Path) -> None:
    ramp = np.linspace(0, 4095, 64).round().astype(">u2")
    (tmp_path / "x.pgm").write_bytes(b"P5 8 8 4095\n" + ramp.tobytes())
    values = pixels.fit(photographs.read(tmp_path / "x.pgm", 1), 8, 1.0)[0]
    np.testing.assert_allclose(values.ravel(), ramp.astype(float) / 4095, atol=1e-4)


@pytest.mark.parametrize("marked", [True, False])
def test_cmyk_in_jpegs_is_of_adobes_polarity(tmp_path: Path, marked: bool) -> None:
    """Cyan ink is kept as 0 there; whether the file says that it is Adobe's makes no difference."""
    Image.new("CMYK", (16, 16), (255, 0, 0, 0)).save(tmp_path / "x.jpg", quality=100)
    content = (tmp_path / "x.jpg").read_bytes()
    at = content.index(b"\xff\xee")
    assert content[at + 4 : at + 9] == b"Adobe"
    if not marked:
        (tmp_path / "x.jpg").write_bytes(content[:at] + content[at + 2 + int.from_bytes(content[at + 2 : at + 4]) :])
    values = pixels.fit(photographs.read(tmp_path / "x.jpg", 3), 16, 1.0)
    np.testing.assert_allclose(values[:, 8, 8], [0, 1, 1], atol=0.01)


@pytest.mark.parametrize(("suffix", "turned"), [("jpg", False), ("png", False), ("webp", False), ("tif", True)])
def test_orientation_of_cameras(tmp_path: Path, suffix: str, turned: bool) -> None:
    """Pillow turns a TIFF when it opens it, as everything that reads with Pillow does, and nothing else."""
    image, noted = Image.new("RGB", (40, 20)), Image.Exif()
    image.paste((255, 255, 255), (0, 0, 20, 20))  # the left half
    noted[274] = 6
    image.save(tmp_path / f"x.{suffix}", exif=noted)
    values = pixels.fit(photographs.read(tmp_path / f"x.{suffix}", 1), 20, 1.0)[0]
    assert (values[4].mean() > 0.9) == turned and (values[:, 4].mean() > 0.9) == (not turned)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
@pytest.mark.parametrize("height", [1, pixels.STRIP, pixels.STRIP + 1, 3 * pixels.STRIP - 1])
def test_transparency_is_put_on_white_in_strips_as_in_one(tmp_path: Path, mode: str, height: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (height, 5, 4), dtype=np.uint8)
    image = Image.fromarray(noise, "RGBA")
    image = image.convert(mode) if mode != "P" else image.convert("RGB").quantize(16)
    image.save(tmp_path / "x.png", **({"transparency": bytes(range(0, 256, 16))} if mode == "P" else {}))
    with Image.open(tmp_path / "x.png") as opened:
        layer = opened.convert("RGBA")
        whole = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
        assert opened.mode == mode
        np.testing.assert_array_equal(np.asarray(pixels.of_image(opened, 3)), np.asarray(whole))
