"""What `config.schema.yaml` says: where a config breaks it, the defaults, and the images that each source holds."""

from collections.abc import Mapping
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import yaml

YAML = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@cache
def whole() -> dict[str, Any]:
    """The schema."""
    return yaml.load(Path(__file__).with_name("config.schema.yaml").read_text("utf-8"), Loader=YAML)


def errors(config: dict[str, Any]) -> list[Any]:
    """The errors of jsonschema, those that explain most first."""
    from jsonschema import Draft202012Validator

    # A misspelt key is also a missing one: the misspelling explains more.
    rank = {"additionalProperties": 0, "required": 2}
    return sorted(Draft202012Validator(whole()).iter_errors(config), key=lambda e: rank.get(e.validator, 1))


def chosen(schema: dict[str, Any], value: Any) -> dict[str, Any]:
    """The schema that holds for this value once references and conditions are followed."""
    if "$ref" in schema:
        target = whole()["$defs"][schema["$ref"].rpartition("/")[2]]
        return chosen(target | {key: item for key, item in schema.items() if key != "$ref"}, value)
    if "if" in schema:
        from jsonschema import Draft202012Validator

        branch = "then" if Draft202012Validator(schema["if"]).is_valid(value) else "else"
        rest = {key: item for key, item in schema.items() if key not in ("if", "then", "else")}
        return rest | chosen(schema.get(branch, {}), value)
    return schema


def filled(value: Any, schema: dict[str, Any]) -> Any:
    """A copy of a valid value with the schema's defaults, and with numbers of the schema's type."""
    schema = chosen(schema, value)
    if isinstance(value, dict):
        known, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
        named: dict[str, Any] = next(iter(patterns.values()), {})
        given = {key: filled(item, known.get(key, named)) for key, item in value.items()}
        absent = {key: each for key, each in known.items() if key not in value and "default" in each}
        return given | {key: filled(deepcopy(each["default"]), each) for key, each in absent.items()}
    if isinstance(value, list):
        return [filled(item, schema.get("items", {})) for item in value]
    types = schema.get("type", ())
    if isinstance(value, float) and "integer" in types:
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and "number" in types:
        return float(value)
    return value


def sources() -> list[dict[str, Any]]:
    """What the schema says about every source of images."""
    return whole()["properties"]["images"]["properties"]["source"]["oneOf"]


def source(config: Mapping[str, Any]) -> dict[str, Any]:
    """What the schema says about the study's source of images: const (its name), channels, needs and takes (keys).

    Also images and kept_for_training where the source always holds the same images.
    """
    return next(entry for entry in sources() if entry["const"] == config["images"]["source"])


def channels(config: Mapping[str, Any]) -> int:
    """Channels of an image."""
    return config["images"].get("channels") or source(config)["channels"]


def evaluation_images(config: Mapping[str, Any]) -> int:
    """Number of images that everything is measured on."""
    return config["images"]["evaluation"]


def training_images(config: Mapping[str, Any]) -> int:
    """Number of images left for training."""
    own, facts = config["images"]["training"], source(config)
    return facts["images"] - evaluation_images(config) if own is None and "images" in facts else own or 0
