"""Files that took the machine: each ends in one sentence, where it matters in a process that may have 1 GB."""

import gzip
import json
import os
import pickle
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from image_files import cifar, filled, mnist, paint, refused, select, table
from kindred.images import pickled, pixels
from kindred.workflow.errors import BadInput
from PIL import Image
from workflow import ROOT

# A process that chooses images and then tells what was refused, and how much memory it took, in MB.
CHOOSE = """
import json, sys
from image_files import choose
from kindred.workflow.errors import BadInput
try:
    choose(json.loads(sys.argv[1]))
    told = ""
except BadInput as error:
    told = str(error)
# Not ru_maxrss, which a process inherits from the one that started it.
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps([told, int(peak.split()[1]) / 1024]))
"""


def apart(given: dict[str, Any]) -> str:
    """The message with which a process of its own refuses these settings; '' where it does not."""
    paths = os.pathsep.join(str(ROOT / name) for name in ("scripts", "tests"))
    outcome = subprocess.run(
        [sys.executable, "-c", CHOOSE, json.dumps(filled(**given))],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stderr[-2000:]
    told, memory = json.loads(outcome.stdout)
    assert memory < 1024 and "\n" not in told
    return str(told)


def png(path: Path, width: int, height: int, colour: int = 0) -> None:
    """A PNG of so many black pixels, written a row at a time; colour: 0 is 8 bits of grey, 2 is RGB, 6 is RGBA."""
    packer, row = zlib.compressobj(1), bytes(1 + width * {0: 1, 2: 3, 6: 4}[colour])
    data = b"".join([*(packer.compress(row) for _ in range(height)), packer.flush()])
    head = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    parts = [(b"IHDR", head), (b"IDAT", data), (b"IEND", b"")]
    body = b"".join(
        struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        for name, content in parts
    )
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)


def photographs(root: Path, **given: Any) -> dict[str, Any]:
    for name in ("ant", "bee"):
        for at in range(6):
            paint(root / name / f"{at}.png", (8, 8))
    return {"source": "folder", "folder": str(root), "size": 224, **given}


def strip(root: Path) -> dict[str, Any]:
    given = photographs(root)
    png(root / "ant" / "0.png", 1_000_000, 1)
    return given


def upright(root: Path) -> dict[str, Any]:
    given = photographs(root, size=64)
    png(root / "ant" / "0.png", 1, 1_000_000, 2)
    return given


def strip_of_numbers(root: Path) -> dict[str, Any]:
    x = np.zeros((20, 1, 1_000_000), np.uint8)
    np.savez_compressed(root / "a.npz", x=x, y=np.arange(20) % 2)
    return {"source": "npz", "file": str(root / "a.npz"), "size": 224}


def huge(root: Path) -> dict[str, Any]:
    given = photographs(root)
    png(root / "ant" / "0.png", 60_000, 60_000)
    return given


def large(root: Path) -> dict[str, Any]:
    """Between the limit here and that of Pillow."""
    given = photographs(root)
    png(root / "ant" / "0.png", 10_000, 10_000)
    return given


CROPPED = "once its shorter side is 256, but at most 64,000,000 are possible; cut it first"


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (strip, f"it has 1,000,000 x 1 pixels, and 256,000,000 x 256 {CROPPED}"),
        (upright, "it has 1 x 1,000,000 pixels, and 73 x 73,000,000 once its shorter side is 73"),
        (strip_of_numbers, "it has 1,000,000 x 1 pixels, and 224,000,000 x 224 once its shorter side is 224"),
        (huge, "cannot be read: Image size (3600000000 pixels) exceeds limit"),
        (large, "it has 10,000 x 10,000 pixels, but at most 64,000,000 are read; make it smaller"),
    ],
)
def test_images_of_too_many_pixels(made: Callable[[Path], dict[str, Any]], words: str, tmp_path: Path) -> None:
    message = apart(made(tmp_path))
    assert words in message and "cannot be read: " in message


@pytest.mark.parametrize(("colour", "kept"), [(6, "rgba"), (2, "rgb"), (0, "deep")])
def test_the_largest_images_fit_into_memory(colour: int, kept: str, tmp_path: Path) -> None:
    given = photographs(tmp_path)
    if kept == "deep":
        Image.fromarray(np.zeros((8000, 8000), np.uint16)).save(tmp_path / "ant" / "0.png", compress_level=1)
    else:
        png(tmp_path / "ant" / "0.png", 8000, 8000, colour)
    assert apart(given) == ""


