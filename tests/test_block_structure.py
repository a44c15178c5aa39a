"""Summaries of layer x layer matrices: closed forms, and the definitions of the digitised figure."""

import csv

import numpy as np
import pytest
from kindred.analyses import block_structure
from kindred.tables.layerwise import PUBLISHED_NAMES, PUBLISHED_PANELS
from workflow import ROOT

REFERENCE = ROOT / "studies" / "reference" / "cianfarani2022_repository_figure.csv"


def summaries(values: np.ndarray, same: bool) -> dict[str, float]:
    return {name: value for name, (value, _) in block_structure.summaries(values, values * 0, same).items()}


def bands(count: int) -> np.ndarray:
    index = np.arange(count)
    return 1 - np.abs(index[:, None] - index) / count


def test_eighty_layers_have_the_ranges_of_the_reference() -> None:
    values = bands(80)
    found = summaries(values, True)
    distance = np.abs(np.subtract.outer(range(80), range(80)))
    for low, high in ((1, 5), (6, 20), (21, 40), (41, 60), (61, 79)):
        cells = values[(distance >= low) & (distance <= high)]
        assert found[f"distance_{low}_{high}"] == pytest.approx(cells.mean())
    off = ~np.eye(80, dtype=bool)
    assert found["mean_off_diagonal"] == pytest.approx(values[off].mean())
    first, last = values[:40, :40], values[40:, 40:]
    assert found["first_half"] == pytest.approx(first[off[:40, :40]].mean()) == pytest.approx(found["last_half"])
    assert found["last_half"] == pytest.approx(last[off[:40, :40]].mean())
    assert found["first_vs_last_half"] == pytest.approx(values[:40, 40:].mean())
    assert found["share_above_0.8"] == pytest.approx((values[off] > 0.8).mean())
    assert found["share_below_0.3"] == pytest.approx((values[off] < 0.3).mean())
    assert found["diagonal"] == 1


def test_halves_are_summarised_separately() -> None:
    values = np.full((5, 5), 0.5)
    values[:2, :2], values[2:, 2:] = 0.9, 0.1
    found = summaries(values, True)
    assert (found["first_half"], found["last_half"], found["first_vs_last_half"]) == pytest.approx((0.9, 0.1, 0.5))


def test_two_models_of_different_depth() -> None:
    values = np.full((3, 5), 0.2)
    values[[0, 1, 2], [0, 2, 4]] = [0.7, 0.8, 0.9]
    found = summaries(values, False)
    assert found["diagonal"] == pytest.approx(0.8)
    assert found["mean_off_diagonal"] == pytest.approx(0.2)
    assert list(block_structure.corresponding(3, 5)) == [0, 2, 4]
    assert list(block_structure.corresponding(5, 3)) == [0, 0, 1, 2, 2]


def test_undefined_cells_are_left_out() -> None:
    values = bands(6)
    values[2] = values[:, 2] = np.nan
    assert summaries(values, True)["mean_off_diagonal"] == pytest.approx(np.nanmean(values[~np.eye(6, dtype=bool)]))
    assert np.isnan(summaries(np.full((3, 3), np.nan), True)["share_above_0.8"])


def test_similarity_by_distance() -> None:
    share, mean, error, cells = zip(*block_structure.by_distance(bands(5), bands(5) / 10), strict=True)
    assert cells == (8, 6, 4, 2)
    assert share == pytest.approx([0.25, 0.5, 0.75, 1])
    assert mean == pytest.approx([0.8, 0.6, 0.4, 0.2]) and error == pytest.approx([0.08, 0.06, 0.04, 0.02])


def test_errors_of_means_are_those_of_their_defined_cells() -> None:
    values, errors = bands(6), np.abs(np.subtract.outer(range(6), range(6))) / 10.0
    values[0, 5] = errors[0, 5] = np.nan
    found = block_structure.summaries(values, errors, True)
    off = ~np.eye(6, dtype=bool)
    assert found["mean_off_diagonal"][1] == pytest.approx(np.nanmean(errors[off]))
    # A model with itself is 1 without error, and shares of cells have none.
    assert found["diagonal"] == (1, 0) and np.isnan(found["share_above_0.8"][1])
    # Where some errors are not known, neither is that of their mean.
    errors[1, 2] = np.nan
    assert np.isnan(block_structure.summaries(values, errors, True)["mean_off_diagonal"][1])


def test_every_published_summary_has_a_counterpart() -> None:
    rows = list(csv.DictReader(REFERENCE.open()))
    assert tuple(rows[0])[1:] == PUBLISHED_PANELS
    ours = set(summaries(bands(80), True))
    assert {PUBLISHED_NAMES.get(row["summary"], row["summary"]) for row in rows} <= ours
