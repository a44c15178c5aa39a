"""Which image an inversion starts from: for every target one of another class, and never a target itself.

Inverted images of one model depend on target and seed. Were the seeds drawn among the targets, image i of one pair
would be image j of another, images would not be independent, and CKA on them would be too low (docs/design.md).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from kindred.workflow.errors import BadInput

Positions = NDArray[np.int64]


def match_seeds(
    targets: Sequence[int] | NDArray[np.integer],
    candidates: Sequence[int] | NDArray[np.integer],
    seed: int,
    *,
    pairings: int = 1,
    preferred: int | None = None,
) -> Positions:
    """For every target and pairing the position (pairings, n) of its seed image among the candidates.

    targets (n,) and candidates (m,): labels, of images that are not in both. A seed has another label than its target,
    and another image in every pairing. Each candidate is used once where there are enough; else all are used equally
    often, but for once more or less and for classes so common that others cannot make up for them. Which are used, and
    for which target, is random, except that the first `preferred` candidates (default: all) come before the rest. The
    result is a function of the arguments alone.

    Raises BadInput where a target has fewer candidates of another label than there are pairings.
    """
    targets, candidates = np.asarray(targets), np.asarray(candidates)
    n, wanted = len(targets), pairings * len(targets)
    _demand_enough(targets, candidates, pairings)
    draws = np.random.default_rng(seed)
    first = len(candidates) if preferred is None else preferred
    order = np.concatenate([draws.permutation(first), first + draws.permutation(len(candidates) - first)])
    # Where there are too few, the same round again and again.
    dealt = np.resize(draws.permutation(order[:wanted]), wanted)
    found = np.stack([draws.permutation(row) for row in dealt.reshape(pairings, n)])
    rank = np.argsort(order)  # candidates in the order in which they are taken
    for pairing, at in np.argwhere(_wrong(found, targets, candidates)):
        if not _wrong(found, targets, candidates, at)[pairing]:
            continue  # it was changed for another target
        swaps = _swaps(found, pairing, at, targets, candidates)
        if len(swaps):
            there = tuple(draws.choice(swaps))
            found[pairing, at], found[there] = found[there], found[pairing, at]
            continue
        # Nobody can swap: the candidate that is used least, which is an unused one where there is any.
        uses, here = (np.bincount(some.ravel(), minlength=len(candidates)) for some in (found, found[pairing]))
        able = np.flatnonzero((candidates != targets[at]) & ~np.isin(np.arange(len(candidates)), found[:, at]))
        found[pairing, at] = able[np.lexsort((rank[able], here[able], uses[able]))[0]]
    return found


def _wrong(
    found: Positions, targets: NDArray[np.integer], candidates: NDArray[np.integer], at: int | None = None
) -> NDArray[np.bool_]:
    """Which seeds (pairings, n), or those of `at`, have their target's class or were its seed in an earlier pairing."""
    some = slice(None) if at is None else slice(at, at + 1)
    seeds = found[:, some]
    again = np.zeros(seeds.shape, dtype=bool)
    for pairing in range(1, len(seeds)):
        again[pairing] = (seeds[:pairing] == seeds[pairing]).any(axis=0)
    wrong = (candidates[seeds] == targets[some]) | again
    return wrong if at is None else wrong[:, 0]


def _swaps(
    found: Positions, pairing: int, at: int, targets: NDArray[np.integer], candidates: NDArray[np.integer]
) -> Positions:
    """Places (S, 2) whose seed fits here, and this one there; if there are any, those that repeat none in a pairing."""
    own = found[pairing, at]
    fits = (candidates[found] != targets[at]) & ~np.isin(found, found[:, at])
    fits &= (targets != candidates[own]) & ~(found == own).any(axis=0)
    once = ~np.isin(found, found[pairing]) & ~(found == own).any(axis=1)[:, None]
    once[pairing] = True
    return np.argwhere(fits & once if (fits & once).any() else fits)


def uneven(found: Positions) -> str:
    """How often seed images are used, as a sentence for the log; empty where each is used once."""
    counts = np.unique(found, return_counts=True)[1]
    if counts.max(initial=1) == 1:
        return ""
    return (
        f"{found.size} seed images are needed, but only {len(counts)} can be used: each starts {counts.min()} to "
        f"{counts.max()} inversions, so inverted images are not quite independent."
    )


def demand_same(path: str, seeds: Sequence[str], others: Sequence[str]) -> None:
    """Raise BadInput unless the seed images of a store are those of the others."""
    if list(seeds) != list(others):
        raise BadInput(
            f"store '{path}' was made from other seed images than that of another model; delete the outdated one and "
            "run the same command again."
        )


def _demand_enough(targets: NDArray[np.integer], candidates: NDArray[np.integer], pairings: int) -> None:
    for label in np.unique(targets):
        others = int((candidates != label).sum())
        if others < pairings:
            raise BadInput(
                f"targets of class {label} have {others} seed images of another class, but need {pairings}: seeds are "
                f"images that are no targets. There are {len(candidates)} of these; invert fewer images, evaluate more "
                "or have images for training."
            )
