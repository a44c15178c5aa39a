"""In small, what docs/coverage.md has in full: intervals over models."""

import numpy as np
import pytest
from over_models import FAMILIES, GAUSSIAN, KINDS, MEAN, SHARING, intervals_over_models, values
from over_sets import intervals_of_correlations, quantities


def test_pairs_have_the_stated_mean_and_what_models_bring_to_them() -> None:
    rng, families = np.random.default_rng(0), np.arange(300) // SHARING
    for shape in ("Gaussian", "skewed"):
        found = values(300, "equal", shape, rng, alike=True)
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
    cases = [(statistic, effects, GAUSSIAN, "models") for statistic in (MEAN, KINDS) for effects in ("models", "equal")]
    table = intervals_over_models(0.25, [6, 20], cases)
    # 500 samples each: the error is 1 percent. Of a bootstrap over models it is 90 percent for 6 of them.
    assert table["coverage"].between(0.92, 0.985).all(), table
    wide = intervals_over_models(
        0.25, [10], [(statistic, "pairs", GAUSSIAN, "models") for statistic in (MEAN, FAMILIES)]
    )
    assert (wide["coverage"] > 0.96).all(), wide


def test_where_architectures_make_models_alike_only_leaving_them_out_covers() -> None:
    cases = [(MEAN, "architectures", GAUSSIAN, left_out) for left_out in ("models", "architectures")]
    narrow, right = intervals_over_models(0.25, [20], cases)["coverage"]
    assert narrow < 0.8 and 0.91 < right < 0.98


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
