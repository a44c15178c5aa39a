"""Photographs in one folder, with their labels in a CSV."""

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kindred.images import photographs
from kindred.images.classes import numbered
from kindred.images.pool import Pool, Settings
from kindred.workflow.errors import BadInput, first_line, some

FILE_COLUMNS = ("file", "filename", "file_name", "image", "image_id", "imageid", "path", "name", "id")
LABEL_COLUMNS = ("label", "class", "truelabel", "target", "category", "wnid", "y")


def pools(settings: Settings) -> tuple[Pool, Pool | None]:
    """The images that the table names; the id is the name in the table. There is no training part.

    Labels are numbers from 0 or names; `classes` gives their order or number where the table does not hold all. Raises
    BadInput where there is no such folder or table, a column is not found, an image is named twice, or a label is no
    class.
    """
    root, path = photographs.folder(settings["folder"], "images.folder"), Path(settings["labels"])
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"the table of labels '{path}' cannot be read: {first_line(error)}.") from error
    if not rows:
        raise BadInput(f"the table of labels '{path}' has no rows below its header.")
    name_column = _column(rows[0], FILE_COLUMNS, path, "the files")
    label_column = _column(rows[0], LABEL_COLUMNS, path, "the labels")
    if short := [at for at, row in enumerate(rows) if row[name_column] is None or row[label_column] is None]:
        raise BadInput(
            f"the table of labels '{path}' has {len(short)} rows that end too early, the first in line {short[0] + 2}."
        )
    known: dict[Path, dict[str, str]] = {}
    files = [_with_suffix(root, row[name_column], known) for row in rows]
    name, count = Counter(files).most_common(1)[0]
    if count > 1:
        raise BadInput(f"the table of labels '{path}' names '{name}' {count} times, but must name each image once.")
    labels, classes = numbered([row[label_column] for row in rows], settings["classes"], str(path))
    return photographs.pool(root, files, labels, classes, settings["channels"]), None


def _column(row: Mapping[str, Any], known: Sequence[str], path: Path, what: str) -> str:
    for name in row:
        if name is not None and name.strip().lower() in known:
            return name
    raise BadInput(
        f"the table of labels '{path}' has the columns {some(map(str, row))}, but none for {what}: {', '.join(known)}."
    )


def _with_suffix(root: Path, name: str, known: dict[Path, dict[str, str]]) -> str:
    """Tables often name images without the end of their file names, in whatever case it is."""
    path = Path(name)
    if path.suffix.lower() in photographs.SUFFIXES:
        return name
    folder = root / path.parent
    if folder not in known:
        known[folder] = _by_stem(folder)
    found = known[folder].get(path.name)
    return name if found is None else (path.parent / found).as_posix()


def _by_stem(folder: Path) -> dict[str, str]:
    """Images directly in a folder by their names without suffix; of several the one whose suffix is first among all."""
    files = (
        [path for path in folder.iterdir() if path.suffix.lower() in photographs.SUFFIXES] if folder.is_dir() else []
    )
    files.sort(key=lambda path: (photographs.SUFFIXES.index(path.suffix.lower()), path.name), reverse=True)
    return {path.stem: path.name for path in files}
