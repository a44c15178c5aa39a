"""Names and numbers of the classes of images."""

import re
from collections.abc import Sequence
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from kindred.workflow.errors import BadInput, first_line, some
from kindred.workflow.job import log

MOST_CLASSES = 100_000  # more than any set of images has; a number that is larger is an identifier and no label
MOST_SHOWN = 40  # characters of a label in a message
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]{1,6})?", re.IGNORECASE | re.ASCII)
MISSING = ("nan", "none", "null", "na", "n/a", "inf", "-inf")  # what libraries write where a number is missing


def class_names(given: int | str | None) -> list[str] | None:
    """Names of all classes in the order of a model's logits; None for None.

    given: a number of classes, `imagenet` for its 1,000 WordNet ids, or a text file with a name per line. Raises
    BadInput for a file that cannot be read or does not hold at least two different names.
    """
    if given is None:
        return None
    if isinstance(given, int):
        if given > MOST_CLASSES:
            raise BadInput(f"images.classes is {given:,}, but must be at most {MOST_CLASSES:,}.")
        return [str(at) for at in range(given)]
    if given == "imagenet":
        # By name, so that the code of networks is no part of this code's fingerprint.
        timm = import_module("kindred.models.architectures").timm
        return list(timm.data.ImageNetInfo().label_names())
    if Path(given).exists() and not Path(given).is_file():  # a pipe would be waited for
        raise BadInput(f"images.classes is '{given}', which is no file.")
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

    values: n whole numbers from 0, also written as 10.0 or 1e1, or n names; given: as `class_names` takes it; where:
    what messages call the labels. Values that all are names of the given classes are names, also where they look like
    numbers. Raises BadInput for values that are missing, no whole numbers or none of the given classes, and where there
    are too few classes or too many.
    """
    texts = [_text(value) for value in values]
    names, each = class_names(given), list(dict.fromkeys(texts))
    if not texts:
        raise BadInput(f"'{where}' holds no labels.")
    if not set(each) <= set(names or ()):
        numbers = _whole_numbers(each, where, names)
        if numbers is not None:
            labels = np.array([numbers[text] for text in texts], dtype=np.int64)
            names = names or [str(at) for at in range(int(labels.max()) + 1)]
            if labels.min() < 0 or labels.max() >= len(names):
                raise BadInput(
                    f"labels in '{where}' go from {labels.min()} to {labels.max()}, but there are {len(names)} "
                    f"classes, 0 to {len(names) - 1}; see images.classes."
                )
            return labels, _enough(names, where)
    names = names or sorted(each)
    label_of = {name: at for at, name in enumerate(names)}
    if unknown := [_short(text) for text in each if text not in label_of]:
        raise BadInput(f"labels in '{where}' are not in images.classes: {some(unknown)}.")
    return np.array([label_of[text] for text in texts], dtype=np.int64), _enough(names, where)


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "backslashreplace")
    return "" if value is None else str(value).strip()


def _whole_numbers(each: Sequence[str], where: str, names: Sequence[str] | None) -> dict[str, int] | None:
    """{text: number} where all are whole numbers, and None where they are names, as some are no numbers."""
    numbers = {text: Decimal(text) for text in each if NUMBER.fullmatch(text)}
    rest = [text for text in each if text not in numbers]
    missing = [text for text in rest if not text or (numbers and text.lower() in MISSING)]
    if missing and ("" in missing or missing == rest):
        raise BadInput(f"labels in '{where}' are missing in places: {some(map(repr, missing))}.")
    if strange := [text for text in rest if text.lstrip("+-").isdigit() and text not in (names or ())]:
        raise BadInput(f"labels in '{where}' are written with other digits than 0 to 9: {_all(strange)}.")
    if rest:
        if numbers and not names:
            log.warning(
                "labels in '%s' are partly numbers (%s) and partly not (%s): all are taken for names, sorted as text",
                where,
                _all(list(numbers)),
                _all(rest),
            )
        return None
    if huge := [text for text, number in numbers.items() if abs(number) >= MOST_CLASSES]:
        raise BadInput(f"labels in '{where}' must be below {MOST_CLASSES:,}, the most classes, but are {_all(huge)}.")
    if broken := [text for text, number in numbers.items() if number != number.to_integral_value()]:
        raise BadInput(f"labels in '{where}' must be whole numbers or names, but are {_all(broken)}.")
    return {text: int(number) for text, number in numbers.items()}


def _enough(names: list[str], where: str) -> list[str]:
    if len(names) < 2:
        raise BadInput(f"labels in '{where}' are of {len(names)} class; at least 2 are needed.")
    if len(names) > MOST_CLASSES:
        raise BadInput(
            f"labels in '{where}' are of {len(names):,} classes, but at most {MOST_CLASSES:,} are possible; is it the "
            "right column or array?"
        )
    return names


def _all(texts: Sequence[str]) -> str:
    return some(map(_short, texts))


def _short(text: str) -> str:
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}... ({len(text):,} characters)"
