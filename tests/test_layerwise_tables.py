"""Tables of layer comparisons: every value once in its own cell, published values beside it."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from kindred.tables import layerwise
from kindred.workflow import store
from kindred.workflow.errors import BadInput

NAMES = {
    ("a", "natural"): ["one", "two", "three"],
    ("a~2", "natural"): ["one", "two", "three"],
    ("b", "x@a"): ["p", "q"],
}


@pytest.fixture
def comparison(tmp_path: Path) -> layerwise.Comparison:
    """Eight layers whose values tell their cell: 10 i + j above the diagonal, mirrored below."""
    layers = [(index, layer) for index, names in enumerate(NAMES.values()) for layer in names]
    i, j = np.indices((8, 8))
    values = (10 * np.minimum(i, j) + np.maximum(i, j)) / 100
    with store.writing(
        tmp_path / "comparison.zarr", {"images": 9, "measures": ["cka_debiased", "cka_biased"]}
    ) as group:
        store.put(group, "model", [model for model, _ in NAMES], ("observation",))
        store.put(group, "seen", [seen for _, seen in NAMES], ("observation",))
        store.put(group, "observation", np.array([index for index, _ in layers]), ("layer",))
        store.put(group, "layer", [layer for _, layer in layers], ("layer",))
        store.put(group, "principal_value", np.arange(8) / 8, ("layer",))
        store.put(group, "principal_error", np.full(8, 0.01), ("layer",))
        for measure, shift in (("cka_debiased", 0), ("cka_biased", 0.05)):
            columns = {"value": values + shift, "error": values / 10, "null": values * 0 + shift}
            for column, found in columns.items():
                store.put(group, f"{measure}_{column}", found, ("layer", "other_layer"))
    return layerwise.read(str(tmp_path / "comparison.zarr"))


PANELS = [
    {"rows": "a", "row_images": "natural", "columns": "a", "column_images": "natural"},
    {"rows": "a", "row_images": "natural", "columns": "b", "column_images": "x@a"},
]


def test_panels_hold_every_cell(comparison: layerwise.Comparison) -> None:
    cells = layerwise.panels_table([comparison], PANELS, ["cka_debiased", "cka_rbf"])
    assert len(cells) == 9 + 6 and set(cells["measure"]) == {"cka_debiased"}
    one = cells[(cells["panel"] == 2) & (cells["layer_a"] == "two") & (cells["layer_b"] == "q")].iloc[0]
    assert (one["place_a"], one["place_b"], one["value"], one["null"], one["n"]) == (1, 1, 0.17, 0, 9)
    assert (one["low"], one["high"]) == pytest.approx((0.17 - 1.96 * 0.017, 0.17 + 1.96 * 0.017), abs=1e-5)


def test_epochs_are_compared_with_the_last_and_the_previous(comparison: layerwise.Comparison) -> None:
    table = layerwise.epochs_table({("a", "natural"): comparison}, [2], {"a": 5}, "cka_debiased")
    assert list(zip(table["epoch"], table["to"], strict=True))[::3] == [(2, "last"), (5, "last"), (5, "previous")]
    # Layers 0 to 2 are those at the end, 3 to 5 those of epoch 2, which has none before it.
    assert table["value"].to_numpy() == pytest.approx([0.03, 0.14, 0.25, 0, 0.11, 0.22, 0.03, 0.14, 0.25])
    assert (table["high"] - table["value"]).to_numpy() == pytest.approx(0.196 * table["value"].to_numpy(), rel=1e-3)
    assert list(table["depth"][:3]) == [0, 0.5, 1]


def test_estimators_count_each_pair_of_layers_once(comparison: layerwise.Comparison) -> None:
    table = layerwise.estimators_table([comparison], PANELS, "cka_debiased", ["cka_biased"])
    assert list(table["cells"]) == [3, 6]
    assert table["mean_difference"].to_numpy() == pytest.approx([0.05, 0.05])
    assert layerwise.estimators_table([comparison], PANELS, "cka_debiased", ["cka_rbf"]).empty


def test_corresponding_layers_of_a_series(comparison: layerwise.Comparison) -> None:
    table = layerwise.series_table({"s": comparison}, "cka_debiased")
    pair = table[(table["model_a"] == "a") & (table["model_b"] == "b")]
    assert list(pair["layer_b"]) == ["p", "p", "q"]  # rounded to even
    assert pair["value"].to_numpy() == pytest.approx([0.06, 0.16, 0.27])


def test_published_summaries_of_panels_on_natural_images(comparison: layerwise.Comparison) -> None:
    published = pd.DataFrame(
        {
            "summary": ["mean_off_diagonal", "first_40_vs_last_40"],
            "standard_standard": [0.5, 0.4],
            "robust_robust": [0.7, 0.6],
            "standard_robust": [0.3, 0.2],
        }
    )
    table = layerwise.structure_table([comparison], PANELS, "cka_debiased", published)
    published_rows = table.dropna(subset="published").set_index(["panel", "summary"])["published"]
    assert published_rows.to_dict() == {(1, "mean_off_diagonal"): 0.5, (1, "first_vs_last_half"): 0.4}
    value = table.set_index(["panel", "summary"])["value"]
    assert value[1, "mean_off_diagonal"] == pytest.approx(np.mean([0.01, 0.02, 0.12]))


def test_principal_share_and_missing_observations(comparison: layerwise.Comparison) -> None:
    table = layerwise.principal_table([comparison, comparison])
    assert len(table) == 8 and list(table["value"][:3]) == [0, 0.125, 0.25]
    np.testing.assert_allclose(table["high"] - table["low"], 2 * 1.959964 * 0.01, rtol=1e-6)
    with pytest.raises(BadInput, match="lacks 'a' on the images 'weak@a'"):
        layerwise.benign_table({"a": comparison}, {"weak": ("linf", 0.1)}, "cka_debiased")


def test_panels_without_a_comparison_are_an_error(comparison: layerwise.Comparison) -> None:
    panel = {"rows": "a", "row_images": "training", "columns": "b", "column_images": "x@a"}
    with pytest.raises(BadInput, match="no layer comparison holds 'a' on the images 'training' with 'b' on 'x@a'"):
        layerwise.panels_table([comparison], [panel], ["cka_debiased"])
