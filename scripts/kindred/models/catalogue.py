"""Sources of models: trained here, or imported from one of these.

The module of an imported source has `bring(entry)`, which gives a `checkpoint.Checkpoint`. An entry of the config is of
the source whose key it has; one with `weights` alone is a file for a named architecture. The facts of its source tell
what follows from an entry before its files are read.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from kindred.attacks.catalogue import demand_linf_within_1
from kindred.config.base import (
    EachOnce,
    Eps,
    Layers,
    Mean,
    Number,
    Seed,
    Settings,
    Side,
    Std,
    TrainingName,
    allowed,
    mistake,
    unit,
)
from kindred.models.importing.facts import (
    MADRYLAB,
    Facts,
    MadryLabFacts,
    PythonFacts,
    RobustBenchFacts,
    TimmFacts,
    parsed,
)

# Networks of torchvision that convert the normalisation of their input, or do not: the file does not tell.
TRANSFORMING = ("torchvision:googlenet", "torchvision:inception_v3")
LAYER_KEYWORDS = ("penultimate", "blocks", "all")
SET_BY_STUDY = ("num_classes", "in_chans", "img_size", "pretrained", "checkpoint_path", "weights")

Arguments = Annotated[dict[str, Any], allowed("a map of keyword arguments")]
Architecture = Annotated[str, allowed("the name of an architecture", min_length=1)]
Weights = Annotated[
    str,
    allowed(
        "the path of a file that ends in .safetensors, .safetensors.index.json, .pt, .pth, .th, .ckpt, .bin or .tar",
        pattern=r"\.(safetensors|safetensors\.index\.json|pt|pth|th|ckpt|bin|tar)$",
    ),
]
Sha256 = Annotated[str, allowed("64 lower-case hexadecimal digits, in quotes", pattern=r"^[0-9a-f]{64}$")]
OUTPUT = (
    "Which part of what the network returns are the logits, where it is no tensor: a key, an attribute or a number "
    "from 0."
)
INPUT_SIZE = "Side of the images that the network takes; null for "
ARGUMENTS = "Keyword arguments of the architecture, without those that the study sets."


def _own_arguments(given: dict[str, Any]) -> dict[str, Any]:
    for name in SET_BY_STUDY:
        if name in given:
            raise mistake("must be left out: the pipeline sets it itself.", name)
    return given


NetworkArguments = Annotated[Arguments, AfterValidator(_own_arguments)]


class Accuracy(Settings, title="accuracy"):
    """The clean accuracy that is expected of a model."""

    expected: Annotated[Number, unit("share of images", ge=0, le=1)] = Field(
        description="Share of images, such as 0.698."
    )
    tolerance: Annotated[Number, unit("share of images", gt=0, le=1)] = Field(
        0.02, description="Largest difference that is tolerated."
    )


class TrainedElsewhere(Settings, title="trained"):
    """Labels of an imported model's training, for grouping in tables and figures."""

    training: Annotated[str, Field(min_length=1)] = Field(
        "imported", description="A label, such as the name of a training."
    )
    norm: Literal["linf", "l2", "spatial", "jpeg"] | None = Field(
        None, description="Norm or threat model of its adversary; null where there was none."
    )
    eps: Eps = Field(0.0, description="Radius of the adversary's ball, at most 1 in linf; pixels of shift for spatial.")
    seed: Seed = Field(0, description="Seed of the training.")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.norm is None) != (self.eps == 0):
            raise mistake(
                f"has norm {self.norm or 'null'} and eps {self.eps:g}, but must have both a norm and an eps above 0, "
                "or neither."
            )
        demand_linf_within_1(self.norm, self.eps)
        return self


def _part(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, str | int) or (isinstance(value, int) and value < 0):
        from kindred.config.messages import shown

        raise mistake(f"is {shown(value)}, but must be a key, an attribute, or a number from 0.")
    return value


Output = Annotated[str | int, BeforeValidator(_part), allowed("a key, an attribute, or a number from 0")]


class ModelSettings(Settings, title="a model"):
    """Settings of every model."""

    @model_validator(mode="before")
    @classmethod
    def _check_source(cls, given: Any) -> Any:
        keys = [key for key in SOURCES if key in given and key != "weights"] if isinstance(given, dict) else []
        if keys == ["training"] and "weights" in given:
            keys.append("weights")
        if len(keys) > 1:
            both = " and ".join(f"{key} '{given[key]}'" for key in keys[:2])
            raise mistake(
                f"has {both}, but must have one of them: training for a model trained here, weights or another "
                "source for an imported one."
            )
        return given

    layers: Layers | None = Field(None, description="Layers of this model, in place of activations.layers.")
    output: Output | None = Field(None, description=OUTPUT)


