"""Names of weights: from those of a file to those of the network that is to have them.

What wrappers put before or into the names comes off by what fits, as the network's own names are known. Nothing is
guessed about weights themselves: where no change of names gives every weight its place, the names stay and loading
tells what is missing.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TypeVar

from kindred.workflow.errors import BadInput, some
from kindred.workflow.job import log

Value = TypeVar("Value")
# Parts that wrappers put into names at any depth: data parallel, compiled, sharded and checkpointed modules.
WRAPPERS = ("module", "_orig_mod", "_module", "_fsdp_wrapped_module", "_checkpoint_wrapped_module", "_forward_module")
# Names that published files have and today's code has not: torchvision's DenseNets of 2017.
PUBLISHED = {r"(.*denselayer\d+\.(?:norm|relu|conv))\.([12]\.\w+)": r"\1\2"}
# Counters of batch normalisation, which files of before torch 0.4.1 lack and which have no effect.
COUNTER = "num_batches_tracked"


def fitted(state: Mapping[str, Value], own: Iterable[str], origin: str) -> dict[str, Value]:
    """The weights by the names of a network, as far as there is a way; what is done is in the log.

    own: all names of the network's state. Weights beside those of the network are left out only where a prefix tells
    them apart. Raises BadInput where several parts of the file would fit.
    """
    wanted = {name for name in own if not name.endswith(COUNTER)}
    for change in (dict, _without_wrappers, _as_published):
        tried = change(dict(state))
        if found := _placed(tried, wanted, origin):
            if change is not dict:
                log.info("weights '%s': names are changed to those of the network (%s)", origin, change.__name__[1:])
            return found
    return dict(state)


def renamed(state: Mapping[str, Value], rename: Mapping[str, str], origin: str) -> dict[str, Value]:
    """The weights by names that the user changes: {pattern: replacement}, regular expressions, applied in order.

    Raises BadInput for a pattern that is none or that no name has, and for names that become equal.
    """
    names = {name: name for name in state}
    for pattern, replacement in rename.items():
        try:
            changed = {name: re.sub(pattern, replacement, now) for name, now in names.items()}
        except (re.error, IndexError) as error:
            raise BadInput(f"rename: '{pattern}' to '{replacement}' is no regular expression: {error}") from error
        if changed == names:
            raise BadInput(f"rename: no name in '{origin}' has '{pattern}'; they are {some(names.values())}")
        names = changed
    twice = [name for name, count in Counter(names.values()).items() if count > 1]
    if twice:
        raise BadInput(f"rename: several names in '{origin}' become {some(twice)}")
    return {names[name]: value for name, value in state.items()}


def _placed(state: dict[str, Value], wanted: set[str], origin: str) -> dict[str, Value] | None:
    """The weights with a prefix taken off or put on so that every wanted name is there; None if there is none."""
    if wanted <= state.keys():
        return state
    # A prefix of the file's names, which may have other parts beside the network's.
    prefixes = [prefix for prefix in _prefixes(state, wanted) if all(prefix + name in state for name in wanted)]
    if len(prefixes) > 1:
        raise BadInput(f"weights '{origin}' fit under several names: {', '.join(prefixes)}; rename takes one off")
    if prefixes:
        (prefix,) = prefixes
        others = [name for name in state if not name.startswith(prefix)]
        left = f", and {len(others)} others are left out ({some(others)})" if others else ""
        log.info("weights '%s': the prefix '%s' is taken off%s", origin, prefix, left)
        return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
    # A prefix of the network's names, which the file has not.
    for prefix in _prefixes(wanted, state):
        if wanted <= {prefix + name for name in state}:
            log.info("weights '%s': the prefix '%s' of the network is put before the names", origin, prefix)
            return {prefix + name: value for name, value in state.items()}
    return None


def _prefixes(longer: Iterable[str], shorter: Iterable[str]) -> list[str]:
    """Prefixes that, before one of the shorter names, give a longer one; by one name, which all must follow."""
    last = max((name for name in shorter if not name.endswith(COUNTER)), key=len, default="")
    return [name.removesuffix(last) for name in longer if last and name.endswith(f".{last}")]


def _without_wrappers(state: dict[str, Value]) -> dict[str, Value]:
    names = {name: ".".join(part for part in name.split(".") if part not in WRAPPERS) for name in state}
    return {names[name]: value for name, value in state.items()} if len(set(names.values())) == len(names) else state


def _as_published(state: dict[str, Value]) -> dict[str, Value]:
    found = _without_wrappers(state)
    for pattern, replacement in PUBLISHED.items():
        found = {re.sub(f"^{pattern}$", replacement, name): value for name, value in found.items()}
    return found
