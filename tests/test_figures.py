"""Figures show what the tables say: values, order, direction, scales, labels, captions, and the same bytes twice."""

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import pytest
from kindred.errors import BadInput
from kindred.figures import accuracy, budgets, cka, gallery, heatmap, layers, matrix, sat, style, tables
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

ARCHITECTURES = ("resnet", "vgg", "vit", "mixer", "convnext")
TRAININGS = (
    ("linf10", "linf", 0.1, "linf10"),
    ("standard", np.nan, 0.0, "std"),
    ("linf05", "linf", 0.05, "linf05"),
)


# --- synthetic tables in the agreed format ------------------------------------------------------------------------


def make_models(count: int = 17) -> pd.DataFrame:
    """17: five architectures x three trainings (unsorted) and two second seeds; else `count` models, two budgets."""
    if count == 17:
        rows = [(f"{a}-{tag}", a, t, norm, eps, 0) for t, norm, eps, tag in TRAININGS for a in ARCHITECTURES]
        rows.append(("resnet-std-s1", "resnet", "standard", np.nan, 0.0, 1))
        rows.append(("resnet-linf10-s1", "resnet", "linf10", "linf", 0.1, 1))
    else:
        rows = [
            (
                f"network{i:02d}_patch16_224",
                f"family{i % 6}",
                "standard" if i % 3 else "adversarial",
                "l2",
                i % 3 and 3.0,
                0,
            )
            for i in range(count)
        ]
        rows = [
            (m, a, "standard" if eps == 0 else "adversarial", n, float(eps), s) for m, a, _, n, eps, s in rows
        ]
    models = pd.DataFrame(rows, columns=["model", "architecture", "training", "norm", "eps", "seed"])
    draws = np.random.default_rng(3)
    models["parameters"] = 100_000
    for column in ("clean_accuracy", "accuracy_pgd", "accuracy_mim"):
        models[column] = draws.random(len(models)).round(4)
    return models


def make_cka(models: pd.DataFrame, measure: str = "cka_debiased") -> pd.DataFrame:
    draws = np.random.default_rng(1)
    rows = []
    for i, a in enumerate(models["model"]):
        for j, b in enumerate(models["model"]):
            natural, inverted = draws.random(2)
            if i <= j:
                value = 1.0 if i == j else natural
                rows.append(
                    (
                        "natural",
                        np.nan,
                        a,
                        b,
                        "fc",
                        "fc",
                        measure,
                        value,
                        value - 0.02,
                        value + 0.02,
                        0.0,
                        4096,
                    )
                )
            value = 1.0 if i == j else inverted
            rows.append(("jones", a, a, b, "fc", "fc", measure, value, value - 0.04, value + 0.04, 0.0, 1024))
    columns = [
        "stimuli",
        "inverter",
        "model_a",
        "model_b",
        "layer_a",
        "layer_b",
        "measure",
        "value",
        "low",
        "high",
        "null",
        "n",
    ]
    table = pd.DataFrame(rows, columns=columns)
    return table.sample(frac=1.0, random_state=0)  # the order of rows must not matter


def make_transfer(models: pd.DataFrame, groups: int = 3) -> tuple[pd.DataFrame, pd.DataFrame]:
    """SAT and directed rates with `groups` interleaved blocks of models that fool each other."""
    draws = np.random.default_rng(2)
    names = list(models["model"])
    block = np.arange(len(names)) % groups
    rate = np.where(block[:, None] == block[None, :], 0.5, 0.08) * np.exp(
        0.1 * draws.standard_normal((len(names),) * 2)
    )
    np.fill_diagonal(rate, 0.97)
    score = np.log(100 * (rate + rate.T) / 2)
    transfer = pd.DataFrame(
        [
            ("pgd", a, b, 900, round(900 * rate[i, j]), rate[i, j])
            for i, a in enumerate(names)
            for j, b in enumerate(names)
        ],
        columns=["attack", "source", "target", "n", "fooled", "rate"],
    )
    scores = pd.DataFrame(
        [
            ("pgd", a, names[j], score[i, j], score[i, j] - 0.05, score[i, j] + 0.05, 900)
            for i, a in enumerate(names)
            for j in range(i, len(names))
        ],
        columns=["attack", "model_a", "model_b", "sat", "low", "high", "n"],
    )
    return scores.sample(frac=1.0, random_state=0), transfer.sample(frac=1.0, random_state=1)


