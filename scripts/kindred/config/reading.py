"""The configuration, checked as a whole before any job starts, with its defaults filled in.

What each key may hold is declared by settings classes (`study.py` and the catalogues); what several sections must agree
on is in `consistency.py`. Every mistake becomes a message that names the key, its value and what is allowed; several
are told at once. Every start of Snakemake imports this module, so it and what it imports import nothing heavy.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from kindred.config import consistency
from kindred.config.messages import Keys, dotted, messages, shown
from kindred.config.reference import json_schema
from kindred.config.study import Study
from kindred.workflow.errors import BadInput

YAML = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
MOST_TOLD = 8
LARGEST = 1e18
DEEPEST = 20
MOST_VALUES = 1_000_000  # with what aliases stand for; a study of a thousand models has some 30,000


def check(config: Mapping[str, Any], files: Sequence[str | Path] = ()) -> dict[str, Any]:
    """A new config with every default filled in, also inside the entries of models, trainings and the like.

    files: the YAML files that it was read from, which are searched for keys given twice (YAML readers keep the last and
    do not tell). Whole numbers come back as int and other numbers, fractions too, as float. Raises BadInput.
    """
    for file in files:
        _check_duplicates(Path(file))
    if not isinstance(config, Mapping):
        raise BadInput(f"The configuration is {shown(config)}, but must be a map with at least the key models.")
    _demand_fewer_values(config)
    # A section whose lines are all commented out reads as null.
    given = {key: value for key, value in _plain(config).items() if value is not None}
    try:
        study = Study.model_validate(given)
    except ValidationError as error:
        raise BadInput(_told(messages(error.errors(include_url=False), json_schema()))) from None
    filled = study.as_dict()
    if mistakes := list(consistency.mistakes(filled)):
        raise BadInput(_told(mistakes))
    return filled


def _told(mistakes: Sequence[str]) -> str:
    """One message as it is, several as a list."""
    if len(mistakes) == 1:
        return mistakes[0]
    more = [f"... and {len(mistakes) - MOST_TOLD} more."] if len(mistakes) > MOST_TOLD else []
    return "\n  - ".join([f"{len(mistakes)} mistakes:", *mistakes[:MOST_TOLD], *more])


def _demand_fewer_values(config: Mapping[str, Any]) -> None:
    """Raises BadInput where aliases of aliases stand for more values than memory holds; each is counted once."""
    counted: dict[int, int] = {}

    def count(value: Any, depth: int) -> int:
        if not isinstance(value, Mapping | list | tuple) or depth > DEEPEST:  # that it is too deep is told later
            return 1
        if id(value) not in counted:
            inner = value.values() if isinstance(value, Mapping) else value
            counted[id(value)] = 1 + sum(count(one, depth + 1) for one in inner)
        return counted[id(value)]

    if (number := count(config, 0)) > MOST_VALUES:
        raise BadInput(
            f"The configuration stands for {number:.2g} values, and at most {MOST_VALUES:,} are read; YAML aliases of "
            "aliases multiply."
        )


def _plain(value: Any, at: Keys = ()) -> Any:
    """A copy made of dicts, lists and scalars alone, which shares nothing with the original or within itself."""
    if len(at) > DEEPEST:
        raise BadInput(f"{dotted(at[:3])} is nested more than {DEEPEST} deep; does a YAML alias refer to itself?")
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str) or not key.isprintable():
                name = repr(key) if isinstance(key, str) else shown(key)
                raise BadInput(
                    f"{dotted(at) or 'The configuration'} has the key {name}, but a key must be one line of text; YAML "
                    "reads some words and all numbers as text only in quotes."
                )
        return {key: _plain(item, (*at, key)) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, (*at, i)) for i, item in enumerate(value)]
    # The comparison is false for NaN, too, which no limit would catch.
    if isinstance(value, int | float) and not abs(value) <= LARGEST:
        raise BadInput(f"{dotted(at)} is {shown(value)}, but numbers must be finite and of size 10^18 at most.")
    return value


def _check_duplicates(file: Path) -> None:
    """Raises BadInput where a map in the file has a key twice; merge keys (<<) only lend keys and may repeat."""
    try:
        text = file.read_text("utf-8")
        # JSON may be indented by tabs, which YAML does not allow.
        root = yaml.compose(text.replace("\t", " ") if file.suffix == ".json" else text, Loader=YAML)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8"
        raise BadInput(f"The configuration '{file}' cannot be read: {reason}.") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" in line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "a character that YAML does not allow"
        raise BadInput(f"The configuration '{file}' is not YAML{line}: {problem}.") from None
    visited: set[int] = set()  # an alias is the node that it stands for, met again
    waiting: list[tuple[Keys, Any]] = [((), root)]
    while waiting:
        at, node = waiting.pop(0)
        if id(node) in visited:
            continue
        visited.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting += [((*at, i), item) for i, item in enumerate(node.value)]
        elif isinstance(node, yaml.MappingNode):
            lines: dict[tuple[str, str], int] = {}
            for key, item in node.value:
                name, line = str(key.value), key.start_mark.line + 1
                if (key.tag, name) in lines and key.tag != "tag:yaml.org,2002:merge":
                    where = f"in lines {lines[key.tag, name]} and {line}"
                    raise BadInput(f"{dotted((*at, name))} stands twice in '{file}', {where}; keep one.")
                lines[key.tag, name] = line
                waiting.append(((*at, name), item))
