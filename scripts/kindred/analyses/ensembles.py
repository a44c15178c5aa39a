"""Ensembles: accuracy gain from averaging the outputs of several models, against their similarity.

Hwang et al. (2024): members that fool each other less make the better ensemble. But sets of weak members gain more
whatever their similarity, as there is more to gain, so correlations are given with this headroom held fixed too.
Whatever is the best of several is chosen on one half of the images and measured on the other, both ways.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import comb

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import softmax

from kindred.analyses import correlations
from kindred.similarity import significance

Floats = NDArray[np.float64]
Sets = NDArray[np.int64]

Flags = NDArray[np.bool_]
ANY = "best of all ways and sizes"
BLOCK = 2**22  # values held at once while outputs are averaged


def choose_sets(models: int, size: int, most: int, rng: np.random.Generator) -> Sets:
    """Sets of `size` out of so many models, (sets, size) ascending: all, or a sample of `most`."""
    if comb(models, size) <= most:
        return np.array(list(combinations(range(models), size)), dtype=np.int64).reshape(-1, size)
    drawn: set[tuple[int, ...]] = set()
    while len(drawn) < most:
        drawn.add(tuple(sorted(rng.choice(models, size, replace=False).tolist())))
    return np.array(sorted(drawn), dtype=np.int64)


def correct(logits: Floats, labels: NDArray[np.int64], sets: Sets, average: str = "softmax") -> Flags:
    """Correctness (sets, n) bool of each set on each image, by the mean of its members' outputs.

    logits: (model, n, class); labels: (n,). `average`: probabilities ('softmax') or logits. Ties go to the first class.
    """
    outputs = np.asarray(logits, dtype=np.float32)
    if average == "softmax":
        outputs = softmax(outputs, axis=2)
    _, n, classes = outputs.shape
    found = np.empty((len(sets), n), dtype=bool)
    step = max(1, BLOCK // max(1, n * classes))
    for start in range(0, len(sets), step):
        part = sets[start : start + step]
        total = sum(outputs[members] for members in part.T)
        found[start : start + step] = total.argmax(axis=2) == labels
    return found


def mean_sat(sat: Floats, sets: Sets) -> Floats:
    """Mean SAT over the pairs inside each set, (sets,)."""
    pairs = list(combinations(range(sets.shape[1]), 2))
    return np.mean([sat[sets[:, a], sets[:, b]] for a, b in pairs], axis=0)


def gains(correct: Flags, alone: Flags, sets: Sets, first: Flags) -> pd.DataFrame:
    """Accuracy of each set, and its gain over its members' mean and over its best member, with 95 % intervals.

    correct: (sets, n) of sets; alone: (models, n); first: (n,), one half of the images. Intervals are over images, of
    gains paired: each image counts by its difference. The best member on one half is compared with on the other half.
    """
    n = correct.shape[1]
    low, high = significance.wilson(correct.sum(axis=1), n)
    over, best = (np.empty((len(sets), 3)) for _ in range(2))
    rivals = [best_members(alone[:, half], sets) for half in (~first, first)]
    for row, members in enumerate(sets):
        over[row] = _estimate(correct[row] - alone[members].mean(axis=0))
        rival = np.where(first, alone[rivals[0][row]], alone[rivals[1][row]])
        best[row] = _estimate(correct[row] - rival.astype(np.float64))
    columns = {
        "members": alone.mean(axis=1)[sets].mean(axis=1),
        "accuracy": correct.mean(axis=1),
        "accuracy_low": low,
        "accuracy_high": high,
    }
    for name, found in (("gain", over), ("over_best", best)):
        columns |= {name: found[:, 0], f"{name}_low": found[:, 1], f"{name}_high": found[:, 2]}
    return pd.DataFrame({**columns, "n": n})


def best_members(alone: Flags, sets: Sets) -> NDArray[np.int64]:
    """The member (sets,) of each set that is right on most of the images; ties go to the first."""
    return sets[np.arange(len(sets)), alone.mean(axis=1)[sets].argmax(axis=1)]


def _estimate(difference: Floats) -> tuple[float, float, float]:
    low, high = significance.paired(difference)
    return float(difference.mean()), float(low), float(high)


def summary(table: pd.DataFrame, sets: Sets, models: int, draws: int, seed: int) -> pd.DataFrame:
    """Statistics of both gains over sets of one size: their mean, and their correlation with SAT.

    table: `gains` of the sets with `mean_sat`, all defined. The partial correlation holds headroom fixed, 1 minus the
    mean accuracy of the members. low and high: bootstrap over models; null: what they are where SAT tells nothing.
    """
    rows = []
    sat, headroom = table["mean_sat"], 1 - table["members"]
    for over, column in (("members", "gain"), ("best member", "over_best")):
        statistics = {
            "mean": correlations.mean(table[column]),
            "correlation": correlations.correlation(sat, table[column]),
            "partial correlation": correlations.partial_correlation(sat, table[column], headroom),
        }
        for name, statistic in statistics.items():
            value = correlations.of_all(statistic, len(sets))
            bounds = correlations.interval(statistic, sets, models, draws, seed)
            rows.append((over, name, value, *bounds, 0.0, len(sets), models))
    return pd.DataFrame(rows, columns=["over", "statistic", "value", "low", "high", "null", "n", "models"])


def halves(labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    """First half of the images as a mask (n,): every second one of each class, so that the halves match."""
    return pd.Series(labels).groupby(labels).cumcount().to_numpy() % 2 == 0


def picks(chosen_on: Floats, members_on: Floats, sat: Floats) -> Iterator[tuple[str, int]]:
    """(way of choosing, index of the set) from measurements on the images for choosing, each (sets,).

    `members_on`: mean accuracy of the members. Ties go to the set of lower SAT.
    """
    yield "most accurate together", int(np.lexsort((sat, -chosen_on))[0])
    yield "most accurate members", int(np.lexsort((sat, -members_on))[0])
    yield "least alike", int(np.argmin(sat))
    # The least alike among sets whose members are better than those of most sets.
    good = members_on >= np.quantile(members_on, 0.75)
    yield "least alike of the better quarter", int(np.flatnonzero(good)[np.argmin(sat[good])])


@dataclass(frozen=True)
class Choice:
    """A set that was chosen on one half of the images: the way, the size, the set, and its accuracy there."""

    way: str
    size: int
    members: Sets
    mean_sat: float
    before: float
    correct: Flags


def choices(correct: Flags, alone: Flags, sets: Sets, sat: Floats, half: Flags) -> list[Choice]:
    """What each way of choosing takes of the sets of one size, by their answers on a half (n,) of the images."""
    chosen_on, members_on = correct[:, half].mean(axis=1), alone[:, half].mean(axis=1)[sets].mean(axis=1)
    return [
        Choice(way, sets.shape[1], sets[index], float(sat[index]), float(chosen_on[index]), correct[index])
        for way, index in picks(chosen_on, members_on, sat)
    ]


def best_choice(found: Sequence[Choice]) -> Choice:
    """The most accurate on the half that all were chosen on, of equals the first."""
    return replace(max(found, key=lambda one: one.before), way=ANY)


def outcome(both: tuple[Choice, Choice], alone: Flags, first: Flags, names: Sequence[str]) -> pd.DataFrame:
    """Accuracy and gains of what one way chose on each half of the images, measured on the other half.

    both: chosen on the half `first` (n,) and on the rest; alone: (models, n). The best member is that on the half of
    the choice. Intervals over all images: Wilson's of accuracy, paired of gains.
    """
    right, members, rival = (np.empty(len(first)) for _ in range(3))
    for choice, half in zip(both, (first, ~first), strict=True):
        rest = ~half
        right[rest] = choice.correct[rest]
        members[rest] = alone[choice.members][:, rest].mean(axis=0)
        rival[rest] = alone[best_members(alone[:, half], choice.members[None])[0]][rest]
    low, high = significance.wilson(right.sum(), len(right))
    rows = [
        ("accuracy", right.mean(), float(low), float(high), np.nan),
        ("accuracy of best member", rival.mean(), *map(float, significance.wilson(rival.sum(), len(rival))), np.nan),
        ("gain over members", *_estimate(right - members), 0.0),
        ("gain over best member", *_estimate(right - rival), 0.0),
    ]
    first_models, second_models = joined_names([choice.members.tolist() for choice in both], names)
    about = {
        "size": both[0].size if both[0].way != ANY else np.nan,
        "chosen": both[0].way,
        "models_first": first_models,
        "models_second": second_models,
        "mean_sat": (both[0].mean_sat + both[1].mean_sat) / 2,
    }
    table = pd.DataFrame(rows, columns=["quantity", "value", "low", "high", "null"])
    return pd.DataFrame({**about, **table, "n": len(first)})


def joined_names(sets: Iterable[Sequence[int]], names: Sequence[str]) -> list[str]:
    """Members of each set as text, separated by spaces, which names do not contain."""
    return [" ".join(names[index] for index in one) for one in sets]
