"""Which images everything is measured on, and which the models are trained on: the sources, and the choice.

A further source is one function here or in a module beside it, an entry of SOURCES, and one in `config.schema.yaml`.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kindred import arrays, folders, pools
from kindred.errors import BadInput
from kindred.images import Images
from kindred.pools import Pool

Settings = Mapping[str, Any]
DIGITS = "digits"
COLUMNS = "part,image,label,class"


@dataclass(frozen=True)
class Selection:
    """Images to measure on, images to train on, and {id: why} of those that could not be read."""

    evaluation: Images
    training: Images
    broken: dict[str, str]


def digits(settings: Settings) -> Images:
    """scikit-learn's copy of the UCI handwritten digits: 1,797 scans of 8 x 8 pixels with 17 grey levels.

    Scans are resized bilinearly to the study's size. The id is the position in the published file.
    """
    from PIL import Image
    from sklearn.datasets import load_digits

    data = load_digits()
    side = int(settings["size"])
    scans = (data.images / 16.0).astype(np.float32)
    resized = [Image.fromarray(scan).resize((side, side), Image.Resampling.BILINEAR) for scan in scans]
    pixels = np.stack([np.asarray(image, dtype=np.float32) for image in resized])[:, None]
    pixels = np.repeat(np.clip(pixels, 0, 1), settings.get("channels") or 1, axis=1)
    ids = [f"digits/{i:04d}" for i in range(len(scans))]
    return Images(pixels, data.target.astype(np.int64), ids, [str(c) for c in data.target_names])


def of_folders(settings: Settings) -> arrays.Both:
    """A folder per class; those for training in a folder of their own, or in the same."""
    held_out = folders.per_class(settings)
    if settings["training_folder"] is None:
        return held_out, None
    training = folders.per_class(settings, "training_folder")
    folders.demand_same_classes(held_out, training)
    return held_out, training


def of_table(settings: Settings) -> arrays.Both:
    """One folder and a table of labels."""
    return folders.tabled(settings), None


SOURCES: dict[str, Callable[[Settings], arrays.Both]] = {
    "folder": of_folders,
    "table": of_table,
    "cifar10": arrays.cifar,
    "cifar100": arrays.cifar,
    "idx": arrays.idx,
    "npz": arrays.npz,
    "zarr": arrays.zarr,
    "dataset": arrays.dataset,
}


def select(settings: Settings) -> Selection:
    """The images of a study; a seeded choice, by default of all classes alike.

    Training images come from the source's training part, or from what is left of the one part that it has. Raises
    BadInput where the source does not hold what is asked for, and where more are broken than allowed. What the
    settings leave out is None.
    """
    settings = defaultdict(lambda: None, settings)
    if settings["source"] == DIGITS:
        return _split_digits(settings)
    held_out, training = SOURCES[settings["source"]](settings)
    wanted = int(settings["training"] or 0)
    how = {
        "side": int(settings["size"]),
        "channels": int(settings["channels"] or 3),
        "crop": settings["crop"],
        "most_broken": int(settings["broken"] or 0),
    }
    balanced, seed = settings["choice"] != "random", int(settings["seed"])
    count = int(settings["evaluation"])
    _demand_enough(held_out, count, "evaluation")
    order = pools.choose(held_out.labels, len(held_out.ids), seed, balanced)
    taken = pools.take(held_out, order, count, **how)
    left = held_out.without(taken.tried) if training is None else training
    _demand_enough(left, wanted, "training")
    order = pools.choose(left.labels, len(left.ids), seed, balanced)
    # Sorted as far as images can be read, so that a larger count does not change the order of a smaller one's files.
    order = np.concatenate([np.sort(order[:wanted]), order[wanted:]])
    rest = pools.take(left, order, wanted, **how)
    return Selection(taken.images, rest.images, {**taken.broken, **rest.broken})


def _demand_enough(pool: Pool, count: int, key: str) -> None:
    if count > len(pool.ids):
        left = " that are not evaluated" if key == "training" else ""
        raise BadInput(f"images.{key} is {count:,}, but {pool.name} has {len(pool.ids):,} images{left}.")


def _split_digits(settings: Settings) -> Selection:
    """A split in which every class keeps its share; all the rest is for training."""
    from sklearn.model_selection import train_test_split

    images = digits(settings)
    wanted, classes = int(settings["evaluation"]), len(images.classes)
    if not classes <= wanted <= len(images) - classes:
        raise BadInput(
            f"images.evaluation is {wanted}, but {settings['source']} holds {len(images)} images of {classes} "
            f"classes, and at least {classes} must be evaluated and as many left for training."
        )
    training, evaluation = train_test_split(
        np.arange(len(images)), test_size=wanted, random_state=int(settings["seed"]), stratify=images.labels
    )
    return Selection(images.take(evaluation), images.take(np.sort(training)), {})


def write_list(path: str | Path, selection: Selection) -> None:
    """Every chosen image in order, as CSV: its part (natural, training or broken), id, label and class."""
    import csv

    with open(path, "w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(COLUMNS.split(","))
        for part, images in (("natural", selection.evaluation), ("training", selection.training)):
            for name, label in zip(images.ids, images.labels.tolist(), strict=True):
                rows.writerow([part, name, label, images.classes[label]])
        rows.writerows(["broken", name, "", ""] for name in selection.broken)
