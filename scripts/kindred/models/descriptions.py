"""The record beside a model's weights, and checks that files are still the same. Light: no torch."""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from kindred.workflow.errors import BadInput

# Keys of every description of a model, and of every description of an imported checkpoint.
DESCRIBED = ("description", "weights_sha256", "clean_accuracy", "clean_images", "examination", "parameters", "source")
DIGEST = "digest"
BROUGHT = ("architecture", "arguments", "origin", "sha256")


def read(path: str, needed: Iterable[str] = DESCRIBED) -> dict[str, Any]:
    """The description beside a model's weights. Raises BadInput where it cannot be read, lacks a key or was changed."""
    try:
        about = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(f"model description '{path}' cannot be read ({error}); delete it and run again.") from error
    lacking = [key for key in needed if key not in about] if isinstance(about, dict) else list(needed)
    if lacking:
        raise BadInput(
            f"model description '{path}' lacks {lacking[0]}, so this version did not write it; delete it and run again."
        )
    if about.pop(DIGEST, None) != _digest(about):
        raise BadInput(f"model description '{path}' was changed since it was written; delete it and run again.")
    return about


def write(path: str, about: Mapping[str, Any]) -> None:
    """Write a description as JSON; there is never half a file under its name."""
    partial = f"{path}.partial"
    plain = json.loads(json.dumps(about))
    Path(partial).write_text(json.dumps({**plain, DIGEST: _digest(plain)}, indent=1) + "\n", encoding="utf-8")
    os.replace(partial, path)


def _digest(about: Mapping[str, Any]) -> str:
    """Of all that a description holds: what is changed by hand, or by a fault of a disk, is no result."""
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()


def file_hash(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def demand_hash(path: str, wanted: str | None) -> str:
    """SHA-256 of a file that the user brings. Raises BadInput where the config asks for another."""
    digest = file_hash(path)
    if wanted and digest != wanted.lower():
        raise BadInput(f"checkpoint '{path}' has SHA-256 {digest}, but config asks for {wanted}.")
    return digest


def demand_same_weights(path: str, found: str, name: str, wanted: str) -> None:
    """Raise BadInput where a result was made with other weights of a model than the study holds now."""
    if found != wanted:
        raise BadInput(
            f"'{path}' was made with other weights of '{name}' (SHA-256 {found[:12]}...) than the study "
            f"holds now ({wanted[:12]}...); delete it and run the same command again."
        )


def demand_same_layer(path: str, found: str | None, name: str, wanted: str) -> None:
    """Raise BadInput where images were inverted at another layer of a model than the one that is compared."""
    if found != wanted:
        raise BadInput(
            f"'{path}' was inverted at the layer '{found or 'unknown'}' of '{name}', but the layer "
            f"'{wanted}' is compared; delete it and run the same command again."
        )
