"""The list of all chosen images, for people."""

import csv
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from kindred.workflow import store

COLUMNS = ("part", "image", "label", "class")


def write(path: str | Path, parts: Mapping[str, str | Path]) -> None:
    """Write a CSV of every chosen image in order: its part, id, label and class; broken ones come last.

    parts: {name of the part: store of its images}. No pixels are read.
    """
    with open(path, "w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(COLUMNS)
        broken: dict[str, str] = {}
        for part, images in parts.items():
            about = store.attributes(images)
            labels = np.asarray(store.array(images, "label")[:]).tolist()
            for name, label in zip(store.strings(images, "image"), labels, strict=True):
                rows.writerow([part, name, label, about["classes"][label]])
            broken |= about["broken"]
        rows.writerows(["broken", name, "", ""] for name in broken)
