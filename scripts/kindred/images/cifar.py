"""CIFAR-10 and CIFAR-100 as distributed, the python or the binary version."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kindred.images import pickled
from kindred.images.pool import Pool, Settings, pool_of_array
from kindred.workflow.errors import BadInput, first_line, some

PIXELS = 3 * 32 * 32
KIND = "batch of CIFAR"


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
        path = root / self.meta
        try:
            if self.keys is None:
                return path.read_text(encoding="utf-8").split()
            names = pickled.read(path, KIND).get(self.keys[1], [])
            return [name if isinstance(name, str) else name.decode() for name in names]
        except (UnicodeDecodeError, AttributeError, TypeError) as error:
            raise BadInput(f"'{path}' does not hold the names of the classes: {first_line(error)}.") from error

    def batch(self, path: Path) -> tuple[np.ndarray, np.ndarray]:
        """Pixels (n, 3072) uint8 and labels (n,) of one file."""
        if self.keys is None:
            content, row = np.fromfile(path, dtype=np.uint8), self.label_bytes + PIXELS
            if not len(content) or len(content) % row:
                raise BadInput(f"'{path}' has {len(content):,} bytes, which are no rows of {row:,}; was it cut off?")
            rows = content.reshape(-1, row)
            return rows[:, self.label_bytes :], rows[:, self.label_bytes - 1]  # the last label is the finest
        batch, key = pickled.read(path, KIND), self.keys[0]
        x, y = batch.get(b"data"), batch.get(key)
        if not isinstance(x, np.ndarray) or x.dtype != np.uint8 or x.ndim != 2 or x.shape[1] != PIXELS:
            raise BadInput(f"'{path}' holds no rows of {PIXELS} bytes under 'data', as CIFAR has them.")
        if isinstance(y, np.ndarray):
            y = y.tolist()
        # Checked one by one, as lists within lists can have any size once they are an array.
        if not isinstance(y, list) or len(y) != len(x) or not all(isinstance(each, int) for each in y):
            raise BadInput(f"'{path}' holds no label for each of its {len(x)} images under '{key.decode()}'.")
        return x, np.array([min(max(each, -1), 2**31) for each in y], dtype=np.int64)


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
    if not len(labels):
        raise BadInput(f"{some(names)} in '{root}' hold no images.")
    if labels.min() < 0 or labels.max() >= len(classes):
        raise BadInput(
            f"labels in '{root}' go from {labels.min()} to {labels.max()}, but there are {len(classes)} classes."
        )
    return pool_of_array(f"'{root}'", pixels, labels, ids, classes, channels)


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
