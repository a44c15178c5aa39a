"""Figures of model x model similarity: by model, by budget, by architecture, by both, and by estimator."""

import numpy as np
import pandas as pd
import pytest
from figure_tables import (
    CKA,
    MODELS,
    TABLES,
    by_group,
    caption,
    draw,
    lines,
    lookup,
    make_cka,
    make_estimators,
    make_models,
    panels,
    shown,
    texts,
    ticks,
)
from kindred.figures.layout import architectures, colours, matrix
from kindred.figures.layout.budgets import Budget
from kindred.workflow.errors import BadInput
from matplotlib.colors import to_rgb

CHOSEN = {"measure": "cka_debiased", "inversion": "jones"}
BUDGETS = {"standard": 0.0, "ℓ∞ 0.05": 0.05, "ℓ∞ 0.1": 0.1}


def of(architecture: str, budget: str) -> list[str]:
    chosen = (MODELS["architecture"] == architecture) & (MODELS["eps"] == BUDGETS[budget])
    return list(MODELS.loc[chosen, "model"])


def expected_mean(stimuli: str, rows: list[str], columns: list[str]) -> float:
    """By looking every pair up; natural ones stand once, in the order of the models."""
    place = list(MODELS["model"])
    found = []
    for a in rows:
        for b in columns:
            first, second = (b, a) if stimuli == "natural" and place.index(a) > place.index(b) else (a, b)
            if a != b:
                found.append(lookup(CKA, first, second, stimuli=stimuli))
    return float(np.mean(found)) if found else 1.0


def test_cells_are_those_of_the_table_in_order_on_one_scale() -> None:
    figure = draw("similarity", TABLES, **CHOSEN)
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
    assert left.get_position().y0 == right.get_position().y0
    assert left.images[0].norm is right.images[0].norm
    assert (left.images[0].norm.vmin, left.images[0].norm.vmax) == (0, 1)
    assert left.get_ylim() == (16.5, -0.5)  # the first model on top
    assert (right.get_ylabel(), right.get_xlabel()) == ("inverted through", "tested model")
    # One bar, of that scale.
    (bar,) = [axes for axes in figure.axes if not axes.images]
    assert bar.get_ylabel() == "debiased linear CKA" and bar.get_ylim() == (0, 1)


def test_groups_are_named_set_apart_and_coloured() -> None:
    known = [Budget(label, label, "linf" if eps else "", eps) for label, eps in BUDGETS.items()]
    expected = [to_rgb(colour) for colour in colours.budget_colours(known).values()]
    for axes in panels(draw("similarity", TABLES, **CHOSEN)):
        assert texts(axes, "group") == list(BUDGETS)
        separators = lines(axes, "separator")
        assert sorted(float(line.get_xdata()[0]) for line in separators[2:]) == [5.5, 10.5]
        assert sorted(float(line.get_ydata()[0]) for line in separators[:2]) == [5.5, 10.5]
        strips = [patch for patch in axes.patches if patch.get_gid() == "strip"]
        assert [patch.get_facecolor()[:3] for patch in strips] == expected * 2


def test_values_are_printed_where_they_can_be_read() -> None:
    figure = draw("similarity", TABLES, **CHOSEN)
    right = panels(figure)[1]
    assert texts(right, "value") == [matrix.unit(v) for v in np.asarray(shown(figure)[1]).flat]
    assert min(text.get_fontsize() for text in right.texts if text.get_gid() == "value") > 4.4
    many = make_models(69)
    for axes in panels(draw("similarity", {"models": many, "cka": make_cka(many)}, **CHOSEN)):
        assert not texts(axes, "value")
    written = {0.666: ".67", 1.0: "1", -0.02: "−.02", -0.001: ".00", 0.0: ".00", 1.04: "1.04", 12.3: "12.30"}
    assert {value: matrix.unit(value) for value in written} == written


def test_undefined_cells_are_hatched_and_explained() -> None:
    table = CKA.copy()
    table.loc[(table["model_a"] == "vit-std") | (table["model_b"] == "vit-std"), "value"] = np.nan
    given = {"models": MODELS, "cka": table}
    figure = draw("similarity", given, **CHOSEN)
    place = by_group(MODELS).index("vit-std")
    for axes, values in zip(panels(figure), shown(figure), strict=True):
        assert int(values.mask.sum()) == 33
        (holes,) = [c for c in axes.collections if c.get_gid() == "undefined"]
        corners = {tuple(path.get_extents().p0 + 0.5) for path in holes.get_paths()}
        assert corners == {(i, place) for i in range(17)} | {(place, i) for i in range(17)}
        assert holes.get_hatch() and len(texts(axes, "value")) == 17 * 17 - 33
    assert texts(figure, "undefined") == ["undefined"]
    assert "Hatched cells (66) are undefined" in caption("similarity", given, **CHOSEN)
    assert not texts(draw("similarity", TABLES, **CHOSEN), "undefined")
    assert "Hatched" not in caption("similarity", TABLES, **CHOSEN)


