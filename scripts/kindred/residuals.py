"""How well an inversion has worked: residuals of all images in a few numbers, and their course over the steps.

The residual of an image is ||g(x) - g(t)|| / ||g(t)|| for the inverted image x and its target t. Where a model says
nothing of a target (g(t) = 0) it is NaN: undefined, counted apart, and never converged.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

QUANTILES = (5, 25, 50, 75, 95)  # per cent
SUMMARY = (
    "inversion",
    "model",
    "n",
    "median",
    *(f"q{q:02d}" for q in QUANTILES if q != 50),
    "worst",
    "converged",
    "above",
    "undefined",
    "left_out",
)
CURVE = ("inversion", "model", "step", "median", "q25", "q75", "above")


def summary(
    inversion: str, model: str, residual: NDArray[np.floating], *, converged: float, leave_out: bool
) -> dict[str, object]:
    """One row: quantiles of residuals (n,) where defined, the threshold `converged`, and the share that is above it.

    Undefined residuals count as above. `left_out` is the number of images that comparisons do without.
    """
    above = ~(residual <= converged)
    row: dict[str, object] = {"inversion": inversion, "model": model, "n": len(residual)}
    row |= dict(zip((_column(q) for q in QUANTILES), _quantiles(residual, QUANTILES), strict=True))
    defined = residual[~np.isnan(residual)]
    row |= {
        "worst": float(defined.max()) if len(defined) else np.nan,
        "converged": converged,
        "above": float(above.mean()),
        "undefined": int(np.isnan(residual).sum()),
        "left_out": int(above.sum()) if leave_out else 0,
    }
    return {column: row[column] for column in SUMMARY}


def course(
    inversion: str,
    model: str,
    curve: NDArray[np.floating],
    steps: Sequence[int] | NDArray[np.integer],
    *,
    converged: float,
) -> pd.DataFrame:
    """A row per recorded step of the residuals (n, steps) of the images as they were then."""
    middle = np.array([_quantiles(column, (50, 25, 75)) for column in curve.T])
    return pd.DataFrame(
        {
            "inversion": inversion,
            "model": model,
            "step": np.asarray(steps),
            "median": middle[:, 0],
            "q25": middle[:, 1],
            "q75": middle[:, 2],
            "above": (~(curve <= converged)).mean(axis=0),
        }
    )[list(CURVE)]


def _column(quantile: int) -> str:
    return "median" if quantile == 50 else f"q{quantile:02d}"


def _quantiles(values: NDArray[np.floating], wanted: Sequence[int]) -> list[float]:
    """Quantiles of what is defined, NaN where nothing is."""
    defined = np.asarray(values, dtype=np.float64)[~np.isnan(values)]
    if not len(defined):
        return [float("nan")] * len(wanted)
    return [float(value) for value in np.percentile(defined, wanted)]
