"""Intervals of shares, and how far a similarity is from what images paired at random would give."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

Floats = NDArray[np.float64]
Z95 = 1.959963984540054
RARE = 3  # images, up to which their share has a bound of its own


def wilson(count: ArrayLike, n: ArrayLike) -> tuple[Floats, Floats]:
    """Bounds of the 95 % interval of a share, count of n independent images (Wilson 1927); NaN where n is 0.

    Unlike the normal interval it has a width where none or all of the images count. Where up to RARE images count, or
    do not, the bound on their side is too near (Brown, Cai and DasGupta 2001, section 4.1.1): coverage is then as low
    as 84 %. As they propose, that bound is the one-sided one of a Poisson number.
    """
    n = np.asarray(n, dtype=np.float64)
    n = np.where(n > 0, n, np.nan)
    count = np.asarray(count, dtype=np.float64)
    share = count / n
    shrunk = 1 + Z95**2 / n
    centre = (share + Z95**2 / (2 * n)) / shrunk
    half = Z95 * np.sqrt(share * (1 - share) / n + Z95**2 / (4 * n**2)) / shrunk
    low, high = np.minimum(centre - half, _rare(count) / n), np.maximum(centre + half, 1 - _rare(n - count) / n)
    # A bound that is 0 or 1 is so exactly, and not but for rounding.
    return np.where(share == 0, 0.0, low), np.where(share == 1, 1.0, high)


def _rare(count: Floats) -> Floats:
    """Lower bound, one-sided at 95 %, of the mean of a Poisson number of 1 to RARE; infinite for others."""
    few = (count >= 1) & (count <= RARE)
    return np.where(few, stats.chi2.ppf(0.05, 2 * np.where(few, count, 1)) / 2, np.inf)


def paired(difference: ArrayLike) -> tuple[Floats, Floats]:
    """Bounds (...) of the 95 % interval of the mean of paired differences (..., n), each from -1 to 1.

    That of Bonett and Price (2012), for differences of two shares of the same images: normal, after one image more
    each way. It has a width where the two never differ, and is centred a little nearer to 0. NaN without images.
    """
    difference = np.asarray(difference, dtype=np.float64)
    n = difference.shape[-1]
    if not n:
        return np.full(difference.shape[:-1], np.nan), np.full(difference.shape[:-1], np.nan)
    middle = difference.sum(axis=-1) / (n + 2)
    variance = ((difference**2).sum(axis=-1) + 2) / (n + 2) - middle**2
    half = Z95 * np.sqrt(variance / (n + 2))
    return np.clip(middle - half, -1, 1), np.clip(middle + half, -1, 1)


def interval(value: ArrayLike, error: ArrayLike) -> dict[str, Floats]:
    """The columns value, low and high of estimates with these standard errors: 95 %, normal."""
    value, half = np.asarray(value, dtype=np.float64), Z95 * np.asarray(error, dtype=np.float64)
    # Numbers stay numbers: a table would take arrays of no dimension for objects, and write NaN as text.
    return {"value": value[()], "low": value - half, "high": value + half}


def against_random_pairing(value: ArrayLike, n: ArrayLike) -> tuple[Floats, Floats]:
    """(z, p) of debiased CKA on n images, under the null hypothesis that its two sides are independent.

    z is the value in units of its standard deviation when images are paired at random, sqrt(2 / (n (n - 3))). p is the
    one-sided level of the t test of Székely and Rizzo (2013, section 3): with nu = n (n - 3) / 2, sqrt(nu - 1) R /
    sqrt(1 - R^2) has Student's t distribution with nu - 1 degrees of freedom. That is exact for features of very many
    independent dimensions and errs for few: docs/design.md says by how much. NaN for fewer than 5 images.
    """
    value, n = np.asarray(value, dtype=np.float64), np.asarray(n, dtype=np.float64)
    nu = np.where(n >= 5, n * (n - 3) / 2, np.nan)
    within = np.clip(value, -1 + 1e-12, 1 - 1e-12)
    return value * np.sqrt(nu), stats.t.sf(np.sqrt(nu - 1) * within / np.sqrt(1 - within**2), nu - 1)


def permutation_p(value: ArrayLike, permuted: ArrayLike) -> Floats:
    """One-sided p of values (P,): (1 + permutations with at least the value) / (1 + K), given permuted values (K, P).

    The pairing that was found counts as one of the permutations, so p is never 0 and the test is exact (Phipson and
    Smyth 2010). NaN where a value is.
    """
    value, permuted = np.asarray(value, dtype=np.float64), np.asarray(permuted, dtype=np.float64)
    p = (1 + (permuted >= value).sum(axis=0)) / (1 + len(permuted))
    return np.where(np.isnan(value), np.nan, p)


def calibrated(value: ArrayLike, null: ArrayLike, largest: ArrayLike) -> Floats:
    """Where a value lies between its null level, 0, and the largest value of its measure, 1; below the former negative.

    The form of Gröger, Wen and Brbić (package calibrated-similarity), whose level is a quantile of the null
    distribution and who clip at 0; this one is its mean. NaN where one of them is unknown.
    """
    value, null, largest = (np.asarray(each, dtype=np.float64) for each in (value, null, largest))
    room = largest - null
    return (value - null) / np.where(room > 0, room, np.nan)


def false_discovery(p: ArrayLike) -> Floats:
    """The smallest false discovery rate at which each of several tests is a discovery (Benjamini and Hochberg 1995).

    p: levels of the tests, NaN where there was none; those stay NaN and do not count.
    """
    p = np.asarray(p, dtype=np.float64)
    found = np.full(p.shape, np.nan)
    tested = ~np.isnan(p)
    if tested.any():
        found[tested] = stats.false_discovery_control(p[tested])
    return found
