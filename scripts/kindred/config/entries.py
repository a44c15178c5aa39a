"""Entries of a checked configuration with all that follows from them: what is known of a model before it is made."""

from collections.abc import Mapping
from copy import deepcopy
from hashlib import sha256
from typing import Any

from kindred.config.messages import Keys, suggestion
from kindred.images.catalogue import SOURCES
from kindred.models.catalogue import LAYER_KEYWORDS, facts_of
from kindred.training.catalogue import trained_against
from kindred.workflow.errors import BadInput

Config = Mapping[str, Any]


def model_entries(config: Config) -> dict[str, Any]:
    """The entries of all models, those of `layerwise` after those of the study."""
    return {**config["models"], **(config["layerwise"] or {"models": {}})["models"]}


def attack_entries(config: Config) -> dict[str, Any]:
    """The entries of all attacks, those of `layerwise` after those of the study."""
    return {**config["attacks"], **(config["layerwise"] or {"attacks": {}})["attacks"]}


def sections(config: Config, kind: str) -> list[tuple[Keys, dict[str, Any]]]:
    """The maps of models or attacks, with where they stand: the study's and those of `layerwise`."""
    own = config["layerwise"]
    return [((kind,), config[kind]), *([(("layerwise", kind), own[kind])] if own else [])]


def recipe_of(config: Config, entry: Mapping[str, Any]) -> dict[str, Any]:
    """The recipe of a model trained here, with what its entry adjusts."""
    recipe = config["trainings"][entry["training"]]
    return {**recipe, **entry["adjust"]}


def model_entry(config: Config, name: str) -> dict[str, Any]:
    """All settings of one model.

    A model trained here has its adjusted `recipe` and no `adjust`; an imported one has `architecture`,
    `mean`, `std` and `input_size` as its source says, or the study's own. Both have `trained`: training (a
    label), norm, eps, seed. Raises BadInput for an unknown name.
    """
    entries = model_entries(config)
    if name not in entries:
        raise BadInput(f"'{name}' is not a model{suggestion(name, entries)}")
    entry = deepcopy(entries[name])
    if "training" not in entry:
        return facts_of(entry).filled(config["images"])
    entry["recipe"] = recipe_of(config, entry)
    del entry["adjust"]
    if entry["seed"] is None:
        entry["seed"] = seed_of(name)
    norm, eps = trained_against(entry["recipe"])
    entry["trained"] = {"training": entry["training"], "norm": norm, "eps": eps, "seed": entry["seed"]}
    return entry


def seed_of(name: str) -> int:
    """The seed of a model that is given none, below 2^32: the same on every machine, another for every name."""
    return int.from_bytes(sha256(name.encode()).digest()[:4], "big")


def labels_of(config: Config, name: str) -> dict[str, Any]:
    """What tables state about a model that is no part of its weights: architecture, training, norm, eps, seed."""
    entry = model_entry(config, name)
    return {"architecture": entry["architecture"], **entry["trained"]}


def layer_choice(config: Config, name: str) -> str | list[str]:
    """Which layers of a model are observed: a keyword, or a list of keywords and layer names."""
    own = model_entries(config)[name]["layers"]
    return deepcopy(config["activations"]["layers"] if own is None else own)


def named_layers(config: Config) -> dict[str, list[str]]:
    """{model: layers that its choice names one by one}, only of models with such layers."""
    named = {}
    for model in config["models"]:
        choice = layer_choice(config, model)
        names = [layer for layer in choice if layer not in LAYER_KEYWORDS] if isinstance(choice, list) else []
        if names:
            named[model] = names
    return named


def channels(config: Config) -> int:
    """Channels of an image."""
    return config["images"]["channels"] or SOURCES[config["images"]["source"]].channels


def training_images(config: Config) -> int:
    """Number of images left for training."""
    source, images = SOURCES[config["images"]["source"]], config["images"]
    return source.total - images["evaluation"] if source.total else images["training"] or 0


def enough_seeds(config: Config, inversion: str) -> bool:
    """Whether the evaluation images that an inversion does not aim at are as many as it starts from."""
    evaluated, own = config["images"]["evaluation"], config["inversions"][inversion]
    targets = own["images"] or evaluated
    return bool(evaluated - targets >= own["pairings"] * targets)
