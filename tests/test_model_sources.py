"""Imported models: each source with files as its ecosystem saves them, and messages about what does not fit."""

import hashlib
import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from hubs import cache, madrylab, random_net, robustbench_package, timm_folder
from kindred.config.entries import model_entry
from kindred.config.reading import check
from kindred.models import classifiers, storage
from kindred.models.catalogue import SOURCES, facts_of, source_of
from kindred.models.importing import checkpoint, timm_hub
from kindred.workflow.errors import BadInput

IMAGES = {"source": "folder", "folder": "x", "training": 10, "size": 64, "evaluation": 10}
COLOUR = {**IMAGES, "mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]}
X = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def bring(entry: dict[str, Any]) -> checkpoint.Checkpoint:
    """The checkpoint of a checked entry, as its rule asks for it."""
    return import_module(SOURCES[source_of(entry)].module).bring({**entry, **facts_of(entry).deciding})


def arrived(tmp_path: Path, classes: int, **entry: Any) -> tuple[classifiers.Classifier, dict]:
    """A model entry through conversion to a classifier, as the two rules do it, and what was recorded of it."""
    config = check({"images": COLOUR, "models": {"m": entry}})
    weights, about = str(tmp_path / "m.safetensors"), str(tmp_path / "m.json")
    checkpoint.write(weights, about, bring(config["models"]["m"]))
    brought = json.loads(Path(about).read_text())
    assert "made" not in brought
    description = storage.describe(model_entry(config, "m"), config["images"], classes, brought)
    return classifiers.load(weights, description, brought["origin"]), brought


def refused(**entry: Any) -> str:
    config = check({"images": COLOUR, "models": {"m": entry}})
    with pytest.raises(BadInput) as caught:
        bring(config["models"]["m"])
    assert "\n" not in str(caught.value)
    return str(caught.value)


def normalised(net: torch.nn.Module, mean: list[float], std: list[float], size: int = 64) -> torch.Tensor:
    x = X
    if size != 64:
        x = torch.nn.functional.interpolate(x, size=(size, size), mode="bilinear", antialias=True)
    mean, std = (torch.tensor(each)[:, None, None] for each in (mean, std))
    with torch.no_grad():
        return net((x - mean) / std)


IMAGENET = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
HALF = ([0.5] * 3, [0.5] * 3)


# timm


@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin"])
def test_a_tag_from_the_cache_of_the_hub(tmp_path: Path, home: Path, name: str) -> None:
    net = random_net("test_resnet.r160_in1k")
    torch.save(net.state_dict(), tmp_path / "x.bin")
    content = (
        safetensors.torch.save(net.state_dict()) if name.endswith(".safetensors") else (tmp_path / "x.bin").read_bytes()
    )
    cache(home, "timm/test_resnet.r160_in1k", {name: content})
    classifier, brought = arrived(tmp_path, 1000, timm="test_resnet.r160_in1k")
    stated = timm_hub.stated("test_resnet.r160_in1k").config
    assert brought["sha256"] == hashlib.sha256(content).hexdigest()
    assert classifier.description.architecture == "test_resnet"
    assert classifier.description.input_size == 160 == stated["input_size"][1]
    expected = normalised(net, list(stated["mean"]), list(stated["std"]), 160)
    torch.testing.assert_close(classifier(X), expected)


def test_a_tag_with_a_given_file(tmp_path: Path, home: Path) -> None:
    net = random_net("test_resnet")
    torch.save({"state_dict": {f"module.{k}": v for k, v in net.state_dict().items()}}, tmp_path / "x.pth")
    classifier, _ = arrived(tmp_path, 1000, timm="test_resnet.r160_in1k", weights=str(tmp_path / "x.pth"))
    stated = timm_hub.stated("test_resnet.r160_in1k").config
    torch.testing.assert_close(classifier(X), normalised(net, stated["mean"], stated["std"], 160))


def test_offline_and_not_in_the_cache(home: Path) -> None:
    message = refused(timm="test_resnet.r160_in1k")
    assert "is not in the hub's cache and HF_HUB_OFFLINE is set" in message
    assert "timm/test_resnet.r160_in1k/model.safetensors" in message
    assert "is not in the hub's cache" in refused(timm="hf-hub:somebody/something")
    assert "resnet18_l2_eps3.ckpt" in refused(madrylab="resnet18_l2_eps3")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("resnet50", ["'resnet50' has no tag", "resnet50.a1_in1k"]),
        ("resnet50.a1_in2k", ["'a1_in2k' is not a tag of 'resnet50'", "resnet50."]),
        ("rasnet50.a1_in1k", ["'rasnet50.a1_in1k' is not known to timm", "resnet50"]),
    ],
)
def test_names_that_mean_no_weights(home: Path, name: str, words: list[str]) -> None:
    message = refused(timm=name)
    assert all(word in message for word in words), message