class TrainedHere(ModelSettings, title="a model trained here"):
    """A model trained here."""

    architecture: Architecture = Field(description="Name of the architecture in timm, or one of Kindred's.")
    arguments: NetworkArguments = Field({}, description=ARGUMENTS)
    training: TrainingName = Field(description="The recipe, a name in `trainings`.")
    seed: Seed | None = Field(
        None,
        description="Seed of the initial weights, of the order of the images and of the adversary; null for one that "
        "follows from the model's name, so that models of different names are independent.",
    )
    adjust: Annotated[dict[str, Any], allowed("a map of keys of the training")] = Field(
        {}, description="Keys of the recipe that are different for this model, in its units and limits."
    )


class Imported(ModelSettings):
    """Settings of every imported model."""

    weights: Weights | None = Field(None, description="Path of a file of weights, in place of those of the source.")
    sha256: Sha256 | None = Field(None, description="SHA-256 of the file of weights; another file is refused.")
    trust_pickle: Sha256 | None = Field(
        None,
        description="SHA-256 of the file of weights if it is a pickle whose reading may run code in it; a file that "
        "needs this is refused with a message that gives the number. Null runs no code.",
    )
    weights_key: Annotated[str, allowed("a key of the file, with dots between keys of dicts within dicts")] | None = (
        Field(
            None,
            description="Where in the file the weights are if it holds several, such as state_dict_ema, teacher or "
            "ema.module; null for the usual keys.",
        )
    )
    rename: Annotated[dict[str, str], allowed("a map of regular expressions to what takes their place")] = Field(
        {},
        description="Changes of names of weights, regular expressions and what takes their place, in order, before "
        "prefixes come off by what fits the network; such as '^backbone': body.",
    )
    trained: TrainedElsewhere = Field(TrainedElsewhere(), description="How it was trained, for grouping in figures.")
    accuracy: Accuracy | None = Field(
        None, description="The clean accuracy that is expected on the study's images; a model further off is refused."
    )
    classes: (
        Annotated[
            list[Annotated[str, allowed("the name of a class")]], EachOnce, allowed("a list of names", min_length=2)
        ]
        | None
    ) = Field(
        None,
        description="Names of the classes in the order of the model's logits, to be checked against those of the "
        "images; null checks their number and what the source states.",
    )


class _Normalised(Imported):
    """Imported models whose normalisation may be given."""

    mean: Mean | None = Field(None, description="What the model subtracts from the pixels; null for the source's.")
    std: Std | None = Field(None, description="What it then divides by; null for the source's.")
    input_size: Side | None = Field(None, description=INPUT_SIZE + "the source's, or images.size.")

    @model_validator(mode="after")
    def _check_pair(self) -> Self:
        for key, value, other in (("mean", self.mean, self.std), ("std", self.std, self.mean)):
            if value is not None and other is None:
                missing = "std" if key == "mean" else "mean"
                raise mistake(f"is given and {missing} is missing, but they must come together.", key)
        return self


class _AnyRange(_Normalised):
    """Imported models that may take other pixels than those in [0, 1]."""

    value_range: (
        Annotated[
            list[Number],
            allowed("a list of two numbers, the model's values of black and of white", min_length=2, max_length=2),
        ]
        | None
    ) = Field(
        None,
        description="The model's values of black and of white if it takes no pixels in [0, 1] and has no mean and std, "
        "such as [0, 255] or [-1, 1].",
    )

    @model_validator(mode="after")
    def _check_range(self) -> Self:
        if self.value_range and self.mean is not None:
            raise mistake("is given and there is a value_range, but a model has one of them.", "mean")
        if self.value_range and not self.value_range[0] < self.value_range[1]:
            raise mistake(f"is {self.value_range}, but must rise.", "value_range")
        return self


class WeightsFile(_AnyRange, title="an imported model"):
    """A file of weights for a named architecture."""

    architecture: Architecture = Field(description="Name of the architecture in timm, or one of Kindred's.")
    arguments: NetworkArguments = Field({}, description=ARGUMENTS)
    weights: Weights = Field(description="Path of the file of weights, relative to the working directory.")

    @model_validator(mode="after")
    def _check_transform(self) -> Self:
        if self.architecture in TRANSFORMING and "transform_input" not in self.arguments:
            raise mistake(
                f"is {self.architecture}, whose released weights need `arguments: {{ transform_input: true }}`, as "
                "they take pixels of mean 0.5 and std 0.5; say false for weights that were trained without it.",
                "architecture",
            )
        return self


