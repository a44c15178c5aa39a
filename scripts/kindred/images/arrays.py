"""Images and labels in named arrays: those of an `.npz` file, or of a Zarr group such as another study's images."""

import io
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kindred.images.classes import numbered
from kindred.images.pool import Pool, Settings, pool_of_array
from kindred.images.zarr_groups import Arrays
from kindred.workflow.errors import BadInput, first_line, some

# Usual names of the arrays of images and of labels, bare or with their part.
NAMES = (("images", "labels"), ("x", "y"), ("images", "label"), ("data", "labels"), ("data", "target"))
PARTS = {"test": ("{}_test", "test_{}", "{}te"), "train": ("{}_train", "train_{}", "{}tr")}


def pools(settings: Settings) -> tuple[Pool, Pool | None]:
    """Images and labels by usual names or those of `arrays`, and the training part of this or another file.

    The id is the file, the array and the row, or the array `image` where there is one. Without `training` the training
    part is not read. Raises BadInput where no arrays are found or they do not fit.
    """
    path = Path(settings["file"])
    content = _load(path, settings["source"])
    held_out = _part(path, content, _names(path, content, settings, "test"), settings)
    if not settings.get("training"):
        return held_out, None
    if settings.get("training_file"):
        path = Path(settings["training_file"])
        content = _load(path, settings["source"])
        return held_out, _part(path, content, _names(path, content, settings, "train"), settings)
    names = _first(_of_part("train"), content)
    return held_out, _part(path, content, names, settings) if names else None


def _load(path: Path, source: str) -> Mapping[str, Any]:
    """The arrays by name. No pickle is read."""
    if source == "npz" and path.exists() and not path.is_file():  # a pipe would be waited for
        raise BadInput(f"'{path}' is no file.")
    try:
        return np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) if source == "npz" else Arrays(path)
    except BadInput:
        raise
    except Exception as error:  # both are broken in many ways
        kind = ".npz file" if source == "npz" else "Zarr group"
        raise BadInput(f"'{path}' is damaged or no {kind}: {first_line(error)}.") from error


def _of_part(part: str) -> list[tuple[str, str]]:
    return [(form.format(x), form.format(y)) for x, y in NAMES for form in PARTS[part]]


def _first(pairs: Sequence[tuple[str, str]], content: Mapping[str, Any]) -> tuple[str, str] | None:
    return next((pair for pair in pairs if pair[0] in content and pair[1] in content), None)


def _names(path: Path, content: Mapping[str, Any], settings: Settings, part: str) -> tuple[str, str]:
    """Names of the two arrays: those of the settings, those of the part, else bare ones."""
    pairs = [*_of_part(part), *NAMES, ("arr_0", "arr_1")]
    if settings["arrays"]:
        pairs = [tuple(settings["arrays"])]
    if found := _first(pairs, content):
        return found
    raise BadInput(
        f"'{path}' holds the arrays {some(sorted(content)) or 'none'}, but none that are images and labels, "
        f"such as {' and '.join(pairs[0])}; images.arrays names them."
    )


def _part(path: Path, content: Mapping[str, Any], names: tuple[str, str], settings: Settings) -> Pool:
    try:
        x, y = (np.asarray(content[name]) for name in names)
        own = np.asarray(content["image"]) if "image" in content and "image" not in names else np.zeros(0)
    except BadInput:
        raise
    except Exception as error:  # arrays of objects, chunks that are lost
        raise BadInput(f"'{path}': {' and '.join(names)} cannot be read: {first_line(error)}.") from error
    if x.ndim not in (3, 4) or not y.ndim or y.size != len(y) or len(x) != len(y):
        raise BadInput(
            f"'{path}': {names[0]} has the shape {x.shape} and {names[1]} {y.shape}; images (n, height, "
            "width) with or without channels and n labels are needed."
        )
    if y.dtype.kind not in "biufSUT":
        raise BadInput(f"'{path}': {names[1]} is of {y.dtype}, but labels must be numbers or texts.")
    labels, classes = numbered(y.reshape(len(y)).tolist(), settings["classes"], f"{path}:{names[1]}")
    ids = [f"{path.stem}/{names[0]}/{row:05d}" for row in range(len(x))]
    if own.shape == (len(x),):
        ids = [name.decode("utf-8", "backslashreplace") if isinstance(name, bytes) else str(name) for name in own]
        name, count = Counter(ids).most_common(1)[0]
        if count > 1:
            raise BadInput(f"the array 'image' of '{path}' names '{name}' {count} times, but ids must differ.")
    return pool_of_array(f"'{path}'", x, labels, ids, classes, settings["channels"])
