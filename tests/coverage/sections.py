"""The sections of docs/coverage.md, each a function that simulates and returns a table.

To add one: a module with a function of `effort` (1: as in the document; less for tests) that returns a DataFrame with the
columns of `intervals.row` behind those that say what was simulated, and an entry here.
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


SECTIONS = [
    Section(
        "Debiased CKA and the choice of images",
        "Two layers of 20 features see 8 factors; ten equally frequent classes have means with the same spread as the images "
        "of a class. The true value is that of the population, in closed form, and the same for both choices of images. "
        "`balanced` with the estimator of independent images is what the strata are for; Kindred does not do that.",
        debiased_cka.coverage,
    ),
]
