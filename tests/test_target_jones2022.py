"""Jones et al. 2022 through the real rules: what is left out, the layer compared, and what the target holds."""

import re

import numpy as np
import pandas as pd
import pytest
import torch
from kindred.activations.extraction import penultimate
from kindred.models import storage
from kindred.similarity.significance import wilson
from kindred.workflow import store
from workflow import Checkout

INVERTED = "results/images/inverted/jones/{}.zarr"


def test_the_recorded_residual_is_that_of_the_layer_that_is_compared(finished: Checkout) -> None:
    natural = store.array(finished / "results/images/natural.zarr", "images")
    for model in finished.config()["models"]:
        path = finished / INVERTED.format(model)
        assert store.attributes(path)["layer"] == "penultimate"
        weights, described = (finished / f"results/models/{model}.{kind}" for kind in ("safetensors", "json"))
        loaded = storage.load(model, str(weights), str(described))
        shown = store.array(path, "images")
        said, wanted = (
            penultimate(loaded.classifier, images, name=model, device=torch.device("cpu"))
            for images in (shown, natural[: shown.shape[0]])
        )
        found = ((said - wanted).norm(dim=1) / wanted.norm(dim=1)).numpy()
        np.testing.assert_allclose(found, store.array(path, "residual")[:], rtol=1e-3)


def test_another_layer_than_the_inverted_one_is_refused(study: Checkout) -> None:
    path = study / INVERTED.format("vgg-std")
    about, arrays = store.attributes(path), dict(store.open_group(path).arrays())
    values = {name: (array[:], array.metadata.dimension_names) for name, array in arrays.items()}
    with store.writing(path, {**about, "layer": "stages.1"}) as group:
        for name, (rows, dims) in values.items():
            store.put(group, name, rows, dims)
    outcome = study.snakemake("results/tables/cka.csv", "--forcerun", "compare_inverted")
    assert outcome.status == 1
    assert "was inverted at the layer 'stages.1' of 'vgg-std', but the layer 'penultimate' is" in outcome.text
    assert "Traceback" not in outcome.text


@pytest.mark.slow
def test_images_that_have_not_converged_are_left_out_on_request(study: Checkout) -> None:
    rows = pd.read_csv(study / "results/tables/inversions.csv").set_index("model")
    assert (rows["left_out"] == 0).all()
    residual = {model: store.array(study / INVERTED.format(model), "residual")[:] for model in rows.index}
    limit = max(float(np.sort(values)[6]) for values in residual.values())  # the jackknife needs 5 images
    kept = {model: int((values <= limit).sum()) for model, values in residual.items()}
    config = study.config()
    config["inversions"]["jones"].update(converged=limit, leave_out=True)
    study.write_config(config)
    outcome = study.snakemake("results/tables/cka.csv")  # debiased measures need 5 images of each class
    assert outcome.status == 1 and "images.choice is balanced, but of the " in outcome.text
    config["similarity"].update(measures=["cka_biased", "stir_biased"], layer_measures=["cka_biased"])
    config["figures"] = {
        "gallery": False,
        "similarity": {"measure": "cka_biased", "inversion": "jones"},
        "layers": False,
    }
    study.write_config(config)
    outcome = study.snakemake("results/tables/cka.csv", "results/tables/inversions.csv")
    assert outcome.status == 0, outcome.text[-4000:]
    assert "invert_images" not in outcome.jobs
    table = pd.read_csv(study / "results/tables/cka.csv")
    inverted = table[table["stimuli"] == "jones"]
    assert set(inverted["measure"]) == {"cka_biased", "stir_biased"}
    assert (inverted["n"] == inverted["inverter"].map(kept)).all()
    assert set(table[table["stimuli"] == "natural"]["n"]) == {60}
    told = pd.read_csv(study / "results/tables/inversions.csv").set_index("model")["left_out"]
    assert told.to_dict() == {model: 50 - count for model, count in kept.items()}


def debiased(x: np.ndarray, y: np.ndarray) -> float:
    """CKA with the unbiased HSIC of Song et al. 2012 (eq. 5), term by term in float64."""

    def hsic(k: np.ndarray, m: np.ndarray) -> float:
        n, ones = len(k), np.ones(len(k))
        middle = (ones @ k @ ones) * (ones @ m @ ones) / ((n - 1) * (n - 2))
        return float(np.trace(k @ m) + middle - 2 / (n - 2) * ones @ k @ m @ ones)

    k, m = (each.astype(np.float64) @ each.astype(np.float64).T for each in (x, y))
    np.fill_diagonal(k, 0)
    np.fill_diagonal(m, 0)
    return hsic(k, m) / np.sqrt(hsic(k, k) * hsic(m, m))


