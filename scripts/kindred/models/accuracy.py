"""Clean accuracy of a model: measured, doubted where it is near chance, and compared with an expected one. No torch."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kindred.images.images import Images
from kindred.workflow.errors import BadInput
from kindred.workflow.job import log

DOUBTFUL = 0.1  # a model that is better than guessing by less, or than twice as good, is warned of
CLOSER = 0.1  # so much more accuracy in another order of the classes means that the order is wrong
SURE = 2.5  # and so many standard errors of that difference, as several orders are tried on few images
FEWEST = 5  # images of a class, on average, that are needed to find an order of classes that nobody would name

Hits = NDArray[np.bool_]  # of each image, whether it is classified as its label


def measure(logits: np.ndarray, held_out: Images) -> dict[str, Any]:
    """clean_accuracy, the share of images whose largest logit of (n, classes) is their label's, and clean_images.

    Where another order of the classes would be far more accurate, also reordered_accuracy, in the best order, and
    reordered_by, what that order is. Orders that files and programs usually have are looked at on any number of images,
    all others where there are enough.
    """
    predicted, labels = logits.argmax(1), held_out.labels
    hits = predicted == labels
    others = {how: meant[predicted] == labels for how, meant in _usual_orders(held_out.classes).items()}
    if len(labels) >= FEWEST * len(np.unique(labels)):
        others["one that is fitted to the images"] = _best_order(predicted, labels)
    found: dict[str, Any] = {"clean_accuracy": float(hits.mean()), "clean_images": len(held_out)}
    better = {how: float(other.mean()) for how, other in others.items() if _far_better(other, hits, labels)}
    if better:
        best = max(better, key=lambda how: better[how])
        found |= {"reordered_accuracy": better[best], "reordered_by": best}
    return found


def _usual_orders(classes: Sequence[str]) -> dict[str, NDArray[np.int64]]:
    """{what an order is called: (classes,) the label that each logit means if the model has that order}."""
    place = {name: at for at, name in enumerate(classes)}
    keys: dict[str, Callable[[str], Any]] = {
        "their names sorted as text": str,
        "their names sorted as text without regard to case": str.lower,
        "their names sorted by the numbers in them": _numbers_in,
    }
    orders = {how: np.array([place[name] for name in sorted(classes, key=key)]) for how, key in keys.items()}
    own = np.arange(len(classes))
    orders["labels that begin one higher"], orders["labels that begin one lower"] = np.roll(own, 1), np.roll(own, -1)
    return {how: meant for how, meant in orders.items() if not np.array_equal(meant, own)}


def _numbers_in(name: str) -> list[tuple[int, str]]:
    """A key by which class2 comes before class10, as timm sorts names: numbers by their digits, text in lower case."""
    parts = re.split("([0-9]+)", name.lower())
    return [(len(part.lstrip("0")), part.lstrip("0")) if at % 2 else (0, part) for at, part in enumerate(parts)]


def _best_order(predicted: NDArray[np.int64], labels: NDArray[np.int64]) -> Hits:
    """Hits in the order that fits the images best. Each half of a class is judged by the order that fits the other."""
    from scipy.optimize import linear_sum_assignment

    (present, label), (logits, logit) = (np.unique(values, return_inverse=True) for values in (labels, predicted))
    of_class = np.argsort(label, kind="stable")
    counts = np.bincount(label)
    half = np.empty(len(labels), dtype=np.int64)
    half[of_class] = (np.arange(len(labels)) - np.repeat(np.cumsum(counts) - counts, counts)) % 2
    hits = np.zeros(len(labels), dtype=np.bool_)
    for fitted, judged in ((half == 0, half == 1), (half == 1, half == 0)):
        table = np.zeros((len(present), len(logits)), dtype=np.int64)
        np.add.at(table, (label[fitted], logit[fitted]), 1)
        meant = np.full(len(logits), -1)
        rows, columns = linear_sum_assignment(table, maximize=True)
        meant[columns] = rows
        hits[judged] = meant[logit[judged]] == label[judged]
    return hits


def _far_better(other: Hits, hits: Hits, labels: NDArray[np.int64]) -> bool:
    """Whether another order has far more hits than by chance, in two classes at least: a wrong order misses two."""
    change = other.astype(np.int64) - hits
    classes = np.bincount(labels, weights=change)
    sure = change.sum() >= SURE * np.sqrt(np.abs(change).sum())
    return bool(change.mean() > CLOSER and sure and (classes > 0).sum() >= 2)


def warn_of_doubt(name: str, measured: Mapping[str, Any], classes: int) -> None:
    """Warn of a model that does about as well as guessing, or far better in another order; measured: of `measure`."""
    guessing = 1 / classes
    if measured["clean_accuracy"] < guessing + min(guessing, DOUBTFUL):
        log.warning(
            "model '%s' has an accuracy of %.4f, and guessing %.4f; check its mean, std, value_range and "
            "the order of its classes%s",
            name,
            measured["clean_accuracy"],
            guessing,
            _hint(measured),
        )
    elif "reordered_accuracy" in measured:
        log.warning(
            "model '%s' has an accuracy of %.4f; check the order of its classes%s",
            name,
            measured["clean_accuracy"],
            _hint(measured),
        )


def demand(name: str, measured: Mapping[str, Any], expected: Mapping[str, float]) -> None:
    """Raise BadInput where the accuracy is further from the expected one than tolerated.

    measured: of `measure`, or a description that holds it; expected: `expected` and `tolerance`, shares of images.
    """
    found, images, wanted = measured["clean_accuracy"], measured["clean_images"], expected["expected"]
    if abs(found - wanted) <= expected["tolerance"]:
        return
    noise = 2 * float(np.sqrt(wanted * (1 - wanted) / images))
    raise BadInput(
        f"model '{name}' has a clean accuracy of {found:.4f} on {images} images, but models.{name}.accuracy expects "
        f"{wanted:g} within {expected['tolerance']:g} (two standard errors of so many images are {noise:.3f}); usually "
        f"mean, std, value_range, input_size or the order of classes are wrong{_hint(measured)}."
    )


def _hint(measured: Mapping[str, Any]) -> str:
    if "reordered_accuracy" not in measured:
        return ""
    how = f" ({measured['reordered_by']})" if measured.get("reordered_by") else ""
    return f"; in another order of classes{how} it would be {measured['reordered_accuracy']:.4f}"
