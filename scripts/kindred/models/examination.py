"""One look at a model as it enters the study: whether it is a function of each image that attacks can follow.

A network whose answers are random, depend on the other images of a batch or have no gradient gives numbers everywhere
that look like others and mean nothing. Such a model is refused; what may be meant is warned of and stands in its
description and in `models.csv`.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from kindred.attacks.perturbation import log_odds
from kindred.images.images import Images
from kindred.models.classifiers import Classifier
from kindred.models.outputs import described, parts
from kindred.workflow.errors import BadInput, first_line
from kindred.workflow.job import log

BATCH = 16  # images of a pass
ALONE = 4  # of them are also shown one by one
GRADIENTS = 64  # images whose gradient is taken
SAME = 1e-3  # of the largest logit: far above what the order of summation changes, far below what dropout does


def examine(name: str, classifier: Classifier, held_out: Images, device: torch.device) -> dict[str, Any]:
    """What was found: no_gradient, the share of images without any gradient; gradients, their number; remarks.

    classifier: in evaluation mode. Raises BadInput with one sentence for a model that does not take the images or does
    not return a row of logits for each, answers the same images otherwise a second time or alone, or lets no gradient
    through to the pixels.
    """
    images = torch.from_numpy(held_out.pixels[:BATCH]).to(device)
    logits = _logits(name, classifier, images)
    _demand_same_again(name, classifier, images, logits)
    _demand_same_alone(name, classifier, images, logits)
    remarks = []
    if _are_probabilities(logits):
        remarks.append("its outputs are probabilities")
        log.warning(
            "model '%s' returns probabilities: attacks, SAT and stitching want the logits before the softmax, and near "
            "0 and 1 the softmax has no gradient that float32 could hold",
            name,
        )
    shown, share = _without_gradient(name, classifier, held_out, device)
    if share:
        remarks.append(f"no gradient on {share:.0%} of images")
        log.warning(
            "model '%s': on %.0f of %d images the gradient is exactly zero in all pixels; an attack cannot follow it "
            "there, and that such an image fools nobody is no robustness",
            name,
            share * shown,
            shown,
        )
    return {"no_gradient": share, "gradients": shown, "remarks": remarks}


def _logits(name: str, classifier: Classifier, images: Tensor) -> Tensor:
    about = classifier.description
    try:
        with torch.inference_mode():
            logits = classifier(images)
    except BadInput as error:
        raise BadInput(f"model '{name}': {error}") from error
    except Exception as error:  # a network may raise anything for another size or number of channels
        raise BadInput(
            f"model '{name}' does not take images of {about.channels} channels and {about.input_size} x "
            f"{about.input_size} pixels: {type(error).__name__}: {first_line(error)}; see its input_size."
        ) from error
    if not isinstance(logits, Tensor):
        raise BadInput(
            f"model '{name}' returns {described(logits)}, but must return one tensor of logits; {parts(logits)}."
        )
    if logits.ndim != 2 or len(logits) != len(images) or logits.shape[1] != about.classes:
        raise BadInput(
            f"model '{name}' returns {' x '.join(map(str, logits.shape[1:])) or 'one number'} for each "
            f"image, but the images have {about.classes} classes."
        )
    if not bool(torch.isfinite(logits).all()):
        raise BadInput(f"model '{name}' returns NaN or infinity; see its mean, std and value_range.")
    return logits


def _demand_same_again(name: str, classifier: Classifier, images: Tensor, logits: Tensor) -> None:
    with torch.inference_mode():
        again = classifier(images)
    if (change := _change(again, logits)) > SAME:
        raise BadInput(
            f"model '{name}' answers the same images otherwise a second time (logits change by {change:.2g} of the "
            "largest): something in it is random in evaluation mode, such as dropout that stays on or a random "
            "defence, and nothing measured on it could be repeated."
        )


def _demand_same_alone(name: str, classifier: Classifier, images: Tensor, logits: Tensor) -> None:
    for at in range(min(ALONE, len(images))):
        try:
            with torch.inference_mode():
                alone = classifier(images[at : at + 1])
            change = _change(alone[0], logits[at]) if alone.shape == logits[:1].shape else float("inf")
        except Exception as error:  # such as batch normalisation of one value
            raise BadInput(
                f"model '{name}' takes {len(images)} images but not one alone: {type(error).__name__}: "
                f"{first_line(error)}."
            ) from error
        if change > SAME:
            by = f"by {change:.2g} of the largest" if np.isfinite(change) else "in their shape"
            raise BadInput(
                f"model '{name}' answers an image otherwise alone than among others (logits change {by}): its answer "
                "depends on the batch, as with batch normalisation that has no running statistics."
            )


def _change(found: Tensor, truth: Tensor) -> float:
    return float((found - truth).abs().max() / truth.abs().max().clamp(min=torch.finfo(truth.dtype).tiny))


def _are_probabilities(logits: Tensor) -> bool:
    return bool((logits >= 0).all() and ((logits.sum(dim=1) - 1).abs() < SAME).all())


def _without_gradient(name: str, classifier: Classifier, held_out: Images, device: torch.device) -> tuple[int, float]:
    """Number of images whose gradient is taken, and the share of them where it is exactly zero in all pixels."""
    shown = min(GRADIENTS, len(held_out))
    zero = 0
    for start in range(0, shown, BATCH):
        rows = slice(start, min(start + BATCH, shown))
        labels = torch.from_numpy(held_out.labels[rows]).to(device)
        with torch.inference_mode(False), torch.enable_grad():
            leaf = torch.from_numpy(held_out.pixels[rows]).to(device).requires_grad_()
            value = log_odds(classifier(leaf).float(), labels).sum()
            found = torch.autograd.grad(value, leaf, allow_unused=True)[0] if value.requires_grad else None
        if found is None:
            raise BadInput(
                f"model '{name}' lets no gradient through to the pixels, as under torch.no_grad or where a tensor is "
                "detached: attacks, inversion and the search for its penultimate layer need one."
            )
        zero += int((~found.flatten(1).any(dim=1)).sum())
    return shown, zero / shown