def test_pairings_start_from_other_images_and_are_averaged_with_their_null_level(study: Checkout) -> None:
    config = study.config()
    config["images"]["choice"] = "random"  # debiased CKA of independent draws, which the plain estimator below is of
    config["inversions"]["jones"].update(images=30, pairings=2, chunk=25)  # 60 seeds, of which 30 are held out
    config["similarity"]["measures"] = ["cka_debiased", "stir"]
    study.write_config(config)
    outcome = study.snakemake("results/tables/cka.csv", "results/tables/inversions.csv", "results/tables/gallery.zarr")
    assert outcome.status == 0, outcome.text[-4000:]
    natural, training = (study / f"results/images/{part}.zarr" for part in ("natural", "training"))
    ids, known = store.strings(natural, "image"), store.strings(training, "image")
    models = ("vgg-std", "convnext-linf10")
    path = study / INVERTED.format(models[0])
    begun, targets = store.strings(path, "seed_image"), store.strings(path, "image")
    assert targets == ids[:30] * 2 and store.array(path, "pairing")[:].tolist() == [0] * 30 + [1] * 30
    assert len(set(begun)) == 60 and set(ids[30:]) <= set(begun) <= {*ids[30:], *known}
    assert begun == store.strings(study / INVERTED.format(models[1]), "seed_image")

    def features(model: str, images: np.ndarray) -> np.ndarray:
        weights, described = (study / f"results/models/{model}.{kind}" for kind in ("safetensors", "json"))
        loaded = storage.load(model, str(weights), str(described))
        return penultimate(loaded.classifier, images, name=model, device=torch.device("cpu")).numpy()

    pixels = {
        image: store.array(path, "images")[at]
        for path, names in ((natural, ids), (training, known))
        for at, image in enumerate(names)
    }
    seeds = features(models[1], np.stack([pixels[image] for image in begun]))
    shown = store.array(path, "images")[:]
    own, tested = (features(model, shown) for model in models)
    halves = slice(0, 30), slice(30, 60)
    values = [debiased(own[half], tested[half]) for half in halves]
    table = pd.read_csv(study / "results/tables/cka.csv")
    pair = (table["inverter"] == models[0]) & (table["model_b"] == models[1])
    row = table[pair & (table["measure"] == "cka_debiased")].iloc[0]
    null = np.mean([debiased(own[half], seeds[half]) for half in halves])
    found = row[["value", "spread", "null", "calibrated"]].to_numpy(dtype=np.float64)
    calibrated = (np.mean(values) - null) / (1 - null)
    np.testing.assert_allclose(found, [np.mean(values), np.std(values, ddof=1), null, calibrated], atol=1e-5)
    assert row["n"] == 30 and row["low"] < row["value"] < row["high"]
    stir = table[pair & (table["measure"] == "stir")].iloc[0]
    aims = features(models[1], store.array(natural, "images")[:30])
    assert abs(stir["null"] - np.mean([debiased(aims, seeds[half]) for half in halves])) < 1e-5
    told = pd.read_csv(study / "results/tables/inversions.csv").set_index("model")
    assert (told["n"] == 60).all() and row["unconverged"] == told.loc[models[0], "above"]
    # Of 30 targets, not of 60 images.
    np.testing.assert_allclose(told[["above_low", "above_high"]].T, wilson(30 * told["above"], 30))
    assert table.loc[table["stimuli"] == "natural", ["spread", "unconverged"]].isna().all(axis=None)
    assert store.array(study / "results/tables/gallery.zarr", "images").shape[1] == 3


def test_on_models_of_other_kinds_the_target_says_that_nothing_is_in_common(study: Checkout) -> None:
    config = study.config()
    config["published"] = {"inversion": "jones"}
    study.write_config(config)
    outcome = study.snakemake("jones2022")
    assert outcome.status == 0, outcome.text[-4000:]
    assert outcome.jobs == {"collect_published": 1, "jones2022": 1}
    assert "published is not drawn: fewer than 2 of the study's models are in the paper." in outcome.text
    assert len(pd.read_csv(study / "results/tables/published.csv")) == 0
    assert pd.read_csv(study / "results/tables/published_summary.csv")["cells"].tolist() == [0]


def test_the_target_draws_every_figure_of_the_paper(finished: Checkout) -> None:
    outcome = finished.snakemake("--dry-run", "--forceall", "jones2022")
    drawn = set(re.findall(r"figures/(\w+)\.png", outcome.text))
    names = "residuals_jones gallery gradients stitching estimators similarity_by_budget similarity_by_architecture"
    assert drawn == {*names.split(), "similarity_by_architecture_and_budget"}
    assert "Jones et al. 2022" in finished.snakemake("--list").text
