"""What a network returns, and which part of it are the logits: `output` of a model's entry."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from kindred.workflow.errors import BadInput, some


def chosen(returned: Any, output: str | int | None) -> Any:
    """The part that `output` names: a key or an attribute, or the number of an element, from 0.

    A tensor is the logits already: many networks return a tuple in training alone. Raises BadInput where there is no
    such part.
    """
    if output is None or isinstance(returned, Tensor):
        return returned
    try:
        if isinstance(output, int) or isinstance(returned, Mapping):
            return returned[output]
        return getattr(returned, output)
    except (KeyError, IndexError, AttributeError, TypeError) as error:
        raise BadInput(
            f"output is {output!r}, but the network returns {described(returned)}; {parts(returned)}."
        ) from error


def described(returned: Any) -> str:
    """What a network returned, for a message."""
    if isinstance(returned, Tensor):
        return f"a tensor of shape {tuple(returned.shape)}"
    return f"a {type(returned).__name__}"


def parts(returned: Any) -> str:
    """The tensors in what a network returned by the values of `output` that choose them, for a message."""
    if isinstance(returned, Mapping):
        held = dict(returned)
    elif isinstance(returned, tuple | list):
        held = dict(enumerate(returned))
    elif dataclasses.is_dataclass(returned) or hasattr(returned, "__dict__"):
        held = dict(vars(returned))
    else:
        held = {}
    shapes = [f"{key} {tuple(value.shape)}" for key, value in held.items() if isinstance(value, Tensor)]
    return f"output chooses among {some(shapes, '; ')}" if shapes else "there is no tensor in it to choose"
