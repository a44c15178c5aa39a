"""Networks by name: of timm (imported here alone), torchvision, other builders, and five that are built here."""

import contextlib
import difflib
import gc
import importlib
import sys
import types
from typing import Any

import torch
from torch import nn

from kindred.models import builders
from kindred.models.wide_resnet import WideResNet
from kindred.workflow.errors import BadInput


def _import_torchvision() -> None:
    """Import torchvision although its compiled operators may not load.

    The standard torchvision beside a CPU build of torch fails while it registers operators (`nms`) that no classifier
    uses. Their registration is then left out; everything else works.
    """
    try:
        importlib.import_module("torchvision")
    except RuntimeError as error:
        if "operator torchvision::" not in str(error):
            raise
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        sys.modules["torchvision._meta_registrations"] = types.ModuleType("torchvision._meta_registrations")
        importlib.import_module("torchvision")


gc.disable()  # a third of the time of these imports is spent on looking for garbage
try:
    _import_torchvision()
    import timm
    from timm.models import register_model
    from timm.models.mlp_mixer import MlpMixer
    from timm.models.resnet import Bottleneck, ResNet
    from timm.models.vgg import VGG
    from timm.models.vision_transformer import VisionTransformer
finally:
    gc.enable()

TORCHVISION = "torchvision:"
# Keys of timm's configuration that its conversion of published weights depends on.
CONVERTED_BY = ("num_classes", "input_size", "classifier", "first_conv", "label_offset")


def _with_defaults(given: dict[str, Any], **defaults: Any) -> dict[str, Any]:
    """Defaults overridden by what was given, without the keys by which timm describes weights."""
    about_weights = {"pretrained", "pretrained_cfg", "pretrained_cfg_overlay", "cache_dir"}
    return defaults | {key: value for key, value in given.items() if key not in about_weights}


@register_model
def kindred_vgg(**arguments: Any) -> nn.Module:
    """A three-stage VGG with batch normalisation for images of about 32 pixels (0.95 M parameters)."""
    defaults = {"cfg": [16, "M", 32, "M", 64, "M"], "norm_layer": nn.BatchNorm2d, "mlp_ratio": 0.03}
    return VGG(**_with_defaults(arguments, **defaults))


@register_model
def kindred_mixer(**arguments: Any) -> nn.Module:
    """An MLP-Mixer of four blocks on patches of 8 pixels (0.31 M parameters)."""
    defaults = {"img_size": 32, "patch_size": 8, "num_blocks": 4, "embed_dim": 96}
    return MlpMixer(**_with_defaults(arguments, **defaults))


@register_model
def kindred_vit(**arguments: Any) -> nn.Module:
    """A vision transformer of four blocks on patches of 8 pixels (0.46 M parameters)."""
    # Pooling by the average, since small data train that far better than a class token.
    shape = {"img_size": 32, "patch_size": 8, "embed_dim": 96, "depth": 4, "num_heads": 3}
    return VisionTransformer(**_with_defaults(arguments, **shape, class_token=False, global_pool="avg"))


@register_model
def kindred_wide_resnet50_4(**arguments: Any) -> nn.Module:
    """A ResNet-50 whose bottlenecks are four times as wide (Salman et al. 2020), with torchvision's names of layers."""
    defaults = {"block": Bottleneck, "layers": (3, 4, 6, 3), "base_width": 256}
    return ResNet(**_with_defaults(arguments, **defaults))


@register_model
def kindred_wrn(**arguments: Any) -> nn.Module:
    """A wide ResNet for images of about 32 pixels, by default WRN-28-4 (5.8 M parameters)."""
    return WideResNet(**_with_defaults(arguments))


def _torchvision_names() -> list[str]:
    from torchvision import models as torchvision_models  # a second of start-up that few studies need

    return torchvision_models.list_models(module=torchvision_models)


