"""Checks that an imported model fits the images: number and order of classes, channels, normalisation."""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import Tensor

from kindred.models.classifiers import Description
from kindred.workflow.errors import BadInput
from kindred.workflow.job import log

FEW = 4  # numbers, at most, that a normalisation has one of for each channel
NEAR = 1e-3  # normalisations are published with three decimals


def demand_fit(
    name: str, entry: Mapping[str, Any], brought: Mapping[str, Any], classes: list[str], channels: int
) -> None:
    """Raise BadInput where a checkpoint is for other classes (or their order) or channels than the images.

    classes: names of the images' classes, in the order of their labels; brought: what is known of the checkpoint.
    """
    if (count := brought.get("classes")) and count != len(classes):
        raise BadInput(
            f"model '{name}' distinguishes {count} classes, the images have {len(classes)}; where they are "
            "some of the model's classes, images.classes names them all (see docs/images.md)."
        )
    if (own := brought.get("channels")) and own != channels:
        raise BadInput(
            f"model '{name}' takes images of {own} channels, the study has {channels}; images.channels turns "
            "grey into colour images and back."
        )
    _demand_order(name, entry.get("classes"), brought.get("labels"), classes)
    mean, std = brought.get("mean"), brought.get("std")
    if mean and std and "timm" not in entry:
        given = [*entry["mean"], *entry["std"]]
        if len(given) != len(mean) + len(std) or np.abs(np.subtract(given, [*mean, *std])).max() > NEAR:
            raise BadInput(
                f"model '{name}' has mean {_list(entry['mean'])} and std {_list(entry['std'])} in the config, but its "
                f"file has mean {_list(mean)} and std {_list(std)}; the file is usually right."
            )


def demand_normalisation(
    name: str, description: Description, state: Mapping[str, Tensor], fitted: Mapping[str, Tensor]
) -> None:
    """Raise BadInput where the file holds a normalisation beside the network's weights that is not the config's.

    fitted: the part of the state that the network takes. A wrapper that normalises keeps its mean and std as buffers.
    """
    taken = {id(value) for value in fitted.values()}
    left = {key: value for key, value in state.items() if id(value) not in taken and value.numel() <= FEW}
    for kind, given in (("mean", description.mean), ("std", description.std)):
        for key, value in left.items():
            if not re.search(rf"(^|[._]){kind}s?$", key) or key.endswith("running_mean"):
                continue
            stated = value.flatten().tolist() * (len(given) if value.numel() == 1 else 1)
            if len(stated) != len(given) or np.abs(np.subtract(stated, given)).max() > NEAR:
                raise BadInput(
                    f"model '{name}' has {kind} {_list(given)} in the config, but its file has '{key}' {_list(stated)} "
                    "beside its weights; the file is usually right."
                )


def _demand_order(name: str, given: list[str] | None, stated: list[str] | None, classes: list[str]) -> None:
    names = given or stated
    if not names or list(names) == classes:
        return
    if set(names) != set(classes):
        if not given:  # hubs name classes in words, folders often in numbers: they cannot be compared
            log.info("model '%s' names its classes %s, ..., the images %s, ...", name, names[:2], classes[:2])
            return
        unshared = sorted(set(names) ^ set(classes))[0]
        raise BadInput(
            f"models.{name}.classes holds {len(names)} names and the images have {len(classes)} classes; "
            f"'{unshared}' is among one of them only."
        )
    at = next(at for at, (a, b) in enumerate(zip(names, classes, strict=True)) if a != b)
    raise BadInput(
        f"model '{name}' has its classes in another order than the images: number {at} is '{names[at]}' for "
        f"the model and '{classes[at]}' for the images; images.classes can give the order."
    )


def _list(values: Any) -> str:
    return f"[{', '.join(f'{value:g}' for value in values)}]"
