"""Photographs and models from elsewhere, in the true formats, through the rules."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import safetensors.torch
import torch
from hubs import cache, madrylab, random_net, timm_folder
from kindred.images.classes import class_names
from kindred.models import builders
from PIL import Image
from workflow import ROOT, Checkout

WNIDS = ("n01440764", "n02102040", "n03888257", "n03445777")

NETS = """
from torch import nn


def small(classes, width=4):
    head = nn.Linear(width, classes)
    return nn.Sequential(nn.Conv2d(3, width, 3, 2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), head)
"""

STUDY = {
    "device": "cpu",
    "images": {
        "source": "folder", "folder": "val", "classes": "imagenet", "size": 64, "evaluation": 10, "broken": 1,
        "choice": "random",
        "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225],
    },
    "models": {
        "file": {"architecture": "test_resnet", "weights": "brought/plain.pth"},
        "tag": {"timm": "test_efficientnet.r160_in1k", "accuracy": {"expected": 0, "tolerance": 0.5}},
        "folder": {"timm": "local-dir:brought/saved", "input_size": 96},
        "robust": {"madrylab": "resnet18_l2_eps3", "weights": "brought/resnet18_l2_eps3.ckpt"},
        "own": {
            "python": "brought/nets.py:small", "arguments": {"classes": 1000}, "weights": "brought/own.safetensors",
            "value_range": [0, 255],
        },
    },
    "attacks": {"pgd": {"norm": "linf", "eps": 0.03, "steps": 1}},
    "inversions": {"jones": {"steps": 2, "images": 6}},
    "activations": {"layers": "penultimate"},
    "similarity": {"layer_pairs": [], "groups": 1},
    "figures": {"similarity": {"inversion": "jones"}, "transfer": {"attack": "pgd"}, "layers": None},
}  # fmt: skip


def photographs(root: Path) -> None:
    """JPEGs of four classes in several shapes, a grey and a CMYK one, and one that is cut off."""
    draw = np.random.default_rng(0)
    for name in WNIDS:
        for at, size in enumerate([(90, 120), (200, 80), (64, 64), (70, 71)]):
            path = root / name / f"{at}.JPEG"
            path.parent.mkdir(parents=True, exist_ok=True)
            coarse = draw.integers(0, 256, (6, 8, 3), dtype=np.uint8)
            Image.fromarray(coarse).resize(size).save(path)
    Image.open(root / WNIDS[0] / "0.JPEG").convert("L").save(root / WNIDS[0] / "0.JPEG")
    Image.open(root / WNIDS[1] / "1.JPEG").convert("CMYK").save(root / WNIDS[1] / "1.JPEG")
    cut = root / WNIDS[2] / "2.JPEG"
    cut.write_bytes(cut.read_bytes()[:300])


def bring(folder: Path, home: Path) -> None:
    """The models of STUDY as their ecosystems save them."""
    brought = folder / "brought"
    brought.mkdir()
    state = random_net("test_resnet").state_dict()
    torch.save({"state_dict": {f"module.{key}": value for key, value in state.items()}}, brought / "plain.pth")
    tagged = random_net("test_efficientnet")
    content = safetensors.torch.save(tagged.state_dict())
    cache(home, "timm/test_efficientnet.r160_in1k", {"model.safetensors": content})
    timm_folder(brought / "saved", "test_vit", random_net("test_vit", num_classes=1000))
    madrylab(brought / "resnet18_l2_eps3.ckpt", random_net("torchvision:resnet18"))
    (brought / "nets.py").write_text(NETS)
    torch.manual_seed(0)
    own = builders.build(f"python:{brought / 'nets.py'}:small", {"classes": 1000})
    safetensors.torch.save_file(own.state_dict(), brought / "own.safetensors")


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A finished study of five sources of models at four input sizes on a folder of JPEGs."""
    folder = tmp_path_factory.mktemp("elsewhere")
    checkout = Checkout(folder / "kindred")
    checkout.write_config(STUDY)
    photographs(checkout / "val")
    bring(checkout.folder, folder / "home")
    outcome = checkout.snakemake(HF_HOME=str(folder / "home"))
    assert outcome.status == 0, outcome.text[-6000:]
    return checkout


def test_from_photographs_to_figures(elsewhere: Checkout) -> None:
    import json

    for name in ("similarity", "transfer"):
        for kind in ("png", "pdf"):
            assert (elsewhere / f"results/figures/{name}.{kind}").stat().st_size > 5000
    told = {name: json.loads((elsewhere / f"results/models/{name}.json").read_text()) for name in STUDY["models"]}
    sizes = {name: about["description"]["input_size"] for name, about in told.items()}
    assert sizes == {"file": 64, "tag": 160, "folder": 96, "robust": 224, "own": 64}
    assert all(about["description"]["classes"] == 1000 and about["clean_images"] == 10 for about in told.values())
    assert all(len(about["source"]["sha256"]) == 64 for about in told.values())
    table = pd.read_csv(elsewhere / "results/tables/cka.csv")
    assert len(table) == 15 + 25  # natural pairs without order, inverted ones with
    assert table["value"].notna().all()
    models = pd.read_csv(elsewhere / "results/tables/models.csv").set_index("model")
    assert models.loc["robust", ["norm", "eps"]].tolist() == ["l2", 3]
    assert models.loc["tag", "architecture"] == "test_efficientnet"
    assert (elsewhere / "results/tables/sat.csv").exists()


def test_every_image_is_listed_and_the_broken_one_named(elsewhere: Checkout) -> None:
    table = pd.read_csv(elsewhere / "results/images/chosen.csv", dtype=str)
    assert (table["part"] == "natural").sum() == 10
    known = class_names("imagenet")
    for row in table[table["part"] == "natural"].itertuples():
        assert row.image.startswith(row._4) and known[int(row.label)] == row._4
    log = (elsewhere / "results/logs/select_evaluation_images.log").read_text()
    broken = table[table["part"] == "broken"]["image"].tolist()
    assert broken in ([], [f"{WNIDS[2]}/2.JPEG"])
    assert all(name in log for name in broken)


def test_nothing_is_left_to_do_and_what_changes_is_done(elsewhere: Checkout, tmp_path: Path) -> None:
    """Taking a label, a hash or an accuracy into the config re-runs no model; another file or code does."""
    study = elsewhere.copy(tmp_path / "kindred")
    assert study.plan() == {}
    config = study.config()
    config["models"]["robust"]["accuracy"] = {"expected": 0.0, "tolerance": 0.9}
    config["images"]["broken"] = 3
    study.write_config(config)
    select = {"select_evaluation_images", "select_training_images", "list_images"}
    assert set(study.plan()) <= {"all", "import_checkpoint", "collect_models", "draw_figure", *select}
    study.write_config(STUDY)
    study.edit("brought/nets.py", "width=4", "width=5")
    jobs = study.plan()
    assert jobs["convert_checkpoint"] == jobs["import_checkpoint"] == jobs["attack_model"] == 1


def test_the_weights_that_everything_reads_are_safetensors(elsewhere: Checkout) -> None:
    for name in STUDY["models"]:
        for kind in ("checkpoints", "models"):
            assert safetensors.torch.load_file(elsewhere / f"results/{kind}/{name}.safetensors")
    assert not list((elsewhere / "results").rglob("*.partial"))
    assert elsewhere.folder != ROOT