def test_a_folder_that_timm_saved(tmp_path: Path) -> None:
    net = random_net("test_vit", num_classes=7)
    folder = timm_folder(tmp_path / "saved", "test_vit", net, mean=HALF[0], std=HALF[1], label_names=list("abcdefg"))
    classifier, brought = arrived(tmp_path, 7, timm=f"local-dir:{folder}")
    assert (brought["classes"], brought["channels"], brought["labels"]) == (7, 3, list("abcdefg"))
    torch.testing.assert_close(classifier(X), normalised(net, *HALF, 160))
    (folder / "model.safetensors").unlink()
    assert "the folder holds no weights" in refused(timm=f"local-dir:{folder}")
    (folder / "config.json").write_text("{")
    assert "config.json' cannot be read" in refused(timm=f"local-dir:{folder}")


def test_images_that_are_not_square_are_refused(tmp_path: Path) -> None:
    folder = timm_folder(tmp_path / "saved", "test_resnet", random_net("test_resnet", num_classes=7))
    config = json.loads((folder / "config.json").read_text())
    config["pretrained_cfg"]["input_size"] = [3, 256, 128]
    (folder / "config.json").write_text(json.dumps(config))
    assert "takes images of 256 x 128 pixels" in refused(timm=f"local-dir:{folder}")


def test_config_files_of_older_versions_of_timm(tmp_path: Path) -> None:
    folder = timm_folder(tmp_path / "saved", "test_resnet", random_net("test_resnet", num_classes=2))
    config = json.loads((folder / "config.json").read_text())
    old = {**config["pretrained_cfg"], "architecture": "test_resnet", "labels": ["a", "b"], "num_classes": 2}
    (folder / "config.json").write_text(json.dumps(old))
    stated = timm_hub.stated(f"local-dir:{folder}")
    assert (stated.architecture, stated.config["label_names"]) == ("test_resnet", ["a", "b"])
    assert (stated.config["num_classes"], stated.config["input_size"]) == (2, (3, 160, 160))
    made_with = {"img_size": 96, "in_chans": 1, "drop_rate": 0.5}
    (folder / "config.json").write_text(json.dumps({**config, "model_args": made_with}))
    stated = timm_hub.stated(f"local-dir:{folder}")
    assert stated.config["input_size"] == (1, 96, 96) and stated.arguments == {"drop_rate": 0.5}
    for content in ("[1]", '{"pretrained_cfg": {}}'):
        (folder / "config.json").write_text(content)
        assert "config.json' cannot be read" in refused(timm=f"local-dir:{folder}")


def test_a_model_of_somebody_on_the_hub(tmp_path: Path, home: Path) -> None:
    net = random_net("test_byobnet", num_classes=7)
    folder = timm_folder(tmp_path / "saved", "test_byobnet", net)
    cache(home, "some-body/net", {path.name: path.read_bytes() for path in folder.iterdir()})
    classifier, brought = arrived(tmp_path, 7, timm="hf-hub:some-body/net", input_size=64)
    assert brought["architecture"] == "test_byobnet"
    stated = json.loads((folder / "config.json").read_text())["pretrained_cfg"]
    torch.testing.assert_close(classifier(X), normalised(net, stated["mean"], stated["std"]))


def test_position_embeddings_follow_the_input_size(tmp_path: Path) -> None:
    net = random_net("test_vit", num_classes=7)
    folder = timm_folder(tmp_path / "saved", "test_vit", net)
    classifier, _ = arrived(tmp_path, 7, timm=f"local-dir:{folder}", input_size=64)
    assert classifier.net.pos_embed.shape[1] == 4 * 4 + 1 < net.pos_embed.shape[1]
    # All else is as it was saved.
    torch.testing.assert_close(classifier.net.head.weight, net.head.weight)
    assert classifier(X).isfinite().all()


