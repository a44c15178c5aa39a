"""Images of ten classes that differ in how hard they are, drawn at random or as many of each class."""

import numpy as np
from scipy import stats

CLASSES = 10


def ranks(n: int, choice: str, rng: np.random.Generator) -> np.ndarray:
    """Standard normal quantities (n,) of images of a population in which they order the classes.

    The first class has the lowest tenth of them, and so on, so their distribution, and all that is derived from them,
    is the same for both choices: random, or balanced with n / CLASSES of each class.
    """
    place = rng.random(n)
    if choice == "balanced":
        place = (np.arange(n) % CLASSES + place) / CLASSES
    return stats.norm.ppf(place)


def hardness(n: int, choice: str, rng: np.random.Generator) -> np.ndarray:
    """Standard normal (n,), half of its variance between classes."""
    return np.sqrt(0.5) * (ranks(n, choice, rng) + rng.standard_normal(n))
