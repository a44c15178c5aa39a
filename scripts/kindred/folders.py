"""Photographs on disk, a folder per class, as ImageNet is usually kept: which are taken, and their pixels."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kindred.errors import BadInput

SUFFIXES = (".jpeg", ".jpg", ".png", ".bmp", ".webp", ".ppm", ".tif", ".tiff")
MARGIN = 256 / 224  # the shorter side is resized to so much of what the centre crop keeps


@dataclass(frozen=True)
class Listing:
    """The files of a folder: classes in the order of their names, paths below the root, labels (n,) int64."""

    root: Path
    classes: list[str]
    files: list[str]
    labels: np.ndarray

    def take(self, index: np.ndarray) -> "Listing":
        """The files at these positions, in this order; classes stay."""
        return Listing(self.root, self.classes, [self.files[i] for i in index], self.labels[index])


def scan(root: str | Path) -> Listing:
    """Every image below root/<class>/, at any depth, sorted by path. BadInput: no such folder, no classes, no images.

    Classes are the folders' names in sorted order, which for ImageNet's WordNet ids is the order of the logits.
    """
    root = Path(root)
    if not root.is_dir():
        raise BadInput(
            f"the folder of images '{root}' does not exist; see images.folder and images.training_folder."
        )
    classes = sorted(
        entry.name for entry in root.iterdir() if entry.is_dir() and not entry.name.startswith(".")
    )
    files: list[str] = []
    labels: list[int] = []
    for label, name in enumerate(classes):
        found = sorted(
            path.relative_to(root).as_posix()
            for path in (root / name).rglob("*")
            if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
        )
        if not found:
            raise BadInput(f"the class '{name}' in '{root}' has no images ({', '.join(SUFFIXES)}).")
        files += found
        labels += [label] * len(found)
    if len(classes) < 2:
        raise BadInput(
            f"the folder of images '{root}' has {len(classes)} folders of classes; at least 2 are needed."
        )
    return Listing(root, classes, files, np.array(labels, dtype=np.int64))


def choose(labels: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Positions (count,) of images of all classes alike, drawn without repetition, in random order.

    Every class gives one image before any gives a second, so numbers differ by one at most while classes last; a
    smaller count takes a part of what a larger one takes. Raises BadInput for more images than there are.
    """
    if not 0 < count <= len(labels):
        raise BadInput(f"{count:,} images are wanted of a folder that holds {len(labels):,}.")
    draws = np.random.default_rng(seed)
    order = draws.permutation(len(labels))
    by_class = np.argsort(labels[order], kind="stable")
    counts = np.bincount(labels)
    rank = np.empty(len(labels), dtype=np.int64)  # how many of its class come before an image
    rank[by_class] = np.arange(len(labels)) - np.repeat(np.cumsum(counts) - counts, counts)
    return order[np.argsort(rank, kind="stable")[:count]]


def read(path: Path, side: int) -> np.ndarray:
    """One image as (3, side, side) float32 in [0, 1]: bilinear resize of the shorter side, centre crop.

    The shorter side becomes side * 256 / 224, the usual share. Raises BadInput naming a file that cannot be read.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as opened:
            image = opened.convert("RGB")
    except (OSError, UnidentifiedImageError, SyntaxError, ValueError) as error:
        raise BadInput(f"the image '{path}' cannot be read ({error}); replace it or take it out.") from error
    shorter = round(side * MARGIN)
    scale = shorter / min(image.size)
    width, height = (max(shorter, int(length * scale)) for length in image.size)
    image = image.resize((width, height), Image.Resampling.BILINEAR)
    left, top = round((width - side) / 2), round((height - side) / 2)
    pixels = np.asarray(image.crop((left, top, left + side, top + side)), dtype=np.float32)
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)) / np.float32(255)


def load(listing: Listing, side: int) -> np.ndarray:
    """Pixels (n, 3, side, side) float32 of all files of a listing."""
    pixels = np.empty((len(listing.files), 3, side, side), dtype=np.float32)
    for place, name in enumerate(listing.files):
        pixels[place] = read(listing.root / name, side)
    return pixels


def demand_same_classes(first: Listing, second: Listing) -> None:
    """BadInput where two folders do not have the same classes, naming one that only one of them has."""
    if odd := sorted(set(first.classes) ^ set(second.classes)):
        raise BadInput(
            f"the folders '{first.root}' and '{second.root}' must have the same classes, but '{odd[0]}' is in one of "
            f"them only ({len(first.classes)} and {len(second.classes)} classes)."
        )


def split(
    folder: str, training_folder: str | None, evaluation: int, training: int, seed: int
) -> Sequence[Listing]:
    """(evaluation files, training files): both of one folder and apart, or of a folder each."""
    held_out = scan(folder)
    chosen = choose(held_out.labels, evaluation, seed)
    if training_folder is None:
        left = np.setdiff1d(np.arange(len(held_out.files)), chosen)
        rest = held_out.take(left)
    else:
        rest = scan(training_folder)
        demand_same_classes(held_out, rest)
    if training > len(rest.files):
        raise BadInput(
            f"images.training is {training:,}, but '{rest.root}' has {len(rest.files):,} images that are not evaluated."
        )
    return held_out.take(chosen), rest.take(np.sort(choose(rest.labels, training, seed)))