def make_layers(count_a: int = 5, count_b: int = 5) -> pd.DataFrame:
    draws = np.random.default_rng(4)
    parts = []
    for a, b in (
        ("resnet-std", "resnet-std"),
        ("resnet-linf10", "resnet-linf10"),
        ("resnet-std", "resnet-linf10"),
    ):
        rows, columns = count_a, count_a if a == b else count_b
        values = draws.random((rows, columns))
        if a == b:
            values = (values + values.T) / 2
            np.fill_diagonal(values, 1.0)
        grid = [(f"layer{i}", f"layer{j}", values[i, j]) for i in range(rows) for j in range(columns)]
        part = pd.DataFrame(grid, columns=["layer_a", "layer_b", "value"])
        parts.append(part.assign(stimuli="natural", model_a=a, model_b=b, measure="cka_debiased", n=2048))
    return pd.concat(parts, ignore_index=True)


def make_gallery(models: pd.DataFrame, examples: int = 2, channels: int = 3) -> tuple[np.ndarray, np.ndarray]:
    draws = np.random.default_rng(5)
    images = draws.random((len(models), examples, 3, channels, 6, 8)).astype(np.float32)
    images[:, :, :2] = images[:1, :, :2]
    return images, draws.uniform(0.01, 0.09, (len(models), examples))


def lookup(table: pd.DataFrame, a: str, b: str, column: str = "value", **where: str) -> float:
    """One value of a table, found by plain comparison."""
    for key, value in where.items():
        table = table[table[key] == value]
    first, second = ("model_a", "model_b") if "model_a" in table else ("source", "target")
    rows = table[(table[first] == a) & (table[second] == b)]
    assert len(rows) == 1
    return float(rows[column].iloc[0])


def shown(figure: Figure) -> list[np.ma.MaskedArray]:
    """The arrays handed to imshow, panel by panel."""
    return [axes.images[0].get_array() for axes in panels(figure)]


def panels(figure: Figure) -> list:
    return [axes for axes in figure.axes if axes.images]


def ticks(axis) -> list[str]:
    return [label.get_text() for label in axis.get_ticklabels()]


def texts(holder, gid: str) -> list[str]:
    return [text.get_text() for text in holder.texts if text.get_gid() == gid]


def by_group(models: pd.DataFrame) -> list[str]:
    return [m for eps in (0.0, 0.05, 0.1) for m in models.loc[models["eps"] == eps, "model"]]


MODELS = make_models()
CKA = make_cka(MODELS)


# --- the package --------------------------------------------------------------------------------------------------


