"""Messages about mistakes in a configuration, for somebody who has not read its schema."""

import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from math import isfinite
from typing import Any

Keys = tuple[str | int, ...]  # where a value stands: keys of maps and positions in lists

# What keys and values were called in earlier versions.
RENAMED = {"cianfarani": "layerwise", "rows_see": "row_images", "columns_see": "column_images"}
NO_MAP = ("model_type", "model_attributes_type", "dict_type")


def messages(errors: Sequence[Mapping[str, Any]], schema: dict[str, Any]) -> list[str]:
    """One message for each error of pydantic, the most telling first; schema: the JSON Schema that was broken."""
    found = [_Error(error, schema) for error in errors]
    # A misspelt key is also a missing one; the misspelling explains more.
    meant = {(one.at[:-1], one.meant_key()) for one in found if one.kind == "extra_forbidden"}
    found = [one for one in found if one.kind != "missing" or (one.at[:-1], one.at[-1]) not in meant]
    rank = {"extra_forbidden": 0, "missing": 2}
    return [one.message() for one in sorted(found, key=lambda one: rank.get(one.kind, 1))]


class _Error:
    """One error of pydantic: its kind, the keys of the value, the value, and what the schema allows there."""

    def __init__(self, error: Mapping[str, Any], schema: dict[str, Any]) -> None:
        self.kind, self.value, self.context = error["type"], error["input"], error.get("ctx", {})
        # Tags such as <Pgd> say which member of a union was tried; they are no keys.
        self.at: Keys = tuple(key for key in error["loc"] if not str(key).startswith("<") and key != "[key]")
        while self.kind == "unknown" and isinstance(self.at[-1], int):  # a mistake of the whole list
            self.at = self.at[:-1]
        self.root, self.is_name = schema, "[key]" in error["loc"]
        self.node = self._walk(self._explained(error["loc"]))

    def _explained(self, loc: tuple[str | int, ...]) -> tuple[str | int, ...]:
        """The part of the schema that explains the error: the map around an unknown key, the union around no map."""
        if self.kind in ("extra_forbidden", "missing"):
            return loc[:-1]
        return loc[:-1] if self.kind in NO_MAP and loc and str(loc[-1]).startswith("<") else loc

    def message(self) -> str:
        if self.kind in ("mistake", "unknown"):
            at = (*self.at, *self.context["keys"])
            return f"{dotted(at) or 'The configuration'} {self.context['text']}"
        if self.kind == "extra_forbidden":
            return self._unknown_key()
        if self.kind == "missing":
            return self._missing_key()
        if self.is_name:
            return (
                f"{dotted(self.at[:-1])} has the name '{self.value}', but a name must begin with a letter or a digit "
                "and go on with letters, digits and . _ + - because files are named after it."
            )
        if self.kind == "twice":
            return f"{dotted(self.at)} holds {shown(self.context['value'])} twice, but must hold each entry once."
        meant = nearest(self.value, [one for one in choices(self.node) if isinstance(one, str)])
        end = f"; did you mean {meant}?" if meant else "."
        return f"{dotted(self.at)} is {shown(self.value)}, but must be {allowed(self.node)}{end}"

    def meant_key(self) -> str | None:
        return nearest(self.at[-1], list(self.node.get("properties", {})))

    def _unknown_key(self) -> str:
        key = self.at[-1]
        known = sorted(self.node.get("properties", {}), key=lambda name: name != "method")
        if RENAMED.get(str(key)) in known:
            return f"{dotted(self.at)} is now called {RENAMED[str(key)]}; see the changelog."
        meant = self.meant_key()
        end = f"; did you mean {meant}?" if meant else f"; its keys are {', '.join(known)}."
        return f"{dotted(self.at)} is not a key of {self.node.get('title', 'this map')}{end}"

    def _missing_key(self) -> str:
        *above, key = self.at
        if key == "training":
            return (
                f"{dotted(tuple(above))} has neither training nor weights, but must have one of them: training for a "
                "model trained here, weights or another source for an imported one."
            )
        other = {"norm": "eps", "eps": "norm"}.get(str(key))
        given = self.value if isinstance(self.value, dict) else {}
        has = f"{other} {shown(given[other])} but no {key}" if other in given else f"no {key}"
        needed = allowed(self._follow(self.node["properties"][key]))
        return f"{dotted(tuple(above)) or 'The configuration'} has {has}, which must be {needed}."

    def _walk(self, loc: Iterable[str | int]) -> dict[str, Any]:
        """The part of the schema that holds for the value at these keys."""
        node = self._follow(self.root)
        for key in loc:
            if str(key).startswith("<"):
                node = self._member(node, str(key))
            elif isinstance(key, int):
                node = self._follow(node.get("items", {}))
            elif key in node.get("properties", {}):
                node = self._follow(node["properties"][key])
            elif key != "[key]":
                named: Any = node.get("additionalProperties") or next(
                    iter(node.get("patternProperties", {}).values()), {}
                )
                node = self._follow(named) if isinstance(named, dict) else {}
        return node

    def _member(self, node: dict[str, Any], tag: str) -> dict[str, Any]:
        """The member of a union with this tag: a class by its name, or <list> and <one>."""
        name = tag.strip("<>")
        if name in self.root.get("$defs", {}):
            return self.root["$defs"][name]
        members = [self._follow(one) for one in node.get("oneOf", node.get("anyOf", ()))]
        wanted = [one for one in members if (one.get("type") == "array") == (name == "list")]
        allowed = {"allowed": node["allowed"]} if "allowed" in node else {}
        return {**wanted[0], **allowed} if wanted else node

    def _follow(self, node: dict[str, Any]) -> dict[str, Any]:
        """A part of the schema with its reference followed and, of 'this or null', this, marked as such."""
        if "$ref" in node:
            target = self.root["$defs"][node["$ref"].rpartition("/")[2]]
            return self._follow(target | {key: item for key, item in node.items() if key != "$ref"})
        members = node.get("anyOf", [])
        if len(members) == 2 and {"type": "null"} in members:
            one = self._follow(next(each for each in members if each != {"type": "null"}))
            return one | {key: item for key, item in node.items() if key != "anyOf"} | {"or_null": True}
        return node


