"""Whether an attack is to be believed of a model: signs that its gradients hide rather than that it is robust.

Athalye, Carlini and Wagner (2018): where gradients are masked, one step beats many, and a larger radius does not fool
more images. Shares of fooled images are over those that the model gets right.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kindred.similarity import significance

Bits = NDArray[np.bool_]

NEARLY_ALL = 0.99  # fooled: nothing is left to grow
SURE = 2.0  # standard deviations of the difference
VARIANTS = ("single", "half", "many", "double")


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


def rows(correct: Bits, fooled: Mapping[str, Bits]) -> pd.DataFrame:
    """The accuracy `clean` and the share fooled by each of VARIANTS: quantity, value, low, high, n and warning.

    correct: (image,) without attack; fooled: (n,) by variant, of the n images that are right, without which shares are
    NaN. Bounds are Wilson's, 95 %. What speaks against the attack stands in every row.
    """
    found = {"clean": correct, **{name: fooled[name] for name in VARIANTS}}
    count, n = (np.array([of(one) for one in found.values()]) for of in (np.sum, len))
    low, high = significance.wilson(count, n)
    warning = "; ".join(warnings(**fooled)) if correct.any() else ""
    value = count / np.where(n > 0, n, np.nan)
    return pd.DataFrame({"quantity": list(found), "value": value, "low": low, "high": high, "n": n, "warning": warning})
