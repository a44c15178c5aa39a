"""What timm, the Hugging Face hub and RobustBench hold: what they state of a model, and the file of its weights."""

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from kindred import architectures, builders, models, origins
from kindred.architectures import timm
from kindred.errors import BadInput, first_line, some
from kindred.job import log


@dataclasses.dataclass(frozen=True)
class Stated:
    """What timm states of a model: who to ask for, the architecture and its arguments, and its configuration.

    config: timm's own (num_classes, input_size (channels, height, width), mean, std, label_names and more).
    """

    name: str
    architecture: str
    arguments: dict[str, Any]
    config: dict[str, Any]

    @property
    def labels(self) -> list[str] | None:
        """Names of the classes in the order of the logits, where they are stated."""
        return list(self.config.get("label_names") or []) or None


def stated(name: str) -> Stated:
    """What timm states of a full tag, `hf-hub:org/name` or `local-dir:path`.

    Raises BadInput for a name that is unknown, has no tag, or cannot be reached.
    """
    reader = timm.models._hub
    if name.startswith(origins.HUB):
        with _reaching(name):
            config, architecture, arguments = reader.load_model_config_from_hf(name.removeprefix(origins.HUB))
        return _complete(Stated(name, architecture, dict(arguments or {}), dict(config)))
    if name.startswith(origins.FOLDER):
        folder = Path(name.removeprefix(origins.FOLDER))
        try:
            config, architecture, arguments = reader.load_model_config_from_path(folder)
        except (OSError, ValueError, KeyError) as error:
            raise BadInput(
                f"timm '{name}': '{folder / 'config.json'}' cannot be read ({first_line(error)}); the folder must be "
                "one that timm saved"
            ) from error
        return _complete(Stated(name, architecture, dict(arguments or {}), dict(config)))
    architectures.check_name(name)
    bare, _, tag = name.partition(".")
    tags = timm.list_pretrained(f"{bare}.*")
    if not tag or (tags and name not in tags):
        named = f"'{name}' has no tag, and" if not tag else f"'{tag}' is not a tag of '{bare}':"
        there = f"timm {timm.__version__} has {some(tags)}" if tags else "timm has no weights for it at all"
        raise BadInput(f"timm {named} a name must say which weights it means; {there}")
    config = timm.get_pretrained_cfg(name)
    assert config, name  # a tag that is listed has one
    return Stated(name, bare, {}, config.to_dict())


def outline(entry: Mapping[str, Any]) -> dict[str, Any]:
    """What timm states of the network of an entry, without its weights; empty for models of other sources.

    In the form of what is known of a checkpoint: architecture, arguments, input_size, mean, std.
    """
    if "timm" not in entry:
        return {}
    model = stated(entry["timm"])
    return {
        "architecture": model.architecture,
        "arguments": {**model.arguments, **(entry.get("arguments") or {})},
        "input_size": model.config["input_size"][-1],
        "mean": tuple(model.config["mean"]),
        "std": tuple(model.config["std"]),
    }


def _complete(model: Stated) -> Stated:
    architectures.check_name(model.architecture)
    defaults = timm.get_pretrained_cfg(model.architecture)
    config = {**(defaults.to_dict() if defaults else {}), **model.config}
    # What the network was made with counts; the pipeline hands these over by itself.
    arguments = {key: value for key, value in model.arguments.items() if key not in architectures.RESERVED}
    if made_for := model.arguments.get("img_size"):
        size = made_for if isinstance(made_for, int) else made_for[-1]
        config["input_size"] = (config["input_size"][0], size, size)
    lacking = [key for key in ("num_classes", "input_size", "mean", "std") if not config.get(key)]
    if lacking:
        raise BadInput(f"timm '{model.name}': its config.json does not say {' and '.join(lacking)}")
    return dataclasses.replace(model, config=config, arguments=arguments)