def test_importing_figures_needs_no_torch() -> None:
    code = (
        "import sys, kindred.figures.accuracy, kindred.figures.budgets, kindred.figures.cka, kindred.figures.gallery\n"
        "import kindred.figures.layers, kindred.figures.sat\n"
        "print([m for m in ('torch', 'timm', 'xarray', 'zarr', 'matplotlib.pyplot') if m in sys.modules])"
    )
    path = {**os.environ, "PYTHONPATH": str(Path(style.__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=path, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("cmap", [style.SIMILARITY, style.TRANSFER, style.ACCURACY])
def test_sequential_maps_darken_in_equal_steps(cmap) -> None:
    lab = style.oklab(cmap.colors)
    steps = np.linalg.norm(np.diff(lab, axis=0), axis=1)
    assert (np.diff(lab[:, 0]) < 0).all()
    assert steps.max() / steps.min() < 1.02
    assert lab[0, 0] - lab[-1, 0] > 0.6


def test_the_diverging_map_is_lightest_in_its_middle() -> None:
    light = style.oklab(style.DIFFERENCE.colors)[:, 0]
    assert abs(int(light.argmax()) - 127.5) < 12
    assert (np.diff(light[: light.argmax()]) > 0).all() and (np.diff(light[light.argmax() :]) < 0).all()
    assert abs(light[0] - light[-1]) < 0.06


def test_oklab_of_white_and_of_a_published_example() -> None:
    np.testing.assert_allclose(style.oklab(["white", "red"]), [[1, 0, 0], [0.628, 0.2249, 0.1258]], atol=5e-4)


def test_budget_colours_darken_with_the_radius_and_keep_a_hue_per_norm() -> None:
    given = [
        ("standard", "", 0.0),
        ("a", "linf", 0.05),
        ("c", "linf", 0.2),
        ("b", "linf", 0.1),
        ("d", "l2", 1.0),
    ]
    colours = style.budget_colours(given)
    light = {name: style.oklab([colour])[0] for name, colour in colours.items()}
    assert light["a"][0] > light["b"][0] > light["c"][0]
    assert np.linalg.norm(light["standard"][1:]) < 0.02
    assert light["a"][1] > 0.02 > light["d"][1]  # towards red against towards green
    assert len(set(colours.values())) == 5


# --- from tables to matrices ---------------------------------------------------------------------------------------


def test_budgets_are_named_and_ordered() -> None:
    models = pd.DataFrame(
        {
            "model": ["a", "b", "c", "d", "e", "f"],
            "training": ["pgd", "standard", "trades", "pgd", "pgd", "untrained"],
            "norm": ["linf", np.nan, "linf", "linf", "l2", np.nan],
            "eps": [8 / 255, 0.0, 8 / 255, 0.5, 3.0, np.nan],
        }
    )
    named = tables.budgets(models)
    assert [named[m].label for m in "abcdef"] == [
        "pgd ℓ∞ 8/255",
        "standard",
        "trades ℓ∞ 8/255",
        "ℓ∞ 0.5",
        "ℓ2 3",
        "untrained",
    ]
    assert tables.by_budget(list("abcdef"), named) == ["b", "f", "e", "a", "c", "d"]


def test_missing_and_double_rows_are_one_sentence() -> None:
    names = ["resnet-std", "vgg-std", "vit-std"]
    cut = CKA[~((CKA["model_a"] == "vgg-std") & (CKA["model_b"] == "vit-std") & (CKA["stimuli"] == "jones"))]
    with pytest.raises(BadInput, match=r"has no row for vgg-std \(model_a\) with vit-std \(model_b\);"):
        cka.draw(cut, MODELS, order=names)
    cut = CKA[(CKA["model_a"] != "vit-linf10") & (CKA["model_b"] != "vit-linf10")]
    with pytest.raises(BadInput, match=r"no row for .* vit-linf10 .*more pairs"):
        cka.draw(cut, MODELS)
    twice = pd.concat([CKA, CKA[(CKA["stimuli"] == "natural") & (CKA["model_a"] == "vgg-std")].iloc[:1]])
    with pytest.raises(BadInput, match="more than one row"):
        cka.draw(twice, MODELS)


def test_what_is_not_in_a_table_is_named() -> None:
    with pytest.raises(BadInput, match=r"no measure 'cka_cosine'; it has cka_debiased"):
        cka.draw(CKA, MODELS, measure="cka_cosine")
    with pytest.raises(BadInput, match="no stimuli 'other'"):
        cka.draw(CKA, MODELS, inversion="other")
    with pytest.raises(BadInput, match=r"'resnet-sdt' is not in models.csv.*resnet-std"):
        cka.draw(CKA, MODELS, order=["resnet-sdt"])
    with pytest.raises(BadInput, match="each model once"):
        cka.draw(CKA, MODELS, order=["vgg-std", "vgg-std"])
    with pytest.raises(BadInput, match="lacks the column 'value'"):
        cka.draw(CKA.drop(columns="value"), MODELS)
    with pytest.raises(BadInput, match="no rows"):
        cka.draw(CKA.iloc[:0], MODELS)
    with pytest.raises(BadInput, match="2 values of stimuli"):
        cka.draw(pd.concat([CKA, CKA[CKA["stimuli"] == "jones"].assign(stimuli="second")]), MODELS)
    with pytest.raises(BadInput, match="annotate is 'yes'"):
        cka.draw(CKA, MODELS, annotate="yes")
    with pytest.raises(BadInput, match="font size is 2"):
        cka.draw(CKA, MODELS, font_size=2)


# --- model x model CKA ---------------------------------------------------------------------------------------------


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


# --- budgets -------------------------------------------------------------------------------------------------------


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


# --- layers --------------------------------------------------------------------------------------------------------


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


# --- SAT -----------------------------------------------------------------------------------------------------------


def test_sat_is_in_dendrogram_order_with_rates_beside_it() -> None:
    scores, transfer = make_transfer(MODELS)
    figure = sat.draw(scores, transfer, MODELS)
    left, right = panels(figure)
    names = ticks(left.yaxis)
    assert sorted(names) == sorted(MODELS["model"])
    assert names == ticks(left.xaxis) == ticks(right.xaxis)
    given = list(MODELS["model"])
    for i, a in enumerate(names):
        for j, b in enumerate(names):
            pair = (a, b) if given.index(a) <= given.index(b) else (b, a)
            assert shown(figure)[0][i, j] == lookup(scores, *pair, column="sat")
            assert shown(figure)[1][i, j] == lookup(
                transfer, a, b, column="rate"
            )  # rows source, columns target
    assert (right.get_ylabel(), right.get_xlabel()) == ("made on (source)", "shown to (target)")
    # The order is that of an independent linkage of the condensed distances: no crossing branches, blocks together.
    score = np.array(
        [[lookup(scores, *sorted((a, b), key=given.index), column="sat") for b in given] for a in given]
    )
    apart = np.log(100) - score
    np.fill_diagonal(apart, 0)
    tree = linkage(squareform(apart, checks=False), "average", optimal_ordering=True)
    for count in range(2, 17):
        cut = dict(zip(given, fcluster(tree, count, "maxclust"), strict=True))
        assert 1 + sum(cut[a] != cut[b] for a, b in pairwise(names)) == len(set(cut.values()))
    near = sum(apart[given.index(a), given.index(b)] for a, b in pairwise(names))
    _, plain = sat.cluster(score)
    assert [given[leaf] for leaf in plain] == names
    rough = linkage(squareform(apart, checks=False), "average")
    leaves = sat.dendrogram(rough, no_plot=True)["leaves"]
    assert near <= sum(apart[a, b] for a, b in pairwise(leaves))


def test_the_dendrogram_stands_over_its_columns() -> None:
    scores, transfer = make_transfer(MODELS)
    figure = sat.draw(scores, transfer, MODELS)
    (tree,) = [axes for axes in figure.axes if axes.get_label() == "dendrogram"]
    left = panels(figure)[0]
    assert tree.get_xlim() == left.get_xlim()
    assert tree.get_position().x0 == pytest.approx(left.get_position().x0)
    assert tree.get_position().width == pytest.approx(left.get_position().width)
    assert tree.get_position().y0 >= left.get_position().y1
    branches = tree.collections[0].get_segments()
    feet = sorted(float(x) for branch in branches for x, y in branch if y == 0)
    assert feet == list(range(17))
    content = sat.select(scores, transfer, MODELS)
    assert sorted(branch[1, 1] for branch in branches) == pytest.approx(sorted(content.tree[:, 2]))


def test_sat_and_rates_share_colours() -> None:
    scores, transfer = make_transfer(MODELS)
    left, right = (axes.images[0] for axes in panels(sat.draw(scores, transfer, MODELS)))
    assert left.cmap.name == right.cmap.name == "kindred_transfer"
    at = np.linspace(left.norm.vmin, left.norm.vmax, 9)
    np.testing.assert_allclose(left.norm(at), right.norm(np.exp(at) / 100), atol=1e-12)
    assert left.norm.vmax == pytest.approx(np.log(100))


def test_the_bar_has_both_scales_and_stands_clear() -> None:
    scores, transfer = make_transfer(MODELS)
    figure = sat.draw(scores, transfer, MODELS, dpi=72)
    (bar,) = [axes for axes in figure.axes if axes.get_ylabel() == "SAT"]
    low = panels(figure)[0].images[0].norm.vmin
    assert list(bar.get_yticks()) == [tick for tick in (0, 1, 2, 3, 4) if tick >= low]
    rates = [text for text in bar.texts if text.get_gid() == "rate tick"]
    assert [float(text.get_text().split()[0]) for text in rates][-3:] == [20, 50, 100]
    for text in rates:
        assert text.get_position()[1] == pytest.approx(np.log(float(text.get_text().split()[0])))
    renderer = figure.canvas.get_renderer()
    matrix_end = panels(figure)[1].get_window_extent(renderer).x1
    assert min(text.get_window_extent(renderer).x0 for text in rates) > matrix_end
    assert max(text.get_window_extent(renderer).x1 for text in rates) < bar.get_window_extent(renderer).x0


def test_numbers_stay_inside_their_cells() -> None:
    scores, transfer = make_transfer(MODELS)
    for figure in (cka.draw(CKA, MODELS), budgets.draw(CKA, MODELS), sat.draw(scores, transfer, MODELS)):
        renderer = figure.canvas.get_renderer()
        for axes in panels(figure):
            width = axes.get_window_extent(renderer).width / axes.images[0].get_array().shape[1]
            printed = [text for text in axes.texts if text.get_gid() in ("value", "note")]
            assert printed and max(text.get_window_extent(renderer).width for text in printed) <= 0.92 * width


def test_a_rate_of_zero_is_a_value_and_not_a_hole() -> None:
    models = MODELS.iloc[:3]
    scores, transfer = make_transfer(models)
    transfer.loc[(transfer["source"] == "resnet-linf10") & (transfer["target"] == "vgg-linf10"), "rate"] = 0.0
    figure = sat.draw(scores, transfer, models)
    right = panels(figure)[1]
    assert not shown(figure)[1].mask.any() and "0" in texts(right, "value")
    assert right.images[0].norm(0.0) <= 0  # the lowest colour
    assert "1 directed rates are zero" in sat.caption(scores, transfer, models)


def test_sat_with_undefined_pairs_and_few_models() -> None:
    models = MODELS.iloc[:3]
    scores, transfer = make_transfer(models)
    pair = (scores["model_a"] == "resnet-linf10") & (scores["model_b"] == "vgg-linf10")
    scores.loc[pair, "sat"] = np.nan
    figure = sat.draw(scores, transfer, models)
    names = ticks(panels(figure)[0].yaxis)
    assert abs(names.index("resnet-linf10") - names.index("vgg-linf10")) == 2  # farthest apart
    assert int(shown(figure)[0].mask.sum()) == 2
    assert "Hatched cells (2)" in sat.caption(scores, transfer, models)
    with pytest.raises(BadInput, match="at least two models"):
        sat.draw(scores, transfer, models, order=["vit-linf10"])
    with pytest.raises(BadInput, match="linkage method is 'ward'"):
        sat.draw(scores, transfer, models, method="ward")
    with pytest.raises(BadInput, match=r"transfer.csv \(attack pgd\) has no row for vgg-linf10 \(source\)"):
        sat.draw(scores, transfer[transfer["source"] != "vgg-linf10"], models)
    with pytest.raises(BadInput, match="no attack 'apgd'; it has pgd"):
        sat.draw(scores, transfer, models, attack="apgd")


def test_sat_caption() -> None:
    scores, transfer = make_transfer(MODELS)
    text = sat.caption(scores, transfer, MODELS)
    other = scores[scores["model_a"] != scores["model_b"]]["sat"]
    assert f"mean SAT {other.mean():.3f}, from {other.min():.3f} to {other.max():.3f}" in text
    for said in (
        "900 images",
        "average linkage",
        "rows source, columns target",
        "median 0.050",
        "natural logarithm",
    ):
        assert said in text


# --- gallery -------------------------------------------------------------------------------------------------------


def test_the_gallery_shows_seed_target_and_every_inverted_image_with_its_residual() -> None:
    images, residual = make_gallery(MODELS)
    given = list(MODELS["model"])
    names = by_group(MODELS)
    figure = gallery.draw(images, residual, given, MODELS)
    pictures = {axes.get_label(): axes.images[0].get_array() for axes in panels(figure)}
    assert len(pictures) == 2 * (2 + 17)
    for row in range(2):
        np.testing.assert_allclose(pictures[f"seed {row}"], np.moveaxis(images[0, row, 0], 0, -1))
        np.testing.assert_allclose(pictures[f"target {row}"], np.moveaxis(images[0, row, 1], 0, -1))
        for name in names:
            np.testing.assert_allclose(
                pictures[f"{name} {row}"], np.moveaxis(images[given.index(name), row, 2], 0, -1)
            )
    assert texts(figure, "label") == ["seed", "target", *names]
    assert texts(figure, "group") == ["standard", "ℓ∞ 0.05", "ℓ∞ 0.1"]
    assert texts(figure, "residual") == [
        gallery.written(residual[given.index(n), row]) for n in names for row in range(2)
    ]
    # The residual stands under its image.
    axes = next(axes for axes in panels(figure) if axes.get_label() == f"{names[0]} 0").get_position()
    text = next(text for text in figure.texts if text.get_gid() == "residual")
    assert (
        text.get_position()[0] == pytest.approx((axes.x0 + axes.x1) / 2) and text.get_position()[1] < axes.y0
    )
    assert f"median {np.median(residual):.3f}, largest {residual.max():.3f}" in gallery.caption(
        images, residual, given
    )


def test_models_with_seeds_of_their_own_show_them() -> None:
    models = MODELS.iloc[:3]
    images, residual = make_gallery(models)
    names = list(models["model"])
    assert "same seeds" in gallery.caption(images, residual, names)
    images[2, :, 0] *= 0.5
    figure = gallery.draw(images, residual, names)
    assert texts(figure, "label") == [label for name in names for label in ("seed", "target", name)]
    assert "same seeds" not in gallery.caption(images, residual, names)


def test_a_diverged_image_is_hatched_and_many_models_take_several_lines() -> None:
    many = make_models(50)
    images, residual = make_gallery(many, examples=1, channels=1)
    images[4, 0, 2] = np.nan
    residual[4, 0] = np.nan
    figure = gallery.draw(images, residual, list(many["model"]), many)
    assert texts(figure, "label").count("seed") == 3
    assert texts(figure, "residual").count("–") == 1
    assert len(panels(figure)) == 50 + 2 * 3 - 1
    assert "Images marked – (1)" in gallery.caption(images, residual, list(many["model"]), many)


def test_gallery_input_that_does_not_fit() -> None:
    images, residual = make_gallery(MODELS)
    names = list(MODELS["model"])
    with pytest.raises(BadInput, match="must be"):
        gallery.draw(images[:, :, :2], residual, names)
    with pytest.raises(BadInput, match="must agree"):
        gallery.draw(images, residual[:, :1], names)
    with pytest.raises(BadInput, match="no inverter 'swin'"):
        gallery.draw(images, residual, names, order=["swin"])
    assert len(panels(gallery.draw(images, residual, names, examples=1))) == 19


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0471, ".047"),
        (0.0021, ".0021"),
        (0.5, ".50"),
        (1.26, "1.3"),
        (4.2e-5, "4e−5"),
        (np.nan, "–"),
        (0.0, "0"),
        (12.3, "12"),
    ],
)
def test_residuals_have_two_figures(value: float, text: str) -> None:
    assert gallery.written(value) == text


