"""State dicts in files that other code saved: which of several, without the wrappers that training put around them."""

import dataclasses
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kindred.models.classifiers import read_weights
from kindred.models.importing import sharded, torch_files
from kindred.workflow.errors import BadInput, some
from kindred.workflow.job import log

# Keys under which usual training code keeps the weights, averaged ones last.
NESTED_UNDER = ("state_dict", "model", "model_state_dict", "net", "model_state", "state_dict_ema")
# Prefixes of wrappers (DataParallel, torch.compile, Lightning, attackers and normalisers).
PREFIXES = ("module.", "model.", "_orig_mod.", "net.", "_model.")
# The normalisation that the `robustness` library keeps in its wrappers.
NORMALISERS = {"normalizer.new_mean": "mean", "normalizer.new_std": "std"}
DEEPEST = 4  # dicts within dicts in which weights are looked for


@dataclasses.dataclass(frozen=True)
class Found:
    """Weights of a file.

    key: where in the file they are, '' for a bare state dict; normalisation: mean and std where its wrapper normalises.
    """

    state: dict[str, Tensor]
    key: str
    normalisation: dict[str, Any]  # tuples of numbers


def read(path: str | os.PathLike[str], trusted: str | None = None, key: str | None = None) -> Found:
    """The state dict in a safetensors file, whole or in shards, or a torch checkpoint.

    A torch file may hold several, under keys of any depth: `key` chooses one, with dots between keys. Without it the
    file has a bare one, one under a usual key (NESTED_UNDER, averaged weights last), or a single one. Prefixes that all
    names share and that only wrappers add (PREFIXES) are removed. Files of the `robustness` library hold every weight a
    second time inside their attacker; the copy is left out.

    Raises BadInput where the file is missing or holds no weights or several without a usual key, and as
    `torch_files.read`, which `trusted` goes to.
    """
    path = Path(path)
    if path.is_file():
        torch_files.demand_kind(path)
    if path.name.endswith(sharded.ENDING):
        content: Any = sharded.read(path)
    elif path.suffix == ".safetensors":
        sharded.demand_whole(path)
        content = read_weights(path)
    elif not path.is_file():
        raise BadInput(f"weights '{path}' do not exist" if not path.exists() else f"weights '{path}' are not a file")
    else:
        content = torch_files.read(path, trusted)
    if isinstance(content, torch.nn.Module):  # only a trusted pickle can hold one
        content = dict(content.state_dict())
    key = _chosen(path, content, key)
    state = _unwrapped(_tensors(path, _at(content, key)))
    if key:
        log.info("weights '%s': those under '%s' are taken", path, key)
    return dataclasses.replace(state, key=key)


def _chosen(path: Path, content: Any, key: str | None) -> str:
    """The key of the weights that are wanted; '' for all that the file holds."""
    held = list(_state_dicts(content))
    if key is not None:
        if key not in held:
            there = f"there are {', '.join(held)}" if any(held) else "its weights are under no key"
            raise BadInput(f"weights '{path}' hold no weights under weights_key '{key}'; {there}")
        return key
    if not held:
        found = f"its keys are {some(content)}" if isinstance(content, dict) else f"it holds a {type(content).__name__}"
        raise BadInput(
            f"weights '{path}' hold no state dict, neither bare nor under {', '.join(NESTED_UNDER)}: {found}"
        )
    usual = sorted(
        (one for one in held if all(part in NESTED_UNDER for part in one.split(".")) or not one),
        key=lambda one: [NESTED_UNDER.index(part) for part in one.split(".") if part],
    )
    if len(held) > 1 and not usual:
        raise BadInput(f"weights '{path}' hold several: {', '.join(held)}; weights_key chooses one")
    chosen = (usual or held)[0]
    if others := [one for one in held if one != chosen]:
        log.warning("weights '%s' hold others too: %s; weights_key chooses one", path, ", ".join(others))
    return chosen


def _state_dicts(content: Any, at: str = "", depth: int = 0) -> Iterator[str]:
    """Keys of the state dicts in what a file held, with dots between keys of dicts within dicts."""
    if not isinstance(content, Mapping) or not content or depth > DEEPEST:
        return
    if all(isinstance(key, str) and isinstance(value, Tensor | np.ndarray) for key, value in content.items()):
        yield at
        return
    for key, value in content.items():
        if isinstance(key, str) and "." not in key and value is not content:
            # The state of an optimiser is by numbers of parameters, and no state dict.
            yield from _state_dicts(value, f"{at}.{key}" if at else key, depth + 1)


def _at(content: Any, key: str) -> Mapping[str, Any]:
    for part in filter(None, key.split(".")):
        content = content[part]
    return dict(content)


def _tensors(path: Path, state: Mapping[str, Any]) -> dict[str, Tensor]:
    """Plain tensors of real or whole numbers. Raises BadInput for other kinds, naming the first."""
    found = {}
    for name, given in state.items():
        if isinstance(given, np.ndarray) and given.dtype.kind not in "fiub":
            raise BadInput(f"weights '{path}': '{name}' is an array of {given.dtype}, not of numbers")
        value = torch.from_numpy(np.array(given)) if isinstance(given, np.ndarray) else given
        kind = (
            "quantised" if value.is_quantized
            else "sparse" if value.layout is not torch.strided
            else "of no memory (meta)" if value.is_meta
            else "of complex numbers" if value.is_complex()
            else ""
        )  # fmt: skip
        if kind:
            raise BadInput(f"weights '{path}': '{name}' is {kind}; save the weights as plain real numbers")
        if value.numel() * value.element_size() > max(2 * value.untyped_storage().nbytes(), 2**20):
            raise BadInput(
                f"weights '{path}': '{name}' has the shape {tuple(value.shape)}, but the file holds "
                f"{value.untyped_storage().nbytes():,} bytes for it; save what `.contiguous()` gives"
            )
        found[name] = value
    return found


def _unwrapped(state: dict[str, Tensor]) -> Found:
    """The weights without prefixes and the attacker's copy; the normaliser's buffers apart."""
    normaliser: dict[str, tuple[float, ...]] = {}
    while True:
        if any(key.startswith("model.") for key in state) and any(
            key.startswith(("attacker.", "normalizer.")) for key in state
        ):
            held = {name: state[key] for key, name in NORMALISERS.items() if key in state}
            normaliser |= {name: tuple(value.flatten().tolist()) for name, value in held.items()}
            state = {key: value for key, value in state.items() if key.startswith("model.")}
        shared = next((prefix for prefix in PREFIXES if all(key.startswith(prefix) for key in state)), None)
        if shared is None:
            return Found(state, "", normaliser if len(normaliser) == 2 else {})
        state = {key.removeprefix(shared): value for key, value in state.items()}
