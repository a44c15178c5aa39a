"""Long work on many images in chunks that survive an interruption.

Each finished chunk is a store of its own, beside the final name. A run that is restarted keeps the chunks
that were made with the same attributes and continues after them; the result is the same.
"""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from kindred.workflow import store
from kindred.workflow.errors import BadInput
from kindred.workflow.job import log, progress

Work = Callable[[slice], Mapping[str, np.ndarray]]


def resumable(
    path: str | Path, count: int, chunk: int, work: Work, attributes: Mapping[str, Any], what: str
) -> dict[str, np.ndarray]:
    """The results of `work` for `count` images, `chunk` at a time and joined along the first axis.

    work: from rows to {name: (len(rows), ...)}.
    attributes: everything that decides its result; a chunk of an earlier run is used if its attributes and
        the versions of the packages are the same.
    what: the work in log messages.

    Call `forget(path)` once the whole result is stored.
    """
    folder = _folder(path)
    parts: list[Path] = []
    for start in progress(range(0, count, chunk), what):
        rows = slice(start, min(start + chunk, count))
        part = folder / f"{rows.start:07d}-{rows.stop:07d}.zarr"
        parts.append(part)
        if _usable(part, attributes):
            log.info("%s: images %d to %d are kept from an earlier run", what, rows.start, rows.stop - 1)
            continue
        with store.writing(part, attributes) as group:
            for name, values in work(rows).items():
                dims = ("image", *(f"{name}|{axis}" for axis in range(1, values.ndim)))
                store.put(group, name, values, dims)
    names = list(store.open_group(parts[0]).array_keys())
    return {name: np.concatenate([store.array(part, name)[:] for part in parts]) for name in names}


def forget(path: str | Path) -> None:
    """Remove the chunks of a result that is now stored as a whole."""
    shutil.rmtree(_folder(path), ignore_errors=True)


def _folder(path: str | Path) -> Path:
    path = Path(path)
    return path.with_name(f".{path.name}.chunks")


def _usable(part: Path, attributes: Mapping[str, Any]) -> bool:
    try:
        found = store.attributes(part)
    except BadInput:
        return False
    # As read from a store: tuples as lists, with the versions of the packages.
    expected = json.loads(json.dumps({**attributes, store.VERSIONS: store.versions()}))
    return {key: value for key, value in found.items() if key != store.INVENTORY} == expected
