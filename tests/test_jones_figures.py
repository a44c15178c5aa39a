"""The figures of Jones et al. 2022 show what their tables say, and nothing of them is cut off."""

from collections.abc import Iterable
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from figure_tables import MODELS, lookup, make_cka, make_models, panels, shown, texts, ticks
from kindred import residuals as numbers
from kindred.errors import BadInput
from kindred.figures import architectures, estimators, gradients, pairs, residuals, stitching
from matplotlib.figure import Figure


def lines(axes, gid: str) -> list:  # type: ignore[no-untyped-def]
    return [line for line in axes.lines if line.get_gid() == gid]


def panels_of(figure: Figure) -> list[str]:
    """The titles of all panels."""
    return texts(figure, "title")


def assert_nothing_is_cut(figure: Figure) -> None:
    """All that is drawn lies on the page, and labels along an axis do not touch."""
    figure.set_dpi(72)
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    box, (width, height) = figure.get_tightbbox(renderer), figure.get_size_inches()
    assert box.x0 >= -0.01 and box.y0 >= -0.01, box
    assert box.x1 <= width + 0.01 and box.y1 <= height + 0.01, box
    for axes in figure.axes:
        for axis, low, high in ((axes.xaxis, "x0", "x1"), (axes.yaxis, "y0", "y1")):
            seen = [tick.label1 for tick in axis._update_ticks() if tick.label1.get_visible()]
            boxes = [label.get_window_extent(renderer) for label in seen if label.get_text()]
            boxes.sort(key=lambda each: getattr(each, low))
            for before, after in pairwise(boxes):
                assert getattr(before, high) <= getattr(after, low) + 1.5, axes.get_xlabel()


# --- residuals -----------------------------------------------------------------------------------------------------


def make_residuals(models: Iterable[str], n: int = 30) -> tuple[pd.DataFrame, pd.DataFrame]:
    draws = np.random.default_rng(6)
    rows, curves = [], []
    for place, model in enumerate(models):
        curve = np.exp(-np.linspace(0, 3, 6)) * draws.uniform(0.5, 1.5, (n, 1)) / (1 + place % 3)
        rows.append(numbers.summary("jones", model, curve.min(axis=1), converged=0.04, leave_out=False))
        curves.append(numbers.course("jones", model, curve, range(0, 60, 10), converged=0.04))
    return pd.DataFrame(rows), pd.concat(curves, ignore_index=True)


def test_residuals_are_those_of_the_tables_model_by_model() -> None:
    inversions, curves = make_residuals(MODELS["model"])
    figure = residuals.draw(inversions, curves, MODELS)
    course, spread = figure.axes
    assert ticks(spread.yaxis)[:3] == ["resnet-std", "vgg-std", "vit-std"]
    by_model = inversions.set_index("model")
    for model in MODELS["model"]:
        part = curves[curves["model"] == model]
        (line,) = lines(course, f"course {model}")
        np.testing.assert_array_equal(line.get_xdata(), part["step"])
        np.testing.assert_array_equal(line.get_ydata(), part["median"])
        (point,) = lines(spread, f"median {model}")
        assert point.get_xdata()[0] == by_model.loc[model, "median"]
    assert texts(spread, "share")[0] == residuals.share(by_model.loc["resnet-std", "above"])
    (threshold,) = lines(spread, "threshold")
    assert list(threshold.get_xdata()) == [0.04, 0.04]
    text = residuals.caption(inversions, curves, MODELS)
    above = (inversions["above"] * 30).sum() / inversions["n"].sum()
    assert f"threshold 0.04; {100 * above:.0f} % of all images" in text
    assert "None is left out" in text


def test_residuals_that_are_left_out_or_undefined_are_told() -> None:
    inversions, curves = make_residuals(MODELS["model"])
    inversions.loc[3, ["left_out", "undefined"]] = [7, 2]
    inversions.loc[5, ["median", "q05", "q25", "q75", "q95", "worst"]] = np.nan
    text = residuals.caption(inversions, curves, MODELS)
    assert "The 7 images above it are left out" in text and "2 residuals are undefined" in text
    residuals.draw(inversions, curves, MODELS)
    with pytest.raises(BadInput, match="no row for the model 'resnet-std'"):
        residuals.draw(inversions[inversions["model"] != "resnet-std"], curves, MODELS)
    with pytest.raises(BadInput, match="no inversion 'deep'; it has jones"):
        residuals.draw(inversions, curves, MODELS, inversion="deep")


