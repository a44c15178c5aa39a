"""Components of a network, determined from the network itself: the 13 of Hwang et al. (2024).

One forward pass shows which modules run, in which order and on which shapes; on torch's meta device it needs neither
weights nor arithmetic. Modules are recognised by class, by the name of the class where libraries have their own, and by
the library where others give the name to something else. That a design was found by architecture search cannot be
seen, so such an architecture is classified by its modules (CNN, Transformer, ...). The user's table takes precedence
(`sat.components.table`).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from kindred.models.classifiers import Classifier, Description, assemble

BLOCK = re.compile(r"Block|Bottleneck|Residual|Stage|DepthwiseSeparable")
NORM = re.compile(r"norm|affine|evo", re.IGNORECASE)
# {name in the table: pattern of class names}; the first match counts.
NORMS = {
    "EvoNorm": "EvoNorm",
    "BN": "BatchNorm|InplaceAbn",
    "GN": "GroupNorm",
    "LN": "LayerNorm|SimpleNorm|RmsNorm",
    "Affine transform": "Affine",
}
ACTIVATIONS = {
    "Leaky ReLU": "LeakyReLU",
    "ReLU6": "ReLU6",
    "ReLU": "ReLU",
    "GeLU": "(?i)GELU",
    "HardSwish": "Hard(S|s)wish",
    "SiLU": "SiLU|Swish",
}
# Attention over feature maps, by class names with their modules: a LambdaLayer of other libraries is a shortcut
# through a function (`LambdaLayer(lambda x: ...)`), as in many a ResNet for CIFAR.
GRIDS = {
    "Lambda": r"^(timm|lambda_networks)\..*\bLambdaLayer$|LambdaAttn\w*$",
    "Halo": r"HaloAttn\w*$",
    "BoT": r"BottleneckAttn\w*$",
}
CHANNELS = {
    "ESE": "EffectiveSE",
    "ECA": "EcaModule|CecaModule",
    "GCA": "GlobalContext",
    "SE": "SEModule|SqueezeExcit|SEWithNorm",
    "split": "SplitAttn",
}
TOKENS = re.compile(r"Attention|Attn|XCA|^Talking|GPSA|MHSA")


@dataclass(frozen=True)
class _Step:
    """A module that ran: its name, itself, and the shapes of its first input and output (n first)."""

    name: str
    module: nn.Module
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]

    @property
    def kind(self) -> str:
        return type(self.module).__name__

    @property
    def path(self) -> str:
        return f"{type(self.module).__module__}.{self.kind}"


def components(description: Description) -> dict[str, str]:
    """The 13 components of an architecture, by the keys of `components.COMPONENTS`.

    Raises BadInput for an unknown architecture.
    """
    with torch.device("meta"):
        classifier = assemble(description).eval()
        example = torch.zeros(2, description.channels, description.size, description.size)
        steps = _trace(classifier, example)
    return _describe(classifier.net, steps, description.input_size)


def _trace(classifier: Classifier, example: Tensor) -> list[_Step]:
    """Modules in the order in which they start."""
    order: list[str] = []
    shapes: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {}
    named = {name: module for name, module in classifier.net.named_modules() if name}

    def started(name: str, _: nn.Module, args: tuple) -> None:
        order.append(name)

    def ended(name: str, _: nn.Module, args: tuple, output: object) -> None:
        shapes.setdefault(name, (_shape(args), _shape(output)))

    # The classifier is built for this alone, so its hooks may stay.
    for name, module in named.items():
        module.register_forward_pre_hook(partial(started, name))
        module.register_forward_hook(partial(ended, name))
    with torch.no_grad():
        classifier(example)
    return [_Step(name, named[name], *shapes[name]) for name in order]


def _shape(value: object) -> tuple[int, ...]:
    """Shape of the first tensor among a module's inputs or outputs; () if there is none."""
    while isinstance(value, list | tuple):
        value = value[0] if value else None
    return tuple(value.shape) if isinstance(value, Tensor) else ()


