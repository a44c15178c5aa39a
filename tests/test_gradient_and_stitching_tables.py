"""Tables of gradients and stitching: from tiles to one row per pair, in any order of tiles and models."""

from pathlib import Path

import numpy as np
import pytest
from kindred.similarity import stitching
from kindred.similarity.significance import wilson
from kindred.tables import comparisons as comparisons_tables
from kindred.workflow import store
from kindred.workflow.errors import BadInput
from scipy import stats

MODELS = ["b", "a", "c"]
WEIGHTS = {name: f"{name}0" for name in "abcd"}


def gradient_tile(path: Path, pairs: list[tuple[str, str]], **weights: str) -> str:
    values = np.array([[cosines(loss, *pair) for pair in pairs] for loss in (0, 1)], dtype=np.float32)
    with store.writing(path, {"weights": WEIGHTS | weights}) as group:
        store.put(group, "loss", ["logit", "cross_entropy"], ("loss",))
        store.put(group, "model_a", [a for a, _ in pairs], ("pair",))
        store.put(group, "model_b", [b for _, b in pairs], ("pair",))
        store.put(group, "cosine", values, ("loss", "pair", "image"))
        store.put(group, "cosine_of_others", values / 2, ("loss", "pair", "image"))
    return str(path)


def cosines(loss: int, a: str, b: str) -> list[float]:
    base = sum(map(ord, a + b)) % 7 / 10
    return [base, base + 0.1, np.nan if loss else base + 0.05, base - 0.1]


def test_gradients_have_a_row_per_loss_and_pair(tmp_path: Path) -> None:
    tiles = [
        gradient_tile(tmp_path / "0x1.zarr", [("d", "c"), ("c", "a"), ("a", "b")]),
        gradient_tile(tmp_path / "1x1.zarr", [("b", "b"), ("b", "c")]),
    ]
    table = comparisons_tables.gradients_table(tiles, MODELS)
    assert list(table) == comparisons_tables.GRADIENT_COLUMNS
    pairs = [("b", "a"), ("b", "c"), ("a", "c")]
    found = list(table[["loss", "model_a", "model_b"]].itertuples(index=False, name=None))
    assert found == [(loss, *pair) for loss in ("cross_entropy", "logit") for pair in pairs]
    for row in table.itertuples():
        expected = np.array(cosines(row.loss == "cross_entropy", row.model_a, row.model_b), dtype=np.float32)
        expected = expected[~np.isnan(expected)]
        assert row.n == len(expected) == (3 if row.loss == "cross_entropy" else 4)
        assert row.value == pytest.approx(expected.mean()) and row.sd == pytest.approx(expected.std(ddof=1))
        bounds = stats.ttest_1samp(expected.astype(np.float64), 0).confidence_interval()
        assert (row.low, row.high) == pytest.approx((bounds.low, bounds.high), abs=1e-6)
        assert row.null == pytest.approx(expected.mean() / 2)


def test_gradients_of_missing_or_repeated_pairs_are_an_error(tmp_path: Path) -> None:
    tile = gradient_tile(tmp_path / "0x0.zarr", [("a", "b"), ("a", "c")])
    with pytest.raises(BadInput, match=r"'b' with 'c' 0 times .* 1 of 3 pairs .*compare_gradients"):
        comparisons_tables.gradients_table([tile], MODELS)
    both = gradient_tile(tmp_path / "0x1.zarr", [("b", "c"), ("c", "a")])
    with pytest.raises(BadInput, match="hold 'a' with 'c' 2 times instead of once"):
        comparisons_tables.gradients_table([tile, both], MODELS)


def test_gradients_of_other_weights_are_an_error(tmp_path: Path) -> None:
    tiles = [
        gradient_tile(tmp_path / "0x0.zarr", [("a", "b"), ("a", "c")]),
        gradient_tile(tmp_path / "0x1.zarr", [("b", "c")], b="another"),
    ]
    with pytest.raises(BadInput, match="other weights of 'b'"):
        comparisons_tables.gradients_table(tiles, MODELS)


def stitching_tile(path: Path, bodies: str, heads: str) -> str:
    shape = (len(bodies), len(heads), len(stitching.NAMES))
    counts = np.arange(np.prod(shape)).reshape(shape) % 9
    with store.writing(path, {"weights": WEIGHTS}) as group:
        store.put(group, "body", list(bodies), ("body",))
        store.put(group, "head", list(heads), ("head",))
        store.put(group, "case", list(stitching.NAMES), ("case",))
        store.put(group, "agreed", counts // 2, ("body", "head", "case"))
        store.put(group, "n", counts, ("body", "head", "case"))
    return str(path)


def test_stitching_has_a_row_per_body_head_and_case(tmp_path: Path) -> None:
    tiles = [stitching_tile(tmp_path / "a.zarr", "cd", "abc"), stitching_tile(tmp_path / "b.zarr", "ab", "cab")]
    table = comparisons_tables.stitching_table(tiles, MODELS)
    assert list(table) == ["body", "head", "case", "n", "agreed", "value", "low", "high"]
    assert len(table) == 9 * 5
    assert list(dict.fromkeys(table["body"])) == MODELS
    assert table["case"].tolist()[:5] == list(stitching.NAMES)
    row = table[(table["body"] == "b") & (table["head"] == "c") & (table["case"] == "both_wrong_same")].iloc[0]
    assert (row["n"], row["agreed"]) == (16 % 9, 16 % 9 // 2)
    assert row["value"] == pytest.approx(3 / 7)
    assert (row["low"], row["high"]) == pytest.approx(tuple(map(float, wilson(3, 7))))
    empty = table[table["n"] == 0]
    assert len(empty) and empty["value"].isna().all() and empty["low"].isna().all()
    with pytest.raises(BadInput, match="stitch_models"):
        comparisons_tables.stitching_table(tiles[:1], MODELS)
