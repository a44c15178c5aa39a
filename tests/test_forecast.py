"""Forecasts: passes counted by hand, jobs as Snakemake plans them, disk as it is in the end."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from kindred import costs, forecast
from kindred.config import check
from nets import timm_model
from workflow import ROOT, Checkout

SIZES = forecast.Sizes(evaluation=60, training=200, pixels=1024)
COST = {
    "forward": 1.0,
    "observe": 2.0,
    "attack": 10.0,
    "inversion": 100.0,
    "training": 7.0,
    "flops": 1e9,
    "features": {"penultimate": 8, "logits": 10},
    "parameters": 1000,
    "host_mb": 500.0,
    "gpu_mb": 0.0,
    "start": 3.0,
}


def small() -> dict:
    return check(yaml.safe_load((ROOT / "tests" / "small.yaml").read_text()))


def stages(config: dict) -> dict[str, forecast.Stage]:
    same = {model: COST for model in config["models"]}
    return {stage.name: stage for stage in forecast.stages(config, SIZES, same)}


def test_passes_are_those_of_the_config() -> None:
    found = stages(small())
    # 2 epochs of 3 whole batches of 64; a robust model takes one step of an attack on each image, too.
    standard, robust = 384 * 7.0 + 60, 384 * (7.0 + 10.0) + 60
    assert sorted(found["train_model"].seconds) == sorted(2 * [standard] + 2 * [robust])
    # 3 steps on 60 images, and a look before and after.
    assert found["attack_model"].seconds == (60 * (3 * 10.0 + 2),) * 8
    assert found["invert_images"].seconds == (24 * (6 * 100.0 + 2),) * 4
    assert found["extract_activations"].seconds == (60 * 2.0,) * 4
    # All ordered pairs of 4 models, and each target once a tile on the images as they are, under two attacks.
    assert sum(found["cross_evaluate"].seconds) == 2 * 60 * (4 * 4 + 2 * 4)
    assert found["invert_images"].disk == 4 * 24 * 1024 * 4
    assert found["extract_activations"].disk == 4 * 60 * (8 + 10) * 4


def test_a_ramp_without_an_adversary_costs_no_steps() -> None:
    config = small()
    before = stages(config)["train_model"]
    config["trainings"]["linf10"]["clean_epochs"] = 1
    assert sum(before.seconds) - sum(stages(config)["train_model"].seconds) == 2 * 192 * 10.0


def test_the_table_adds_up() -> None:
    config = small()
    same = {model: COST for model in config["models"]}
    *parts, whole = forecast.rows(forecast.stages(config, SIZES, same), same)
    assert whole["stage"] == "all"
    for column in ("jobs", "hours", "disk_gb"):
        assert whole[column] == pytest.approx(sum(row[column] for row in parts))
    (attacks,) = (row for row in parts if row["stage"] == "attack_model")
    assert attacks["hours"] == pytest.approx(8 * (60 * 32.0 + 3.0) / 3600)
    assert attacks["longest_job"] == pytest.approx((60 * 32.0 + 3.0) / 3600)
    text = forecast.written([*parts, whole], "cuda")
    assert "GPU hours" in text
    assert len(text.splitlines()) == len(parts) + 2


def test_a_network_is_measured() -> None:
    classifier = timm_model("kindred_vgg")
    torch.manual_seed(0)
    shape = classifier.description.channels, classifier.description.size, classifier.description.size
    pixels = np.random.default_rng(0).random((8, *shape), dtype=np.float32)
    before = {name: value.clone() for name, value in classifier.state_dict().items()}
    found = costs.measure(classifier, pixels, np.arange(8) % 2, "all", torch.device("cpu"))
    assert all(found[key] > 0 for key in ("forward", "observe", "attack", "inversion", "training", "flops"))
    assert found["features"]["logits"] == classifier.description.classes
    assert found["parameters"] == sum(each.numel() for each in classifier.parameters())
    for name, value in classifier.named_parameters():
        assert torch.equal(value, before[name]), "steps of length 0 leave the weights alone"


def test_jobs_are_those_that_snakemake_plans(tmp_path: Path) -> None:
    study = Checkout(tmp_path / "kindred", ROOT / "tests" / "small.yaml")
    planned = study.plan()
    counted = {name: len(stage.seconds) for name, stage in stages(small()).items()}
    assert counted == {name: count for name, count in planned.items() if name in counted}
    rest = {name for name in planned if not name.startswith(("collect_", "draw_"))} - counted.keys()
    assert rest == {"select_images"}


def test_a_forecast_of_a_study_says_the_disk_that_it_took(study: Checkout) -> None:
    outcome = study.snakemake("forecast")
    assert outcome.status == 0, outcome.text[-4000:]
    assert "CPU hours" in outcome.text
    with (study / "results/forecast/forecast.csv").open(newline="") as file:
        rows = {row["stage"]: row for row in csv.DictReader(file)}
    for stage, folder in (
        ("extract_activations", "activations"),
        ("attack_model", "images/adversarial"),
        ("invert_images", "images/inverted"),
    ):
        files = (study / "results" / folder).rglob("c/**/*")
        taken = sum(path.stat().st_size for path in files if path.is_file())
        assert float(rows[stage]["disk_gb"]) * 1e9 == pytest.approx(taken, rel=0.1), stage
    # Asked again it says so again, and measures nothing anew.
    assert study.plan("forecast") == {"forecast": 1}
