"""The configuration: checked as a whole before any job starts, its defaults filled in.

What a key may hold is said in `config.schema.yaml` beside this file; what has to agree across sections is checked
here. Every mistake becomes one sentence that names the key, its value and what is allowed. A dry run imports this
module, so it imports nothing heavy.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from decimal import Decimal
from difflib import get_close_matches
from functools import cache
from math import isfinite
from pathlib import Path
from typing import Any

import yaml

from kindred.errors import BadInput

Keys = tuple[str | int, ...]  # where a value stands: keys of maps and positions in lists

LAYER_KEYWORDS = ("penultimate", "blocks", "all")
SET_BY_STUDY = ("num_classes", "in_chans", "img_size", "pretrained", "checkpoint_path")
NATURAL = "natural"  # the name of the unchanged images wherever attacks and inversions are named
_LARGEST = 1e18
_DEEPEST = 20
_YAML = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


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
            f"The configuration is {_shown(config)}, but must be a map with at least the key models."
        )
    given = _plain(config)
    # A section whose lines are all commented out reads as null.
    sections = _schema()["properties"]
    given = {k: v for k, v in given.items() if v is not None or sections.get(k, {}).get("type") != "object"}
    _check_schema(given)
    filled = _filled(given, _schema())
    for sentence in _disagreements(filled):
        raise BadInput(sentence)
    return filled


def model_entry(config: Mapping[str, Any], name: str) -> dict[str, Any]:
    """All that a checked config says about one model.

    A model trained here has its adjusted `recipe` (norm None and eps 0 where there is no adversary) and no
    `adjust`; an imported one has `mean`, `std` and `input_size` with the study's own in place of null. Both have
    `trained`: training (a label), norm, eps, seed. Raises BadInput for an unknown name.
    """
    if name not in config["models"]:
        raise BadInput(f"'{name}' is not a model{_suggestion(name, config['models'])}")
    entry = deepcopy(config["models"][name])
    if "training" in entry:
        recipe = config["trainings"][entry["training"]]
        entry["recipe"] = {"norm": None, "eps": 0.0, **recipe, **entry.pop("adjust")}
        norm, eps = entry["recipe"]["norm"], entry["recipe"]["eps"]
        entry["trained"] = {"training": entry["training"], "norm": norm, "eps": eps, "seed": entry["seed"]}
    else:
        for key, own in (("mean", "mean"), ("std", "std"), ("input_size", "size")):
            if entry[key] is None:
                entry[key] = deepcopy(config["images"][own])
    return entry


def layer_choice(config: Mapping[str, Any], name: str) -> str | list[str]:
    """Which layers of a model a checked config wants: a keyword, or a list of keywords and layer names."""
    own = config["models"][name]["layers"]
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


def source(config: Mapping[str, Any]) -> dict[str, Any]:
    """What the schema says about the source of images: const (its name), channels, images, kept_for_training."""
    sources = _schema()["properties"]["images"]["properties"]["source"]["oneOf"]
    return next(entry for entry in sources if entry["const"] == config["images"]["source"])


def channels(config: Mapping[str, Any]) -> int:
    """Channels of an image."""
    return source(config)["channels"]


def evaluation_images(config: Mapping[str, Any]) -> int:
    """Number of images that everything is measured on."""
    return config["images"]["evaluation"]


def training_images(config: Mapping[str, Any]) -> int:
    """Number of images left for training."""
    return source(config)["images"] - evaluation_images(config)


# ---- what agrees with the schema ----


@cache
def _schema() -> dict[str, Any]:
    return yaml.load(Path(__file__).with_name("config.schema.yaml").read_text("utf-8"), Loader=_YAML)


def _plain(value: Any, at: Keys = ()) -> Any:
    """A copy made of dicts, lists and scalars alone, which shares nothing with the original or within itself."""
    if len(at) > _DEEPEST:
        raise BadInput(
            f"{_dotted(at[:3])} is nested more than {_DEEPEST} deep; does a YAML alias refer to itself?"
        )
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str) or not key.isprintable():
                shown = repr(key) if isinstance(key, str) else _shown(key)
                must = (
                    "must be one line of text; YAML reads some words and all numbers as text only in quotes"
                )
                raise BadInput(f"{_dotted(at) or 'The configuration'} has the key {shown}, but a key {must}.")
        return {key: _plain(item, (*at, key)) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, (*at, i)) for i, item in enumerate(value)]
    # The comparison is false for NaN, too, which no limit of the schema would catch.
    if isinstance(value, int | float) and not abs(value) <= _LARGEST:
        raise BadInput(
            f"{_dotted(at)} is {_shown(value)}, but numbers must be finite and of size 10^18 at most."
        )
    return value


def _check_schema(config: dict[str, Any]) -> None:
    from jsonschema import Draft202012Validator

    for name, entry in _maps(config.get("models")):
        both = [key for key in ("training", "weights") if key in entry]
        if len(both) == 2:
            raise BadInput(
                f"models.{name} has training {_shown(entry['training'])} and weights {_shown(entry['weights'])}, "
                "but must have one of them: training for a model trained here, weights for an imported one."
            )
    # A misspelt key is also a missing one: the misspelling explains more.
    rank = {"additionalProperties": 0, "required": 2}
    errors = sorted(
        Draft202012Validator(_schema()).iter_errors(config), key=lambda e: rank.get(e.validator, 1)
    )
    if errors:
        raise BadInput(_sentence(errors[0]))


def _sentence(error: Any) -> str:
    """What an error of jsonschema says, in words for somebody who has not read the schema."""
    at, value, schema = tuple(error.absolute_path), error.instance, error.schema
    if error.validator == "additionalProperties":
        return _unknown_key(at, value, schema)
    if error.validator == "required":
        return _missing_key(at, value, schema)
    if error.validator == "uniqueItems":
        return f"{_dotted(at)} holds {_shown(_repeated(value))} twice, but must hold each entry once."
    choices = [choice for choice in _choices(schema) if isinstance(choice, str)]
    meant = _meant(value, choices)
    end = f"; did you mean {meant}?" if meant else _number_hint(value, schema) + "."
    return f"{_dotted(at)} is {_shown(value)}, but must be {_allowed(schema)}{end}"


def _unknown_key(at: Keys, value: dict[str, Any], schema: dict[str, Any]) -> str:
    known, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    key = next(k for k in value if k not in known and not any(re.search(p, k) for p in patterns))
    if patterns:
        return (
            f"{_dotted(at)} has the name '{key}', but a name must begin with a letter or a digit and go on with "
            "letters, digits and . _ + - because files are named after it."
        )
    meant = _meant(key, list(known))
    end = f"; did you mean {meant}?" if meant else f"; its keys are {', '.join(known)}."
    return f"{_dotted((*at, key))} is not a key of {schema['title']}{end}"


def _missing_key(at: Keys, value: dict[str, Any], schema: dict[str, Any]) -> str:
    key = next(k for k in schema["required"] if k not in value)
    if key == "training":
        return (
            f"{_dotted(at)} has neither training nor weights, but must have one of them: training for a model "
            "trained here, weights for an imported one."
        )
    other = {"norm": "eps", "eps": "norm"}.get(key)
    has = f"{other} {_shown(value[other])} but no {key}" if other in value else f"no {key}"
    needed = _allowed(_chosen(schema["properties"][key], None))
    return f"{_dotted(at) or 'The configuration'} has {has}, which must be {needed}."


def _chosen(schema: dict[str, Any], value: Any) -> dict[str, Any]:
    """The schema that holds for this value once references and conditions are followed."""
    if "$ref" in schema:
        target = _schema()["$defs"][schema["$ref"].rpartition("/")[2]]
        return _chosen(target | {key: item for key, item in schema.items() if key != "$ref"}, value)
    if "if" in schema:
        from jsonschema import Draft202012Validator

        branch = "then" if Draft202012Validator(schema["if"]).is_valid(value) else "else"
        rest = {key: item for key, item in schema.items() if key not in ("if", "then", "else")}
        return rest | _chosen(schema.get(branch, {}), value)
    return schema


def _filled(value: Any, schema: dict[str, Any]) -> Any:
    """A copy of a valid value with the schema's defaults, and with numbers of the schema's type."""
    schema = _chosen(schema, value)
    if isinstance(value, dict):
        known, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
        named: dict[str, Any] = next(iter(patterns.values()), {})
        filled = {key: _filled(item, known.get(key, named)) for key, item in value.items()}
        absent = {key: each for key, each in known.items() if key not in value and "default" in each}
        return filled | {key: _filled(deepcopy(each["default"]), each) for key, each in absent.items()}
    if isinstance(value, list):
        return [_filled(item, schema.get("items", {})) for item in value]
    types = schema.get("type", ())
    if isinstance(value, float) and "integer" in types:
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and "number" in types:
        return float(value)
    return value


# ---- what agrees across sections ----


def _disagreements(config: dict[str, Any]) -> Iterator[str]:
    """Sentences about what fits its own key but not the rest of a filled config."""
    if not config["models"] and config["similarity"]["external"] is None:
        yield f"The configuration has no models, which must be {_schema()['properties']['models']['allowed']}."
    yield from _names(config)
    yield from _images(config)
    for name, recipe in config["trainings"].items():
        yield from _recipe(("trainings", name), recipe, list(recipe), config)
    for name, entry in config["models"].items():
        yield from _model(("models", name), entry, config)
    for name, attack in config["attacks"].items():
        yield from _ball(("attacks", name), attack)
        if attack["restarts"] > 1 and not attack["random_start"]:
            yield f"attacks.{name}.restarts is {attack['restarts']}, but must be 1 where random_start is false."
        if attack["method"] == "apgd":
            for key in ("step_size", "momentum"):
                if attack[key]:
                    yield f"attacks.{name}.{key} is {attack[key]:g}, but apgd chooses it itself; leave it out."
    for section in ("attacks", "inversions"):
        for name, entry in config[section].items():
            yield from _at_most((section, name, "images"), entry["images"], *_evaluation(config))
    yield from _similarity(config)
    yield from _sat(config)
    yield from _figures(config)


def _names(config: dict[str, Any]) -> Iterator[str]:
    for section in ("models", "trainings", "attacks", "inversions"):
        seen: dict[str, str] = {}
        for name in config[section]:
            other = seen.setdefault(name.lower(), name)
            if other != name:
                both = f"'{other}' and '{name}'"
                yield f"{section} has the names {both}, but names must differ in more than upper and lower case."
            if section in ("attacks", "inversions") and name.lower() == NATURAL:
                yield f"{section}.{name} must have another name: '{NATURAL}' stands for the images as they are."
    attacks = {name.lower() for name in config["attacks"]}
    for name in config["inversions"]:
        if name.lower() in attacks:
            yield f"inversions.{name} has the name of an attack, but must have another one."


def _images(config: dict[str, Any]) -> Iterator[str]:
    facts, images = source(config), config["images"]
    most = facts["images"] - facts["kept_for_training"]
    kept = f"{facts['kept_for_training']} of them kept for training"
    why = f"{facts['const']} holds {facts['images']:,} images, {kept}"
    yield from _at_most(("images", "evaluation"), images["evaluation"], most, why)
    for key in ("mean", "std"):
        yield from _per_channel(("images", key), images[key], config)


def _model(at: Keys, entry: dict[str, Any], config: dict[str, Any]) -> Iterator[str]:
    for argument in SET_BY_STUDY:
        if argument in entry["arguments"]:
            yield f"{_dotted((*at, 'arguments', argument))} must be left out: the pipeline sets it itself."
    if "weights" in entry:
        for key, other in (("mean", "std"), ("std", "mean")):
            if entry[key] is not None:
                if entry[other] is None:
                    shown = f"{_dotted((*at, key))} is {_shown(entry[key])}"
                    yield f"{shown} and {other} is missing, but they must come together."
                yield from _per_channel((*at, key), entry[key], config)
        trained = entry["trained"]
        if (trained["norm"] is None) != (trained["eps"] == 0):
            yield (
                f"{_dotted((*at, 'trained'))} has norm {trained['norm'] or 'null'} and eps {trained['eps']:g}, "
                "but must have both a norm and an eps above 0, or neither."
            )
        yield from _ball((*at, "trained"), trained)
        return
    yield from _unknown((*at, "training"), entry["training"], "a training", config["trainings"])
    recipe, adjust = config["trainings"][entry["training"]], entry["adjust"]
    kind = _chosen({"$ref": "#/$defs/training"}, recipe)
    for key in adjust:
        if key not in kind["properties"]:
            keys = ", ".join(known for known in kind["properties"] if known != "method")
            yield (
                f"{_dotted((*at, 'adjust', key))} is {_shown(adjust[key])}, but '{entry['training']}' is "
                f"{kind['title']}, of which only {keys} can be adjusted."
            )
    if adjust:
        yield from _recipe((*at, "adjust"), recipe | adjust, list(adjust), config)


def _recipe(at: Keys, recipe: dict[str, Any], given: Sequence[str], config: dict[str, Any]) -> Iterator[str]:
    """`given`: the keys that stand at `at`; the others come from the recipe that is adjusted there."""
    left = training_images(config)
    yield from _at_most((*at, "batch"), recipe["batch"], left, "the images left for training")
    if recipe["method"] != "pgd":
        return
    yield from _ball(at, recipe)
    clean, rise, epochs = recipe["clean_epochs"], recipe["ramp_epochs"], recipe["epochs"]
    if clean + rise and clean + rise >= epochs:
        key = next((k for k in ("ramp_epochs", "clean_epochs", "epochs") if k in given and recipe[k]), None)
        if key:
            yield (
                f"{_dotted((*at, key))} is {recipe[key]}, but of {epochs} epochs clean_epochs ({clean}) and "
                f"ramp_epochs ({rise}) must leave at least one at full eps."
            )


def _ball(at: Keys, entry: dict[str, Any]) -> Iterator[str]:
    eps = entry["eps"]
    if entry["norm"] == "linf" and eps > 1:
        hint = f"; {eps:g}/255 is {eps / 255:.4f}" if eps <= 255 else ""
        yield f"{_dotted((*at, 'eps'))} is {eps:g}, but must be at most 1 in linf (pixels in [0, 1]{hint})."


def _similarity(config: dict[str, Any]) -> Iterator[str]:
    similarity, at = config["similarity"], ("similarity", "minibatch", "size")
    size = similarity["minibatch"]["size"]
    measured = "cka_minibatch" in similarity["measures"] + similarity["layer_measures"]
    if measured:
        yield from _at_most(at, size, *_evaluation(config))
    if "cka_minibatch" in similarity["measures"]:
        for name in config["inversions"]:
            yield from _at_most(at, size, _inverted(name, config), f"the images of inversions.{name}")
    if similarity["layer_pairs"] != "all":
        pairs = _unordered(similarity["layer_pairs"])
        for pair, unordered in zip(similarity["layer_pairs"], pairs, strict=True):
            for name in pair:
                yield from _unknown(("similarity", "layer_pairs"), name, "a model", config["models"])
            if pairs.count(unordered) > 1:
                yield f"similarity.layer_pairs holds {_shown(pair)} twice, but must hold each pair once."


def _sat(config: dict[str, Any]) -> Iterator[str]:
    settings = config["sat"]
    if config["similarity"]["external"] is not None:
        return
    if settings["attack"] is not None:
        yield from _unknown(("sat", "attack"), settings["attack"], "an attack", config["attacks"])
    taught = settings["distillation"] or {"students": [], "teachers": []}
    for key in ("students", "teachers"):
        for name in taught[key]:
            yield from _unknown(("sat", "distillation", key), name, "a model", config["models"])
    for name in taught["students"]:
        entry = config["models"].get(name, {})
        recipe = config["trainings"].get(entry.get("training"), {})
        if name in config["models"] and recipe.get("method") != "standard":
            yield f"sat.distillation.students holds '{name}', but students must be trained here by method standard."
    if (
        taught["students"]
        and set(taught["teachers"]) <= set(taught["students"])
        and len(taught["students"]) == 1
    ):
        yield f"sat.distillation.teachers holds only the student '{taught['students'][0]}'; it needs another model."
    count, models = settings["clusters"]["count"], len(config["models"])
    yield from _at_most(("sat", "clusters", "count"), count, models - 1, f"there are {models} models")


def _figures(config: dict[str, Any]) -> Iterator[str]:
    figures, similarity = config["figures"], config["similarity"]
    for figure, key in (("similarity", "measures"), ("layers", "layer_measures")):
        if figures[figure] and figures[figure]["measure"] not in similarity[key]:
            yield (
                f"figures.{figure}.measure is '{figures[figure]['measure']}', but must be in similarity.{key}, "
                f"which holds {_listed(similarity[key])}."
            )
    for figure, key, kind in (
        ("similarity", "inversion", "an inversion"),
        ("gallery", "inversion", "an inversion"),
        ("transfer", "attack", "an attack"),
    ):
        if figures[figure] and figures[figure][key] is not None:
            yield from _unknown(("figures", figure, key), figures[figure][key], kind, config[f"{key}s"])
    if figures["gallery"]:
        for name in figures["gallery"]["models"]:
            yield from _unknown(("figures", "gallery", "models"), name, "a model", config["models"])
        inversion = figures["gallery"]["inversion"]
        most, why = _inverted(inversion, config), f"the images of inversions.{inversion}"
        yield from _at_most(("figures", "gallery", "examples"), figures["gallery"]["examples"], most, why)
    if figures["layers"]:
        for pair in figures["layers"]["panels"]:
            for name in pair:
                yield from _unknown(("figures", "layers", "panels"), name, "a model", config["models"])
            pairs = similarity["layer_pairs"]
            if pairs != "all" and sorted(pair) not in _unordered(pairs):
                yield f"figures.layers.panels holds {_shown(pair)}, which is not in similarity.layer_pairs."


def _at_most(at: Keys, value: int | None, most: int, why: str) -> Iterator[str]:
    if value is not None and value > most:
        yield f"{_dotted(at)} is {value}, but must be at most {most:,}: {why}."


def _inverted(name: str, config: dict[str, Any]) -> int:
    return config["inversions"][name]["images"] or evaluation_images(config)


def _evaluation(config: dict[str, Any]) -> tuple[int, str]:
    return evaluation_images(config), "images.evaluation"


def _per_channel(at: Keys, value: list[float], config: dict[str, Any]) -> Iterator[str]:
    wanted = channels(config)
    if len(value) != wanted:
        numbers = f"{wanted} number{'s' if wanted > 1 else ''}, one a channel of {config['images']['source']}"
        yield f"{_dotted(at)} is {_shown(value)}, but must hold {numbers}."


def _unknown(at: Keys, name: str, kind: str, names: Iterable[str]) -> Iterator[str]:
    if name not in names:
        yield f"{_dotted(at)} names {_shown(name)}, which is not {kind}{_suggestion(name, names)}"


# ---- duplicate keys ----


def _check_duplicates(file: Path) -> None:
    """Raises BadInput where a map in the file has a key twice; merge keys (<<) only lend keys and may repeat."""
    try:
        text = file.read_text("utf-8")
        # JSON may be indented by tabs, which YAML does not allow.
        root = yaml.compose(text.replace("\t", " ") if file.suffix == ".json" else text, Loader=_YAML)
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
                    raise BadInput(f"{_dotted((*at, name))} stands twice in '{file}', {where}; keep one.")
                lines[key.tag, name] = line
                waiting.append(((*at, name), item))


# ---- words ----


def _dotted(at: Keys) -> str:
    """models.vgg-std.adjust.epochs, images.std[0]; empty for the whole."""
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in at).lstrip(".")


def _shown(value: Any) -> str:
    """A value as YAML would have it, cut where it is long."""
    if value is None or value in ({}, []):
        return "empty"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and not isfinite(value):
        return {"inf": ".inf", "-inf": "-.inf"}.get(str(value), ".nan")
    if isinstance(value, dict):
        return f"a map ({', '.join(value)})" if len(", ".join(value)) <= 60 else f"a map of {len(value)} keys"
    if isinstance(value, list):
        text = f"[{', '.join(map(_shown, value))}]"
    else:
        text = f"'{value}'" if isinstance(value, str) and value.isprintable() else repr(value)
    return text if len(text) <= 80 else f"{text[:76]} ..."


def _allowed(schema: dict[str, Any]) -> str:
    """What may stand here, in words."""
    if "allowed" in schema:
        return schema["allowed"]
    if _choices(schema):
        return _listed(_choices(schema), "or")
    unit = f" ({schema['unit']})" if "unit" in schema else ""
    words = {
        "integer": f"a whole number{_limits(schema)}{unit}",
        "number": f"a number{_limits(schema)}{unit}",
        "boolean": "true or false",
        "string": "text",
        "array": "a list",
        "object": f"a map of keys ({', '.join(schema.get('properties', {}))})",
        "null": "null",
    }
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return " or ".join(words[each] for each in types)


def _limits(schema: dict[str, Any]) -> str:
    low, above = schema.get("minimum"), schema.get("exclusiveMinimum")
    high, below = schema.get("maximum"), schema.get("exclusiveMaximum")
    if low is not None and high is not None:
        return f" between {low:,} and {high:,}"
    limits = [("of at least", low), ("above", above), ("at most", high), ("below", below)]
    said = [f"{words} {limit:,}" for words, limit in limits if limit is not None]
    return f" {' and '.join(said)}" if said else ""


def _choices(schema: dict[str, Any]) -> list[Any]:
    return schema.get("enum") or [entry["const"] for entry in schema.get("oneOf", ())]


def _listed(names: Iterable[Any], last: str = "and") -> str:
    words = ["null" if name is None else str(name) for name in names]
    return f"{', '.join(words[:-1])} {last} {words[-1]}" if len(words) > 1 else words[0]


def _meant(name: Any, names: Iterable[str]) -> str | None:
    """The name that was probably meant, if any is near."""
    if not isinstance(name, str):
        return None
    folded = {each.lower(): each for each in names}
    close = get_close_matches(name.lower(), folded, n=1, cutoff=0.7)
    return folded[close[0]] if close else None


def _suggestion(name: str, names: Iterable[str]) -> str:
    """The end of a sentence about an unknown name."""
    known = list(names)
    meant = _meant(name, known)
    if meant:
        return f"; did you mean '{meant}'?"
    if len(known) > 12:
        return f"; there are {', '.join(known[:12])} and {len(known) - 12} more."
    return f"; there {'are' if len(known) > 1 else 'is'} {_listed(known) if known else 'none'}."


def _number_hint(value: Any, schema: dict[str, Any]) -> str:
    """How to write a number that YAML takes for text, such as 1e-3 or 8/255."""
    types = schema.get("type", ())
    if not isinstance(value, str) or not ("number" in types or "integer" in types):
        return ""
    above, _, below = value.partition("/")
    try:
        number = float(above) / float(below or 1)
    except (ValueError, ZeroDivisionError):
        return ""
    if not 1e-9 < abs(number) < 1e9:
        return ""
    return f"; YAML takes this for text, so write {Decimal(f'{number:.4g}' if below else value.strip()):f}"


def _repeated(values: list[Any]) -> Any:
    return next(value for i, value in enumerate(values) if value in values[:i])


def _unordered(pairs: Iterable[list[str]]) -> list[list[str]]:
    return [sorted(pair) for pair in pairs]


def _maps(section: Any) -> list[tuple[str, dict[str, Any]]]:
    """(name, entry) of the entries that are maps, of a section that may be anything."""
    items = section.items() if isinstance(section, dict) else ()
    return [(name, entry) for name, entry in items if isinstance(entry, dict)]
