"""A script of the pipeline as Snakemake runs it, but in this process."""

import runpy
import types
from pathlib import Path
from typing import Any

from workflow import ROOT


class Named(list[Any]):
    """Values in order, and each under its name as well."""

    def __init__(self, values: dict[str, Any]) -> None:
        super().__init__(values.values())
        self.__dict__.update(values)


class Place:
    """What Snakemake hands to a script for the model `m`; outputs and the log lie in `folder`."""

    def __init__(
        self,
        folder: Path,
        names: dict[str, str],
        given: dict[str, Any],
        config: dict[str, Any] | None = None,
        **params: Any,
    ) -> None:
        self.input = Named(given)
        self.output = Named({key: str(folder / name) for key, name in names.items()})
        self.params = types.SimpleNamespace(**params)
        self.wildcards = types.SimpleNamespace(model="m")
        self.config = {**(config or {}), "device": "cpu"}
        self.threads, self.log = 1, [str(folder / "log.txt")]


def run(script: str, place: Place) -> None:
    """Run scripts/<script>.py; SystemExit where its input is bad."""
    runpy.run_path(str(ROOT / "scripts" / f"{script}.py"), {"snakemake": place})
