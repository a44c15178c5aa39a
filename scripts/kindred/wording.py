"""Sentences about mistakes in a configuration, for somebody who has not read its schema."""

import re
from collections.abc import Iterable
from decimal import Decimal
from difflib import get_close_matches
from math import isfinite
from typing import Any

from kindred.schema import chosen

Keys = tuple[str | int, ...]  # where a value stands: keys of maps and positions in lists


def sentence(error: Any) -> str:
    """What an error of jsonschema says, in words for somebody who has not read the schema."""
    at, value, schema = tuple(error.absolute_path), error.instance, error.schema
    if error.validator == "additionalProperties":
        return _unknown_key(at, value, schema)
    if error.validator == "required":
        return _missing_key(at, value, schema)
    if error.validator == "uniqueItems":
        return f"{dotted(at)} holds {shown(_repeated(value))} twice, but must hold each entry once."
    choices = [choice for choice in _choices(schema) if isinstance(choice, str)]
    meant = _meant(value, choices)
    end = f"; did you mean {meant}?" if meant else _number_hint(value, schema) + "."
    return f"{dotted(at)} is {shown(value)}, but must be {_allowed(schema)}{end}"


def _unknown_key(at: Keys, value: dict[str, Any], schema: dict[str, Any]) -> str:
    known, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    key = next(k for k in value if k not in known and not any(re.search(p, k) for p in patterns))
    if patterns:
        return (
            f"{dotted(at)} has the name '{key}', but a name must begin with a letter or a digit and go on with "
            "letters, digits and . _ + - because files are named after it."
        )
    meant = _meant(key, list(known))
    end = f"; did you mean {meant}?" if meant else f"; its keys are {', '.join(known)}."
    return f"{dotted((*at, key))} is not a key of {schema['title']}{end}"


def _missing_key(at: Keys, value: dict[str, Any], schema: dict[str, Any]) -> str:
    key = next(k for k in schema["required"] if k not in value)
    if key == "training":
        return (
            f"{dotted(at)} has neither training nor weights, but must have one of them: training for a model "
            "trained here, weights for an imported one."
        )
    other = {"norm": "eps", "eps": "norm"}.get(key)
    has = f"{other} {shown(value[other])} but no {key}" if other in value else f"no {key}"
    needed = _allowed(chosen(schema["properties"][key], None))
    return f"{dotted(at) or 'The configuration'} has {has}, which must be {needed}."


def dotted(at: Keys) -> str:
    """models.vgg-std.adjust.epochs, images.std[0]; empty for the whole."""
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in at).lstrip(".")


def shown(value: Any) -> str:
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
        text = f"[{', '.join(map(shown, value))}]"
    else:
        text = f"'{value}'" if isinstance(value, str) and value.isprintable() else repr(value)
    return text if len(text) <= 80 else f"{text[:76]} ..."


def _allowed(schema: dict[str, Any]) -> str:
    """What may stand here, in words."""
    if "allowed" in schema:
        return schema["allowed"]
    if _choices(schema):
        return listed(_choices(schema), "or")
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


def listed(names: Iterable[Any], last: str = "and") -> str:
    """a, b and c."""
    words = ["null" if name is None else str(name) for name in names]
    return f"{', '.join(words[:-1])} {last} {words[-1]}" if len(words) > 1 else words[0]


def _meant(name: Any, names: Iterable[str]) -> str | None:
    """The name that was probably meant, if any is near."""
    if not isinstance(name, str):
        return None
    folded = {each.lower(): each for each in names}
    close = get_close_matches(name.lower(), folded, n=1, cutoff=0.7)
    return folded[close[0]] if close else None


def suggestion(name: str, names: Iterable[str]) -> str:
    """The end of a sentence about an unknown name."""
    known = list(names)
    meant = _meant(name, known)
    if meant:
        return f"; did you mean '{meant}'?"
    if len(known) > 12:
        return f"; there are {', '.join(known[:12])} and {len(known) - 12} more."
    return f"; there {'are' if len(known) > 1 else 'is'} {listed(known) if known else 'none'}."


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
