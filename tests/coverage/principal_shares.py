"""Coverage of the share of variance along the first principal component."""

import numpy as np
import pandas as pd
import torch
from intervals import row
from kindred.similarity.gram import pack
from kindred.similarity.layer_comparison import principal_share
from kindred.similarity.significance import interval

SIZES = {50: 2000, 100: 2000, 500: 500}  # images: replications
FEATURES, LARGEST = 20, 2.0  # standard deviations fall evenly from the largest to a quarter of it
AHEAD = {"none": 1.0, "twice": 2.0, "five times": 5.0}  # standard deviation of the first, in units of the second


def principal_intervals(effort: float = 1.0) -> pd.DataFrame:
    """A row for each number of images, distribution, and lead of the first direction over the others."""
    rows = []
    for n, replications in SIZES.items():
        for name, lead in AHEAD.items():
            scales = np.linspace(LARGEST, LARGEST / 4, FEATURES) if lead > 1 else np.full(FEATURES, LARGEST)
            scales[0] = lead * LARGEST
            for drawn in ("Gaussian", "skewed"):
                found = _replicate(n, scales, drawn, max(20, round(effort * replications)))
                given = {"features": drawn, "ahead": name, "n": n}
                rows.append({**given, **row(*found, float(found[0].mean()))})
    return pd.DataFrame(rows)


def _replicate(n: int, scales: np.ndarray, drawn: str, replications: int) -> tuple[np.ndarray, ...]:
    """Values and bounds (R,) in independent samples, which are the layers of one comparison."""
    draws = np.random.default_rng([n, len(drawn), round(10 * scales[0])])
    samples = []
    for _ in range(replications):
        features = (
            draws.normal(size=(n, FEATURES)) if drawn == "Gaussian" else draws.exponential(size=(n, FEATURES)) - 1
        )
        samples.append(torch.from_numpy(features * scales).float())
    share = principal_share(pack(samples))
    bounds = interval(share["value"], share["error"])
    return bounds["value"], bounds["low"], bounds["high"]
