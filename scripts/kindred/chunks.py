"""Long work on many images in chunks that survive being cut off.

Each finished chunk is a store of its own, beside the final name. A run that starts again keeps those that were
made the same way and goes on after them; what comes out is the same as if nothing had happened.
"""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from kindred import store
from kindred.errors import BadInput
from kindred.job import log, progress

Work = Callable[[slice], Mapping[str, np.ndarray]]


def resumable(
    path: str | Path, count: int, chunk: int, work: Work, attributes: Mapping[str, Any], what: str
) -> dict[str, np.ndarray]:
    """All that `work` returns for `count` images, taken `chunk` at a time and joined along the first axis.

    work(rows) gives {name: (len(rows), ...)}; attributes must say everything that decides its result, as a chunk
    left by an earlier run is used when its attributes and the versions of the packages are the same. Call
    `forget(path)` once the whole is stored.
    """
    folder = _folder(path)
    parts: list[Path] = []
    for start in progress(range(0, count, chunk), what):
        rows = slice(start, min(start + chunk, count))
        part = folder / f"{rows.start:07d}-{rows.stop:07d}.zarr"
        parts.append(part)
        if _usable(part, attributes):
            log.info("%s: images %d to %d are there from an earlier run", what, rows.start, rows.stop - 1)
            continue
        with store.writing(part, attributes) as group:
            for name, values in work(rows).items():
                dims = ("image", *(f"{name}|{axis}" for axis in range(1, values.ndim)))
                store.put(group, name, values, dims)
    names = list(store.open_group(parts[0]).array_keys())
    return {name: np.concatenate([store.array(part, name)[:] for part in parts]) for name in names}


def forget(path: str | Path) -> None:
    """Remove the chunks of a result that is now stored whole."""
    shutil.rmtree(_folder(path), ignore_errors=True)


def _folder(path: str | Path) -> Path:
    path = Path(path)
    return path.with_name(f".{path.name}.chunks")


def _usable(part: Path, attributes: Mapping[str, Any]) -> bool:
    try:
        found = store.attributes(part)
    except BadInput:
        return False
    # As they come back from a store: tuples as lists, and the versions of the packages that were at work.
    expected = json.loads(json.dumps({**attributes, store.VERSIONS: store.versions()}))
    return {key: value for key, value in found.items() if key != store.INVENTORY} == expected
