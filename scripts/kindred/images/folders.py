"""Photographs in a folder per class, as ImageNet is usually kept."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kindred.images import listed, photographs
from kindred.images.classes import class_names
from kindred.images.pool import Pool, Settings
from kindred.workflow.errors import BadInput, some
from kindred.workflow.job import log

# Names of folders that usually are a part of a set of images and not one of its classes; the first ones are evaluated.
EVALUATED = ("val", "valid", "validation", "test", "testing", "eval", "dev")
TRAINED = ("train", "training")


def pools(settings: Settings) -> tuple[Pool, Pool | None]:
    """The images of `folder` and of `training_folder`. Raises BadInput where the classes are not the same."""
    held_out = per_class(settings, "folder")
    if settings.get("training_folder") is None:
        return held_out, None
    training = per_class(settings, "training_folder")
    if unshared := sorted(set(held_out.classes) ^ set(training.classes)):
        raise BadInput(
            f"{held_out.name} and {training.name} must have the same classes, but '{unshared[0]}' is in one "
            f"of them only ({len(held_out.classes)} and {len(training.classes)} classes)."
        )
    return held_out, training


def per_class(settings: Settings, key: str) -> Pool:
    """Every image below the folder's <class>/, at any depth, sorted by path, which is the id.

    Classes are the folders' names, as `in_order` sorts them, which for ImageNet's WordNet ids is the order of the
    logits; with `classes`, all of those, of which folders may hold some. What is hidden or no image is passed over and
    counted in the log. Raises BadInput where there is no such folder, or no class or no image in it, and for the folder
    above those of training and evaluation.
    """
    root = photographs.folder(settings[key], f"images.{key}")
    passed = listed.PassedOver()
    folders = _class_folders(root, passed)
    given = class_names(settings["classes"])
    _demand_no_parts(root, [name for name in folders if name not in (given or ())], folders, key)
    classes = given or in_order(list(folders), root)
    if unknown := [name for name in folders if name not in set(classes)]:
        raise BadInput(
            f"the folder '{root}' has classes that images.classes does not name: {some(unknown)} "
            f"({len(unknown)} of {len(folders)})."
        )
    if len(folders) < 2:
        raise BadInput(f"the folder of images '{root}' has {len(folders)} folders of classes; at least 2 are needed.")
    label_of = {name: at for at, name in enumerate(classes)}
    files: list[str] = []
    labels: list[int] = []
    inner: list[frozenset[str]] = []  # the folders within each class, and "" where images lie in the class itself
    for name, folder in folders.items():
        found = [path.relative_to(root).as_posix() for path in listed.below(folder, passed)]
        if not found:
            raise BadInput(f"the class '{name}' in '{root}' has no images ({', '.join(listed.SUFFIXES)}).")
        files += found
        labels += [label_of[name]] * len(found)
        inner.append(frozenset(file.split("/")[1] if file.count("/") > 1 else "" for file in found))
    passed.report(root)
    if given is None and len(set(inner)) == 1 and "" not in inner[0] and len(inner[0]) > 1:
        log.warning(
            "each of the %d classes of '%s' (%s) holds the same folders (%s); if those are the classes, images.%s must "
            "be the folder of one of them",
            len(folders),
            root,
            some(classes),
            some(sorted(inner[0])),
            key,
        )
    return photographs.pool(root, files, np.array(labels, dtype=np.int64), classes, settings["channels"])


def in_order(names: Sequence[str], root: Path) -> list[str]:
    """Names of classes in order: as numbers where all are, as timm sorts them, else as text.

    Raises BadInput for names that are the same number.
    """
    if not all(re.fullmatch("[0-9]+", name) for name in names):
        return sorted(names)
    values: dict[str, str] = {}
    for name in names:
        value = name.lstrip("0")
        if value in values:
            raise BadInput(
                f"the classes '{values[value]}' and '{name}' in '{root}' are the same number; rename one, or have "
                "images.classes name all classes in order."
            )
        values[value] = name
    return [values[value] for value in sorted(values, key=lambda digits: (len(digits), digits))]


def _class_folders(root: Path, passed: listed.PassedOver) -> dict[str, Path]:
    """{name as text: folder} of the folders, or links to such, that are not hidden."""
    found: dict[str, Path] = {}
    for entry in listed.entries(root):
        if listed.is_hidden(entry.name):
            passed.hidden += 1
        elif os.path.isdir(entry.path):
            name = listed.readable(entry.name)
            if name in found:
                raise BadInput(f"two folders in '{root}' are called '{name}' once written as text; rename one.")
            found[name] = Path(entry.path)
        elif listed.is_image(entry.name):
            passed.beside += 1
        else:
            passed.suffixes[Path(entry.name).suffix.lower()] += 1
    return dict(sorted(found.items()))


def _demand_no_parts(root: Path, names: Sequence[str], folders: dict[str, Path], key: str) -> None:
    """Raise BadInput where some of these folders are parts of a set, such as train and val, with classes in them."""
    usual = (*EVALUATED, *TRAINED) if key == "folder" else (*TRAINED, *EVALUATED)
    parts = sorted((name for name in names if _part(name) in usual), key=lambda name: (usual.index(_part(name)), name))
    whole = [name for name in parts if _has_classes(folders[name])]
    if not whole:
        return
    meant = f"images.{key} is probably '{root / whole[0]}'"
    if key == "folder" and (training := [name for name in whole[1:] if _part(name) in TRAINED]):
        meant += f" and images.training_folder '{root / training[0]}'"
    raise BadInput(
        f"images.{key} '{root}' holds {' and '.join(repr(name) for name in sorted(parts))}: parts of a set of images, "
        f"with the folders of classes in them, rather than classes; {meant} (if they are classes, images.classes has "
        "to name them)."
    )


def _part(name: str) -> str:
    """val of Val, val2 and val_2017."""
    return name.casefold().rstrip("0123456789-_ ")


def _has_classes(folder: Path) -> bool:
    """Whether all images below a folder are in folders of it, of which there are at least two."""
    found = [entry for entry in listed.entries(folder) if not listed.is_hidden(entry.name)]
    if any(listed.is_image(entry.name) and not os.path.isdir(entry.path) for entry in found):
        return False
    within = (entry for entry in found if os.path.isdir(entry.path) and listed.holds_images(Path(entry.path)))
    return next(within, None) is not None and next(within, None) is not None
