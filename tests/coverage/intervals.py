"""What repeated intervals are worth: a row of a table of coverage, and the sentence on rows that miss the goal."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

GOAL = (0.93, 0.97)


def row(value: ArrayLike, low: ArrayLike, high: ArrayLike, truth: float) -> dict[str, Any]:
    """Bias, coverage, mean width and replications of intervals (R,) of the same true value.

    above, below: shares of intervals that lie wholly above or below it. error: of the coverage, binomial.
    """
    value, low, high = (np.asarray(one, dtype=float) for one in (value, low, high))
    above, below = float(np.mean(low > truth)), float(np.mean(high < truth))
    coverage = float(np.mean((low <= truth) & (truth <= high)))
    return {
        "truth": truth,
        "bias": float(value.mean() - truth),
        "coverage": coverage,
        "error": float(np.sqrt(coverage * (1 - coverage) / len(value))),
        "above": above,
        "below": below,
        "width": float(np.mean(high - low)),
        "replications": len(value),
    }


def misses(table: pd.DataFrame) -> list[str]:
    """A sentence for every row outside the goal, with the direction of its misses."""
    names = [name for name in table if name in ("n", "truth") or not pd.api.types.is_numeric_dtype(table[name])]
    found = []
    for _, one in table.iterrows():
        if GOAL[0] <= one["coverage"] <= GOAL[1]:
            continue
        about = ", ".join(f"{name} {one[name]:g}" if name in ("n", "truth") else str(one[name]) for name in names)
        if one["coverage"] > GOAL[1]:
            how = "intervals are too wide"
        else:
            side = "above" if one["above"] >= one["below"] else "below"
            how = f"{100 * one[side] / (1 - one['coverage']):.0f} % of those that miss lie {side} the truth"
        found.append(f"{about}: {100 * one['coverage']:.1f} %; {how}.")
    return found
