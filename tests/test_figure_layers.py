"""Figures of CKA, layer by layer."""

import numpy as np
import pytest
from figure_tables import MODELS, make_layers, panels, shown, texts, ticks
from kindred.errors import BadInput
from kindred.figures import layers


def test_layers_start_at_the_lower_left_on_one_scale() -> None:
    table = make_layers(5, 7)
    figure = layers.draw(table, MODELS)
    arrays = shown(figure)
    assert [array.shape for array in arrays] == [(5, 5), (5, 5), (5, 7)]
    for pair, array in zip(
        (("resnet-std",) * 2, ("resnet-linf10",) * 2, ("resnet-std", "resnet-linf10")), arrays, strict=True
    ):
        rows = table[(table["model_a"] == pair[0]) & (table["model_b"] == pair[1])]
        for row in rows.itertuples():
            assert array[int(row.layer_a[5:]), int(row.layer_b[5:])] == row.value
    for axes in panels(figure):
        assert axes.images[0].origin == "lower" and axes.get_ylim()[0] == -0.5 and axes.get_xlim()[0] == -0.5
        assert axes.images[0].norm is panels(figure)[0].images[0].norm
    assert texts(figure, "title") == ["standard", "ℓ∞ 0.1", "standard × ℓ∞ 0.1"]
    assert ticks(panels(figure)[2].xaxis) == [f"layer{i}" for i in range(7)]
    assert panels(figure)[2].get_ylabel() == "layer of resnet-std"


def test_layers_may_be_stored_the_other_way_round_or_as_a_triangle() -> None:
    table = make_layers(5, 7)
    figure = layers.draw(table, pairs=[["resnet-linf10", "resnet-std"]])
    np.testing.assert_array_equal(shown(figure)[0], shown(layers.draw(table))[2].T)
    own = table[(table["model_a"] == "resnet-std") & (table["model_b"] == "resnet-std")]
    for half in (own[own["layer_a"] <= own["layer_b"]], own[own["layer_a"] >= own["layer_b"]]):
        np.testing.assert_array_equal(shown(layers.draw(half))[0], shown(layers.draw(table))[0])
    with pytest.raises(BadInput, match=r"no row for layer layer1 of resnet-std with layer layer2"):
        layers.draw(own[~own["layer_a"].isin(["layer1", "layer2"]) | (own["layer_a"] == own["layer_b"])])
    with pytest.raises(
        BadInput, match="does not compare vgg-std with vit-std; it has resnet-std with resnet-std"
    ):
        layers.draw(table, pairs=[["vgg-std", "vit-std"]])
    with pytest.raises(BadInput, match="2 titles for 3 panels"):
        layers.draw(table, titles=["a", "b"])


def test_many_layers_are_numbered_from_the_input() -> None:
    first, _, axes = panels(layers.draw(make_layers(80, 60)))
    assert ticks(first.yaxis) == ["1", "20", "40", "60", "80"]
    assert list(axes.get_yticks()) == [0, 19, 39, 59, 79]
    assert ticks(axes.xaxis)[0] == "1" and ticks(axes.xaxis)[-1] == "60" and list(axes.get_xticks())[-1] == 59


def test_layer_means_leave_out_the_diagonal() -> None:
    table = make_layers(4, 4)
    arrays = [np.asarray(a) for a in shown(layers.draw(table))]
    off = ~np.eye(4, dtype=bool)
    text = layers.caption(table, MODELS)
    assert f"standard {arrays[0][off].mean():.3f}; ℓ∞ 0.1 {arrays[1][off].mean():.3f}" in text
    assert f"standard × ℓ∞ 0.1 {arrays[2][off].mean():.3f}" in text
    assert "n = 2,048" in text and "natural images" in text
