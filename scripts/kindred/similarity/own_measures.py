"""Measures of the user's own: a function of two feature matrices, `path/to/file.py:function`.

The function takes two float64 arrays (n, p) and (n, q), features of the same n images in the same order, and
returns one number. It is called once for each pair of models, and never for a model with itself on the same
images unless the study compares that pair; for p, once more for each of `similarity.permutations`.
"""

import hashlib
import importlib.util
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor

from kindred.similarity.pairwise import Function, Matrix, compare_pairs
from kindred.workflow.errors import BadInput, first_line


def compare(
    names: Sequence[str], features: Sequence[Tensor], pairs: Sequence[tuple[int, int]], settings: Mapping[str, Any]
) -> dict[str, dict[str, Matrix]]:
    """{name: {value, low, high, null}}, arrays over `pairs`; interval and null level are unknown (NaN).

    features: (n, p) each; pairs: indices into them. Raises BadInput as `load`, and where the function fails.
    """
    found = {}
    for name in names:
        function = load(name)
        found[name] = compare_pairs(partial(_call, name, function), features, pairs)
    return found


def load(name: str) -> Function:
    """The function `path/to/file.py:function`. Raises BadInput where it cannot be had."""
    file, _, function = name.rpartition(":")
    path = Path(file)
    if not path.is_file():
        raise BadInput(f"the file of the measure '{name}' does not exist in '{Path.cwd()}'.")
    unique = f"kindred_measure_{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:16]}"
    spec = importlib.util.spec_from_file_location(unique, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # a user's code may raise anything
        raise BadInput(
            f"the measure '{name}' cannot be imported: {type(error).__name__}: {first_line(error)}."
        ) from error
    found = getattr(module, function, None)
    if not callable(found):
        raise BadInput(f"the measure '{name}' needs a function '{function}' in '{path}'.")
    return found


def _call(name: str, function: Function, x: Matrix, y: Matrix) -> float:
    try:
        value = function(x, y)
    except Exception as error:  # a user's own code raises what it likes
        where = f"on arrays {x.shape} and {y.shape}"
        raise BadInput(f"the measure '{name}' raised {type(error).__name__} {where}: {first_line(error)}.") from error
    try:
        return float(value)
    except (TypeError, ValueError):
        raise BadInput(f"the measure '{name}' returned {value!r:.60}, but must return one number.") from None
