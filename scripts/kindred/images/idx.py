"""MNIST-style idx files, plain or .gz."""

import gzip
import struct
import zlib
from pathlib import Path

import numpy as np

from kindred.images.classes import numbered
from kindred.images.pool import Pool, Settings, pool_of_array
from kindred.workflow.errors import BadInput, first_line

TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}


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
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
        kind, dims = content[2], content[3]
        if content[:2] != b"\0\0" or kind not in TYPES:
            raise ValueError("it does not begin as an idx file does")
        shape = struct.unpack(f">{dims}I", content[4 : 4 + 4 * dims])
        dtype = np.dtype(TYPES[kind])
        values = np.frombuffer(content, dtype, offset=4 + 4 * dims)
        return values.reshape(shape).astype(dtype.newbyteorder("="))
    except (OSError, EOFError, ValueError, IndexError, struct.error, zlib.error) as error:
        raise BadInput(f"'{path}' is damaged or no idx file: {first_line(error)}.") from error
