"""Images: where they come from, which are chosen, and their ids, which stay the same for ever."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kindred import folders, store
from kindred.errors import BadInput


@dataclass(frozen=True)
class Images:
    """pixels (n, channel, height, width) float32 in [0, 1]; labels (n,) int64; n ids; names of the classes."""

    pixels: np.ndarray
    labels: np.ndarray
    ids: list[str]
    classes: list[str]

    def take(self, index: np.ndarray) -> "Images":
        """The images at these positions, in this order."""
        ids = [self.ids[i] for i in index]
        return Images(self.pixels[index], self.labels[index], ids, self.classes)

    def __len__(self) -> int:
        return len(self.ids)


def digits(settings: Mapping[str, Any]) -> Images:
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
    ids = [f"digits/{i:04d}" for i in range(len(scans))]
    return Images(
        np.clip(pixels, 0, 1), data.target.astype(np.int64), ids, [str(c) for c in data.target_names]
    )


def of_folders(settings: Mapping[str, Any]) -> tuple[Images, Images]:
    """(evaluation images, training images) of folders with a folder per class; the id is the path below the root.

    Raises BadInput as `folders` does: a folder that is missing, too few images, a file that cannot be read.
    """
    parts = folders.split(
        settings["folder"],
        settings["training_folder"],
        int(settings["evaluation"]),
        int(settings["training"]),
        int(settings["seed"]),
    )
    side = int(settings["size"])
    evaluation, training = (
        Images(folders.load(part, side), part.labels, part.files, part.classes) for part in parts
    )
    return evaluation, training


FOLDER = "folder"
SOURCES: dict[str, Callable[[Mapping[str, Any]], Images]] = {"digits": digits}


def select(settings: Mapping[str, Any]) -> tuple[Images, Images]:
    """(evaluation images, training images): a seeded split in which every class keeps its share.

    Raises BadInput when more images are asked for than the source holds, or fewer than it has classes.
    """
    from sklearn.model_selection import train_test_split

    if settings["source"] == FOLDER:
        return of_folders(settings)
    images = SOURCES[settings["source"]](settings)
    wanted, classes = int(settings["evaluation"]), len(images.classes)
    if not classes <= wanted <= len(images) - classes:
        raise BadInput(
            f"images.evaluation is {wanted}, but {settings['source']} holds {len(images)} images of {classes} "
            f"classes, and at least {classes} must be evaluated and as many left for training."
        )
    training, evaluation = train_test_split(
        np.arange(len(images)), test_size=wanted, random_state=int(settings["seed"]), stratify=images.labels
    )
    return images.take(evaluation), images.take(np.sort(training))


def write(path: str | Path, images: Images, attributes: Mapping[str, Any]) -> None:
    """Write images as a store with coordinates `image` (id) and `label`."""
    with store.writing(path, {**attributes, "classes": images.classes}) as group:
        put_coordinates(group, images.ids, images.labels)
        store.put(group, "images", images.pixels, ("image", "channel", "height", "width"))


def put_coordinates(group: Any, ids: list[str], labels: np.ndarray) -> None:
    """The two coordinates that every store of observations carries; both are indexed by `image`."""
    store.put(group, "image", ids, ("image",))
    store.put(group, "label", np.asarray(labels, dtype=np.int64), ("image",))
    group.attrs["coordinates"] = "label"  # the CF convention by which xarray knows it for a coordinate


def load(path: str | Path, count: int | None = None) -> Images:
    """The first `count` images of a store (all by default). BadInput: too few, or pixels outside [0, 1]."""
    ids = store.strings(path, "image")
    count = len(ids) if count is None else count
    if count > len(ids):
        raise BadInput(f"{count} images are wanted of '{path}', which holds {len(ids)}.")
    pixels = np.asarray(store.array(path, "images")[:count], dtype=np.float32)
    if broken := int(np.isnan(pixels).sum()):
        raise BadInput(f"images in '{path}' must be in [0, 1], but {broken} of {pixels.size} pixels are NaN.")
    if pixels.size and (pixels.min() < 0 or pixels.max() > 1):
        raise BadInput(
            f"images in '{path}' must be in [0, 1], but range from {pixels.min():g} to {pixels.max():g}."
        )
    labels = np.asarray(store.array(path, "label")[:count])
    return Images(pixels, labels, ids[:count], list(store.attributes(path)["classes"]))
