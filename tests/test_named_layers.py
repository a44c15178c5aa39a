"""Checks of a config that need the models: layers that are not there are named before any job starts."""

from typing import Any

import pytest
from kindred.activations import named_layers
from kindred.config.reading import check
from kindred.models import classifiers
from kindred.workflow.errors import BadInput

STUDY = {
    "images": {"source": "digits", "size": 32, "mean": [0.3], "std": [0.35]},
    "trainings": {"standard": {"method": "standard", "epochs": 1}},
    "models": {
        "vgg-a": {"architecture": "kindred_vgg", "training": "standard"},
        "vgg-b": {"architecture": "kindred_vgg", "training": "standard", "seed": 1},
        "convnext": {"architecture": "test_convnext2", "training": "standard"},
    },
}


def study(everybody: Any, **own: Any) -> dict[str, Any]:
    entries = {name: entry | ({"layers": own[name]} if name in own else {}) for name, entry in STUDY["models"].items()}
    return check(STUDY | {"activations": {"layers": everybody}, "models": entries})


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The architectures built, in order."""
    architectures: list[str] = []
    assemble = classifiers.assemble

    def counted(description: classifiers.Description) -> classifiers.Classifier:
        architectures.append(description.architecture)
        return assemble(description)

    monkeypatch.setattr(classifiers, "assemble", counted)
    return architectures


@pytest.mark.parametrize("choice", ["penultimate", "blocks", "all", ["blocks", "penultimate"]])
def test_keywords_build_nothing(built: list[str], choice: Any) -> None:
    named_layers.check_layers(study(choice))
    assert built == []


def test_only_models_with_named_layers_are_built(built: list[str]) -> None:
    named_layers.check_layers(study("blocks", convnext=["stages.0", "penultimate"]))
    assert built == ["test_convnext2"]


def test_a_design_is_built_once(built: list[str]) -> None:
    named = ["features.0", "penultimate"]
    named_layers.check_layers(study("blocks", **{"vgg-a": named, "vgg-b": named}))
    assert built == ["kindred_vgg"]
    named_layers.check_layers(study("blocks", **{"vgg-a": named, "vgg-b": ["features.3"]}))
    assert built == ["kindred_vgg"] * 3


def test_a_model_without_the_layer_is_named_with_the_key() -> None:
    with pytest.raises(BadInput, match=r"^activations\.layers, for model 'convnext': .*'features\.0'"):
        named_layers.check_layers(study(["features.0"]))
    with pytest.raises(BadInput, match=r"^models\.convnext\.layers, for model 'convnext': .*'stages\.9'") as told:
        named_layers.check_layers(study("blocks", convnext=["stages.0", "stages.9"]))
    assert "stages.1" in str(told.value)  # close matches


def test_own_layers_win_over_everybodys() -> None:
    named_layers.check_layers(study(["features.0"], convnext="blocks"))
    with pytest.raises(BadInput, match=r"^models\.vgg-b\.layers, for model 'vgg-b'"):
        named_layers.check_layers(study(["features.0"], **{"convnext": "blocks", "vgg-b": ["stages.0"]}))
