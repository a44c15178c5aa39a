"""Whether an attack is to be believed of a model: signs that its gradients hide rather than that it is robust.

Athalye, Carlini and Wagner (2018): where gradients are masked, one step beats many, and a larger radius does not fool
more images. Rates are over the images that the model gets right.
"""

import numpy as np
from numpy.typing import NDArray

Bits = NDArray[np.bool_]

NEARLY_ALL = 0.99  # fooled: nothing is left to grow
SURE = 2.0  # standard deviations of the difference


def beats(one: Bits, other: Bits) -> bool:
    """Whether one attack fools more of the same images than another, beyond chance (McNemar's z above SURE)."""
    only, only_other = int((one & ~other).sum()), int((other & ~one).sum())
    return only - only_other > SURE * np.sqrt(only + only_other)


def warnings(single: Bits, many: Bits, half: Bits, double: Bits) -> list[str]:
    """What speaks against an attack, in words; each (n,) of images that the model gets right: fooled or not.

    single: one step of length eps; many: the attack; half, double: the same at half and at twice the radius.
    """
    found = []
    if beats(single, many):
        found.append("one step beats many")
    grows = double.mean() >= NEARLY_ALL or double.mean() > many.mean()
    if not grows or beats(half, many) or beats(many, double):
        found.append("does not grow with eps")
    return found