def test_weights_that_do_not_fit_the_tag(tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    torch.save(random_net("test_resnet", num_classes=7).state_dict(), path)
    assert "are for 7 classes, the study has 1000" in refused(timm="test_resnet.r160_in1k", weights=str(path))
    message = refused(timm="test_vit.r160_in1k", weights=str(path))
    assert "keys are missing" in message and "unexpected" in message


# MadryLab


@pytest.mark.parametrize("dummy", [False, True])
def test_a_released_robust_checkpoint_from_a_file(tmp_path: Path, dummy: bool) -> None:
    net = random_net("torchvision:resnet18")
    path = madrylab(tmp_path / "resnet18_l2_eps3.ckpt", net, dummy=dummy)
    classifier, brought = arrived(tmp_path, 1000, madrylab="resnet18_l2_eps3", weights=str(path))
    assert brought["architecture"] == "torchvision:resnet18"
    assert brought["mean"] == pytest.approx(IMAGENET[0]) and brought["std"] == pytest.approx(IMAGENET[1])
    assert safetensors.torch.load_file(tmp_path / "m.safetensors").keys() == net.state_dict().keys()
    torch.testing.assert_close(classifier(X), normalised(net, *IMAGENET, 224))


def test_a_released_robust_checkpoint_by_its_name(tmp_path: Path, home: Path) -> None:
    net = random_net("torchvision:mnasnet1_0")
    path = madrylab(tmp_path / "x.ckpt", net, dummy=True)
    cache(home, "madrylab/robust-imagenet-models", {"mnasnet_l2_eps3.ckpt": path.read_bytes()})
    classifier, _ = arrived(tmp_path, 1000, madrylab="mnasnet_l2_eps3")
    torch.testing.assert_close(classifier(X), normalised(net, *IMAGENET, 224))


def test_the_training_that_its_name_states() -> None:
    config = check(
        {
            "images": COLOUR,
            "models": {name: {"madrylab": name} for name in ("resnet18_l2_eps0", "resnet50_linf_eps4.0")}
            | {"own": {"madrylab": "resnet18_l2_eps3", "trained": {"training": "x"}}},
        }
    )
    trained = {name: model_entry(config, name)["trained"] for name in config["models"]}
    assert trained["resnet18_l2_eps0"] == {"training": "standard", "norm": None, "eps": 0.0, "seed": 0}
    assert trained["resnet50_linf_eps4.0"]["norm"] == "linf"
    assert trained["resnet50_linf_eps4.0"]["eps"] == pytest.approx(4 / 255)
    assert trained["own"]["training"] == "x"
    with pytest.raises(BadInput, match="must be a name such as resnet18_l2_eps3"):
        check({"images": COLOUR, "models": {"m": {"madrylab": "resnet18_eps3"}}})


# Pickles


def test_a_pickle_is_trusted_by_its_hash_alone(tmp_path: Path) -> None:
    net = random_net("torchvision:resnet18")
    path = madrylab(tmp_path / "x.ckpt", net, opaque=True)
    message = refused(madrylab="resnet18_l2_eps3", weights=str(path))
    assert f"`trust_pickle: {sha(path)}`" in message and "run code of the file" in message
    other = "0" * 64
    message = refused(madrylab="resnet18_l2_eps3", weights=str(path), trust_pickle=other)
    assert f"allows the file {other}" in message and sha(path) in message
    trusted = {"weights": str(path), "trust_pickle": sha(path)}
    classifier, _ = arrived(tmp_path, 1000, madrylab="resnet18_l2_eps3", **trusted)
    torch.testing.assert_close(classifier(X), normalised(net, *IMAGENET, 224))


class Gone:
    """A class that the file's authors had and the user has not."""

    def __init__(self) -> None:
        self.lr = 0.1


def test_a_trusted_pickle_of_classes_that_are_not_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.pth.tar"
    monkeypatch.setattr(Gone, "__module__", "their_code")
    import types

    monkeypatch.setitem(sys.modules, "their_code", types.SimpleNamespace(Gone=Gone))
    torch.save({"state_dict": random_net("test_resnet").state_dict(), "args": Gone()}, path)
    monkeypatch.delitem(sys.modules, "their_code")
    plain = {"architecture": "test_resnet", "weights": str(path)}
    assert "their_code.Gone" in refused(**plain)
    assert "needs the module 'their_code'" in refused(**plain, trust_pickle=sha(path))


def test_another_file_than_the_one_that_is_meant(tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    torch.save(random_net("test_resnet").state_dict(), path)
    message = refused(architecture="test_resnet", weights=str(path), sha256="0" * 64)
    assert f"has SHA-256 {sha(path)}, but config asks for {'0' * 64}" in message


# RobustBench


@pytest.mark.usefixtures("no_robustbench")
def test_robustbench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    net = random_net("test_resnet", num_classes=10)
    monkeypatch.syspath_prepend(robustbench_package(tmp_path / "packages", net))
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "torch"))
    given = {"robustbench": "Someone2020Robust", "dataset": "cifar10", "threat_model": "Linf"}
    expected = normalised(net, [0.5] * 3, [0.25] * 3, 32)
    classifier, brought = arrived(tmp_path, 10, **given)
    torch.testing.assert_close(classifier(X), expected)
    file = tmp_path / "torch/robustbench/cifar10/Linf/Someone2020Robust.pt"
    assert brought["sha256"] == sha(file)
    assert "but config asks for 0000" in refused(**given, sha256="0" * 64)
    # The file alone: its keys lack the prefix of the wrapper that normalises.
    torch.save({f"module.net.{key}": value for key, value in net.state_dict().items()}, tmp_path / "own.pt")
    classifier, _ = arrived(tmp_path, 10, **given, weights=str(tmp_path / "own.pt"))
    torch.testing.assert_close(classifier(X), expected)
    assert "there are Someone2020Robust" in refused(**{**given, "robustbench": "Someone2020Robst"})
    assert "no models of imagenet under Linf" in refused(**{**given, "dataset": "imagenet"})


