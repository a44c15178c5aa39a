"""Models of timm: its own by their tags, and those saved in its format on the hub or in a folder."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from kindred.models import architectures, classifiers
from kindred.models.architectures import timm
from kindred.models.importing import checkpoint, hub, naming
from kindred.models.importing.checkpoint import Checkpoint, Entry
from kindred.models.importing.timm_names import FOLDER, HUB, WEIGHTS, weights_among
from kindred.workflow.errors import BadInput, first_line, some
from kindred.workflow.job import log

SET_BY_STUDY = ("num_classes", "in_chans", "img_size", "pretrained", "checkpoint_path")  # arguments of networks
NEEDED = ("num_classes", "input_size", "mean", "std")
# Safetensors that repositories hold beside these files; of others ending in .bin the end is changed.
SAFE = {"pytorch_model.bin": "model.safetensors", "open_clip_pytorch_model.bin": "open_clip_model.safetensors"}


@dataclasses.dataclass(frozen=True)
class Stated:
    """A model as timm states it: its full name, the architecture and its arguments, and its configuration.

    config: timm's own (num_classes, input_size (channels, height, width), mean, std, label_names and more).
    """

    name: str
    architecture: str
    arguments: dict[str, Any]
    config: dict[str, Any]

    def network(self, arguments: Mapping[str, Any] | None) -> dict[str, Any]:
        """architecture, arguments (with an entry's own), input_size, mean and std: part of a `Checkpoint`.

        Raises BadInput for a model of images that are not square.
        """
        height, width = self.config["input_size"][-2:]
        if height != width:
            raise BadInput(
                f"timm '{self.name}' takes images of {height} x {width} pixels (height x width), and the images of a "
                "study are square: squashed ones are none that it was trained on."
            )
        return {
            "architecture": self.architecture,
            "arguments": {**self.arguments, **(arguments or {})},
            "input_size": width,
            "mean": tuple(self.config["mean"]),
            "std": tuple(self.config["std"]),
        }


def bring(entry: Entry) -> Checkpoint:
    """The weights of a tag, `hf-hub:` or `local-dir:` name, from there or a given file, fit to input_size."""
    model = stated(entry["timm"])
    network = model.network(entry["arguments"])
    network["input_size"] = entry["input_size"] or network["input_size"]
    file = Path(entry["weights"] or _weights(model))
    found = checkpoint.read(entry, file)
    state = _fitted(model, found.state, network["arguments"], network["input_size"], str(file))
    classes, channels = model.config["num_classes"], model.config["input_size"][0]
    labels = list(model.config.get("label_names") or []) or None
    return Checkpoint(state, file, found.key, **network, classes=classes, channels=channels, labels=labels)


def outline(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The network of an entry as timm states it, without its weights; empty for models of other sources."""
    return stated(entry["timm"]).network(entry.get("arguments")) if "timm" in entry else {}


def stated(name: str) -> Stated:
    """The model of a full tag, `hf-hub:org/name` or `local-dir:path` as timm states it.

    Raises BadInput for a name that is unknown, has no tag, or cannot be reached.
    """
    if name.startswith(HUB):
        repository = name.removeprefix(HUB)
        model = _read(name, hub.download(repository, "config.json"))
        return dataclasses.replace(model, config={**model.config, "hf_hub_id": repository})
    if name.startswith(FOLDER):
        return _read(name, Path(name.removeprefix(FOLDER)) / "config.json")
    architectures.check_name(name)
    bare, _, tag = name.partition(".")
    tags = timm.list_pretrained(f"{bare}.*")
    if not tag or (tags and name not in tags):
        named = f"'{name}' has no tag, and" if not tag else f"'{tag}' is not a tag of '{bare}':"
        there = f"timm {timm.__version__} has {some(tags)}" if tags else "timm has no weights for it at all"
        raise BadInput(f"timm {named} a name must include the tag of its weights; {there}")
    config = timm.get_pretrained_cfg(name)
    assert config, name  # a tag that is listed has one
    return Stated(name, bare, {}, config.to_dict())


def _read(name: str, file: Path) -> Stated:
    """The model of a config.json that timm saved; what it lacks is as timm states it of the architecture."""
    try:
        about = json.loads(file.read_text(encoding="utf-8"))
        architecture, arguments = about["architecture"], dict(about.get("model_args") or {})
        own = dict(about.get("pretrained_cfg", about))  # old files hold it at the top
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInput(
            f"timm '{name}': '{file}' cannot be read ({first_line(error)}); it must be one that timm saved"
        ) from error
    own |= {key: about[key] for key in ("num_classes", "label_names") if key in about}
    own.setdefault("label_names", own.get("labels"))
    architectures.check_name(architecture)
    defaults = timm.get_pretrained_cfg(architecture)
    config = {**(defaults.to_dict() if defaults else {}), **own}
    if lacking := [key for key in NEEDED if not config.get(key)]:
        raise BadInput(f"timm '{name}': its config.json lacks {' and '.join(lacking)}")
    # The arguments that the network was made with count; the pipeline hands over those of the study by itself.
    channels, *sides = config["input_size"]
    if size := arguments.get("img_size"):
        sides = [size, size] if isinstance(size, int) else list(size)
    config["input_size"] = (arguments.get("in_chans") or channels, *sides)
    kept = {key: value for key, value in arguments.items() if key not in SET_BY_STUDY}
    return Stated(name, architecture, kept, config)


def _weights(model: Stated) -> Path:
    """The file of weights of a model, from the folder, the cache or the hub."""
    if model.name.startswith(FOLDER):
        folder = Path(model.name.removeprefix(FOLDER))
        file = folder / weights_among([each.name for each in folder.glob("*")])
        if not file.is_file():
            raise BadInput(f"timm '{model.name}': the folder holds no weights ({', '.join(WEIGHTS)})")
        return file
    repository = model.config.get("hf_hub_id")
    if not repository:
        raise BadInput(f"timm '{model.name}' has no weights on the hub; give them as a file with the key weights")
    own = model.config.get("hf_hub_filename")
    if not own:
        return hub.download(repository, *WEIGHTS[:2])
    safe = SAFE.get(own) or (own.removesuffix(".bin") + ".safetensors" if own.endswith(".bin") else own)
    return hub.download(repository, *dict.fromkeys((safe, own)))


def _fitted(
    model: Stated, state: dict[str, Tensor], arguments: dict[str, Any], size: int, origin: str
) -> dict[str, Tensor]:
    """Weights by the names and in the shapes of timm's network of today, for an input of that size.

    Files may hold the names that the original authors gave their weights, and position embeddings of another size:
    timm's own conversion is used where the weights do not fit as they are. Raises BadInput where they do not fit then.
    """
    classes, channels = model.config["num_classes"], model.config["input_size"][0]
    net = architectures.build(model.architecture, classes=classes, channels=channels, size=size, arguments=arguments)
    try:
        fitted = naming.fitted(state, net.state_dict(), origin)
        classifiers.load_state(net, fitted, origin, architecture=model.name)
        return fitted
    except BadInput as misfit:
        try:
            state = architectures.converted(model.architecture, state, model.config, size=size, arguments=arguments)
        except Exception as error:  # timm may raise anything, and the misfit is the clearer message
            log.info("timm's own conversion: %s", first_line(error))
            raise misfit from error
        classifiers.load_state(net, state, origin, architecture=model.name)
        return state
