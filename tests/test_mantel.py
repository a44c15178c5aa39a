"""Mantel's test: correlations as scipy's, levels by chance and for several tests, undefined pairs."""

import numpy as np
import pytest
from kindred.analyses import mantel
from scipy.stats import pearsonr, spearmanr


def symmetric(draws: np.random.Generator, m: int = 12) -> np.ndarray:
    values = draws.normal(size=(m, m))
    return (values + values.T) / 2


def test_correlations_agree_with_scipy() -> None:
    a, b = symmetric(np.random.default_rng(0)), symmetric(np.random.default_rng(1))
    found = mantel.compare(a, b, 99, 200, 0)
    upper = np.triu_indices(12, 1)
    assert found.pearson == pytest.approx(pearsonr(a[upper], b[upper]).statistic)
    assert found.spearman == pytest.approx(spearmanr(a[upper], b[upper]).statistic)
    assert (found.n, found.models) == (66, 12)
    assert 0.01 <= found.p <= 1
    assert found.pearson_low < found.pearson < found.pearson_high
    assert found.spearman_low < found.spearman < found.spearman_high


def test_p_by_a_loop_over_permutations() -> None:
    """Against scipy's correlation of each permuted matrix."""
    a, b = symmetric(np.random.default_rng(3), 7), symmetric(np.random.default_rng(4), 7)
    b += 0.2 * a
    upper = np.triu_indices(7, 1)
    observed = abs(pearsonr(a[upper], b[upper]).statistic)
    rng, extreme = np.random.default_rng(5), 0
    for _ in range(199):
        order = rng.permutation(7)
        extreme += abs(pearsonr(a[upper], b[np.ix_(order, order)][upper]).statistic) >= observed
    assert mantel.compare(a, b, 199, 10, 5).p == pytest.approx((1 + extreme) / 200)
    assert 1 / 200 < (1 + extreme) / 200 < 0.9


def test_equal_matrices_have_the_smallest_p() -> None:
    a = symmetric(np.random.default_rng(0))
    same = mantel.compare(a, 2 * a + 1, 199, 50, 0)
    assert (same.pearson, same.pearson_low, same.spearman_high, same.p) == pytest.approx((1, 1, 1, 1 / 200))
    assert mantel.compare(a, -a, 199, 50, 0).p == pytest.approx(1 / 200)


def test_tests_are_corrected_for_their_number() -> None:
    """Noise with itself once, and otherwise: only the former survives among all of them."""
    found = {f"m{index}": symmetric(np.random.default_rng(index)) for index in range(4)}
    found["again"] = found["m0"] + 0.05 * found["m1"]
    table = mantel.compare_all(found, 499, 20, 0)
    assert len(table) == 10
    row = table[(table["first"] == "m0") & (table["second"] == "again")].iloc[0]
    assert row["holm"] == pytest.approx(10 / 500) and row["q"] == pytest.approx(10 / 500)
    assert (table["holm"] >= table["q"] - 1e-12).all() and (table["q"] >= table["p"] - 1e-12).all()
    assert (table["holm"] <= 0.05).sum() == 1
    assert set(table["null"]) == {0}


def test_holm_by_hand() -> None:
    expected = [0.04, np.nan, 0.06, 0.06, 0.5]
    np.testing.assert_allclose(mantel.holm([0.01, np.nan, 0.03, 0.02, 0.5]), expected)
    np.testing.assert_allclose(mantel.holm([0.9, 0.8]), [1, 1])


def test_p_by_chance_with_odd_models() -> None:
    """With models that are odd in all their pairs, the usual test is far too confident; Mantel's is not."""
    found, usual = [], []
    for seed in range(120):
        draws = np.random.default_rng(seed)
        a, b = (symmetric(draws, 10) * 0.2 + np.add.outer(odd, odd) for odd in draws.normal(size=(2, 10)))
        found.append(mantel.compare(a, b, 99, 10, seed).p)
        upper = np.triu_indices(10, 1)
        usual.append(pearsonr(a[upper], b[upper]).pvalue)
    assert 0.01 <= np.mean(np.array(found) <= 0.05) <= 0.11
    assert np.mean(np.array(usual) <= 0.05) > 0.2


def test_models_with_undefined_pairs_are_left_out() -> None:
    a, b = symmetric(np.random.default_rng(0)), symmetric(np.random.default_rng(1))
    holed = a.copy()
    holed[3, :5] = holed[:5, 3] = np.nan
    kept = [0, 1, 2, *range(4, 12)]
    assert mantel.compare(holed, b, 49, 20, 0) == mantel.compare(
        a[np.ix_(kept, kept)], b[np.ix_(kept, kept)], 49, 20, 0
    )
    few = mantel.compare(a[:3, :3], b[:3, :3], 49, 20, 0)
    assert np.isnan(few[:7]).all() and (few.n, few.models) == (3, 3)
    flat = mantel.compare(np.ones((5, 5)), b[:5, :5], 49, 20, 0)
    assert np.isnan(flat[:7]).all()


def test_agreement_by_hand() -> None:
    np.testing.assert_allclose(mantel.agreement(np.array([[1, 2, 3], [1, 2, 0]])), [[1, 2 / 3], [2 / 3, 1]])