def test_many_broken_ones_are_replaced(tmp_path: Path) -> None:
    given = photographs(tmp_path, size=32)
    for name in ("ant", "bee"):
        png(tmp_path / name / "wide.png", 1_000_000, 1)
    # 32 / .875 is 37 rows of 37 million pixels.
    assert len(select(**given, evaluation=12, broken=2).evaluation) == 12


def test_a_picture_that_runs_a_program_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow gives EPS to Ghostscript, whatever the file is called."""
    from PIL import EpsImagePlugin

    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", lambda *args, **more: pytest.fail("it ran"))
    given = photographs(tmp_path)
    (tmp_path / "ant" / "0.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\n%%EOF\n")
    assert "Pillow does not recognise it as an image (BMP, GIF, JPEG" in refused(**given)


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".gif", ".bmp", ".webp", ".ppm"])
def test_damaged_images_are_broken_ones(suffix: str, tmp_path: Path) -> None:
    """Whatever Pillow raises about bytes that were changed."""
    from kindred.images import photographs as reader

    paint(tmp_path / f"x{suffix}", (40, 30))
    whole, draw = (tmp_path / f"x{suffix}").read_bytes(), np.random.default_rng(0)
    for _ in range(200):
        content = np.frombuffer(whole, np.uint8).copy()
        at = draw.integers(0, min(len(content), 200), 4)
        content[at] = draw.integers(0, 256, 4)
        (tmp_path / f"x{suffix}").write_bytes(content.tobytes()[: draw.integers(10, len(content) + 1)])
        try:
            values = pixels.fit(reader.read(tmp_path / f"x{suffix}", 3), 16, 1.0)
        except BadInput as error:
            assert str(error) and "\n" not in str(error)
        else:
            assert values.shape == (3, 16, 16)


@pytest.mark.parametrize("shape", [(20, 0, 0), (20, 8, 0), (20, 0, 8, 3), (20, 3, 0, 0)])
def test_no_pixels(shape: tuple[int, ...], tmp_path: Path) -> None:
    for kind in (np.uint8, np.float32):
        np.savez(tmp_path / "a.npz", x=np.zeros(shape, kind), y=np.arange(20) % 2)
        assert "it has no pixels" in refused(source="npz", file=str(tmp_path / "a.npz"))
    given = photographs(tmp_path / "img")
    (tmp_path / "img" / "ant" / "0.png").write_bytes(b"P6 0 0 255\n")
    assert "Pillow does not recognise it" in refused(**given)


def test_no_images(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.zeros((0, 8, 8), np.uint8), y=np.zeros(0, int))
    assert "a.npz:y' holds no labels" in refused(source="npz", file=str(tmp_path / "a.npz"))
    mnist(tmp_path / "m")
    for kind, shape in (("images-idx3", (0, 28, 28)), ("labels-idx1", (0,))):
        head = struct.pack(f">BBBB{len(shape)}I", 0, 0, 8, len(shape), *shape)
        (tmp_path / "m" / f"t10k-{kind}-ubyte").write_bytes(head)
    assert "holds no labels" in refused(source="idx", folder=str(tmp_path / "m"), mean=[0.5], std=[0.5])
    cifar(tmp_path / "c", "cifar10")
    batch = {b"data": np.zeros((0, 3072), np.uint8), b"labels": []}
    (tmp_path / "c" / "test_batch").write_bytes(pickle.dumps(batch, protocol=2))
    assert "test_batch in" in (message := refused(source="cifar10", folder=str(tmp_path / "c")))
    assert "hold no images" in message
    given = photographs(tmp_path / "img")
    (tmp_path / "img" / "cow").mkdir()
    assert "the class 'cow' in" in refused(**given)


@pytest.mark.parametrize(
    ("y", "words"),
    [
        (np.zeros((20, 3), int), "has the shape"),
        (np.zeros((20, 1, 2), int), "has the shape"),
        (np.zeros((1, 20), int), "has the shape"),
        (np.int64(3), "has the shape"),
        (np.array([(1, 2.0)] * 20, dtype=[("a", int), ("b", float)]), "labels must be numbers or texts"),
        (np.ones(20, complex), "labels must be numbers or texts"),
        (np.full(20, "2020-01-01", "datetime64[D]"), "labels must be numbers or texts"),
        (np.array([[1, 2]] * 10 + [[3]] * 10, dtype=object), "cannot be read"),
        (np.full(20, 10**12), "must be below 100,000"),
        (np.full(20, np.nan), "are of 1 class"),
    ],
)
def test_labels_that_are_none(y: np.ndarray, words: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.zeros((20, 8, 8), np.uint8), y=y)
    assert words in refused(source="npz", file=str(tmp_path / "a.npz"))


# CIFAR's pickles


class Made:
    """Pickled as a call and a state, whatever they are."""

    def __init__(self, *reduced: Any) -> None:
        self.reduced = reduced

    def __reduce__(self) -> tuple[Any, ...]:
        return self.reduced


BEGIN = np.zeros(1).__reduce__()[0]
TYPE = (3, "|", None, None, None, -1, -1, 0)


def dtype(code: Any, state: Any = TYPE) -> Made:
    return Made(np.dtype, (code, False, True), state)


def array(state: Any) -> Made:
    return Made(BEGIN, (np.ndarray, (0,), b"b"), state)


ROWS = bytes(20 * 3072)
FORGED: dict[str, tuple[Any, str]] = {
    "a type with fields": (
        array((1, (20, 3072), dtype("V8", (3, "|", None, ("a",), {"a": (np.dtype("O"), 0)}, 8, 8, 63)), False, ROWS)),
        "an array of the type 'V8'",
    ),
    "bytes that become objects": (
        array((1, (20, 3072), dtype("u1", (3, "|", None, ("a",), {"a": (1, 0)}, 1 << 40, 1, 63)), False, ROWS)),
        "",
    ),
    "an array of objects": (array((1, (20, 3072), dtype("O8"), False, [None] * 20)), "an array of the type 'O8'"),
    "a shape beyond its bytes": (array((1, (20, 1 << 40), dtype("u1"), False, ROWS)), "is damaged or no batch"),
    "a negative shape": (array((1, (-20, -3072), dtype("u1"), False, ROWS)), "is damaged or no batch"),
    "a type that is none": (array((1, (20, 3072), "u1", False, ROWS)), "an array without a type"),
    "an order that is none": (array((1, (20, 3072), dtype("u1", (3, "@", None)), False, ROWS)), "in the order '@'"),
    "a state that is none": (array(7), "is damaged or no batch"),
    "no state": (Made(BEGIN, (np.ndarray, (1 << 40,), b"d")), "holds no rows of 3072 bytes"),
    "real numbers": (array((1, (20, 3072), dtype("f8"), False, ROWS * 8)), "an array of the type 'f8'"),
    "a class that stands for another": (np.ndarray, "holds no rows of 3072 bytes"),
}


@pytest.mark.parametrize("case", FORGED)
def test_forged_arrays_in_batches_of_cifar(case: str, tmp_path: Path) -> None:
    """NumPy itself ends in a segmentation fault over some of these, so they are read in another process."""
    data, words = FORGED[case]
    cifar(tmp_path / "c", "cifar10")
    content = pickle.dumps({b"data": data, b"labels": [at % 10 for at in range(20)]}, protocol=2)
    (tmp_path / "c" / "test_batch").write_bytes(content)
    message = apart({"source": "cifar10", "folder": str(tmp_path / "c")})
    assert words in message and bool(message) == bool(words)


LABELS: dict[str, Any] = {
    "nested": [[1], [2, 3]] * 10,
    "shared": None,  # lists within lists that would be 2 ** 40 numbers
    "words": ["cat"] * 20,
    "none": None,
    "a number": 7,
    "real": [1.5] * 20,
    "huge": [1 << 70] * 20,
    "negative": [-1] * 20,
}


@pytest.mark.parametrize("case", LABELS)
def test_forged_labels_in_batches_of_cifar(case: str, tmp_path: Path) -> None:
    cifar(tmp_path / "c", "cifar10")
    labels = LABELS[case]
    if case == "shared":
        labels = [0, 1]
        for _ in range(40):
            labels = [labels, labels]
        labels = [labels] * 20
    batch = {b"data": np.zeros((20, 3072), np.uint8), b"labels": labels}
    (tmp_path / "c" / "test_batch").write_bytes(pickle.dumps(batch, protocol=2))
    message = apart({"source": "cifar10", "folder": str(tmp_path / "c")})
    assert "labels in" in message or "holds no label for each of its 20 images" in message


@pytest.mark.parametrize("names", [[1, 2], 7, [b"\xff"], None])
def test_forged_names_of_classes(names: Any, tmp_path: Path) -> None:
    cifar(tmp_path / "c", "cifar10")
    (tmp_path / "c" / "batches.meta").write_bytes(pickle.dumps({b"label_names": names}, protocol=2))
    assert "does not hold the names of the classes" in refused(source="cifar10", folder=str(tmp_path / "c"))


def test_arrays_of_pickles_are_those_of_numpy(tmp_path: Path) -> None:
    """Of every type of whole numbers, in both orders of bytes and of rows, in every protocol before the fifth."""
    draw = np.random.default_rng(0)
    for kind in ("u1", "i1", "<u2", ">i4", "<i8", ">u8", "?"):
        for values in (draw.integers(0, 2, (5, 7)).astype(kind), np.asfortranarray(draw.integers(0, 2, (4, 3)), kind)):
            for protocol in (0, 1, 2, 3, 4):
                (tmp_path / "x").write_bytes(pickle.dumps({"a": values}, protocol=protocol))
                found = pickled.read(tmp_path / "x", "file")[b"a"]
                np.testing.assert_array_equal(found, values)
                assert found.dtype == values.dtype


@pytest.mark.parametrize("content", [b"(r\xff\xff\xff\x7f.", b"\x80\x02}r\xff\xff\xff\x7f.", b"(dp999999999\n."])
def test_places_of_the_memo_take_no_memory(content: bytes, tmp_path: Path) -> None:
    cifar(tmp_path / "c", "cifar10")
    (tmp_path / "c" / "test_batch").write_bytes(content)
    message = apart({"source": "cifar10", "folder": str(tmp_path / "c")})
    assert "it remembers something at the place" in message


# Other files


def test_a_few_bytes_of_gz_that_hold_gigabytes(tmp_path: Path) -> None:
    mnist(tmp_path / "m", zipped=True)
    path = tmp_path / "m" / "t10k-images-idx3-ubyte.gz"
    given = {"source": "idx", "folder": str(tmp_path / "m"), "mean": [0.5], "std": [0.5]}
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(struct.pack(">BBBB3I", 0, 0, 8, 3, 30, 28, 28))
        for _ in range(2000):
            file.write(bytes(2**20))
    assert "it holds more than its 23,520 bytes" in apart(given)
    path.write_bytes(gzip.compress(struct.pack(">BBBB3I", 0, 0, 8, 3, 2**32 - 1, 2**32 - 1, 28)))
    assert "more than it can" in refused(**given)


def npz_pipe(root: Path) -> dict[str, Any]:
    os.mkfifo(root / "a.npz")
    return {"source": "npz", "file": str(root / "a.npz")}


def table_pipe(root: Path) -> dict[str, Any]:
    given = table(root)
    (root / "labels.csv").unlink()
    os.mkfifo(root / "labels.csv")
    return given


def classes_pipe(root: Path) -> dict[str, Any]:
    os.mkfifo(root / "names.txt")
    return {**table(root), "classes": str(root / "names.txt")}


def zarr_pipe(root: Path, place: str = "images/c/0/0/0") -> dict[str, Any]:
    made = zarr.open_group(str(root / "g.zarr"), mode="w")
    for name, values in (("images", np.ones((20, 8, 8), np.uint8)), ("labels", np.arange(1, 21))):
        made.create_array(name, data=values)
    (root / "g.zarr" / place).unlink()
    os.mkfifo(root / "g.zarr" / place)
    return {"source": "zarr", "file": str(root / "g.zarr")}


def zarr_pipe_above(root: Path) -> dict[str, Any]:
    return zarr_pipe(root, "zarr.json")


@pytest.mark.parametrize("made", [npz_pipe, table_pipe, classes_pipe, zarr_pipe, zarr_pipe_above])
def test_pipes_in_place_of_files(made: Callable[[Path], dict[str, Any]], tmp_path: Path) -> None:
    assert "is no file" in apart(made(tmp_path)) or made is classes_pipe
