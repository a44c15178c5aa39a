"""Names and numbers of the classes of images."""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from kindred.workflow.errors import BadInput, first_line, some


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

    values: n numbers from 0, or n names; given: as `class_names` takes it; where: what messages call the labels. Raises
    BadInput for values that are none of the given classes, and where there are fewer than two classes.
    """
    names = class_names(given)
    if all(str(value).strip().removeprefix("-").isdigit() for value in values):
        labels = np.array([int(value) for value in values], dtype=np.int64)
        names = names or [str(at) for at in range(int(labels.max()) + 1)]
        if labels.min() < 0 or labels.max() >= len(names):
            raise BadInput(
                f"labels in '{where}' go from {labels.min()} to {labels.max()}, but there are {len(names)} "
                f"classes, 0 to {len(names) - 1}; see images.classes."
            )
    else:
        texts = [str(value).strip() for value in values]
        names = names or sorted(set(texts))
        label_of = {name: at for at, name in enumerate(names)}
        if unknown := [text for text in dict.fromkeys(texts) if text not in label_of]:
            raise BadInput(f"labels in '{where}' are not in images.classes: {some(unknown)}.")
        labels = np.array([label_of[text] for text in texts], dtype=np.int64)
    if len(names) < 2:
        raise BadInput(f"labels in '{where}' are of {len(names)} class; at least 2 are needed.")
    return labels, names
