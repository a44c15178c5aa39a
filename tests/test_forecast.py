"""Forecasts: passes counted by hand, jobs as Snakemake plans them, disk as it is in the end."""

import csv
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from kindred import costs, forecast, workload, workload_papers
from kindred.config import check, model_entries
from kindred.gram import packed_bytes
from nets import timm_model
from test_cianfarani import with_section
from workflow import ROOT, Checkout

# Made in moments, from what is there: not in a forecast.
LIGHT = {
    "select_images", "describe_components", "cluster_models", "explain_sat", "evaluate_ensembles", "compare_measures",
    "hwang2024", "cianfarani2022",
}  # fmt: skip
SIZES = workload.Sizes(evaluation=60, training=200, pixels=1024)
COST = {
    "forward": 1.0,
    "observe": 2.0,
    "attack": 10.0,
    "adversary": 11.0,
    "inversion": 100.0,
    "training": 7.0,
    "flops": 1e9,
    "features": {"penultimate": 8, "logits": 10},
    "looked": [8, 100, 1000],
    "look": 3.0,
    "spread": 0.0,
    "aligning": 0.0,
    "flops64": 1e9,
    "parameters": 1000,
    "host_mb": 500.0,
    "gpu_mb": 0.0,
    "start": 3.0,
}


def small() -> dict:
    return check(yaml.safe_load((ROOT / "tests" / "small.yaml").read_text()))


def stages(config: dict) -> dict[str, workload.Stage]:
    same = {model: COST for model in config["models"]}
    return {stage.name: stage for stage in workload.stages(config, SIZES, same)}


def test_passes_are_those_of_the_config() -> None:
    found = stages(small())
    # 2 epochs of 3 whole batches of 64; a robust model takes one step of an attack on each image, too.
    standard, robust = 384 * 7.0 + 60, 384 * (7.0 + 11.0) + 60
    assert sorted(found["train_model"].seconds) == sorted(2 * [standard] + 2 * [robust])
    # 3 steps on 60 images, and a look before and after.
    assert found["attack_model"].seconds == (60 * (3 * 10.0 + 2),) * 8
    assert found["invert_images"].seconds == (24 * (6 * 100.0 + 2),) * 4
    assert found["extract_activations"].seconds == (60 * 2.0,) * 4
    # All ordered pairs of 4 models, and each target once a tile on the images as they are, under two attacks.
    assert sum(found["cross_evaluate"].seconds) == 2 * 60 * (4 * 4 + 2 * 4)
    assert found["invert_images"].disk == 4 * 24 * 1024 * 4
    assert found["extract_activations"].disk == 4 * 60 * (8 + 10) * 4


def test_memory_is_what_a_job_holds() -> None:
    config = small()
    config["similarity"]["groups"] = 1
    found = stages(config)
    # Four models in one tile, two layers each: all Gram matrices are more than the penultimate activations and theirs.
    assert found["compare_activations"].memory == 2 * 8 * 60 * (60 + 128)
    assert found["compare_inverted"].memory == 2 * 8 * 24 * (24 + 128)
    assert found["cross_evaluate"].models == 4
    config["memory"] = 1e-6
    assert stages(config)["compare_inverted"].memory == 1e-6 * 2**30


@pytest.mark.parametrize("images", [300, 1024, 10_000])
def test_packed_gram_matrices_are_counted_as_they_are(images: int) -> None:
    assert workload.packed(7, images) == pytest.approx(packed_bytes(7, images), rel=0.06)


def test_spatial_attacks_are_tried_and_not_descended() -> None:
    settings = {"norm": "spatial", "steps": 3, "restarts": 1}
    assert workload.trying({**settings, "random_start": True}, COST, "attack") == 3
    assert workload.trying({**settings, "random_start": False}, COST, "attack") == 27
    restarts = {"norm": "linf", "steps": 3, "restarts": 2}
    assert workload.trying(restarts, COST, "attack") == 2 * (30 + 1)