def build(
    architecture: str, *, classes: int, channels: int, size: int, arguments: dict[str, Any] | None = None
) -> nn.Module:
    """The network `architecture` with random weights (drawn from torch's global generator).

    architecture: a name of timm's registry, with or without a tag, `torchvision:<name>`, or one whose prefix is in
    `builders.BUILDERS` (those take the arguments alone). classes, channels, size: number of logits, of image channels,
    and side of the square input in pixels; the size goes to the families that must know it (transformers, mixers),
    others take any. arguments: further keyword arguments of the architecture's constructor. Raises BadInput for an
    unknown name and for arguments the architecture refuses.
    """
    arguments = dict(arguments or {})
    if architecture.startswith(tuple(builders.BUILDERS)):
        return builders.build(architecture, arguments)
    check_name(architecture)
    try:
        if architecture.startswith(TORCHVISION):
            return _build_torchvision(architecture, classes, channels, size, arguments)
        return _build_timm(architecture, classes, channels, size, arguments)
    except (TypeError, ValueError, AssertionError, RuntimeError, KeyError, IndexError, AttributeError) as error:
        given = f" with {arguments}" if arguments else ""
        raise BadInput(
            f"architecture '{architecture}'{given} cannot be built for {size}-pixel images of {channels} channels: "
            f"{type(error).__name__}: {' '.join(str(error).split())}"
        ) from error


def check_name(architecture: str) -> None:
    """Raise BadInput, with names that are near, for an architecture that neither library has."""
    name = architecture.partition(".")[0]
    if name.startswith(TORCHVISION):
        known = name.removeprefix(TORCHVISION) in _torchvision_names()
    else:
        known = timm.is_model(name)
    if not known:
        names = sorted(timm.list_models()) + [TORCHVISION + each for each in sorted(_torchvision_names())]
        close = difflib.get_close_matches(name, names, n=4)
        hint = f"close names are {', '.join(close)}" if close else "see timm.list_models() for the names"
        raise BadInput(f"architecture '{architecture}' is not known to timm {timm.__version__}; {hint}")


def converted(
    architecture: str, state: dict[str, torch.Tensor], stated: dict[str, Any], *, size: int, arguments: dict[str, Any]
) -> dict[str, torch.Tensor]:
    """Published weights as timm's network of today has them; strict.

    stated: timm's configuration of these weights. Names are translated and position embeddings resampled to `size` as
    timm does it for pretrained weights. Raises whatever timm raises where they do not fit.
    """
    about = {key: stated[key] for key in CONVERTED_BY if stated.get(key) is not None}
    overlay = {**about, "state_dict": dict(state), "source": "", "custom_load": False}
    net = _build_timm(
        architecture,
        stated["num_classes"],
        stated["input_size"][0],
        size,
        {**arguments, "pretrained": True, "pretrained_cfg_overlay": overlay},
    )
    return dict(net.state_dict())


def _build_timm(architecture: str, classes: int, channels: int, size: int, arguments: dict[str, Any]) -> nn.Module:
    common = {"pretrained": False, "num_classes": classes, "in_chans": channels, **arguments}
    try:
        return timm.create_model(architecture, img_size=size, **common)
    except TypeError as error:
        # Only the constructor knows whether it takes a size, and it raises before it draws any weight.
        if "img_size" not in str(error):
            raise
    return timm.create_model(architecture, **common)


def _build_torchvision(
    architecture: str, classes: int, channels: int, size: int, arguments: dict[str, Any]
) -> nn.Module:
    if channels != 3:
        raise BadInput(f"architecture '{architecture}' takes images of 3 channels, the study has {channels}")
    from torchvision import models as torchvision_models

    name = architecture.removeprefix(TORCHVISION)
    common = {"weights": None, "num_classes": classes, **arguments}
    with contextlib.suppress(TypeError):
        return torchvision_models.get_model(name, image_size=size, **common)
    return torchvision_models.get_model(name, **common)