def test_the_caption_states_measure_n_direction_and_means() -> None:
    text = caption("similarity", TABLES, **CHOSEN)
    names = list(MODELS["model"])
    inverted = expected_mean("jones", names, names)
    natural = CKA[(CKA["stimuli"] == "natural") & (CKA["model_a"] != CKA["model_b"])]["value"]
    same = [m for m in names if "std" in m]
    for words in (
        f"all pairs {natural.mean():.3f} → {inverted:.3f}",
        f"→ {expected_mean('jones', same, same):.3f}; both ℓ∞ 0.05",
        "debiased linear CKA of penultimate features",
        "n = 4,096",
        "n = 1,024",
        "rows are inverters, columns tested models",
        "17 models",
        "median 0.040, largest 0.040",  # most pairs are ordered ones on inverted images
        "Null level (images paired at random): 0.000.",
    ):
        assert words in text
    biased = {"models": MODELS, "cka": make_cka(MODELS, "cka_biased")}
    assert "(biased linear CKA" in caption("similarity", biased, measure="cka_biased", inversion="jones")


def test_without_an_inversion_there_is_one_panel() -> None:
    chosen = {**CHOSEN, "inversion": None}
    assert len(panels(draw("similarity", TABLES, **chosen))) == 1
    text = caption("similarity", TABLES, **chosen)
    assert "Right" not in text and "the matrix is symmetric" in text and "→" not in text


def test_values_outside_the_scale_show_on_the_bar_and_own_measures_have_their_own() -> None:
    inside = np.array([[1.0, 0.5], [0.5, 1.0]])
    extend = {
        name: matrix.similarity("cka_debiased", [inside, values]).extend
        for name, values in (
            ("neither", inside),
            ("min", inside - 0.6),
            ("max", inside + 0.5),
            ("both", 6 * inside - 4),
        )
    }
    assert extend == {name: name for name in extend}
    own = matrix.similarity("mine.py:overlap", [10 * inside])
    assert (own.norm.vmin, own.norm.vmax, own.label) == (5, 10, "overlap")


@pytest.mark.parametrize("convention", [0, 1])
def test_budget_cells_average_the_pairs_that_they_name(convention: int) -> None:
    figure = draw("similarity_by_budget", TABLES, **CHOSEN)
    values, axes = shown(figure)[convention], panels(figure)[convention]
    kind = dict(zip(MODELS["model"], MODELS["architecture"], strict=True))
    notes = []
    for i, own in enumerate(BUDGETS.values()):
        for j, other in enumerate(BUDGETS.values()):
            found = [
                lookup(CKA, a, b, stimuli="jones")
                for a in MODELS.loc[MODELS["eps"] == own, "model"]
                for b in MODELS.loc[MODELS["eps"] == other, "model"]
                if a != b and (convention == 0 or kind[a] != kind[b])
            ]
            assert values[i, j] == pytest.approx(np.mean(found), rel=1e-12)
            notes.append(f"{len(found)} pairs")
    assert texts(axes, "note") == notes
    assert axes.get_ylim() == (-0.5, 2.5)  # standard at the bottom, as published
    assert ticks(axes.xaxis) == list(BUDGETS)
    text = caption("similarity_by_budget", TABLES, **CHOSEN)
    assert "20 to 36 of them a cell" in text and "20 to 28 of them a cell" in text and "n = 1,024" in text


def test_budget_cells_without_pairs_are_hatched_and_panels_without_any_left_out() -> None:
    some = MODELS[MODELS["model"].isin(["resnet-std", "vgg-std", "vit-linf10"])]
    given = {"models": some, "cka": CKA}
    figure = draw("similarity_by_budget", given, **CHOSEN)
    assert [values.mask.tolist() for values in shown(figure)] == [[[False, False], [False, True]]] * 2
    assert texts(figure, "undefined") == ["no pairs"]
    assert "Hatched cells have no pairs" in caption("similarity_by_budget", given, **CHOSEN)
    seeds = {"models": MODELS[MODELS["model"].isin(["resnet-std", "resnet-std-s1", "resnet-linf10"])], "cka": CKA}
    figure = draw("similarity_by_budget", seeds, **CHOSEN)
    assert texts(figure, "title") == ["All pairs of different models"]
    text = caption("similarity_by_budget", seeds, **CHOSEN)
    assert "Left" not in text and "different architectures" not in text
    undefined = CKA.assign(value=np.where(CKA["model_a"] == "vit-std", np.nan, CKA["value"]))
    assert "Undefined values (17)" in caption("similarity_by_budget", {**TABLES, "cka": undefined}, **CHOSEN)


