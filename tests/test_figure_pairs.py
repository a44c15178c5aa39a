"""Figures of pairs of models of one budget (gradients, stitching), and of the residuals of inversions."""

import numpy as np
import pandas as pd
import pytest
from figure_tables import (
    MODELS,
    assert_fits,
    caption,
    draw,
    lines,
    make_gradients,
    make_models,
    make_residuals,
    make_stitching,
    texts,
    ticks,
)
from kindred.figures import stitching
from kindred.figures.layout import pairs
from kindred.figures.layout.text import share
from kindred.workflow.errors import BadInput
from scipy import stats

LABELS = ["standard", "ℓ∞ 0.05", "ℓ∞ 0.1"]


def levels(models: pd.DataFrame, *, ordered: bool) -> dict[str, pd.DataFrame]:
    """Pairs of models by the label of their budget."""
    found = pairs.of_one_budget({"models": models}, "a", "b", ordered=ordered)
    return {str(label): part for label, part in found.groupby("budget", observed=False)}


def named(level: pd.DataFrame, *, alike: bool) -> list[tuple[str, str]]:
    return list(level.loc[level["alike"] == alike, ["a", "b"]].itertuples(index=False, name=None))


def test_pairs_of_one_budget_by_plain_looping() -> None:
    found = levels(MODELS, ordered=True)
    assert list(found) == LABELS
    standard, small, _ = found.values()
    assert named(small, alike=True) == [] and len(named(small, alike=False)) == 5 * 4
    assert set(named(standard, alike=True)) == {("resnet-std", "resnet-std-b"), ("resnet-std-b", "resnet-std")}
    apart = named(standard, alike=False)
    assert len(apart) == 6 * 5 - 2 and ("vgg-std", "resnet-std-b") in apart
    assert all((level["a"] != level["b"]).all() for level in found.values())
    assert len(named(levels(MODELS, ordered=False)["standard"], alike=False)) == 14
    # A budget of a single model has no pairs, and other arguments make another architecture.
    one = MODELS[MODELS["model"].isin(["resnet-std", "resnet-std-b", "vgg-linf10"])]
    (level,) = levels(one.assign(parameters=[1, 2, 3]), ordered=False).values()
    assert named(level, alike=False) == [("resnet-std", "resnet-std-b")] and named(level, alike=True) == []


def test_means_over_pairs() -> None:
    sides = {"a": list("xxxyyzv"), "b": list("yzwzwwu")}
    budget = pd.Categorical(list("aaaaaab"), list("abc"))
    rows = pd.DataFrame({**sides, "budget": budget, "value": [0.1, 0.5, np.nan, 0.3, 0.6, 0.2, 0.4]})
    found = pairs.means(rows, "value")
    # Without x: yz, yw, zw; without y: xz, zw; without z: xy, yw; without w: xy, xz, yz.
    without = np.array([(0.3 + 0.6 + 0.2) / 3, (0.5 + 0.2) / 2, (0.1 + 0.6) / 2, (0.1 + 0.5 + 0.3) / 3])
    half = 3.182446305 * np.sqrt(3 * without.var())
    assert list(found.loc["a"]) == pytest.approx([0.34, 0.34 - half, 0.34 + half])
    assert found.loc["b", "mean"] == 0.4 and found.loc["b", ["low", "high"]].isna().all()
    assert np.isnan(found.loc["c", "mean"])


def cosine(table: pd.DataFrame, loss: str, a: str, b: str) -> float:
    rows = table[(table["loss"] == loss) & table["model_a"].isin([a, b]) & table["model_b"].isin([a, b])]
    assert len(rows) == 1
    return float(rows["value"].iloc[0])


def test_gradients_are_averaged_over_pairs_of_one_budget() -> None:
    table = make_gradients(MODELS)
    figure = draw("gradients", {"models": MODELS, "gradients": table})
    logit, cross_entropy = figure.axes
    assert ticks(logit.xaxis) == LABELS
    for axes, loss in ((logit, "logit"), (cross_entropy, "cross_entropy")):
        for place, level in enumerate(levels(MODELS, ordered=False).values()):
            (points,) = lines(axes, f"pairs {loss} {place}")
            expected = [cosine(table, loss, a, b) for a, b in named(level, alike=False)]
            np.testing.assert_array_equal(points.get_ydata(), expected)
            (seeds,) = lines(axes, f"seeds {loss} {place}")
            assert list(seeds.get_ydata()) == [cosine(table, loss, a, b) for a, b in named(level, alike=True)]
            bars = axes.containers[0]
            assert bars.lines[0].get_ydata()[place] == pytest.approx(np.mean(expected))
            low, high = bars.lines[2][0].get_segments()[place][:, 1]
            apart = named(level, alike=False)
            without = [
                np.mean([cosine(table, loss, a, b) for a, b in apart if model not in (a, b)])
                for model in {model for pair in apart for model in pair}
            ]
            count = len(without)
            half = stats.t.ppf(0.975, count - 1) * np.sqrt((count - 1) * np.var(without))
            assert (high - low) / 2 == pytest.approx(half)
    text = caption("gradients", {"models": MODELS, "gradients": table})
    assert "14 pairs at standard, 10 at ℓ∞ 0.05 and 14 at ℓ∞ 0.1" in text and "n = 128 natural images" in text
    assert "0.100 on average" in text and "Diamonds" in text


