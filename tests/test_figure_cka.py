"""Figures of CKA, model by model and budget by budget."""

import numpy as np
import pytest
from figure_tables import CKA, MODELS, by_group, lookup, make_cka, make_models, panels, shown, texts, ticks
from kindred.errors import BadInput
from kindred.figures import budgets, cka, matrix, style
from matplotlib.colors import to_rgb


def test_cka_shows_the_table_in_order_on_one_scale() -> None:
    figure = cka.draw(CKA, MODELS)
    names = by_group(MODELS)
    natural, inverted = shown(figure)
    for i, a in enumerate(names):
        for j, b in enumerate(names):
            assert inverted[i, j] == lookup(CKA, a, b, stimuli="jones")
            pair = (a, b) if list(MODELS["model"]).index(a) <= list(MODELS["model"]).index(b) else (b, a)
            assert natural[i, j] == lookup(CKA, *pair, stimuli="natural")
    left, right = panels(figure)
    assert ticks(left.yaxis) == ticks(left.xaxis) == ticks(right.xaxis) == names
    assert not ticks(right.yaxis)  # the rows of both panels are labelled once, at the left
    assert (
        left.get_position().y0 == right.get_position().y0
        and left.get_position().y1 == right.get_position().y1
    )
    assert left.images[0].norm is right.images[0].norm
    assert (left.images[0].norm.vmin, left.images[0].norm.vmax) == (0, 1)
    assert left.images[0].cmap.name == right.images[0].cmap.name == "kindred_similarity"
    assert left.get_ylim() == (16.5, -0.5)  # the first model on top
    assert (right.get_ylabel(), right.get_xlabel()) == ("inverted through", "tested model")
    # One bar, of that scale.
    bars = [axes for axes in figure.axes if not axes.images]
    assert len(bars) == 1 and bars[0].get_ylabel() == "debiased linear CKA" and bars[0].get_ylim() == (0, 1)


def test_cka_groups_are_named_set_apart_and_coloured() -> None:
    left, right = panels(cka.draw(CKA, MODELS))
    colours = style.budget_colours(
        [("standard", "", 0.0), ("ℓ∞ 0.05", "linf", 0.05), ("ℓ∞ 0.1", "linf", 0.1)]
    )
    for axes in (left, right):
        assert texts(axes, "group") == ["standard", "ℓ∞ 0.05", "ℓ∞ 0.1"]
        lines = [line for line in axes.lines if line.get_gid() == "separator"]
        assert sorted(float(line.get_xdata()[0]) for line in lines[2:]) == [5.5, 10.5]
        assert sorted(float(line.get_ydata()[0]) for line in lines[:2]) == [5.5, 10.5]
        strips = [patch for patch in axes.patches if patch.get_gid() == "strip"]
        assert [patch.get_facecolor()[:3] for patch in strips] == [to_rgb(c) for c in colours.values()] * 2


def test_cka_prints_the_values_where_they_can_be_read() -> None:
    _, right = panels(cka.draw(CKA, MODELS))
    values = shown(cka.draw(CKA, MODELS))[1]
    assert texts(right, "value") == [matrix.unit(v) for v in np.asarray(values).flat]
    assert min(text.get_fontsize() for text in right.texts if text.get_gid() == "value") > 4.4
    assert not texts(panels(cka.draw(CKA, MODELS, annotate=False))[1], "value")
    many = make_models(69)
    big = panels(cka.draw(make_cka(many), many))
    assert not texts(big[0], "value") and not texts(big[1], "value")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.666, ".67"), (1.0, "1"), (-0.02, "−.02"), (-0.001, ".00"), (0.0, ".00"), (1.04, "1.04")],
)
def test_numbers_in_cells(value: float, text: str) -> None:
    assert matrix.unit(value) == text


def test_undefined_cells_are_hatched_and_explained() -> None:
    table = CKA.copy()
    gone = (table["model_a"] == "vit-std") | (table["model_b"] == "vit-std")
    table.loc[gone, "value"] = np.nan
    figure = cka.draw(table, MODELS)
    for axes, values in zip(panels(figure), shown(figure), strict=True):
        assert int(values.mask.sum()) == 33
        (holes,) = [c for c in axes.collections if c.get_gid() == "undefined"]
        assert len(holes.get_paths()) == 33 and holes.get_hatch()
        corners = {tuple(path.get_extents().p0 + 0.5) for path in holes.get_paths()}
        place = by_group(MODELS).index("vit-std")
        assert corners == {(i, place) for i in range(17)} | {(place, i) for i in range(17)}
        assert len(texts(axes, "value")) == 17 * 17 - 33
    assert texts(figure, "undefined") == ["undefined"]
    assert "Hatched cells (66) are undefined" in cka.caption(table, MODELS)
    assert not texts(cka.draw(CKA, MODELS), "undefined") and "Hatched" not in cka.caption(CKA, MODELS)


