"""Files as each ecosystem saves them: hub caches, folders of timm, released robust checkpoints, small datasets."""

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from kindred.models import architectures
from torch import nn

timm = architectures.timm


def random_net(name: str, seed: int = 0, **arguments: Any) -> nn.Module:
    """timm's or torchvision's network with random weights; statistics of batch normalisation are random, too."""
    torch.manual_seed(seed)
    if name.startswith(architectures.TORCHVISION):
        from torchvision import models

        net = models.get_model(name.removeprefix(architectures.TORCHVISION), weights=None, **arguments)
    else:
        net = timm.create_model(name, pretrained=False, **arguments)
    for key, value in net.state_dict().items():
        if key.endswith("running_mean"):
            value.normal_(0, 0.1)
    return net.eval()


def cache(home: Path, repository: str, files: dict[str, bytes]) -> None:
    """A repository in the hub's cache as its client lays it out: blobs by hash, links in a snapshot, a ref."""
    folder = home / "hub" / f"models--{repository.replace('/', '--')}"
    commit = hashlib.sha1(repository.encode()).hexdigest()
    snapshot = folder / "snapshots" / commit
    snapshot.mkdir(parents=True)
    (folder / "blobs").mkdir(exist_ok=True)
    (folder / "refs").mkdir(exist_ok=True)
    (folder / "refs" / "main").write_text(commit)
    for name, content in files.items():
        digest = hashlib.sha256(content).hexdigest()
        (folder / "blobs" / digest).write_bytes(content)
        (snapshot / name).symlink_to(Path("../../blobs") / digest)


def timm_folder(folder: Path, name: str, net: nn.Module, **overrides: Any) -> Path:
    """What timm saves of a model for the hub: config.json and model.safetensors."""
    timm.models.save_for_hf(net, str(folder), safe_serialization=True)
    if overrides:
        path = folder / "config.json"
        config = json.loads(path.read_text())
        config["pretrained_cfg"].update(overrides)
        path.write_text(json.dumps(config))
    return folder


def madrylab(path: Path, net: nn.Module, *, dummy: bool = False, opaque: bool = False) -> Path:
    """A checkpoint as the `robustness` library saves it, with dill: every weight twice, a normaliser beside each.

    dummy: the network is in one more wrapper, as torchvision's classes are there; opaque: something beside the
    weights that only a full unpickling can read.
    """
    import dill

    inner = "model." if dummy else ""
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    state = {}
    for key, value in net.state_dict().items():
        state[f"module.model.{inner}{key}"] = value
        state[f"module.attacker.model.{inner}{key}"] = value
    state["module.normalizer.new_mean"] = mean[:, None, None]
    state["module.normalizer.new_std"] = std[:, None, None]
    state["module.attacker.normalize.new_mean"] = mean[:, None, None]
    state["module.attacker.normalize.new_std"] = std[:, None, None]
    content = {"model": state, "optimizer": {"lr": 0.1}, "epoch": 90, "nat_prec1": torch.tensor(69.8)}
    if opaque:
        content["schedule"] = eval("lambda epoch: 0.1 ** epoch")
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(content, path, pickle_module=dill)
    return path


ROBUSTBENCH = {
    "__init__.py": "",
    "model_zoo/__init__.py": """
import torch
from torch import nn
from timm.models import create_model


class Zoo(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = create_model("test_resnet", num_classes=CLASSES)

    def forward(self, x):
        return self.net((x - 0.5) / 0.25)


model_dicts = {"cifar10": {"Linf": {"Someone2020Robust": {"model": Zoo, "gdrive_id": "x"}}}}
""",
    "model_zoo/enums.py": "BenchmarkDataset = ThreatModel = str\n",
    "utils.py": """
from pathlib import Path
import torch
from robustbench.model_zoo import Zoo


def load_model(model_name, model_dir, dataset, threat_model):
    net = Zoo()
    net.net.load_state_dict(torch.load(Path(__file__).with_name("download.pt"), weights_only=True))
    folder = Path(model_dir) / dataset / threat_model
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(net.net.state_dict(), folder / f"{model_name}.pt")
    return net.eval()
""",
}


def robustbench_package(folder: Path, net: nn.Module, classes: int = 10) -> Path:
    """A package with the names of RobustBench that are used here, to be put on the path; `net` is what it downloads."""
    for name, text in ROBUSTBENCH.items():
        path = folder / "robustbench" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("CLASSES", str(classes)))
    torch.save(net.state_dict(), folder / "robustbench" / "download.pt")
    return folder
