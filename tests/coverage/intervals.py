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
    """A sentence for every row whose coverage is outside the goal by more than two binomial errors, with its direction."""
    names = [column for column in table.columns if table[column].dtype == object or column in ("n", "truth")]
    found = []
    for _, one in table.iterrows():
        margin = 2 * max(one["error"], np.sqrt(0.95 * 0.05 / one["replications"]))
        if GOAL[0] - margin <= one["coverage"] <= GOAL[1] + margin:
            continue
        about = ", ".join(f"{name} {one[name]:g}" if name in ("n", "truth") else str(one[name]) for name in names)
        if one["coverage"] > GOAL[1]:
            how = "intervals are too wide"
        else:
            side = "above" if one["above"] >= one["below"] else "below"
            how = f"of the intervals that miss, {max(one['above'], one['below']) / (1 - one['coverage']):.0%} lie {side} the truth"
        found.append(f"{about}: {one['coverage']:.1%}; {how}.")
    return found
