"""Weights in several safetensors files and the index that names them, as hubs keep large models. Light: no torch."""

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

from kindred.workflow.errors import BadInput, first_line, some

if TYPE_CHECKING:
    from torch import Tensor

ENDING = ".safetensors.index.json"
_SHARD = re.compile(r"(.+)-\d+-of-(\d+)\.safetensors")


def files(index: Path) -> list[Path]:
    """The files that an index names, sorted. Raises BadInput where it cannot be read or names files elsewhere."""
    try:
        names = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
        outside = [name for name in names if Path(name).name != name]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInput(f"weights '{index}' are no index of safetensors: {first_line(error)}") from error
    if outside:
        raise BadInput(f"weights '{index}' name files that are not beside it: {some(outside)}")
    return [index.with_name(name) for name in names]


def there(index: Path) -> list[Path]:
    """The files of an index as far as it can be read, before any job."""
    try:
        return files(index)
    except BadInput:  # a job tells
        return []


def read(index: Path) -> "dict[str, Tensor]":
    """All weights of the files that an index names. Raises BadInput where one is missing, damaged or lacks a weight."""
    from kindred.models.classifiers import read_weights

    state: dict[str, Tensor] = {}
    for file in files(index):
        state |= read_weights(file)
    wanted = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
    if lacking := sorted(set(wanted) - state.keys()):
        raise BadInput(f"weights '{index}' name {len(lacking)} that its files do not hold ({some(lacking)})")
    return state


def demand_whole(path: Path) -> None:
    """Raises BadInput for one of several files, naming the index that stands for all."""
    if (match := _SHARD.fullmatch(path.name)) and int(match[2]) > 1:
        index = path.with_name(match[1] + ENDING)
        there = f"name '{index}'" if index.is_file() else f"name its index, which ends in {ENDING}"
        raise BadInput(f"weights '{path}' are one of {int(match[2])} files of a model; {there}")
