"""The configuration: checked as a whole before any job starts, its defaults filled in.

What a key may hold is said in `config.schema.yaml` beside this file; what has to agree across sections is checked in
`crosscheck`. Every mistake becomes one sentence that names the key, its value and what is allowed. A dry run imports
this module, so it and what it imports import nothing heavy.
"""

import itertools
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml

from kindred import origins, schema
from kindred.crosscheck import disagreements
from kindred.crosscheck_cianfarani import disagreements as layer_disagreements
from kindred.errors import BadInput
from kindred.schema import channels, evaluation_images, source, training_images
from kindred.wording import Keys, dotted, sentence, shown, suggestion

__all__ = [
    "LAYER_KEYWORDS",
    "channels",
    "check",
    "evaluation_images",
    "layer_choice",
    "model_entries",
    "model_entry",
    "named_layers",
    "source",
    "training_images",
]

LAYER_KEYWORDS = ("penultimate", "blocks", "all")
_LARGEST = 1e18
_DEEPEST = 20


def check(config: Mapping[str, Any], files: Sequence[str | Path] = ()) -> dict[str, Any]:
    """A new config with every default filled in, also inside the entries of models, trainings and the like.

    `files`: the YAML files that it was read from, which are searched for keys given twice (YAML readers keep the
    last and say nothing). Whole numbers come back as int and other numbers as float, however they were written.
    Raises BadInput with one sentence about the first mistake.
    """
    for file in files:
        _check_duplicates(Path(file))
    if not isinstance(config, Mapping):
        raise BadInput(
            f"The configuration is {shown(config)}, but must be a map with at least the key models."
        )
    given = _plain(config)
    # A section whose lines are all commented out reads as null.
    sections = schema.whole()["properties"]
    given = {k: v for k, v in given.items() if v is not None or sections.get(k, {}).get("type") != "object"}
    _check_schema(given)
    filled = schema.filled(given, schema.whole())
    for mistake in itertools.chain(disagreements(filled), layer_disagreements(filled)):
        raise BadInput(mistake)
    return filled


def model_entries(config: Mapping[str, Any]) -> dict[str, Any]:
    """The entries of all models of a checked config, those of `cianfarani` after those of the study."""
    return {**config["models"], **(config.get("cianfarani") or {"models": {}})["models"]}


def model_entry(config: Mapping[str, Any], name: str) -> dict[str, Any]:
    """All that a checked config says about one model.

    A model trained here has its adjusted `recipe` (norm None and eps 0 where there is no adversary) and no
    `adjust`; an imported one has `architecture`, `mean`, `std` and `input_size` as its source says, or the study's
    own. Both have `trained`: training (a label), norm, eps, seed. Raises BadInput for an unknown name.
    """
    entries = model_entries(config)
    if name not in entries:
        raise BadInput(f"'{name}' is not a model{suggestion(name, entries)}")
    entry = deepcopy(entries[name])
    if "training" in entry:
        recipe = config["trainings"][entry["training"]]
        entry["recipe"] = {"norm": None, "eps": 0.0, **recipe, **entry.pop("adjust")}
        norm, eps = entry["recipe"]["norm"], entry["recipe"]["eps"]
        entry["trained"] = {"training": entry["training"], "norm": norm, "eps": eps, "seed": entry["seed"]}
    else:
        entry = origins.filled(entry, config["images"])
    return entry


def layer_choice(config: Mapping[str, Any], name: str) -> str | list[str]:
    """Which layers of a model a checked config wants: a keyword, or a list of keywords and layer names."""
    own = model_entries(config)[name]["layers"]
    return deepcopy(config["activations"]["layers"] if own is None else own)


def named_layers(config: Mapping[str, Any]) -> dict[str, list[str]]:
    """{model: layers that its choice names one by one}, only of models with such layers."""
    named = {}
    for model in config["models"]:
        choice = layer_choice(config, model)
        names = [layer for layer in choice if layer not in LAYER_KEYWORDS] if isinstance(choice, list) else []
        if names:
            named[model] = names
    return named


def _plain(value: Any, at: Keys = ()) -> Any:
    """A copy made of dicts, lists and scalars alone, which shares nothing with the original or within itself."""
    if len(at) > _DEEPEST:
        raise BadInput(
            f"{dotted(at[:3])} is nested more than {_DEEPEST} deep; does a YAML alias refer to itself?"
        )
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str) or not key.isprintable():
                name = repr(key) if isinstance(key, str) else shown(key)
                must = (
                    "must be one line of text; YAML reads some words and all numbers as text only in quotes"
                )
                raise BadInput(f"{dotted(at) or 'The configuration'} has the key {name}, but a key {must}.")
        return {key: _plain(item, (*at, key)) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, (*at, i)) for i, item in enumerate(value)]
    # The comparison is false for NaN, too, which no limit of the schema would catch.
    if isinstance(value, int | float) and not abs(value) <= _LARGEST:
        raise BadInput(
            f"{dotted(at)} is {shown(value)}, but numbers must be finite and of size 10^18 at most."
        )
    return value


def _check_schema(config: dict[str, Any]) -> None:
    for name, entry in _maps(config.get("models")):
        both = [key for key in origins.KEYS if key in entry]
        if both == ["training"] and "weights" in entry:
            both.append("weights")
        if len(both) > 1:
            given = " and ".join(f"{key} {shown(entry[key])}" for key in both[:2])
            raise BadInput(
                f"models.{name} has {given}, but must have one of them: training for a model trained here, weights "
                "or another source for an imported one."
            )
    errors = schema.errors(config)
    if errors:
        raise BadInput(sentence(errors[0]))


def _maps(section: Any) -> list[tuple[str, dict[str, Any]]]:
    """(name, entry) of the entries that are maps, of a section that may be anything."""
    items = section.items() if isinstance(section, dict) else ()
    return [(name, entry) for name, entry in items if isinstance(entry, dict)]


def _check_duplicates(file: Path) -> None:
    """Raises BadInput where a map in the file has a key twice; merge keys (<<) only lend keys and may repeat."""
    try:
        text = file.read_text("utf-8")
        # JSON may be indented by tabs, which YAML does not allow.
        root = yaml.compose(text.replace("\t", " ") if file.suffix == ".json" else text, Loader=schema.YAML)
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(
            f"The configuration '{file}' cannot be read: {getattr(error, 'strerror', None) or 'not UTF-8'}."
        ) from None
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
