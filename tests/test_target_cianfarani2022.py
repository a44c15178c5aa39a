"""`snakemake cianfarani2022` on a small study: everything is made, nothing twice, and tables follow from float64."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import stratified
import torch
import yaml
from documented import undocumented
from kindred.activations import layer_choice
from kindred.activations.layers import capture
from kindred.config.reading import check
from kindred.models import storage
from kindred.workflow.errors import BadInput
from workflow import ROOT, Checkout

STUDY = ROOT / "studies" / "cianfarani2022.yaml"
SECTION: dict[str, Any] = {
    "layers": "all",
    "fraction": 0.5,
    "images": 50,
    "estimators": ["cka_minibatch"],
    "models": {
        "spare": {"architecture": "kindred_vgg", "training": "linf10", "adjust": {"epochs": 3}},
        "trades": {"architecture": "kindred_vgg", "training": "trades"},
    },
    "attacks": {"spatial": {"method": "spatial", "shift": 2, "degrees": 10, "tries": 2, "images": 50}},
    "panels": [
        {"rows": "vgg-std", "columns": "vgg-std"},
        {"rows": "vgg-std", "columns": "vgg-linf10"},
        {
            "rows": "vgg-std",
            "row_images": "pgd_linf@vgg-std",
            "columns": "vgg-linf10",
            "column_images": "pgd_linf@vgg-std",
        },
    ],
    "benign": {"models": ["vgg-std"], "attacks": ["pgd_linf", "pgd_l2"]},
    "epochs": {"models": ["spare"], "at": [0, 2], "attack": "pgd_linf", "images": 12},
    "series": {"threats": {"models": ["vgg-std", "trades", "convnext-std"], "attacks": ["pgd_linf", "spatial"]}},
    "alignments": [["vgg-std", "vgg-linf10"]],
}
FIGURES = {
    "block_structure", "block_distance", "block_stimuli", "principal", "estimators", "benign", "epochs", "curves",
    "alignments", "series_threats", "blocks_threats",
}  # fmt: skip


def with_section(config: dict) -> dict:
    trades = {"method": "trades", "norm": "linf", "eps": 0.1, "steps": 1, "epochs": 1, "batch": 64}
    return {**config, "trainings": {**config["trainings"], "trades": trades}, "layerwise": SECTION, "memory": 0.01}


@pytest.fixture(scope="module")
def layered(finished: Checkout, tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    checkout = finished.copy(tmp_path_factory.mktemp("layered") / "kindred")
    checkout.write_config(with_section(checkout.config()))
    # The section and the memory concern no other target.
    assert checkout.plan() == {}
    outcome = checkout.snakemake("cianfarani2022")
    assert outcome.status == 0, outcome.text[-6000:]
    assert outcome.jobs["train_model"] == outcome.jobs["train_snapshots"] == 1
    # Of the study's own models and attacks nothing is made again.
    assert outcome.jobs["attack_model"] == 1 + 3
    return checkout


def table(checkout: Checkout, name: str) -> pd.DataFrame:
    return pd.read_csv(checkout / f"results/tables/cianfarani/{name}.csv")


def test_every_figure_is_drawn_and_nothing_is_left_to_do(layered: Checkout) -> None:
    for name in FIGURES:
        for kind in ("png", "pdf"):
            assert (layered / f"results/figures/cianfarani/{name}.{kind}").stat().st_size > 2000
    assert {path.stem for path in (layered / "results/figures/cianfarani").glob("*.png")} == FIGURES
    assert layered.plan("cianfarani2022") == {}
    assert layered.plan() == {}


def test_columns_are_as_documented(layered: Checkout) -> None:
    assert undocumented("layerwise.md", layered / "results/tables") == []


def activations(layered: Checkout, model: str, seen: str) -> dict[str, np.ndarray]:
    """The chosen layers of a model on the first 50 images, captured in one pass."""
    import zarr

    paths = [str(layered / f"results/models/{model}.{kind}") for kind in ("safetensors", "json")]
    classifier = storage.load(model, *paths).classifier
    folder = "images/natural" if seen == "natural" else "images/adversarial/{}/{}".format(*seen.split("@"))
    pixels = zarr.open_group(layered / f"results/{folder}.zarr", mode="r")["images"][:50]
    shown = torch.from_numpy(np.asarray(pixels))
    layers = layer_choice.select(classifier, "all", 0.5, shown[:1])
    with torch.no_grad():
        seen_by = capture(classifier, shown, layers)
    return {layer: seen_by[layer].flatten(1).double().numpy() for layer in layers}


def classes(layered: Checkout) -> np.ndarray:
    """Of the same images, which are drawn class by class."""
    import zarr

    return np.asarray(zarr.open_group(layered / "results/images/natural.zarr", mode="r")["label"][:50])


def test_cells_are_debiased_cka_in_float64(layered: Checkout) -> None:
    cells = table(layered, "panels")
    cells = cells[(cells["measure"] == "cka_debiased") & (cells["panel"] == 3)]
    a, b = (activations(layered, model, "pgd_linf@vgg-std") for model in ("vgg-std", "vgg-linf10"))
    assert list(dict.fromkeys(cells["layer_a"])) == list(a) and len(cells) == len(a) * len(b)
    for row in cells.iloc[:: max(1, len(cells) // 7)].itertuples():
        assert row.value == pytest.approx(stratified.cka(a[row.layer_a], b[row.layer_b], classes(layered)), abs=1e-4)


def test_components_and_adversarial_images(layered: Checkout) -> None:
    natural, attacked = (activations(layered, "vgg-std", seen) for seen in ("natural", "pgd_l2@vgg-std"))
    share = table(layered, "principal").query("model == 'vgg-std' and seen == 'natural'").set_index("layer")["value"]
    benign = table(layered, "benign").query("attack == 'pgd_l2'").set_index("layer")["value"]
    for layer in list(natural)[::3]:
        spectrum = np.linalg.svd(natural[layer] - natural[layer].mean(0), compute_uv=False) ** 2
        assert share[layer] == pytest.approx(spectrum[0] / spectrum.sum(), abs=1e-5)
        assert benign[layer] == pytest.approx(
            stratified.cka(natural[layer], attacked[layer], classes(layered)), abs=1e-4
        )


def test_snapshots_are_kept_and_tabled(layered: Checkout) -> None:
    kept = {
        path.name for path in (layered / "results/snapshots/spare").iterdir() if path.suffix != ".snakemake_timestamp"
    }
    assert {"0.json", "0.safetensors", "2.json", "2.safetensors"} <= kept
    epochs = table(layered, "epochs")
    assert set(epochs["images"]) == {"natural", "training"} and set(epochs["epoch"]) == {0, 2, 3}
    at = epochs.set_index(["epoch", "to", "images", "layer"])["value"]
    assert at[3, "last"].to_numpy() == pytest.approx(1, abs=1e-5)
    assert set(epochs[epochs["epoch"] == 0]["to"]) == {"last"}
    pd.testing.assert_series_equal(at[3, "previous"], at[2, "last"])
    curves = table(layered, "curves")
    assert len(curves) == 3 * 2 * 2 and set(curves["n"]) == {12}


def test_series_of_other_depths_correspond_by_depth(layered: Checkout) -> None:
    series = table(layered, "series")
    itself = series[series["model_a"] == series["model_b"]]
    assert itself["value"].to_numpy() == pytest.approx(1, abs=1e-5)
    other = series.query("model_a == 'vgg-std' and model_b == 'convnext-std'")
    # Both begin with their first layer and end with the classifier.
    assert list(other[["layer_a", "layer_b"]].iloc[0]) == ["features.0", "stem.0"]
    assert list(other[["layer_a", "layer_b"]].iloc[-1]) == ["head.fc", "head.fc"]
    accuracy = table(layered, "accuracy")
    assert len(accuracy[accuracy["attack"] == "spatial"]) == 3


def test_settings_bring_what_depends_on_them(layered: Checkout, tmp_path: Path) -> None:
    checkout = layered.copy(tmp_path / "kindred")
    config = checkout.config()
    config["memory"] = 0.02
    checkout.write_config(config)
    assert checkout.plan("cianfarani2022") == {}
    config["layerwise"]["epochs"]["images"] = 11
    checkout.write_config(config)
    again = {"evaluate_snapshots": 1, "collect_epochs": 1, "draw_figure": 2, "cianfarani2022": 1}
    assert checkout.plan("cianfarani2022") == again


MISTAKES: list[tuple[str, dict[str, Any]]] = [
    (
        "layerwise.panels[0].rows names 'vgg', which is not a model",
        {"panels": [{"rows": "vgg", "columns": "vgg-std"}]},
    ),
    (
        "layerwise.panels[0].row_images is 'pgd_linf', but must be natural, training, or the adversarial images",
        {"panels": [{"rows": "vgg-std", "columns": "vgg-std", "row_images": "pgd_linf"}]},
    ),
    (
        "shows training images to one model and others to the other, but must show both the same",
        {"panels": [{"rows": "vgg-std", "columns": "vgg-std", "row_images": "training"}]},
    ),
    (
        "layerwise.models.VGG-std must have another name, as models.vgg-std has this one",
        {"models": {"VGG-std": {"architecture": "kindred_vgg", "training": "standard"}}},
    ),
    (
        "layerwise.epochs.at holds 2, but 'vgg-std' is trained for 2 epochs",
        {"epochs": {"models": ["vgg-std"], "at": [2]}},
    ),
    (
        "names 'few', which attacks 10 images, but 60 are compared",
        {
            "attacks": {"few": {"norm": "linf", "eps": 0.1, "steps": 1, "images": 10}},
            "benign": {"models": ["vgg-std"], "attacks": ["few"]},
        },
    ),
    (
        "layerwise.attacks.moved.degrees is not a key of an attack",
        {"attacks": {"moved": {"norm": "l2", "eps": 1, "steps": 1, "degrees": 5}}},
    ),
    ("both must be of one architecture", {"alignments": [["vgg-std", "convnext-std"]]}),
    ("layerwise.estimators holds 'cka_debiased', which is layerwise.measure", {"estimators": ["cka_debiased"]}),
    ("layerwise.published is true, but needs three panels on natural images", {"published": True}),
    (
        "layerwise.series.s.attacks names 'fgsm', which is not an attack",
        {"series": {"s": {"models": ["vgg-std"], "attacks": ["fgsm"]}}},
    ),
]  # fmt: skip


def test_mistakes_in_the_section_have_their_message() -> None:
    config = yaml.safe_load((ROOT / "tests" / "small.yaml").read_text())
    wrong = []
    for message, section in MISTAKES:
        with pytest.raises(BadInput) as raised:
            check({**config, "layerwise": section})
        if message not in str(raised.value):
            wrong.append(f"{message!r} is not in: {raised.value}")
    assert not wrong, "\n".join(wrong)


def test_photographs_are_planned(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path / "kindred", ROOT / "studies" / "cianfarani2022_imagenette.yaml")
    own = check(checkout.config())["layerwise"]
    jobs = checkout.plan("cianfarani2022")
    assert (jobs["train_model"], jobs["train_snapshots"], own["pooled"]) == (5, 1, True)
    # Six on panels of natural and other images and over training, and two of the series; no alignments.
    assert jobs["draw_figure"] == 10 and "align_layers" not in jobs


def test_the_papers_study_is_planned(tmp_path: Path) -> None:
    """Its jobs, without its images."""
    checkout = Checkout(tmp_path / "kindred", STUDY)
    own = check(checkout.config(), [STUDY])["layerwise"]
    assert (own["measure"], own["layers"], own["published"]) == ("cka_minibatch", "paper", True)
    assert check(checkout.config())["similarity"]["minibatch"] == {"size": 1024, "passes": 3, "seed": 0}
    jobs = checkout.plan("cianfarani2022")
    models = {**checkout.config()["models"], **own["models"]}
    assert jobs["train_model"] + jobs["train_snapshots"] == len(models)
    assert jobs["draw_figure"] == 9 + 2 * len(own["series"])
