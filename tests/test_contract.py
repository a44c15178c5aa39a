"""What a reader outside the project relies on: the files are there, and the tables follow from the stores.

Everything is read with xarray, pandas and safetensors alone and computed again in plain float64 numpy.
"""

import itertools
import json
import math

import numpy as np
import pandas as pd
import pytest
import safetensors.numpy
import stratified
import xarray as xr
from workflow import Checkout

MODELS = ["vgg-std", "vgg-linf10", "convnext-std", "convnext-linf10"]


def zarr(study: Checkout, name: str) -> xr.Dataset:
    return xr.open_zarr(study / "results" / name, consolidated=False, chunks=None)


def table(study: Checkout, name: str) -> pd.DataFrame:
    return pd.read_csv(study / f"results/tables/{name}.csv")


def cka_b(x: np.ndarray, y: np.ndarray) -> float:
    x, y = (np.asarray(v, dtype=np.float64) - np.asarray(v, dtype=np.float64).mean(0) for v in (x, y))
    return float(np.linalg.norm(y.T @ x) ** 2 / np.linalg.norm(x.T @ x) / np.linalg.norm(y.T @ y))


def test_images_are_named_labelled_and_in_range(finished: Checkout) -> None:
    natural, training = zarr(finished, "images/natural.zarr"), zarr(finished, "images/training.zarr")
    assert natural.images.dims == ("image", "channel", "height", "width")
    assert set(natural.coords) == {"image", "label"}
    assert natural.sizes["image"] == 60
    assert not set(natural.image.values) & set(training.image.values)
    assert float(natural.images.min()) >= 0 and float(natural.images.max()) <= 1


def test_models_are_weights_and_how_to_build_them(finished: Checkout) -> None:
    for model in MODELS:
        weights = safetensors.numpy.load_file(finished / f"results/models/{model}.safetensors")
        about = json.loads((finished / f"results/models/{model}.json").read_text())
        assert len(weights) > 10
        assert {"description", "source", "weights_sha256", "clean_accuracy"} <= set(about)


def test_adversarial_images_stay_in_their_ball(finished: Checkout) -> None:
    natural = zarr(finished, "images/natural.zarr")
    for model in MODELS:
        linf = zarr(finished, f"images/adversarial/pgd_linf/{model}.zarr")
        l2 = zarr(finished, f"images/adversarial/pgd_l2/{model}.zarr")
        for changed in (linf, l2):
            assert list(changed.image.values) == list(natural.image.values)
            assert float(changed.images.min()) >= 0 and float(changed.images.max()) <= 1
        delta = (linf.images.values - natural.images.values).astype(np.float64).reshape(60, -1)
        assert np.abs(delta).max() <= 0.1 + 1e-6
        np.testing.assert_allclose(linf.norm, np.abs(delta).max(1), atol=1e-7)
        delta = (l2.images.values - natural.images.values).astype(np.float64).reshape(60, -1)
        assert np.linalg.norm(delta, axis=1).max() <= 1.5 + 1e-5


def test_inverted_images_say_where_they_began(finished: Checkout) -> None:
    known = [zarr(finished, f"images/{part}.zarr").label.to_series() for part in ("natural", "training")]
    labels, seeds = pd.concat(known), []
    for model in MODELS:
        inverted = zarr(finished, f"images/inverted/jones/{model}.zarr")
        seeds.append(list(inverted.seed_image.values))
        assert (labels[inverted.seed_image.values].to_numpy() != inverted.label.values).all()
        # Each is used once, and none is a target.
        assert len({*inverted.seed_image.values, *inverted.image.values}) == 2 * len(inverted.image)
        assert (inverted.seed_label.values == labels[inverted.seed_image.values]).all()
        np.testing.assert_allclose(inverted.residual, inverted.curve.min("step"), rtol=1e-6)
    assert all(other == seeds[0] for other in seeds)


def test_cka_follows_from_the_activations(finished: Checkout) -> None:
    rows = table(finished, "cka")
    said = {model: zarr(finished, f"activations/{model}/natural.zarr").penultimate.values for model in MODELS}
    labels = zarr(finished, "images/natural.zarr").label.values  # drawn class by class
    natural = rows[rows["stimuli"] == "natural"].set_index(["measure", "model_a", "model_b"])
    for a, b in itertools.combinations_with_replacement(MODELS, 2):
        debiased, biased = natural.loc["cka_debiased", a, b], natural.loc["cka_biased", a, b]
        assert debiased["value"] == pytest.approx(stratified.cka(said[a], said[b], labels), abs=2e-6)
        assert biased["value"] == pytest.approx(cka_b(said[a], said[b]), abs=2e-6)
        assert debiased["n"] == 60
        if a != b:
            assert debiased["low"] < debiased["value"] < debiased["high"]
    assert len(natural) == 4 * 10
    inverted = rows[(rows["stimuli"] == "jones") & (rows["measure"] == "cka_debiased")]
    assert len(inverted) == 16
    assert (inverted["inverter"] == inverted["model_a"]).all()
    assert (inverted["n"] == 50).all()
    own = inverted[inverted["model_a"] == inverted["model_b"]]
    np.testing.assert_allclose(own["value"], 1, atol=1e-6)