class Timm(_Normalised, title="a model of timm"):
    """A model of timm with its own weights, normalisation and input size."""

    timm: Annotated[str, allowed("a full tag of timm, hf-hub:org/name or local-dir:path", min_length=1)] = Field(
        description="A full tag such as resnet50.a1_in1k, hf-hub:org/name (with @revision for a certain one), or "
        "local-dir:path of a folder that timm saved. Weights come from the hub or its cache."
    )
    arguments: NetworkArguments = Field({}, description=ARGUMENTS)


def _released(name: str) -> str:
    from kindred.config.messages import listed, shown

    if not parsed(name)[0]:
        known = listed(MADRYLAB, "or")
        raise mistake(
            f"is {shown(name)}, but must be a name such as resnet18_l2_eps3 or resnet50_linf_eps4.0, of {known}."
        )
    return name


class MadryLab(_Normalised, title="a model of MadryLab's"):
    """A released robust ImageNet checkpoint in MadryLab's format (Salman et al. 2020)."""

    madrylab: Annotated[
        str, allowed("the name of a checkpoint such as resnet18_l2_eps3"), AfterValidator(_released)
    ] = Field(
        description="Name of the checkpoint, <network>_<l2 or linf>_eps<radius> such as resnet18_l2_eps3; linf "
        "radii are in 1/255."
    )
    trained: TrainedElsewhere | None = Field(  # type: ignore[assignment]
        None, description="How it was trained; null for what its name says."
    )


class RobustBench(Imported, title="a model of RobustBench"):
    """A model of RobustBench's zoo, which needs that package."""

    robustbench: Annotated[str, allowed("the id of a model", min_length=1)] = Field(
        description="Its id, such as Engstrom2019Robustness."
    )
    dataset: Literal["cifar10", "cifar100", "imagenet"] = Field(description="The dataset that it was trained on.")
    threat_model: Literal["Linf", "L2", "corruptions"] = Field(description="Its threat model in RobustBench.")
    input_size: Side | None = Field(None, description=INPUT_SIZE + "32 (CIFAR) or 224 (ImageNet).")


def _place(value: Any) -> Any:
    if isinstance(value, str) and not all(value.rpartition(":")[::2]):
        raise mistake(f"is '{value}', but must be path/to/file.py:function or package.module:function.")
    return value


class Python(_AnyRange, title="a model built by Python"):
    """A network that a function of the user's builds, and a file of weights for it."""

    python: Annotated[
        str, BeforeValidator(_place), allowed("path/to/file.py:function or package.module:function", min_length=3)
    ] = Field(
        description="The function that returns the network, as path/to/file.py:function (relative to the working "
        "directory) or package.module:function. It maps images (n, channel, height, width) to logits (n, class)."
    )
    arguments: Arguments = Field({}, description="Keyword arguments of the function.")
    weights: Weights = Field(description="Path of the file of weights, relative to the working directory.")


@dataclass(frozen=True)
class Source:
    """A source of models: its module, settings and facts; colour: whether they take colour images alone."""

    module: str
    label: str
    settings: type[ModelSettings]
    facts: type[Facts] = Facts
    colour: bool = False


SOURCES = {
    "training": Source("kindred.training.loop", "trained here", TrainedHere),
    "timm": Source("kindred.models.importing.timm_hub", "timm", Timm, TimmFacts),
    "madrylab": Source(
        "kindred.models.importing.madrylab", "MadryLab's robust ImageNet models", MadryLab, MadryLabFacts, colour=True
    ),
    "robustbench": Source(
        "kindred.models.importing.robustbench", "RobustBench", RobustBench, RobustBenchFacts, colour=True
    ),
    "python": Source("kindred.models.importing.python_function", "a Python function", Python, PythonFacts),
    "weights": Source("kindred.models.importing.weights_file", "a file of weights", WeightsFile),
}


def source_of(entry: Mapping[str, Any]) -> str:
    """The source of a model's entry: the key of SOURCES that it has."""
    return next((key for key in SOURCES if key in entry), "training")


def facts_of(entry: Mapping[str, Any]) -> Facts:
    """Facts of a model's entry, by its source."""
    return SOURCES[source_of(entry)].facts(entry)
