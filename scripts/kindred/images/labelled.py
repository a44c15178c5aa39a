"""Photographs in one folder, with their labels in a CSV."""

import csv
import os
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kindred.images import listed, photographs
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
    if path.exists() and not path.is_file():  # a pipe would be waited for
        raise BadInput(f"the table of labels '{path}' is no file.")
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"the table of labels '{path}' cannot be read: {first_line(error)}.") from error
    if not rows:
        raise BadInput(f"the table of labels '{path}' has no rows below its header.")
    name_column = _column(rows[0], FILE_COLUMNS, path, "the files")
    label_column = _column(rows[0], LABEL_COLUMNS, path, "the labels")
    find = _Finder(root)
    files = [find(row[name_column] or "") for row in rows]
    name, count = Counter(files).most_common(1)[0]
    if count > 1:
        raise BadInput(
            f"the table of labels '{path}' names '{listed.readable(name)}' {count} times, but must name each image "
            "once."
        )
    labels, classes = numbered([row[label_column] for row in rows], settings["classes"], str(path))
    return photographs.pool(root, files, labels, classes, settings["channels"]), None


def _column(row: Mapping[str, Any], known: Sequence[str], path: Path, what: str) -> str:
    for name in row:
        if name is not None and name.strip().lower() in known:
            return name
    raise BadInput(
        f"the table of labels '{path}' has the columns {some(map(str, row))}, but none for {what}: {', '.join(known)}."
    )


class _Finder:
    """Finds the files that a table means: by name, else as people and other systems write it.

    Names may lack the suffix or have it in another case, have accents composed otherwise, or escape what is not UTF-8
    as `listed.readable` does. A name that no file has comes back as it is: its image cannot be read.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.stems: dict[str, dict[str, list[str]]] = {}  # of each folder: stem -> files of images

    def __call__(self, name: str) -> str:
        return self._file(name) or self._file(listed.from_readable(name)) or name

    def _file(self, name: str) -> str | None:
        folder, slash, last = name.rpartition("/")
        folder += slash
        if folder not in self.stems:
            self.stems[folder] = self._list(folder)
        stems = self.stems[folder]
        stem, suffix = os.path.splitext(last)
        if suffix.lower() not in listed.SUFFIXES:
            stem, suffix = last, ""
        found = [file for file in stems.get(_key(stem), []) if file.lower().endswith(suffix.lower())]
        if last in found:
            return folder + last
        exact = [file for file in found if file.startswith(stem)]
        return folder + min(exact or found, key=_rank) if found else None

    def _list(self, folder: str) -> dict[str, list[str]]:
        stems: dict[str, list[str]] = {}
        if (self.root / folder).is_dir():
            for entry in listed.entries(self.root / folder):
                if listed.is_image(entry.name):
                    stems.setdefault(_key(os.path.splitext(entry.name)[0]), []).append(entry.name)
        return stems


def _key(stem: str) -> str:
    return unicodedata.normalize("NFC", stem)


def _rank(file: str) -> tuple[int, str]:
    return listed.SUFFIXES.index(os.path.splitext(file)[1].lower()), file
