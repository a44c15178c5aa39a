"""CIFAR-10 and CIFAR-100 as distributed, the python or the binary version."""

import io
import pickle
import pickletools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kindred.images.pool import Pool, Settings, pool_of_array
from kindred.workflow.errors import BadInput, first_line, some

PIXELS = 3 * 32 * 32


@dataclass(frozen=True)
class Version:
    """Files of one version: batches of both parts, and names of the classes.

    keys: under which pickles of the python version hold labels and names; label_bytes: those before the pixels of an
    image in the binary version.
    """

    train: Sequence[str]
    test: Sequence[str]
    meta: str
    keys: tuple[bytes, bytes] | None = None
    label_bytes: int = 0

    def classes(self, root: Path) -> list[str]:
        """Names of the classes in the order of the labels."""
        if self.keys is None:
            return (root / self.meta).read_text(encoding="utf-8").split()
        names = _unpickled(root / self.meta).get(self.keys[1], [])
        return [name.decode() if isinstance(name, bytes) else str(name) for name in names]

    def batch(self, path: Path) -> tuple[np.ndarray, np.ndarray]:
        """Pixels (n, 3072) uint8 and labels (n,) of one file."""
        if self.keys is None:
            content, row = np.fromfile(path, dtype=np.uint8), self.label_bytes + PIXELS
            if not len(content) or len(content) % row:
                raise BadInput(f"'{path}' has {len(content):,} bytes, which are no rows of {row:,}; was it cut off?")
            rows = content.reshape(-1, row)
            return rows[:, self.label_bytes :], rows[:, self.label_bytes - 1]  # the last label is the finest
        batch, key = _unpickled(path), self.keys[0]
        x, y = batch.get(b"data"), batch.get(key)
        if not isinstance(x, np.ndarray) or x.dtype != np.uint8 or x.ndim != 2 or x.shape[1] != PIXELS:
            raise BadInput(f"'{path}' holds no rows of {PIXELS} bytes under 'data', as CIFAR has them.")
        if (
            not isinstance(y, list | np.ndarray)
            or len(y) != len(x)
            or not all(isinstance(one, int | np.integer) for one in y)
        ):
            raise BadInput(f"'{path}' holds no label for each of its {len(x)} images under '{key.decode()}'.")
        return x, np.asarray(y)


def pools(settings: Settings) -> tuple[Pool, Pool | None]:
    """The test part and, where training images are asked for, the training part; the id is the file and the row.

    Raises BadInput for files that are missing, damaged or not CIFAR's.
    """
    root, kind = Path(settings["folder"]), settings["source"]
    for version in VERSIONS[kind]:
        if all((root / name).is_file() for name in (*version.test, version.meta)):
            classes, channels = version.classes(root), settings["channels"]
            held_out = _part(root, version.test, version, classes, channels)
            if not settings.get("training"):
                return held_out, None
            return held_out, _part(root, version.train, version, classes, channels)
    python, binary = ([*version.test, version.meta] for version in VERSIONS[kind])
    raise BadInput(
        f"images.folder '{root}' does not hold {kind}: neither {some(python)} nor {some(binary)} are all there."
    )


def _part(root: Path, names: Sequence[str], version: Version, classes: list[str], channels: int) -> Pool:
    if missing := [name for name in names if not (root / name).is_file()]:
        raise BadInput(f"images.folder '{root}' lacks {some(missing)}.")
    batches = [version.batch(root / name) for name in names]
    ids = [f"{Path(name).stem}/{row:05d}" for name, (x, _) in zip(names, batches, strict=True) for row in range(len(x))]
    pixels = np.concatenate([x for x, _ in batches]).reshape(-1, 3, 32, 32)
    labels = np.concatenate([y for _, y in batches]).astype(np.int64)
    if labels.min() < 0 or labels.max() >= len(classes):
        raise BadInput(f"labels in '{root}' go up to {labels.max()}, but there are {len(classes)} classes.")
    return pool_of_array(f"'{root}'", pixels, labels, ids, classes, channels)


