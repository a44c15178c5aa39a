"""What a network is built from, read off the network itself: the 13 components of Hwang et al. (2024).

One forward pass shows which modules run, in which order, on which shapes; on torch's meta device that costs neither
weights nor arithmetic. What a module is, is told by its class, by name where every library has its own. That a design
was found by search cannot be seen, so such an architecture is called by what it is (CNN, Transformer, ...). The user's
own table takes the place of all of this (`sat.components.table`).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from kindred.models import Classifier, Description, assemble

BLOCK = re.compile(r"Block|Bottleneck|Residual|Stage|DepthwiseSeparable")
NORM = re.compile(r"norm|affine|evo", re.IGNORECASE)
# (what it is called in the table, classes); the first that matches.
NORMS = (
    ("EvoNorm", re.compile("EvoNorm")),
    ("BN", re.compile(r"BatchNorm|InplaceAbn")),
    ("GN", re.compile(r"GroupNorm")),
    ("LN", re.compile(r"LayerNorm|SimpleNorm|RmsNorm")),
    ("Affine transform", re.compile(r"Affine")),
)
ACTIVATIONS = (
    ("Leaky ReLU", re.compile(r"LeakyReLU")),
    ("ReLU6", re.compile(r"ReLU6")),
    ("ReLU", re.compile(r"ReLU")),
    ("GeLU", re.compile(r"GELU", re.IGNORECASE)),
    ("HardSwish", re.compile(r"Hard(S|s)wish")),
    ("SiLU", re.compile(r"SiLU|Swish")),
)
GRIDS = (
    ("Lambda", re.compile(r"Lambda(Layer|Attn)")),
    ("Halo", re.compile(r"HaloAttn")),
    ("BoT", re.compile(r"BottleneckAttn")),
)
CHANNELS = (
    ("ESE", re.compile(r"EffectiveSE")),
    ("ECA", re.compile(r"EcaModule|CecaModule")),
    ("GCA", re.compile(r"GlobalContext")),
    ("SE", re.compile(r"SEModule|SqueezeExcit|SEWithNorm")),
    ("split", re.compile(r"SplitAttn")),
)
TOKENS = re.compile(r"Attention|Attn|XCA|^Talking|GPSA|MHSA")
TWO = 2


@dataclass(frozen=True)
class _Step:
    """A module that ran: its name, itself, and the shape of what it was given and gave (n first)."""

    name: str
    module: nn.Module
    given: tuple[int, ...]
    gave: tuple[int, ...]

    @property
    def kind(self) -> str:
        return type(self.module).__name__


def components(description: Description) -> dict[str, str]:
    """The 13 components of an architecture, by the names of `kindred.components`; raises BadInput if unknown."""
    with torch.device("meta"):
        classifier = assemble(description).eval()
        example = torch.zeros(TWO, description.channels, description.size, description.size)
        steps = _trace(classifier, example)
    return _describe(classifier.net, steps, description.input_size)


def _trace(classifier: Classifier, example: Tensor) -> list[_Step]:
    """Modules in the order in which they start."""
    order: list[tuple[str, nn.Module]] = []
    shapes: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {}

    def started(name: str) -> object:
        return lambda module, *_: order.append((name, module))

    def ended(name: str) -> object:
        def keep(_: nn.Module, given: tuple, gave: object) -> None:
            shapes.setdefault(name, (_shape(given), _shape(gave)))

        return keep

    handles = []
    for name, module in classifier.net.named_modules():
        if name:
            handles.append(module.register_forward_pre_hook(started(name)))  # type: ignore[arg-type]
            handles.append(module.register_forward_hook(ended(name)))  # type: ignore[arg-type]
    try:
        with torch.no_grad():
            classifier(example)
    finally:
        for handle in handles:
            handle.remove()
    return [_Step(name, module, *shapes[name]) for name, module in order]


def _shape(value: object) -> tuple[int, ...]:
    """Shape of the first tensor in whatever a module takes or gives."""
    while isinstance(value, list | tuple):
        value = value[0] if value else None
    return tuple(value.shape) if isinstance(value, Tensor) else ()


def _describe(net: nn.Module, steps: list[_Step], resolution: int) -> dict[str, str]:
    blocks = [place for place, step in enumerate(steps) if _is_block(step)]
    # A plain network has no blocks: its stem is its first convolution.
    first_conv = next((place for place, step in enumerate(steps) if _is_conv(step)), 0)
    body = blocks[0] if blocks and any(_is_conv(step) for step in steps[: blocks[0]]) else first_conv + 1
    convs = [step for step in steps if _is_conv(step) and _kernel(step) > 1]
    later = [step for step in steps[body:] if _is_conv(step) and _kernel(step) > 1]
    tokens = [step for step in steps if _mixes_tokens(step)]
    channel = [step for step in steps if _named(step, CHANNELS)]
    pooled = [step for step in steps[:body] if re.search(r"(Max|Avg)Pool|BlurPool", step.kind)]
    return {
        "base": _base(bool(tokens), bool(later)),
        "hierarchical": _yes(_narrows(steps, blocks)),
        "stem": "/".join(_kernel_name(step) for step in steps[:body] if _is_conv(step) and _kernel(step) > 1)
        or "-",
        "resolution": f"{resolution} x {resolution}",
        "normalisation": _joined(step for step in steps if NORM.search(step.kind)) or "Norm-free",
        "activation": _joined(steps, ACTIVATIONS) or "-",
        "stem_pooling": _yes(bool(pooled)),
        "final_pooling": "CLS token" if getattr(net, "global_pool", "") == "token" else "GAP",
        "attention": _with_names(_all_names(steps, GRIDS)),
        "channel_attention": _with_names(_all_names(channel, CHANNELS)),
        "channel_attention_place": _place(channel, steps) if channel else "~",
        "depthwise": _yes(any(_groups(step) == _inputs(step) > 1 for step in convs)),
        "grouped": _yes(any(1 < _groups(step) < _inputs(step) for step in convs)),
    }


def _base(tokens: bool, convs: bool) -> str:
    if tokens:
        return "Hybrid" if convs else "Transformer"
    return "CNN" if convs else "MLP-Mixer"


def _is_block(step: _Step) -> bool:
    named = BLOCK.search(step.kind) and not step.name.startswith(("stem", "patch_embed"))
    return bool(named) and any(True for _ in step.module.children())


def _mixes_tokens(step: _Step) -> bool:
    """Attention over a sequence of tokens; that of BoTNet and its like takes a grid of channels."""
    if not TOKENS.search(step.kind) or _named(step, CHANNELS) or _named(step, GRIDS):
        return False
    inner = any(isinstance(part, nn.Linear) for part in step.module.modules())
    return inner and len(step.given) >= 3


def _narrows(steps: list[_Step], blocks: list[int]) -> bool:
    """Whether blocks give maps or sequences of different sizes."""
    given = {steps[place].gave[1:] for place in blocks if len(steps[place].gave) >= 3}
    return len(given) > 1 or not blocks


def _is_conv(step: _Step) -> bool:
    return isinstance(step.module, nn.Conv2d)


def _kernel(step: _Step) -> int:
    return max(step.module.kernel_size)  # type: ignore[arg-type, type-var, union-attr]


def _kernel_name(step: _Step) -> str:
    stride = max(step.module.stride)  # type: ignore[arg-type, type-var, union-attr]
    return f"{_kernel(step)}s{stride}" if stride > 1 else str(_kernel(step))


def _groups(step: _Step) -> int:
    return int(step.module.groups)  # type: ignore[arg-type, union-attr]


def _inputs(step: _Step) -> int:
    return int(step.module.in_channels)  # type: ignore[arg-type, union-attr]


def _named(step: _Step, names: tuple[tuple[str, re.Pattern[str]], ...]) -> str:
    return next((name for name, pattern in names if pattern.search(step.kind)), "")


def _all_names(steps: Iterable[_Step], names: tuple[tuple[str, re.Pattern[str]], ...]) -> list[str]:
    found = {_named(step, names) for step in steps}
    return [name for name, _ in names if name in found]


def _joined(steps: Iterable[_Step], names: tuple[tuple[str, re.Pattern[str]], ...] = NORMS) -> str:
    return " + ".join(sorted(_all_names(steps, names)))


def _with_names(names: list[str]) -> str:
    return f"Yes ({', '.join(names)})" if names else "No"


def _yes(value: bool) -> str:
    return "Yes" if value else "No"


def _place(channel: list[_Step], steps: list[_Step]) -> str:
    """Whether channel attention is followed by another convolution of its block (Middle) or closes it (End)."""
    first = channel[0]
    block = first.name.rpartition(".")[0]
    at = next(place for place, step in enumerate(steps) if step is first)
    inside = [step for step in steps[at + 1 :] if step.name.startswith(f"{block}.")]
    after = [step for step in inside if not step.name.startswith(f"{first.name}.")]
    # A shortcut is computed beside the block, not after its attention.
    convs = [step for step in after if _is_conv(step) and not re.search(r"downsample|shortcut", step.name)]
    return "Middle" if convs else "End"
