"""Convergence of inversions: summaries of the residuals of all images, and of their course over the steps.

The residual of an image is ||g(x) - g(t)|| / ||g(t)|| for the inverted image x and its target t. Where the target's
features are zero (g(t) = 0) it is NaN: undefined, counted separately, and never converged.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def summary(
    inversion: str, model: str, residual: NDArray[np.floating], *, converged: float, leave_out: bool
) -> dict[str, object]:
    """One row: quantiles of the defined residuals (n,), the threshold `converged`, and the share above it.

    Undefined residuals count as above. `left_out` is the number of images that comparisons leave out.
    """
    defined, above = pd.Series(residual, dtype=np.float64), ~(residual <= converged)
    return {
        "inversion": inversion,
        "model": model,
        "n": len(residual),
        "median": defined.quantile(0.5),
        **{f"q{at:02d}": defined.quantile(at / 100) for at in (5, 25, 75, 95)},
        "worst": defined.max(),
        "converged": converged,
        "above": float(above.mean()),
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
) -> pd.DataFrame:
    """One row per recorded step: quantiles of the residuals curve (n, steps) at that step."""
    defined = pd.DataFrame(curve, dtype=np.float64)
    return pd.DataFrame(
        {
            "inversion": inversion,
            "model": model,
            "step": np.asarray(steps),
            "median": defined.quantile(0.5),
            "q25": defined.quantile(0.25),
            "q75": defined.quantile(0.75),
            "above": (~(curve <= converged)).mean(axis=0),
        }
    )
