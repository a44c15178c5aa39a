"""Photographs in files: which files are images, how one is read, and a pool of some of them."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kindred.images.pixels import CROP, demand_size, of_image
from kindred.images.pool import Pool
from kindred.workflow.errors import BadInput, first_line

SUFFIXES = (".jpeg", ".jpg", ".png", ".bmp", ".webp", ".ppm", ".pgm", ".tif", ".tiff", ".gif")


def read(path: Path, channels: int) -> Any:
    """An image file as `pixels.fit` takes it. Raises BadInput with the reason where it cannot be read."""
    from PIL import Image, UnidentifiedImageError

    if path.exists() and not path.is_file():
        raise BadInput("it is a pipe, a socket or a device and no file")
    try:
        with Image.open(path) as opened:
            demand_size(*opened.size)
            opened.load()
            return of_image(opened, channels)
    except UnidentifiedImageError as error:
        raise BadInput("Pillow does not recognise it as an image") from error
    except BadInput:
        raise
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        raise BadInput(first_line(error)) from error


def pool(root: Path, files: Sequence[str], labels: np.ndarray, classes: list[str], channels: int) -> Pool:
    """The images in these files below a folder; their paths below it are the ids.

    Bytes of a name that are no UTF-8 are written as escapes, so that tables and stores can hold every id.
    """
    ids = [os.fsencode(file).decode("utf-8", "backslashreplace") for file in files]
    return Pool(f"'{root}'", labels, ids, classes, lambda at: read(root / files[at], channels), CROP)


def folder(path: str, key: str) -> Path:
    """The folder at this path. Raises BadInput where there is none, naming the key of the config."""
    if not Path(path).is_dir():
        raise BadInput(f"the folder of images '{path}' does not exist; see {key}.")
    return Path(path)
