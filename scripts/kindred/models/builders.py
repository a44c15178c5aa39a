"""Networks that other Python code builds: a function of the user's, and RobustBench's zoo."""

import difflib
import importlib
import importlib.util
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from kindred.models import neighbours, permitted
from kindred.models.permitted import PYTHON
from kindred.workflow.errors import BadInput, first_line, some

ROBUSTBENCH = "robustbench:"


def build(architecture: str, arguments: dict[str, Any]) -> nn.Module:
    """The network that the builder of this prefix makes. Raises BadInput where it finds or makes none."""
    prefix = next(each for each in BUILDERS if architecture.startswith(each))
    return BUILDERS[prefix](architecture.removeprefix(prefix), arguments)


def of_python(function: str, arguments: dict[str, Any]) -> nn.Module:
    """The network that `path/to/file.py:function` or `package.module:function` returns, where the study names it."""
    permitted.demand(function, arguments)
    where, _, name = function.rpartition(":")
    own = neighbours.of_folder((Path(where).parent if where.endswith(".py") else Path()).resolve())
    with own.lent():
        net = _made(where, name, function, arguments)
    # Code may import when it runs: its neighbours are lent to it then too.
    net.register_forward_pre_hook(lambda *_: own.enter())
    net.register_forward_hook(lambda *_: own.leave(), always_call=True)
    return net


def _made(where: str, name: str, function: str, arguments: dict[str, Any]) -> nn.Module:
    make = getattr(_module(where), name, None)
    if not callable(make):
        what = "is not a function" if make is not None else "does not exist"
        raise BadInput(f"python '{function}': '{name}' {what} in '{where}'")
    try:
        net = make(**arguments)
    except Exception as error:  # a user's own code raises what it likes
        given = f" with {arguments}" if arguments else ""
        raise BadInput(f"python '{function}'{given} raised {type(error).__name__}: {first_line(error)}") from error
    if not isinstance(net, nn.Module):
        raise BadInput(
            f"python '{function}' returned a {type(net).__name__}, but must return a torch.nn.Module that "
            "maps images to logits"
        )
    return net


def _module(where: str) -> ModuleType:
    path = Path(where)
    if path.suffix == ".py" and not path.is_file():
        raise BadInput(f"python '{path}' does not exist, seen from '{Path.cwd()}'")
    try:
        if path.suffix != ".py":
            return importlib.import_module(where)
        spec = importlib.util.spec_from_file_location(
            f"kindred_user_{path.stem}_{sha256(str(path.resolve()).encode()).hexdigest()[:8]}", path
        )
        assert spec and spec.loader
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module  # dataclasses and pickles look their module up
        spec.loader.exec_module(module)
    except Exception as error:  # and so may importing it
        raise BadInput(f"python '{where}' cannot be imported: {type(error).__name__}: {error}") from error
    return module


def of_robustbench(identifier: str, arguments: dict[str, Any]) -> nn.Module:
    """RobustBench's network of that id with random weights; arguments: `dataset` and `threat_model`."""
    zoo = import_robustbench("robustbench.model_zoo")
    enums = import_robustbench("robustbench.model_zoo.enums")
    dataset, threat = arguments["dataset"], arguments["threat_model"]
    try:
        known = zoo.model_dicts[enums.BenchmarkDataset(dataset)][enums.ThreatModel(threat)]
    except (KeyError, ValueError) as error:
        raise BadInput(f"robustbench has no models of {dataset} under {threat}: {first_line(error)}") from error
    if identifier not in known:
        close = difflib.get_close_matches(identifier, known, n=3) or sorted(known)
        raise BadInput(f"robustbench '{identifier}' is no model of {dataset} under {threat}; there are {some(close)}")
    try:
        return known[identifier]["model"]()
    except Exception as error:  # some download while they are built
        raise BadInput(f"robustbench '{identifier}' cannot be built: {first_line(error)}") from error


def import_robustbench(module: str) -> ModuleType:
    """A module of RobustBench. BadInput: the package is not installed."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise BadInput(
            f"models of RobustBench need its package, which cannot be imported ({error}); install the extra: "
            "pip install 'kindred[robustbench]'"
        ) from error


BUILDERS: dict[str, Callable[[str, dict[str, Any]], nn.Module]] = {PYTHON: of_python, ROBUSTBENCH: of_robustbench}
