"""The difference between two models, from their entries in the config."""

import pytest
from kindred.analyses import variation
from kindred.config import entries
from kindred.config.reading import check


def entry(architecture: str = "a", seed: int = 0, arguments: dict | None = None, **recipe: object) -> dict:
    recipe = {"method": "standard", "norm": None, "eps": 0.0, "lr": 0.1, **recipe}
    trained = {"training": "t", "norm": recipe["norm"], "eps": recipe["eps"], "seed": seed}
    return {"architecture": architecture, "arguments": arguments or {}, "recipe": recipe, "trained": trained}


def imported(architecture: str = "a", training: str = "madry", norm: str | None = "l2", eps: float = 3.0) -> dict:
    return {"architecture": architecture, "trained": {"training": training, "norm": norm, "eps": eps, "seed": 0}}


def python(file: str, **arguments: object) -> dict:
    """The entry of a function's network as a study has it."""
    given = {"python": f"{file}:net", "arguments": arguments, "weights": "x.pt"}
    return entries.model_entry(check({"models": {"m": given}}), "m")


ROBUST = {"method": "pgd", "norm": "linf", "eps": 0.1, "steps": 2}


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (entry(), entry(), "nothing"),
        (entry(), entry(seed=1), "seed"),
        (entry(), entry(lr=0.2), "hyper-parameters"),
        (entry(), entry(lr=0.2, seed=1), "hyper-parameters"),
        (entry(**ROBUST), entry(**ROBUST | {"eps": 0.2}), "hyper-parameters"),
        (entry(), entry(**ROBUST), "training method"),
        (entry(**ROBUST), entry(**ROBUST | {"norm": "l2"}), "training method"),
        (entry(), entry("b"), "architecture"),
        (entry(), entry(arguments={"depth": 3}), "architecture"),
        (entry(), entry("b", lr=0.2), "several"),
        (entry(), entry("b", **ROBUST), "several"),
        (imported(), imported(eps=1.0), "hyper-parameters"),
        (imported(), imported(training="standard", norm=None, eps=0.0), "training method"),
        (imported(), imported("b"), "architecture"),
        (python("nets.py"), python("nets.py"), "nothing"),
        (python("nets.py"), python("nets.py", depth=2), "architecture"),
        (python("nets.py"), python("others.py"), "architecture"),
    ],
)
def test_difference_between_entries(first: dict, second: dict, expected: str) -> None:
    assert variation.difference(first, second) == expected
    assert variation.difference(second, first) == expected
