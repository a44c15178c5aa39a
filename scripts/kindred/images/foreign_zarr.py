"""Zarr groups that other programs wrote: which codecs are run, and whether their chunks are all there."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from kindred.workflow.errors import BadInput, first_line, some

# Codecs that only move, pack and unpack numbers and text. Others, such as numcodecs' pickle, may run code of the file.
CODECS = {
    *("bytes", "transpose", "sharding_indexed", "crc32c", "crc32", "adler32", "fletcher32", "jenkins_lookup3"),
    *("blosc", "zstd", "gzip", "zlib", "bz2", "lzma", "lz4"),
    *("shuffle", "delta", "packbits", "bitround", "fixedscaleoffset", "vlen-utf8", "vlen-bytes"),
}
FILLED = (
    "some were lost, or hold only zeros and were not written: write the array again with write_empty_chunks "
    '(zarr.config.set({"array.write_empty_chunks": True}))'
)


def arrays(path: Path) -> dict[str, zarr.Array]:
    """The arrays of a group by name; nothing of them is read. Raises BadInput for a codec that might run code."""
    try:
        group = zarr.open_group(str(path), mode="r", use_consolidated=False)
        names = sorted(group.array_keys())
    except Exception as error:  # damaged metadata raises anything
        raise BadInput(f"'{path}' is damaged or no Zarr group: {first_line(error)}.") from error
    for name in names:
        for codec in _codecs(path / name):
            if codec.removeprefix("numcodecs.") not in CODECS:
                raise BadInput(
                    f"'{path}': the array '{name}' needs the codec '{codec}', which may run code of the file."
                )
    return {name: array for name, array in group.arrays() if name in names}


def read(array: zarr.Array) -> np.ndarray:
    """All values of an array, with `scale_factor` and `add_offset` applied where it has them (the CF convention).

    Raises BadInput where chunks are missing: they would read as zeros.
    """
    if array.size and (missing := array.nchunks - array.nchunks_initialized):
        raise BadInput(f"{missing} of {array.nchunks} chunks of '{array.name.strip('/')}' are missing: {FILLED}")
    values = np.asarray(array[:])
    given = {key: array.attrs[key] for key in ("scale_factor", "add_offset") if key in array.attrs}
    try:
        numbers = {key: float(str(value)) for key, value in given.items()}
    except ValueError as error:
        raise BadInput(f"'{array.name.strip('/')}' has {given}, which must be numbers.") from error
    if not numbers:
        return values
    return values * numbers.get("scale_factor", 1.0) + numbers.get("add_offset", 0.0)


def _codecs(folder: Path) -> Iterator[str]:
    """Names of the codecs of an array, by its metadata of version 2 or 3; none is made."""
    for file, keys in (("zarr.json", ("codecs",)), (".zarray", ("compressor", "filters"))):
        try:
            about = json.loads((folder / file).read_text(encoding="utf-8"))
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            raise BadInput(f"'{folder / file}' cannot be read: {first_line(error)}.") from error
        for key in keys:
            yield from _named(about.get(key))


def _named(codec: Any) -> Iterator[str]:
    if isinstance(codec, list):
        for one in codec:
            yield from _named(one)
    elif isinstance(codec, Mapping):
        yield str(codec.get("name", codec.get("id", some(codec))))
        inner = codec.get("configuration")
        if isinstance(inner, Mapping):  # codecs of shards and of their index
            for key in ("codecs", "index_codecs"):
                yield from _named(inner.get(key))
    elif codec is not None:
        yield str(codec)
