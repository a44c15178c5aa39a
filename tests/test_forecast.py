"""The forecast: jobs of Snakemake's own DAG, times passes counted from the config, times measured rates."""

import csv
import re
from pathlib import Path

import pytest
import torch
import yaml
from kindred.config.reading import check
from kindred.forecast import costs, rates
from nets import timm_model
from workflow import ROOT, Checkout

PLAN = """\
rule train_model:
    input: r/images/natural.zarr
    output: r/models/a.json
    log: r/logs/train_model/a.log
    wildcards: model=a
    resources: tmpdir=/tmp

rule cross_evaluate:
    output: r/transfer/pgd/0x1.zarr
    log: r/logs/cross_evaluate/pgd/0x1.log
    wildcards: attack=pgd, tile=0x1

localrule collect_cka:
    output: r/tables/cka.csv
    log: r/logs/collect_cka.log

localrule all:
    input: r/tables/cka.csv
    jobid: 0
"""
RATE = {
    "forward": 1.0,
    "quick": 0.5,
    "observe": 2.0,
    "training": 3.0,
    "adversary": 5.0,
    "attack": 4.0,
    "inversion": 6.0,
}


def small() -> dict:
    config = yaml.safe_load((ROOT / "tests" / "small.yaml").read_text())
    return check(config, [])


def study(config: dict) -> costs.Study:
    each = RATE | {"widths": {"penultimate": 10}, "parameters": 100, "flops": 1e6}
    return costs.Study(config, dict.fromkeys(config["models"], each), pixels=3 * 16 * 16)


def test_jobs_are_read_from_a_dry_run_of_snakemake() -> None:
    assert costs.jobs(PLAN) == [
        costs.Job("train_model", (("model", "a"),)),
        costs.Job("cross_evaluate", (("attack", "pgd"), ("tile", "0x1"))),
        costs.Job("collect_cka"),
    ]


def test_costs_are_passes_times_rates() -> None:
    config = small()
    known = study(config)
    images, models = config["images"]["evaluation"], list(config["models"])
    attack = config["attacks"]["pgd_linf"]
    assert attack["restarts"] == 1 and attack["images"] is None
    stepped = costs.Job("attack_model", (("attack", "pgd_linf"), ("model", models[0])))
    assert known.seconds(stepped) == images * (attack["steps"] * RATE["attack"] + 2 * RATE["forward"])
    assert known.disk(stepped) == images * 3 * 16 * 16 * 4
    inverted = costs.Job("invert_images", (("inversion", "jones"), ("model", models[0])))
    assert known.seconds(inverted) == config["inversions"]["jones"]["images"] * 6 * RATE["inversion"]
    # Every model of the second group classifies the natural images and, twice, those of each model of the first: as
    # they were made, and with their perturbations on other images.
    first, second = known._sides("0x1")
    crossed = costs.Job("cross_evaluate", (("attack", "pgd_linf"), ("tile", "0x1")))
    assert known.seconds(crossed) == images * (1 + 2 * len(first)) * len(second) * RATE["quick"]
    config["transfer"]["shuffles"] = 0
    assert study(config).seconds(crossed) == images * (1 + len(first)) * len(second) * RATE["quick"]
    assert known.seconds(costs.Job("collect_cka")) == 0


def test_robust_training_costs_more_by_its_attack() -> None:
    config = small()
    known = study(config)
    recipes = {name: costs.model_entry(config, name)["recipe"] for name in config["models"]}
    assert {recipe["method"] for recipe in recipes.values()} == {"standard", "pgd"}
    training, images = costs.training_images(config), config["images"]["evaluation"]
    for name, recipe in recipes.items():
        robust = recipe["epochs"] - recipe["clean_epochs"] if recipe["method"] == "pgd" else 0
        expected = recipe["epochs"] * RATE["training"] + robust * recipe.get("steps", 0) * RATE["adversary"]
        assert known.train_model(name) == training * expected + images * RATE["forward"]


def test_every_formula_is_of_a_rule() -> None:
    rules = "".join(path.read_text() for path in (ROOT / "rules").glob("*.smk"))
    formulas = [name for name in vars(costs.Study) if not name.startswith("_") and name not in ("seconds", "disk")]
    formulas = [name for name in formulas if callable(getattr(costs.Study, name))]
    assert len(formulas) > 10
    assert [name for name in formulas if not re.search(rf"^rule {name}:| as {name} with:", rules, re.M)] == []


def test_only_stages_that_the_study_has_are_measured() -> None:
    config = small()
    assert costs.stages(config, next(iter(config["models"]))) == ["training", "adversary", "attack", "inversion"]
    config |= {"attacks": {}, "inversions": {}, "gradients": None}
    config["models"] = {"guest": {"timm": "resnet18"}}
    assert costs.stages(config, "guest") == []


@pytest.mark.parametrize("stages", [[], ["training"], ["adversary", "attack", "inversion"]])
def test_measured_rates_are_those_asked_for(stages: list[str]) -> None:
    classifier = timm_model("test_resnet")
    pixels, labels = torch.rand(6, 1, 32, 32).numpy(), torch.zeros(6, dtype=torch.int64).numpy()
    found = rates.measure(classifier, pixels, labels, stages, ["penultimate"], torch.device("cpu"))
    assert {"forward", "quick", "observe", *stages} == found.keys() - {"widths", "parameters", "flops"}
    assert all(found[name] > 0 for name in ("forward", "quick", "observe", "flops", *stages))
    assert found["widths"].keys() == {"penultimate", "logits"}


def test_the_forecast_of_a_finished_study(finished: Checkout) -> None:
    """Numbers of jobs are those of the plan, and nothing is left of a study that is finished."""
    done = finished.snakemake("forecast")
    assert done.status == 0, done.text[-3000:]
    with (finished / "results/forecast/forecast.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["target"] == "all"]
    planned = finished.plan("--forceall")
    heavy = {row["stage"]: int(row["jobs"]) for row in rows if row["stage"] != "tables and figures"}
    assert heavy == {rule: planned[rule] for rule in heavy}
    assert {"train_model", "attack_model", "invert_images", "cross_evaluate"} <= heavy.keys()
    assert sum(float(row["pending_hours"]) for row in rows) == 0
    assert "pending_hours" in done.text


def test_the_forecast_of_a_study_that_has_not_run(tmp_path: Path) -> None:
    """All of it is left, in a folder of its own."""
    checkout = Checkout(tmp_path / "kindred", ROOT / "tests" / "small.yaml")
    kept = ("images", "trainings", "attacks", "inversions")
    config = {key: value for key, value in checkout.config().items() if key in kept}
    models = {"vgg-linf10": {"architecture": "kindred_vgg", "training": "linf10"}}
    config |= {"device": "cpu", "pathvars": {"results": "elsewhere"}, "models": models}
    checkout.write_config(config)
    done = checkout.snakemake("forecast")
    assert done.status == 0, done.text[-3000:]
    with (checkout / "elsewhere/forecast/forecast.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["target"] == "all"]
    planned = checkout.plan()
    heavy = {row["stage"]: int(row["jobs"]) for row in rows if row["stage"] != "tables and figures"}
    assert heavy == {rule: planned[rule] for rule in heavy}
    assert heavy["train_model"] == len(config["models"])
    assert all(row["hours"] == row["pending_hours"] for row in rows if row["stage"] != "tables and figures")