@pytest.mark.parametrize("count", [3, 17, 69])
def test_residuals_fit_on_their_page(count: int) -> None:
    models = make_models(count)
    assert_nothing_is_cut(residuals.draw(*make_residuals(models["model"]), models))


# --- pairs of one budget -------------------------------------------------------------------------------------------


def test_pairs_of_one_budget_by_plain_looping() -> None:
    standard, small, large = pairs.levels(MODELS, ordered=True)
    assert [level.budget.label for level in (standard, small, large)] == ["standard", "ℓ∞ 0.05", "ℓ∞ 0.1"]
    assert set(small.alike) == set() and len(small.apart) == 5 * 4
    assert set(standard.alike) == {("resnet-std", "resnet-std-s1"), ("resnet-std-s1", "resnet-std")}
    assert len(standard.apart) == 6 * 5 - 2 and ("vgg-std", "resnet-std-s1") in standard.apart
    assert all(a != b for level in (standard, small, large) for a, b in level.apart)
    assert len(pairs.levels(MODELS, ordered=False)[0].apart) == 14


def test_means_over_pairs() -> None:
    found = pairs.mean([0.1, 0.5, np.nan, 0.3])
    assert (found.mean, found.pairs) == (pytest.approx(0.3), 3)
    assert found.sd == pytest.approx(0.2) and found.error == pytest.approx(0.2 / 3**0.5)
    assert np.isnan(pairs.mean([0.4]).error) and np.isnan(pairs.mean([]).mean)


# --- gradients -----------------------------------------------------------------------------------------------------


def make_gradients(models: pd.DataFrame) -> pd.DataFrame:
    draws = np.random.default_rng(7)
    names = list(models["model"])
    eps = dict(zip(names, models["eps"], strict=True))
    rows = [
        (loss, b, a, 0.05 + eps[a] + eps[b] + 0.05 * draws.random(), 0.1, 128)
        for loss in ("cross_entropy", "logit")
        for i, a in enumerate(names)
        for b in names[i + 1 :]
    ]
    table = pd.DataFrame(rows, columns=["loss", "model_a", "model_b", "mean", "sd", "n"])
    return table.sample(frac=1.0, random_state=0)


def cosine(table: pd.DataFrame, loss: str, a: str, b: str) -> float:
    rows = table[(table["loss"] == loss) & table["model_a"].isin([a, b]) & table["model_b"].isin([a, b])]
    assert len(rows) == 1
    return float(rows["mean"].iloc[0])


def test_gradients_are_averaged_over_pairs_of_one_budget() -> None:
    table = make_gradients(MODELS)
    figure = gradients.draw(table, MODELS)
    logit, cross_entropy = figure.axes
    assert ticks(logit.xaxis) == ["standard", "ℓ∞ 0.05", "ℓ∞ 0.1"]
    for axes, loss in ((logit, "logit"), (cross_entropy, "cross_entropy")):
        for place, level in enumerate(pairs.levels(MODELS, ordered=False)):
            (points,) = lines(axes, f"pairs {loss} {place}")
            expected = [cosine(table, loss, a, b) for a, b in level.apart]
            np.testing.assert_array_equal(points.get_ydata(), expected)
            bars = axes.containers[0]
            assert bars.lines[0].get_ydata()[place] == pytest.approx(np.mean(expected))
            low, high = bars.lines[2][0].get_segments()[place][:, 1]
            assert (high - low) / 2 == pytest.approx(np.std(expected, ddof=1))
    text = gradients.caption(table, MODELS)
    assert "14 at standard, 10 at ℓ∞ 0.05 and 14 at ℓ∞ 0.1" in text and "n = 128 images" in text
    assert "0.100 on average" in text and "Diamonds" in text