def test_a_ramp_without_an_adversary_costs_no_steps() -> None:
    config = small()
    before = stages(config)["train_model"]
    config["trainings"]["linf10"]["clean_epochs"] = 1
    assert sum(before.seconds) - sum(stages(config)["train_model"].seconds) == 2 * 192 * 11.0


def test_the_table_adds_up() -> None:
    config = small()
    same = {model: COST for model in config["models"]}
    found = {
        "all": workload.stages(config, SIZES, same),
        "hwang2024": workload_papers.hwang(config, SIZES, same),
    }
    *parts, hwang, whole = forecast.rows(found, same)
    (study,) = (row for row in parts if row["stage"] == "total")
    assert (hwang["target"], hwang["stage"]) == ("hwang2024", "total")
    for column in ("jobs", "hours", "disk_gb"):
        own = [row for row in parts if row["target"] == "all" and row["stage"] != "total"]
        assert study[column] == pytest.approx(sum(row[column] for row in own))
        assert whole[column] == pytest.approx(study[column] + hwang[column])
    (attacks,) = (row for row in parts if row["stage"] == "attack_model")
    assert attacks["hours"] == pytest.approx(8 * (60 * 32.0 + 3.0) / 3600)
    assert attacks["longest_job"] == pytest.approx((60 * 32.0 + 3.0) / 3600)
    text = forecast.written([*parts, hwang, whole], "cuda")
    assert "GPU hours" in text
    assert len(text.splitlines()) == len(parts) + 3


def papers(config: dict) -> dict[str, workload.Stage]:
    """What the default study's cianfarani2022 would be, of two models."""
    same = {model: COST for model in model_entries(config)}
    looks = [
        workload_papers.Look(
            [("resnet-std", "natural"), ("resnet-l2", "natural")], ["cka_debiased", "cka_biased"]
        ),
        workload_papers.Look([("resnet-std-long~3", "training")], ["cka_minibatch"]),
    ]
    work = workload_papers.Layered(
        ["resnet-std", "resnet-l2", "resnet-spatial", "resnet-trades10", "resnet-std-long"],
        [("pgd_linf", "resnet-std"), ("pgd_linf", "resnet-l2"), ("spatial", "resnet-std")],
        looks,
    )
    return {stage.name: stage for stage in workload_papers.cianfarani(config, SIZES, same, work)}


def test_work_of_the_papers_is_what_they_add() -> None:
    config = check(yaml.safe_load((ROOT / "config.yaml").read_text()))
    same = {model: COST for model in config["models"]}
    tried, taught = workload_papers.hwang(config, SIZES, same)
    # 200 images are asked for and 60 there; three radii of 10 steps and a single step, each looked at.
    assert sum(tried.seconds) == 17 * 60 * (31 * 11.0 + 5)
    # Each teacher teaches one student, hard and soft, 12 epochs of 3 batches of 64, and is asked for every image.
    # The student that was not taught is looked at, too.
    assert taught.seconds == (60 + 2 * (192 * 12 * (7.0 + 1.0) + 60),) * 4

    found = papers(config)
    assert set(found) == {
        "train_model", "train_snapshots", "attack_model", "evaluate_snapshots", "compare_layers", "align_layers",
    }  # fmt: skip
    l2, spatial, trades = found["train_model"].seconds
    assert l2 == 192 * (12 * 7.0 + 10 * 2 * 11.0) + 60
    assert spatial == 192 * (12 * 7.0 + 10 * 4 * 1.0) + 60, "turns are tried, not descended"
    assert trades == 192 * (22 * 7.0 + 10 * (2 * 11.0 + 1.0)) + 60, (
        "natural and adversarial images are learned from"
    )
    assert found["train_snapshots"].seconds == (192 * 30 * 7.0 + 7 * 60,)
    # The study's own attack on its own model is made by the study.
    assert found["attack_model"].seconds == (60 * (10 * 10.0 + 2), 60 * (27 * 1.0 + 2))
    # 7 states of 2 models, on 60 and 200 images of the two sets, as they are and attacked.
    assert found["evaluate_snapshots"].seconds == (7 * (60 + 200) * (10 * 10.0 + 2),) * 2
    # 10 layers of two observations, and what one of them says while it is shown, twice.
    assert found["compare_layers"].memory == 2 * 6 * 60 * (60 + 128) + 2 * 4 * 60 * 1108
    assert found["align_layers"].memory > 24 * 60 * 1000
    natural, training = found["compare_layers"].seconds
    assert natural == pytest.approx(60 * 2 * 3.0 + 60**2 * (2 * 1108 + 18) / 1e9)
    assert training == pytest.approx(3 * (60 * 3.0 + 60**2 * (1108 + 4.5) / 1e9))


