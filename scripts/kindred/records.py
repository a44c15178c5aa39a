"""What is recorded of a model beside its weights, and whether a file is still the one it was. No torch in here."""

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from kindred.errors import BadInput

BLOCK = 2**20
# What every description of a model says, and every description of a checkpoint.
DESCRIBED = ("description", "weights_sha256", "clean_accuracy", "parameters", "source")
BROUGHT = ("architecture", "arguments", "origin", "sha256")


def read(path: str, needed: Iterable[str] = DESCRIBED) -> dict[str, Any]:
    """What stands beside a model's weights. Raises BadInput when it cannot be read or is not such a description."""
    try:
        about = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(
            f"model description '{path}' cannot be read ({error}); delete it and run again."
        ) from error
    lacking = [key for key in needed if key not in about] if isinstance(about, dict) else list(needed)
    if lacking:
        raise BadInput(
            f"model description '{path}' does not say {lacking[0]}, so it is not one that this version writes; "
            "delete it and run again."
        )
    return about


def file_hash(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a file."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def demand_hash(path: str, wanted: str | None) -> str:
    """SHA-256 of a file the user brought; BadInput where it is not the one that config asks for."""
    digest = file_hash(path)
    if wanted and digest != wanted.lower():
        raise BadInput(f"checkpoint '{path}' has SHA-256 {digest}, but config asks for {wanted}.")
    return digest


def demand_same_weights(path: str, found: str, name: str, wanted: str) -> None:
    """BadInput where a result was made with other weights of a model than those the study holds now."""
    if found != wanted:
        raise BadInput(
            f"'{path}' was made with other weights of '{name}' (SHA-256 {found[:12]}...) than the study holds now "
            f"({wanted[:12]}...); delete it and run the same command again."
        )


def demand_same_layer(path: str, found: str | None, name: str, wanted: str) -> None:
    """BadInput where images were inverted at another layer of a model than the one that is compared."""
    if found != wanted:
        raise BadInput(
            f"'{path}' was inverted at the layer '{found or 'unknown'}' of '{name}', but the layer '{wanted}' is "
            "compared; delete it and run the same command again."
        )
