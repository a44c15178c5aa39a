"""Images that are there more than once: known by their pixels, whatever file, folder or array they come from."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from kindred.images.images import Images
from kindred.workflow import store
from kindred.workflow.job import log


def key_of(pixels: np.ndarray) -> str:
    """The hash of one image's pixels (channel, height, width) as the study sees them."""
    positive = np.add(pixels, 0, dtype=np.float32)  # -0.0 becomes 0.0, another number of the same value
    return hashlib.sha256(positive.tobytes()).hexdigest()


def keys_of(images: Images) -> dict[str, str]:
    """{id: hash of its pixels}, in order."""
    return {name: key_of(pixels) for name, pixels in zip(images.ids, images.pixels, strict=True)}


def keys_in(path: str | Path) -> dict[str, str]:
    """{id: hash of its pixels} of the images of a store, in order; one chunk is in memory at a time."""
    ids, array = store.strings(path, "image"), store.array(path, "images")
    found: dict[str, str] = {}
    for start in range(0, len(ids), array.chunks[0]):
        rows = np.asarray(array[start : start + array.chunks[0]])
        found |= zip(ids[start : start + len(rows)], map(key_of, rows), strict=True)
    return found


def warn_of_repeats(keys: Mapping[str, str]) -> None:
    """Warn where evaluation images ({id: hash}) have the pixels of another: they are no independent draws."""
    first: dict[str, str] = {}
    again = [(name, first[key]) for name, key in keys.items() if first.setdefault(key, name) != name]
    if again:
        log.warning(
            "%d of %d evaluation images have the same pixels as another one ('%s' those of '%s'); intervals take "
            "images for independent, so they are too narrow",
            len(again),
            len(keys),
            *again[0],
        )


def warn_of_evaluated(name: str, left_out: list[str]) -> None:
    """Warn of training images that were left out since they are evaluated; name: where they come from."""
    if left_out:
        log.warning(
            "%d images of %s are left out of training, as images of the same pixels are evaluated (the first: '%s')",
            len(left_out),
            name,
            left_out[0],
        )