def test_architectures_side_by_side_at_every_budget() -> None:
    figure = draw("similarity_by_architecture", TABLES, **CHOSEN)
    names = list(dict.fromkeys(MODELS["architecture"]))
    arrays = shown(figure)
    assert texts(figure, "row") == list(BUDGETS)
    assert texts(figure, "title") == ["Natural images", "Inverted images"]
    for place, budget in enumerate(BUDGETS):
        for at, stimuli in enumerate(("natural", "jones")):
            assert ticks(panels(figure)[2 * place + at].xaxis) == names
            expected = [[expected_mean(stimuli, of(a, budget), of(b, budget)) for b in names] for a in names]
            np.testing.assert_allclose(arrays[2 * place + at], expected)
    # Two seeds of one architecture are no pair of a model with itself.
    assert arrays[0][names.index("resnet"), names.index("resnet")] < 1
    off = ~np.eye(5, dtype=bool)
    text = caption("similarity_by_architecture", TABLES, **CHOSEN)
    assert f"ℓ∞ 0.1 {arrays[4][off].mean():.3f} → {arrays[5][off].mean():.3f}" in text


def test_budgets_of_every_pair_of_architectures() -> None:
    figure = draw("similarity_by_architecture_and_budget", TABLES, **CHOSEN)
    names = list(dict.fromkeys(MODELS["architecture"]))
    arrays = shown(figure)
    assert texts(figure, "row") == texts(figure, "title") == names
    for row, inverter in enumerate(names):
        for column, tested in enumerate(names):
            expected = [[expected_mean("jones", of(inverter, a), of(tested, b)) for b in BUDGETS] for a in BUDGETS]
            np.testing.assert_allclose(arrays[5 * row + column], expected)
    axes = panels(figure)[20]
    assert ticks(axes.xaxis) == ticks(axes.yaxis) == list(BUDGETS)
    assert axes.get_ylim()[0] < axes.get_ylim()[1]  # inverter budgets from below


def test_architectures_without_all_budgets_are_left_out_and_named() -> None:
    given = {"models": MODELS[MODELS["model"] != "vit-linf05"], "cka": CKA}
    assert "vit" not in texts(draw("similarity_by_architecture_and_budget", given, **CHOSEN), "row")
    assert "lack a budget: vit." in caption("similarity_by_architecture_and_budget", given, **CHOSEN)
    assert [len(array) for array in shown(draw("similarity_by_architecture", given, **CHOSEN))] == [5, 5, 4, 4, 5, 5]
    apart = {"models": MODELS[MODELS["model"].isin(["vit-std", "vgg-linf05"])], "cka": CKA}
    with pytest.raises(BadInput, match="no training budget with several architectures"):
        draw("similarity_by_architecture", apart, **CHOSEN)


def test_architectures_are_told_apart_by_file_arguments_and_number_of_parameters() -> None:
    known = {
        "a": ("torchvision:resnet18", "", 10, "resnet18"),
        "b": ("python:first.py:net", "", 10, "first.py:net"),
        "c": ("python:second.py:net", "", 10, "second.py:net"),
        "d": ("python:other.py:mlp", np.nan, 10, "mlp, 10 parameters"),
        "e": ("python:other.py:mlp", "", 2000, "mlp, 2,000 parameters"),
        "f": ("python:other.py:mlp", "", 2000, "mlp, 2,000 parameters"),
        "g": ("timm_net", "", 5, "timm_net"),
        "h": ("python:other.py:vgg", '{"act": "relu", "depth": 2}', 70, "vgg(act=relu, depth=2)"),
        "i": ("python:other.py:vgg", '{"act": "gelu", "depth": 2}', 70, "vgg(act=gelu, depth=2)"),
        "j": ("python:other.py:vgg", '{"act": "gelu", "depth": 2}', 70, "vgg(act=gelu, depth=2)"),
        "k": ("robustbench:X2020", '{"dataset": "cifar10", "threat_model": "Linf"}', 9, "X2020"),
        "l": ("robustbench:X2020", '{"dataset": "cifar10", "threat_model": "L2"}', 9, "X2020"),
    }
    models = pd.DataFrame(
        [(model, *about[:3]) for model, about in known.items()],
        columns=["model", "architecture", "arguments", "parameters"],
    )
    assert architectures.names(models) == {model: about[-1] for model, about in known.items()}


def test_estimators_set_the_same_pairs_side_by_side() -> None:
    given = {"models": MODELS, "cka": make_estimators(MODELS)}
    natural, inverted, stir = draw("estimators", given, inversion="jones").axes
    for axes, count in ((natural, 17 * 16 // 2), (inverted, 17 * 16), (stir, 17 * 16)):
        (points,) = lines(axes, "value")
        assert len(points.get_xdata()) == count
        x, y = points.get_xdata(), points.get_ydata()
        np.testing.assert_allclose(y, x + 0.05 if axes is stir else 0.9 * x + 0.1)
    (null,) = lines(inverted, "null")
    assert set(null.get_ydata()) == {0.12} and not lines(stir, "null")
    text = caption("estimators", given, inversion="jones")
    assert "null level from 0.120 to 0.120" in text and "differs from CKA by +0.050" in text
    assert "correlation over pairs 1.00" in text
    without = given["cka"][given["cka"]["measure"] != "stir"]
    assert len(draw("estimators", {**given, "cka": without}, inversion="jones").axes) == 2
    assert len(draw("estimators", given, inversion=None).axes) == 1
