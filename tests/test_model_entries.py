"""Entries of imported models: architecture, input, labels and files of each source, and what decides the weights."""

from pathlib import Path
from typing import Any

import pytest
from hubs import random_net, timm_folder
from kindred.config.entries import labels_of
from kindred.config.reading import check
from kindred.models.catalogue import facts_of

COLOUR = {"source": "folder", "folder": "x", "size": 64, "mean": [0.5] * 3, "std": [0.25] * 3}
ROBUSTBENCH = {"robustbench": "Some2020", "dataset": "imagenet", "threat_model": "Linf"}
PYTHON = {"python": "nets.py:build", "arguments": {"width": 8}, "weights": "x.pt", "value_range": [-1, 1]}
IMAGENET = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225], 224)
OWN = {"mean": [0.1] * 3, "std": [0.2] * 3, "input_size": 32}


def study(**given: Any) -> dict[str, Any]:
    return check({"images": COLOUR, "models": {"m": given}})


def entry(**given: Any) -> dict[str, Any]:
    """A checked entry, as the config has it."""
    return study(**given)["models"]["m"]


def filled(**given: Any) -> dict[str, Any]:
    return facts_of(entry(**given)).filled(COLOUR)


@pytest.mark.parametrize(
    ("given", "architecture", "inputs"),
    [
        ({"architecture": "resnet18", "weights": "x.pt"}, "resnet18", ([0.5] * 3, [0.25] * 3, 64)),
        ({"timm": "resnet18.a1_in1k"}, "resnet18", (None, None, None)),
        ({"timm": "hf-hub:me/net.v2"}, "hf-hub:me/net.v2", (None, None, None)),
        ({"timm": "resnet18.a1_in1k", **OWN}, "resnet18", tuple(OWN.values())),
        ({"madrylab": "densenet_l2_eps3"}, "torchvision:densenet161", IMAGENET),
        (ROBUSTBENCH, "robustbench:Some2020", ([0.0] * 3, [1.0] * 3, 224)),
        ({**ROBUSTBENCH, "dataset": "cifar100"}, "robustbench:Some2020", ([0.0] * 3, [1.0] * 3, 32)),
        (PYTHON, "python:nets.py:build", ([0.5] * 3, [0.5] * 3, 64)),
        ({**PYTHON, "value_range": [0, 255]}, "python:nets.py:build", ([0.0] * 3, [1 / 255] * 3, 64)),
    ],
)
def test_architecture_and_input(given: dict[str, Any], architecture: str, inputs: tuple[Any, ...]) -> None:
    found = filled(**given)
    assert found["architecture"] == architecture == facts_of(entry(**given)).architecture
    assert (found["mean"], found["std"], found["input_size"]) == inputs


def test_arguments_of_robustbench_are_its_keys() -> None:
    assert filled(**ROBUSTBENCH)["arguments"] == {"dataset": "imagenet", "threat_model": "Linf"}
    assert filled(**PYTHON)["arguments"] == {"width": 8}
    assert filled(madrylab="vgg16_bn_l2_eps0")["arguments"] == {}


@pytest.mark.parametrize(
    ("given", "labels"),
    [
        ({"madrylab": "resnet50_linf_eps4.0"}, ("linf", "linf", pytest.approx(4 / 255), 0)),
        ({"madrylab": "resnet18_l2_eps0"}, ("standard", None, 0.0, 0)),
        ({"timm": "a.b"}, ("imported", None, 0.0, 0)),
        ({"timm": "a.b", "trained": {"training": "x", "norm": "l2", "eps": 3, "seed": 2}}, ("x", "l2", 3.0, 2)),
    ],
)
def test_labels_of_the_training(given: dict[str, Any], labels: tuple[Any, ...]) -> None:
    found = labels_of(study(**given), "m")
    assert tuple(found[key] for key in ("training", "norm", "eps", "seed")) == labels


@pytest.mark.parametrize("given", [{"architecture": "a", "weights": "x.pt"}, {"timm": "a.b"}, PYTHON, ROBUSTBENCH])
def test_labels_checks_and_paths_do_not_decide_the_weights(given: dict[str, Any]) -> None:
    other = {
        "layers": "all", "trained": {"training": "x", "seed": 3}, "accuracy": {"expected": 0.5},
        "classes": ["a", "b"], "weights": "y.pt", "sha256": "0" * 64, "trust_pickle": "1" * 64,
    }  # fmt: skip
    decisive = facts_of(entry(**{**given, **other})).deciding
    assert decisive == facts_of(entry(**given)).deciding
    assert decisive["architecture"] == facts_of(entry(**given)).architecture
    assert decisive.keys().isdisjoint(other.keys() | {"mean", "std"})


def test_only_weights_of_timm_follow_the_input_size() -> None:
    given: dict[str, Any] = {"architecture": "a", "weights": "x.pt"}
    assert facts_of(entry(**given, input_size=32)).deciding == facts_of(entry(**given)).deciding
    assert facts_of(entry(timm="a.b", input_size=32)).deciding != facts_of(entry(timm="a.b")).deciding
    assert facts_of(entry(**given, arguments={"a": 1})).deciding != facts_of(entry(**given)).deciding


def test_files_on_this_machine(tmp_path: Path) -> None:
    assert facts_of(entry(architecture="a", weights="x.pt")).files == ["x.pt"]
    assert facts_of(entry(**PYTHON)).files == ["x.pt", "nets.py"]
    assert facts_of(entry(**{**PYTHON, "python": "nets:build"})).files == ["x.pt"]
    assert facts_of(entry(timm="a.b")).files == facts_of(entry(**ROBUSTBENCH)).files == []
    assert facts_of(entry(timm="a.b", weights="x.pt")).files == ["x.pt"]
    saved = timm_folder(tmp_path / "saved", "test_resnet", random_net("test_resnet"))
    files = [str(saved / name) for name in ("model.safetensors", "config.json")]
    assert facts_of(entry(timm=f"local-dir:{saved}")).files == files
    assert facts_of(entry(timm=f"local-dir:{saved}", weights="x.pt")).files == ["x.pt", files[1]]
    assert facts_of(entry(timm="local-dir:nowhere")).files[0] == "nowhere/model.safetensors"
    (saved / "model.safetensors").rename(saved / "pytorch_model.bin")
    assert facts_of(entry(timm=f"local-dir:{saved}")).files[0] == str(saved / "pytorch_model.bin")
