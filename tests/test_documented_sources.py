"""Every example in docs/models.md and docs/images.md, run through its scripts with real files in the true format."""

import json
import re
import shutil
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
import yaml
import zarr
from hubs import cache, madrylab, random_net, robustbench_package, timm_folder
from image_files import cifar, mnist
from kindred.config.entries import model_entry
from kindred.config.reading import check
from kindred.images import images
from kindred.images.catalogue import SOURCES as IMAGE_SOURCES
from kindred.images.catalogue import TRAINING_KEYS
from kindred.images.images import Images
from kindred.models import builders
from kindred.models.catalogue import SOURCES as MODEL_SOURCES
from kindred.models.catalogue import facts_of, source_of
from kindred.models.importing.timm_names import FOLDER, HUB
from PIL import Image
from workflow import ROOT

from scripts import Place, run

COLOUR = {"source": "folder", "folder": "x", "size": 64, "evaluation": 10, "mean": [0.5] * 3, "std": [0.25] * 3}


def examples(page: str) -> list[dict[str, Any]]:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", text, re.S)]


MODELS = {name: entry for block in examples("models.md") for name, entry in block["models"].items()}
PICTURES = [block["images"] for block in examples("images.md")]


# Models

NETS = """
from torch import nn

def build(width):
    body = nn.Sequential(nn.Conv2d(3, width, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return body.append(nn.Linear(width, 7))

class WithFeatures(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = build(8)

    def forward(self, x):
        features = self.net[:-1](x)
        return {"features": features, "scores": self.net[-1](features)}

with_features = WithFeatures
"""


def bring(name: str, entry: dict[str, Any], home: Path) -> int:
    """The files that an example names, in the working directory or the hub's cache; the number of classes."""
    made = source_of(entry)
    if made == "timm" and entry["timm"].startswith(HUB):
        timm_folder(Path("made"), "test_vit", random_net("test_vit", num_classes=7))
        cache(home, "my-lab/birds", {path.name: path.read_bytes() for path in Path("made").iterdir()})
        return 7
    if made == "timm" and entry["timm"].startswith(FOLDER):
        timm_folder(Path("saved/birds"), "test_vit", random_net("test_vit", num_classes=7))
        return 7
    if made == "timm":
        content = safetensors.torch.save(random_net("resnet18").state_dict())
        if "weights" in entry:
            Path("downloads").mkdir()
            Path(entry["weights"]).write_bytes(content)
        else:
            cache(home, f"timm/{entry['timm']}", {"model.safetensors": content})
        return 1000
    if made == "madrylab":
        path = madrylab(Path("checkpoints/resnet18_l2_eps3.ckpt"), random_net("torchvision:resnet18"))
        if "weights" not in entry:
            cache(home, "madrylab/robust-imagenet-models", {path.name: path.read_bytes()})
            shutil.rmtree(path.parent)
        return 1000
    Path("checkpoints").mkdir()
    if made == "python":
        Path("nets.py").write_text(NETS)
        state = builders.build(f"python:{entry['python']}", entry.get("arguments", {})).state_dict()
        save = safetensors.torch.save_file if entry["weights"].endswith(".safetensors") else torch.save
        save(state, entry["weights"])
        return 7
    if made == "weights":
        classes = len(entry.get("classes", range(7)))
        act = {"act_layer": entry["arguments"]["act_layer"]} if "arguments" in entry else {}
        state = random_net("resnet18", num_classes=classes, **act).state_dict()
        if "weights_key" in entry:
            old = {
                name.replace("fc.", "head.") if "fc." in name else f"backbone.{name}": one
                for name, one in state.items()
            }
            state = {"ema": {"module": old, "decay": 0.999}, "model": state}
        torch.save(state, entry["weights"])
        return classes
    assert made == "robustbench", name
    return 10


@pytest.mark.usefixtures("no_robustbench")
@pytest.mark.parametrize("name", MODELS)
def test_a_model_as_documented(name: str, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    entry = MODELS[name]
    classes = bring(name, entry, home)
    if "robustbench" in entry:
        package = robustbench_package(tmp_path / "packages", random_net("test_resnet", num_classes=10))
        zoo = package / "robustbench/model_zoo/__init__.py"
        zoo.write_text(zoo.read_text().replace("Someone2020Robust", entry["robustbench"]))
        monkeypatch.syspath_prepend(package)
        monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "torch"))
    config = check({"images": COLOUR, "models": {"m": entry}})
    outputs = {"weights": "c.safetensors", "description": "c.json"}
    checked = config["models"]["m"]
    asked = {"entry": facts_of(checked).deciding, "module": MODEL_SOURCES[source_of(checked)].module}
    run("convert_checkpoint", Place(tmp_path, outputs, {}, config, **asked))
    names = ["cat", "cow", "dog"] if classes == 3 else [str(at) for at in range(classes)]
    draw = np.random.default_rng(0)
    natural = Images(
        draw.random((9, 3, 64, 64), np.float32), np.arange(9) % classes, [f"i{at}" for at in range(9)], names
    )
    images.write(tmp_path / "natural.zarr", natural, {})
    given = {**{key: str(tmp_path / name) for key, name in outputs.items()}, "natural": str(tmp_path / "natural.zarr")}
    settings = {key: config["images"][key] for key in ("size", "mean", "std")}
    outputs = {"weights": "m.safetensors", "description": "m.json"}
    own = {"entry": model_entry(config, "m"), "images": settings}
    run("import_checkpoint", Place(tmp_path, outputs, given, config, **own))
    about = json.loads((tmp_path / "m.json").read_text())
    assert 0 <= about["clean_accuracy"] <= 1 and about["description"]["classes"] == classes
    assert len(about["source"]["sha256"]) == 64
    assert about["source"].keys().isdisjoint(("trained", "layers", "accuracy", "classes", "made"))


