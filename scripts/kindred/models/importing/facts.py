"""Meaning of a model's entry in the config: network, normalisation, labels and files, by its source. No torch here."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kindred.models import neighbours
from kindred.models.importing import sharded, timm_names

Entry = Mapping[str, Any]

# Keys that do not decide the weights: layers, preparation of the input, labels, and checks.
LATER = ("layers", "output", "mean", "std", "value_range", "trained", "accuracy", "classes")
# The file of the weights, which counts by its content, and what the user states about it.
PATHS = ("weights", "sha256", "trust_pickle")
# Networks of the released robust ImageNet checkpoints (Salman et al. 2020), by the first part of their names.
MADRYLAB = {
    "resnet18": "torchvision:resnet18",
    "resnet50": "torchvision:resnet50",
    "wide_resnet50_2": "torchvision:wide_resnet50_2",
    "wide_resnet50_4": "kindred_wide_resnet50_4",
    "densenet": "torchvision:densenet161",
    "mnasnet": "torchvision:mnasnet1_0",
    "mobilenet": "torchvision:mobilenet_v2",
    "resnext50_32x4d": "torchvision:resnext50_32x4d",
    "shufflenet": "torchvision:shufflenet_v2_x1_0",
    "vgg16_bn": "torchvision:vgg16_bn",
}
_MADRYLAB_NAME = re.compile(r"(.+)_(l2|linf)_eps(\d+(?:\.\d+)?)")


class Facts:
    """Facts of an entry of a model that is trained here, or is a file of weights for a named architecture."""

    sized = False  # whether the weights that are kept depend on the input size

    def __init__(self, entry: Entry) -> None:
        self.entry = entry

    @property
    def architecture(self) -> str:
        """The name by which `architectures.build` knows the network; of timm's without the tag.

        Names behind hf-hub: and local-dir: stay as they are: their architecture is known when their files are there.
        """
        return self.entry["architecture"]

    @property
    def arguments(self) -> dict[str, Any]:
        """Keyword arguments of the architecture."""
        return dict(self.entry.get("arguments") or {})

    def inputs(self, images: Mapping[str, Any]) -> dict[str, Any]:
        """mean, std and input_size where the entry gives none; None where the source states them later."""
        return {"mean": images["mean"], "std": images["std"], "input_size": images["size"]}

    @property
    def trained(self) -> dict[str, Any]:
        """Labels of the training: training, norm, eps, seed."""
        return dict(self.entry["trained"])

    @property
    def files(self) -> list[str]:
        """Files on this machine that the model is read from: weights first, then code and descriptions."""
        weights = self.entry["weights"]
        shards = sharded.there(Path(weights)) if weights and weights.endswith(sharded.ENDING) else []
        return [weights, *map(str, shards)] if weights else []

    def filled(self, images: Mapping[str, Any]) -> dict[str, Any]:
        """The entry of an imported model with architecture, arguments, normalisation, input size and training.

        images: settings of the images, whose normalisation and size hold for a model that has none of its own. mean,
        std and input_size are None where timm states them, which is known when the weights are there.
        """
        known = self.inputs(images)
        if self.entry.get("value_range"):
            low, high = self.entry["value_range"]
            channels, width = len(images["mean"]), high - low
            known |= {"mean": [0.0 - low / width] * channels, "std": [1 / width] * channels}
        own = {key: self.entry[key] for key in known if self.entry.get(key) is not None}
        derived = {"architecture": self.architecture, "arguments": self.arguments, "trained": self.trained}
        return {**self.entry, **known, **own, **derived}

    @property
    def deciding(self) -> dict[str, Any]:
        """The part of an entry that decides the weights, beside the content of the files they are read from."""
        unused = (*LATER, *PATHS, *(() if self.sized else ("input_size",)))
        own = {key: value for key, value in self.entry.items() if key not in unused}
        return {**own, "architecture": self.architecture}


class TimmFacts(Facts):
    """A model of timm, whose weights follow the input size where they hold position embeddings."""

    sized = True

    @property
    def architecture(self) -> str:
        name = self.entry["timm"]
        return name if name.startswith((timm_names.HUB, timm_names.FOLDER)) else name.partition(".")[0]

    def inputs(self, images: Mapping[str, Any]) -> dict[str, Any]:
        return dict.fromkeys(("mean", "std", "input_size"))

    @property
    def files(self) -> list[str]:
        if not self.entry["timm"].startswith(timm_names.FOLDER):
            return super().files
        folder = Path(self.entry["timm"].removeprefix(timm_names.FOLDER))
        found = timm_names.weights_among([path.name for path in folder.glob("*")])
        return [self.entry["weights"] or str(folder / found), str(folder / "config.json")]


class MadryLabFacts(Facts):
    """A released robust ImageNet checkpoint, whose name states its network and its training."""

    @property
    def architecture(self) -> str:
        return MADRYLAB[parsed(self.entry["madrylab"])[0]]

    def inputs(self, images: Mapping[str, Any]) -> dict[str, Any]:
        return {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225], "input_size": 224}

    @property
    def trained(self) -> dict[str, Any]:
        if self.entry["trained"] is not None:
            return dict(self.entry["trained"])
        _, norm, eps = parsed(self.entry["madrylab"])
        return {"training": norm if eps else "standard", "norm": norm if eps else None, "eps": eps, "seed": 0}


class RobustBenchFacts(Facts):
    """A model of RobustBench's zoo, which normalises by itself."""

    @property
    def architecture(self) -> str:
        return f"robustbench:{self.entry['robustbench']}"

    @property
    def arguments(self) -> dict[str, Any]:
        return {key: self.entry[key] for key in ("dataset", "threat_model")}

    def inputs(self, images: Mapping[str, Any]) -> dict[str, Any]:
        channels, size = len(images["mean"]), 224 if self.entry["dataset"] == "imagenet" else 32
        return {"mean": [0.0] * channels, "std": [1.0] * channels, "input_size": size}


class PythonFacts(Facts):
    """A network that a function of the user's builds."""

    @property
    def architecture(self) -> str:
        return f"python:{self.entry['python']}"

    @property
    def files(self) -> list[str]:
        code = self.entry["python"].rpartition(":")[0]
        return [*super().files, *(map(str, neighbours.files(Path(code))) if code.endswith(".py") else [])]


def parsed(name: str) -> tuple[str, str, float]:
    """(network, norm, eps in pixels) of a released robust checkpoint; ('', '', 0) for another name."""
    match = _MADRYLAB_NAME.fullmatch(name)
    if not match or match[1] not in MADRYLAB:
        return "", "", 0.0
    eps = float(match[3])
    return match[1], match[2], eps / 255 if match[2] == "linf" else eps
