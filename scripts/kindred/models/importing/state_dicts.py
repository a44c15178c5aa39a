"""State dicts in files that other code saved: safetensors, torch's checkpoints bare or wrapped, pickles.

No code of a file is run, unless the user names the file's hash under `trust_pickle`.
"""

import argparse
import dataclasses
import os
import pickle
import pickletools
import re
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kindred.models import descriptions
from kindred.models.classifiers import read_weights
from kindred.workflow.errors import BadInput, first_line, some

# Keys under which usual training code keeps the weights, averaged ones last.
NESTED_UNDER = ("state_dict", "model", "model_state_dict", "net", "model_state", "state_dict_ema")
# Prefixes of wrappers (DataParallel, torch.compile, Lightning, attackers and normalisers).
PREFIXES = ("module.", "model.", "_orig_mod.", "net.", "_model.")
# The normalisation that the `robustness` library keeps in its wrappers.
NORMALISERS = {"normalizer.new_mean": "mean", "normalizer.new_std": "std"}


@dataclasses.dataclass(frozen=True)
class Found:
    """Weights of a file by the network's own names.

    normalisation: mean and std where its wrapper normalises; stripped: prefixes that were removed, outermost first.
    """

    state: dict[str, Tensor]
    normalisation: dict[str, Any]  # tuples of numbers
    stripped: tuple[str, ...]

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

    A torch file may keep it bare or under one of NESTED_UNDER. Prefixes that all keys share and that only wrappers add
    (PREFIXES) are removed. Files of the `robustness` library hold every weight a second time inside their attacker; the
    copy is left out.

    trusted: SHA-256 of a file that may be unpickled as a whole, which runs code of the file. Raises BadInput where the
    file is missing, damaged or holds no weights, where it is a pickle of more than tensors and plain data that is not
    trusted, and where another file than this one is trusted.
    """
    path = Path(path)
    if path.suffix == ".safetensors":
        content: Any = read_weights(path)
    elif not path.is_file():
        raise BadInput(f"weights '{path}' do not exist" if not path.exists() else f"weights '{path}' are not a file")
    else:
        content = _read_torch(path, trusted)
    state = _find(content)
    if state is None:
        found = f"its keys are {some(content)}" if isinstance(content, dict) else f"it holds a {type(content).__name__}"
        raise BadInput(
            f"weights '{path}' hold no state dict, neither bare nor under {', '.join(NESTED_UNDER)}: {found}"
        )
    return _unwrapped(state)


def _read_torch(path: Path, trusted: str | None) -> Any:
    # Harmless objects that training code saves beside the weights: options, and numpy's numbers and arrays.
    scalar, array = (value.__reduce__()[0] for value in (np.float64(0), np.zeros(1)))
    kinds = {type(np.dtype(kind)) for kind in ("float32", "float64", "int32", "int64", "bool", "S1")}
    harmless: list[Any] = [argparse.Namespace, np.dtype, np.ndarray, scalar, array, *kinds]
    try:
        with torch.serialization.safe_globals(harmless), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the messages below describe the file
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # damaged bytes raise anything
        refused = re.search(r"GLOBAL (\S+)", str(error)) or re.search(r"class (\S+) with", str(error))
        if "TorchScript" in str(error):
            raise BadInput(
                f"weights '{path}' hold a TorchScript program, and reading that would run code of the file; "
                "save the state dict alone: torch.save(model.state_dict(), path)"
            ) from error
        if refused or _names_code(path):
            _demand_trust(
                path, f"the class or function {refused[1]}" if refused else "more than tensors and plain data", trusted
            )
            return _unpickled(path)
        # Without torch's advice about trusting the file.
        reason = first_line(error)
        reason = type(error).__name__ if reason.startswith("Weights only load failed") else reason
        raise BadInput(f"weights '{path}' are damaged or no torch file: {reason}") from error


def _names_code(path: Path) -> bool:
    """True where a bare pickle names a class or function, rather than being damaged."""
    try:
        with open(path, "rb") as file:
            return any(step.name in ("GLOBAL", "STACK_GLOBAL") for step, _, _ in pickletools.genops(file))
    except Exception:  # damaged bytes raise anything
        return False


def _demand_trust(path: Path, content: str, trusted: str | None) -> None:
    """Raise BadInput, naming what a file holds that is more than tensors, unless its hash is the trusted one."""
    digest = descriptions.file_hash(path)
    if trusted is None:
        raise BadInput(
            f"weights '{path}' hold {content}, and reading that would run code of the file; save the state dict alone, "
            "torch.save(model.state_dict(), path), or, if you trust whoever made this very file, allow it with "
            f"`trust_pickle: {digest}` in the model's entry"
        )
    if trusted != digest:
        raise BadInput(
            f"weights '{path}' hold {content}, and trust_pickle allows the file {trusted}, but this one is {digest}; "
            "it was not read"
        )


def _unpickled(path: Path) -> Any:
    """The whole content of a pickle; runs code of the file. Pickles that `dill` wrote need that package."""
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
    nested = (_find(content[key]) for key in NESTED_UNDER if key in content)
    return next((found for found in nested if found is not None), None)


def _unwrapped(state: dict[str, Tensor]) -> Found:
    """The weights without prefixes and the attacker's copy; the normaliser's buffers apart."""
    normaliser: dict[str, tuple[float, ...]] = {}
    stripped: list[str] = []
    while True:
        if any(key.startswith("model.") for key in state) and any(
            key.startswith(("attacker.", "normalizer.")) for key in state
        ):
            held = {name: state[key] for key, name in NORMALISERS.items() if key in state}
            normaliser |= {name: tuple(value.flatten().tolist()) for name, value in held.items()}
            state = {key: value for key, value in state.items() if key.startswith("model.")}
        shared = next((prefix for prefix in PREFIXES if all(key.startswith(prefix) for key in state)), None)
        if shared is None:
            return Found(state, normaliser if len(normaliser) == 2 else {}, tuple(stripped))
        stripped.append(shared)
        state = {key.removeprefix(shared): value for key, value in state.items()}
