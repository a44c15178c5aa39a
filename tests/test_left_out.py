"""One bad model does not cost the others, and what is missing is told: `snakemake --keep-going`."""

import errno
import json
import re
from pathlib import Path

import pandas as pd
import pytest
import safetensors.torch
import torch
from kindred.workflow import left_out
from kindred.workflow.errors import BadInput
from kindred.workflow.job import FAILURES, job
from workflow import ROOT, Checkout

OF_THE_BATCH = """
from torch import nn


class OfTheBatch(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(1024, 10)

    def forward(self, images):
        return self.fc((images - images.mean(dim=0)).flatten(1))
"""


def test_the_study_of_the_others_is_made_and_the_reason_told_last(study: Checkout) -> None:
    config = study.config()
    (study / "guest.py").write_text(OF_THE_BATCH)
    safetensors.torch.save_file(
        {"fc.weight": torch.eye(10, 1024), "fc.bias": torch.zeros(10)}, study / "guest.safetensors"
    )
    config["models"]["guest"] = {
        "architecture": "python:guest.py:OfTheBatch",
        "weights": "guest.safetensors",
        "mean": [0.3],
        "std": [0.35],
    }
    config["figures"]["gallery"]["models"].append("guest")
    study.write_config(config)
    targets = ("results/tables/models.csv", "results/figures/accuracies.png")
    outcome = study.snakemake("--keep-going", *targets)
    assert (outcome.status, "Traceback" in outcome.text) == (1, False)
    last = outcome.text.rstrip().splitlines()
    assert last[-2] == "kindred: everything was made but for 1 model, left out of tables and figures:"
    assert last[-1].startswith("  guest: model 'guest' answers an image otherwise alone than among others")
    table = pd.read_csv(study / "results/tables/models.csv").set_index("model")
    assert list(table.index) == ["vgg-std", "vgg-linf10", "convnext-std", "convnext-linf10", "guest"]
    assert table.loc["guest", "remarks"].startswith("left out: model 'guest' answers an image otherwise alone")
    assert table.loc["guest"].drop(["architecture", "training", "remarks"]).isna().all()
    assert set(pd.read_csv(study / "results/tables/accuracies.csv")["model"]) == set(table.index) - {"guest"}
    # A second try fails again, and computes nothing else again.
    again = study.snakemake("--keep-going", *targets)
    begun = set(re.findall(r"^(?:local)?rule (\w+):", again.text, re.M))
    assert (again.status, begun) == (1, {"import_checkpoint"})
    # Without the model everything is there, and its row is gone.
    del config["models"]["guest"]
    config["figures"]["gallery"]["models"].remove("guest")
    study.write_config(config)
    done = study.snakemake(*targets)
    assert done.status == 0, done.text[-4000:]
    assert "guest" not in set(pd.read_csv(study / "results/tables/models.csv")["model"])


def test_rules_of_one_model_are_known_by_their_logs() -> None:
    text = "".join(path.read_text() for path in (ROOT / "rules").glob("*.smk"))
    logs = re.findall(r'"<logs>/(\w+)/(?:\{\w+\}/)?\{(?:model|stimuli)\}\.log"', text)
    students = {"distil_students", "train_students_alone"}  # a model that fails as a student is none the worse
    others = {"measure_rates", "compare_activations"}
    assert set(logs) - students - others == left_out.OF_A_MODEL


def test_a_model_is_taken_from_every_list_and_from_nothing_else() -> None:
    config = {
        "models": {"a": {"architecture": "b"}, "b": {"architecture": "a"}},
        "images": {"source": "folder", "classes": ["a", "b"]},
        "similarity": {"layer_pairs": [["a", "a"], ["a", "b"]], "groups": 2},
        "layerwise": {
            "models": {"c": {"architecture": "b"}},
            "attacks": {"weak": {"norm": "linf"}},
            "panels": [{"rows": "a", "columns": "a"}, {"rows": "a", "row_images": "pgd@b", "columns": "a"}],
            "epochs": {"models": ["b"], "at": [0, 1]},
            "series": {"width": {"models": ["b"], "attacks": ["weak"]}, "depth": {"models": ["a", "b"]}},
        },
        "sat": {"distillation": {"students": ["b"], "teachers": ["a"]}, "clusters": {"affinity": "exp_sat"}},
        "figures": {"gallery": {"models": ["b"]}, "dpi": 100, "layers": False},
    }
    assert left_out.without(config, ["b"]) == {
        "models": {"a": {"architecture": "b"}},
        "images": {"source": "folder", "classes": ["a", "b"]},
        "similarity": {"layer_pairs": [["a", "a"]], "groups": 2},
        "layerwise": {
            "models": {"c": {"architecture": "b"}},
            "attacks": {"weak": {"norm": "linf"}},
            "panels": [{"rows": "a", "columns": "a"}],
            "series": {"depth": {"models": ["a"]}},
        },
        "sat": {"clusters": {"affinity": "exp_sat"}},
        "figures": {"dpi": 100, "layers": False},
    }


@pytest.mark.parametrize(
    ("file", "model"),
    [
        ("logs/attack_model/pgd/b.log", "b"),
        ("logs/import_checkpoint/net.v2.log", "net.v2"),
        ("logs/extract_activations/a/pgd@b.log", "a"),
        ("logs/cross_evaluate/pgd/b.log", None),
        ("logs/distil_students/b.log", None),
        ("logs/draw_figure/a.log", None),
    ],
)
def test_whose_failure_it_is(file: str, model: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = tmp_path / "failures.jsonl"
    left.write_text("".join(json.dumps({"log": file, "reason": why}) + "\n" for why in ("first", "again")))
    monkeypatch.setenv(FAILURES, str(left))
    assert left_out.failed(["a", "b", "net.v2"]) == ({model: "first"} if model else {})


@pytest.mark.parametrize(
    ("error", "left"), [(BadInput("it is bad."), 1), (ValueError("a bug"), 1), (OSError(errno.ENOSPC, "full"), 0)]
)
def test_a_full_disk_is_no_models_fault(
    error: Exception, left: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "failures.jsonl"
    monkeypatch.setenv(FAILURES, str(file))
    with pytest.raises((SystemExit, ValueError)), job(tmp_path / "logs/attack_model/pgd/b.log"):
        raise error
    assert len(left_out.failed(["b"])) == left
