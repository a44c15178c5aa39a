"""Figures of layers of networks (Cianfarani et al. 2022) from made-up tables."""

import figure_study as made
import numpy as np
import pytest
from figure_tables import caption, draw, texts
from kindred.figures.layout import text
from kindred.workflow.errors import BadInput

MEASURE = {"measure": "cka_debiased"}
PANELS = {"panels": made.panels(), "models": made.layer_models("std", "rob", "rob-b")}


def test_panels_on_natural_and_on_other_images_are_figures_of_their_own() -> None:
    natural = draw("block_structure", PANELS, **MEASURE, natural=True)
    assert len(natural.axes) == 3 + 1
    image = natural.axes[2].get_images()[0]
    np.testing.assert_allclose(image.get_array(), made.block(8, lower=0.2))
    assert image.get_clim() == (0, 1) and natural.axes[0].get_ylim()[0] < natural.axes[0].get_ylim()[1]
    # The third model does not stand in the way of titles that tell the other two apart.
    assert texts(natural, "title") == ["standard", "ℓ∞ 0.1", "standard × ℓ∞ 0.1"]
    off = made.block(5)[~np.eye(made.LAYERS, dtype=bool)].mean()
    words = caption("block_structure", PANELS, **MEASURE, natural=True)
    assert f"standard {off:.3f}" in words and "n = 300" in words
    assert f"standard × ℓ∞ 0.1 {made.block(8, lower=0.2).mean():.3f}" in words
    other = draw("block_stimuli", PANELS, **MEASURE, natural=False)
    assert len(other.axes) == 2 + 1
    assert [axes.get_ylabel() for axes in other.axes[:2]] == ["layer of std, own pgd"] * 2
    assert [axes.get_xlabel() for axes in other.axes[:2]] == ["layer of rob, own pgd", "layer of rob, pgd of std"]
    words = caption("block_stimuli", PANELS, **MEASURE, natural=False)
    assert f"std (own pgd) with rob (pgd of std) {made.block(7, lower=0.3).mean():.3f}" in words


def test_distance_and_summaries_with_published_ones_hollow() -> None:
    given = made.distances()
    left, right = draw("block_distance", given).axes
    assert [line.get_ydata()[0] for line in left.get_lines()] == pytest.approx([0.96, 0.96])
    drawn = {gid: [line for line in right.get_lines() if line.get_gid() == gid] for gid in ("value", "published")}
    for gid, sizes in {"value": (0.3, 0.6), "published": (0.25, 0.5)}.items():
        assert [list(line.get_ydata()) for line in drawn[gid]] == [pytest.approx([size] * 6) for size in sizes]
    assert "digitised" in caption("block_distance", given)
    ours = {**given, "structure": given["structure"].assign(published=np.nan)}
    assert "digitised" not in caption("block_distance", ours)
    # Sides with unequal numbers of layers have no distances.
    unequal = {**given, "distance": given["distance"].iloc[:0]}
    (axes,) = draw("block_distance", unequal).axes
    assert axes.get_title(loc="left") == "Summaries" and axes.get_xlabel() == ""
    assert "Left" not in caption("block_distance", unequal)


def test_benign_against_adversarial_with_accuracy_in_brackets() -> None:
    given = made.benign()
    figure = draw("benign", given)
    assert len(figure.axes) == 2
    # The smaller budget first, whatever the order of the table.
    assert figure.axes[0].get_lines()[0].get_ydata()[-1] == pytest.approx(0.95)
    assert texts(figure, "legend") == ["ℓ∞ 0.05", "ℓ∞ 0.1"]
    assert "std ℓ∞ 0.05 0.97, ℓ∞ 0.1 0.95 (0.01)" in caption("benign", given)


def test_over_training() -> None:
    given = made.training()
    figure = draw("epochs", given)
    assert len(figure.axes) == 8
    above, below = figure.axes[0].get_lines(), figure.axes[4].get_lines()
    # The last epoch with itself is not drawn, and the first has nothing before it.
    assert [line.get_ydata()[0] for line in above] == pytest.approx([0, 1 / 3])
    assert len(below) == 2
    assert "(epoch 3) 0.333 and 0.333" in caption("epochs", given)
    figure = draw("curves", given)
    assert len(figure.axes) == 4 and len(figure.axes[0].get_lines()) == 4
    words = caption("curves", given)
    assert "rob under pgd 20.0 points (held-out accuracy 0.700 at best, in epoch 9, and 0.700 at the end)" in words


def test_components_estimators_and_other_measures() -> None:
    figure = draw("principal", {"principal": made.principal()})
    assert [len(axes.get_lines()) for axes in figure.axes] == [2, 3]
    assert "std 0.500; rob 0.200" in caption("principal", {"principal": made.principal()})
    given = {"panels": made.panels(), "estimators": made.estimators()}
    gaps = [line.get_ydata() for line in draw("layer_estimators", given).axes[0].get_lines()]
    assert len(gaps) == 2 and gaps[1] == pytest.approx(0.03)
    words = "minibatch linear CKA 0.0200 on average over panels, 0.0300 at most"
    assert words in caption("layer_estimators", given)
    given = {"alignments": made.alignments()}
    figure = draw("alignments", given)
    assert texts(figure, "legend") == ["debiased linear CKA", "CCA", "SVCCA"]
    assert f"holds for {made.LAYERS} of {made.LAYERS} layers here" in caption("alignments", given)


def test_a_series_side_by_side() -> None:
    given = made.series()
    pairs, right, lines = draw("series", given, each="threats").axes
    means = [[1, 0.79, 0.59], [0.79, 1, 0.79], [0.59, 0.79, 1]]
    np.testing.assert_allclose(pairs.get_images()[0].get_array(), means)
    # An attack that was made for another series, of some of the models only, is left out.
    assert right.get_images()[0].get_array().shape == (3, 2)
    assert len(lines.get_lines()) == 2
    words = caption("series", given, each="threats")
    assert "from 0.590 (std and rob-b) to 0.790 (std and rob-a)" in words
    assert len(draw("series_blocks", given, **MEASURE, each="threats").axes) == 4
    words = caption("series_blocks", given, **MEASURE, each="threats")
    assert "std 0.00, 0.10, 0.20; rob-a 0.30, 0.40, 0.50" in words
    with pytest.raises(BadInput, match="no series 'width'"):
        draw("series", given, each="width")


def test_titles_are_cut_to_their_panels() -> None:
    assert text.shortened("a title", 3.0, 9.0) == "a title"
    short = text.shortened("a very long title of a small panel", 1.0, 9.0)
    assert short.endswith("…") and text.extent(short, 9.0)[0] <= 1.0