# --- accuracy ------------------------------------------------------------------------------------------------------


def test_accuracy_is_the_table_by_architecture_and_budget() -> None:
    figure = accuracy.draw(MODELS)
    (axes,) = panels(figure)
    eps = dict(zip(MODELS["model"], MODELS["eps"], strict=True))
    names = [
        m
        for a in ARCHITECTURES
        for e in (0.0, 0.05, 0.1)
        for m in MODELS.loc[(MODELS["architecture"] == a) & (MODELS["eps"] == e), "model"]
    ]
    assert ticks(axes.yaxis) == names and len({eps[n] for n in names[:5]}) == 3
    assert ticks(axes.xaxis) == ["clean", "pgd", "mim"]
    rows = MODELS.set_index("model").loc[names]
    np.testing.assert_array_equal(shown(figure)[0], rows[["clean_accuracy", "accuracy_pgd", "accuracy_mim"]])
    assert texts(axes, "value")[:2] == [
        f"{100 * rows['clean_accuracy'].iloc[0]:.1f}",
        f"{100 * rows['accuracy_pgd'].iloc[0]:.1f}",
    ]
    assert texts(figure, "group") == list(ARCHITECTURES)
    assert [text.get_text() for text in figure.texts if text.get_gid() == "legend"][::-1] == [
        "standard",
        "ℓ∞ 0.05",
        "ℓ∞ 0.1",
    ]
    assert ticks(panels(accuracy.draw(MODELS, group="budget"))[0].yaxis) == by_group(MODELS)
    assert ticks(panels(accuracy.draw(MODELS, attacks=["mim"]))[0].xaxis) == ["clean", "mim"]


