"""Coverage of debiased CKA on inverted images, which depend on a target and on a seed, over pairings of the two."""

from collections.abc import Iterable, Mapping
from itertools import product
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from intervals import row
from kindred.inversion.seeds import match_seeds
from kindred.similarity import cka_measures
from kindred.similarity.comparison import over_pairings
from scipy.optimize import brentq

SIZES = {50: 1000, 100: 1000, 500: 200}  # images: replications
TRUTHS = (0.0, 0.3, 0.9)
CLASSES, DIMENSIONS = 10, 8
MEASURE = "cka_debiased"
MEANS = np.random.default_rng(0).standard_normal((CLASSES, DIMENSIONS))
MEANS -= MEANS.mean(axis=0)
WIDTH = 20
MAP = np.random.default_rng(1).standard_normal((DIMENSIONS, WIDTH)) / np.sqrt(WIDTH)
NOISE = 0.2


class Way(NamedTuple):
    """How targets are chosen, where seeds come from, how many pairings, and whether Kindred prints such an interval."""

    choice: str
    seeds: str
    pairings: int
    printed: str = "yes"


OTHERS, FEW, AMONG = "other images", "half as many other images", "among the targets"
WAYS = (
    Way("random", OTHERS, 1),
    Way("random", OTHERS, 3),
    Way("balanced", OTHERS, 1),
    Way("balanced", OTHERS, 3),
    Way("random", FEW, 1),
    Way("random", AMONG, 1, "no"),
    Way("random", AMONG, 3, "no"),
)


def population_cka(sees: float) -> float:
    """CKA of the population: the inverter sees targets, the tested model `sees` of their variance, and seeds.

    Seeds are of another class than their targets, so their class means are correlated, by -1 / (CLASSES - 1).
    """
    between = MEANS.T @ MEANS / CLASSES
    alone, across = between + np.eye(DIMENSIONS), -between / (CLASSES - 1)
    own, other = np.sqrt(sees), np.sqrt(1 - sees)
    tested = alone + 2 * own * other * across
    joint = own * alone + other * across

    def squared(inner: np.ndarray, a: int, b: int) -> float:
        noise = (a == b) * NOISE**2 * np.eye(WIDTH)
        return float(np.square(MAP.T @ inner @ MAP + noise).sum())

    return squared(joint, 0, 1) / np.sqrt(squared(alone, 0, 0) * squared(tested, 1, 1))


def sees(cka: float) -> float:
    """The share of the targets that a tested model must see for this CKA, at least that at which CKA is smallest."""
    every = np.linspace(0, 0.2, 2001)
    least = float(every[np.argmin([population_cka(one) for one in every])])
    return float(brentq(lambda share: population_cka(share) - cka, least, 1.0)) if cka else least


def positions(way: Way, labels: np.ndarray, others: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Places (pairings, n) of seeds among targets (labels) and the other images behind them."""
    if way.seeds != AMONG:
        return len(labels) + match_seeds(labels, others, int(rng.integers(2**31)), pairings=way.pairings)
    able = [np.flatnonzero(labels != label) for label in labels]
    return np.array([[rng.choice(one) for one in able] for _ in range(way.pairings)])


def sample(way: Way, n: int, share: float, rng: np.random.Generator) -> tuple[list[list[np.ndarray]], np.ndarray]:
    """Features (n, WIDTH) of the inverter and of the tested model for each pairing, and the classes of the targets."""
    many = n // 2 if way.seeds == FEW else n * way.pairings
    if way.choice == "balanced":
        labels, others = np.arange(n) % CLASSES, np.arange(many) % CLASSES
    else:
        labels, others = rng.integers(CLASSES, size=n), rng.integers(CLASSES, size=many)
    both = np.concatenate([labels, others])
    latent = MEANS[both] + rng.standard_normal((len(both), DIMENSIONS))
    found = []
    for seeds in positions(way, labels, others, rng):
        seen = latent[:n], np.sqrt(share) * latent[:n] + np.sqrt(1 - share) * latent[seeds]
        found.append([one @ MAP + NOISE * rng.standard_normal((n, WIDTH)) for one in seen])
    return found, labels


def replicate(way: Way, n: int, share: float, replications: int) -> np.ndarray:
    """Values and bounds (3, R) in independent samples, many of them as layers of one comparison."""
    found: list[np.ndarray] = []
    each = max(1, 5000 // (n * way.pairings))
    for first in range(0, replications, each):
        count = min(each, replications - first)
        samples = [sample(way, n, share, np.random.default_rng([n, first + one])) for one in range(count)]
        # All samples have the same strata, since a balanced choice takes classes in turn.
        settings = {"strata": samples[0][1] if way.choice == "balanced" else None}
        pairings = []
        for pairing in range(way.pairings):
            layers = [torch.from_numpy(layer) for pairs, _ in samples for layer in pairs[pairing]]
            places = [(2 * one, 2 * one + 1) for one in range(count)]
            pairings.append(cka_measures.compare([MEASURE], layers, places, settings)[MEASURE])
        part = over_pairings(pairings)
        found.append(np.stack([part[column] for column in ("value", "low", "high")]))
    return np.concatenate(found, axis=1)


def inverted_cka(
    effort: float = 1.0,
    sizes: Mapping[int, int] = SIZES,
    truths: Iterable[float] = TRUTHS,
    ways: Iterable[Way] = WAYS,
) -> pd.DataFrame:
    """A row for each number of targets, way to choose them and their seeds, and true CKA."""
    rows = []
    for (n, replications), truth, way in product(sizes.items(), truths, ways):
        share = sees(truth)
        found = replicate(way, n, share, max(20, round(effort * replications)))
        given = {
            "choice": way.choice,
            "seeds": way.seeds,
            "pairings": str(way.pairings),
            "printed": way.printed,
            "n": n,
        }
        rows.append({**given, **row(*found, population_cka(share))})
    return pd.DataFrame(rows)
