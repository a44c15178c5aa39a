"""The figure of SAT and transfer rates."""

from itertools import pairwise

import numpy as np
import pytest
from figure_tables import CKA, MODELS, lookup, make_transfer, panels, shown, texts, ticks
from kindred.errors import BadInput
from kindred.figures import budgets, cka, sat
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform


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
