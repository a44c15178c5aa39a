"""State dicts in the files that others save: safetensors, torch's checkpoints bare or wrapped, pickles.

No code of a file is run, unless the user names the file's hash under `trust_pickle`.
"""

import argparse
import dataclasses
import os
import pickle
import re
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kindred import records
from kindred.errors import BadInput, first_line, some
from kindred.models import read_weights

# Where checkpoints of usual training code keep the weights. The averaged weights come last: a file that holds both
# gives the plain ones.
NESTED_UNDER = ("state_dict", "model", "model_state_dict", "net", "model_state", "state_dict_ema")
# What wrappers (DataParallel, torch.compile, Lightning, attackers and normalisers) put before the names of weights.
PREFIXES = ("module.", "model.", "_orig_mod.", "net.", "_model.")
# The normalisation that the `robustness` library keeps in its wrappers.
NORMALISERS = ("normalizer.new_mean", "normalizer.new_std")


@dataclasses.dataclass(frozen=True)
class Found:
    """The weights that a file held, under the network's own names; mean and std where its wrapper normalises.

    stripped: the prefixes that were taken off, outermost first.
    """

    state: dict[str, Tensor]
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    stripped: tuple[str, ...] = ()

    def named_for(self, own: Iterable[str]) -> dict[str, Tensor]:
        """The weights with as many prefixes put back as the network's own names have."""
        own, state = set(own), self.state
        for prefix in reversed(self.stripped):
            if own & state.keys():
                break
            state = {prefix + key: value for key, value in state.items()}
        return state if own & state.keys() else self.state


def read(path: str | os.PathLike[str], trusted: str | None = None) -> Found:
    """The state dict in a safetensors file or a torch checkpoint.

    A torch file may keep it bare or under one of NESTED_UNDER. Prefixes that all keys share and that only wrappers
    add (PREFIXES) are taken off. Files of the `robustness` library carry every weight a second time inside their
    attacker; the copy is left out.

    trusted: SHA-256 of a file that may be unpickled as a whole, which runs code of the file.

    Raises BadInput if the file is missing, damaged or holds no weights, if it is a pickle of anything but tensors
    and plain data that is not trusted, and if another file than this one is trusted.
    """
    path = Path(path)
    if path.suffix == ".safetensors":
        content: Any = read_weights(path)
    elif not path.is_file():
        raise BadInput(
            f"weights '{path}' do not exist" if not path.exists() else f"weights '{path}' are not a file"
        )
    else:
        content = _read_torch(path, trusted)
    state = _find(content)
    if state is None:
        found = (
            f"its keys are {some(content)}"
            if isinstance(content, dict)
            else f"it holds a {type(content).__name__}"
        )
        raise BadInput(
            f"weights '{path}' hold no state dict, neither bare nor under {', '.join(NESTED_UNDER)}: {found}"
        )
    return _unwrapped(state)


def _read_torch(path: Path, trusted: str | None) -> Any:
    # Harmless things that training code leaves beside the weights: its options, and numpy's numbers and arrays.
    scalar, array = (value.__reduce__()[0] for value in (np.float64(0), np.zeros(1)))
    kinds = {type(np.dtype(kind)) for kind in ("float32", "float64", "int32", "int64", "bool", "S1")}
    harmless: list[Any] = [argparse.Namespace, np.dtype, np.ndarray, scalar, array, *kinds]
    try:
        with torch.serialization.safe_globals(harmless), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what the file is, is told below
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch meets damaged bytes with exceptions of every kind
        refused = re.search(r"GLOBAL (\S+)", str(error)) or re.search(r"class (\S+) with", str(error))
        if "TorchScript" in str(error):
            raise BadInput(
                f"weights '{path}' hold a TorchScript program, and reading that would run code of the file; "
                "save the state dict alone: torch.save(model.state_dict(), path)"
            ) from error
        if refused or _is_pickle(path):
            what = f"the class or function {refused[1]}" if refused else "more than tensors and plain data"
            return _read_trusted(path, what, trusted, error)
        raise BadInput(f"weights '{path}' are damaged or no torch file: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    """The reason in short, without the advice torch adds about trusting the file."""
    first = first_line(error)
    return type(error).__name__ if first.startswith("Weights only load failed") else first


def _is_pickle(path: Path) -> bool:
    """Whether the unpickler that knows only plain data meets something else, rather than damage."""
    try:
        with open(path, "rb") as file:
            _OnlyPlain(file).load()
    except _Named:
        return True
    except Exception:  # damaged bytes raise anything
        return False
    return False


class _Named(Exception):
    """A pickle names a class or function."""


class _OnlyPlain(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        raise _Named(f"{module}.{name}")


def _read_trusted(path: Path, what: str, trusted: str | None, refused: Exception) -> Any:
    digest = records.file_hash(path)
    if trusted is None:
        raise BadInput(
            f"weights '{path}' hold {what}, and reading that would run code of the file; save the state dict alone, "
            f"torch.save(model.state_dict(), path), or, if you trust whoever made this very file, allow it with "
            f"`trust_pickle: {digest}` in the model's entry"
        ) from refused
    if trusted != digest:
        raise BadInput(
            f"weights '{path}' hold {what}, and trust_pickle allows the file {trusted}, but this one is {digest}; "
            "it was not read"
        ) from refused
    return _unpickled(path)


def _unpickled(path: Path) -> Any:
    """All that a pickle holds; runs code of the file. Pickles that `dill` wrote need that package."""
    try:
        import dill as unpickler
    except ImportError:
        unpickler = pickle
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=False, pickle_module=unpickler)
    except ModuleNotFoundError as error:
        extra = "pip install dill" if error.name == "dill" else "the code that saved it must be importable"
        raise BadInput(
            f"weights '{path}' are a pickle that needs the module '{error.name}', which is not here: {extra}"
        ) from error
    except Exception as error:  # code of the file may raise anything
        raise BadInput(f"weights '{path}' cannot be unpickled: {first_line(error)}") from error


def _find(content: Any) -> dict[str, Tensor] | None:
    """The dict of tensors in what a file held, or None."""
    if isinstance(content, torch.nn.Module):  # only a trusted pickle can hold one
        return dict(content.state_dict())
    if not isinstance(content, dict) or not content:
        return None
    if all(isinstance(key, str) and isinstance(value, Tensor) for key, value in content.items()):
        return dict(content)
    for key in NESTED_UNDER:
        if key in content:
            found = _find(content[key])
            if found is not None:
                return found
    return None


def _unwrapped(state: dict[str, Tensor]) -> Found:
    """Prefixes and the attacker's copy taken off; the normaliser's buffers kept apart."""
    normaliser: dict[str, tuple[float, ...]] = {}
    stripped: list[str] = []
    while True:
        if any(key.startswith("model.") for key in state) and any(
            key.startswith(("attacker.", "normalizer.")) for key in state
        ):
            normaliser = {
                key: tuple(state[key].flatten().tolist()) for key in NORMALISERS if key in state
            } or normaliser
            state = {key: value for key, value in state.items() if key.startswith("model.")}
        shared = [prefix for prefix in PREFIXES if all(key.startswith(prefix) for key in state)]
        if not shared:
            mean, std = (normaliser.get(key) for key in NORMALISERS)
            return Found(state, mean, std, tuple(stripped))
        stripped.append(shared[0])
        state = {key.removeprefix(shared[0]): value for key, value in state.items()}
