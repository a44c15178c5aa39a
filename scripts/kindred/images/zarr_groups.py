"""Arrays of a Zarr group from anywhere: which there are, whether they are whole, and their values.

Zarr reads a chunk that is not there as zeros, and codecs that are run on the bytes of others can do anything: `pickle`
is one of numcodecs. So metadata are looked at first, as text, and only known codecs run.
"""

import json
import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from kindred.workflow import store
from kindred.workflow.errors import BadInput, some

METADATA = (".zarray", "zarr.json")
# Compressors and filters of plain numbers, and the codec of texts; those of objects may run code of the file.
KNOWN = frozenset((
    "blosc", "bz2", "gzip", "lz4", "lzma", "zlib", "zstd", "crc32", "crc32c", "adler32", "fletcher32",
    "delta", "shuffle", "bytes", "endian", "transpose", "sharding_indexed", "vlen-utf8",
))  # fmt: skip
PLAIN = re.compile(r"[<>|=]?[biuf][1248]")  # types that a codec may turn bytes into
ROUNDING = 1e-5  # of a scale_factor that was kept in single precision


class Arrays(Mapping[str, Any]):
    """The arrays of a group by name, each opened when it is asked for and read whole. Raises BadInput.

    A store of Kindred must be as it was written, by its inventory; in others all chunks must be there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        _demand_files(path, os.listdir(path))
        self.group = zarr.open_group(str(path), mode="r", use_consolidated=False)
        if store.INVENTORY in self.group.attrs:
            self.group = store.open_group(path)
        self.names = [entry.name for entry in sorted(path.iterdir()) if _is_array(entry)]

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def __contains__(self, name: object) -> bool:  # without reading it
        return name in self.names

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self:
            raise KeyError(name)
        where = f"array '{name}' of '{self.path}'"
        for codec in _codecs(self.path / name):
            if codec not in KNOWN:
                raise BadInput(
                    f"{where} has the codec '{codec}', which might run code of the file or is not known; write it "
                    "again with a usual compressor."
                )
        for folder, _, files in os.walk(self.path / name):
            _demand_files(Path(folder), files)
        array = self.group[name]
        if not isinstance(array, zarr.Array):
            raise BadInput(f"{where} is no array.")
        self._demand_whole(name, array, where)
        return _scaled(np.asarray(array[...]), dict(array.attrs), where)

    def _demand_whole(self, name: str, array: zarr.Array, where: str) -> None:
        shards = array.shards or array.chunks
        wanted = math.prod(math.ceil(length / shard) for length, shard in zip(array.shape, shards, strict=True))
        files = (file for *_, names in os.walk(self.path / name) for file in names)
        there = sum(file not in (*METADATA, ".zattrs") for file in files)
        # Zarr looks for every chunk by its name, and would do so for ever for a forged shape.
        if there >= wanted:
            there = array.nchunks_initialized * math.prod(array.chunks) // math.prod(shards)
        if there < wanted:
            raise BadInput(
                f"{where} lacks chunks: {there:,} of {wanted:,} are there, and the others would be read as "
                f"{array.fill_value!s}; copy it again, or, since some writers leave out chunks of only that value, "
                "write it again with config={'write_empty_chunks': True}."
            )


def _demand_files(folder: Path, names: Sequence[str]) -> None:
    for path in map(folder.joinpath, names):
        if not path.is_file() and not path.is_dir():  # a pipe would be waited for
            raise BadInput(f"'{path}' is no file.")


def _is_array(path: Path) -> bool:
    if (path / ".zarray").is_file():
        return True
    return (path / "zarr.json").is_file() and _read(path / "zarr.json").get("node_type") == "array"


def _read(path: Path) -> dict[str, Any]:
    found = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(found, dict):
        raise BadInput(f"'{path}' holds no metadata of Zarr.")
    return found


def _codecs(folder: Path) -> list[str]:
    """Names of all codecs of an array, in either format; of one that makes other than plain numbers, with its type."""
    found: list[str] = []
    waiting: list[Any] = []
    for path in (folder / name for name in METADATA if (folder / name).is_file()):
        about = _read(path)
        waiting += [about.get("compressor"), *(about.get("filters") or []), *(about.get("codecs") or [])]
    while waiting:
        codec = waiting.pop()
        if codec is None:
            continue
        if isinstance(codec, str):
            codec = {"name": codec}
        name = str(codec.get("id", codec.get("name"))).removeprefix("numcodecs.")
        settings = {**codec, **(codec.get("configuration") or {})}
        types = [str(settings[key]) for key in ("dtype", "astype") if settings.get(key) is not None]
        found.append(name if all(map(PLAIN.fullmatch, types)) else f"{name} of {some(types)}")
        waiting += [*(settings.get("codecs") or []), *(settings.get("index_codecs") or [])]
    return found


def _scaled(values: np.ndarray, attributes: Mapping[str, Any], where: str) -> np.ndarray:
    """Values by the attributes scale_factor and add_offset of the CF conventions, where there are any."""
    given = {key: attributes[key] for key in ("scale_factor", "add_offset") if key in attributes}
    if not given:
        return values
    for key, value in given.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise BadInput(f"{where} has the {key} {value!r}, but it must be a number.")
    if values.dtype.kind not in "iuf":
        raise BadInput(f"{where} has {' and '.join(given)}, but is of {values.dtype}.")
    scaled = np.empty(values.shape, dtype=np.float64 if values.ndim < 2 else np.float32)
    for at in range(len(values)):  # one by one: all at once in double precision might not fit
        scaled[at] = values[at] * np.float64(given.get("scale_factor", 1)) + given.get("add_offset", 0)
    inside = np.clip(scaled, 0, 1)
    return inside if values.ndim >= 2 and np.allclose(inside, scaled, rtol=0, atol=ROUNDING) else scaled
