"""In small, what docs/coverage.md has in full: intervals over models."""

import numpy as np
import pytest
from over_models import FAMILIES, KINDS, MEAN, intervals_over_models, values
from over_sets import intervals_of_correlations, quantities


def test_pairs_have_the_stated_mean_and_what_models_bring_to_them() -> None:
    rng, families = np.random.default_rng(0), np.arange(300) % 100
    for shape in ("Gaussian", "skewed"):
        found = values(300, "equal", shape, families, rng)
        np.testing.assert_allclose(found, found.T)
        apart = families[:, None] != families
        assert found[apart].mean() == pytest.approx(3, abs=0.35) and found[apart].std() == pytest.approx(
            3**0.5, rel=0.1
        )
        same = ~apart & ~np.eye(300, dtype=bool)
        assert found[same].mean() - found[apart].mean() == pytest.approx(1, abs=0.4)
        # The row of a model has its effect, of variance 1.
        assert found.mean(axis=1).std() == pytest.approx(1, rel=0.2)


def test_intervals_over_models_hold_the_truth_and_err_on_the_wide_side() -> None:
    shown = {"effort": 0.4, "models": [10], "shapes": ["Gaussian"]}
    means = intervals_over_models(**shown, statistics=[MEAN, KINDS], effects=["models", "equal"])
    # 200 samples each: the error is 1.5 percent.
    assert means["coverage"].between(0.87, 0.99).all() and means["coverage"].mean() > 0.91, means
    wide = intervals_over_models(**shown, statistics=[MEAN, FAMILIES], effects=["pairs"])
    assert (wide["coverage"] > 0.96).all(), wide


def test_quantities_of_pairs_correlate_as_stated() -> None:
    m = 60
    sets = np.stack(np.triu_indices(m, 1), axis=1)
    matrix = np.array([[1, 0.3, 0.5], [0.3, 1, 0.5], [0.5, 0.5, 1]])
    found = [np.corrcoef(quantities(matrix, "equal", m, sets, np.random.default_rng(seed))) for seed in range(40)]
    np.testing.assert_allclose(np.mean(found, axis=0), matrix, atol=0.06)


def test_intervals_of_correlations_hold_the_truth() -> None:
    table = intervals_of_correlations(effort=0.3, models=[20], effects=["equal"], truths=[0.3])
    assert table["coverage"].between(0.88, 0.995).all() and table["bias"].abs().max() < 0.06, table
    assert set(table["statistic"]) == {"correlation", "partial correlation"}
