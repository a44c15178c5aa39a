"""Colour maps, names and colours of budgets, and matrices read from tables."""

import os
import subprocess
import sys
from pathlib import Path

import figure_tables
import numpy as np
import pandas as pd
import pytest
from figure_tables import CKA, MODELS, draw
from kindred.figures.layout import budgets, colours, reading, style
from kindred.workflow.errors import BadInput

CHOSEN = {"measure": "cka_debiased", "inversion": "jones", "unconverged": 0.5}


def test_importing_figures_needs_no_torch_and_the_catalogue_nothing_heavy() -> None:
    heavy = "('torch', 'timm', 'xarray', 'zarr', 'matplotlib.pyplot')"
    code = (
        "import sys; from importlib import import_module; from kindred.figures.catalogue import FIGURES\n"
        f"print([m for m in ({heavy[1:-1]}, 'numpy', 'pandas', 'matplotlib') if m in sys.modules])\n"
        "for figure in FIGURES.values(): import_module(figure.module)\n"
        f"print([m for m in {heavy} if m in sys.modules])"
    )
    path = {**os.environ, "PYTHONPATH": str(Path(style.__file__).parents[3])}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=path, check=True)
    assert done.stdout.split() == ["[]", "[]"]


@pytest.mark.parametrize("cmap", [colours.SIMILARITY, colours.TRANSFER, colours.ACCURACY])
def test_maps_darken_in_equal_steps(cmap) -> None:
    lab = colours.oklab(cmap.colors)
    steps = np.linalg.norm(np.diff(lab, axis=0), axis=1)
    assert (np.diff(lab[:, 0]) < 0).all()
    assert steps.max() / steps.min() < 1.02
    assert lab[0, 0] - lab[-1, 0] > 0.6


def test_oklab_of_white_and_of_a_published_example() -> None:
    np.testing.assert_allclose(colours.oklab(["white", "red"]), [[1, 0, 0], [0.628, 0.2249, 0.1258]], atol=5e-4)


def test_budget_colours_darken_with_the_radius_and_keep_a_hue_per_norm() -> None:
    radii = {"standard": 0, "a": 0.05, "c": 0.2, "b": 0.1, "l2": 1.0, "jpeg": 20, "spatial": 3}
    norms = {"a": "linf", "b": "linf", "c": "linf", "standard": ""}
    given = [budgets.Budget(name, name, norms.get(name, name), eps) for name, eps in radii.items()]
    found = colours.budget_colours(given)
    lab = {name: colours.oklab([colour])[0] for name, colour in found.items()}
    assert lab["a"][0] > lab["b"][0] > lab["c"][0]
    assert np.linalg.norm(lab["standard"][1:]) < 0.02
    assert lab["a"][1] > 0.02 > lab["l2"][1]  # towards red against towards green
    assert len(set(found.values())) == len(radii)


def named(*rows: tuple[str, str | float, float]) -> list[str]:
    """Labels of models with these trainings, norms and radii."""
    models = pd.DataFrame(rows, columns=["training", "norm", "eps"]).assign(model=range(len(rows)))
    return [budget.label for budget in budgets.of_models(models).values()]


def test_budgets_are_named_and_ordered() -> None:
    models = pd.DataFrame(
        {
            "model": ["a", "b", "c", "d", "e", "f"],
            "training": ["pgd", "standard", "trades", "pgd", "pgd", "untrained"],
            "norm": ["linf", "", "linf", "linf", "l2", ""],
            "eps": [8 / 255, 0.0, 8 / 255, 0.5, 3.0, np.nan],
        }
    )
    found = budgets.of_models(models)
    labels = ["pgd ℓ∞ 8/255", "standard", "trades ℓ∞ 8/255", "ℓ∞ 0.5", "ℓ2 3", "untrained"]
    assert [found[model].label for model in "abcdef"] == labels
    assert budgets.by_budget(list("abcdef"), found) == ["b", "f", "e", "a", "c", "d"]


def test_equal_radii_are_one_budget_however_they_are_written() -> None:
    rows = [("pgd", "linf", eps) for eps in (8 / 255, 0.03137, 0.031373)]
    assert named(*rows) == ["ℓ∞ 8/255"] * 3
    models = pd.DataFrame(rows, columns=["training", "norm", "eps"]).assign(model=list("abc"))
    assert len(set(budgets.of_models(models).values())) == 1
    assert named(("pgd", "linf", 8 / 255), ("pgd", "linf", 0.0314)) == ["ℓ∞ 8/255", "ℓ∞ 0.0314"]
    # Round decimals stay, though 0.2 is 51/255; the same radius in another norm is another budget.
    assert named(("t", "linf", 0.2), ("t", "l2", 3.0), ("t", "l2", 0.125)) == ["ℓ∞ 0.2", "ℓ2 3", "ℓ2 0.125"]
    assert named(("t", "jpeg", 20.0), ("t", "spatial", 3.0)) == ["JPEG 20", "spatial 3"]
    close = named(("t", "l2", 1.0), ("t", "l2", 1.0002), ("t", "l2", 1.00001))
    assert close == ["ℓ2 1", "ℓ2 1.0002", "ℓ2 1"]


def test_missing_and_double_rows_are_one_message() -> None:
    def similarity(cka: pd.DataFrame) -> None:
        draw("similarity", {"models": MODELS, "cka": cka}, **CHOSEN)

    gone = (CKA["model_a"] == "vgg-std") & (CKA["model_b"] == "vit-std") & (CKA["stimuli"] == "jones")
    with pytest.raises(BadInput, match=r"has 0 rows for vgg-std \(model_a\) with vit-std \(model_b\);"):
        similarity(CKA[~gone])
    twice = CKA[(CKA["stimuli"] == "natural") & (CKA["model_a"] == "vgg-std")].iloc[:1]
    with pytest.raises(BadInput, match="has 2 rows for"):
        similarity(pd.concat([CKA, twice]))
    with pytest.raises(BadInput, match="lacks the column 'value'"):
        similarity(CKA.drop(columns="value"))
    with pytest.raises(BadInput, match="no rows"):
        similarity(CKA.iloc[:0])
    wrong = {"measure": r"no measure 'other'; it has cka_debiased", "inversion": "no stimuli 'other'; it has"}
    for key, message in wrong.items():
        with pytest.raises(BadInput, match=message):
            draw("similarity", figure_tables.TABLES, **{**CHOSEN, key: "other"})


def test_words_that_stand_for_nothing_elsewhere_are_names_in_tables(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    pd.DataFrame({"model": ["NA", "null"], "norm": ["", "l2"], "eps": [np.nan, 1.0]}).to_csv(path, index=False)
    table = reading.read(path)
    assert list(table["model"]) == ["NA", "null"] and list(table["norm"]) == ["", "l2"]
    pd.DataFrame({"model": ["007", "7"]}).to_csv(tmp_path / "numbers.csv", index=False)
    assert list(reading.read(tmp_path / "numbers.csv")["model"]) == ["007", "7"]
    assert np.isnan(table["eps"][0]) and table["eps"][1] == 1
