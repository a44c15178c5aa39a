"""Names of architectures in figures."""

import json
from typing import Any

from kindred.figures.layout import reading

# From short to long: without the library or file that a name comes with, with its arguments, and with the number of
# parameters.
_WAYS = (
    lambda name, given, parameters: name.rpartition(":")[2],
    lambda name, given, parameters: name.removeprefix("python:"),
    lambda name, given, parameters: f"{name.rpartition(':')[2]}{given}",
    lambda name, given, parameters: f"{name.removeprefix('python:')}{given}",
    lambda name, given, parameters: f"{name.rpartition(':')[2]}, {parameters:,} parameters",
    lambda name, given, parameters: f"{name}{given}, {parameters:,} parameters",
)


def names(models: Any) -> dict[str, str]:
    """{model: what its architecture is called}, the shortest name that tells it from all others of models.csv.

    Models share an architecture where its name, its arguments and its number of parameters agree: one function with
    other arguments builds another network, which may have as many parameters. RobustBench's arguments choose among
    trainings of one network, so they do not count.
    """
    table = reading.require({"models": models}, "models", "model architecture arguments parameters")
    known = {
        str(row.model): (str(row.architecture), _given(str(row.architecture), row.arguments), int(row.parameters))
        for row in table.itertuples(index=False)
    }
    every = set(known.values())

    def called(one: tuple[str, str, int]) -> str:
        told = (way(*one) for way in _WAYS if [way(*other) for other in every].count(way(*one)) == 1)
        return next(told, _WAYS[-1](*one))

    return {model: called(one) for model, one in known.items()}


def _given(name: str, arguments: Any) -> str:
    """Arguments from their JSON as code has them, such as '(depth=2)'; '' for none."""
    if name.startswith("robustbench:") or not isinstance(arguments, str) or not arguments:
        return ""
    return f"({', '.join(f'{key}={value}' for key, value in json.loads(arguments).items())})"
