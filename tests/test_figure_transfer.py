"""The figure of SAT and transfer rates."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from figure_tables import MODELS, TABLES, assert_fits, caption, draw, lookup, make_transfer, panels, shown, texts, ticks
from kindred.figures import transfer
from kindred.workflow.errors import BadInput
from scipy.cluster.hierarchy import dendrogram, fcluster, linkage
from scipy.spatial.distance import squareform

PGD = {"attack": "pgd"}


def tables(models: pd.DataFrame = MODELS) -> dict[str, pd.DataFrame]:
    sat, rates = make_transfer(models)
    return {"models": models, "sat": sat, "transfer": rates}


def test_sat_is_in_dendrogram_order_with_rates_beside_it() -> None:
    given = tables()
    figure = draw("transfer", given, **PGD)
    left, right = panels(figure)
    names = ticks(left.yaxis)
    assert sorted(names) == sorted(MODELS["model"])
    assert names == ticks(left.xaxis) == ticks(right.xaxis)
    order = list(MODELS["model"])
    for i, a in enumerate(names):
        for j, b in enumerate(names):
            pair = sorted((a, b), key=order.index)
            assert shown(figure)[0][i, j] == lookup(given["sat"], *pair, column="sat")
            assert shown(figure)[1][i, j] == lookup(given["transfer"], a, b)  # rows are sources
    assert (right.get_ylabel(), right.get_xlabel()) == ("made on (source)", "shown to (target)")
    # The order is that of an independent linkage of the condensed distances: no crossing branches, blocks together.
    score = np.array(
        [[lookup(given["sat"], *sorted((a, b), key=order.index), column="sat") for b in order] for a in order]
    )
    apart = np.log(100) - score
    np.fill_diagonal(apart, 0)
    tree = linkage(squareform(apart, checks=False), "average", optimal_ordering=True)
    for count in range(2, 17):
        cut = dict(zip(order, fcluster(tree, count, "maxclust"), strict=True))
        assert 1 + sum(cut[a] != cut[b] for a, b in pairwise(names)) == len(set(cut.values()))
    near = sum(apart[order.index(a), order.index(b)] for a, b in pairwise(names))
    rough = dendrogram(linkage(squareform(apart, checks=False), "average"), no_plot=True)["leaves"]
    assert near <= sum(apart[a, b] for a, b in pairwise(rough))


def test_the_dendrogram_stands_over_its_columns() -> None:
    figure = draw("transfer", tables(), **PGD)
    (tree,) = [axes for axes in figure.axes if axes.get_label() == "dendrogram"]
    left = panels(figure)[0]
    assert tree.get_xlim() == left.get_xlim()
    assert tree.get_position().x0 == pytest.approx(left.get_position().x0)
    assert tree.get_position().width == pytest.approx(left.get_position().width)
    assert tree.get_position().y0 >= left.get_position().y1
    branches = tree.collections[0].get_segments()
    feet = sorted(float(x) for branch in branches for x, y in branch if y == 0)
    assert feet == list(range(17))
    *_, merges = transfer.select(tables(), "pgd")
    assert sorted(branch[1, 1] for branch in branches) == pytest.approx(sorted(merges[:, 2]))


def test_sat_and_rates_share_colours() -> None:
    left, right = (axes.images[0] for axes in panels(draw("transfer", tables(), **PGD)))
    assert left.cmap.name == right.cmap.name == "kindred_transfer"
    at = np.linspace(left.norm.vmin, left.norm.vmax, 9)
    np.testing.assert_allclose(left.norm(at), right.norm(np.exp(at) / 100), atol=1e-12)
    assert left.norm.vmax == pytest.approx(np.log(100))


def test_the_bar_has_both_scales_and_stands_clear() -> None:
    figure = draw("transfer", tables(), **PGD)
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
    chosen = {"measure": "cka_debiased", "inversion": "jones", "unconverged": 0.5}
    for figure in (
        draw("similarity", TABLES, **chosen),
        draw("similarity_by_budget", TABLES, **chosen),
        draw("transfer", tables(), **PGD),
        draw("excess", tables(), **PGD),
    ):
        renderer = figure.canvas.get_renderer()
        for axes in panels(figure):
            width = axes.get_window_extent(renderer).width / axes.images[0].get_array().shape[1]
            printed = [text for text in axes.texts if text.get_gid() in ("value", "note")]
            assert printed and max(text.get_window_extent(renderer).width for text in printed) <= 0.92 * width


def test_a_rate_of_zero_is_a_value_and_not_a_hole() -> None:
    given = tables(MODELS.iloc[:3])
    rates = given["transfer"]
    rates.loc[(rates["source"] == "resnet-linf10") & (rates["target"] == "vgg-linf10"), "value"] = 0.0
    figure = draw("transfer", given, **PGD)
    right = panels(figure)[1]
    assert not shown(figure)[1].mask.any() and "0" in texts(right, "value")
    assert right.images[0].norm(0.0) <= 0  # the lowest colour
    assert "1 directed rate of zero takes the lowest colour" in caption("transfer", given, **PGD)


def test_undefined_pairs_are_farthest_apart() -> None:
    given = tables(MODELS.iloc[:3])
    sat = given["sat"]
    sat.loc[(sat["model_a"] == "resnet-linf10") & (sat["model_b"] == "vgg-linf10"), "sat"] = np.nan
    figure = draw("transfer", given, **PGD)
    names = ticks(panels(figure)[0].yaxis)
    assert abs(names.index("resnet-linf10") - names.index("vgg-linf10")) == 2
    assert int(shown(figure)[0].mask.sum()) == 2
    assert "Hatched cells (2)" in caption("transfer", given, **PGD)


def test_what_tables_lack_is_named() -> None:
    given = tables(MODELS.iloc[:3])
    gone = {**given, "transfer": given["transfer"][given["transfer"]["source"] != "vgg-linf10"]}
    with pytest.raises(BadInput, match=r"transfer.csv \(attack pgd\) has 0 rows for vgg-linf10 \(source\)"):
        draw("transfer", gone, **PGD)
    with pytest.raises(BadInput, match="no attack 'apgd'; it has pgd"):
        draw("transfer", given, attack="apgd")


def test_the_caption_states_definition_order_and_uncertainty() -> None:
    given = tables()
    text = caption("transfer", given, **PGD)
    other = given["sat"][given["sat"]["model_a"] != given["sat"]["model_b"]]["sat"]
    for words in (
        f"mean SAT {other.mean():.3f}, from {other.min():.3f} to {other.max():.3f}",
        "900 per pair",
        "average linkage",
        "rows sources, columns targets",
        "median 0.050",
        "natural logarithm",
    ):
        assert words in text


def test_excess_and_share_stand_in_the_order_of_sat_each_in_its_colours() -> None:
    given = tables()
    figure = draw("excess", given, **PGD)
    left, right = panels(figure)
    names, order = ticks(left.yaxis), list(MODELS["model"])
    assert names == ticks(right.xaxis) == ticks(panels(draw("transfer", given, **PGD))[0].yaxis)
    for i, a in enumerate(names):
        for j, b in enumerate(names):
            pair = sorted((a, b), key=order.index)
            assert shown(figure)[0][i, j] == lookup(given["sat"], *pair, column="excess")
            assert shown(figure)[1][i, j] == 100 * lookup(given["sat"], *pair, column="share")
    maps = [axes.images[0].cmap.name for axes in (left, right)]
    assert len({*maps, "kindred_transfer"}) == 3
    bars = {axes.get_ylabel(): axes for axes in figure.axes}
    for axes, label in ((left, "excess, ln"), (right, "share, %")):
        norm = axes.images[0].norm
        assert bars[label].get_ylim() == pytest.approx((norm.vmin, norm.vmax))
    boxes = [bars[label].get_tightbbox(figure.canvas.get_renderer()) for label in ("excess, ln", "share, %")]
    assert boxes[0].x1 < boxes[1].x0
    assert_fits(figure)


def test_the_caption_of_excess_gives_means_of_different_models_and_says_what_is_undefined() -> None:
    given = tables()
    other = given["sat"][given["sat"]["model_a"] != given["sat"]["model_b"]]
    means = other[["sat", "null", "ceiling", "excess", "share"]].mean()
    words = caption("excess", given, **PGD)
    assert (
        f"SAT {means['sat']:.2f}, null {means['null']:.2f}, ceiling {means['ceiling']:.2f}, excess "
        f"{means['excess']:.2f}, share {100 * means['share']:.0f} %"
    ) in words
    assert "median 0.30" in words and "Hatched" not in words
    given["sat"].loc[other.index[:1], "excess"] = np.nan
    assert "Hatched cells (2) are undefined" in caption("excess", given, **PGD)
    given["sat"]["excess"] = given["sat"]["excess_low"] = given["sat"]["excess_high"] = np.nan
    assert_fits(draw("excess", given, **PGD))