def test_accuracy_that_is_missing_or_impossible() -> None:
    models = MODELS.copy()
    models.loc[3, "accuracy_pgd"] = np.nan
    figure = accuracy.draw(models)
    assert int(shown(figure)[0].mask.sum()) == 1 and texts(figure, "undefined") == ["not measured"]
    assert "Hatched cells (1) were not measured" in accuracy.caption(models)
    with pytest.raises(BadInput, match=r"no accuracy under 'apgd'; it has pgd, mim"):
        accuracy.draw(models, attacks=["apgd"])
    models.loc[3, "accuracy_pgd"] = 57.0
    with pytest.raises(BadInput, match=r"accuracy_pgd 57; it must be between 0 and 1"):
        accuracy.draw(models)


# --- the page ------------------------------------------------------------------------------------------------------


def every_figure(count: int) -> dict[str, Figure]:
    models = make_models(count) if count >= 17 else MODELS.iloc[[0, 5, 10]]
    table, (scores, transfer) = make_cka(models), make_transfer(models)
    images, residual = make_gallery(models)
    return {
        "cka": cka.draw(table, models),
        "budgets": budgets.draw(table, models),
        "layers": layers.draw(make_layers(count, 2 * count), models if count == 3 else None),
        "sat": sat.draw(scores, transfer, models),
        "gallery": gallery.draw(images, residual, list(models["model"]), models),
        "accuracy": accuracy.draw(models),
    }


