"""Bad models, images and configs: each ends its script with one message and status 1, and leaves nothing.

The scripts are run as Snakemake runs them, but in this process: thirty starts of Python would take minutes.
"""

import json
import pickle
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from hubs import madrylab, random_net, timm_folder
from kindred.config.entries import model_entry
from kindred.config.reading import check
from kindred.images import images
from kindred.images.catalogue import SOURCES as IMAGE_SOURCES
from kindred.images.catalogue import TRAINING_KEYS
from kindred.images.images import Images
from kindred.models.catalogue import SOURCES as MODEL_SOURCES
from kindred.models.catalogue import facts_of, source_of
from kindred.models.importing import checkpoint
from kindred.workflow.errors import BadInput
from PIL import Image

from scripts import Place, run

COLOUR = {"mean": [0.5] * 3, "std": [0.25] * 3, "size": 32, "evaluation": 10}
NET = random_net("test_resnet", num_classes=4)
STATE = NET.state_dict()


def fails(script: str, place: Place, capsys: pytest.CaptureFixture[str]) -> str:
    """The message that a script ends with."""
    with pytest.raises(SystemExit) as ended:
        run(script, place)
    assert ended.value.code == 1
    *warned, message = (line for line in capsys.readouterr().err.splitlines() if line)
    assert message.startswith("kindred: ") and all(line.startswith("kindred: ") for line in warned), message
    assert "Traceback" not in Path(place.log[0]).read_text()
    assert message.removeprefix("kindred: ") in Path(place.log[0]).read_text()
    return message


def save(path: Path, content: Any) -> str:
    torch.save(content, path)
    return str(path)


class Strange:
    def __reduce__(self) -> tuple[Any, ...]:
        return (print, ("run",))


# Bad models, as their file or their source shows: {name: (how the entry is made, words of the message)}.
Entry = Callable[[Path], dict[str, Any]]


def plain(content: Any, name: str = "x.pth") -> Entry:
    return lambda folder: {"architecture": "test_resnet", "weights": save(folder / name, content)}


def bytes_of(content: bytes, name: str) -> Entry:
    def made(folder: Path) -> dict[str, Any]:
        (folder / name).write_bytes(content)
        return {"architecture": "test_resnet", "weights": str(folder / name)}

    return made


def python(text: str) -> Entry:
    def made(folder: Path) -> dict[str, Any]:
        (folder / "nets.py").write_text(text)
        return {"python": f"{folder / 'nets.py'}:build", "weights": save(folder / "x.pth", STATE)}

    return made


def untrusted(folder: Path) -> dict[str, Any]:
    path = madrylab(folder / "x.ckpt", NET, opaque=True)
    return {"madrylab": "resnet18_l2_eps3", "weights": str(path)}


def folder_of_timm(folder: Path, **changes: Any) -> dict[str, Any]:
    path = timm_folder(folder / "saved", "test_resnet", NET) / "config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps({**config, **changes}))
    return {"timm": f"local-dir:{path.parent}"}


MODELS: dict[str, tuple[Entry, str]] = {
    "a file that is not there": (
        lambda folder: {"architecture": "test_resnet", "weights": str(folder / "no.pt")},
        "no.pt' do not exist",
    ),
    "a folder for a file": (
        lambda folder: {
            "architecture": "test_resnet",
            "weights": str(Path(folder / "d.pt").mkdir() or folder / "d.pt"),
        },
        "d.pt' are not a file",
    ),
    "an empty file": (bytes_of(b"", "x.pt"), "are damaged or no torch file"),
    "a web page": (bytes_of(b"<html>404</html>", "x.pt"), "are a web page, such as a hub's notice, and no weights"),
    "half a safetensors file": (
        bytes_of(safetensors.torch.save(STATE)[:5000], "x.safetensors"),
        "are damaged or no safetensors file",
    ),
    "a pickle that runs code": (
        plain({"state_dict": STATE, "x": Strange()}),
        "reading that would run code of the file",
    ),
    "a whole module": (plain(NET), "hold the class or function"),
    "a pickle that dill wrote": (untrusted, "`trust_pickle: "),
    "another pickle than the trusted one": (
        lambda folder: {**untrusted(folder), "trust_pickle": "0" * 64},
        f"trust_pickle allows the file {'0' * 64}",
    ),
    "another file than the one that is meant": (
        lambda folder: {**plain(STATE)(folder), "sha256": "0" * 64},
        "but config asks for 0000",
    ),
    "no weights in it": (plain({"epoch": 3, "lr": 0.1}), "hold no state dict, neither bare nor under state_dict"),
    "a plain pickle": (bytes_of(pickle.dumps({"a": 1}), "x.pt"), "are damaged or no torch file"),
    "a tag that is none": (lambda folder: {"timm": "test_resnet.r16_in1k"}, "is not a tag of 'test_resnet'"),
    "a name without a tag": (lambda folder: {"timm": "test_resnet"}, "'test_resnet' has no tag"),
    "a name that timm does not have": (lambda folder: {"timm": "tset_resnet.r160_in1k"}, "is not known to timm"),
    "a tag with a file of another network": (
        lambda folder: {"timm": "test_vit.r160_in1k", "weights": save(folder / "x.pth", STATE)},
        "keys are missing",
    ),
    "a folder of another architecture": (
        lambda folder: folder_of_timm(folder, architecture="nothing_known"),
        "'nothing_known' is not known to timm",
    ),
    "a folder without weights": (
        lambda folder: (folder_of_timm(folder), (folder / "saved/model.safetensors").unlink())[0],
        "the folder holds no weights",
    ),
    "Python that does not parse": (python("def build(:\n"), "cannot be imported: SyntaxError"),
    "Python without the function": (python("x = 1\n"), "'build' does not exist"),
    "a function that raises": (python("def build():\n    return 1 / 0\n"), "raised ZeroDivisionError"),
    "a function that returns no module": (python("def build():\n    return 3\n"), "returned a int"),
    "RobustBench that is not installed": (
        lambda folder: {"robustbench": "Standard", "dataset": "cifar10", "threat_model": "Linf"},
        "need its package",
    ),
}


