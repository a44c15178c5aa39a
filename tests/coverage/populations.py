"""Populations of images whose CKA is known: classes, factors within them, and two layers that see them."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.optimize import brentq

Design = Literal["random", "balanced"]
FACTORS, WIDTH = 8, 20


@dataclass(frozen=True)
class Population:
    """Two linear layers of images of equally frequent classes.

    An image of class c has factors means[c] + f, where f has independent entries of variance 1, Gaussian or skewed
    (exponential, skewness 2). Layer l of an image is factors @ maps[l] + noises[l] times Gaussian noise.
    """

    means: np.ndarray  # (C, FACTORS)
    skewed: bool
    maps: tuple[np.ndarray, np.ndarray]  # (FACTORS, WIDTH) each
    noises: tuple[float, float] = (0.5, 0.5)

    @property
    def cka(self) -> float:
        """Linear CKA of the population: |S_xy|^2 / (|S_xx| |S_yy|), Frobenius norms of its covariances."""
        inner = np.cov(self.means.T, bias=True) + np.eye(FACTORS)

        def norm(a: int, b: int) -> float:
            noise = (a == b) * self.noises[a] ** 2 * np.eye(WIDTH)
            return float(np.square(self.maps[a].T @ inner @ self.maps[b] + noise).sum())

        return norm(0, 1) / np.sqrt(norm(0, 0) * norm(1, 1))

    def draw(self, n: int, design: Design, rng: np.random.Generator) -> tuple[list[np.ndarray], np.ndarray]:
        """Both layers (n, WIDTH) of n images, and their classes (n,); balanced: in turn, n / C of each class."""
        classes = len(self.means)
        labels = np.arange(n) % classes if design == "balanced" else rng.integers(classes, size=n)
        within = rng.exponential(size=(n, FACTORS)) - 1 if self.skewed else rng.standard_normal((n, FACTORS))
        factors = self.means[labels] + within
        layers = zip(self.maps, self.noises, strict=True)
        return [factors @ one + noise * rng.standard_normal((n, WIDTH)) for one, noise in layers], labels


def population(cka: float, skewed: bool, classes: int = 10, between: float = 1.0, seed: int = 0) -> Population:
    """A population of this CKA; `between` is the standard deviation of class means, in units of that within classes.

    Layers see the same factors with other weights, each factor less than the one before. For CKA 0 they see disjoint
    halves of the factors, and classes differ in the first half alone; the rest is by mixing the two layers.
    """
    rng = np.random.default_rng(seed)
    weights = np.diag(0.8 ** (np.arange(FACTORS) // 2))
    half = np.arange(FACTORS) % 2 == 0
    means = between * rng.standard_normal((classes, FACTORS)) * half
    first, second = (weights @ rng.standard_normal((FACTORS, WIDTH)) / np.sqrt(WIDTH) for _ in range(2))
    own = half[:, None] * first
    other = ~half[:, None] * second

    def mixed(share: float) -> Population:
        shared = half[:, None] * second
        return Population(means, skewed, (own, np.sqrt(share) * shared + np.sqrt(1 - share) * other))

    if cka == 0:
        return mixed(0.0)
    if cka > mixed(1.0).cka:  # the second layer then sees factors as the first does, and little else
        noise = brentq(lambda level: Population(means, skewed, (own, own), (0.05, level)).cka - cka, 0.0, 3.0)
        return Population(means, skewed, (own, own), (0.05, noise))
    share = brentq(lambda value: mixed(value).cka - cka, 0.0, 1.0)
    return mixed(share)
