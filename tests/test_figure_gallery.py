"""The gallery of seeds, targets and inverted images, and the tables of accuracies and of the quality of an attack."""

import numpy as np
import pytest
from figure_study import of_sat
from figure_tables import (
    ARCHITECTURES,
    MODELS,
    assert_fits,
    by_group,
    caption,
    draw,
    make_gallery,
    make_models,
    panels,
    shown,
    texts,
    ticks,
)
from kindred.figures import gallery
from kindred.workflow.errors import BadInput


def test_seed_target_and_every_inverted_image_with_its_residual() -> None:
    store = make_gallery(MODELS)
    given, names = list(MODELS["model"]), by_group(MODELS)
    figure = draw("gallery", {"models": MODELS, "gallery": store}, inversion="jones")
    pictures = {axes.get_label(): axes.images[0].get_array() for axes in panels(figure)}
    assert len(pictures) == 2 * (2 + 17)
    for row in range(2):
        expected = {"seed": store["images"][0, row, 0], "target": store["images"][0, row, 1]}
        expected |= {name: store["images"][given.index(name), row, 2] for name in names}
        for label, image in expected.items():
            np.testing.assert_allclose(pictures[f"{label} {row}"], np.moveaxis(image, 0, -1))
    assert texts(figure, "label") == ["seed", "target", *names]
    assert texts(figure, "group") == ["standard", "ℓ∞ 0.05", "ℓ∞ 0.1"]
    residual = store["residual"]
    assert texts(figure, "residual") == [
        gallery.written(residual[given.index(n), row]) for n in names for row in range(2)
    ]
    # The residual stands under its image.
    axes = next(axes for axes in panels(figure) if axes.get_label() == f"{names[0]} 0").get_position()
    x, y = next(text for text in figure.texts if text.get_gid() == "residual").get_position()
    assert x == pytest.approx((axes.x0 + axes.x1) / 2) and y < axes.y0
    text = caption("gallery", {"models": MODELS, "gallery": store}, inversion="jones")
    assert f"median {np.median(residual):.3f}, largest {residual.max():.3f}" in text
    assert "2 examples (rows) and 17 models" in text


def test_a_diverged_image_is_hatched_and_many_models_take_several_lines() -> None:
    many = make_models(50)
    store = make_gallery(many, examples=1, channels=1)
    store["images"][4, 0, 2], store["residual"][4, 0] = np.nan, np.nan
    figure = draw("gallery", {"models": many, "gallery": store}, inversion="jones")
    assert_fits(figure)
    assert texts(figure, "label").count("seed") == 3
    assert texts(figure, "residual").count("–") == 1
    assert len(panels(figure)) == 50 + 2 * 3 - 1
    assert "Images marked – (1)" in caption("gallery", {"models": many, "gallery": store}, inversion="jones")
    with pytest.raises(BadInput, match=r"inverter .* which is not in models"):
        draw("gallery", {"models": MODELS, "gallery": store}, inversion="jones")


def test_residuals_have_two_figures() -> None:
    expected = {0.0471: ".047", 0.0021: ".0021", 0.5: ".50", 1.26: "1.3", 4.2e-5: "4e−5", 0.0: "0", 12.3: "12"}
    assert {value: gallery.written(value) for value in expected} == expected
    assert gallery.written(np.nan) == "–"


def test_accuracies_are_the_table_by_architecture_and_budget() -> None:
    figure = draw("accuracies", {"models": MODELS})
    (axes,) = panels(figure)
    names = [
        m
        for a in ARCHITECTURES
        for e in (0.0, 0.05, 0.1)
        for m in MODELS.loc[(MODELS["architecture"] == a) & (MODELS["eps"] == e), "model"]
    ]
    assert ticks(axes.yaxis) == names
    assert ticks(axes.xaxis) == ["clean", "pgd", "mim"]
    values = MODELS.set_index("model").loc[names, ["clean_accuracy", "accuracy_pgd", "accuracy_mim"]]
    np.testing.assert_array_equal(shown(figure)[0], values)
    assert texts(axes, "value") == [f"{100 * value:.1f}" for value in values.to_numpy().flat]
    assert texts(figure, "group") == list(ARCHITECTURES)
    assert texts(figure, "legend")[::-1] == ["standard", "ℓ∞ 0.05", "ℓ∞ 0.1"]


def test_the_strongest_attack_has_a_column_and_is_explained() -> None:
    models = MODELS.assign(accuracy_strongest=MODELS[["accuracy_pgd", "accuracy_mim"]].min(axis=1))
    (axes,) = panels(draw("accuracies", {"models": models}))
    assert ticks(axes.xaxis)[-1] == "strongest"
    words = caption("accuracies", {"models": models})
    assert "under the attacks pgd and mim," in words and "Strongest: right under every attack" in words
    assert "Strongest" not in caption("accuracies", {"models": MODELS})


def test_accuracy_that_is_missing_or_impossible() -> None:
    models = MODELS.copy()
    models.loc[3, "accuracy_pgd"] = np.nan
    figure = draw("accuracies", {"models": models})
    assert int(shown(figure)[0].mask.sum()) == 1 and texts(figure, "undefined") == ["not measured"]
    assert "Hatched cells (1) were not measured" in caption("accuracies", {"models": models})
    models.loc[3, "accuracy_pgd"] = 57.0
    with pytest.raises(BadInput, match=r"57 as accuracy_pgd of .*; it must be from 0 to 1"):
        draw("accuracies", {"models": models})


def test_quality_of_an_attack_with_its_warnings_and_numbers_of_images() -> None:
    given = {"quality": of_sat(MODELS)["quality"]}
    figure = draw("quality", given)
    assert texts(panels(figure)[0], "warning") == ["one step beats many"] + [""] * 16
    text = caption("quality", given)
    assert "(100 evaluation images)" in text and "(n = 50)" in text  # half of the images are classified correctly
    assert "1 of 17 models shows a sign of it" in text
    assert "at most 10.0 points away" in text
    none = {"quality": given["quality"].assign(warning=np.nan)}
    assert "No model shows a sign of it" in caption("quality", none)
    table = given["quality"]
    less = table[(table["model"] != "vgg-std") | (table["quantity"] != "half")]
    with pytest.raises(BadInput, match="no half of the model 'vgg-std'"):
        draw("quality", {"quality": less})
    shuffled = draw("quality", {"quality": table.sort_values(["model", "value"])})
    np.testing.assert_array_equal(shown(shuffled)[0][0], [0.5, 0.3, 0.5, 0.9, 1.0])