@pytest.mark.parametrize("count", [3, 17, 69])
def test_nothing_is_cut_and_labels_do_not_overlap(count: int) -> None:
    for name, figure in every_figure(count).items():
        figure.set_dpi(72)
        figure.canvas.draw()
        page = figure.bbox
        renderer = figure.canvas.get_renderer()
        for artist in figure.findobj(matplotlib.text.Text):
            box = artist.get_window_extent(renderer)
            if not artist.get_visible() or not artist.get_text() or box.width == 0:
                continue
            assert box.x0 >= -1 and box.y0 >= -1 and box.x1 <= page.x1 + 1 and box.y1 <= page.y1 + 1, (
                name,
                artist.get_text(),
            )
        for axes in panels(figure):
            for axis, low in ((axes.xaxis, "x0"), (axes.yaxis, "y0")):
                seen = [label for label in axis.get_ticklabels() if label.get_visible() and label.get_text()]
                boxes = sorted(
                    (label.get_window_extent(renderer) for label in seen), key=lambda b: getattr(b, low)
                )
                high = low.replace("0", "1")
                for before, after in pairwise(boxes):
                    assert getattr(before, high) <= getattr(after, low) + 1.5, (name, count)
                assert all(label.get_fontsize() >= 5 for label in seen), (name, count)
        titles = [t.get_window_extent(renderer) for t in figure.texts if t.get_gid() == "title"]
        for before, after in pairwise(titles):
            assert before.x1 < after.x0, name