def test_layers_follow_from_the_activations(finished: Checkout) -> None:
    rows = table(finished, "layers")
    pairs = rows[["model_a", "model_b"]].drop_duplicates()
    assert len(pairs) == 10
    for _, (a, b) in pairs.iterrows():
        stores = {model: zarr(finished, f"activations/{model}/natural.zarr") for model in (a, b)}
        part = rows[(rows["model_a"] == a) & (rows["model_b"] == b)]
        assert len(part) == len(stores[a].attrs["layers"]) * len(stores[b].attrs["layers"])
        for row in part.sample(4, random_state=0).itertuples():
            layers = stores[a][row.layer_a].values, stores[b][row.layer_b].values
            expected = stratified.cka(*layers, stores[a].label.values)
            assert row.value == pytest.approx(expected, abs=2e-6), (a, row.layer_a, b, row.layer_b)


def test_transfer_and_sat_follow_from_the_answers(finished: Checkout) -> None:
    rates = table(finished, "transfer").set_index(["attack", "source", "target"])
    scores = table(finished, "sat").set_index(["attack", "model_a", "model_b"])
    for attack in ("pgd_linf", "pgd_l2"):
        natural, answered = {}, {}
        for path in (finished / f"results/transfer/{attack}").glob("*.zarr"):
            tile = xr.open_zarr(path, consolidated=False, chunks=None)
            for target in tile.target.values:
                natural[str(target)] = tile.natural.sel(target=target).values
                for source in tile.source.values:
                    answered[str(source), str(target)] = tile.predicted.sel(source=source, target=target).values
            labels = tile.label.values
        for a, b in itertools.combinations_with_replacement(MODELS, 2):
            both = (natural[a] == labels) & (natural[b] == labels)
            there = (answered[a, b] != labels)[both]
            back = (answered[b, a] != labels)[both]
            assert rates.loc[(attack, a, b), "n"] == both.sum()
            assert rates.loc[(attack, a, b), "fooled"] == there.sum()
            assert rates.loc[(attack, a, b), "value"] == pytest.approx(there.mean())
            percent = 100 * (there.sum() + back.sum()) / (2 * both.sum())
            assert scores.loc[(attack, a, b), "sat"] == pytest.approx(math.log(max(0.01, percent)))


def test_accuracies_follow_from_the_attacked_images(finished: Checkout) -> None:
    rows = table(finished, "models").set_index("model")
    assert list(rows.index) == MODELS
    for model in MODELS:
        for attack in ("pgd_linf", "pgd_l2"):
            changed = zarr(finished, f"images/adversarial/{attack}/{model}.zarr")
            assert rows.loc[model, f"accuracy_{attack}"] == pytest.approx(1 - float(changed.fooled.mean()))
            assert rows.loc[model, "clean_accuracy"] == pytest.approx(float(changed.correct.mean()))


def test_every_figure_is_there_twice(finished: Checkout) -> None:
    names = {path.stem for path in (finished / "results/figures").glob("*.png")}
    assert names >= {"accuracies", "similarity", "similarity_by_budget", "layers", "transfer", "gallery"}
    for name in names:
        assert (finished / f"results/figures/{name}.png").read_bytes().startswith(b"\x89PNG")
        assert (finished / f"results/figures/{name}.pdf").read_bytes().startswith(b"%PDF")


def test_jobs_leave_logs_and_the_dear_ones_a_benchmark(finished: Checkout) -> None:
    assert (finished / "results/logs/train_model/vgg-std.log").read_text().count("\n") >= 3
    assert (finished / "results/benchmarks/train_model/vgg-std.tsv").exists()
    assert not list((finished / "results").rglob("*.partial*"))
    assert not list((finished / "results").rglob("*.chunks"))


@pytest.mark.slow
def test_a_second_run_gives_the_same_numbers(finished: Checkout, study: Checkout) -> None:
    outcome = study.snakemake("--forceall", "tables")
    assert outcome.status == 0, outcome.text[-4000:]
    for name in ("models", "cka", "layers", "transfer", "sat"):
        path = f"results/tables/{name}.csv"
        assert (study / path).read_bytes() == (finished / path).read_bytes(), name
