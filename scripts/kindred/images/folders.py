"""Photographs in a folder per class, as ImageNet is usually kept."""

import numpy as np

from kindred.images import photographs
from kindred.images.classes import class_names
from kindred.images.pool import Pool, Settings
from kindred.workflow.errors import BadInput, some


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

    Classes are the folders' names in sorted order, which for ImageNet's WordNet ids is the order of the logits; with
    `classes`, all of those, of which folders may hold some. Raises BadInput where there is no such folder, or no class
    or no image in it.
    """
    root = photographs.folder(settings[key], f"images.{key}")
    names = sorted(entry.name for entry in root.iterdir() if entry.is_dir() and not entry.name.startswith("."))
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
    for name in names:
        found = sorted(
            path.relative_to(root).as_posix()
            for path in (root / name).rglob("*")
            if path.suffix.lower() in photographs.SUFFIXES and not path.name.startswith(".")
        )
        if not found:
            raise BadInput(f"the class '{name}' in '{root}' has no images ({', '.join(photographs.SUFFIXES)}).")
        files += found
        labels += [label_of[name]] * len(found)
    return photographs.pool(root, files, np.array(labels, dtype=np.int64), classes, settings["channels"])