def test_every_source_of_models_is_documented() -> None:
    assert {source_of(entry) for entry in MODELS.values()} == MODEL_SOURCES.keys() - {"training"}


# Images


def paint(path: Path, at: int, side: int = 40) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draw = np.random.default_rng(at)
    Image.fromarray(draw.integers(0, 256, (side, side, 3), dtype=np.uint8)).save(path)


def lay_out(settings: dict[str, Any]) -> None:
    """The files that an example names, in the working directory."""
    kind = settings["source"]
    draw = np.random.default_rng(0)
    x, y = draw.integers(0, 256, (30, 32, 32, 3), dtype=np.uint8), np.arange(30) % 3
    if kind == "folder":
        names = ("n01440764", "n02102040", "n02979186")
        roots = (settings["folder"], settings["training_folder"])
        for seed, (root, name, at) in enumerate(product(roots, names, range(5))):
            paint(Path(root) / name / f"{at}.JPEG", seed)
    elif kind == "table":
        for at in range(20):
            paint(Path(settings["folder"]) / f"{at}.png", at, 299)
        rows = [f"{at}.png,{at * 7}" for at in range(20)]
        Path(settings["labels"]).write_text("\n".join(["file,label", *rows]) + "\n")
    elif kind == "cifar10":
        cifar(Path(settings["folder"]), kind)
    elif kind == "idx":
        mnist(Path(settings["folder"]), zipped=True)
    elif kind == "npz":
        Path(settings["file"]).parent.mkdir()
        np.savez(settings["file"], **dict(zip(settings["arrays"], (x, y), strict=True)))
    elif kind == "zarr":
        group = zarr.open_group(settings["file"], mode="w")
        group.create_array("images", data=(x / 255).astype(np.float32).transpose(0, 3, 1, 2))
        group.create_array("label", data=y)
    else:
        datasets = pytest.importorskip("datasets")
        features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=list("abc"))})
        content = {"image": [Image.fromarray(each) for each in x], "label": y.tolist()}
        found = datasets.Dataset.from_dict(content, features=features)
        datasets.DatasetDict({settings["split"]: found}).save_to_disk(settings["dataset"])


@pytest.mark.parametrize("settings", PICTURES, ids=lambda settings: settings["source"])
def test_images_as_documented(settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    lay_out(settings)
    config = check({"images": settings, "models": {"m": {"architecture": "x", "weights": "x.pt"}}})
    channels = len(settings["mean"])
    given, source = {**config["images"], "channels": channels}, IMAGE_SOURCES[settings["source"]].module
    alone = {key: value for key, value in given.items() if key not in TRAINING_KEYS}
    stores = {part: str(tmp_path / f"{part}.zarr") for part in ("natural", "training")}
    natural = {"natural": stores["natural"]}
    run("select_evaluation_images", Place(tmp_path, natural, {}, config, settings=alone, module=source))
    training = {"training": stores["training"]}
    run("select_training_images", Place(tmp_path, training, natural, config, settings=given, module=source))
    run("list_images", Place(tmp_path, {"listing": "chosen.csv"}, stores))
    natural, training = (images.load(tmp_path / f"{part}.zarr") for part in ("natural", "training"))
    assert (len(natural), len(training)) == (settings["evaluation"], settings.get("training", 0))
    side = settings["size"]
    assert natural.pixels.shape[1:] == training.pixels.shape[1:] == (channels, side, side)
    assert natural.pixels.std() > 0.1 and len(set(natural.labels.tolist())) > 1
    assert set(natural.ids).isdisjoint(training.ids) or "training_folder" in settings
    lines = (tmp_path / "chosen.csv").read_text().splitlines()
    assert len(lines) == 1 + len(natural) + len(training)


def test_every_source_of_images_is_documented() -> None:
    documented = {settings["source"] for settings in PICTURES}
    assert documented == IMAGE_SOURCES.keys() - {"cifar100", "digits"}
