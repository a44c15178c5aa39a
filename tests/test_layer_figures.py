"""Figures of layers against layers from made-up tables: what is drawn is what the tables hold, and captions say so."""

import numpy as np
import pandas as pd
import pytest
from kindred.errors import BadInput
from kindred.figures import blocks, layerlines, series, style
from matplotlib.figure import Figure

LAYERS = 20


def matrix(reach: float, count: int = LAYERS, shift: float = 0.0) -> np.ndarray:
    place = np.arange(count)
    return np.exp(-np.abs(place[:, None] - place) / reach) - shift


def cells(values: np.ndarray) -> dict[str, np.ndarray]:
    i, j = np.indices(values.shape).reshape(2, -1)
    return {"place_a": i, "place_b": j, "value": values.ravel()}


def panels() -> pd.DataFrame:
    shown = [
        ("std", "natural", "std", "natural", matrix(5)),
        ("rob", "natural", "rob", "natural", matrix(20)),
        ("std", "natural", "rob", "natural", matrix(8, shift=0.2)),
        ("std", "pgd@std", "rob", "pgd@rob", matrix(6, shift=0.3)),
        ("std", "pgd@std", "rob", "pgd@std", matrix(7, shift=0.3)),
    ]
    frames = []
    for place, (a, seen_a, b, seen_b, values) in enumerate(shown, 1):
        about = {"panel": place, "model_a": a, "seen_a": seen_a, "model_b": b, "seen_b": seen_b, "n": 300}
        for measure, more in (("cka_debiased", 0.0), ("cka_minibatch", 0.01 * place)):
            frames.append(pd.DataFrame({**about, "measure": measure, **cells(values + more)}))
    return pd.concat(frames, ignore_index=True)


def models(*names: str) -> pd.DataFrame:
    robust = [name.startswith("rob") for name in names]
    return pd.DataFrame(
        {
            "model": names,
            "training": ["linf10" if one else "standard" for one in robust],
            "norm": ["linf" if one else "" for one in robust],
            "eps": [0.1 if one else 0.0 for one in robust],
            "clean_accuracy": np.linspace(0.99, 0.9, len(names)),
        }
    )


def texts(figure: Figure) -> str:
    return " ".join(t.get_text() for t in figure.findobj(lambda a: hasattr(a, "get_text")))


def test_panels_on_natural_and_on_other_images_are_figures_of_their_own() -> None:
    natural = blocks.draw(panels(), models("std", "rob"), measure="cka_debiased")
    assert len(natural.axes) == 3 + 1
    image = natural.axes[2].get_images()[0]
    np.testing.assert_allclose(image.get_array(), matrix(8, shift=0.2))
    assert image.get_clim() == (0, 1) and natural.axes[0].get_ylim()[0] < natural.axes[0].get_ylim()[1]
    other = blocks.draw(panels(), models("std", "rob"), measure="cka_debiased", natural=False)
    assert len(other.axes) == 2 + 1
    assert "own pgd" in texts(other) and "pgd of std" in texts(other)
    said = blocks.caption(panels(), measure="cka_debiased")
    off = matrix(5)[~np.eye(LAYERS, dtype=bool)].mean()
    assert f"std with std {off:.3f}" in said and "n = 300" in said
    assert f"std with rob {matrix(8, shift=0.2).mean():.3f}" in said


def distances() -> tuple[pd.DataFrame, pd.DataFrame]:
    rows, told = [], []
    for place, name in enumerate(("std", "rob"), 1):
        about = {"panel": place, "model_a": name, "seen_a": "natural", "model_b": name, "seen_b": "natural"}
        rows += [{**about, "share": step / 19, "value": 1 - step / 25} for step in range(1, 20)]
        for summary in ("mean_off_diagonal", "first_half", "last_half", "share_above_0.8", "diagonal"):
            told.append({**about, "summary": summary, "value": 0.3 * place, "published": 0.25 * place})
    return pd.DataFrame(rows), pd.DataFrame(told)


