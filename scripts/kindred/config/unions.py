"""Entries that come in several kinds: the settings class of each is chosen by its method, its source or its key.

An entry whose kind is unknown or missing is checked against a class that has the choice alone, so that the message is
about that.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, TypeVar, Union

from pydantic import ConfigDict, Discriminator, Field, Tag, create_model

from kindred.attacks import catalogue as attacks
from kindred.config.base import NAME, Settings, allowed
from kindred.images import catalogue as images
from kindred.models import catalogue as models
from kindred.training import catalogue as trainings

One = TypeVar("One")
Named = dict[Annotated[str, Field(pattern=NAME)], One]


def _tagged(kinds: Mapping[str, type[Settings]], other: type[Settings], choose: Callable[[Any], Any], text: str) -> Any:
    """The union of settings classes: `choose` names the class for a value; other values are checked against `other`."""
    members = [Annotated[kind, Tag(f"<{kind.__name__}>")] for kind in (*dict.fromkeys(kinds.values()), other)]

    def tag(value: Any) -> str:
        if isinstance(value, Settings):
            return f"<{type(value).__name__}>"
        found = choose(value) if isinstance(value, dict) else None
        return f"<{(kinds[found] if isinstance(found, str) and found in kinds else other).__name__}>"

    return Annotated[Union[tuple(members)], Discriminator(tag), allowed(text)]  # type: ignore[return-value]  # noqa: UP007


def _any(name: str, title: str, key: str, choices: Mapping[str, Any], description: str) -> type[Settings]:
    """A class that has the choice alone, whatever else there is."""
    made = create_model(name, __base__=Settings, **{key: (Literal[tuple(choices)], Field(description=description))})  # type: ignore[call-overload]
    made.model_config = ConfigDict(**{**made.model_config, "extra": "ignore", "title": title})
    made.model_rebuild(force=True)
    return made


Source = _tagged(
    {name: entry.settings for name, entry in images.SOURCES.items()},
    _any("AnySource", "images", "source", images.SOURCES, "Where images come from."),
    lambda value: value.get("source", "digits"),
    "a map of keys, with a source",
)
Training = _tagged(
    {name: entry.settings for name, entry in trainings.METHODS.items()},
    _any("AnyTraining", "a training", "method", trainings.METHODS, "Method of training."),
    lambda value: value.get("method"),
    "a map with a method and what that method needs",
)
Attack = _tagged(
    {name: entry.settings for name, entry in attacks.METHODS.items()},
    _any("AnyAttack", "an attack", "method", attacks.METHODS, "Method of attack."),
    lambda value: value.get("method", "pgd"),
    "a map of keys such as norm, eps and steps",
)
Model = _tagged(
    {name: entry.settings for name, entry in models.SOURCES.items()},
    models.TrainedHere,
    models.source_of,
    "a map with an architecture and either training or weights, or with another source",
)
