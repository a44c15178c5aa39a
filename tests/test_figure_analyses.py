"""Figures of what is made of SAT: groups, maps, components, ensembles, measures, distillation and variation."""

from itertools import combinations
from typing import Any

import figure_study
import numpy as np
import pandas as pd
import pytest
from figure_tables import (
    MODELS,
    assert_fits,
    caption,
    draw,
    lines,
    make_models,
    make_transfer,
    panels,
    shown,
    texts,
    ticks,
)
from kindred.analyses import jackknife, variation
from kindred.figures.layout import labels, text
from kindred.workflow.errors import BadInput
from matplotlib.figure import Figure

TABLES: dict[str, Any] = {**figure_study.of_sat(MODELS), "sat": make_transfer(MODELS)[0]}
FEW: dict[str, Any] = figure_study.of_sat(MODELS.iloc[:3], defined=False)


def test_groups_stand_together_and_sat_is_that_of_the_table() -> None:
    figure = draw("clusters", TABLES, attack="pgd")
    (axes,) = panels(figure)
    names = ticks(axes.yaxis)
    group = TABLES["clusters"].set_index("model")["cluster"]
    assert [group[name] for name in names] == [1] * 9 + [2] * 8 and texts(axes, "group") == ["1", "2"]
    for row in TABLES["sat"].itertuples():
        assert shown(figure)[0][names.index(row.model_a), names.index(row.model_b)] == row.sat
    words = caption("clusters", TABLES, attack="pgd")
    table = TABLES["sat"].query("model_a != model_b")
    same = table["model_a"].map(group).to_numpy() == table["model_b"].map(group).to_numpy()
    assert f"within groups {table['sat'][same].mean():.3f}, between groups {table['sat'][~same].mean():.3f}" in words
    assert "2 other divisions" in words
    assert "architecture 0.50 [0.40, 0.60] (p 0.004) and base −0.10 [0.40, 0.60] (p 0.004)" in words
    assert "division" not in caption("clusters", {**TABLES, "labels": FEW["labels"]}, attack="pgd")


def test_sensitivity_shows_every_choice_and_marks_the_largest_gap() -> None:
    drawn = draw("sensitivity", TABLES).axes
    assert [axes.get_title(loc="left") for axes in drawn] == ["pgd", "mim"]
    table = TABLES["sensitivity"].query("attack == 'mim' and affinity == 'sat' and diagonal == 'kept'")
    curves = [line for line in drawn[1].lines if len(line.get_xdata()) == 3]
    assert len(curves) == 4
    np.testing.assert_allclose(curves[3].get_ydata(), table["value"])
    rings = [each.get_offsets() for each in drawn[1].collections if each.get_gid() == "gap"]
    assert rings[3][:, 1] == pytest.approx(table.query("count == 3")["value"])
    words = caption("sensitivity", TABLES)
    assert "Over the 24 partitions it is 0.20 to 0.90" in words and "12 of 24 agree better" in words
    assert "partitions it is" not in caption("sensitivity", FEW) and "Vertical" not in caption("sensitivity", FEW)
    assert_fits(draw("sensitivity", TABLES))


def test_a_square_table_of_a_users_own_is_the_same_as_a_tidy_one() -> None:
    tidy = TABLES["sat"]
    both = pd.concat([tidy, tidy.rename(columns={"model_a": "model_b", "model_b": "model_a"})])
    matrix = both.drop_duplicates(["model_a", "model_b"]).pivot(index="model_a", columns="model_b", values="sat")
    given = {**TABLES, "sat": matrix.rename_axis(None, axis=1).reset_index()}
    first, second = (draw("clusters", one, attack=attack) for one, attack in ((TABLES, "pgd"), (given, None)))
    assert ticks(panels(first)[0].yaxis) == ticks(panels(second)[0].yaxis)
    np.testing.assert_array_equal(shown(first)[0], shown(second)[0])
    with pytest.raises(BadInput, match="the table of SAT does not hold the attack 'apgd'; it holds pgd"):
        draw("clusters", TABLES, attack="apgd")
    with pytest.raises(BadInput, match=r"clusters.csv has no row for the model"):
        draw("clusters", {**TABLES, "clusters": TABLES["clusters"].iloc[:5]}, attack="pgd")


def test_the_spectrum_marks_the_groups_that_are_drawn() -> None:
    left, right = draw("spectrum", TABLES).axes
    assert [list(line.get_xdata()) for line in left.lines] == [[2, 3], [2, 3], [2.5, 2.5]]
    assert list(right.lines[2].get_xdata()) == [2, 2]
    assert "interval over seeds: SAT 0.90 [0.85, 0.95] and exp(SAT) 0.90 [0.85, 0.95]" in caption("spectrum", TABLES)


def crowded(count: int) -> Figure:
    """Models in four clouds, so dense that names have to make way."""
    draws = np.random.default_rng(0)
    names = list(make_models(count)["model"])
    clouds = draws.normal(size=(4, 2)) * 3
    points = clouds[np.arange(count) % 4] + 0.5 * draws.normal(size=(count, 2))
    places = pd.DataFrame({"method": "mds", "model": names, "x": points[:, 0], "y": points[:, 1]})
    return draw("map", {"map": places, "clusters": pd.DataFrame({"model": names, "cluster": 1})})