def test_distance_and_summaries_with_published_ones_hollow() -> None:
    distance, structure = distances()
    figure = blocks.draw_distance(distance, structure)
    left, right = figure.axes
    assert [line.get_ydata()[0] for line in left.get_lines()] == pytest.approx([0.96, 0.96])
    drawn = {
        gid: [line for line in right.get_lines() if line.get_gid() == gid] for gid in ("value", "published")
    }
    assert [list(line.get_ydata()) for line in drawn["value"]] == [
        pytest.approx([0.3] * 4),
        pytest.approx([0.6] * 4),
    ]
    assert list(drawn["published"][1].get_ydata()) == pytest.approx([0.5] * 4)
    assert "digitised" in blocks.distance_caption(structure)
    assert "digitised" not in blocks.distance_caption(structure.assign(published=np.nan))


def along(**about: object) -> pd.DataFrame:
    depth = np.linspace(0, 1, LAYERS)
    return pd.DataFrame(
        {"place": range(LAYERS), "depth": depth, "measure": "cka_debiased", "n": 300, **about}
    )


def test_benign_against_adversarial_with_accuracy_in_brackets() -> None:
    table = pd.concat(
        along(model=model, attack=f"linf{eps}", norm="linf", eps=eps, value=1 - np.linspace(0, eps, LAYERS))
        for model in ("std", "rob")
        for eps in (0.1, 0.05)
    )
    right = pd.DataFrame({"model": ["std", "rob"], "attack": ["linf0.1"] * 2, "accuracy": [0.01, 0.8]})
    figure = layerlines.draw_benign(table)
    assert len(figure.axes) == 2
    # The smaller budget first, whatever the order of the table.
    assert figure.axes[0].get_lines()[0].get_ydata()[-1] == pytest.approx(0.95)
    said = layerlines.benign_caption(table, right)
    assert "std ℓ∞ 0.05 0.97 (nan), ℓ∞ 0.1 0.95 (0.01)" in said


def training() -> tuple[pd.DataFrame, pd.DataFrame]:
    epochs = pd.concat(
        along(
            model=model,
            images=seen,
            epoch=epoch,
            to_last=epoch / 9,
            to_previous=np.nan if epoch == 0 else 0.5,
        )
        for model in ("std", "rob")
        for seen in ("natural", "training")
        for epoch in (0, 3, 9)
    )
    rows = [
        (model, epoch, seen, attack, 0.1 * epoch - (0.2 if seen == "natural" else 0), 200)
        for model in ("std", "rob")
        for epoch in (0, 3, 9)
        for seen in ("natural", "training")
        for attack in ("", "pgd")
    ]
    return epochs, pd.DataFrame(rows, columns=["model", "epoch", "images", "attack", "accuracy", "n"])


def test_over_training() -> None:
    epochs, curves = training()
    figure = layerlines.draw_epochs(epochs)
    assert len(figure.axes) == 8
    above, below = figure.axes[0].get_lines(), figure.axes[4].get_lines()
    # The last epoch with itself is not drawn, and the first has nothing before it.
    assert [line.get_ydata()[0] for line in above] == pytest.approx([0, 1 / 3])
    assert len(below) == 2
    assert "(epoch 3) 0.333, 0.333" in layerlines.epochs_caption(epochs)
    figure = layerlines.draw_curves(epochs, curves)
    assert len(figure.axes) == 4 and len(figure.axes[0].get_lines()) == 4
    assert "rob under pgd 20.0 points, held out at best 0.700 (epoch 9)" in layerlines.curves_caption(curves)


