"""Wilson intervals, tests against random pairing and false discovery rates, against scipy and by simulation."""

import numpy as np
import pytest
import torch
from kindred.similarity.cka import cka
from kindred.similarity.gram import pack
from kindred.similarity.significance import against_random_pairing, false_discovery, paired, wilson
from scipy import stats


def test_wilson_is_scipys_but_for_shares_of_few_images() -> None:
    n = np.array([10, 5, 20, 500, 7, 7, 500, 24])
    count = np.array([0, 2, 20, 499, 0, 7, 250, 3])
    low, high = wilson(count, n)
    for place, (k, total) in enumerate(zip(count, n, strict=True)):
        expected = stats.binomtest(int(k), int(total)).proportion_ci(0.95, "wilson")
        # By the definition of the bound: a Poisson number of this mean is at least as large in 5 % of cases.
        if 1 <= k <= 3:
            assert stats.poisson.sf(k - 1, low[place] * total) == pytest.approx(0.05) and low[place] < expected.low
        else:
            assert low[place] == pytest.approx(expected.low, abs=1e-12)
        if 1 <= total - k <= 3:
            mean = (1 - high[place]) * total
            assert stats.poisson.sf(total - k - 1, mean) == pytest.approx(0.05) and high[place] > expected.high
        else:
            assert high[place] == pytest.approx(expected.high, abs=1e-12)
    assert np.isnan(wilson(0, 0)).all()
    # Where none or all count there is a width, and the bound at the end is the end.
    assert low[0] == 0 < high[0] < 1 and high[2] == 1 > low[2] > 0


def debiased(x: np.ndarray, y: np.ndarray) -> float:
    return float(cka(pack([torch.from_numpy(x), torch.from_numpy(y)]))[0, 1])


def simulated(dimensions: int, n: int, draws: int) -> np.ndarray:
    """Debiased CKA of independent Gaussian features."""
    rng = np.random.default_rng(0)
    return np.array([debiased(*rng.standard_normal((2, n, dimensions)).astype(np.float32)) for _ in range(draws)])


def test_z_and_p_of_independent_features() -> None:
    """z has variance 1, and p is uniform, where features have many dimensions."""
    values = simulated(200, 40, 1500)
    z, p = against_random_pairing(values, 40)
    assert abs(z.mean()) < 4 / np.sqrt(1500) and abs(z.std() - 1) < 0.08
    assert stats.kstest(p, "uniform").pvalue > 0.001
    assert abs((p < 0.05).mean() - 0.05) < 0.02


def test_p_errs_for_few_dimensions_as_documented() -> None:
    """One dimension: skewed, so that small p are too frequent, about twice as frequent at .01."""
    _, p = against_random_pairing(simulated(1, 40, 3000), 40)
    assert 0.04 < (p < 0.05).mean() < 0.08
    assert 0.015 < (p < 0.01).mean() < 0.05


def test_closed_form() -> None:
    """nu = n (n - 3) / 2 = 35 for 10 images."""
    z, p = against_random_pairing([0.0, 0.3, 1.0], [10, 10, 10])
    assert z == pytest.approx([0, 0.3 * np.sqrt(35), np.sqrt(35)])
    t = np.sqrt(34) * 0.3 / np.sqrt(1 - 0.09)
    assert p[:2] == pytest.approx([0.5, stats.t.sf(t, 34)]) and p[2] < 1e-100
    assert np.isnan(against_random_pairing(0.5, 4)).all()


def test_false_discovery_leaves_out_what_was_not_tested() -> None:
    q = false_discovery([0.01, np.nan, 0.02, 0.9])
    assert q[[0, 2, 3]] == pytest.approx([0.03, 0.03, 0.9]) and np.isnan(q[1])
    assert np.isnan(false_discovery([np.nan])).all()


def test_paired_differences_have_the_interval_of_bonett_and_price() -> None:
    """Against its formula for counts: b better, c worse, of n."""
    for b, c, n in ((7, 2, 50), (0, 0, 40), (12, 0, 12)):
        difference = np.repeat([1.0, -1.0, 0.0], [b, c, n - b - c])
        better, worse = (b + 1) / (n + 2), (c + 1) / (n + 2)
        half = 1.959964 * np.sqrt((better + worse - (better - worse) ** 2) / (n + 2))
        expected = max(-1.0, better - worse - half), min(1.0, better - worse + half)
        assert paired(difference) == pytest.approx(expected, abs=1e-7)
    assert np.isnan(paired(np.empty((2, 0)))).all()


def test_paired_intervals_cover() -> None:
    """Few images differ, as those of two accurate models: the usual interval has no width in one draw of seven."""
    draws = np.random.default_rng(11)
    outcomes = draws.choice([1.0, -1.0, 0.0], size=(4000, 100), p=[0.015, 0.005, 0.98])
    low, high = paired(outcomes)
    assert 0.93 <= np.mean((low <= 0.01) & (high >= 0.01)) <= 1.0
    usual = 1.96 * outcomes.std(axis=1) / 10
    assert np.mean(abs(outcomes.mean(axis=1) - 0.01) <= usual) < 0.9
