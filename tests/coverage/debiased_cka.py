"""Coverage of debiased CKA and its jackknife interval over images, with random and balanced choices of images."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
import torch
from intervals import row
from kindred.similarity import cka_measures
from populations import Population, population

# (name in the table, images drawn, whether the estimator is told their classes)
WAYS = (
    ("independent images", "random", False),
    ("independent images", "balanced", False),
    ("stratified", "balanced", True),
)
SIZES = {50: 1000, 100: 1000, 500: 400}  # images: replications
TRUTHS = (0.0, 0.3, 0.9)
MEASURE = "cka_debiased"


def replicate(about: Population, n: int, design: str, stratified: bool, replications: int, seed: int) -> np.ndarray:
    """Values and bounds (3, R) of debiased CKA in independent samples, many samples at once."""
    found: list[np.ndarray] = []
    each = max(1, 5000 // n)
    for first in range(0, replications, each):
        count = min(each, replications - first)
        samples = [about.draw(n, design, np.random.default_rng([seed, first + one])) for one in range(count)]
        # Where strata are the same for all samples, those are layers of one comparison.
        layers = [torch.from_numpy(layer) for sample, _ in samples for layer in sample]
        settings = {"strata": samples[0][1] if stratified else None}
        pairs = [(2 * one, 2 * one + 1) for one in range(count)]
        part = cka_measures.compare([MEASURE], layers, pairs, settings)[MEASURE]
        found.append(np.stack([part[column] for column in ("value", "low", "high")]))
    return np.concatenate(found, axis=1)


def coverage(effort: float = 1.0, sizes: Iterable[int] = SIZES, truths: Iterable[float] = TRUTHS) -> pd.DataFrame:
    """A row for each way to draw and estimate, population, number of images and true value."""
    rows = []
    for n in sizes:
        for truth in truths:
            for skewed in (False, True):
                about = population(truth, skewed)
                for estimator, design, stratified in WAYS:
                    replications = max(20, round(effort * SIZES[n]))
                    found = replicate(about, n, design, stratified, replications, seed=n)
                    given = {"estimator": estimator, "choice": design, "factors": "skewed" if skewed else "Gaussian"}
                    rows.append({**given, "n": n, **row(*found, truth)})
    return pd.DataFrame(rows).sort_values(["n", "truth", "factors"], kind="stable", ignore_index=True)
