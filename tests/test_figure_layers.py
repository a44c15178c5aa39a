"""The figure of layers against layers of pairs of models."""

import numpy as np
import pandas as pd
import pytest
from figure_tables import MODELS, caption, draw, make_layers, panels, shown, texts, ticks
from kindred.workflow.errors import BadInput
from matplotlib.figure import Figure

PANELS = [["resnet-std"] * 2, ["resnet-linf10"] * 2, ["resnet-std", "resnet-linf10"]]


def drawn(table: pd.DataFrame, pairs: list[list[str]] = PANELS) -> Figure:
    return draw("layers", {"models": MODELS, "layers": table}, measure="cka_debiased", panels=pairs)


def test_layers_start_at_the_lower_left_on_one_scale() -> None:
    table = make_layers(5, 7)
    figure = drawn(table)
    arrays = shown(figure)
    assert [array.shape for array in arrays] == [(5, 5), (5, 5), (5, 7)]
    for (a, b), array in zip(PANELS, arrays, strict=True):
        for row in table[(table["model_a"] == a) & (table["model_b"] == b)].itertuples():
            assert array[int(row.layer_a[5:]), int(row.layer_b[5:])] == row.value
    for axes in panels(figure):
        assert axes.images[0].origin == "lower" and axes.get_ylim()[0] == -0.5 and axes.get_xlim()[0] == -0.5
        assert axes.images[0].norm is panels(figure)[0].images[0].norm
    assert texts(figure, "title") == ["standard", "ℓ∞ 0.1", "standard × ℓ∞ 0.1"]
    last = panels(figure)[2]
    assert ticks(last.xaxis) == [f"layer{i}" for i in range(7)] and ticks(last.yaxis)[-1] == "layer4"
    assert last.get_ylabel() == "layer of resnet-std"


def test_a_pair_may_be_stored_the_other_way_round_and_each_cell_once() -> None:
    table = make_layers(5, 7)
    turned = shown(drawn(table, [["resnet-linf10", "resnet-std"]]))[0]
    np.testing.assert_array_equal(turned, shown(drawn(table))[2].T)
    fewer, more = table.drop(table.index[3]), pd.concat([table, table.iloc[[4]]])
    for wrong in (fewer, more, more.drop(table.index[3])):
        with pytest.raises(BadInput, match=r"rows for resnet-std with resnet-std, which have 5 and 5 layers"):
            drawn(wrong)
    with pytest.raises(BadInput, match="does not compare vgg-std with vit-std; it has resnet-std with resnet-std"):
        drawn(table, [["vgg-std", "vit-std"]])


def test_many_layers_are_numbered_from_the_input() -> None:
    first, _, axes = panels(drawn(make_layers(80, 60)))
    assert ticks(first.yaxis) == ["1", "20", "40", "60", "80"]
    assert list(axes.get_yticks()) == [0, 19, 39, 59, 79]
    assert ticks(axes.xaxis)[0] == "1" and ticks(axes.xaxis)[-1] == "60" and list(axes.get_xticks())[-1] == 59


def test_means_leave_out_a_diagonal_that_is_1_by_construction() -> None:
    table = make_layers(4, 4)
    arrays = [np.asarray(a) for a in shown(drawn(table))]
    off = ~np.eye(4, dtype=bool)
    text = caption("layers", {"models": MODELS, "layers": table}, measure="cka_debiased", panels=PANELS)
    assert f"standard {arrays[0][off].mean():.3f}; ℓ∞ 0.1 {arrays[1][off].mean():.3f}" in text
    assert f"standard × ℓ∞ 0.1 {arrays[2].mean():.3f}" in text  # of two models the diagonal counts
    assert "n = 2,048" in text and "natural images" in text
