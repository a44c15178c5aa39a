"""Names of architectures in figures."""

from typing import Any

# From short to long: without the library or file that a name comes with, and with the number of parameters.
_WAYS = (
    lambda name, parameters: name.rpartition(":")[2],
    lambda name, parameters: name.removeprefix("python:"),
    lambda name, parameters: f"{name.rpartition(':')[2]}, {parameters:,} parameters",
    lambda name, parameters: f"{name}, {parameters:,} parameters",
)


def names(models: Any) -> dict[str, str]:
    """{model: what its architecture is called}, the shortest name that tells it from all others of models.csv.

    Models share an architecture where its name and its number of parameters agree, so that one function built
    with other arguments is another.
    """
    columns = models[["architecture", "parameters"]].astype({"architecture": str, "parameters": int})
    known = dict(zip(models["model"].astype(str), columns.itertuples(index=False, name=None), strict=True))
    every = set(known.values())

    def called(one: tuple[str, int]) -> str:
        told = (way(*one) for way in _WAYS if [way(*other) for other in every].count(way(*one)) == 1)
        return next(told, _WAYS[-1](*one))

    return {model: called(one) for model, one in known.items()}