def test_cka_caption_says_estimator_n_direction_and_means() -> None:
    text = cka.caption(CKA, MODELS)
    names = list(MODELS["model"])
    inverted = [lookup(CKA, a, b, stimuli="jones") for a in names for b in names if a != b]
    natural = CKA[(CKA["stimuli"] == "natural") & (CKA["model_a"] != CKA["model_b"])]["value"]
    assert f"all pairs {natural.mean():.3f} → {np.mean(inverted):.3f}" in text
    same = [m for m in names if "std" in m]
    inside = [lookup(CKA, a, b, stimuli="jones") for a in same for b in same if a != b]
    assert f"→ {np.mean(inside):.3f}; both ℓ∞ 0.05" in text
    for said in (
        "debiased linear CKA",
        "n = 4,096",
        "n = 1,024",
        "rows invert, columns are tested",
        "17 models",
    ):
        assert said in text
    assert "median 0.040, largest 0.040" in text  # most pairs are ordered ones on inverted images
    assert "biased linear CKA" in cka.caption(make_cka(MODELS, "cka_biased"), MODELS, measure="cka_biased")


def test_a_table_without_inversion_gives_one_panel() -> None:
    table = CKA[CKA["stimuli"] == "natural"]
    assert len(panels(cka.draw(table, MODELS))) == 1
    assert "Right" not in cka.caption(table, MODELS)
    with pytest.raises(BadInput, match="needs an inversion"):
        budgets.draw(table, MODELS)


def test_values_outside_the_scale_show_on_the_bar() -> None:
    table = CKA.copy()
    table.loc[
        (table["stimuli"] == "jones") & (table["model_a"] == "vgg-std") & (table["model_b"] == "vit-std"),
        "value",
    ] = -0.1
    content = cka.select(table, MODELS)
    assert cka.unit_bar("cka_debiased", [content.natural, content.inverted]).extend == "min"
    assert cka.unit_bar("cka_debiased", [content.natural]).extend == "neither"
    assert cka.unit_bar("cka_debiased", [content.natural + 0.5]).extend == "max"


@pytest.mark.parametrize("convention", ["models", "architectures"])
def test_budget_cells_average_the_pairs_they_say(convention: str) -> None:
    figure = budgets.draw(CKA, MODELS)
    place = list(budgets.CONVENTIONS).index(convention)
    values, axes = shown(figure)[place], panels(figure)[place]
    eps = [0.0, 0.05, 0.1]
    kind = dict(zip(MODELS["model"], MODELS["architecture"], strict=True))
    notes = []
    for i, own in enumerate(eps):
        for j, other in enumerate(eps):
            found = [
                lookup(CKA, a, b, stimuli="jones")
                for a in MODELS.loc[MODELS["eps"] == own, "model"]
                for b in MODELS.loc[MODELS["eps"] == other, "model"]
                if a != b and (convention == "models" or kind[a] != kind[b])
            ]
            assert values[i, j] == pytest.approx(np.mean(found), rel=1e-12)
            notes.append(f"{len(found)} pairs")
    assert texts(axes, "note") == notes
    assert axes.get_ylim() == (-0.5, 2.5)  # standard at the bottom, as published
    assert ticks(axes.xaxis) == ticks(panels(figure)[0].yaxis) == ["standard", "ℓ∞ 0.05", "ℓ∞ 0.1"]


def test_budget_caption_counts_pairs() -> None:
    text = budgets.caption(CKA, MODELS)
    assert "standard: 30, 30, 36; ℓ∞ 0.05: 30, 20, 30; ℓ∞ 0.1: 36, 30, 30" in text
    assert "standard: 28, 24, 28; ℓ∞ 0.05: 24, 20, 24; ℓ∞ 0.1: 28, 24, 28" in text
    assert "never paired with itself" in text and "n = 1,024" in text
    left, right = panels(budgets.draw(CKA, MODELS))
    assert left.images[0].norm is right.images[0].norm
    one = budgets.caption(CKA, MODELS, conventions=["architectures"])
    assert "Left" not in one and len(panels(budgets.draw(CKA, MODELS, conventions=["architectures"]))) == 1
    with pytest.raises(BadInput, match="conventions are"):
        budgets.draw(CKA, MODELS, conventions=["everything"])


def test_budget_means_leave_out_undefined_values_and_hatch_cells_without_pairs() -> None:
    values = np.array([[1.0, 0.2, np.nan], [0.4, 1.0, 0.6], [0.8, 0.9, 1.0]])
    means, pairs = budgets.average(values, ["s", "s", "r"], ["vit", "vgg", "vit"], "models", ["s", "r"])
    np.testing.assert_allclose(means, [[0.3, 0.6], [0.85, np.nan]])
    assert pairs.tolist() == [[2, 1], [2, 0]]
    means, pairs = budgets.average(
        values, ["s", "s", "r"], ["vit", "vgg", "vit"], "architectures", ["s", "r"]
    )
    np.testing.assert_allclose(means, [[0.3, 0.6], [0.9, np.nan]])
    order = ["resnet-std", "vgg-std", "vit-linf10"]
    figure = budgets.draw(CKA, MODELS, order=order)
    assert [values.mask.tolist() for values in shown(figure)] == [[[False, False], [False, True]]] * 2
    assert texts(figure, "undefined") == ["no pairs"]
    assert "Hatched cells have no pairs" in budgets.caption(CKA, MODELS, order=order)
