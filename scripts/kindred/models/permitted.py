"""Functions of users that the jobs of a study may call: those that its config names. Light: no torch.

Descriptions of models lie among the results, which may have been moved or received, and must not be able to name code.
"""

import json
import os
from collections.abc import Iterable, Mapping
from typing import Any

from kindred.workflow.errors import BadInput

FUNCTIONS = "KINDRED_FUNCTIONS"  # in the environment of a study's jobs
PYTHON = "python:"


def of_study(entries: Iterable[Mapping[str, Any]]) -> str:
    """What FUNCTIONS is set to: the functions that these models of a config name, each with its arguments."""
    named = []
    for entry in entries:
        function = entry.get("python") or str(entry.get("architecture", ""))
        if "python" in entry or function.startswith(PYTHON):
            named.append([function.removeprefix(PYTHON), entry.get("arguments") or {}])
    return json.dumps(named, sort_keys=True)


def demand(function: str, arguments: Mapping[str, Any]) -> None:
    """Raise BadInput, inside a study, for a function with arguments that its config does not name."""
    named = json.loads(os.environ.get(FUNCTIONS, "null"))
    if named is not None and json.loads(json.dumps([function, dict(arguments)])) not in named:
        raise BadInput(
            f"python '{function}' with {dict(arguments)} is named by a result of this study and not by its config, and "
            "was not run; delete what results/models and results/checkpoints hold of that model and run again"
        )
