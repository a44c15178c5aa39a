"""A classifier that takes images in [0, 1] at the study's resolution, and its weights on disk.

Resizing and normalisation are part of the module, so that attacks and inversions of all models work in one pixel
space whatever their input sizes.
"""

import argparse
import contextlib
import dataclasses
import math
import os
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.torch
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kindred import architectures
from kindred.errors import BadInput

# Where checkpoints of usual training code keep the weights. The averaged weights come last: a file that holds both
# gives the plain ones.
NESTED_UNDER = ("state_dict", "model", "model_state_dict", "net", "state_dict_ema")
PREFIXES = ("module.", "model.", "_orig_mod.")
LISTED = 3


@dataclasses.dataclass(frozen=True)
class Description:
    """How to build a classifier; survives JSON (`Description(**json.loads(json.dumps(asdict(d)))) == d`).

    size: side of the study's images in pixels; input_size: side of what the network is given; mean, std: one number
    per channel, subtracted from and dividing pixels in [0, 1]. Raises BadInput for numbers that make no classifier.
    """

    architecture: str
    classes: int
    channels: int
    size: int
    input_size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    arguments: dict[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("classes", "channels", "size", "input_size"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise BadInput(
                    f"model of architecture '{self.architecture}': {name} is {value!r}, it must be a positive integer"
                )
        for name in ("mean", "std"):
            values = tuple(float(value) for value in getattr(self, name))
            object.__setattr__(self, name, values)
            if len(values) != self.channels or not all(math.isfinite(value) for value in values):
                raise BadInput(
                    f"model of architecture '{self.architecture}': {name} is {list(values)}, it must hold "
                    f"{self.channels} finite numbers, one per channel"
                )
        if min(self.std) <= 0:
            raise BadInput(
                f"model of architecture '{self.architecture}': std is {list(self.std)}, each must be above 0"
            )


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
        return self.net(self.prepare(x))

    def prepare(self, x: Tensor) -> Tensor:
        """What the network is given: images resized and normalised."""
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
    """What messages call a classifier."""
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


def save(path: str | os.PathLike[str], classifier: Classifier) -> None:
    """Write the weights and buffers of the network, nothing else, as safetensors."""
    # A clone each, as safetensors refuses tensors that share memory (tied weights).
    state = {
        key: value.detach().cpu().clone().contiguous() for key, value in classifier.net.state_dict().items()
    }
    safetensors.torch.save_file(state, os.fspath(path), metadata={"format": "pt"})


def load(weights_path: str | os.PathLike[str], description: Description) -> Classifier:
    """The classifier with the weights of a file, in eval mode, parameters frozen. Raises BadInput."""
    state = read_state(weights_path)
    classifier = assemble(description)
    load_state(classifier.net, state, os.fspath(weights_path), architecture=description.architecture)
    return classifier.eval().requires_grad_(False)


def read_state(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """The state dict in a safetensors file or a torch checkpoint.

    A torch file may keep it bare or under one of NESTED_UNDER. Prefixes that all keys share and that only wrappers
    add (PREFIXES) are taken off. Files of the `robustness` library carry every weight a second time inside their
    attacker; the copy is left out.

    No code of the file is run. Raises BadInput if the file is missing, damaged, holds no weights, or is a pickle of
    anything but tensors and plain data.
    """
    path = Path(path)
    if not path.is_file():
        raise BadInput(
            f"weights '{path}' do not exist" if not path.exists() else f"weights '{path}' are not a file"
        )
    content = _read_safetensors(path) if path.suffix == ".safetensors" else _read_torch(path)
    state = _find_state(content)
    if state is None:
        found = (
            f"its keys are {_some(map(str, content))}"
            if isinstance(content, dict)
            else f"it holds a {type(content).__name__}"
        )
        raise BadInput(
            f"weights '{path}' hold no state dict, neither bare nor under {', '.join(NESTED_UNDER)}: {found}"
        )
    return _strip(state)


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return safetensors.torch.load_file(path)
    except (safetensors.SafetensorError, ValueError, OSError, KeyError) as error:
        raise BadInput(
            f"weights '{path}' are damaged or no safetensors file: {_first_line(error)}"
        ) from error


def _read_torch(path: Path) -> Any:
    # Harmless things that training code leaves beside the weights: its options, and numpy's numbers and arrays.
    scalar, array = (value.__reduce__()[0] for value in (np.float64(0), np.zeros(1)))
    kinds = {type(np.dtype(kind)) for kind in ("float32", "float64", "int32", "int64", "bool", "S1")}
    harmless: list[Any] = [argparse.Namespace, np.dtype, np.ndarray, scalar, array, *kinds]
    try:
        with torch.serialization.safe_globals(harmless), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what the file is, is told below
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch meets damaged bytes with exceptions of every kind
        refused = re.search(r"GLOBAL (\S+)", str(error))
        if refused or "TorchScript" in str(error):
            what = f"the class or function {refused[1]}" if refused else "a TorchScript program"
            raise BadInput(
                f"weights '{path}' hold {what}, and reading that would run code of the file; "
                "save the state dict alone: torch.save(model.state_dict(), path)"
            ) from error
        raise BadInput(f"weights '{path}' are damaged or no torch file: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    """The reason in short, without the advice torch adds about trusting the file."""
    first = str(error).strip().partition("\n")[0].partition(". ")[0].strip()
    return type(error).__name__ if not first or first.startswith("Weights only load failed") else first


def _find_state(content: Any) -> dict[str, Tensor] | None:
    """The dict of tensors in what a file held, or None."""
    if not isinstance(content, dict) or not content:
        return None
    if all(isinstance(key, str) and isinstance(value, Tensor) for key, value in content.items()):
        return dict(content)
    for key in NESTED_UNDER:
        if key in content:
            found = _find_state(content[key])
            if found is not None:
                return found
    return None


def _strip(state: dict[str, Tensor]) -> dict[str, Tensor]:
    while True:
        if any(key.startswith("attacker.") for key in state) and any(
            key.startswith("model.") for key in state
        ):
            state = {key: value for key, value in state.items() if key.startswith("model.")}
        shared = [prefix for prefix in PREFIXES if all(key.startswith(prefix) for key in state)]
        if not shared:
            return state
        state = {key.removeprefix(shared[0]): value for key, value in state.items()}


def load_state(net: nn.Module, state: dict[str, Tensor], origin: str, *, architecture: str = "") -> None:
    """Copy a state dict into a network, all of it or nothing.

    origin, architecture: what messages call the weights and the network (its class if left out).

    Raises BadInput, before anything is copied, if keys are missing, unexpected or of another shape, with a sentence
    of its own if only the number of classes differs; if a tensor is of integers where the network has real numbers;
    and if a weight is not finite. Counters of batch normalisation may be missing: they have no effect.
    """
    own = net.state_dict()
    name = architecture or type(net).__name__
    missing = [key for key in own if key not in state and not key.endswith("num_batches_tracked")]
    unexpected = [key for key in state if key not in own]
    misshapen = [key for key in own if key in state and own[key].shape != state[key].shape]
    if misshapen and not missing and not unexpected:
        _refuse_other_classes(net, own, state, misshapen, origin, name)
    if missing or unexpected or misshapen:
        shapes = [
            f"{key} is {tuple(state[key].shape)}, the architecture has {tuple(own[key].shape)}"
            for key in misshapen
        ]
        parts = [
            f"{len(missing)} of {len(own)} keys are missing ({_some(missing)})" if missing else "",
            f"{len(unexpected)} unexpected ({_some(unexpected)})" if unexpected else "",
            f"{len(misshapen)} of another shape ({_some(shapes, '; ')})" if misshapen else "",
        ]
        raise BadInput(
            f"weights '{origin}' do not fit architecture '{name}': {', '.join(filter(None, parts))}"
        )
    for key, value in state.items():
        if own[key].is_floating_point() and not value.is_floating_point():
            raise BadInput(f"weights '{origin}': '{key}' is of type {value.dtype}, real numbers are needed")
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            bad = int((~torch.isfinite(value)).sum())
            raise BadInput(f"weights '{origin}': {bad} of {value.numel()} numbers in '{key}' are not finite")
    net.load_state_dict(state, strict=False)


def _refuse_other_classes(
    net: nn.Module,
    own: dict[str, Tensor],
    state: dict[str, Tensor],
    misshapen: list[str],
    origin: str,
    name: str,
) -> None:
    """Raise if the tensors of another shape differ in their first dimension alone, and all from one number to one.

    Any other width that differs would show in the following layer's inputs too, so this is the number of classes.
    """
    firsts = {(tuple(state[key].shape[:1]), tuple(own[key].shape[:1])) for key in misshapen}
    if len(firsts) != 1 or any(state[key].shape[1:] != own[key].shape[1:] for key in misshapen):
        return
    there, here = firsts.pop()
    if there and here and here[0] == getattr(net, "num_classes", here[0]):
        raise BadInput(
            f"weights '{origin}' are for {there[0]} classes, the study has {here[0]} (architecture '{name}', "
            f"{_some(misshapen)})"
        )


def _some(items: Any, separator: str = ", ") -> str:
    """The first few, then dots."""
    items = list(items)
    return separator.join(items[:LISTED]) + (", ..." if len(items) > LISTED else "")