def test_files_are_written_and_the_same_twice(tmp_path: Path) -> None:
    for name, figure in every_figure(3).items():
        figure.set_dpi(60)
        style.save(figure, tmp_path / f"{name}.png", tmp_path / f"{name}.pdf", "A caption.")
    with matplotlib.rc_context(
        {
            "font.weight": "bold",
            "font.size": 30,
            "image.cmap": "jet",
            "savefig.facecolor": "red",
            "pdf.fonttype": 3,
        }
    ):
        for name, figure in every_figure(3).items():
            figure.set_dpi(60)
            style.save(figure, tmp_path / f"{name}2.png", tmp_path / f"{name}2.pdf", "A caption.")
            for kind, start in (("png", b"\x89PNG"), ("pdf", b"%PDF")):
                first, second = (tmp_path / f"{name}{n}.{kind}" for n in ("", "2"))
                assert first.read_bytes().startswith(start) and first.stat().st_size > 5000
                assert first.read_bytes() == second.read_bytes(), (name, kind)
    assert not (tmp_path / "cka.pdf").read_bytes().count(b"Date")
    assert b"A caption." in (tmp_path / "cka.png").read_bytes()


def test_another_process_writes_the_same_bytes(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; import test_figures as t; out = Path(sys.argv[1])\n"
        "figure, caption = t.cka.draw(t.CKA, t.MODELS, dpi=60), t.cka.caption(t.CKA, t.MODELS)\n"
        "t.style.save(figure, out / 'a.png', out / 'a.pdf', caption)"
    )
    made = []
    for seed in ("1", "2"):
        path = os.pathsep.join([str(Path(__file__).parent), str(Path(style.__file__).parents[2])])
        env = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": path}
        subprocess.run([sys.executable, "-c", code, str(tmp_path)], env=env, check=True)
        made.append([(tmp_path / name).read_bytes() for name in ("a.png", "a.pdf")])
    assert made[0] == made[1]


