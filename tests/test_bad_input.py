"""Bad input at run time: one sentence through Snakemake, a non-zero exit, and nothing left that would pass for good."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import safetensors.torch
import torch
from kindred.workflow import store
from workflow import Checkout


def guests(study: Checkout) -> dict[str, tuple[str, str]]:
    """Write bad checkpoints; {name: (architecture, what its sentence must hold)}."""
    folder = study / "guests"
    folder.mkdir()
    good = safetensors.torch.load_file(study / "results/models/vgg-std.safetensors")

    def save(name: str, state: dict[str, torch.Tensor]) -> None:
        safetensors.torch.save_file(state, folder / f"{name}.safetensors")

    save("good", good)
    whole = (folder / "good.safetensors").read_bytes()
    (folder / "truncated.safetensors").write_bytes(whole[: len(whole) // 2])
    save("stranger", good)
    head = max((key for key in good if key.endswith("weight")), key=lambda key: list(good).index(key))
    last = [key for key in good if key.startswith("head.fc.")]
    save("classes", {key: value[:7].clone() if key in last else value for key, value in good.items()})
    save("nan", {key: torch.full_like(value, torch.nan) if key == head else value for key, value in good.items()})
    save("loud", {key: value * 1e30 if value.is_floating_point() else value for key, value in good.items()})
    save("hash", good)
    return {
        "truncated": ("kindred_vgg", "are damaged or no safetensors file"),
        "stranger": ("test_convnext2", "do not fit architecture 'test_convnext2'"),
        "classes": ("kindred_vgg", "are for 7 classes, the study has 10"),
        "nan": ("kindred_vgg", "are not finite"),
        "loud": ("kindred_vgg", "model 'loud' returns NaN or infinity"),
        "hash": ("kindred_vgg", "but config asks for 0000"),
    }


def test_bad_checkpoints(study: Checkout) -> None:
    bad = guests(study)
    config = study.config()
    for name in ("good", *bad):
        architecture = bad.get(name, ("kindred_vgg",))[0]
        config["models"][name] = {"architecture": architecture, "weights": f"guests/{name}.safetensors"}
    config["models"]["hash"]["sha256"] = "0" * 64
    study.write_config(config)
    outcome = study.snakemake(*(f"results/models/{name}.json" for name in ("good", *bad)))
    assert outcome.status == 1
    for name, (_, sentence) in bad.items():
        assert sentence in outcome.text, name
        assert not (study / f"results/models/{name}.json").exists()
        assert not (study / f"results/models/{name}.safetensors").exists()
    assert "Traceback" not in outcome.text
    assert (study / "results/models/good.json").exists()


def test_a_missing_checkpoint_stops_before_any_job(study: Checkout) -> None:
    config = study.config()
    config["models"]["guest"] = {"architecture": "kindred_vgg", "weights": "nowhere/weights.pt"}
    study.write_config(config)
    outcome = study.snakemake("models")
    assert outcome.status == 1
    assert "nowhere/weights.pt" in outcome.text
    assert "Traceback" not in outcome.text


TILE = "results/similarity/activations/natural/0x0.zarr"


def tile_of(study: Checkout) -> tuple[str, str]:
    """A tile of one group with itself, and one of its models."""
    for path in sorted((study / "results/similarity/activations/natural").glob("*.zarr")):
        first, second = path.stem.split("x")
        if first == second:
            return str(path.relative_to(study.folder)), store.strings(path, "layer_model")[0]
    raise AssertionError("no tile on the diagonal")


def test_a_store_cut_off_in_the_middle(study: Checkout) -> None:
    tile, model = tile_of(study)
    folder = study / f"results/activations/{model}/natural.zarr"
    chunk = next(path for path in (folder / "penultimate").rglob("*") if path.is_file() and path.name != "zarr.json")
    chunk.unlink()
    outcome = study.snakemake("--force", tile)
    assert outcome.status == 1
    assert f"activations/{model}/natural.zarr' is incomplete" in outcome.text
    assert not (study / tile).exists()


def test_stores_of_different_images(study: Checkout) -> None:
    tile, model = tile_of(study)
    path = study / f"results/activations/{model}/natural.zarr"
    whole = {name: np.asarray(store.array(path, name)[:]) for name in store.open_group(path).array_keys()}
    about = {key: value for key, value in store.attributes(path).items() if key != store.INVENTORY}
    dims = {name: store.array(path, name).metadata.dimension_names for name in whole}
    whole["image"] = whole["image"][::-1]
    with store.writing(path, about) as group:
        for name, values in whole.items():
            store.put(group, name, values, dims[name])
    outcome = study.snakemake("--force", tile)
    assert outcome.status == 1
    assert "do not hold the same images" in outcome.text
    assert not (study / tile).exists()


def test_constant_features_are_undefined_not_wrong(study: Checkout) -> None:
    """A model with the same output for every image has no CKA: empty cells, and the others as before."""
    folder = study / "guests"
    folder.mkdir()
    state = safetensors.torch.load_file(study / "results/models/vgg-std.safetensors")
    mute = {key: value * 0 if value.is_floating_point() else value for key, value in state.items()}
    safetensors.torch.save_file(mute, folder / "mute.safetensors")
    before = pd.read_csv(study / "results/tables/cka.csv")
    config = study.config()
    config["models"]["mute"] = {"architecture": "kindred_vgg", "weights": "guests/mute.safetensors"}
    config["inversions"] = {}
    config["figures"] = {"similarity": {"measure": "cka_debiased", "inversion": None}}
    study.write_config(config)
    outcome = study.snakemake("results/figures/similarity.png", "results/tables/cka.csv")
    assert outcome.status == 0, outcome.text[-4000:]
    table = pd.read_csv(study / "results/tables/cka.csv")
    touched = (table["model_a"] == "mute") | (table["model_b"] == "mute")
    linear = touched & table["measure"].isin(["cka_debiased", "cka_biased", "cka_minibatch"])
    assert linear.any()
    assert table.loc[linear, "value"].isna().all()
    columns = ["model_a", "model_b", "measure", "value"]
    same = before[before["stimuli"] == "natural"][columns].reset_index(drop=True)
    pd.testing.assert_frame_equal(table.loc[~touched, columns].reset_index(drop=True), same)


def test_mistakes_in_the_config_are_told_at_once_before_any_job(study: Checkout) -> None:
    config = study.config()
    config["models"]["vgg-std"]["training"] = "standart"
    config["figures"]["gallery"]["models"] = ["vgg-stn"]
    study.write_config(config)
    shutil.rmtree(study / "results/tables")
    outcome = study.snakemake()
    assert outcome.status == 1
    assert "2 mistakes:" in outcome.text and "Traceback" not in outcome.text
    assert "did you mean 'standard'" in outcome.text and "did you mean 'vgg-std'" in outcome.text
    assert not (study / "results/tables").exists()


def test_a_layer_that_no_model_has_is_told_before_any_job(study: Checkout) -> None:
    config = study.config()
    config["activations"]["layers"] = ["stages.9.blocks.0"]
    study.write_config(config)
    outcome = study.snakemake()
    assert outcome.status == 1
    assert "stages.9.blocks.0" in outcome.text and "Traceback" not in outcome.text and not outcome.jobs


def test_the_same_name_twice_is_found(study: Checkout) -> None:
    path = Path(study / "config.yaml")
    path.write_text(path.read_text() + "\nattacks: {}\n")
    outcome = study.snakemake("--dry-run")
    assert outcome.status == 1
    assert "stands twice" in outcome.text
