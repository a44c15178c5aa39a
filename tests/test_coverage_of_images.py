"""In small, what docs/coverage.md has in full: intervals over images other than those of CKA on natural images."""

import numpy as np
import pytest
from attacks_that_transfer import TRIPLES, excess_intervals, outcomes, sat_intervals
from ensemble_gains import gain_intervals, margins, truth
from gradient_cosines import POPULATIONS, cosines, mean_intervals
from hardness import CLASSES, hardness, ranks
from intervals import verdicts
from inverted_rows import AMONG, OTHERS, WAYS, Way, inverted_cka, population_cka, sample, sees
from kindred.similarity.cka import cka
from kindred.similarity.gram import pack
from shares import RATES, counts, rates_of_classes, wilson_intervals
from torch import from_numpy


def test_both_choices_of_images_have_one_distribution_and_a_balanced_one_the_steadier_mean() -> None:
    rng = np.random.default_rng(0)
    means = {
        choice: np.array([hardness(50, choice, rng).mean() for _ in range(800)]) for choice in ("random", "balanced")
    }
    assert all(abs(one.mean()) < 0.02 for one in means.values())
    # Half of the variance lies between classes, and ten ordered classes take nearly all of that out of the mean.
    assert means["random"].std() == pytest.approx(50**-0.5, rel=0.1)
    assert means["balanced"].std() == pytest.approx((0.5 / 50) ** 0.5, rel=0.15)
    ordered = ranks(1000, "balanced", rng)
    assert ordered[::CLASSES].max() < ordered[1::CLASSES].min() and abs(ordered.std() - 1) < 0.05


@pytest.mark.parametrize("choice", ["random", "balanced"])
def test_outcomes_of_attacks_have_their_rates(choice: str) -> None:
    rates = (0.2, 0.05, 0.9)
    _, predicted, _, moved, donor = outcomes(np.random.default_rng(1), 40_000, rates, 1, choice)
    assert predicted[[0, 1], [1, 0]].mean() == pytest.approx(0.2, abs=0.01) and moved.mean() == pytest.approx(
        0.05, abs=0.01
    )
    assert predicted[[0, 1], [0, 1]].mean() == pytest.approx(0.9, abs=0.01)
    # What an image and its perturbation bring is shared: with 2 of 3 parts, by far more than chance.
    assert np.corrcoef(predicted[0, 1], predicted[1, 0])[0, 1] > 0.25 and (donor != np.arange(40_000)).all()


def test_intervals_of_sat_cover() -> None:
    table = sat_intervals(effort=0.2, sizes=[100], rates=[0.05, 0.5, 0.95])
    # 400 samples each: the error is 1.1 percent. Of the logarithm in place of the odds it is 91 percent at .95.
    assert table["coverage"].between(0.92, 0.985).all(), table
    assert table.loc[table["rate"] == "0.95", "coverage"].mean() > 0.93


def test_intervals_of_excess_and_share_cover() -> None:
    table = excess_intervals(effort=0.3, sizes=[500], triples=TRIPLES[2:4], variants=[("random", 1), ("random", 3)])
    assert table["coverage"].between(0.92, 0.98).all() and set(table["quantity"]) == {"excess", "share"}, table


def test_intervals_of_shares_are_never_too_narrow() -> None:
    table = wilson_intervals()
    assert not (verdicts(table) == "too narrow").any()
    assert table["coverage"].mean() == pytest.approx(0.965, abs=0.01)
    assert (
        table.loc[table["choice"] == "balanced", "coverage"].mean()
        > table.loc[table["choice"] == "random", "coverage"].mean()
    )


@pytest.mark.parametrize("rate", [RATES[0], 0.5])
def test_counts_of_classes_are_those_of_drawn_images(rate: float) -> None:
    rates, rng = rates_of_classes(rate, 1.0), np.random.default_rng(2)
    assert rates.mean() == pytest.approx(rate) and rates[-1] > 1.5 * rates[0]
    drawn = (rng.random((20_000, 50)) < np.repeat(rates, 5)).sum(axis=1)
    found = counts(50, rates)
    assert found.sum() == pytest.approx(1) and len(found) == 51
    np.testing.assert_allclose(np.bincount(drawn, minlength=51) / 20_000, found, atol=0.015)


@pytest.mark.parametrize("way", [WAYS[0], WAYS[2]])
@pytest.mark.parametrize("cka_of_population", [0.0, 0.3, 0.9])
def test_the_stated_cka_of_inverted_images_is_that_of_very_many(way: Way, cka_of_population: float) -> None:
    share = sees(cka_of_population)
    truth = population_cka(share)
    assert truth == pytest.approx(cka_of_population, abs=0.001)
    ((own, tested),), _ = sample(way, 4000, share, np.random.default_rng(3))
    assert cka(pack([from_numpy(own), from_numpy(tested)]))[0, 1] == pytest.approx(truth, abs=0.025)


def test_intervals_on_inverted_images_cover_and_seeds_among_the_targets_are_biased() -> None:
    ways = [
        Way("random", OTHERS, 1),
        Way("balanced", OTHERS, 1),
        Way("random", OTHERS, 3),
        Way("random", AMONG, 1, "no"),
    ]
    table = inverted_cka(effort=0.3, sizes={50: 1000}, truths=[0.3], ways=ways).set_index(
        ["choice", "seeds", "pairings"]
    )
    single = table.loc[[("random", OTHERS, "1"), ("balanced", OTHERS, "1")]]
    assert single["coverage"].between(0.91, 0.985).all() and (single["bias"].abs() < 0.012).all(), table
    # Pairings share their targets, so that the interval of their mean is no narrower; it errs on the wide side.
    assert table.loc[("random", OTHERS, "3"), "coverage"] > 0.96
    # The standard deviation of the mean of 300 values is .004.
    assert table.loc[("random", AMONG, "1"), "bias"] < -0.015


@pytest.mark.parametrize("population", POPULATIONS)
@pytest.mark.parametrize("mean", [0.0, 0.3, 0.9])
def test_cosines_have_their_mean(population: str, mean: float) -> None:
    for choice in ("random", "balanced"):
        found = cosines(population, mean, 40_000, choice, np.random.default_rng(4))
        assert found.mean() == pytest.approx(mean, abs=0.006) and abs(found).max() <= 1


def test_intervals_of_mean_cosines_cover_unless_few_images_count() -> None:
    table = mean_intervals(effort=0.1, sizes=[50], choices=["random"]).set_index(["population", "truth"])
    assert table.loc["bell-shaped", "coverage"].between(0.92, 0.98).all(), table
    assert table.loc[("few images count", 0.9), "coverage"] < 0.91
    assert table.loc[("few images count", 0.9), "above"] > 0.05


def test_margins_have_the_stated_gain() -> None:
    members = margins(0.8, 0.3, 40_000, "random", np.random.default_rng(5))
    assert (members > 0).mean(axis=1) == pytest.approx([0.8, 0.8], abs=0.008)
    assert (members.mean(axis=0) > 0).mean() - (members > 0).mean() == pytest.approx(truth(0.8, 0.3), abs=0.006)


def test_intervals_of_gains_cover() -> None:
    table = gain_intervals(effort=0.1, sizes=[500], choices=["balanced"])
    assert (table["coverage"] > 0.88).all() and table["bias"].abs().max() < 0.003, table
    assert (table.loc[table["over"] == "members", "coverage"] > 0.93).all()
