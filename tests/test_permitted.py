"""Results that were moved or received name no code: only functions that the config names are called."""

from pathlib import Path

import pytest
import torch
from kindred.models import builders, permitted, storage
from kindred.workflow.errors import BadInput

ENTRIES = [
    {"python": "nets.py:build", "arguments": {"width": 8}, "weights": "w.pt"},
    {"architecture": "python:other.py:make", "training": "t"},
    {"architecture": "resnet18", "weights": "w.pt"},
    {"timm": "resnet18.a1_in1k"},
]


def test_what_a_study_names_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(permitted.FUNCTIONS, permitted.of_study(ENTRIES))
    permitted.demand("nets.py:build", {"width": 8})
    permitted.demand("other.py:make", {})
    for function, arguments in (("os:system", {}), ("nets.py:build", {"width": 9}), ("nets.py:other", {"width": 8})):
        with pytest.raises(BadInput, match="is named by a result of this study and not by its config, and was not run"):
            permitted.demand(function, arguments)
    monkeypatch.delenv(permitted.FUNCTIONS)
    permitted.demand("os:system", {})  # outside a study the caller names it


def test_a_description_that_names_code_runs_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(permitted.FUNCTIONS, permitted.of_study(ENTRIES))
    from kindred.models import classifiers, descriptions

    classifiers.save(tmp_path / "m.safetensors", {"w": torch.ones(1)})
    design = {"architecture": "python:os:system", "arguments": {"command": f"touch {tmp_path / 'ran'}"}}
    about = {key: 0 for key in descriptions.DESCRIBED}
    about |= {
        "description": {
            **design,
            "classes": 2,
            "channels": 3,
            "size": 8,
            "input_size": 8,
            "mean": [0.5] * 3,
            "std": [1] * 3,
        },
        "weights_sha256": descriptions.file_hash(tmp_path / "m.safetensors"),
    }
    descriptions.write(str(tmp_path / "m.json"), about)
    with pytest.raises(BadInput, match="python 'os:system' with"):
        storage.load("m", str(tmp_path / "m.safetensors"), str(tmp_path / "m.json"))
    with pytest.raises(BadInput, match="was not run"):
        builders.build("python:os:system", design["arguments"])
    assert not (tmp_path / "ran").exists()
