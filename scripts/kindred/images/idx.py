"""MNIST-style idx files, plain or .gz."""

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np

from kindred.images.classes import numbered
from kindred.images.pool import Pool, Settings, pool_of_array
from kindred.workflow.errors import BadInput, first_line

TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}

MOST_PACKED = 1032  # bytes that one byte of .gz can hold


def pools(settings: Settings) -> tuple[Pool, Pool | None]:
    """The images of t10k-* and, where training images are asked for, of train-*; the id is the part and the row.

    Raises BadInput for files that are missing, damaged or do not fit together.
    """
    root = Path(settings["folder"])
    return _part(root, "t10k", settings), _part(root, "train", settings) if settings.get("training") else None


def _part(root: Path, part: str, settings: Settings) -> Pool:
    files = [_file(root, part, kind) for kind in ("images-idx3", "labels-idx1")]
    images, labels = map(_read, files)
    if images.ndim not in (3, 4) or labels.ndim != 1 or len(images) != len(labels):
        raise BadInput(
            f"'{files[0]}' has the shape {images.shape} and '{files[1]}' {labels.shape}; images and as many "
            "labels are needed."
        )
    y, classes = numbered(labels.tolist(), settings["classes"], str(files[1]))
    ids = [f"{part}/{row:05d}" for row in range(len(images))]
    return pool_of_array(f"'{files[0]}'", images, y, ids, classes, settings["channels"])


def _file(root: Path, part: str, kind: str) -> Path:
    """Downloads are called t10k-images-idx3-ubyte or t10k-images.idx3-ubyte, often with .gz."""
    stems = (f"{part}-{kind}", f"{part}-{kind.replace('-', '.')}")
    for name in (f"{stem}-ubyte{suffix}" for stem in stems for suffix in ("", ".gz")):
        if (root / name).is_file():
            return root / name
    raise BadInput(f"images.folder '{root}' has no file {stems[0]}-ubyte (nor with .gz).")


def _read(path: Path) -> np.ndarray:
    try:
        with gzip.open(path) if path.suffix == ".gz" else open(path, "rb") as file:
            head = file.read(4)
            if head[:2] != b"\0\0" or head[2] not in TYPES:
                raise ValueError("it does not begin as an idx file does")
            dtype = np.dtype(TYPES[head[2]])
            shape = struct.unpack(f">{head[3]}I", file.read(4 * head[3]))
            wanted = math.prod(shape) * dtype.itemsize
            if wanted > MOST_PACKED * path.stat().st_size:
                raise ValueError(f"it says that it holds {wanted:,} bytes, more than it can")
            content = file.read(wanted + 1)  # and no more: a few bytes of .gz can hold gigabytes
        if len(content) != wanted:
            raise ValueError(f"it holds {'more' if len(content) > wanted else 'less'} than its {wanted:,} bytes")
        return np.frombuffer(content, dtype).reshape(shape).astype(dtype.newbyteorder("="))
    except (OSError, EOFError, ValueError, IndexError, struct.error, zlib.error) as error:
        raise BadInput(f"'{path}' is damaged or no idx file: {first_line(error)}.") from error
