"""The two studies of third-party files, run through to figures: pytest -m data tests/test_third_party.py

The files are no part of the project: below $KINDRED_DATA, else ../shared/data beside the checkout; else it skips.
What they must show was measured with independent code (clean and PGD accuracies on the first 200 CIFAR images; top-1
of the MobileNets on 1,000 images, of which 200 are there).
"""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from kindred.models.importing import state_dicts
from kindred.workflow import store
from kindred.workflow.errors import BadInput
from workflow import ROOT, Checkout

pytestmark = pytest.mark.data


@pytest.fixture(scope="module")
def data() -> Path:
    folder = Path(os.environ.get("KINDRED_DATA") or ROOT.parent / "shared" / "data")
    if not (folder / "cifar10_test300.npz").is_file():
        pytest.skip(f"no third-party files in {folder}; set KINDRED_DATA to the folder that holds them")
    return folder


def finished(tmp_path: Path, data: Path, study: str) -> Checkout:
    checkout = Checkout(tmp_path / "kindred", ROOT / "studies" / f"{study}.yaml")
    (checkout / "third-party").symlink_to(data)
    outcome = checkout.snakemake()
    assert outcome.status == 0, outcome.text[-6000:]
    return checkout


def test_robust_networks_of_cifar(tmp_path: Path, data: Path) -> None:
    checkout = finished(tmp_path, data, "cifar_resnet20")
    results = checkout / "results-cifar-resnet20"
    # (clean, left by PGD-10 at linf 8/255) on the first 200 images
    known = {
        "standard": (0.9, 0.02),
        "robust-8369": (0.855, 0.45),
        "robust-8381": (0.89, 0.42),
        "robust-8396": (0.89, 0.41),
    }
    for model, (clean, robust) in known.items():
        attacked = results / f"images/adversarial/pgd10/{model}.zarr"
        first = np.array([int(name.rpartition("/")[2]) < 200 for name in store.strings(attacked, "image")])
        assert first.sum() == 200
        assert np.asarray(store.array(attacked, "correct")[:])[first].mean() == pytest.approx(clean, abs=1e-9)
        left = 1 - np.asarray(store.array(attacked, "fooled")[:])[first].mean()
        assert left == pytest.approx(robust, abs=0.015)  # it depends on the random start
    cka = pd.read_csv(results / "tables/cka.csv").query("stimuli == 'natural' and measure == 'cka_debiased'")
    pairs = {frozenset((row.model_a, row.model_b)): row.value for row in cka.itertuples()}
    robust_pairs = [value for pair, value in pairs.items() if len(pair) == 2 and "standard" not in pair]
    across = [value for pair, value in pairs.items() if len(pair) == 2 and "standard" in pair]
    assert len(robust_pairs) == 3 and len(across) == 3
    assert np.mean(robust_pairs) == pytest.approx(0.95, abs=0.02)
    assert np.mean(across) == pytest.approx(0.75, abs=0.06)
    sat = pd.read_csv(results / "tables/sat.csv").set_index(["model_a", "model_b"])["sat"]
    assert sat["standard", "standard"] > 4.5 and sat["robust-8369", "robust-8369"] < 4.2  # ln 100 is 4.61
    assert {"similarity.png", "layers.png", "transfer.png", "gallery.png"} <= {
        path.name for path in (results / "figures").iterdir()
    }


def test_mobilenets_of_three_sizes(tmp_path: Path, data: Path) -> None:
    checkout = finished(tmp_path, data, "mobilenets")
    models = pd.read_csv(checkout / "results-mobilenets/tables/models.csv").set_index("model")["clean_accuracy"]
    for name, top1 in {"mobilenetv2-224": 0.843, "mobilenetv1-192": 0.770, "mobilenetv1-160": 0.669}.items():
        assert models[name] == pytest.approx(top1, abs=2 * np.sqrt(top1 * (1 - top1) / 200))
    # Without TensorFlow's padding the file still fits, and the study stops.
    config = checkout.config()
    del config["models"]["mobilenetv2-224"]["arguments"]
    checkout.write_config(config)
    outcome = checkout.snakemake("results-mobilenets/models/mobilenetv2-224.json")
    assert outcome.status == 1
    assert "models.mobilenetv2-224.accuracy expects 0.843 within 0.05" in outcome.text


def test_an_old_pickle_is_refused(data: Path) -> None:
    with pytest.raises(BadInput, match=r"reading that would run code of the file.*`trust_pickle: [0-9a-f]{64}`"):
        state_dicts.read(data / "cifar10_resnet20_robust" / "adv_train_old_pickle.pth.tar")
