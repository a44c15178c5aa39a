"""A script of the pipeline as Snakemake runs it, but in this process."""

import runpy
import types
from pathlib import Path
from typing import Any

from workflow import ROOT


class Place:
    """What Snakemake hands to a script; outputs and the log lie in `folder`."""

    def __init__(self, folder: Path, names: dict[str, str], given: dict[str, Any], **params: Any) -> None:
        self.input = types.SimpleNamespace(**given)
        self.output = types.SimpleNamespace(**{key: str(folder / name) for key, name in names.items()})
        self.params = types.SimpleNamespace(made="made", **params)
        self.wildcards = types.SimpleNamespace(model="m")
        self.config, self.threads, self.log = {"device": "cpu"}, 1, [str(folder / "log.txt")]


def run(script: str, place: Place) -> None:
    """Run scripts/<script>.py; SystemExit where its input is bad."""
    runpy.run_path(str(ROOT / "scripts" / f"{script}.py"), {"snakemake": place})
