"""A classifier that takes images in [0, 1] at the study's resolution, and its weights on disk.

Resizing and normalisation are part of the module, so that attacks and inversions of all models work in one pixel space
whatever their input sizes.
"""

import contextlib
import dataclasses
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kindred.models import architectures, outputs
from kindred.workflow.errors import BadInput, first_line, some


@dataclasses.dataclass(frozen=True)
class Description:
    """The design of a classifier; survives JSON (`Description(**json.loads(json.dumps(asdict(d)))) == d`).

    size: side of the study's images in pixels; input_size: side of what the network is given; mean, std: one number per
    channel, subtracted from and dividing pixels in [0, 1]; output: which part of what the network returns are the
    logits, where it is no tensor. Raises BadInput for numbers that make no classifier.
    """

    architecture: str
    classes: int
    channels: int
    size: int
    input_size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    arguments: dict[str, Any] = dataclasses.field(default_factory=dict)
    output: str | int | None = None

    def __post_init__(self) -> None:
        start = f"model of architecture '{self.architecture}':"
        for name in ("classes", "channels", "size", "input_size"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise BadInput(f"{start} {name} is {value!r}, it must be a positive integer")
        for name in ("mean", "std"):
            values = [float(value) for value in getattr(self, name)]
            object.__setattr__(self, name, tuple(values))
            if len(values) != self.channels or not all(map(math.isfinite, values)):
                raise BadInput(
                    f"{start} {name} is {values}, it must hold {self.channels} finite numbers, one per channel"
                )
        if min(self.std) <= 0:
            raise BadInput(f"{start} std is {list(self.std)}, each must be above 0")


class Classifier(nn.Module):
    """Images (n, c, h, w) in [0, 1] at the study's size to logits (n, classes).

    The pixel range is not checked here: that would make the host wait for the device at every step of an attack.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, net: nn.Module, description: Description) -> None:
        super().__init__()
        self.net = net
        self.description = description
        # Not in the state: the description holds them, the weights file holds the network alone.
        self.register_buffer("mean", torch.tensor(description.mean).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(description.std).view(1, -1, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.logits_of(self.net(self.prepare(x)))

    def logits_of(self, returned: Any) -> Any:
        """The logits among what the network returned."""
        return outputs.chosen(returned, self.description.output)

    def prepare(self, x: Tensor) -> Tensor:
        """Images as the network takes them: resized and normalised, (n, c, input_size, input_size)."""
        side = self.description.input_size
        if side != self.description.size:
            x = F.interpolate(x, size=(side, side), mode="bilinear", align_corners=False, antialias=True)
        return (x - self.mean) / self.std


def assemble(description: Description) -> Classifier:
    """A classifier with random weights (torch's global generator), in training mode. Raises BadInput."""
    net = architectures.build(
        description.architecture,
        classes=description.classes,
        channels=description.channels,
        size=description.input_size,
        arguments=description.arguments,
    )
    return Classifier(net, description)


def count_parameters(classifier: nn.Module) -> int:
    """Number of parameters, shared ones once, frozen ones included."""
    return sum(parameter.numel() for parameter in classifier.parameters())


def called(classifier: Classifier) -> str:
    """The name of a classifier in messages."""
    return f"model of architecture '{classifier.description.architecture}'"


@contextlib.contextmanager
def evaluating(classifier: Classifier) -> Iterator[None]:
    """Eval mode for a while; each module goes back to its own mode."""
    training = [module for module in classifier.modules() if module.training]
    classifier.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True


def save(path: str | os.PathLike[str], state: Mapping[str, Tensor]) -> None:
    """Write a network's weights and buffers as safetensors; there is never half a file under its name."""
    # A clone each, as safetensors refuses tensors that share memory (tied weights).
    separate = {key: value.detach().cpu().clone().contiguous() for key, value in state.items()}
    partial = f"{os.fspath(path)}.partial"
    safetensors.torch.save_file(separate, partial, metadata={"format": "pt"})
    os.replace(partial, path)


def load(weights_path: str | os.PathLike[str], description: Description, origin: str | None = None) -> Classifier:
    """The classifier with the weights of a safetensors file, in evaluation mode, parameters frozen.

    origin: name of the weights in messages, else the path. Raises BadInput where they are damaged or do not fit.
    """
    state = read_weights(weights_path)
    classifier = assemble(description)
    load_state(classifier.net, state, origin or os.fspath(weights_path), architecture=description.architecture)
    return classifier.eval().requires_grad_(False)


def read_weights(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """The tensors of a safetensors file. Raises BadInput if it is missing or damaged."""
    path = Path(path)
    if not path.is_file():
        raise BadInput(f"weights '{path}' do not exist" if not path.exists() else f"weights '{path}' are not a file")
    try:
        return safetensors.torch.load_file(path)
    except (safetensors.SafetensorError, ValueError, OSError, KeyError) as error:
        raise BadInput(f"weights '{path}' are damaged or no safetensors file: {first_line(error)}") from error


def load_state(net: nn.Module, state: dict[str, Tensor], origin: str, architecture: str) -> None:
    """Copy a state dict into a network, all of it or nothing.

    origin, architecture: names of the weights and of the network in messages. Raises BadInput, before anything is
    copied, where keys are missing, unexpected or of another shape, with a message of its own where only the number of
    classes differs; where a tensor is of integers and the network has real numbers; and where a weight is not finite.
    Counters of batch normalisation may be missing: they have no effect.
    """
    own = net.state_dict()
    missing = [key for key in own if key not in state and not key.endswith("num_batches_tracked")]
    unexpected = [key for key in state if key not in own]
    misshapen = [key for key in own if key in state and own[key].shape != state[key].shape]
    if misshapen and not missing and not unexpected and (other := _other_classes(net, own, state, misshapen)):
        raise BadInput(
            f"weights '{origin}' are for {other[0]} classes, the study has {other[1]} (architecture '{architecture}', "
            f"{some(misshapen)})"
        )
    if missing or unexpected or misshapen:
        shapes = [
            f"{key} is {tuple(state[key].shape)}, the architecture has {tuple(own[key].shape)}" for key in misshapen
        ]
        parts = [
            f"{len(missing)} of {len(own)} keys are missing ({some(missing)})" if missing else "",
            f"{len(unexpected)} unexpected ({some(unexpected)})" if unexpected else "",
            f"{len(misshapen)} of another shape ({some(shapes, '; ')})" if misshapen else "",
        ]
        raise BadInput(f"weights '{origin}' do not fit architecture '{architecture}': {', '.join(filter(None, parts))}")
    for key, value in state.items():
        if own[key].is_floating_point() and not value.is_floating_point():
            raise BadInput(f"weights '{origin}': '{key}' is of type {value.dtype}, real numbers are needed")
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            bad = int((~torch.isfinite(value)).sum())
            raise BadInput(f"weights '{origin}': {bad} of {value.numel()} numbers in '{key}' are not finite")
    # Its own state dict carries the versions that some modules (MNASNet's, batch normalisation) ask for.
    own.update(state)
    net.load_state_dict(own)


def _other_classes(
    net: nn.Module, own: dict[str, Tensor], state: dict[str, Tensor], misshapen: list[str]
) -> tuple[int, int] | None:
    """Numbers of classes of the state and of the network, where these are all that differs.

    Then the misshapen tensors differ in the same way, and in their first dimension alone; any other width that differs
    would show in the following layer's inputs too.
    """
    firsts = {(*state[key].shape[:1], *own[key].shape[:1]) for key in misshapen}
    if len(firsts) != 1 or any(state[key].shape[1:] != own[key].shape[1:] for key in misshapen):
        return None
    first = firsts.pop()
    if len(first) != 2 or first[1] != getattr(net, "num_classes", first[1]):
        return None
    return first[0], first[1]
