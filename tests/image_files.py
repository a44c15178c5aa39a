"""Files of images as their ecosystems distribute them, in small, and the choice of some as the scripts make it."""

import gzip
import pickle
import struct
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from kindred.config.reading import check
from kindred.images import repeats, selection
from kindred.images.catalogue import SOURCES, TRAINING_KEYS
from kindred.images.images import Images
from kindred.workflow.errors import BadInput
from PIL import Image

DRAW = np.random.default_rng(0)
CIFAR = {"cifar10": 10, "cifar100": 100}
A_MODEL = {"architecture": "x", "weights": "x.pt"}


class Chosen(NamedTuple):
    """Both choices of a study, and the reason for each image that could not be read."""

    evaluation: Images
    training: Images
    broken: dict[str, str]


def filled(**given: Any) -> dict[str, Any]:
    """Settings of images with all defaults, as the rules hand them over; colour images unless `mean` is given."""
    images = {"size": 32, "evaluation": 12, "mean": [0.5] * 3, "std": [0.5] * 3, **given}
    biased = {"measures": ["cka_biased"], "layer_measures": ["cka_biased"]}  # fit for a few images of each class
    settings = check({"images": images, "models": {"m": A_MODEL}, "similarity": biased})["images"]
    return {**settings, "channels": settings["channels"] or len(settings["mean"])}


def choose(settings: dict[str, Any]) -> Chosen:
    """The evaluation images, then those for training, of complete settings."""
    source = import_module(SOURCES[settings["source"]].module)
    alone = {key: value for key, value in settings.items() if key not in TRAINING_KEYS}
    most_broken = alone.pop("broken")
    natural = selection.evaluation(source, alone, most_broken)
    rest = selection.training(source, settings, repeats.keys_of(natural.images), natural.broken, most_broken)
    return Chosen(natural.images, rest.images, {**natural.broken, **rest.broken})


def select(**given: Any) -> Chosen:
    """The images of these settings, checked as those of a config."""
    return choose(filled(**given))


def refused(**given: Any) -> str:
    """The one-line message with which these settings are refused."""
    with pytest.raises(BadInput) as caught:
        select(**given)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def paint(path: Path, size: tuple[int, int] = (32, 32), mode: str = "RGB") -> None:
    """An image of noise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = size[::-1] if mode == "L" else (*size[::-1], 3)
    Image.fromarray(DRAW.integers(0, 256, shape, dtype=np.uint8), mode).save(path)


def table(folder: Path, header: str = "file,label", suffix: str = ".png", count: int = 20) -> dict[str, Any]:
    """Settings of a folder of images of four classes with a table of labels; the class of `007.png` is 7 % 4."""
    for at in range(count):
        paint(folder / "flat" / f"{at:03d}.png")
    rows = [f"{at:03d}{suffix},{at % 4}" for at in range(count)]
    (folder / "labels.csv").write_text("\n".join([header, *rows]) + "\n")
    return {"source": "table", "folder": str(folder / "flat"), "labels": str(folder / "labels.csv")}


def cifar(root: Path, kind: str, binary: bool = False) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The files as distributed; {part: (rows of bytes, labels)}."""
    root.mkdir(parents=True)
    ten, classes = kind == "cifar10", CIFAR[kind]
    names = [f"data_batch_{at}" for at in range(1, 6)] if ten else ["train"]
    parts = {
        name: (DRAW.integers(0, 256, (20, 3072), dtype=np.uint8), np.arange(20) % classes)
        for name in (*names, "test_batch" if ten else "test")
    }
    words = [f"class{at}" for at in range(classes)]
    for name, (x, y) in parts.items():
        if binary:
            columns = [y[:, None]] if ten else [y[:, None] // 5, y[:, None]]
            np.concatenate([*columns, x], axis=1).astype(np.uint8).tofile(root / f"{name}.bin")
        else:
            key = b"labels" if ten else b"fine_labels"
            batch = {b"data": x, key: y.tolist(), b"filenames": [b"x.png"] * len(x)}
            (root / name).write_bytes(pickle.dumps(batch, protocol=2))
    if binary:
        name = "batches.meta.txt" if ten else "fine_label_names.txt"
        (root / name).write_text("\n".join(words) + "\n")
    else:
        key = b"label_names" if ten else b"fine_label_names"
        (root / ("batches.meta" if ten else "meta")).write_bytes(
            pickle.dumps({key: [word.encode() for word in words]}, protocol=2)
        )
    return parts


def write_idx(path: Path, values: np.ndarray, zipped: bool) -> None:
    """One idx file of bytes."""
    content = struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape) + values.tobytes()
    path.write_bytes(gzip.compress(content) if zipped else content)


def mnist(root: Path, zipped: bool = False, dotted: bool = False) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """MNIST's four files; {part: (images, labels)}."""
    root.mkdir()
    parts = {}
    for part, count in (("t10k", 30), ("train", 50)):
        x, y = DRAW.integers(0, 256, (count, 28, 28), dtype=np.uint8), np.arange(count, dtype=np.uint8) % 10
        sign, suffix = "." if dotted else "-", ".gz" if zipped else ""
        write_idx(root / f"{part}-images{sign}idx3-ubyte{suffix}", x, zipped)
        write_idx(root / f"{part}-labels{sign}idx1-ubyte{suffix}", y, zipped)
        parts[part] = (x, y)
    return parts