def test_gradients_of_a_pair_that_is_missing() -> None:
    table = make_gradients(MODELS)
    gone = (table["model_a"] == "vgg-std") & (table["model_b"] == "resnet-std")
    with pytest.raises(BadInput, match="no row for resnet-std and vgg-std"):
        gradients.draw(table[~gone], MODELS)


# --- stitching -----------------------------------------------------------------------------------------------------


def make_stitching(models: pd.DataFrame) -> pd.DataFrame:
    draws = np.random.default_rng(8)
    rows = []
    for body in models["model"]:
        for head in models["model"]:
            for case, level in zip(stitching.COLOURS, (0.95, 0.84, 0.3, 0.2, 0.15), strict=True):
                n = 0 if body == head and "right_head" in case else int(draws.integers(20, 90))
                agreed = round(n * float(np.clip(level + 0.04 * draws.standard_normal(), 0, 1)))
                rate = agreed / n if n else np.nan
                rows.append((body, head, case, n, agreed, rate, 0.01))
    return pd.DataFrame(rows, columns=list(stitching.COLUMNS)).sample(frac=1.0, random_state=0)


def test_stitching_means_and_bands_are_over_ordered_pairs_of_one_budget() -> None:
    table = make_stitching(MODELS)
    figure = stitching.draw(table, MODELS)
    agree, differ = figure.axes
    for axes, cases in ((agree, ["both_right", "both_wrong_same"]), (differ, list(stitching.COLOURS)[2:])):
        for case in cases:
            (line,) = lines(axes, f"mean {case}")
            for place, level in enumerate(pairs.levels(MODELS, ordered=True)):
                rows = table[table["case"] == case].set_index(["body", "head"])
                expected = rows.loc[list(level.apart), "rate"]
                assert line.get_ydata()[place] == pytest.approx(100 * expected.mean())
    text = stitching.caption(table, MODELS)
    assert "28 at standard, 20 at ℓ∞ 0.05 and 28 at ℓ∞ 0.1" in text and "standard error" in text
    with pytest.raises(BadInput, match="no row for the body vgg-std with the head resnet-std"):
        gone = (table["body"] == "vgg-std") & (table["head"] == "resnet-std")
        stitching.draw(table[~gone], MODELS)


# --- estimators ----------------------------------------------------------------------------------------------------


def make_indices(models: pd.DataFrame) -> pd.DataFrame:
    debiased = make_cka(models)
    biased = debiased.assign(measure="cka_biased", value=debiased["value"] * 0.9 + 0.1, null=0.12)
    stir = debiased[debiased["stimuli"] == "jones"].assign(measure="stir")
    return pd.concat([debiased, biased, stir.assign(value=stir["value"] + 0.05)], ignore_index=True)