class _Dtype:
    """Stands for NumPy's dtype in a pickle: its name alone, as what else a pickle says of it can break NumPy."""

    def __init__(self, name: Any, *_: Any) -> None:
        text = name.decode("ascii", "replace") if isinstance(name, bytes) else str(name)
        if text.lstrip("|<") not in KINDS:
            raise BadInput(f"it holds an array of {text!r}, and not of bytes or whole numbers")
        self.kind = np.dtype(text)

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, tuple) or state[1:2] not in ((b"|",), (b"<",), ("|",), ("<",)):
            raise BadInput("it holds an array in another order of bytes")


class _Array:
    """Stands for NumPy's array in a pickle, and becomes one by its shape, dtype and bytes."""

    values: np.ndarray

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, columns_first, content = state
        content = content.encode("latin-1") if isinstance(content, str) else content
        if not isinstance(dtype, _Dtype) or not isinstance(content, bytes):
            raise BadInput("it holds an array of something else than numbers")
        flat = np.frombuffer(content, dtype.kind)
        self.values = flat.reshape(shape, order="F" if columns_first else "C")


def _array(*_: Any) -> _Array:
    return _Array()


class _ArraysOnly(pickle.Unpickler):
    """Reads pickles of plain data and NumPy's arrays, and refuses whatever else a pickle names."""

    def find_class(self, module: str, name: str) -> Any:
        home = module.removeprefix("numpy.").replace("core.", "_core.").replace("__core", "_core")
        if home == "_core.multiarray" and name == "_reconstruct":
            return _array
        if module == "numpy" and name in STANDING_FOR:
            return STANDING_FOR[name]
        if (module, name) == ("_codecs", "encode"):  # how Python 3 writes bytes in the old protocol
            import codecs

            return codecs.encode
        raise BadInput(f"it names {module}.{name}, and reading that would run code of the file")


def _unpickled(path: Path) -> dict[bytes, Any]:
    try:
        text = path.read_bytes()
        _demand_small_memo(text)
        content = _ArraysOnly(io.BytesIO(text), encoding="bytes").load()
    except BadInput as error:
        raise BadInput(f"'{path}' is no batch of CIFAR: {error}.") from error
    except Exception as error:  # damaged bytes raise anything
        raise BadInput(f"'{path}' is damaged or no batch of CIFAR: {first_line(error)}.") from error
    if not isinstance(content, dict):
        raise BadInput(f"'{path}' is no batch of CIFAR: it holds a {type(content).__name__}.")
    plain = {key: value.values if isinstance(value, _Array) else value for key, value in content.items()}
    return {key.encode() if isinstance(key, str) else key: value for key, value in plain.items()}


def _demand_small_memo(text: bytes) -> None:
    """Raise BadInput for a pickle that would fill the memory by numbering an object beyond all that it can hold."""
    for step, number, _ in pickletools.genops(text):
        if step.name in ("PUT", "BINPUT", "LONG_BINPUT") and isinstance(number, int) and number > len(text):
            raise BadInput(f"it numbers an object {number:,}, which takes memory for so many")


KINDS = ("u1", "i1", "i2", "i4", "i8", "u2", "u4", "u8")
STANDING_FOR = {"ndarray": _Array, "dtype": _Dtype}
BATCHES = [f"data_batch_{at}" for at in range(1, 6)]
VERSIONS = {
    "cifar10": (
        Version(BATCHES, ["test_batch"], "batches.meta", (b"labels", b"label_names")),
        Version([f"{name}.bin" for name in BATCHES], ["test_batch.bin"], "batches.meta.txt", label_bytes=1),
    ),
    "cifar100": (
        Version(["train"], ["test"], "meta", (b"fine_labels", b"fine_label_names")),
        Version(["train.bin"], ["test.bin"], "fine_label_names.txt", label_bytes=2),
    ),
}