def weights(model: Stated) -> Path:
    """The file of weights of a model, from the folder, the cache or the hub. BadInput: there is none."""
    if model.name.startswith(origins.FOLDER):
        folder = Path(model.name.removeprefix(origins.FOLDER))
        file = folder / origins.folder_weights([each.name for each in folder.glob("*")])
        if not file.is_file():
            raise BadInput(
                f"timm '{model.name}': the folder holds no weights ({', '.join(origins.FOLDER_WEIGHTS)})"
            )
        return file
    repository = model.config.get("hf_hub_id")
    if not repository:
        raise BadInput(
            f"timm '{model.name}' has no weights on the hub; give them as a file with the key weights"
        )
    own = model.config.get("hf_hub_filename")
    safe = [*timm.models._hub._get_safe_alternatives(own), own] if own else []
    return download(repository, *(safe or origins.FOLDER_WEIGHTS[:2]))


def download(repository: str, *names: str) -> Path:
    """The first of these files that a repository of the hub has, from the cache where it is there.

    repository: `org/name`, with `@revision` where one is meant. The hub's client resumes, verifies and renames: there
    is never half a file under the final name. BadInput: not there, not reachable, or offline and not cached.
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError

    repository, _, revision = repository.partition("@")
    with _reaching(f"{repository}/{names[0]}"):
        for place, name in enumerate(names):
            try:
                file = Path(hf_hub_download(repository, name, revision=revision or None))
            except EntryNotFoundError:
                if place + 1 == len(names):
                    raise
                continue
            log.info("%s of %s: %s", name, repository, file)
            return file
    raise AssertionError("names are empty")


@contextmanager
def _reaching(what: str) -> Iterator[None]:
    from huggingface_hub.constants import HF_HUB_OFFLINE
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError, RepositoryNotFoundError

    try:
        yield
    except LocalEntryNotFoundError as error:
        how = "HF_HUB_OFFLINE is set" if HF_HUB_OFFLINE else "the hub cannot be reached"
        raise BadInput(
            f"'{what}' is not in the hub's cache and {how}: fetch it where there is a network (`snakemake "
            "checkpoints`), or give the weights as a file with the key weights"
        ) from error
    except RepositoryNotFoundError as error:
        raise BadInput(f"'{what}' is not on the hub, or is not public: {first_line(error)}") from error
    except EntryNotFoundError as error:
        raise BadInput(f"'{what}' is not on the hub: its repository has no such file") from error
    except (OSError, ValueError) as error:
        raise BadInput(f"'{what}' cannot be fetched from the hub: {first_line(error)}") from error


def fitted(
    model: Stated, state: dict[str, Tensor], arguments: dict[str, Any], size: int, origin: str
) -> dict[str, Tensor]:
    """Weights under the names and in the shapes of timm's network of today, for an input of that size.

    Files may hold what the original authors called their weights, and position embeddings of another size: timm's
    own conversion is used where the weights do not fit as they are. Raises BadInput where they do not fit then.
    """
    classes, channels = model.config["num_classes"], model.config["input_size"][0]
    net = architectures.build(
        model.architecture, classes=classes, channels=channels, size=size, arguments=arguments
    )
    try:
        models.load_state(net, state, origin, architecture=model.name)
        return state
    except BadInput as misfit:
        try:
            state = architectures.converted(
                model.architecture, state, model.config, size=size, arguments=arguments
            )
        except Exception as error:  # whatever timm makes of it, the plain sentence says more
            log.info("timm's own conversion: %s", first_line(error))
            raise misfit from error
        models.load_state(net, state, origin, architecture=model.name)
        return state


def robustbench(name: str, told: dict[str, Any], file: str | None) -> tuple[Path, nn.Module | None]:
    """(the file of a model's weights, the loaded network): the network is None where the user gave the file."""
    if file:
        return Path(file), None
    folder = Path(torch.hub.get_dir()) / "robustbench"
    utils = builders.import_robustbench("robustbench.utils")
    try:
        net = utils.load_model(
            model_name=name,
            model_dir=str(folder),
            dataset=told["dataset"],
            threat_model=told["threat_model"],
        )
    except Exception as error:  # it downloads, unpickles and builds
        raise BadInput(
            f"robustbench '{name}' cannot be loaded: {type(error).__name__}: {first_line(error)}; the weights may be "
            "given as a file with the key weights"
        ) from error
    held = sorted((folder / told["dataset"] / told["threat_model"]).glob(f"{name}*.pt"))
    if not held:
        raise BadInput(f"robustbench '{name}' was loaded, but its file is not below '{folder}'")
    return held[0], net