def test_estimators_set_the_same_pairs_side_by_side() -> None:
    table = make_indices(MODELS)
    natural, inverted, shared = estimators.draw(table, MODELS).axes
    for axes, count in ((natural, 17 * 16 // 2), (inverted, 17 * 16), (shared, 17 * 16)):
        (points,) = lines(axes, "value")
        assert len(points.get_xdata()) == count
        x, y = points.get_xdata(), points.get_ydata()
        np.testing.assert_allclose(y, x + 0.05 if axes is shared else 0.9 * x + 0.1)
    (null,) = lines(inverted, "null")
    assert set(null.get_ydata()) == {0.12} and not lines(shared, "null")
    text = estimators.caption(table, MODELS)
    assert "null at 0.120 to 0.120" in text and "it lies +0.050 from CKA" in text
    assert "correlation over pairs 1.00" in text
    assert len(estimators.draw(table[table["measure"] != "stir"], MODELS).axes) == 2
    with pytest.raises(BadInput, match="needs cka_debiased and one of"):
        estimators.draw(table[table["measure"] == "cka_debiased"], MODELS)


@pytest.mark.parametrize("count", [3, 17, 69])
def test_charts_fit_on_their_page(count: int) -> None:
    models = make_models(count) if count >= 17 else MODELS.iloc[[0, 5, 10]]
    assert_nothing_is_cut(gradients.draw(make_gradients(models), models))
    assert_nothing_is_cut(stitching.draw(make_stitching(models), models))
    assert_nothing_is_cut(estimators.draw(make_indices(models), models))


# --- architectures -------------------------------------------------------------------------------------------------


def of(architecture: str, budget: str) -> list[str]:
    label = {"standard": "standard", "ℓ∞ 0.05": "linf05", "ℓ∞ 0.1": "linf10"}[budget]
    chosen = (MODELS["architecture"] == architecture) & (MODELS["training"] == label)
    return list(MODELS.loc[chosen, "model"])


def expected_mean(table: pd.DataFrame, stimuli: str, rows: list[str], columns: list[str]) -> float:
    """By looking every pair up; natural ones stand once, in the order of the models."""
    place = list(MODELS["model"])
    found = []
    for a in rows:
        for b in columns:
            first, second = (b, a) if stimuli == "natural" and place.index(a) > place.index(b) else (a, b)
            if a != b:
                found.append(lookup(table, first, second, stimuli=stimuli))
    return float(np.mean(found)) if found else 1.0


def test_architectures_side_by_side_at_every_budget() -> None:
    table = make_cka(MODELS)
    figure = architectures.draw(table, MODELS)
    names = list(dict.fromkeys(MODELS["architecture"]))
    arrays = shown(figure)
    assert len(arrays) == 3 * 2 and texts(figure, "row") == ["standard", "ℓ∞ 0.05", "ℓ∞ 0.1"]
    assert texts(figure, "title") == ["Natural images", "Inverted images"]
    for place, budget in enumerate(texts(figure, "row")):
        for at, stimuli in enumerate(("natural", "jones")):
            assert ticks(panels(figure)[2 * place + at].xaxis) == names
            expected = [
                [expected_mean(table, stimuli, of(a, budget), of(b, budget)) for b in names] for a in names
            ]
            np.testing.assert_allclose(arrays[2 * place + at], expected)
    # Two seeds of one architecture are no pair of a model with itself.
    assert arrays[0][names.index("resnet"), names.index("resnet")] < 1
    text = architectures.caption(table, MODELS)
    off = ~np.eye(5, dtype=bool)
    assert f"at ℓ∞ 0.1: {arrays[4][off].mean():.3f} → {arrays[5][off].mean():.3f}" in text


def test_budgets_of_every_pair_of_architectures() -> None:
    table = make_cka(MODELS)
    figure = architectures.draw_budgets(table, MODELS)
    names = list(dict.fromkeys(MODELS["architecture"]))
    budgets = ["standard", "ℓ∞ 0.05", "ℓ∞ 0.1"]
    arrays = shown(figure)
    assert len(arrays) == 25 and texts(figure, "row") == names and texts(figure, "title") == names
    for row, inverter in enumerate(names):
        for column, tested in enumerate(names):
            expected = [
                [expected_mean(table, "jones", of(inverter, a), of(tested, b)) for b in budgets]
                for a in budgets
            ]
            np.testing.assert_allclose(arrays[5 * row + column], expected)
    axes = panels(figure)[20]
    assert ticks(axes.xaxis) == ticks(axes.yaxis) == budgets
    assert axes.get_ylim()[0] < axes.get_ylim()[1]  # inverter budgets from below


def test_architectures_without_all_budgets_are_left_out_and_told() -> None:
    models = MODELS[MODELS["model"] != "vit-linf05"]
    table = make_cka(MODELS)
    assert "vit" not in texts(architectures.draw_budgets(table, models), "row")
    assert "lack a budget: vit." in architectures.caption_budgets(table, models)
    figure = architectures.draw(table, models)
    assert [len(array) for array in shown(figure)] == [5, 5, 4, 4, 5, 5]
    with pytest.raises(BadInput, match="no training budget with more than one architecture"):
        architectures.draw(table, models, order=["vit-std", "vgg-linf05"])
    assert architectures.short("torchvision:resnet18") == "resnet18"


@pytest.mark.parametrize("count", [3, 17, 69])
def test_grids_fit_on_their_page(count: int) -> None:
    models = make_models(count) if count >= 17 else MODELS.iloc[[0, 1, 5, 6]]
    assert_nothing_is_cut(architectures.draw(make_cka(models), models))
    assert_nothing_is_cut(architectures.draw_budgets(make_cka(models), models))
