"""Mantel's test: correlations as scipy's, p-values for agreement and by chance, undefined pairs."""

import numpy as np
import pytest
from kindred.analyses import mantel
from scipy.stats import pearsonr, spearmanr


def symmetric(draws: np.random.Generator, m: int = 12) -> np.ndarray:
    values = draws.normal(size=(m, m))
    return (values + values.T) / 2


def test_correlations_agree_with_scipy() -> None:
    a, b = symmetric(np.random.default_rng(0)), symmetric(np.random.default_rng(1))
    pearson, spearman, p, pairs = mantel.compare(a, b, 99, 0)
    upper = np.triu_indices(12, 1)
    assert pearson == pytest.approx(pearsonr(a[upper], b[upper]).statistic)
    assert spearman == pytest.approx(spearmanr(a[upper], b[upper]).statistic)
    assert pairs == 66
    assert 0.01 <= p <= 1


def test_equal_matrices_have_the_smallest_p() -> None:
    a = symmetric(np.random.default_rng(0))
    assert mantel.compare(a, 2 * a + 1, 199, 0)[:3] == pytest.approx((1, 1, 1 / 200))
    assert mantel.compare(a, -a, 199, 0)[2] == pytest.approx(1 / 200)


def test_p_by_chance_with_odd_models() -> None:
    """With models that are odd in all their pairs, the usual test is far too confident; Mantel's is not."""
    found, usual = [], []
    for seed in range(120):
        draws = np.random.default_rng(seed)
        a, b = (symmetric(draws, 10) * 0.2 + np.add.outer(odd, odd) for odd in draws.normal(size=(2, 10)))
        found.append(mantel.compare(a, b, 99, seed)[2])
        upper = np.triu_indices(10, 1)
        usual.append(pearsonr(a[upper], b[upper]).pvalue)
    assert 0.01 <= np.mean(np.array(found) <= 0.05) <= 0.11
    assert np.mean(np.array(usual) <= 0.05) > 0.2


def test_models_with_undefined_pairs_are_left_out() -> None:
    a, b = symmetric(np.random.default_rng(0)), symmetric(np.random.default_rng(1))
    holed = a.copy()
    holed[3, :5] = holed[:5, 3] = np.nan
    kept = [0, 1, 2, *range(4, 12)]
    assert mantel.compare(holed, b, 49, 0) == mantel.compare(a[np.ix_(kept, kept)], b[np.ix_(kept, kept)], 49, 0)
    assert np.isnan(mantel.compare(a[:3, :3], b[:3, :3], 49, 0)[0])
    assert np.isnan(mantel.compare(np.ones((5, 5)), b[:5, :5], 49, 0)[2])


def test_agreement_by_hand() -> None:
    np.testing.assert_allclose(mantel.agreement(np.array([[1, 2, 3], [1, 2, 0]])), [[1, 2 / 3], [2 / 3, 1]])
