"""Coverage of the intervals of SAT, of its excess over its null and of its share of the ceiling."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from hardness import hardness
from intervals import row
from kindred.images.shuffled import donors
from kindred.similarity.excess import excess_of_pairs
from kindred.similarity.transfer import sat_from_counts, transfer_counts
from scipy import stats

SIZES = (50, 100, 500)
REPLICATIONS = 2000
OF_EXCESS = 1000
CHOICES = ("random", "balanced")
SAT_RATES = (0.02, 0.05, 0.2, 0.5, 0.9)
# Shares fooled by transfer, by perturbations of other images, and by a model's own.
TRIPLES = ((0.05, 0.02, 0.5), (0.1, 0.1, 0.3), (0.2, 0.05, 0.9), (0.5, 0.1, 0.9), (0.9, 0.2, 0.98))


def outcomes(
    rng: np.random.Generator, n: int, rates: tuple[float, float, float], shuffles: int, choice: str = "random"
) -> tuple[np.ndarray, ...]:
    """Two models on n images that both get right: arguments of `excess_of_pairs`; rates as in TRIPLES.

    Images differ in how hard they are and perturbations in how strong they are, each shared by all outcomes, with the
    variance that an outcome has by itself.
    """
    image, strength = hardness(n, choice, rng), rng.standard_normal(n)

    def wrong(rate: float, giver: np.ndarray) -> np.ndarray:
        level = stats.norm.ppf(rate) * np.sqrt(3)
        return level + image + strength[giver] + rng.standard_normal(n) > 0

    itself, donor = np.arange(n), donors(n, shuffles, int(rng.integers(2**31)))
    predicted = np.array([[wrong(rates[2 if a == b else 0], itself) for b in range(2)] for a in range(2)], dtype=int)
    moved = np.array([[[wrong(rates[1], one) for one in donor] for _ in range(2)] for _ in range(2)], dtype=int)
    return np.ones((2, n), bool), predicted, np.zeros(n, int), moved.reshape(2, 2, shuffles, n), donor


def sat_intervals(
    effort: float = 1.0, sizes: Iterable[int] = SIZES, rates: Iterable[float] = SAT_RATES
) -> pd.DataFrame:
    """SAT at several rates of transfer."""
    rows = []
    for n in sizes:
        for choice in CHOICES:
            for rate in rates:
                rng, found = np.random.default_rng([n, CHOICES.index(choice)]), []
                for _ in range(max(20, round(effort * REPLICATIONS))):
                    one = sat_from_counts(transfer_counts(*outcomes(rng, n, (rate, 0.1, 0.9), 0, choice)[:3]))
                    found.append((one.sat[0, 1], one.low[0, 1], one.high[0, 1]))
                given = {"choice": choice, "rate": f"{rate:g}", "n": n}
                rows.append({**given, **row(*np.transpose(found), float(np.log(100 * rate)))})
    return pd.DataFrame(rows)


def excess_intervals(
    effort: float = 1.0,
    sizes: Iterable[int] = SIZES,
    triples: Iterable[tuple[float, float, float]] = TRIPLES,
    variants: Iterable[tuple[str, int]] = (("random", 1), ("random", 3), ("balanced", 1)),
) -> pd.DataFrame:
    """Excess and share of the ceiling; variants: choice of images and number of shuffles."""
    rows = []
    for n in sizes:
        for choice, shuffles in variants:
            for p, q, u in triples:
                rng, excess, share = np.random.default_rng([n, shuffles]), [], []
                for _ in range(max(20, round(effort * OF_EXCESS))):
                    one = excess_of_pairs(*outcomes(rng, n, (p, q, u), shuffles, choice))
                    excess.append([one.excess[0, 1], one.excess_low[0, 1], one.excess_high[0, 1]])
                    share.append([one.share[0, 1], one.share_low[0, 1], one.share_high[0, 1]])
                about = {
                    "choice": choice,
                    "shuffles": str(shuffles),
                    "fooled / null / ceiling": f"{p:g} / {q:g} / {u:g}",
                }
                for name, found, truth in (("excess", excess, float(np.log(p / q))), ("share", share, p / u)):
                    # The ceiling does not depend on the shuffles.
                    if name == "excess" or shuffles == 1:
                        rows.append({"quantity": name, **about, "n": n, **row(*np.transpose(found), truth)})
    return pd.DataFrame(rows)
