"""The JSON Schema of the configuration for editors, and the reference page in docs; both are generated.

`python -m kindred.config.reference` writes them; a test fails when they are not what the settings classes declare.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

from kindred.config.base import Settings
from kindred.config.messages import allowed, choices
from kindred.config.study import Study

SCHEMA_FILE = Path("docs/reference/config.schema.json")
PAGE_FILE = Path("docs/reference/config.md")
FRACTION = r"^\s*[0-9.eE+-]+\s*(/\s*[0-9.eE+-]+\s*)?$"
_LIMITS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}


@cache
def json_schema(settings: type[Settings] = Study) -> dict[str, Any]:
    """The closed JSON Schema (draft 2020-12), with `unit` and `allowed` beside its own words."""
    return _tidied(settings.model_json_schema())


def _tidied(node: Any) -> Any:
    """Limits under their names in JSON Schema; numbers also as fractions; titles that pydantic makes up left out."""
    if isinstance(node, list):
        return [_tidied(item) for item in node]
    if not isinstance(node, dict):
        return node
    made_up = "properties" not in node and isinstance(node.get("title"), str)
    return {_LIMITS.get(key, key): _tidied(item) for key, item in node.items() if not (made_up and key == "title")}


def _for_editors(node: Any) -> Any:
    """The schema for other validators: fractions are numbers, and classes that only explain mistakes are left out."""
    if isinstance(node, list):
        return [_for_editors(item) for item in node if not str(_reference(item)).startswith("Any")]
    if not isinstance(node, dict):
        return node
    found = {"anyOf" if key == "oneOf" else key: _for_editors(item) for key, item in node.items()}
    if found.get("type") == "number":
        found |= {"type": ["number", "string"], "pattern": FRACTION}
    return found


def _reference(node: Any) -> str | None:
    return node["$ref"].rpartition("/")[2] if isinstance(node, dict) and "$ref" in node else None


def schema_text() -> str:
    """The schema as its file has it."""
    about = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return json.dumps({**about, **_for_editors(json_schema())}) + "\n"


def page() -> str:
    """docs/reference/config.md: a table of keys for each section and each kind of entry."""
    schema = json_schema()
    lines = [
        "# Every key of the configuration",
        "",
        "Generated from the settings classes by `make reference`. Numbers may be written as fractions such as `8/255`.",
    ]
    for name, node in (("The configuration", schema), *sorted(schema["$defs"].items())):
        if not node.get("properties") or name.startswith("Any"):
            continue
        lines += ["", f"## {node.get('title', name)}", "", " ".join(node.get("description", "").split()), ""]
        lines += ["| key | allowed | default | meaning |", "| --- | --- | --- | --- |"]
        for key, entry in node["properties"].items():
            default = "required" if key in node.get("required", ()) else f"`{_written(entry.get('default'))}`"
            meaning = entry.get("description") or schema["$defs"].get(_reference(entry), {}).get("description", "")
            cells = (f"`{key}`", _kind(entry, schema), default, meaning)
            lines.append(f"| {' | '.join(' '.join(str(cell).split()).replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(lines) + "\n"


def _written(value: Any) -> str:
    """A default as YAML would have it."""
    if isinstance(value, dict):
        return "{}"
    return "null" if value is None else json.dumps(value).strip('"')


def _kind(entry: dict[str, Any], schema: dict[str, Any]) -> str:
    """What may stand at a key, in words."""
    if target := _reference(entry):
        return _kind({**schema["$defs"][target], **{k: v for k, v in entry.items() if k != "$ref"}}, schema)
    if "allowed" in entry:
        return entry["allowed"]
    members = entry.get("anyOf") or entry.get("oneOf")
    if members:
        return "; or ".join(dict.fromkeys(_kind(member, schema) for member in members))
    if entry.get("type") == "object" and not choices(entry):
        return f"a map: {entry['title']}" if "title" in entry else "a map of names"
    return allowed(entry)


def main() -> None:
    """Write both files below the working directory, which is the repository."""
    SCHEMA_FILE.parent.mkdir(parents=True, exist_ok=True)
    SCHEMA_FILE.write_text(schema_text(), encoding="utf-8")
    PAGE_FILE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
