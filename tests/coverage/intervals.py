"""What repeated intervals are worth: a row of a table of coverage, and the sentences on rows that miss the goal."""

from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

GOAL = (0.93, 0.97)
NARROW, WIDE = "too narrow", "too wide"
RESULTS = ("bias", "coverage", "error", "above", "below", "width", "none", "replications")


def row(value: ArrayLike, low: ArrayLike, high: ArrayLike, truth: float) -> dict[str, Any]:
    """Bias, coverage, mean width and replications of intervals (R,) of the same true value.

    above, below: shares of intervals that lie wholly above or below it. error: of the coverage, binomial. none: the
    share of samples that have no interval (NaN); all else is of the others.
    """
    value, low, high = (np.asarray(one, dtype=float) for one in (value, low, high))
    known = np.isfinite(low) & np.isfinite(high)
    value, low, high, some = value[known], low[known], high[known], bool(known.any())
    coverage = float(np.mean((low <= truth) & (truth <= high))) if some else np.nan
    return {
        "truth": truth,
        "bias": float(value.mean() - truth) if some else np.nan,
        "coverage": coverage,
        "error": float(np.sqrt(coverage * (1 - coverage) / len(value))) if some else np.nan,
        "above": float(np.mean(low > truth)) if some else np.nan,
        "below": float(np.mean(high < truth)) if some else np.nan,
        "width": float(np.mean(high - low)) if some else np.nan,
        "none": float(1 - known.mean()),
        "replications": len(known),
    }


def verdicts(table: pd.DataFrame) -> pd.Series:
    """For each row whether its intervals are too narrow or too wide; empty within the goal."""
    coverage = table["coverage"]
    return pd.Series(np.select([coverage < GOAL[0], coverage > GOAL[1]], [NARROW, WIDE], ""), index=table.index)


def misses(table: pd.DataFrame) -> list[str]:
    """Sentences on the rows outside the goal: each row whose intervals are too narrow, and groups of too wide ones.

    Rows that Kindred does not print (`printed`: no) are shown for contrast and have no goal.
    """
    counted = table[table["printed"] == "yes"] if "printed" in table else table
    found = verdicts(counted)
    narrow, wide = counted[found == NARROW], counted[found == WIDE]
    sentences = [f"Too narrow: {_narrow(one, counted)}." for _, one in narrow.iterrows()]
    if len(wide):
        shares = " to ".join(
            dict.fromkeys(f"{100 * one:.1f}" for one in (wide["coverage"].min(), wide["coverage"].max()))
        )
        groups = "; ".join(_groups(wide, counted))
        sentences.append(
            f"Too wide, which errs towards no finding: {len(wide)} of {len(counted)} rows, {shares} %: {groups}."
        )
    return sentences


def _narrow(one: pd.Series, table: pd.DataFrame) -> str:
    side = "above" if one["above"] >= one["below"] else "below"
    share = max(one["above"], one["below"]) / (1 - one["coverage"])
    text = f"{_named(one, _conditions(table))}: {100 * one['coverage']:.1f} %"
    if one["coverage"] + 2 * one["error"] > GOAL[0]:
        text += " (within two standard errors of the goal)"
    return f"{text}; {100 * share:.0f} % of those that miss lie {side} the truth"


def _groups(some: pd.DataFrame, table: pd.DataFrame) -> list[str]:
    """Names of groups of rows that are all among some of the table, the largest first, and of each row that is left.

    A group has one or two conditions, and at least three rows.
    """
    names = [name for name in _conditions(table) if table[name].nunique() > 1]
    candidates = []
    for columns in [*combinations(names, 1), *combinations(names, 2)]:
        for _, rows in table.groupby(list(columns), sort=False):
            if len(rows) >= 3 and set(rows.index) <= set(some.index):
                candidates.append((_named(rows.iloc[0], columns), set(rows.index)))
    left, found = set(some.index), []
    while candidates:
        # Of equals the first, which has the fewest conditions.
        name, rows = max(candidates, key=lambda one: len(one[1] & left))
        if len(rows & left) < 2:
            break
        found.append(f"all rows with {name}")
        left -= rows
    return found + [_named(some.loc[index], names or _conditions(table)) for index in sorted(left)]


def _conditions(table: pd.DataFrame) -> list[str]:
    """Columns that say what was simulated."""
    return [name for name in table if name not in (*RESULTS, "printed")]


def _named(one: pd.Series, columns: Any) -> str:
    return ", ".join(
        f"{name} {one[name] if isinstance(one[name], str) else format(one[name], '.3g')}" for name in columns
    )
