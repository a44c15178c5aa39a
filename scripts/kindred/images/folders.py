"""Photographs in a folder per class, as ImageNet is usually kept."""

import os
from collections import Counter
from pathlib import Path

import numpy as np

from kindred.images import photographs
from kindred.images.classes import class_names
from kindred.images.pool import Pool, Settings
from kindred.workflow.errors import BadInput, some
from kindred.workflow.job import log

# Folders of these names, in any case, are parts of a data set rather than classes; those to evaluate on come first.
PARTS = ("val", "valid", "validation", "test", "testing", "eval", "dev", "train", "training")
TRAINING = ("train", "training")
HIDDEN = ("__MACOSX",)  # what archives of a Mac hold beside the files themselves


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

    Classes are the folders' names in sorted order, which for ImageNet's WordNet ids is the order of the logits; names
    that are all numbers in the order of the numbers; with `classes`, all of those, of which folders may hold some. The
    log tells what is passed over. Raises BadInput where there is no such folder, or no class or no image in it, and for
    the folder above the parts of a data set.
    """
    root = photographs.folder(settings[key], f"images.{key}")
    names = _in_order(
        [entry.name for entry in root.iterdir() if entry.is_dir() and not _is_hidden(entry.name)], str(root)
    )
    _demand_classes(root, names, key)
    classes = class_names(settings["classes"]) or names
    if unknown := [name for name in names if name not in set(classes)]:
        raise BadInput(
            f"the folder '{root}' has classes that images.classes does not name: {some(unknown)} "
            f"({len(unknown)} of {len(names)})."
        )
    if len(names) < 2:
        raise BadInput(f"the folder of images '{root}' has {len(names)} folders of classes; at least 2 are needed.")
    label_of = {name: at for at, name in enumerate(classes)}
    files: list[str] = []
    labels: list[int] = []
    passed: Counter[str] = Counter()
    for name in names:
        found = sorted(_images(root, name, passed))
        if not found:
            raise BadInput(f"the class '{name}' in '{root}' has no images ({', '.join(photographs.SUFFIXES)}).")
        files += found
        labels += [label_of[name]] * len(found)
    if passed:
        told = ", ".join(f"{count} {what}" for what, count in passed.most_common())
        log.info("%d images in '%s'; passed over: %s", len(files), root, told)
    return photographs.pool(root, files, np.array(labels, dtype=np.int64), classes, settings["channels"])


def _in_order(names: list[str], where: str) -> list[str]:
    """Names of classes sorted: by their numbers where all are numbers, as timm does, else as text."""
    if not all(name.isascii() and name.isdigit() for name in names):
        return sorted(names)
    for number, count in Counter(map(int, names)).items():
        if count > 1:
            same = sorted(name for name in names if int(name) == number)
            raise BadInput(
                f"the folders {', '.join(same)} in '{where}' are the same number, so their order is unknown."
            )
    return sorted(names, key=int)


def _demand_classes(root: Path, names: list[str], key: str) -> None:
    """Raise BadInput for a folder whose folders are parts of a data set, each with folders of classes."""
    parts = {name.lower(): name for name in names}
    if not names or not set(parts) <= set(PARTS) or not any(_holds_folders(root / name) for name in names):
        return
    usual = [parts[part] for part in PARTS if part in parts]
    wanted = [name for name in usual if (name.lower() in TRAINING) == (key == "training_folder")] or usual
    raise BadInput(
        f"the folder of images '{root}' holds the parts of a data set ({', '.join(usual)}) and not its classes; "
        f"images.{key} is probably '{root / wanted[0]}'."
    )


def _holds_folders(path: Path) -> bool:
    return any(entry.is_dir() and not _is_hidden(entry.name) for entry in path.iterdir())


def _images(root: Path, name: str, passed: Counter[str]) -> list[str]:
    """Paths below root of the images of a class; what is passed over is counted. Links to folders are not followed."""
    found = []
    for folder, inner, files in os.walk(root / name):
        for one in list(inner):
            if _is_hidden(one):
                passed["hidden folders"] += 1
                inner.remove(one)
            elif os.path.islink(os.path.join(folder, one)):
                passed["links to folders"] += 1
        for one in files:
            path = Path(folder, one)
            if _is_hidden(one):
                passed["hidden files"] += 1
            elif path.suffix.lower() not in photographs.SUFFIXES:
                passed[f"files that end in '{path.suffix}'" if path.suffix else "files without a suffix"] += 1
            elif path.exists() and not path.is_file():
                passed["pipes, sockets or devices"] += 1
            else:
                found.append(path.relative_to(root).as_posix())
    return found


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name in HIDDEN
