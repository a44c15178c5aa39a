"""Kinds of a network's modules: convolution, norm, activation and the like, by the names of their classes."""

import re

from torch import nn

# Kinds and the names of their classes; the first that matches counts. Libraries name their own variants alike
# (`LayerNorm2d`, `ScaledStdConv2d`, `GELUTanh`), which a list of classes could not follow.
KINDS = (
    ("silent", r"identity|\w*dropout\w*|droppath|dropblock\w*|flatten|unflatten"),
    (
        "activation",
        r"\w*relu6?|\w*gelu\w*|silu|[cs]?elu|glu|\w*mish|\w*swish|\w*sigmoid|\w*tanh(shrink)?|threshold"
        r"|(log)?softmax(2d)?|soft(min|plus|sign|shrink)|hardshrink",
    ),
    ("norm", r"(?!\w*conv)\w*norm(1|[123]d)?(act|tlu)?([123]d)?(fp32)?|evonorm\w+|inplaceabn|affine"),
    ("linear", r"linear"),
    ("conv", r"conv(transpose)?[123]d"),
    ("pool", r"\w*(max|avg|blur|lp)pool\w*"),
    ("attention", r"(?!\w*block)\w*(attention|attn)\w*"),
)
MAPS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
PATTERNS = tuple((kind, re.compile(pattern, re.IGNORECASE)) for kind, pattern in KINDS)


def kind_of(module: nn.Module) -> str:
    """The first of KINDS that the module's class or one of its bases matches; 'other' if none does."""
    holds_maps = any(isinstance(inner, MAPS) for inner in module.modules() if inner is not module)
    for base in type(module).__mro__:
        for kind, pattern in PATTERNS:
            # `ConvNorm` is no norm: what holds a linear map is composed of layers, unless it is attention.
            if pattern.fullmatch(base.__name__) and (kind == "attention" or not holds_maps):
                return kind
    return "other"
