"""Images and labels in named arrays: those of an `.npz` file, or of a Zarr group such as another study's images."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from kindred.images import foreign_zarr
from kindred.images.classes import numbered
from kindred.images.pool import Pool, Settings, pool_of_array
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
    if source == "zarr":
        return foreign_zarr.arrays(path)
    try:
        found = np.load(io.BytesIO(path.read_bytes()), allow_pickle=False)
    except Exception as error:  # it is broken in many ways
        raise BadInput(f"'{path}' is damaged or no .npz file: {first_line(error)}.") from error
    if not isinstance(found, Mapping):
        raise BadInput(f"'{path}' is a single array and no .npz file; labels are needed too.")
    return found


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
        x, y = (_values(content[name]) for name in names)
    except BadInput as error:
        raise BadInput(f"'{path}': {error}") from error
    except Exception as error:  # arrays of objects, chunks that are lost
        raise BadInput(f"'{path}': {' and '.join(names)} cannot be read: {first_line(error)}.") from error
    if x.ndim not in (3, 4) or y.ndim not in (1, 2) or y.size != len(y) or len(x) != len(y) or not x.size:
        raise BadInput(
            f"'{path}': {names[0]} has the shape {x.shape} and {names[1]} {y.shape}; images (n, height, "
            "width) with or without channels and n labels are needed."
        )
    labels, classes = numbered(y.reshape(len(y)).tolist(), settings["classes"], f"{path}:{names[1]}")
    ids = [f"{path.stem}/{names[0]}/{row:05d}" for row in range(len(x))]
    if "image" in content and "image" not in names and content["image"].shape == (len(x),):
        ids = [str(name) for name in _values(content["image"])]
    return pool_of_array(f"'{path}'", x, labels, ids, classes, settings["channels"])


def _values(array: Any) -> np.ndarray:
    return foreign_zarr.read(array) if isinstance(array, zarr.Array) else np.asarray(array)
