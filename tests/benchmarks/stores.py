"""Writing and reading stores against plain files on the same disk, and what compression costs and gains.

Seconds, not CPU seconds: disks count. Writing ends when the disk has it all (fsync of every file), and what was written
is dropped from the system's memory before it is read, where the system lets it. Quality: bytes on disk as a share of
the bytes that went in.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from kindred.workflow import store
from race import Contender, Goals, Kernel

IMAGES, FEATURES = 1024, 49152  # 192 MiB
DIMS = ("image", "feature")


@cache
def place() -> Path:
    """A folder on the disk, not in memory; goes with the process."""
    folder = Path(tempfile.mkdtemp(prefix="kindred-bench-disk-", dir=os.environ.get("KINDRED_BENCH_DISK")))
    import atexit

    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def fresh(name: str) -> Path:
    """A path that is not there yet: results are written anew, and removing an old one is no part of writing."""
    return Path(tempfile.mkdtemp(dir=place())) / name


@cache
def values(kind: str) -> np.ndarray:
    random = np.random.default_rng(0)
    if kind == "activations":  # after a ReLU: half of them zero
        return np.maximum(random.standard_normal((IMAGES, FEATURES), dtype=np.float32), 0)
    if kind == "images":  # changed by an attack
        clean = random.integers(0, 17, (IMAGES, FEATURES)).astype(np.float32) / 16
        return np.clip(clean + random.choice(np.float32([-0.1, 0.1]), (IMAGES, FEATURES)), 0, 1)
    return random.choice(10, (IMAGES, FEATURES), p=[0.55, *[0.05] * 9]).astype(np.int32)  # answers


def files(path: Path) -> list[Path]:
    return [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]


def settle(path: Path) -> Path:
    for file in files(path):
        handle = os.open(file, os.O_RDONLY)
        os.fsync(handle)
        os.close(handle)
    return path


def forget(path: Path) -> None:
    for file in files(path):
        handle = os.open(file, os.O_RDONLY)
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(handle)


def plain(kind: str) -> Path:
    path = fresh("plain.bin")
    with path.open("wb") as file:
        file.write(memoryview(np.ascontiguousarray(values(kind))).cast("B"))
    return path


def stored(kind: str, compress: bool = False) -> Path:
    path = fresh("kindred.zarr")
    with store.writing(path, {"made": "here"}) as group:
        store.put(group, "values", values(kind), DIMS, compress=compress)
    return path


def usual(kind: str) -> Path:
    """zarr with its own choice of chunks and compression."""
    path = fresh("zarr.zarr")
    group = zarr.open_group(path, mode="w")
    array = group.create_array("values", shape=values(kind).shape, dtype=values(kind).dtype, chunks="auto")
    array[...] = values(kind)
    return path


def saved(kind: str) -> Path:
    path = fresh("numpy.npy")
    np.save(path, values(kind))
    return path


def writer(write: Callable[..., Path], kind: str, *rest: Any) -> Callable[[], Path]:
    values(kind)
    return lambda: settle(write(kind, *rest))


def reader(write: Callable[..., Path], read: Callable[[Path], np.ndarray], *rest: Any) -> Callable[[], Any]:
    path = settle(write("activations", *rest))

    def work() -> np.ndarray:
        forget(path)
        return read(path)

    return work


def size(kind: str) -> Callable[[Path], dict[str, float]]:
    return lambda path: {"share": sum(file.stat().st_size for file in files(path)) / values(kind).nbytes}


def same(found: np.ndarray) -> dict[str, float]:
    return {"differing": float((np.asarray(found).reshape(IMAGES, FEATURES) != values("activations")).sum())}


def from_plain(path: Path) -> np.ndarray:
    return np.fromfile(path, dtype=np.float32)


def from_store(path: Path) -> np.ndarray:
    return store.array(path, "values")[:]


def from_zarr(path: Path) -> np.ndarray:
    return np.asarray(zarr.open_group(path, mode="r")["values"][:])


def kernels() -> list[Kernel]:
    writing = [
        Kernel(
            f"write {kind}",
            "store" if kind != "answers" else "store, zstd",
            [
                Contender("plain file", partial(writer, plain, kind), judge=size(kind), floor=True),
                Contender("store", partial(writer, stored, kind), judge=size(kind)),
                Contender("store, zstd", partial(writer, stored, kind, True), judge=size(kind)),
                Contender("zarr as it comes", partial(writer, usual, kind), judge=size(kind)),
                Contender("numpy.save", partial(writer, saved, kind), judge=size(kind)),
            ],
            clock="wall",
        )
        for kind in ("activations", "images", "answers")
    ]
    reading = Kernel(
        "read activations",
        "store",
        [
            Contender("plain file", partial(reader, plain, from_plain), judge=same, floor=True),
            Contender("store", partial(reader, stored, from_store), judge=same),
            Contender("store, zstd", partial(reader, stored, from_store, True), judge=same),
            Contender("zarr as it comes", partial(reader, usual, from_zarr), judge=same),
            Contender("numpy.save", partial(reader, saved, np.load), judge=same),
        ],
        clock="wall",
    )
    return [*writing, reading]


def targets(goals: Goals) -> None:
    for kernel in ("write activations", "write images", "read activations"):
        goals.of(kernel).time(f"{kernel}: store / plain file", "store", "plain file", most=1.5)