def _describe(net: nn.Module, steps: list[_Step], resolution: int) -> dict[str, str]:
    blocks = [index for index, step in enumerate(steps) if _is_block(step)]
    # A plain network has no blocks; its stem is the first convolution.
    first_conv = next((index for index, step in enumerate(steps) if _is_conv(step)), 0)
    body = blocks[0] if blocks and any(map(_is_conv, steps[: blocks[0]])) else first_conv + 1
    convs = _convs(steps)
    sizes = {steps[index].output_shape[1:] for index in blocks if len(steps[index].output_shape) >= 3}
    tokens = [step for step in steps if _mixes_tokens(step)]
    channel = [step for step in steps if _named(step, CHANNELS)]
    return {
        "base": _base(bool(tokens), bool(_convs(steps[body:]))),
        "hierarchical": _yes(len(sizes) > 1 or not blocks),
        "stem": "/".join(map(_kernel_name, _convs(steps[:body]))) or "-",
        "resolution": f"{resolution} x {resolution}",
        "normalisation": _joined(step for step in steps if NORM.search(step.kind)) or "Norm-free",
        "activation": _joined(steps, ACTIVATIONS) or "-",
        "stem_pooling": _yes(any(re.search(r"(Max|Avg)Pool|BlurPool", step.kind) for step in steps[:body])),
        "final_pooling": "CLS token" if getattr(net, "global_pool", "") == "token" else "GAP",
        "attention": _with_names([name for name in GRIDS if any(_grid(step) == name for step in steps)]),
        "channel_attention": _with_names(_all_names(channel, CHANNELS)),
        "channel_attention_place": _location(channel, steps) if channel else "~",
        "depthwise": _yes(any(conv.groups == conv.in_channels > 1 for conv in convs)),
        "grouped": _yes(any(1 < conv.groups < conv.in_channels for conv in convs)),
    }


def _base(tokens: bool, convs: bool) -> str:
    if tokens:
        return "Hybrid" if convs else "Transformer"
    return "CNN" if convs else "MLP-Mixer"


def _is_block(step: _Step) -> bool:
    named = BLOCK.search(step.kind) and not step.name.startswith(("stem", "patch_embed"))
    return bool(named) and any(True for _ in step.module.children())


def _mixes_tokens(step: _Step) -> bool:
    """Test for attention over a sequence of tokens; that of BoTNet and the like is over feature maps."""
    if not TOKENS.search(step.kind) or _named(step, CHANNELS) or _grid(step):
        return False
    inner = any(isinstance(part, nn.Linear) for part in step.module.modules())
    return inner and len(step.input_shape) >= 3


def _is_conv(step: _Step) -> bool:
    return isinstance(step.module, nn.Conv2d)


def _convs(steps: list[_Step]) -> list[nn.Conv2d]:
    """Convolutions over more than one pixel."""
    convs = [step.module for step in steps if isinstance(step.module, nn.Conv2d)]
    return [conv for conv in convs if max(conv.kernel_size) > 1]


def _kernel_name(conv: nn.Conv2d) -> str:
    kernel, stride = max(conv.kernel_size), max(conv.stride)
    return f"{kernel}s{stride}" if stride > 1 else str(kernel)


def _named(step: _Step, names: dict[str, str]) -> str:
    return next((name for name, pattern in names.items() if re.search(pattern, step.kind)), "")


def _grid(step: _Step) -> str:
    """The attention over feature maps that a module is, of GRIDS; '' for none."""
    return next((name for name, pattern in GRIDS.items() if re.search(pattern, step.path)), "")


def _all_names(steps: Iterable[_Step], names: dict[str, str]) -> list[str]:
    found = {_named(step, names) for step in steps}
    return [name for name in names if name in found]


def _joined(steps: Iterable[_Step], names: dict[str, str] = NORMS) -> str:
    return " + ".join(sorted(_all_names(steps, names)))


def _with_names(names: list[str]) -> str:
    return f"Yes ({', '.join(names)})" if names else "No"


def _yes(value: bool) -> str:
    return "Yes" if value else "No"


def _location(channel: list[_Step], steps: list[_Step]) -> str:
    """'Middle' if channel attention is followed by another convolution of its block, else 'End'."""
    first = channel[0]
    block = first.name.rpartition(".")[0]
    start = next(index for index, step in enumerate(steps) if step is first)
    inside = [step for step in steps[start + 1 :] if step.name.startswith(f"{block}.")]
    after = [step for step in inside if not step.name.startswith(f"{first.name}.")]
    # A shortcut is parallel to the block, not behind its attention.
    convs = [step for step in after if _is_conv(step) and not re.search(r"downsample|shortcut", step.name)]
    return "Middle" if convs else "End"
