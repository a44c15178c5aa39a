"""Jones et al. 2022 through the real rules: what is left out, the layer compared, and what the target holds."""

import json
import re

import numpy as np
import pandas as pd
import torch
from kindred.activations.extraction import penultimate
from kindred.models import storage
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
    described = study / INVERTED.format("vgg-std") / "zarr.json"
    about = json.loads(described.read_text())
    about["attributes"]["layer"] = "stages.1"
    described.write_text(json.dumps(about))
    outcome = study.snakemake("results/tables/cka.csv", "--forcerun", "compare_inverted")
    assert outcome.status == 1
    assert "was inverted at the layer 'stages.1' of 'vgg-std', but the layer 'penultimate' is" in outcome.text
    assert "Traceback" not in outcome.text


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
