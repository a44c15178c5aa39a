"""Photographs on disk: a folder per class, as ImageNet is usually kept, or one folder with a table of labels."""

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kindred.errors import BadInput, first_line, some
from kindred.pixels import CROP, of_image
from kindred.pools import Pool

SUFFIXES = (".jpeg", ".jpg", ".png", ".bmp", ".webp", ".ppm", ".pgm", ".tif", ".tiff", ".gif")
FILE_COLUMNS = ("file", "filename", "file_name", "image", "image_id", "imageid", "path", "name", "id")
LABEL_COLUMNS = ("label", "class", "truelabel", "target", "category", "wnid", "y")


def per_class(settings: Mapping[str, Any], key: str = "folder") -> Pool:
    """Every image below folder/<class>/, at any depth, sorted by path; the id is the path below the folder.

    Classes are the folders' names in sorted order, which for ImageNet's WordNet ids is the order of the logits;
    with `classes`, all of those, of which folders may hold some. BadInput: no such folder, no classes, no images.
    """
    root = _folder(settings[key], f"images.{key}")
    names = sorted(
        entry.name for entry in root.iterdir() if entry.is_dir() and not entry.name.startswith(".")
    )
    classes = class_names(settings["classes"]) or names
    if odd := [name for name in names if name not in set(classes)]:
        raise BadInput(
            f"the folder '{root}' has classes that images.classes does not name: {some(odd)} ({len(odd)} of "
            f"{len(names)})."
        )
    if len(names) < 2:
        raise BadInput(
            f"the folder of images '{root}' has {len(names)} folders of classes; at least 2 are needed."
        )
    places = {name: at for at, name in enumerate(classes)}
    files: list[str] = []
    labels: list[int] = []
    for name in names:
        found = sorted(
            path.relative_to(root).as_posix()
            for path in (root / name).rglob("*")
            if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
        )
        if not found:
            raise BadInput(f"the class '{name}' in '{root}' has no images ({', '.join(SUFFIXES)}).")
        files += found
        labels += [places[name]] * len(found)
    return _pool(root, files, np.array(labels, dtype=np.int64), classes, settings)


def tabled(settings: Mapping[str, Any]) -> Pool:
    """The images of one folder that a CSV names, with their labels; the id is the name in the CSV.

    Labels are numbers from 0 or names; `classes` gives their order or number where the CSV does not hold all. Raises
    BadInput: no such folder or table, columns that are not found, names twice, labels that are no class.
    """
    root, path = _folder(settings["folder"], "images.folder"), Path(settings["labels"])
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"the table of labels '{path}' cannot be read: {first_line(error)}.") from error
    if not rows:
        raise BadInput(f"the table of labels '{path}' has no rows below its header.")
    name_column = _column(rows[0], FILE_COLUMNS, path, "the files")
    label_column = _column(rows[0], LABEL_COLUMNS, path, "the labels")
    files = [_with_suffix(root, row[name_column] or "") for row in rows]
    name, count = Counter(files).most_common(1)[0]
    if count > 1:
        raise BadInput(
            f"the table of labels '{path}' names '{name}' {count} times, but must name each image once."
        )
    labels, classes = numbered([row[label_column] for row in rows], settings["classes"], str(path))
    return _pool(root, files, labels, classes, settings)


def class_names(given: int | str | None) -> list[str] | None:
    """Names of all classes in order: of a number of them, of ImageNet, or the lines of a file; None for None."""
    if given is None:
        return None
    if isinstance(given, int):
        return [str(at) for at in range(given)]
    path = _imagenet() if given == "imagenet" else Path(given)
    try:
        names = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(
            f"images.classes is '{given}', a file that cannot be read: {first_line(error)}."
        ) from error
    if len(set(names)) != len(names) or len(names) < 2:
        raise BadInput(
            f"images.classes is '{given}', whose {len(names)} lines must be at least 2 names, each once."
        )
    return names


def _imagenet() -> Path:
    """The 1,000 WordNet ids of ImageNet in the order of the logits, which timm has as a file."""
    from importlib.util import find_spec

    spec = find_spec("timm")
    assert spec and spec.origin
    return Path(spec.origin).parent / "data" / "_info" / "imagenet_synsets.txt"


def numbered(values: Sequence[Any], given: int | str | None, where: str) -> tuple[np.ndarray, list[str]]:
    """(labels (n,) int64, names of the classes) of labels that are numbers from 0, or names. Raises BadInput."""
    names = class_names(given)
    if all(_is_number(value) for value in values):
        labels = np.array([int(value) for value in values], dtype=np.int64)
        names = names or [str(at) for at in range(int(labels.max()) + 1)]
        if labels.min() < 0 or labels.max() >= len(names):
            raise BadInput(
                f"labels in '{where}' go from {labels.min()} to {labels.max()}, but there are {len(names)} classes, "
                f"0 to {len(names) - 1}; see images.classes."
            )
    else:
        texts = [str(value).strip() for value in values]
        names = names or sorted(set(texts))
        places = {name: at for at, name in enumerate(names)}
        if odd := [text for text in dict.fromkeys(texts) if text not in places]:
            raise BadInput(f"labels in '{where}' are no classes of images.classes: {some(odd)}.")
        labels = np.array([places[text] for text in texts], dtype=np.int64)
    if len(names) < 2:
        raise BadInput(f"labels in '{where}' are of {len(names)} class; at least 2 are needed.")
    return labels, names


def _is_number(value: Any) -> bool:
    return str(value).strip().removeprefix("-").isdigit()


def demand_same_classes(first: Pool, second: Pool) -> None:
    """BadInput where two pools do not have the same classes, naming one that only one of them has."""
    if odd := sorted(set(first.classes) ^ set(second.classes)):
        raise BadInput(
            f"{first.name} and {second.name} must have the same classes, but '{odd[0]}' is in one of them only "
            f"({len(first.classes)} and {len(second.classes)} classes)."
        )


def read(path: Path, channels: int) -> Any:
    """An image file as `pixels.fit` takes it. Raises BadInput that says why it cannot be read."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as opened:
            opened.load()
            return of_image(opened, channels)
    except UnidentifiedImageError as error:
        raise BadInput("it is no image that Pillow knows") from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise BadInput(first_line(error)) from error


def _pool(
    root: Path, files: list[str], labels: np.ndarray, classes: list[str], settings: Mapping[str, Any]
) -> Pool:
    channels = settings["channels"]
    return Pool(f"'{root}'", labels, files, classes, lambda at: read(root / files[at], channels), CROP)


def _folder(path: str, key: str) -> Path:
    if not Path(path).is_dir():
        raise BadInput(f"the folder of images '{path}' does not exist; see {key}.")
    return Path(path)


def _column(row: Mapping[str, Any], known: Sequence[str], path: Path, what: str) -> str:
    for name in row:
        if name is not None and name.strip().lower() in known:
            return name
    raise BadInput(
        f"the table of labels '{path}' has the columns {some(map(str, row))}, but none for {what}: "
        f"{', '.join(known)}."
    )


def _with_suffix(root: Path, name: str) -> str:
    """Tables often name images without the end of their file names."""
    if Path(name).suffix.lower() in SUFFIXES:
        return name
    return next((name + suffix for suffix in SUFFIXES if (root / f"{name}{suffix}").is_file()), name)
