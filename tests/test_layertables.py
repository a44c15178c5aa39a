"""Tables of looks: what stands against what, each value once and in its place; published numbers beside ours."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from kindred import layertables, store
from kindred.errors import BadInput

NAMES = {
    ("a", "natural"): ["one", "two", "three"],
    ("a~2", "natural"): ["one", "two", "three"],
    ("b", "x@a"): ["p", "q"],
}


@pytest.fixture
def look(tmp_path: Path) -> layertables.Look:
    """Eight layers whose values say who they are: row 10 i + j above the diagonal, the same below."""
    layers = [(place, layer) for place, names in enumerate(NAMES.values()) for layer in names]
    i, j = np.indices((8, 8))
    values = (10 * np.minimum(i, j) + np.maximum(i, j)) / 100
    with store.writing(
        tmp_path / "look.zarr", {"images": 9, "measures": ["cka_debiased", "cka_biased"]}
    ) as group:
        store.put(group, "model", [model for model, _ in NAMES], ("observation",))
        store.put(group, "seen", [seen for _, seen in NAMES], ("observation",))
        store.put(group, "observation", np.array([place for place, _ in layers]), ("layer",))
        store.put(group, "layer", [layer for _, layer in layers], ("layer",))
        store.put(group, "share", np.arange(8) / 8, ("layer",))
        store.put(group, "cka_debiased", values, ("layer", "other_layer"))
        store.put(group, "cka_biased", values + 0.05, ("layer", "other_layer"))
    return layertables.read(str(tmp_path / "look.zarr"))


PANELS = [
    {"rows": "a", "rows_see": "natural", "columns": "a", "columns_see": "natural"},
    {"rows": "a", "rows_see": "natural", "columns": "b", "columns_see": "x@a"},
]


def test_cells_stand_in_their_place(look: layertables.Look) -> None:
    cells = layertables.panels_table([look], PANELS, ["cka_debiased", "cka_rbf"])
    assert len(cells) == 9 + 6 and set(cells["measure"]) == {"cka_debiased"}
    one = cells[(cells["panel"] == 2) & (cells["layer_a"] == "two") & (cells["layer_b"] == "q")].iloc[0]
    assert (one["place_a"], one["place_b"], one["value"], one["n"]) == (1, 1, 0.17, 9)


def test_epochs_against_the_last_and_the_one_before(look: layertables.Look) -> None:
    told = layertables.epochs_table({("a", "natural"): look}, [2], {"a": 5}, "cka_debiased")
    assert list(told["epoch"]) == [2] * 3 + [5] * 3
    # Layers 0 to 2 are of the end, 3 to 5 of epoch 2.
    assert told["to_last"].to_numpy() == pytest.approx([0.03, 0.14, 0.25, 0, 0.11, 0.22])
    assert told["to_previous"][:3].isna().all()
    assert told["to_previous"][3:].to_numpy() == pytest.approx([0.03, 0.14, 0.25])
    assert list(told["depth"][:3]) == [0, 0.5, 1]


def test_estimators_count_each_pair_of_layers_once(look: layertables.Look) -> None:
    told = layertables.estimators_table([look], PANELS, "cka_debiased", ["cka_biased"])
    assert list(told["cells"]) == [3, 6]
    assert told["mean_difference"].to_numpy() == pytest.approx([0.05, 0.05])
    assert layertables.estimators_table([look], PANELS, "cka_debiased", ["cka_rbf"]).empty


def test_corresponding_layers_of_a_series(look: layertables.Look) -> None:
    told = layertables.series_table({"s": look}, "cka_debiased")
    pair = told[(told["model_a"] == "a") & (told["model_b"] == "b")]
    assert list(pair["layer_b"]) == ["p", "p", "q"]  # half way between two the even one
    assert pair["value"].to_numpy() == pytest.approx([0.06, 0.16, 0.27])


def test_published_numbers_stand_beside_panels_on_natural_images(look: layertables.Look) -> None:
    published = pd.DataFrame(
        {
            "summary": ["mean_off_diagonal", "first_40_vs_last_40"],
            "standard_standard": [0.5, 0.4],
            "robust_robust": [0.7, 0.6],
            "standard_robust": [0.3, 0.2],
        }
    )
    told = layertables.structure_table([look], PANELS, "cka_debiased", published)
    beside = told.dropna(subset="published").set_index(["panel", "summary"])["published"]
    assert beside.to_dict() == {(1, "mean_off_diagonal"): 0.5, (1, "first_vs_last_half"): 0.4}
    value = told.set_index(["panel", "summary"])["value"]
    assert value[1, "mean_off_diagonal"] == pytest.approx(np.mean([0.01, 0.02, 0.12]))


def test_benign_and_principal(look: layertables.Look) -> None:
    told = layertables.principal_table([look, look])
    assert len(told) == 8 and list(told["share"][:3]) == [0, 0.125, 0.25]
    with pytest.raises(BadInput, match="does not hold 'a' shown 'weak@a'"):
        layertables.benign_table({"a": look}, {"weak": ("linf", 0.1)}, "cka_debiased")


def test_a_panel_that_no_look_holds(look: layertables.Look) -> None:
    panel = {"rows": "a", "rows_see": "training", "columns": "b", "columns_see": "x@a"}
    with pytest.raises(BadInput, match="no look holds 'a' shown 'training' with 'b' shown 'x@a'"):
        layertables.panels_table([look], [panel], ["cka_debiased"])
