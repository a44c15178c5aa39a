"""Colour maps, names of budgets, and matrices read from tables."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from figure_tables import CKA, MODELS
from kindred.errors import BadInput
from kindred.figures import cka, style, tables


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
