"""Photographs in files: how one is read, and a pool of some of them."""

import stat
import warnings
from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from kindred.images.listed import SUFFIXES, readable
from kindred.images.pixels import CROP, demand_readable, of_image
from kindred.images.pool import Pool
from kindred.workflow.errors import BadInput, first_line


def read(path: Path, channels: int) -> Any:
    """An image file as `pixels.fit` takes it. Raises BadInput with the reason where it cannot be read."""
    from PIL import Image, UnidentifiedImageError

    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe would be waited for
            raise BadInput("it is no regular file")
        with warnings.catch_warnings():  # of sizes that are refused here
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            opened = Image.open(path, formats=_formats())
        with opened:
            demand_readable(opened.size)
            opened.load()
            return of_image(opened, channels)
    except UnidentifiedImageError as error:
        raise BadInput(f"Pillow does not recognise it as an image ({', '.join(_formats())})") from error
    except BadInput:
        raise
    except Exception as error:  # damaged bytes raise anything
        raise BadInput(first_line(error)) from error


@cache
def _formats() -> tuple[str, ...]:
    """Pillow's names of the formats that are listed: others run programs, as EPS does, whatever a file is called."""
    from PIL import Image

    known = Image.registered_extensions()
    return tuple(sorted({known[suffix] for suffix in SUFFIXES if suffix in known}))


def pool(root: Path, files: Sequence[str], labels: np.ndarray, classes: list[str], channels: int) -> Pool:
    """The images in these files below a folder; their paths below it, as text, are the ids. Raises BadInput."""
    ids = [readable(file) for file in files]
    name, count = Counter(ids).most_common(1)[0]
    if count > 1:
        raise BadInput(f"{count} files in '{root}' are called '{name}' once written as text; rename one.")
    return Pool(f"'{root}'", labels, ids, classes, lambda at: read(root / files[at], channels), CROP)


def folder(path: str, key: str) -> Path:
    """The folder at this path. Raises BadInput where there is none, naming the key of the config."""
    if not Path(path).is_dir():
        raise BadInput(f"the folder of images '{path}' does not exist; see {key}.")
    return Path(path)