def test_the_caption_stands_below_and_inside_the_page(tmp_path: Path) -> None:
    caption = cka.caption(CKA, MODELS) + " " + "Wide words. " * 40
    figure = cka.draw(CKA, MODELS, dpi=80)
    before, held = figure.get_size_inches().copy(), len(figure.texts)
    style.save(figure, tmp_path / "with.png", tmp_path / "with.pdf", caption)
    style.save(figure, tmp_path / "without.png", tmp_path / "without.pdf")
    assert len(figure.texts) == held and (figure.get_size_inches() == before).all()
    with_caption, without = (
        matplotlib.image.imread(tmp_path / f"{n}.png")[..., :3] for n in ("with", "without")
    )
    extra = len(with_caption) - len(without)
    assert with_caption.shape[1] == without.shape[1] and extra > 60
    np.testing.assert_array_equal(with_caption[: len(without) - 2], without[:-2])  # the panels have not moved
    added = with_caption[len(without) :]
    edge = int(0.5 * style.MARGIN * 80)
    assert added.min() < 0.5
    assert (added[:, -edge:] == 1).all() and (added[:, :edge] == 1).all() and (added[-edge:] == 1).all()


def test_captions_wrap_to_the_width_they_are_given() -> None:
    text = "All pairs 0.626 → 0.408; both ℓ∞ 0.05 are within 95 % of n = 10,000 images. " * 6
    lines = style.wrap(text, 3.0, 7.0)
    assert " ".join(lines).replace("\N{NO-BREAK SPACE}", " ").split() == text.split()
    figure = style.blank(4, 4, 200)
    renderer = figure.canvas.get_renderer()
    with style.context():
        widths = [
            figure.text(0, 0, line, fontsize=7).get_window_extent(renderer).width / 200 for line in lines
        ]
    assert max(widths) <= 3.0 and min(widths[:-1]) > 2.2
    assert not any(line.endswith(("ℓ∞", " 95", " n", "n =", "→", "0.626")) for line in lines)


def test_font_size_scales_the_page() -> None:
    small, large = (cka.draw(CKA, MODELS, font_size=size) for size in (8, 12))
    ratio = large.get_size_inches() / small.get_size_inches()
    assert (ratio > 1.3).all() and (ratio < 1.6).all()
    assert panels(large)[0].yaxis.get_ticklabels()[0].get_fontsize() == pytest.approx(
        1.5 * panels(small)[0].yaxis.get_ticklabels()[0].get_fontsize()
    )
    assert cka.draw(CKA, MODELS, dpi=75).dpi == 75
    with pytest.raises(BadInput, match="resolution is 3"):
        cka.draw(CKA, MODELS, dpi=3)


def test_cells_shrink_and_labels_stay_legible() -> None:
    sizes = [heatmap.pitch(count) for count in range(1, 71)]
    assert all(a >= b for a, b in pairwise(sizes)) and 0.8 * sizes[-1] * 72 > 5
