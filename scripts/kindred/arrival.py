"""Whether a model that arrives fits the images: number and order of classes, channels, normalisation, accuracy."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from kindred.errors import BadInput, first_line
from kindred.images import Images
from kindred.job import log
from kindred.models import Classifier

NEAR = 1e-3  # normalisations are published with three decimals
DOUBTFUL = 2  # so many times what guessing gives, and less, is worth a warning
CLOSER = 0.1  # so much more accuracy in another order of classes tells that the order is wrong


def demand_fit(
    name: str, entry: Mapping[str, Any], brought: Mapping[str, Any], classes: list[str], channels: int
) -> None:
    """BadInput where a checkpoint is for other classes, another order of them, or other channels than the images.

    classes: names of the images' classes, in the order of their labels; brought: what is known of the checkpoint.
    """
    if (count := brought.get("classes")) and count != len(classes):
        raise BadInput(
            f"model '{name}' tells {count} classes apart, the images have {len(classes)}; where they are some of the "
            "model's classes, images.classes says which (see docs/images.md)."
        )
    if (own := brought.get("channels")) and own != channels:
        raise BadInput(
            f"model '{name}' takes images of {own} channels, the study has {channels}; images.channels turns grey "
            "images into colour images and back."
        )
    _demand_order(name, entry.get("classes"), brought.get("labels"), classes)
    mean, std = brought.get("mean"), brought.get("std")
    if mean and std and "timm" not in entry:
        given = [*entry["mean"], *entry["std"]]
        if len(given) != len(mean) + len(std) or np.abs(np.subtract(given, [*mean, *std])).max() > NEAR:
            raise BadInput(
                f"model '{name}' has mean {_list(entry['mean'])} and std {_list(entry['std'])} in the config, but its "
                f"file says mean {_list(mean)} and std {_list(std)}; the file is usually right."
            )


def demand_answer(name: str, classifier: Classifier, held_out: Images) -> None:
    """BadInput where the network does not take the images, or does not answer with one row of logits for each."""
    told = classifier.description
    try:
        with torch.inference_mode():
            answer = classifier(torch.from_numpy(held_out.pixels[:2]))
    except Exception as error:  # a network refuses a size or channels in words of its own
        raise BadInput(
            f"model '{name}' does not take images of {told.channels} channels and {told.input_size} x "
            f"{told.input_size} pixels: {first_line(error)}; see its input_size."
        ) from error
    if not isinstance(answer, torch.Tensor):
        raise BadInput(
            f"model '{name}' answers with a {type(answer).__name__}, but must answer with one tensor of logits."
        )
    if answer.ndim != 2 or answer.shape[1] != told.classes:
        raise BadInput(
            f"model '{name}' answers an image with {' x '.join(map(str, answer.shape[1:])) or 'one number'}, but the "
            f"images have {told.classes} classes."
        )


def _demand_order(name: str, given: list[str] | None, stated: list[str] | None, classes: list[str]) -> None:
    names = given or stated
    if not names or list(names) == classes:
        return
    if set(names) != set(classes):
        if not given:  # hubs name classes in words, folders often in numbers: nothing can be said
            log.info("model '%s' names its classes %s, ..., the images %s, ...", name, names[:2], classes[:2])
            return
        odd = sorted(set(names) ^ set(classes))[0]
        raise BadInput(
            f"models.{name}.classes holds {len(names)} names and the images have {len(classes)} classes; '{odd}' is "
            "among one of them only."
        )
    at = next(place for place, (a, b) in enumerate(zip(names, classes, strict=True)) if a != b)
    raise BadInput(
        f"model '{name}' has its classes in another order than the images: number {at} is '{names[at]}' for the model "
        f"and '{classes[at]}' for the images; images.classes can give the order."
    )


def accuracy(name: str, logits: np.ndarray, held_out: Images, finished: bool = True) -> float:
    """Share of images whose largest logit, of (n, classes), is their label's; warns where guessing does as well.

    finished: whether the model should know better by now.
    """
    found = float((logits.argmax(1) == held_out.labels).mean())
    chance = 1 / len(held_out.classes)
    if finished and found < DOUBTFUL * chance:
        log.warning(
            "model '%s' is right about %.4f of the images, and guessing about %.4f; check its mean, std, value_range "
            "and the order of its classes%s",
            name,
            found,
            chance,
            _reordered(logits, held_out, found),
        )
    return found


def demand_accuracy(
    name: str, found: float, logits: np.ndarray, held_out: Images, expected: Mapping[str, float]
) -> None:
    """BadInput where the accuracy is further from what is expected than tolerated."""
    if abs(found - expected["expected"]) <= expected["tolerance"]:
        return
    n = len(held_out)
    noise = 2 * float(np.sqrt(expected["expected"] * (1 - expected["expected"]) / n))
    raise BadInput(
        f"model '{name}' has a clean accuracy of {found:.4f} on {n} images, but models.{name}.accuracy expects "
        f"{expected['expected']:g} within {expected['tolerance']:g} (two standard errors of so many images are "
        f"{noise:.3f}); usually mean, std, value_range, input_size or the order of classes are wrong"
        f"{_reordered(logits, held_out, found)}."
    )


def _reordered(logits: np.ndarray, held_out: Images, found: float) -> str:
    """What another order of classes would give, where that is far better and there are images enough to tell."""
    from scipy.optimize import linear_sum_assignment

    count = len(held_out.classes)
    if len(held_out) < 5 * count:
        return ""
    table = np.zeros((count, count), dtype=np.int64)
    np.add.at(table, (held_out.labels, logits.argmax(1)), 1)
    best = float(table[linear_sum_assignment(table, maximize=True)].sum() / len(held_out))
    return f"; in another order of classes it would be {best:.4f}" if best > found + CLOSER else ""


def _list(values: Any) -> str:
    return f"[{', '.join(f'{value:g}' for value in values)}]"