def test_components_estimators_and_other_measures() -> None:
    principal = pd.concat(
        along(model=model, seen=seen, share=0.5 if model == "std" else 0.2)
        for model in ("std", "rob")
        for seen in ("natural", f"pgd@{model}", "pgd@std")
    ).drop_duplicates(["model", "seen", "place"])
    figure = layerlines.draw_principal(principal)
    assert [len(axes.get_lines()) for axes in figure.axes] == [2, 3]
    assert "std 0.500; rob 0.200" in layerlines.principal_caption(principal)

    apart = pd.DataFrame(
        {
            "panel": [1, 3],
            "measure": "cka_minibatch",
            "against": "cka_debiased",
            "mean_absolute_difference": [0.01, 0.03],
            "largest_absolute_difference": [0.01, 0.03],
            "n": 300,
        }
    )
    figure = layerlines.draw_estimators(panels(), apart)
    gaps = [line.get_ydata() for line in figure.axes[0].get_lines()]
    assert len(gaps) == 2 and gaps[1] == pytest.approx(0.03)
    assert "minibatch linear CKA 0.0200 on average, 0.0300 at most" in layerlines.estimators_caption(apart)

    other = pd.concat(
        along(model_a="std", model_b="rob", layer="l", value=value, rank_a=299, rank_b=rank).assign(
            measure=name
        )
        for name, value, rank in (("cka_debiased", 0.4, 299), ("cca", 1.0, 299), ("svcca", 0.7, 20))
    )
    assert len(layerlines.draw_alignments(other).axes[0].get_lines()) == 3
    assert f"holds for {LAYERS} of {LAYERS} layers here" in layerlines.alignments_caption(other)


def side_by_side() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    names = ["std", "rob-a", "rob-b"]
    table = pd.concat(
        along(series="threats", model_a=a, model_b=b, value=1 - 0.2 * abs(i - j) - (0.02 if i > j else 0))
        for i, a in enumerate(names)
        for j, b in enumerate(names)
    )
    accuracy = pd.DataFrame(
        {
            "model": [*names, "std"],
            "attack": ["pgd", "pgd", "pgd", "only-std"],
            "accuracy": [0.0, 0.5, 0.6, 0.3],
        }
    )
    own = pd.concat(
        pd.DataFrame({"series": "threats", "model": name, "n": 300, **cells(matrix(5 + 5 * place))})
        for place, name in enumerate(names)
    )
    return table, accuracy, own


def test_a_series_side_by_side() -> None:
    table, accuracy, own = side_by_side()
    figure = series.draw(table, accuracy, models("std", "rob-a", "rob-b"), series="threats")
    pairs, right, lines = figure.axes
    np.testing.assert_allclose(
        pairs.get_images()[0].get_array(), [[1, 0.79, 0.59], [0.79, 1, 0.79], [0.59, 0.79, 1]]
    )
    # An attack that was made for another series, of some of the models only, is left out.
    assert right.get_images()[0].get_array().shape == (3, 2)
    assert len(lines.get_lines()) == 2
    said = series.caption(table, accuracy, models("std", "rob-a", "rob-b"), series="threats")
    assert "least std and rob-b (0.590)" in said
    structure = pd.DataFrame(
        {
            "series": "threats",
            "model": np.repeat(["std", "rob-a", "rob-b"], 3),
            "summary": ["mean_off_diagonal", "first_vs_last_half", "principal_share"] * 3,
            "value": np.arange(9) / 10,
        }
    )
    figure = blocks.draw_series(own, series="threats", measure="cka_debiased")
    assert len(figure.axes) == 4
    told = blocks.series_caption(own, structure, series="threats", measure="cka_debiased")
    assert "std 0.00, 0.10, 0.20; rob-a 0.30, 0.40, 0.50" in told
    with pytest.raises(BadInput, match="no series 'width'"):
        series.draw(table, accuracy, models("std"), series="width")


def test_titles_are_cut_to_their_panels() -> None:
    size = style.sizes().title
    assert blocks._short("a title", 3.0, size) == "a title"
    short = blocks._short("a very long title of a small panel", 1.0, size)
    assert short.endswith("…") and style.extent(short, size)[0] <= 1.0
