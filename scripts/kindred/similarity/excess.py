"""What SAT is beside a null and a ceiling: transfer that is owed to the image, as a share of what the attack can do.

All are means over images of a pair's common images X (both models classify them correctly), in both directions, as in
SAT. With p the share fooled, q that fooled by the perturbations of other images and u that fooled by a model's own,

  SAT = ln 100 p,  null = ln 100 q,  ceiling = ln 100 u,  excess = ln p / q,  share = p / u.

The null counts where an image and the one whose perturbation it is given both belong to X, so that both directions and
SAT are about the same perturbations. Norm and spectrum are kept, and the alignment with the image is lost.
"""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from kindred.similarity.significance import Z95
from kindred.similarity.transfer import FLOOR, Counts

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Excess:
    """Of every pair of models, (m, m); NaN where undefined.

    `fooled` of `n`: cases (an image and a shuffle) in which perturbations of other images made on the model of the row
    fool that of the column; `rate` their share. The others are symmetric: `null`, `ceiling` and `excess` natural
    logarithms, of percentages and of a ratio; `share` a ratio.
    """

    n: Counts
    rate: Floats
    null: Floats
    ceiling: Floats
    excess: Floats
    excess_low: Floats
    excess_high: Floats
    share: Floats
    share_low: Floats
    share_high: Floats


def excess_of_pairs(
    correct: Flags,
    predicted: NDArray[np.integer],
    labels: Counts,
    shuffled: NDArray[np.integer],
    donor: Counts,
    floor: float = FLOOR,
) -> Excess:
    """SAT's null, ceiling, excess and share of m models over N images, with 95 % intervals.

    correct, predicted, labels: as for `transfer.transfer_counts`. shuffled: (source, target, shuffle, N), what the
    target takes an image for with the perturbation of image donor[shuffle, image]; 0 shuffles where there were none.

    Intervals are the delta method's for the logarithm of a ratio, from the joint outcomes of the same images. An
    outcome of the null depends on two images, so those that share one are not independent: their covariances count as
    well, as for dyads (Aronow, Samii and Assenova 2015). Excess is undefined where p or q is at most the floor, in
    percent, and intervals where no spread was observed: of a model with itself the share is 1 by definition.
    """
    m = len(correct)
    found = {one.name: np.full((m, m), np.nan) for one in fields(Excess)}
    found["n"] = np.zeros((m, m), np.int64)
    own = np.stack([predicted[model, model] != labels for model in range(m)])
    for a in range(m):
        for b in range(a, m):
            common = correct[a] & correct[b]
            if not common.any():
                continue
            ways = (a, b), (b, a)
            x = _mean([predicted[way] != labels for way in ways])
            moved = [shuffled[way] != labels for way in ways]
            values = _ratios(common, x, _mean(own[[a, b]]), _mean(moved), donor, floor)
            counted = common & common[donor]
            for way, wrong in zip(ways, moved, strict=True):
                found["n"][way] = counted.sum()
                if counted.any():
                    found["rate"][way] = wrong[counted].mean()
                for name, value in values.items():
                    found[name][way] = value
    return Excess(**found)


def _ratios(common: Flags, x: Floats, own: Floats, moved: Floats, donor: Counts, floor: float) -> dict[str, float]:
    """The symmetric values of one pair. x, own: (N,), moved: (shuffle, N), means of the two directions' indicators."""
    n, counted = common.sum(), common & common[donor]
    p, u = x[common].mean(), own[common].mean()
    at_p, at_u = (np.where(common, value - mean, 0.0) / (n * mean or 1.0) for value, mean in ((x, p), (own, u)))
    values = {"ceiling": max(np.log(100 * u), np.log(floor)) if u else np.log(floor)}
    if u:
        values["share"] = p / u
        if p and (error := np.sqrt(((at_p - at_u) ** 2).sum())) > 1e-12:
            values["share_low"], values["share_high"] = p / u * np.exp([-Z95 * error, Z95 * error])
    if not counted.any():
        return values
    q = moved[counted].mean()
    values["null"] = max(np.log(100 * q), np.log(floor)) if q else np.log(floor)
    if 100 * min(p, q) > floor:
        values["excess"] = np.log(p / q)
        at_q = np.where(counted, moved - q, 0.0) / (counted.sum() * q)
        if (error := _error(at_p, at_q, donor)) > 1e-12:
            values["excess_low"], values["excess_high"] = values["excess"] + np.array([-Z95 * error, Z95 * error])
    return values


def _error(single: Floats, double: Floats, donor: Counts) -> float:
    """Standard error of sum(single) - sum(double), whose terms are correlated where they share an image.

    single: (N,), terms of one image each; double: (shuffle, N), of an image and its donor.
    """
    by_image = single - double.sum(axis=0)
    for terms, givers in zip(double, donor, strict=True):
        by_image[givers] -= terms  # every image gives once
    squared = (by_image**2).sum()
    # A term of two images has met itself twice.
    once = squared - (double**2).sum()
    return float(np.sqrt(once if once > 0 else squared))


def _mean(wrong: NDArray[np.bool_] | list[NDArray[np.bool_]]) -> Floats:
    return np.mean(np.asarray(wrong, np.float64), axis=0)
