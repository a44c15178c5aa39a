"""Convergence of inversions: summaries of the residuals of all images, and of their course over the steps.

The residual of an image is ||g(x) - g(t)|| / ||g(t)|| for the inverted image x and its target t. Where the target's
features are zero (g(t) = 0) it is NaN: undefined, counted separately, and never converged.

The share of images that have not converged (`above`) has a 95 % interval (Wilson) over targets: images of one target
that start from several seed images count as one.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kindred.similarity import significance


def summary(
    inversion: str,
    model: str,
    residual: NDArray[np.floating],
    *,
    converged: float,
    leave_out: bool,
    pairings: int = 1,
) -> dict[str, object]:
    """One row: quantiles of the defined residuals (n,), the threshold `converged`, and the share above it.

    pairings: seed images of each target. Undefined residuals count as above. `left_out` is the number of images that
    comparisons leave out.
    """
    defined, above = pd.Series(residual, dtype=np.float64), ~(residual <= converged)
    low, high = significance.wilson(above.sum() / pairings, len(residual) / pairings)
    return {
        "inversion": inversion,
        "model": model,
        "n": len(residual),
        "median": defined.quantile(0.5),
        **{f"q{at:02d}": defined.quantile(at / 100) for at in (5, 25, 75, 95)},
        "worst": defined.max(),
        "converged": converged,
        "above": float(above.mean()),
        "above_low": float(low),
        "above_high": float(high),
        "undefined": int(defined.isna().sum()),
        "left_out": int(above.sum()) if leave_out else 0,
    }


def course(
    inversion: str,
    model: str,
    curve: NDArray[np.floating],
    steps: Sequence[int] | NDArray[np.integer],
    *,
    converged: float,
    pairings: int = 1,
) -> pd.DataFrame:
    """One row per recorded step: quantiles of the residuals curve (n, steps) at that step, and the share above."""
    defined, above = pd.DataFrame(curve, dtype=np.float64), ~(curve <= converged)
    low, high = significance.wilson(above.sum(axis=0) / pairings, len(curve) / pairings)
    return pd.DataFrame(
        {
            "inversion": inversion,
            "model": model,
            "step": np.asarray(steps),
            "n": len(curve),
            "median": defined.quantile(0.5),
            "q25": defined.quantile(0.25),
            "q75": defined.quantile(0.75),
            "above": above.mean(axis=0),
            "above_low": low,
            "above_high": high,
        }
    )
