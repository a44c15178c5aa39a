"""Clean accuracy of a model: measured, doubted where it is near chance, and compared with an expected one. No torch."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from kindred.images.images import Images
from kindred.workflow.errors import BadInput
from kindred.workflow.job import log

DOUBTFUL = 0.1  # a model that is better than guessing by less, or than twice as good, is warned of
CLOSER = 0.1  # so much more accuracy in another order of the classes means that the order is wrong
FEWEST = 5  # images of each class, and images that another order gets right, that tell it from chance


def measure(logits: np.ndarray, held_out: Images) -> dict[str, Any]:
    """clean_accuracy, the share of images whose largest logit of (n, classes) is their label's, and clean_images.

    Where another order of the classes would be far more accurate, also reordered_accuracy: in the best order where
    there are FEWEST images of each class, else in the best of the orders that names are usually sorted in.
    """
    predicted, images = logits.argmax(1), len(held_out)
    found = {"clean_accuracy": float((predicted == held_out.labels).mean()), "clean_images": images}
    classes = len(held_out.classes)
    if images >= FEWEST * classes:
        from scipy.optimize import linear_sum_assignment

        table = np.zeros((classes, classes), dtype=np.int64)
        np.add.at(table, (held_out.labels, predicted), 1)
        best = float(table[linear_sum_assignment(table, maximize=True)].sum() / images)
    else:  # the best of all orders would fit the noise
        best = max(float((predicted == order[held_out.labels]).mean()) for order in usual_orders(held_out.classes))
    if best > found["clean_accuracy"] + max(CLOSER, FEWEST / images):
        found["reordered_accuracy"] = best
    return found


def usual_orders(names: Sequence[str]) -> list[np.ndarray]:
    """Logits (classes,) of the classes, by their names, in networks whose classes were sorted in usual ways.

    As text, as text without regard to case, and with the numbers in names by their size.
    """

    def parts(name: str) -> list[tuple[int, int, str]]:
        pieces = re.split(r"(\d+)", name)
        return [(0, int(piece), "") if piece.isdigit() else (1, 0, piece) for piece in pieces]

    keys: list[Callable[[str], Any]] = [str, str.lower, parts]
    orders = [sorted(range(len(names)), key=lambda at: (key(names[at]), at)) for key in keys]
    return [np.argsort(np.array(order)) for order in orders]


def warn(name: str, measured: Mapping[str, Any], classes: int) -> None:
    """Warn of a model that does about as well as guessing, or far better in another order; measured: of `measure`."""
    guessing = 1 / classes
    near = measured["clean_accuracy"] < guessing + min(guessing, DOUBTFUL)
    if near or "reordered_accuracy" in measured:
        log.warning(
            "model '%s' has an accuracy of %.4f, and guessing %.4f; check its mean, std, value_range and "
            "the order of its classes%s",
            name,
            measured["clean_accuracy"],
            1 / classes,
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
    best = measured.get("reordered_accuracy")
    return f"; in another order of classes it would be {best:.4f}" if best else ""