def test_a_pair_of_one_budget_is_one_pair() -> None:
    two = MODELS[MODELS["model"].isin(["vgg-std", "vit-std", "mixer-linf10"])]
    given = {"models": two, "gradients": make_gradients(two)}
    figure = draw("gradients", given)
    assert_fits(figure)
    assert texts(figure, "legend") == ["mean, 95 %", "a pair"]
    text = caption("gradients", given)
    assert "(1 pair at standard)" in text and "→" not in text and "Diamonds" not in text
    seeds = MODELS[MODELS["model"].isin(["resnet-std", "resnet-std-b"])]
    given = {"models": seeds, "gradients": make_gradients(seeds)}
    assert texts(draw("gradients", given), "legend") == ["same architecture"]
    assert "Grey" not in caption("gradients", given)


def test_stitching_means_and_bands_are_over_ordered_pairs_of_one_budget() -> None:
    table = make_stitching(MODELS)
    figure = draw("stitching", {"models": MODELS, "stitching": table})
    for axes, cases in zip(figure.axes, stitching.PANELS.values(), strict=True):
        for case in cases:
            (line,) = lines(axes, f"mean {case}")
            for place, level in enumerate(levels(MODELS, ordered=True).values()):
                rows = table[table["case"] == case].set_index(["body", "head"])
                expected = rows.loc[named(level, alike=False), "value"]
                assert line.get_ydata()[place] == pytest.approx(100 * expected.mean())
    text = caption("stitching", {"models": MODELS, "stitching": table})
    assert "28 pairs at standard, 20 at ℓ∞ 0.05 and 28 at ℓ∞ 0.1" in text and "interval over models" in text


def test_what_the_tables_of_pairs_lack_is_named() -> None:
    table = make_gradients(MODELS)
    gone = (table["model_a"] == "vgg-std") & (table["model_b"] == "resnet-std")
    with pytest.raises(BadInput, match="no row for resnet-std and vgg-std"):
        draw("gradients", {"models": MODELS, "gradients": table[~gone]})
    table = make_stitching(MODELS)
    gone = (table["body"] == "vgg-std") & (table["head"] == "resnet-std")
    with pytest.raises(BadInput, match="no row for the body vgg-std with the head resnet-std"):
        draw("stitching", {"models": MODELS, "stitching": table[~gone]})
    with pytest.raises(BadInput, match="no training budget with several architectures"):
        draw("stitching", {"models": MODELS.iloc[[0, 5]], "stitching": table})


def test_residuals_are_those_of_the_tables_model_by_model() -> None:
    given = {"models": MODELS, **make_residuals(MODELS["model"])}
    inversions, curves = given["inversions"], given["inversion_curves"]
    course, spread = draw("residuals", given, each="jones").axes
    assert ticks(spread.yaxis)[:3] == ["resnet-std", "vgg-std", "vit-std"]
    by_model = inversions.set_index("model")
    for model in MODELS["model"]:
        part = curves[curves["model"] == model]
        (line,) = lines(course, f"course {model}")
        np.testing.assert_array_equal(line.get_xdata(), part["step"])
        np.testing.assert_array_equal(line.get_ydata(), part["median"])
        (point,) = lines(spread, f"median {model}")
        assert point.get_xdata()[0] == by_model.loc[model, "median"]
    assert texts(spread, "share")[0] == share(by_model.loc["resnet-std", "above"])
    (threshold,) = lines(spread, "threshold")
    assert list(threshold.get_xdata()) == [0.04, 0.04]
    text = caption("residuals", given, each="jones")
    above = (inversions["above"] * 30).sum() / inversions["n"].sum()
    assert f"threshold 0.04, with the share of images above it at the right; {100 * above:.0f} % of all" in text
    assert "leave none of them out" in text


def test_residuals_that_are_left_out_or_undefined_are_counted() -> None:
    given = {"models": MODELS, **make_residuals(MODELS["model"])}
    inversions = given["inversions"]
    inversions.loc[3, ["left_out", "undefined"]] = [7, 2]
    inversions.loc[5, ["median", "q05", "q25", "q75", "q95", "worst"]] = np.nan
    text = caption("residuals", given, each="jones")
    assert "Comparisons leave out 7 of them" in text and "Undefined residuals (2;" in text
    assert_fits(draw("residuals", given, each="jones"))
    converged = {**given, "inversions": inversions.assign(above=0.0)}
    assert "no image is" in caption("residuals", converged, each="jones")
    with pytest.raises(BadInput, match="no row for the model 'resnet-std'"):
        draw("residuals", {**given, "inversions": inversions[inversions["model"] != "resnet-std"]}, each="jones")
    with pytest.raises(BadInput, match="no inversion 'deep'; it has jones"):
        draw("residuals", given, each="deep")


def test_69_models_fit_on_their_page() -> None:
    models = make_models(69)
    assert_fits(draw("residuals", {"models": models, **make_residuals(models["model"])}, each="jones"))
    assert_fits(draw("gradients", {"models": models, "gradients": make_gradients(models)}))
    assert_fits(draw("stitching", {"models": models, "stitching": make_stitching(models)}))
