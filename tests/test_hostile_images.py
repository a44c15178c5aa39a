"""Files of images that were made to take the machine, to hang it or to break it: one sentence each, at once."""

import os
import pickle
import resource
import struct
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_files import cifar, paint, refused, select
from kindred.images import photographs
from kindred.workflow.errors import BadInput
from PIL import Image

SECONDS, BYTES = 10, 2**30


@pytest.fixture(autouse=True)
def _within_limits() -> Iterator[None]:
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    yield
    assert time.monotonic() - start < SECONDS
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < BYTES


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(path: Path, width: int, height: int) -> Path:
    """A grey image of zeros, by its header of any size."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes(min((width + 1) * height, 2**20)))
    parts = chunk(b"IHDR", header), chunk(b"IDAT", rows), chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))
    return path


@pytest.mark.parametrize(
    ("width", "height", "words"),
    [
        (1_000_000, 1, "one side may be at most 100 times the other"),
        (1, 1_000_000, "one side may be at most 100 times the other"),
        (60_000, 60_000, "at most 268,435,456 in all are decoded|decompression bomb"),
        (2**31 - 1, 2**31 - 1, "pixels|decompression bomb|recognise"),
        (0, 5, "pixels|recognise|zero"),
    ],
)
def test_images_of_a_size_that_takes_the_memory(tmp_path: Path, width: int, height: int, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        photographs.read(png(tmp_path / "x.png", width, height), 3)


def test_large_photographs_are_read(tmp_path: Path) -> None:
    """A panorama and a scan of 60 million pixels are no attack."""
    Image.new("L", (9000, 100)).save(tmp_path / "wide.png")
    Image.new("L", (8000, 7500)).save(tmp_path / "scan.png")
    for name in ("wide.png", "scan.png"):
        photographs.read(tmp_path / name, 1)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    for at in range(11):
        paint(tmp_path / "flat" / f"{at}.png")
    os.mkfifo(tmp_path / "flat" / "pipe.png")
    rows = [*(f"{at}.png,{at % 2}" for at in range(11)), "pipe.png,1"]
    (tmp_path / "labels.csv").write_text("\n".join(["file,label", *rows]) + "\n")
    given = {"source": "table", "folder": str(tmp_path / "flat"), "labels": str(tmp_path / "labels.csv")}
    assert "it is a pipe, a socket or a device and no file" in refused(**given, evaluation=12)


def test_names_in_any_encoding(tmp_path: Path) -> None:
    for name in (b"a", b"b"):
        folder = os.fsencode(tmp_path) + b"/val/" + name
        os.makedirs(folder)
        for at in range(8):
            paint(tmp_path / "x.png")
            os.rename(tmp_path / "x.png", folder + b"/caf\xe9" + str(at).encode() + b".PNG")
    chosen = select(source="folder", folder=str(tmp_path / "val"), crop=1).evaluation
    assert len(chosen) == 12 and all("/caf\\xe9" in name for name in chosen.ids)
    "".join(chosen.ids).encode()  # as stores and tables write them


def test_suffixes_in_any_case_beside_a_table_without_them(tmp_path: Path) -> None:
    for at in range(12):
        paint(tmp_path / "flat" / ("in" if at % 2 else ".") / f"{at}.JPEG")
    rows = [f"{'in/' if at % 2 else ''}{at},{at % 2}" for at in range(12)]
    (tmp_path / "labels.csv").write_text("\n".join(["file,label", *rows]) + "\n")
    given = {"source": "table", "folder": str(tmp_path / "flat"), "labels": str(tmp_path / "labels.csv")}
    assert sorted(select(**given).evaluation.ids)[-1].endswith(".JPEG")
    (tmp_path / "labels.csv").write_text("file,label\n0,0\n2\n")
    assert "has 1 rows that end too early, the first in line 3" in refused(**given)


class Forged:
    """An array whose dtype claims to hold objects where there are bytes, which NumPy believes and follows."""

    def __reduce__(self) -> Any:
        build = np.zeros(1, np.uint8).__reduce__()
        dtype = (np.dtype, ("u1", False, True), (3, "|", None, None, None, -1, -1, 63))
        return (build[0], build[1], (1, (4, 3072), _Reduced(*dtype), False, b"\x41" * (4 * 3072)))


class _Reduced:
    def __init__(self, *parts: Any) -> None:
        self.parts = parts

    def __reduce__(self) -> Any:
        return self.parts


def batch(folder: Path, **content: Any) -> str:
    root = folder / str(len(list(folder.iterdir())))
    cifar(root, "cifar10")
    (root / "test_batch").write_bytes(pickle.dumps({b"data": None, b"labels": [0] * 4, **content}, 2))
    return refused(source="cifar10", folder=str(root))


def test_arrays_that_are_forged_are_what_they_say_or_refused(tmp_path: Path) -> None:
    objects = np.array([[None] * 3072] * 4, dtype=object)
    assert "an array of 'O8', and not of bytes" in batch(tmp_path, **{"data": objects})
    # The flags are not looked at, so that the bytes are bytes.
    assert "labels" in batch(tmp_path, **{"data": Forged(), "labels": [99] * 4})
    assert "no label for each of its" in batch(tmp_path, **{"data": np.zeros((4, 3072), np.uint8), "labels": ["a"] * 4})
    assert "no rows of 3072 bytes" in batch(tmp_path, **{"data": np.zeros((4, 3), np.uint8)})


def test_a_memo_that_takes_the_memory(tmp_path: Path) -> None:
    root = tmp_path / "x"
    cifar(root, "cifar10")
    (root / "test_batch").write_bytes(b"\x80\x02]r\xff\xff\xff\x7f.")
    message = refused(source="cifar10", folder=str(root))
    assert "it numbers an object 2,147,483,647, which takes memory for so many" in message