@pytest.mark.parametrize("count", [17, 40])
def test_names_on_the_map_do_not_overlap(count: int) -> None:
    figure = crowded(count)
    assert_fits(figure)
    renderer = figure.canvas.get_renderer()
    names = [each for each in figure.axes[0].texts if each.get_gid() == "name"]
    boxes = [each.get_window_extent(renderer) for each in names]
    assert len(boxes) == count
    assert not [(a, b) for a, b in combinations(boxes, 2) if a.shrunk(0.9, 0.8).overlaps(b.shrunk(0.9, 0.8))]


def test_a_name_far_from_its_point_is_joined_to_it() -> None:
    joins = lines(crowded(40).axes[0], "join")
    assert joins and not lines(crowded(4).axes[0], "join")
    assert labels.REACHES[0] < labels.REACHES[1]


def test_maps_without_tsne_do_not_speak_of_it() -> None:
    assert len(draw("map", FEW).axes) == 1 and len(draw("map", TABLES).axes) == 2
    assert "t-SNE" not in caption("map", FEW) and "t-SNE" in caption("map", TABLES)


def test_components_that_all_or_no_pairs_share_are_named() -> None:
    left, right = draw("components", TABLES).axes
    assert ticks(left.yaxis) == ["normalisation", "stem pooling", "resolution, attention and 1 more"]
    assert [bar.get_width() for bar in right.patches] == pytest.approx([0.4, -0.2, 0])
    assert texts(right, "reason") == [" all pairs share it"]
    none = TABLES["importance"].assign(pairs_shared=[0, 2, 5])
    drawn = draw("components", {**TABLES, "importance": none})
    assert texts(drawn.axes[1], "reason") == [" no pair shares it", " all pairs share it"]
    words = caption("components", TABLES)
    assert "R²: 0.30 [−0.20, 0.40] with pairs held out, 0.20 [−0.20, 0.40] with models held out and −0.10" in words
    assert "alike count as one: resolution, attention and depthwise." in words
    assert "R²:" not in caption("components", FEW) and "too little" in caption("components", FEW)


def test_ensembles_show_correlations_where_there_are_any() -> None:
    drawn = draw("ensembles", TABLES).axes
    assert [axes.get_ylabel() for axes in drawn] == ["gain over members, points", "gain over best member, points"]
    np.testing.assert_allclose(drawn[1].collections[0].get_offsets()[:, 1], -1)
    assert texts(drawn[0], "correlation") == ["r = −0.30 [−0.50, 0.00]\npartial r = −0.10 [−0.50, 0.00]"]
    assert texts(draw("ensembles", FEW).axes[0], "correlation") == []
    words = caption("ensembles", TABLES)
    assert "136 sets of 2 models" in words and "r: Pearson" in words
    assert "Mean gain over best member: 1.00 [−50.00, 0.00] (sets of 2)." in words
    assert "accuracy 80.0 [40.0, 90.0] %, and 50.0 [40.0, 90.0] points over its best member" in words
    assert not {"chosen", "r:", "Mean"} & set(caption("ensembles", FEW).split())


def test_the_choice_in_the_caption_is_not_the_best_of_what_was_measured() -> None:
    """A way that happens to do better where it is measured is not named."""
    lucky = TABLES["ensemble_choice"].assign(chosen="least alike", value=0.99)
    both = {**TABLES, "ensemble_choice": pd.concat([lucky, TABLES["ensemble_choice"]])}
    assert caption("ensembles", both) == caption("ensembles", TABLES)


def test_measures_have_scatter_plots_below_and_correlations_above() -> None:
    chosen = {"measures": ["sat_pgd", "cka", "agreement"]}
    figure = draw("measures", TABLES, **chosen)
    cells = [texts(axes, "cell") for axes in figure.axes]
    assert cells[0] == ["SAT\n(pgd)"] and cells[4] == ["natural CKA"] and cells[8] == ["same prediction"]
    assert cells[1] == ["0.90\nρ −0.90\np < 0.001"]
    np.testing.assert_array_equal(figure.axes[3].collections[0].get_offsets(), TABLES["pairs"][["sat_pgd", "cka"]])
    assert texts(draw("measures", FEW, **chosen).axes[1], "cell") == ["undefined"]
    words = caption("measures", TABLES, **chosen)
    assert "corrected for all 10 tests of the study (Holm)" in words
    assert "2 of 3 correlations here differ from 0: SAT (pgd) with same prediction 0.90 [0.80, 0.95] and" in words
    assert "differ from 0" not in caption("measures", FEW, **chosen)


def test_a_correlation_that_does_not_survive_the_correction_is_not_claimed() -> None:
    weak = {**TABLES, "mantel": TABLES["mantel"].assign(p=0.02, holm=0.2)}
    words = caption("measures", weak, measures=["sat_pgd", "cka", "agreement"])
    assert "0 of 3 correlations here differ from 0." in words and "0.90 [" not in words
    assert texts(draw("measures", weak, measures=["sat_pgd", "cka"]).axes[1], "cell") == ["0.90\nρ −0.90\np 0.200"]