def asked(entry: dict[str, Any]) -> dict[str, Any]:
    """Params of the conversion of a checked entry."""
    return {"entry": facts_of(entry).deciding, "module": MODEL_SOURCES[source_of(entry)].module}


@pytest.mark.parametrize("case", MODELS)
def test_a_bad_checkpoint(case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made, words = MODELS[case]
    entry = made(tmp_path)
    config = check({"images": {**COLOUR, "source": "folder", "folder": "x"}, "models": {"m": entry}})
    outputs = {"weights": "m.safetensors", "description": "m.json"}
    place = Place(tmp_path, outputs, {}, config, **asked(config["models"]["m"]))
    assert words in fails("convert_checkpoint", place, capsys)
    assert not list(tmp_path.glob("m.*"))


# Bad models, as they show when they meet the images.

NATURAL = Images(
    np.random.default_rng(0).random((40, 3, 32, 32), dtype=np.float32),
    np.arange(40) % 4,
    [f"some/{at}" for at in range(40)],
    ["cat", "cow", "dog", "eel"],
)


def resnet(**changes: Any) -> Entry:
    state = {key: changes.get(key.replace(".", "_"), value) for key, value in STATE.items()}
    return plain(state)


TWICE = """
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(3072, 4)

    def forward(self, x):
        return self.fc(x.flatten(1)), x


def build():
    return Net()
"""

MEETINGS: dict[str, tuple[Entry, str]] = {
    "other classes": (
        plain(random_net("test_resnet", num_classes=7).state_dict()),
        "are for 7 classes, the study has 4",
    ),
    "keys of another network": (plain(random_net("test_vit", num_classes=4).state_dict()), "do not fit architecture"),
    "other classes, as its source says": (
        lambda folder: {
            "timm": "test_resnet.r160_in1k",
            "weights": save(folder / "x.pth", random_net("test_resnet").state_dict()),
        },
        "distinguishes 1000 classes, the images have 4",
    ),
    "weights that are not numbers": (
        resnet(fc_bias=torch.full((4,), torch.nan)),
        "4 of 4 numbers in 'fc.bias' are not finite",
    ),
    "outputs that are not numbers": (resnet(fc_weight=STATE["fc.weight"].sign() * 3e38), "returns NaN or infinity"),
    "classes in another order": (
        lambda folder: {**plain(STATE)(folder), "classes": ["cat", "dog", "cow", "eel"]},
        "number 1 is 'dog' for the model and 'cow' for the images",
    ),
    "classes of another name": (
        lambda folder: {**plain(STATE)(folder), "classes": ["cat", "cow", "dog", "fox"]},
        "'eel' is among one of them only",
    ),
    "another accuracy": (
        lambda folder: {**plain(STATE)(folder), "accuracy": {"expected": 0.99, "tolerance": 0.01}},
        "models.m.accuracy expects 0.99 within 0.01",
    ),
    "another normalisation than its file has": (
        lambda folder: {
            "architecture": "torchvision:resnet18",
            "weights": str(madrylab(folder / "x.ckpt", random_net("torchvision:resnet18", num_classes=4))),
        },
        "but its file has mean [0.485, 0.456, 0.406]",
    ),
    "a function that answers twice": (
        lambda folder: {
            **python(TWICE)(folder),
            "weights": save(folder / "y.pth", {"fc.weight": torch.ones(4, 3072), "fc.bias": torch.zeros(4)}),
        },
        "returns a tuple, but must return one tensor of logits",
    ),
    "a network for another size": (
        lambda folder: {
            **python(TWICE)(folder),
            "weights": save(folder / "y.pth", {"fc.weight": torch.ones(4, 3072), "fc.bias": torch.zeros(4)}),
            "input_size": 48,
        },
        "does not take images of 3 channels and 48 x 48 pixels: RuntimeError: mat1 and mat2",
    ),
    "a function that answers too much": (
        lambda folder: {
            **python(
                "from torch import nn\ndef build():\n    return nn.Sequential(nn.Flatten(), nn.Linear(3072, 5))\n"
            )(folder),
            "weights": save(folder / "y.pth", {"1.weight": torch.ones(5, 3072), "1.bias": torch.zeros(5)}),
        },
        "returns 5 for each image, but the images have 4 classes",
    ),
}


@pytest.mark.parametrize("case", MEETINGS)
def test_a_bad_meeting(case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made, words = MEETINGS[case]
    config = check({"images": {**COLOUR, "source": "folder", "folder": "x"}, "models": {"m": made(tmp_path)}})
    brought = [str(tmp_path / "c.safetensors"), str(tmp_path / "c.json")]
    entry = config["models"]["m"]
    bring = import_module(MODEL_SOURCES[source_of(entry)].module).bring
    checkpoint.write(*brought, bring({**entry, **facts_of(entry).deciding}))
    images.write(tmp_path / "natural.zarr", NATURAL, {})
    given = {"weights": brought[0], "description": brought[1], "natural": str(tmp_path / "natural.zarr")}
    outputs = {"weights": "m.safetensors", "description": "m.json"}
    settings = {key: config["images"][key] for key in ("size", "mean", "std")}
    place = Place(tmp_path, outputs, given, config, entry=model_entry(config, "m"), images=settings)
    assert words in fails("import_checkpoint", place, capsys)
    assert not (tmp_path / "m.json").exists()


# Bad images


def photographs(folder: Path, classes: int = 3) -> Path:
    for name in range(classes):
        for at in range(5):
            path = folder / "val" / f"n{name}" / f"{at}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (32, 32), (at * 40, 0, 0)).save(path)
    return folder / "val"


def arrays(x: np.ndarray, y: np.ndarray | None = None) -> Entry:
    def made(folder: Path) -> dict[str, Any]:
        np.savez(folder / "a.npz", x=x, y=np.arange(len(x)) % 4 if y is None else y)
        return {"source": "npz", "file": str(folder / "a.npz")}

    return made


def with_broken(folder: Path) -> dict[str, Any]:
    root = photographs(folder)
    for at in range(3):
        (root / "n0" / f"{at}.png").write_bytes(b"no image")
    return {"source": "folder", "folder": str(root), "evaluation": 12, "broken": 1}


def tabled(text: str) -> Entry:
    def made(folder: Path) -> dict[str, Any]:
        (folder / "labels.csv").write_text(text)
        return {"source": "table", "folder": str(photographs(folder) / "n0"), "labels": str(folder / "labels.csv")}

    return made


IMAGES: dict[str, tuple[Entry, str]] = {
    "no folder": (lambda folder: {"source": "folder", "folder": str(folder / "val")}, "val' does not exist"),
    "one class": (
        lambda folder: {"source": "folder", "folder": str(photographs(folder, 1))},
        "has 1 folders of classes",
    ),
    "an empty class": (
        lambda folder: {"source": "folder", "folder": str((photographs(folder) / "n9").mkdir() or folder / "val")},
        "the class 'n9' in",
    ),
    "too few": (
        lambda folder: {"source": "folder", "folder": str(photographs(folder)), "evaluation": 50},
        "images.evaluation is 50, but",
    ),
    "broken files": (with_broken, "cannot be read (n0/"),
    "classes that are not named": (
        lambda folder: {"source": "folder", "folder": str(photographs(folder)), "classes": "imagenet"},
        "has classes that images.classes does not name: n0, n1, n2",
    ),
    "a range of 0 to 255": (arrays(np.full((30, 32, 32, 3), 254.0)), "go from 254 to 254, but real numbers must be in"),
    "five channels": (arrays(np.zeros((30, 32, 32, 5), np.uint8)), "images have 1 or 3 channels"),
    "labels of another number": (arrays(np.zeros((30, 32, 32), np.uint8), np.arange(29)), "and y (29,)"),
    "labels below 0": (arrays(np.zeros((30, 32, 32), np.uint8), np.arange(30) - 1), "go from -1 to 28"),
    "no archive": (lambda folder: {"source": "npz", "file": str(folder / "a.npz")}, "is damaged or no .npz file"),
    "a table without files": (tabled("label\n3\n"), "but none for the files"),
    "a table of files that are not there": (
        tabled("file,label\n" + "".join(f"x{at}.png,{at % 2}\n" for at in range(20))),
        "cannot be read: [Errno 2] No such file",
    ),
    "a table of strange bytes": (
        lambda folder: (tabled("")(folder), (folder / "labels.csv").write_bytes(b"\xff\xfe\x00"))[0],
        "cannot be read",
    ),
    "no CIFAR": (
        lambda folder: {"source": "cifar10", "folder": str(folder), "choice": "random"},
        "does not hold cifar10",
    ),
    "no MNIST": (lambda folder: {"source": "idx", "folder": str(folder)}, "has no file t10k-images-idx3-ubyte"),
}


@pytest.mark.parametrize("case", IMAGES)
def test_bad_images(case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made, words = IMAGES[case]
    given = {**COLOUR, "channels": 3, **made(tmp_path)}
    config = check({"images": given, "models": {"m": {"architecture": "x", "weights": "x.pt"}}})
    settings = config["images"]
    alone = {key: value for key, value in settings.items() if key not in TRAINING_KEYS}
    module = IMAGE_SOURCES[settings["source"]].module
    place = Place(tmp_path, {"natural": "natural.zarr"}, {}, config, settings=alone, module=module)
    assert words in fails("select_evaluation_images", place, capsys)
    assert not (tmp_path / "natural.zarr").exists()


# Bad configs

A_MODEL = {"architecture": "test_resnet", "weights": "x.pt"}
CONFIGS: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "two sources": (
        {},
        {"timm": "a.b", "python": "c:d", "weights": "x.pt"},
        "models.m has timm 'a.b' and python 'c:d'",
    ),
    "trained here and elsewhere": ({}, {"training": "x", "timm": "a.b"}, "models.m has training 'x' and timm 'a.b'"),
    "an unknown key": (
        {},
        {"timm": "a.b", "architecture": "x"},
        "models.m.architecture is not a key of a model of timm",
    ),
    "a hash that is none": ({}, {**A_MODEL, "trust_pickle": "yes"}, "must be 64 lower-case hexadecimal digits"),
    "an accuracy in per cent": ({}, {**A_MODEL, "accuracy": {"expected": 69.8}}, "a number between 0 and 1"),
    "means up to 255": (
        {},
        {**A_MODEL, "mean": [123.7] * 3, "std": [58.4] * 3},
        "models.m.mean[0] is 123.7, but must be",
    ),
    "a range and means": (
        {},
        {**A_MODEL, "mean": [0.5] * 3, "std": [0.5] * 3, "value_range": [0, 255]},
        "and there is a value_range, but a model has one of them",
    ),
    "a range that falls": ({}, {**A_MODEL, "value_range": [255, 0]}, "but must rise"),
    "a release that is none": ({}, {"madrylab": "resnet34_l2_eps3"}, "must be a name such as resnet18_l2_eps3"),
    "no function": ({}, {"python": "nets.py", "weights": "x.pt"}, "must be path/to/file.py:function"),
    "colour models on grey images": (
        {"channels": 1, "mean": [0.5], "std": [0.5]},
        {"madrylab": "resnet18_l2_eps3"},
        "is a model of colour images, but those of folder have 1 channel",
    ),
    "a source without its file": (
        {"source": "npz", "folder": None},
        A_MODEL,
        "images has no file, which must be the path of a file",
    ),
    "a key of another source": ({"split": "test"}, A_MODEL, "images.split is not a key of images of the source folder"),
    "a source that is none": (
        {"source": "imagenet"},
        A_MODEL,
        "images.source is 'imagenet', but must be digits, folder",
    ),
    "two channels": ({"channels": 2}, A_MODEL, "images.channels is 2, but must be 1 or 3 or null"),
    "means of other channels": ({"mean": [0.5]}, A_MODEL, "images.mean is [0.5], but must hold 3 numbers"),
    "a crop of more than all": (
        {"crop": 1.5},
        A_MODEL,
        "images.crop is 1.5, but must be a number above 0 and at most 1",
    ),
    "nothing to train on": (
        {},
        {"architecture": "test_resnet", "training": "standard"},
        "images.training is missing, but the source folder needs it: models.m takes images to train on",
    ),
}


@pytest.mark.parametrize("case", CONFIGS)
def test_a_bad_config(case: str) -> None:
    own, entry, words = CONFIGS[case]
    trainings = {"standard": {"method": "standard", "epochs": 1}} if "training" in entry else {}
    given = {"images": {**COLOUR, "source": "folder", "folder": "x", **own}, "models": {"m": entry}}
    with pytest.raises(BadInput) as caught:
        check({**given, "trainings": trainings})
    assert words in str(caught.value)
