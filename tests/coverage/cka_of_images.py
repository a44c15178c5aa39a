"""Coverage of CKA and its jackknife interval over images, with random and balanced choices of images."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
import torch
from intervals import row
from kindred.similarity import cka_measures
from populations import Population, population

# (name in the table, images drawn, whether the estimator is told their classes, whether Kindred does that)
WAYS = (
    ("independent images", "random", False, "yes"),
    ("independent images", "balanced", False, "no"),
    ("stratified", "balanced", True, "yes"),
)
TEN = {50: 2000, 100: 2000, 500: 800}  # images: replications
HUNDRED = {500: 300, 1000: 150}
DEBIASED = "cka_debiased"
OTHERS = ("cka_biased", "cka_minibatch")
BATCHES, PASSES = 5, 3  # of cka_minibatch


def replicate(
    about: Population, n: int, design: str, stratified: bool, replications: int, seed: int, measure: str = DEBIASED
) -> np.ndarray:
    """Values and bounds (3, R) of a measure in independent samples, many of them as layers of one comparison."""
    found: list[np.ndarray] = []
    each = max(1, 5000 // n)
    for first in range(0, replications, each):
        count = min(each, replications - first)
        samples = [about.draw(n, design, np.random.default_rng([seed, first + one])) for one in range(count)]
        layers = [torch.from_numpy(layer) for sample, _ in samples for layer in sample]
        # All samples have the same strata, since a balanced choice takes classes in turn.
        settings = {"strata": samples[0][1] if stratified else None}
        settings["minibatch"] = {"size": n // BATCHES, "passes": PASSES, "seed": 0}
        pairs = [(2 * one, 2 * one + 1) for one in range(count)]
        part = cka_measures.compare([measure], layers, pairs, settings)[measure]
        found.append(np.stack([part[column] for column in ("value", "low", "high")]))
    return np.concatenate(found, axis=1)


def simulate(
    populations: Iterable[tuple[str, float, Population]], sizes: dict[int, int], effort: float
) -> pd.DataFrame:
    """A row for each number of images, population (name, true CKA, itself), and way to draw and estimate."""
    rows = []
    populations = list(populations)
    for n, replications in sizes.items():
        for name, truth, about in populations:
            for estimator, design, stratified, printed in WAYS:
                found = replicate(about, n, design, stratified, max(20, round(effort * replications)), seed=n)
                given = {"estimator": estimator, "choice": design, "printed": printed, "population": name, "n": n}
                rows.append({**given, **row(*found, truth)})
    return pd.DataFrame(rows)


def ten_classes(effort: float = 1.0) -> pd.DataFrame:
    """Few classes, Gaussian and skewed factors, classes that overlap (spread 1) and that lie apart (spread 4)."""
    kinds = [("Gaussian, apart", False, 4.0), ("skewed, apart", True, 4.0), ("skewed, overlapping", True, 1.0)]
    return simulate(
        [
            (name, truth, population(truth, skewed, between=between))
            for truth in (0.0, 0.3, 0.9)
            for name, skewed, between in kinds
        ],
        TEN,
        effort,
    )


def other_estimators(effort: float = 1.0) -> pd.DataFrame:
    """Biased and minibatch CKA; the truth is the mean of all samples, as both are biased at a number of images."""
    rows = []
    for n, replications in TEN.items():
        for truth in (0.0, 0.3, 0.9):
            about = population(truth, True, between=4.0)
            for measure in OTHERS:
                for design in ("random", "balanced"):
                    count = max(20, round(effort * replications))
                    found = replicate(about, n, design, design == "balanced", count, n, measure)
                    given = {"measure": measure, "choice": design, "printed": "yes", "CKA": truth, "n": n}
                    rows.append({**given, **row(*found, float(found[0].mean()))})
    return pd.DataFrame(rows)


def hundred_classes(effort: float = 1.0) -> pd.DataFrame:
    """Many classes with few images each in many directions."""
    many = {"classes": 100, "between": 2.0, "factors": 200, "width": 200, "decay": 1.0}
    return simulate(
        [("Gaussian, 100 classes", truth, population(truth, False, **many)) for truth in (0.0, 0.5, 0.9)],
        HUNDRED,
        effort,
    )