def test_gains_of_students_against_sat() -> None:
    drawn = draw("distillation", TABLES).axes
    assert len(drawn) == 2 and drawn[0].get_title(loc="left") == "Hard distillation"
    words = caption("distillation", TABLES)
    assert "hard 0.50 [−0.20, 0.90] over 136 pairs and soft 0.50" in words
    assert "272 of 272 intervals exclude 0." in words and "every training label" not in words
    assert "Correlation" not in caption("distillation", FEW) and "too few pairs" in caption("distillation", FEW)


def test_teachers_without_anything_to_teach_are_not_drawn() -> None:
    """Hard labels of a teacher that is always right: nothing is claimed of them."""
    table = TABLES["distillation"]
    hard = table["method"] == "hard"
    table = table.assign(verdict=np.where(hard, "cannot tell: ...", ""), value=table["value"].where(~hard))
    given = {**TABLES, "distillation": table.assign(low=table["low"].where(~hard), high=table["high"].where(~hard))}
    drawn = draw("distillation", given).axes
    assert texts(drawn[0], "reason") == ["cannot tell"] and texts(drawn[1], "reason") == []
    assert len(drawn[0].collections) == 0 < len(drawn[1].collections)
    words = caption("distillation", given)
    assert (
        "Of the 136 pairs of hard distillation 136 cannot tell" in words and "136 of 136 intervals exclude 0." in words
    )


def test_variation_by_what_pairs_differ_in() -> None:
    def given(rows: list[tuple[str, str, str, float, float]]) -> dict[str, pd.DataFrame]:
        table = pd.DataFrame(rows, columns=["model_a", "model_b", "differs", "sat", "excess"])
        return {"variation": table, "variation_means": variation.group_means(table)}

    rows = [("a", "b", "seed", 1.0, 0.4), ("b", "c", "seed", 1.2, 0.6), ("a", "c", "seed", 3.8, np.nan)]
    rows += [("a", "d", "several", 4.0, 2.0), ("b", "d", "architecture", 2.5, 1.5)]
    rows += [("c", "d", "architecture", np.nan, np.nan)]
    figure = draw("variation", given(rows))
    left, right = figure.axes
    assert ticks(left.yaxis) == ["architecture (1)", "seed (3)", "several (1)"]
    assert (left.get_xlabel(), right.get_xlabel()) == ("SAT", "excess over the null")
    assert [line.get_xdata()[0] for line in lines(left, "mean")] == pytest.approx([2.5, 2.0, 4.0])
    assert [line.get_xdata()[0] for line in lines(right, "mean")] == pytest.approx([1.5, 0.5, 2.0])
    assert_fits(figure)
    words = caption("variation", given(rows))
    assert "architecture 2.50 (1 pair), seed 2.00 [-5.76, 9.76] (3 pairs) and several 4.00 (1 pair)" in words
    assert "architecture 1.50 (1 pair), seed 0.50 (2 pairs) and several 2.00 (1 pair)" in words
    assert "Too few models for an interval: architecture, seed and several" in words
    one = given([(*rows[0][:4], np.nan)])
    assert_fits(draw("variation", one))
    assert len(draw("variation", one).axes) == 1
    assert "several things" not in caption("variation", one)
    with pytest.raises(BadInput, match="no pair with a defined SAT"):
        draw("variation", given(rows[5:]))


def test_means_over_kinds_have_the_intervals_over_models() -> None:
    means = TABLES["variation_means"].set_index(["differs", "quantity"])
    table, names = TABLES["variation"], list(MODELS["model"])
    assert list(means.index) == [(kind, of) for kind in ("seed", "architecture", "several") for of in ("sat", "excess")]
    values, group = np.full((17, 17), np.nan), np.zeros((17, 17), bool)
    for row in table[table["differs"] == "architecture"].itertuples():
        at = names.index(row.model_a), names.index(row.model_b)
        values[at], group[at] = row.excess, True
    found, expected = means.loc[("architecture", "excess")], jackknife.mean(values, group)
    assert tuple(found[["value", "low", "high", "pairs"]]) == pytest.approx(
        (expected.value, expected.low, expected.high, expected.pairs)
    )
    (left, _) = draw("variation", TABLES).axes
    bounds = means.xs("sat", level="quantity")[["low", "high"]].to_numpy()
    drawn = sorted(tuple(line.get_xdata()) for line in lines(left, "interval"))
    np.testing.assert_allclose(drawn, sorted(map(tuple, bounds)))


def test_numbers_in_words() -> None:
    assert [text.plural(count, "pair") for count in (1, 0, 1300)] == ["1 pair", "0 pairs", "1,300 pairs"]
    assert (text.span([3, 3, np.nan]), text.span([3700, 3900])) == ("3", "3,700 to 3,900")
    assert text.signed("r -0.30, -0.00 (-.5) at resnet-10, 1-2") == "r −0.30, 0.00 (−.5) at resnet-10, 1-2"
    assert [text.listed(list(items)) for items in ("", "a", "ab", "abc")] == ["", "a", "a and b", "a, b and c"]
