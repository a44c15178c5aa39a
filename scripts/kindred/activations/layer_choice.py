"""The layers to compare: chosen by kind, by name, or as in Cianfarani et al. 2022; all or a share of them."""

from collections.abc import Mapping, Sequence

import numpy as np
from torch import Tensor, nn

from kindred.activations.layers import list_layers, resolve
from kindred.models.classifiers import Classifier

PAPER = "paper"
LISTED = (nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.Linear)


def of_models(
    classifiers: Mapping[str, Classifier], choice: str | Sequence[str], fraction: float, example: Tensor
) -> dict[str, list[str]]:
    """The chosen layers of several models, by their names; see `select`.

    Models of one network have the same layers, those of the one that has the most: `all` leaves out outputs that
    coincide, and which ones do depends on the weights, as where an untrained activation passes everything on.
    """
    own = {name: select(each, choice, fraction, example) for name, each in classifiers.items()}
    return {
        name: max((own[other] for other, one in classifiers.items() if one.description == each.description), key=len)
        for name, each in classifiers.items()
    }


def select(classifier: Classifier, choice: str | Sequence[str], fraction: float, example: Tensor) -> list[str]:
    """Names of the chosen layers in forward order.

    choice: as for `layers.resolve`, or 'paper': modules of the classes LISTED in the order of definition. Then residual
    sums are left out, which are no modules, and `penultimate`; a module that is called twice counts once; WRN-28-4 has
    80. fraction: the share of them that is kept, evenly spaced, first and last included; example: (1, c, h, w). Raises
    BadInput as `layers.resolve`.
    """
    if choice == PAPER:
        known = {layer.name for layer in list_layers(classifier, example)}
        modules = classifier.net.named_modules()
        chosen = [name for name, module in modules if isinstance(module, LISTED) and name in known]
    else:
        chosen = resolve(classifier, choice, example)
    kept = max(1, round(fraction * len(chosen)))
    return [chosen[index] for index in np.unique(np.linspace(0, len(chosen) - 1, kept).round().astype(int))]