def test_without_robustbench(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "robustbench", None)
    monkeypatch.setitem(sys.modules, "robustbench.model_zoo", None)
    message = refused(robustbench="Standard", dataset="cifar10", threat_model="Linf")
    assert "need its package" in message and "pip install" in message


# A user's own function

BUILDER = """
from torch import nn
from neighbour import WIDTH

class Net(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.model = nn.Sequential(nn.Conv2d(3, WIDTH, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.model.append(nn.Linear(WIDTH, classes))

    def forward(self, x):
        return self.model(x)

def build(classes=5):
    return Net(classes)

def wrong():
    return 3

def broken():
    raise KeyError("oh")
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "nets.py").write_text(BUILDER)
    (folder / "neighbour.py").write_text("WIDTH = 4\n")
    monkeypatch.chdir(folder)
    monkeypatch.delitem(sys.modules, "nets", raising=False)
    monkeypatch.delitem(sys.modules, "neighbour", raising=False)
    return folder


@pytest.mark.parametrize("place", ["nets.py:build", "nets:build"])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_a_function_of_the_users(tmp_path: Path, own: Path, place: str, prefix: str) -> None:
    from kindred.models import builders

    net = builders.build("python:nets.py:build", {"classes": 6}).eval()
    torch.save({prefix + key: value for key, value in net.state_dict().items()}, own / "x.pt")
    given = {"python": place, "arguments": {"classes": 6}, "weights": "x.pt", "value_range": [-1, 1]}
    classifier, brought = arrived(tmp_path, 6, **given)
    assert brought["architecture"] == f"python:{place}"
    torch.testing.assert_close(classifier(X), net(X * 2 - 1))


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("nowhere.py:build", "'nowhere.py' does not exist"),
        ("no.such.module:build", "cannot be imported: ModuleNotFoundError"),
        ("nets.py:bild", "'bild' does not exist in 'nets.py'"),
        ("nets.py:WIDTH", "'WIDTH' is not a function"),
        ("nets.py:wrong", "returned a int, but must return a torch.nn.Module"),
        ("nets.py:broken", "raised KeyError: 'oh'"),
    ],
)
def test_functions_that_give_no_network(own: Path, place: str, words: str) -> None:
    torch.save({"a": torch.ones(1)}, own / "x.pt")
    assert words in refused(python=place, weights="x.pt")


def test_weights_that_are_not_the_functions(own: Path) -> None:
    torch.save({"a": torch.ones(1)}, own / "x.pt")
    assert "do not fit architecture 'nets.py:build': 4 of 4 keys are missing" in refused(
        python="nets.py:build", weights="x.pt"
    )


@pytest.mark.parametrize("suffix", ["pt", "pth", "th", "ckpt", "bin", "pth.tar", "safetensors"])
def test_files_of_every_usual_name(tmp_path: Path, suffix: str) -> None:
    net = random_net("test_resnet", num_classes=7)
    path = tmp_path / f"x.{suffix}"
    if suffix == "safetensors":
        safetensors.torch.save_file(net.state_dict(), path)
    else:
        torch.save({"model_state": net.state_dict()}, path)
    classifier, _ = arrived(tmp_path, 7, architecture="test_resnet", weights=str(path))
    torch.testing.assert_close(classifier(X), normalised(net, [0.5] * 3, [0.25] * 3))
