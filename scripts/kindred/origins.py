"""Where a model comes from, as its entry in a config says. No torch in here: a dry run imports this."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

# The keys of an entry that say where its model comes from. Without any of them it comes from a file of `weights`.
KEYS = ("training", "timm", "madrylab", "robustbench", "python")
HUB, FOLDER = "hf-hub:", "local-dir:"

# What the names of the released robust ImageNet checkpoints stand for (Salman et al. 2020).
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
MADRYLAB_NAME = re.compile(r"(.+)_(l2|linf)_eps(\d+(?:\.\d+)?)")
IMAGENET = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
ROBUSTBENCH_SIZE = {"cifar10": 32, "cifar100": 32, "imagenet": 224}
# What a folder that timm saved may hold its weights in, those that are preferred first.
FOLDER_WEIGHTS = ("model.safetensors", "pytorch_model.bin", "pytorch_model.pth", "model.pth")
# What an entry says that has no say in which weights its model has.
LATER = ("layers", "mean", "std", "value_range", "trained", "accuracy", "classes", "seed")
PATHS = (
    "weights",
    "sha256",
    "trust_pickle",
)  # which file it is, and what the user says of it: its content counts


def source(entry: Mapping[str, Any]) -> str:
    """`training`, `timm`, `madrylab`, `robustbench`, `python`, or `weights` for a file and a named architecture."""
    return next((key for key in KEYS if key in entry), "weights")


def architecture(entry: Mapping[str, Any]) -> str:
    """What builds the network: a name that `architectures.build` knows; of timm's without the tag, which says how it
    was trained. What is behind hf-hub: and local-dir: shows when it is there, so these are left as they are.
    """
    made = source(entry)
    if made == "timm":
        return bare(entry["timm"])
    if made == "madrylab":
        return MADRYLAB[parsed(entry["madrylab"])[0]]
    return f"{made}:{entry[made]}" if made in ("robustbench", "python") else entry["architecture"]


def parsed(name: str) -> tuple[str, str, float]:
    """(network, norm, eps in pixels) of a released robust checkpoint; ('', '', 0) for a name of another form."""
    match = MADRYLAB_NAME.fullmatch(name)
    if not match or match[1] not in MADRYLAB:
        return "", "", 0.0
    eps = float(match[3])
    return match[1], match[2], eps / 255 if match[2] == "linf" else eps


def filled(entry: Mapping[str, Any], images: Mapping[str, Any]) -> dict[str, Any]:
    """The entry of an imported model with its architecture and, where the source does not say them later, its
    normalisation, input size and training.

    images: the study's, whose normalisation and size a model takes that says nothing else. What is None in the
    answer is what timm states for the weights, which is known once they are there.
    """
    made = source(entry)
    known: dict[str, Any] = {key: images[key] for key in ("mean", "std")} | {"input_size": images["size"]}
    if made == "timm":
        known = dict.fromkeys(known)
    if made == "madrylab":
        known = {**IMAGENET, "input_size": 224}
    if made == "robustbench":  # its models normalise by themselves
        count = len(images["mean"])
        known = {
            "mean": [0.0] * count,
            "std": [1.0] * count,
            "input_size": ROBUSTBENCH_SIZE[entry["dataset"]],
        }
    if entry.get("value_range"):
        low, high = entry["value_range"]
        count, width = len(images["mean"]), high - low
        known |= {"mean": [0.0 - low / width] * count, "std": [1 / width] * count}
    given = {key: value for key, value in entry.items() if value is not None and key in known}
    answer = {**entry, **known, **given, "architecture": architecture(entry), "trained": _trained(entry)}
    if made == "robustbench":
        answer["arguments"] = {"dataset": entry["dataset"], "threat_model": entry["threat_model"]}
    return answer


def _trained(entry: Mapping[str, Any]) -> dict[str, Any]:
    if entry["trained"] is not None:
        return dict(entry["trained"])
    norm, eps = None, 0.0
    if source(entry) == "madrylab":
        _, norm, eps = parsed(entry["madrylab"])
    if not eps:
        return {"training": "standard", "norm": None, "eps": 0.0, "seed": 0}
    return {"training": norm, "norm": norm, "eps": eps, "seed": 0}


def fetched(entry: Mapping[str, Any]) -> dict[str, Any]:
    """What decides which weights a model has, beside the content of the files that it is read from."""
    own = {key: value for key, value in entry.items() if key not in (*LATER, *PATHS)}
    if source(entry) != "timm":  # timm fits position embeddings to the size when it loads
        own.pop("input_size", None)
    return own


def asked(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The part of an entry that the source is asked with."""
    return fetched(entry) | {key: entry[key] for key in PATHS if key in entry}


def files(entry: Mapping[str, Any]) -> list[str]:
    """The files on this machine that the model is read from: weights first, then code and descriptions."""
    found = [entry["weights"]] if entry.get("weights") else []
    if "python" in entry and (code := entry["python"].rpartition(":")[0]).endswith(".py"):
        found.append(code)
    if (name := entry.get("timm", "")).startswith(FOLDER):
        folder = Path(name.removeprefix(FOLDER))
        found += [str(folder / "config.json")]
        if not entry.get("weights"):
            found.insert(0, str(folder / folder_weights([each.name for each in folder.glob("*")])))
    return found


def folder_weights(names: Sequence[str]) -> str:
    """Which of a folder's files holds its weights; the preferred name where none does."""
    return next((name for name in FOLDER_WEIGHTS if name in names), FOLDER_WEIGHTS[0])


def bare(name: str) -> str:
    """timm's name without its tag."""
    return name if name.startswith((HUB, FOLDER)) else name.partition(".")[0]
