"""The sections of docs/coverage.md, each a function that simulates and returns a table.

To add one: a module with a function of `effort` (1: as in the document; less for tests) that returns a DataFrame with
the columns of `intervals.row` behind those that say what was simulated, and an entry here.
"""

from collections.abc import Callable
from dataclasses import dataclass

import debiased_cka
import pandas as pd


@dataclass(frozen=True)
class Section:
    """A table of the document: its title, what was simulated, and the function that does it."""

    title: str
    text: str
    simulate: Callable[[float], pd.DataFrame]


TEN = """
Two layers of 20 features see 8 factors of an image. Ten classes are equally frequent; their means have a spread of 1
(overlapping) or 4 (apart) times that within a class. The true value is that of the population, in closed form, and the
same for both choices of images. A balanced choice with the estimator of independent images is shown to say what strata
are for; Kindred does not do that.
"""
HUNDRED = """
The same with 100 classes in as many directions, 200 features, and 5 or 10 images of each class, as in studies of
ImageNet.
"""
SECTIONS = [
    Section("Debiased CKA, ten classes", TEN.strip(), debiased_cka.ten_classes),
    Section("Debiased CKA, a hundred classes", HUNDRED.strip(), debiased_cka.hundred_classes),
]