@pytest.mark.parametrize("architecture", ["kindred_vgg", "test_resnet"])
def test_a_network_is_measured(architecture: str) -> None:
    # As it is when it was just made: in training mode, in which test_resnet would not take a single image.
    classifier = timm_model(architecture).train()
    torch.manual_seed(0)
    shape = classifier.description.channels, classifier.description.size, classifier.description.size
    pixels = np.random.default_rng(0).random((8, *shape), dtype=np.float32)
    before = {name: value.clone() for name, value in classifier.state_dict().items()}
    look = {"layers": "all", "fraction": 1.0, "pooled": False}
    found = costs.measure(classifier, pixels, np.arange(8) % 2, "all", torch.device("cpu"), look)
    kinds = (
        "forward",
        "observe",
        "attack",
        "adversary",
        "inversion",
        "training",
        "flops",
        "look",
        "spread",
        "aligning",
        "flops64",
    )
    assert all(found[key] > 0 for key in kinds)
    assert len(found["looked"]) > 3
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


def test_jobs_of_the_papers_are_those_that_snakemake_plans(study: Checkout, tmp_path: Path) -> None:
    study.write_config(with_section(study.config()))
    assert study.snakemake("forecast").status == 0
    counted: Counter[str] = Counter()
    for row in forecast_of(study):
        if row["stage"] != "total":
            counted[row["stage"]] += int(row["jobs"])
    # Where nothing is made yet.
    planned = Checkout(tmp_path / "anew", study / "config.yaml").plan("all", "hwang2024", "cianfarani2022")
    light = ("collect_", "draw_")
    assert counted == {
        name: n for name, n in planned.items() if not name.startswith(light) and name not in LIGHT
    }


def test_a_model_of_timms_is_measured_at_its_own_size(study: Checkout) -> None:
    config = study.config()
    config["models"] = {"own": {"architecture": "test_resnet"}, "timm": {"timm": "test_resnet.r160_in1k"}}
    config["models"]["own"]["training"] = "standard"
    config["images"].update(channels=3, mean=[0.3] * 3, std=[0.35] * 3)
    for section in ("sat", "figures"):
        del config[section]
    study.write_config(config)
    outcome = study.snakemake("forecast")
    assert outcome.status == 0, outcome.text[-4000:]
    own, timm = (
        json.loads((study / f"results/forecast/{name}.json").read_text()) for name in ("own", "timm")
    )
    assert max(timm["features"].values()) == 25 * max(own["features"].values())  # 160 pixels a side, not 32


def test_a_study_of_a_table_alone_has_nothing_to_forecast(study: Checkout) -> None:
    table = study / "sat.csv"
    table.write_bytes((study / "results/tables/sat.csv").read_bytes())
    study.write_config({"similarity": {"external": "sat.csv"}})
    outcome = study.snakemake("forecast")
    assert outcome.status != 0
    assert "the study has no models of its own, so there is nothing to measure" in outcome.text
    assert "Traceback" not in outcome.text.split("nothing to measure")[0]


def forecast_of(study: Checkout) -> list[dict[str, str]]:
    with (study / "results/forecast/forecast.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_forecast_of_a_study_says_the_disk_that_it_took(study: Checkout) -> None:
    outcome = study.snakemake("forecast")
    assert outcome.status == 0, outcome.text[-4000:]
    assert "CPU hours" in outcome.text
    rows = {row["stage"]: row for row in forecast_of(study) if row["target"] == "all"}
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
