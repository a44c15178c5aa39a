"""The gallery of seeds, targets and inverted images, and the figure of accuracies."""

import numpy as np
import pytest
from figure_tables import (
    ARCHITECTURES,
    MODELS,
    by_group,
    make_gallery,
    make_models,
    panels,
    shown,
    texts,
    ticks,
)
from kindred.errors import BadInput
from kindred.figures import accuracy, gallery


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
