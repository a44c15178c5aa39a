"""Names and numbers of the classes of images."""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from kindred.workflow.errors import BadInput, first_line, some

MOST_CLASSES = 100_000  # numbers from 0 without a list of classes: a name is made for each
LONGEST = 18  # digits of a number that is a label


def class_names(given: int | str | None) -> list[str] | None:
    """Names of all classes in the order of a model's logits; None for None.

    given: a number of classes, `imagenet` for its 1,000 WordNet ids, or a text file with a name per line. Raises
    BadInput for a file that cannot be read or does not hold at least two different names.
    """
    if given is None:
        return None
    if isinstance(given, int):
        return [str(at) for at in range(given)]
    if given == "imagenet":
        # By name, so that the code of networks is no part of this code's fingerprint.
        timm = import_module("kindred.models.architectures").timm
        return list(timm.data.ImageNetInfo().label_names())
    try:
        text = Path(given).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"images.classes is '{given}', a file that cannot be read: {first_line(error)}.") from error
    names = [line.strip() for line in text.splitlines() if line.strip()]
    if len(set(names)) != len(names) or len(names) < 2:
        raise BadInput(f"images.classes is '{given}', whose {len(names)} lines must be at least 2 names, each once.")
    return names


def numbered(values: Sequence[Any], given: int | str | None, where: str) -> tuple[np.ndarray, list[str]]:
    """Labels (n,) int64 and the names of their classes.

    values: n numbers from 0, or n names; given: as `class_names` takes it; where: what messages call the labels. A
    number may be written as tables do that have gaps, 3.0. Raises BadInput for values that are none of the given
    classes, where there are fewer than two classes, and for numbers without `given` that would make too many.
    """
    names = class_names(given)
    if not len(values):
        raise BadInput(f"'{where}' holds no labels.")
    whole = [number for value in values if (number := _number(value)) is not None]
    if len(whole) == len(values):
        low, high = min(whole), max(whole)
        most = len(names) if names else MOST_CLASSES
        if low < 0 or high >= most:
            there = f"there are {most} classes, 0 to {most - 1}" if names else f"at most {MOST_CLASSES:,} are numbered"
            raise BadInput(
                f"labels in '{where}' go from {_short(low)} to {_short(high)}, but {there}; see images.classes."
            )
        labels = np.array(whole, dtype=np.int64)
        names = names or [str(at) for at in range(high + 1)]
    elif whole and not names and (others := _reals(values)):
        raise BadInput(f"labels in '{where}' must be whole numbers or names, but one is '{_short(others[0])}'.")
    else:
        texts = [str(value).strip() for value in values]
        names = names or sorted(set(texts))
        label_of = {name: at for at, name in enumerate(names)}
        if unknown := [text for text in dict.fromkeys(texts) if text not in label_of]:
            raise BadInput(f"labels in '{where}' are not in images.classes: {some(map(_short, unknown))}.")
        labels = np.array([label_of[text] for text in texts], dtype=np.int64)
    if len(names) < 2:
        raise BadInput(f"labels in '{where}' are of {len(names)} class; at least 2 are needed.")
    return labels, names


def _number(value: Any) -> int | None:
    """The whole number that a label is, as 3, '3', 3.0 or '3.0'; None for others."""
    text = str(value).strip()
    whole, _, fraction = text.removeprefix("-").partition(".")
    if not (whole.isascii() and whole.isdigit()) or fraction.strip("0"):
        return None
    # A longer one is out of any range, and Python converts no more than 4,300 digits.
    number = int(whole) if len(whole.lstrip("0")) <= LONGEST else 10**LONGEST
    return -number if text.startswith("-") else number


def _reals(values: Sequence[Any]) -> list[str]:
    """The values that are no whole numbers, where all are numbers or empty; none where some are names."""
    texts = [str(value).strip() for value in values]
    try:
        [float(text or "nan") for text in texts]
    except ValueError:
        return []
    return [text for text in texts if _number(text) is None]


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 40 else f"{text[:20]}... ({len(text)} characters)"
