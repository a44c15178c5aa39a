"""Checks of a config that need the models themselves, made before any job starts."""

from collections.abc import Mapping
from typing import Any

import torch

from kindred.activations import layers
from kindred.config.entries import model_entry, named_layers
from kindred.models import classifiers, storage
from kindred.models.importing import timm_hub
from kindred.models.importing.timm_names import HUB
from kindred.workflow.errors import BadInput

ANY_CLASSES = 10


def check_layers(study: Mapping[str, Any]) -> None:
    """Raise BadInput, naming the key, where a model is asked for a layer that it does not have.

    Only models whose layers are named one by one are built (with random weights, once per distinct design).
    """
    known: set[str] = set()
    for name, wanted in named_layers(study).items():
        entry = model_entry(study, name)
        if entry.get("timm", "").startswith(HUB):
            continue  # what it is, only the hub says: its own job looks
        brought = timm_hub.outline(entry)
        description = storage.describe(entry, study["images"], ANY_CLASSES, brought)
        if (design := f"{description} {wanted}") in known:
            continue
        known.add(design)
        key = f"models.{name}.layers" if study["models"][name].get("layers") else "activations.layers"
        example = torch.zeros(1, description.channels, description.size, description.size)
        try:
            layers.resolve(classifiers.assemble(description).eval(), wanted, example)
        except BadInput as error:
            raise BadInput(f"{key}, for model '{name}': {error}") from error
