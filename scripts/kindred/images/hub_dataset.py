"""A Hugging Face dataset, by its name on the hub or as a folder."""

from pathlib import Path
from typing import Any

import numpy as np

from kindred.images.pixels import of_image
from kindred.images.pool import Pool, Settings
from kindred.workflow.errors import BadInput, first_line, some


def pools(settings: Settings) -> tuple[Pool, Pool | None]:
    """The images of one split; the id is the split and the row. There is no training part.

    Raises BadInput where the package `datasets` is missing, and where the dataset cannot be loaded or does not have a
    column of images and one of labels.
    """
    try:
        import datasets
    except ImportError as error:
        raise BadInput(
            f"images of the source dataset need the package 'datasets' ({error}): pip install datasets"
        ) from error
    name, split = settings["dataset"], settings["split"] or "test"
    try:
        if (Path(name) / "dataset_dict.json").is_file():
            found = datasets.load_from_disk(name)[split]
        elif (Path(name) / "dataset_info.json").is_file():
            found = datasets.load_from_disk(name)
        else:
            found = datasets.load_dataset(name, split=split)
    except Exception as error:  # it fetches, caches and parses
        raise BadInput(
            f"the dataset '{name}' with the split '{split}' cannot be loaded: {type(error).__name__}: "
            f"{first_line(error)}."
        ) from error
    kinds = {key: type(feature).__name__ for key, feature in found.features.items()}
    x = next((key for key, kind in kinds.items() if kind == "Image"), None)
    y = next((key for key, kind in kinds.items() if kind == "ClassLabel"), None)
    if x is None or y is None:
        raise BadInput(
            f"the dataset '{name}' has the columns {some(f'{key} ({kind})' for key, kind in kinds.items())}, "
            "but one of Image and one of ClassLabel are needed."
        )
    values = list(found[y])
    if unlabelled := sum(value is None or value < 0 for value in values):
        raise BadInput(
            f"{unlabelled:,} of {len(values):,} images of the dataset '{name}' with the split '{split}' have no label; "
            "images.split names another one."
        )
    labels = np.array(values, dtype=np.int64)
    ids = [f"{split}/{row:06d}" for row in range(len(found))]
    classes, channels = list(found.features[y].names), settings["channels"]
    return Pool(f"'{name}'", labels, ids, classes, lambda at: _decoded(found, at, x, channels)), None


def _decoded(found: Any, at: int, column: str, channels: int) -> Any:
    try:
        return of_image(found[at][column], channels)
    except BadInput:
        raise
    except Exception as error:  # whatever the bytes of one image do
        raise BadInput(first_line(error)) from error
