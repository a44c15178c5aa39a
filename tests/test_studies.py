"""The papers as config files: they pass the check, and a dry run lists the right jobs without data or checkpoints."""

from collections import Counter
from pathlib import Path

import pytest
import yaml
from kindred.config.entries import model_entry
from kindred.config.reading import check
from workflow import ROOT, Checkout

JONES = ROOT / "studies" / "jones2022.yaml"
EPS = (0, 0.01, 0.03, 0.05, 0.1, 0.25, 0.5, 1, 3, 5)


@pytest.fixture(scope="module")
def jones() -> dict:
    return check(yaml.safe_load(JONES.read_text()), [JONES])


def test_jones_names_the_50_checkpoints_of_the_paper(jones: dict) -> None:
    counts = Counter(model_entry(jones, name)["architecture"] for name in jones["models"])
    assert sorted(counts.values()) == [2] * 5 + [10] * 4
    for name in jones["models"]:
        entry = model_entry(jones, name)
        family, _, eps = name.partition("_l2_eps")
        assert entry["madrylab"] == name and entry["input_size"] == 224
        trained = entry["trained"]
        assert trained["eps"] == float(eps) and trained["norm"] == ("l2" if float(eps) else None)
        of_family = sorted(
            model_entry(jones, other)["trained"]["eps"] for other in jones["models"] if other.startswith(f"{family}_l2")
        )
        assert of_family == list(EPS) or of_family == [0, 3]
    assert len(set(jones["published"]["architectures"].values())) == 9


def test_jones_has_the_settings_of_the_paper(jones: dict) -> None:
    inversion = jones["inversions"]["jones"]
    assert (inversion["steps"], inversion["step_size"], inversion["momentum"]) == (2000, 0.125, 0.9)
    assert inversion["images"] is None and jones["images"]["evaluation"] == 10_000
    assert jones["images"]["size"] == 224 and not inversion["leave_out"]


def test_every_checkpoint_has_its_published_accuracy(jones: dict) -> None:
    accuracy = {name: entry["accuracy"]["expected"] for name, entry in jones["models"].items()}
    assert all(entry["accuracy"]["tolerance"] == 0.02 for entry in jones["models"].values())
    assert accuracy["resnet18_l2_eps0"] == 0.6979 and accuracy["vgg16_bn_l2_eps3"] == 0.5719
    assert accuracy["wide_resnet50_4_l2_eps5"] == 0.6520 and accuracy["densenet_l2_eps3"] == 0.6698
    assert [accuracy[f"resnet50_l2_eps{eps}"] for eps in EPS] == [
        0.7580, 0.7568, 0.7576, 0.7559, 0.7478, 0.7414, 0.7316, 0.7043, 0.6283, 0.5613
    ]  # fmt: skip


def test_a_dry_run_of_jones_lists_its_jobs(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path / "kindred", JONES)
    outcome = checkout.snakemake("--dry-run", "jones2022")
    assert outcome.status == 0, outcome.text[-4000:]
    jobs = outcome.jobs
    each = {"convert_checkpoint": 50, "import_checkpoint": 50, "invert_images": 50, "extract_activations": 50}
    # Five groups: 15 pairs of them without order, 25 with.
    tiles = {"compare_activations": 15, "compare_gradients": 15, "compare_inverted": 25, "stitch_models": 25}
    assert {name: jobs[name] for name in each | tiles} == each | tiles
    # Nine figures of the paper, the residuals of one inversion among them; no gallery of models is chosen.
    assert jobs["draw_figure"] == 9
    assert "train_model" not in jobs and "attack_model" not in jobs
    # Of the images; weights come from the hub.
    assert outcome.text.count("do not exist yet") == 1
    assert "2 of 2 files and folders do not exist yet (imagenet/val, imagenet/train)" in outcome.text


def test_a_dry_run_plans_without_files_that_are_not_there_yet(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path / "kindred", JONES)
    config = checkout.config()
    for name, entry in config["models"].items():
        entry["weights"] = f"checkpoints/{name}.ckpt"
    checkout.write_config(config)
    outcome = checkout.snakemake("--dry-run", "checkpoints")
    assert outcome.status == 0, outcome.text[-4000:]
    assert outcome.jobs["convert_checkpoint"] == 50
    assert "50 of 50 files and folders do not exist yet (checkpoints/resnet18_l2_eps0.ckpt" in outcome.text
    assert outcome.text.count("do not exist yet") == 1
