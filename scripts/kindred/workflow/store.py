"""Zarr stores between the steps: written completely or not at all, and refused when a part is missing.

A store is a Zarr v3 group whose arrays carry dimension names, so that `xarray.open_zarr` reads it with its
coordinates. It is written beside its final name, gets an inventory (number and bytes of its files, and a digest of its
attributes and of how its files end) as the last write, and is then renamed. Zarr itself reads a missing chunk as zeros;
the inventory distinguishes a complete store from one that was truncated or copied in part. Every chunk ends in its
CRC-32C, which Zarr compares as it reads: a flipped bit is an error and never a number, and chunks that were exchanged
change the digest.
"""

import hashlib
import json
import math
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from zarr.codecs import Crc32cCodec, ZstdCodec

from kindred.workflow.errors import BadInput, first_line

INVENTORY = "kindred_inventory"
CHECKSUM = 4  # bytes of a CRC-32C
VERSIONS = "versions"
CHUNK_BYTES = 32 * 2**20
NUMERIC_PACKAGES = ("torch", "timm", "numpy", "zarr")
OPENED: dict[Path, None] = {}  # stores that this process has read, for a message where one is damaged


@contextmanager
def writing(path: str | Path, attributes: Mapping[str, Any]) -> Iterator[zarr.Group]:
    """Write a store: yields an empty group, which is complete under `path` on leaving without an error.

    `attributes` (JSON-able) describe how the store was made; package versions are added to them.
    """
    path = Path(path)
    building = path.with_name(f".{path.name}.partial")
    shutil.rmtree(building, ignore_errors=True)
    building.parent.mkdir(parents=True, exist_ok=True)
    group = zarr.open_group(building, mode="w", zarr_format=3)
    try:
        yield group
        _demand_filled(group)
        group.attrs.update({**attributes, VERSIONS: versions()})
        group.attrs[INVENTORY] = _inventory(building, group)
        shutil.rmtree(path, ignore_errors=True)
        os.replace(building, path)
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise


def put(group: zarr.Group, name: str, values: Any, dims: Sequence[str], compress: bool = False) -> None:
    """Write a whole array (numbers, or strings for a coordinate) with its dimension names."""
    values = np.asarray(values)
    if values.dtype.kind in "UOT":
        values = values.astype(np.dtypes.StringDType())
    array = reserve(group, name, values.shape, values.dtype, dims, compress)
    if not values.size:
        return
    if not values.ndim:
        array[...] = values
        return
    # A chunk at a time: all at once would need a second copy in memory, and be no faster.
    for start in range(0, len(values), array.chunks[0]):
        array[start : start + array.chunks[0]] = values[start : start + array.chunks[0]]