def allowed(node: dict[str, Any]) -> str:
    """What may stand in this place of the schema, in words."""
    text = node.get("allowed") or listed(choices(node), "or") or _by_type(node)
    return f"{text} or null" if node.get("or_null") and "null" not in text else text


def _by_type(node: dict[str, Any]) -> str:
    unit = f" ({node['unit']})" if "unit" in node else ""
    words = {
        "integer": f"a whole number{limits(node)}{unit}",
        "number": f"a number{limits(node)}{unit}",
        "boolean": "true or false",
        "string": "text",
        "array": "a list",
        "object": f"a map of keys ({', '.join(node.get('properties', {}))})",
        "null": "null",
    }
    members = node.get("anyOf") or node.get("oneOf") or [node]
    return " or ".join(words.get(str(each.get("type")), "something else") for each in members)


def limits(node: dict[str, Any]) -> str:
    """' between 1 and 5', ' above 0 and at most 1' and the like; empty where there are no limits."""
    low, above = node.get("minimum"), node.get("exclusiveMinimum")
    high, below = node.get("maximum"), node.get("exclusiveMaximum")
    if low is not None and high is not None:
        return f" between {low:,} and {high:,}"
    each = [("of at least", low), ("above", above), ("at most", high), ("below", below)]
    words = [f"{word} {limit:,}" for word, limit in each if limit is not None]
    return f" {' and '.join(words)}" if words else ""


def choices(node: dict[str, Any]) -> list[Any]:
    """The values that are allowed one by one, if they are."""
    return node.get("enum") or ([node["const"]] if "const" in node else [])


def dotted(at: Keys) -> str:
    """models.vgg-std.adjust.epochs, images.std[0]; empty for the whole."""
    return re.sub(r"^\.", "", "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in at))


def shown(value: Any) -> str:
    """A value as YAML would have it, cut where it is long."""
    if value is None or value in ({}, []):
        return "empty"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and not isfinite(value):
        return {"inf": ".inf", "-inf": "-.inf"}.get(str(value), ".nan")
    if isinstance(value, dict):
        keys = ", ".join(map(str, value))
        return f"a map ({keys})" if len(keys) <= 60 else f"a map of {len(value)} keys"
    if isinstance(value, list | tuple):
        text = f"[{', '.join(map(shown, value))}]"
    else:
        text = f"'{value}'" if isinstance(value, str) and value.isprintable() else repr(value)
    return text if len(text) <= 80 else f"{text[:76]} ..."


def listed(names: Iterable[Any], last: str = "and") -> str:
    """a, b and c."""
    words = ["null" if name is None else str(name) for name in names]
    return f"{', '.join(words[:-1])} {last} {words[-1]}" if len(words) > 1 else "".join(words)


def nearest(name: Any, names: Iterable[str]) -> str | None:
    """The name that was probably meant, if any is near."""
    if not isinstance(name, str):
        return None
    folded = {each.lower(): each for each in names}
    close = get_close_matches(name.lower(), folded, n=1, cutoff=0.7)
    return folded[close[0]] if close else None


def suggestion(name: str, names: Iterable[str]) -> str:
    """The end of a message about an unknown name: what was probably meant, or what there is."""
    known = list(names)
    if meant := nearest(name, known):
        return f"; did you mean '{meant}'?"
    if len(known) > 12:
        return f"; there are {', '.join(known[:12])} and {len(known) - 12} more."
    return f"; there {'are' if len(known) > 1 else 'is'} {listed(known) if known else 'none'}."
