"""What teachers give their students: gains over seeds and images, and their correlation with SAT.

The same student is trained with and without a teacher from the same seeds, so a gain is a mean of paired differences.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from kindred.analyses import correlations

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
FEWEST = 4  # pairs that a correlation needs
NOTHING_TO_TEACH = "cannot tell: the teacher gets every training label right, so its labels add nothing"
TOO_FEW = f"cannot tell: fewer than {FEWEST} pairs of student and teacher with a gain and a SAT"


def gain(alone: Flags, taught: Flags) -> tuple[float, float, float]:
    """Gain in accuracy and its 95 % interval, from correctness (seed, n) without and with a teacher.

    The variance of the mean is that of its seeds plus that of its images, each over its number; Student's t with the
    degrees of freedom of Satterthwaite (1946). What seeds and images do together counts in both, so the interval is a
    little wide. One image more each way, as in `significance.paired`, gives a width where nothing differs. No interval
    for one seed.
    """
    difference = taught.astype(np.float64) - alone
    seeds, n = difference.shape
    value = float(difference.mean())
    if seeds < 2 or not n:
        return value, float("nan"), float("nan")
    over_seeds = difference.mean(axis=1).var(ddof=1) / seeds
    images = np.concatenate([difference.mean(axis=0), [1.0, -1.0]])
    over_images = images.var(ddof=1) / len(images)
    freedom = (over_seeds + over_images) ** 2 / (over_seeds**2 / (seeds - 1) + over_images**2 / (len(images) - 1))
    half = stats.t.ppf((1 + correlations.LEVEL) / 2, freedom) * np.sqrt(over_seeds + over_images)
    return value, float(value - half), float(value + half)


def verdict(method: str, teacher_right: float) -> str:
    """Why a gain says nothing, or an empty text."""
    return NOTHING_TO_TEACH if method == "hard" and teacher_right == 1 else ""


def row(alone: Flags, taught: Flags, method: str, teacher_right: float) -> dict[str, object]:
    """The columns of a student, a teacher and a method; a gain that says nothing is left empty."""
    why = verdict(method, teacher_right)
    value, low, high = (np.nan,) * 3 if why else gain(alone, taught)
    return {
        "alone": alone.mean(),
        "taught": taught.mean(),
        "value": value,
        "low": low,
        "high": high,
        "null": 0.0,
        "n": alone.shape[1],
        "seeds": len(alone),
        "teacher_right": teacher_right,
        "verdict": why,
    }


def summary(table: pd.DataFrame, draws: int, seed: int) -> pd.DataFrame:
    """Correlation of gain and SAT for each method, with an interval that resamples teachers.

    table: student, teacher, method, value, sat. n: pairs with both.
    """
    rows = []
    for method, every in table.groupby("method", sort=False):
        part = every.dropna(subset=["value", "sat"])
        value = low = high = np.nan
        teachers, index = np.unique(part["teacher"].to_numpy(dtype=str), return_inverse=True)
        if len(part) >= FEWEST:
            statistic = correlations.correlation(part["sat"], part["value"])
            value = correlations.of_all(statistic, len(part))
            low, high = correlations.interval(statistic, index[:, None], len(teachers), draws, seed)
        why = TOO_FEW if len(part) < FEWEST else ""
        rows.append((method, "correlation of gain and SAT", value, low, high, 0.0, len(part), len(teachers), why))
    columns = ["method", "statistic", "value", "low", "high", "null", "n", "teachers", "verdict"]
    return pd.DataFrame(rows, columns=columns)