def reserve(
    group: zarr.Group, name: str, shape: Sequence[int], dtype: Any, dims: Sequence[str], compress: bool = False
) -> zarr.Array:
    """Create an array to be filled in slices along its first dimension; chunks are whole rows, up to 32 MiB.

    Chunks are equally long but for a remainder, as the last one is stored at full size too. Compression
    (zstd) is off by default, as it multiplies the CPU time of writing and reading; it pays off for repetitive
    integers, which become seven times smaller (measured in docs/performance.md).
    """
    row = max(1, int(np.prod(shape[1:], dtype=np.int64)) * np.dtype(dtype).itemsize)
    count = max(1, shape[0] if shape else 1)
    rows = math.ceil(count / math.ceil(count / max(1, CHUNK_BYTES // row)))
    return group.create_array(
        name,
        shape=tuple(shape),
        dtype=dtype,
        chunks=(rows, *(max(1, s) for s in shape[1:])) if shape else (),
        dimension_names=list(dims),
        config={"write_empty_chunks": True},
        compressors=compressors(compress),
    )


def compressors(compress: bool) -> list[Any]:
    """Codecs of chunks behind their bytes, the checksum last."""
    return [*([ZstdCodec()] if compress else []), Crc32cCodec()]


def attributes(path: str | Path) -> dict[str, Any]:
    """Attributes of a store, without reading its arrays. Raises BadInput if it is missing or incomplete."""
    return dict(open_group(Path(path)).attrs)


def array(path: str | Path, name: str) -> zarr.Array:
    """One array of a complete store, read in slices. Raises BadInput as `attributes`, and for an unknown array."""
    group = open_group(Path(path))
    found = group.get(name)
    if not isinstance(found, zarr.Array):
        known = ", ".join(sorted(group.array_keys()))
        raise BadInput(f"store '{path}' has no array '{name}'; it holds {known}.")
    return found


def strings(path: str | Path, name: str) -> list[str]:
    """A coordinate of strings, such as the image ids. Raises BadInput as `array`."""
    return [str(s) for s in np.asarray(array(path, name)[:])]


def demand_same_images(first: str | Path, *others: str | Path) -> list[str]:
    """The image ids that all stores share, in order. Raises BadInput naming the first two that differ."""
    ids = strings(first, "image")
    for other in others:
        theirs = strings(other, "image")
        if theirs != ids:
            where = next((i for i, (a, b) in enumerate(zip(ids, theirs, strict=False)) if a != b), None)
            detail = f"{len(ids)} and {len(theirs)} images"
            if where is not None:
                detail = f"image {where} is '{ids[where]}' in one and '{theirs[where]}' in the other"
            raise BadInput(
                f"stores '{first}' and '{other}' do not hold the same images ({detail}), so they cannot be compared; "
                "delete the outdated one and run the same command again."
            )
    return ids


def demand_first_images(path: str | Path, ids: Sequence[str]) -> None:
    """Raise BadInput unless the store begins with exactly these images."""
    theirs = strings(path, "image")[: len(ids)]
    if theirs != list(ids):
        where = next((i for i, (a, b) in enumerate(zip(ids, theirs, strict=False)) if a != b), len(theirs))
        raise BadInput(
            f"store '{path}' does not begin with the {len(ids)} images that other stores were made from (image {where} "
            "differs); delete the outdated ones and run the same command again."
        )


class Filling:
    """Rows appended to a reserved array, written only as whole chunks."""

    def __init__(self, array: zarr.Array) -> None:
        self.array = array
        self.waiting: list[np.ndarray] = []
        self.at = 0

    def add(self, rows: np.ndarray) -> None:
        """Append rows; call `finish` after the last ones."""
        self.waiting.append(rows)
        if sum(map(len, self.waiting)) >= self.array.chunks[0]:
            together = np.concatenate(self.waiting)
            whole = len(together) - len(together) % self.array.chunks[0]
            self._write(together[:whole])
            self.waiting = [together[whole:]]

    def finish(self) -> None:
        """Write the rows that do not fill a chunk."""
        if self.waiting:
            self._write(np.concatenate(self.waiting))
            self.waiting = []

    def _write(self, rows: np.ndarray) -> None:
        if len(rows):
            self.array[self.at : self.at + len(rows)] = rows
            self.at += len(rows)


def versions() -> dict[str, str]:
    """Versions of the packages that decide numerical results."""
    found = {}
    for name in ("kindred", *NUMERIC_PACKAGES):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def _demand_filled(group: zarr.Group) -> None:
    for name, array in group.arrays():
        if array.size and (missing := array.nchunks - array.nchunks_initialized):
            raise RuntimeError(f"{missing} of {array.nchunks} chunks of array '{name}' were not written")


def _inventory(path: Path, group: zarr.Group) -> dict[str, Any]:
    """Number and bytes of a store's files, and a digest of its attributes, the files' names, and how each ends.

    A chunk ends in its checksum; of metadata all counts. Left out are the file that the inventory itself is written to,
    and hidden ones (Snakemake's time stamp).
    """
    files = sorted(
        os.path.join(folder, name) for folder, _, names in os.walk(path) for name in names if not name.startswith(".")
    )
    files.remove(os.path.join(path, "zarr.json"))
    own = {key: value for key, value in dict(group.attrs).items() if key != INVENTORY}
    total, digest = 0, hashlib.sha256(json.dumps(own, sort_keys=True).encode())
    for file in files:
        size = os.path.getsize(file)
        total += size
        with open(file, "rb") as content:
            if not file.endswith("zarr.json"):
                content.seek(max(0, size - CHECKSUM))
            digest.update(f"{os.path.relpath(file, path)} {size} ".encode() + content.read())
    return {"files": len(files), "bytes": total, "digest": digest.hexdigest()}


def open_group(path: Path) -> zarr.Group:
    """The group of a complete store, for reading. Raises BadInput if it is missing or incomplete."""
    remedy = "delete it and run the same command again"
    if not path.exists():
        raise BadInput(f"store '{path}' does not exist; make it with `snakemake {path}`.")
    try:
        group = zarr.open_group(path, mode="r", zarr_format=3, use_consolidated=False)
        inventory = group.attrs.get(INVENTORY)
    except Exception as error:
        raise BadInput(f"'{path}' cannot be read as a Zarr v3 store ({error}); {remedy}.") from error
    if not isinstance(inventory, dict):
        raise BadInput(f"store '{path}' was never finished (it has no inventory); {remedy}.")
    counted = _inventory(path, group)
    found, wanted = (f"{one.get('files', 0)} files of {one.get('bytes', 0):,} bytes" for one in (counted, inventory))
    if found != wanted:
        raise BadInput(f"store '{path}' is incomplete: it holds {found} instead of {wanted}; {remedy}.")
    if counted["digest"] != inventory.get("digest"):
        raise BadInput(f"store '{path}' is damaged: its parts are not those that were written; {remedy}.")
    OPENED[path] = None
    return group


def damage(path: str | Path) -> str:
    """What is wrong with a store, all of which is read; '' if it is whole. Raises BadInput if it cannot be opened."""
    for name, array in open_group(Path(path)).arrays():
        rows = array.chunks[0] if array.ndim else 1
        for start in range(0, array.shape[0] if array.ndim else 1, rows):
            try:
                array[start : start + rows] if array.ndim else array[...]
            except Exception as error:  # whatever a codec raises
                return f"rows {start} to {start + rows - 1} of '{name}' are damaged ({first_line(error)})"
    return ""


def damaged() -> str:
    """A message about the first store that this process has read and that is damaged; '' if all are whole."""
    for path in OPENED:
        try:
            found = damage(path)
        except BadInput as error:
            return str(error)
        if found:
            return f"store '{path}' is damaged: {found}; delete it and run the same command again."
    return ""
