"""Summaries of residuals against plain counting, with undefined values among them."""

import numpy as np
import pytest
from kindred.inversion import residuals
from scipy import stats

RESIDUAL = np.array([0.05, 0.1, 0.2, np.nan, 0.4, 0.01, 0.3], dtype=np.float32)


def test_summary_counts_residuals_above_and_undefined() -> None:
    row = residuals.summary("jones", "vgg", RESIDUAL, converged=0.15, leave_out=False)
    assert list(row) == [
        "inversion",
        "model",
        "n",
        "median",
        "q05",
        "q25",
        "q75",
        "q95",
        "worst",
        "converged",
        "above",
        "above_low",
        "above_high",
        "undefined",
        "left_out",
    ]
    assert (row["n"], row["undefined"], row["left_out"]) == (7, 1, 0)
    assert row["above"] == pytest.approx(4 / 7)  # 0.2, 0.3, 0.4 and the undefined one
    assert row["median"] == pytest.approx(0.15)  # of 0.01, 0.05, 0.1, 0.2, 0.3, 0.4
    assert row["q25"] == pytest.approx(0.0625) and row["q75"] == pytest.approx(0.275)
    assert row["worst"] == pytest.approx(0.4)
    assert residuals.summary("jones", "vgg", RESIDUAL, converged=0.15, leave_out=True)["left_out"] == 4


def test_residual_at_the_threshold_has_converged() -> None:
    row = residuals.summary("jones", "vgg", np.array([0.25, 0.5]), converged=0.25, leave_out=True)
    assert (row["above"], row["left_out"]) == (0.5, 1)


def test_undefined_residuals_have_no_quantiles() -> None:
    row = residuals.summary("jones", "constant", np.full(3, np.nan), converged=0.1, leave_out=False)
    assert np.isnan(row["median"]) and np.isnan(row["worst"])
    assert (row["above"], row["undefined"]) == (1.0, 3)


def test_course_has_a_row_per_step() -> None:
    curve = np.array([[1.0, 0.4, 0.1], [0.8, 0.2, 0.3], [np.nan] * 3, [0.6, 0.3, 0.2]])
    table = residuals.course("jones", "vgg", curve, [0, 5, 10], converged=0.25)
    assert list(table) == [
        "inversion",
        "model",
        "step",
        "n",
        "median",
        "q25",
        "q75",
        "above",
        "above_low",
        "above_high",
    ]
    assert table["step"].tolist() == [0, 5, 10]
    np.testing.assert_allclose(table["median"], [0.8, 0.3, 0.2])
    np.testing.assert_allclose(table["q25"], [0.7, 0.25, 0.15])
    np.testing.assert_allclose(table["above"], [1, 3 / 4, 2 / 4])
    assert (table["n"] == 4).all()


def wilson(count: int, n: int) -> tuple[float, float]:
    found = stats.binomtest(count, n).proportion_ci(0.95, "wilson")
    return found.low, found.high


def test_shares_that_have_not_converged_have_intervals_over_targets() -> None:
    residual = np.linspace(0.005, 0.4, 80)
    residual[[3, 5]] = np.nan
    curve = np.stack([residual + 0.1, residual], axis=1)
    count = sum(not value <= 0.1002 for value in residual)
    row = residuals.summary("jones", "vgg", residual, converged=0.1002, leave_out=False)
    assert (row["above_low"], row["above_high"]) == pytest.approx(wilson(count, 80))
    table = residuals.course("jones", "vgg", curve, [0, 5], converged=0.1002)
    first = sum(not value <= 0.1002 for value in curve[:, 0])
    np.testing.assert_allclose(table[["above_low", "above_high"]], [wilson(first, 80), wilson(count, 80)])
    # Two seed images for each of 40 targets tell as much as 40 images.
    options = {"converged": 0.1002, "pairings": 2}
    row = residuals.summary("jones", "vgg", residual, leave_out=False, **options)
    assert row["n"] == 80 and (row["above_low"], row["above_high"]) == pytest.approx(wilson(count // 2, 40))
    table = residuals.course("jones", "vgg", curve, [0, 5], **options)
    assert tuple(table.loc[1, ["above_low", "above_high"]]) == pytest.approx(wilson(count // 2, 40))
