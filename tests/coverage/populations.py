"""Populations of images whose CKA is known: classes, factors within them, and two layers that see them."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.optimize import brentq

Design = Literal["random", "balanced"]


@dataclass(frozen=True)
class Population:
    """Two linear layers of images of equally frequent classes.

    An image of class c has factors means[c] + f, where f has independent entries of variance 1, Gaussian or skewed
    (exponential, skewness 2). Layer l of an image is factors @ maps[l] + noises[l] times Gaussian noise.
    """

    means: np.ndarray  # (C, F)
    skewed: bool
    maps: tuple[np.ndarray, np.ndarray]  # (F, p) each
    noises: tuple[float, float] = (0.5, 0.5)

    @property
    def cka(self) -> float:
        """Linear CKA of the population: |S_xy|^2 / (|S_xx| |S_yy|), Frobenius norms of its covariances."""
        inner = np.cov(self.means.T, bias=True) + np.eye(self.means.shape[1])

        def norm(a: int, b: int) -> float:
            noise = (a == b) * self.noises[a] ** 2 * np.eye(self.maps[a].shape[1])
            return float(np.square(self.maps[a].T @ inner @ self.maps[b] + noise).sum())

        return norm(0, 1) / np.sqrt(norm(0, 0) * norm(1, 1))

    def draw(self, n: int, design: Design, rng: np.random.Generator) -> tuple[list[np.ndarray], np.ndarray]:
        """Both layers (n, p) of n images, and their classes (n,); balanced: in turn, n / C of each class."""
        classes = len(self.means)
        labels = np.arange(n) % classes if design == "balanced" else rng.integers(classes, size=n)
        shape = n, self.means.shape[1]
        factors = self.means[labels] + (rng.exponential(size=shape) - 1 if self.skewed else rng.standard_normal(shape))
        layers = zip(self.maps, self.noises, strict=True)
        return [factors @ one + noise * rng.standard_normal((n, one.shape[1])) for one, noise in layers], labels


def population(
    cka: float,
    skewed: bool,
    *,
    classes: int = 10,
    between: float = 1.0,
    factors: int = 8,
    width: int = 20,
    decay: float = 0.8,
) -> Population:
    """A population of this CKA; `between` is the standard deviation of class means, in units of that within classes.

    Factors come in pairs, each with `decay` times the weight of the one before. The first layer sees one factor of each
    pair, by which classes differ, and the second the other, which is the same for all classes: CKA 0. For more, the
    second layer sees factors of the first as well, with other weights; and for still more the same ones, under noise.
    """
    rng = np.random.default_rng(0)
    weights = np.diag(decay ** (np.arange(factors) // 2))
    half = np.arange(factors) % 2 == 0
    means = between * rng.standard_normal((classes, factors)) * half
    first, second = (weights @ rng.standard_normal((factors, width)) / np.sqrt(width) for _ in range(2))
    own, shared, other = half[:, None] * first, half[:, None] * second, ~half[:, None] * second

    def mixed(share: float) -> Population:
        return Population(means, skewed, (own, np.sqrt(share) * shared + np.sqrt(1 - share) * other))

    def noisy(level: float) -> Population:
        return Population(means, skewed, (own, own), (0.05, level))

    if cka == 0:
        return mixed(0.0)
    if cka < mixed(1.0).cka:
        return mixed(brentq(lambda share: mixed(share).cka - cka, 0.0, 1.0))
    return noisy(brentq(lambda level: noisy(level).cka - cka, 0.0, 20.0))
