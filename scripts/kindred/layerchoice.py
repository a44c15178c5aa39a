"""Which layers of a network are compared: by kind, by name, as the paper lists them; all or evenly spaced ones."""

from collections.abc import Sequence

import numpy as np
from torch import Tensor, nn

from kindred.layers import list_layers, resolve
from kindred.models import Classifier

PAPER = "paper"
LISTED = (nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.Linear)


def select(
    classifier: Classifier, choice: str | Sequence[str], fraction: float, example: Tensor
) -> list[str]:
    """Names of the chosen layers in order; choice: `paper`, or what `layers.resolve` takes; example: (1, c, h, w).

    fraction: share of them that is kept, evenly spaced, first and last included. Raises BadInput as `resolve`.
    """
    chosen = listed(classifier, example) if choice == PAPER else resolve(classifier, choice, example)
    kept = max(1, round(fraction * len(chosen)))
    return [chosen[place] for place in np.unique(np.linspace(0, len(chosen) - 1, kept).round().astype(int))]


def listed(classifier: Classifier, example: Tensor) -> list[str]:
    """The list of Cianfarani et al. 2022: modules of the classes LISTED in the order in which a network holds them.

    Sums of residuals are not modules and are not in it; a module that is called twice counts once, as does
    `penultimate` not at all. WRN-28-4 has 80.
    """
    known = {layer.name for layer in list_layers(classifier, example)}
    return [
        name
        for name, module in classifier.net.named_modules()
        if isinstance(module, LISTED) and name in known
    ]
