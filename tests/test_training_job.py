"""The job that trains a model: what it writes, and snapshots that change nothing of it."""

import json
from pathlib import Path

import numpy as np
import pytest
from kindred.config.entries import model_entry
from kindred.config.reading import check
from kindred.images import images
from kindred.images.images import Images
from kindred.models import storage

from scripts import Place, run

STUDY = {
    "images": {"source": "digits", "size": 32, "mean": [0.3], "std": [0.35]},
    "trainings": {"standard": {"method": "standard", "epochs": 3, "batch": 16}},
    "models": {"m": {"architecture": "test_resnet", "training": "standard", "seed": 4}},
}


LOSS = """
def loss(step):
    return step.cross_entropy(step.images)
"""


@pytest.fixture
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    (tmp_path / "plain_loss.py").write_text(LOSS)
    monkeypatch.syspath_prepend(tmp_path)
    draw, classes = np.random.default_rng(0), [str(at) for at in range(10)]
    for part, count in (("training", 48), ("natural", 20)):
        pixels = draw.random((count, 1, 32, 32), dtype=np.float32)
        ids = [f"{part}/{at}" for at in range(count)]
        images.write(tmp_path / f"{part}.zarr", Images(pixels, np.arange(count) % 10, ids, classes), {})
    return {part: str(tmp_path / f"{part}.zarr") for part in ("training", "natural")}


def trained(folder: Path, given: dict[str, str], **more: tuple[int, ...]) -> Path:
    folder.mkdir()
    config = check(STUDY)
    settings = {key: config["images"][key] for key in ("size", "mean", "std")}
    outputs = {"weights": "m.safetensors", "description": "m.json", "snapshots": "snapshots"}
    own = {"entry": model_entry(config, "m"), "images": settings, "module": "plain_loss"}
    run("train_model", Place(folder, outputs, given, **own, **more))
    return folder


def test_snapshots_are_kept_on_the_way_and_change_nothing(tmp_path: Path, given: dict[str, str]) -> None:
    plain = trained(tmp_path / "plain", given)
    watched = trained(tmp_path / "watched", given, kept=(0, 2, 3))
    assert not (plain / "snapshots").exists()
    for name in ("m.safetensors", "m.json"):
        assert (plain / name).read_bytes() == (watched / name).read_bytes()
    found = {path.name for path in (watched / "snapshots").iterdir()}
    assert found == {f"{epochs}.{kind}" for epochs in (0, 2, 3) for kind in ("safetensors", "json")}
    hashes = []
    for epochs in (0, 2, 3):
        paths = [str(watched / "snapshots" / f"{epochs}.{kind}") for kind in ("safetensors", "json")]
        hashes.append(storage.load("m", *paths).weights)
        assert json.loads(Path(paths[1]).read_text())["epochs"] == epochs
    final = json.loads((plain / "m.json").read_text())
    assert len(set(hashes)) == 3 and hashes[-1] == final["weights_sha256"]


def test_the_description_holds_the_recipe_and_its_history_but_no_labels(tmp_path: Path, given: dict[str, str]) -> None:
    about = json.loads((trained(tmp_path / "m", given) / "m.json").read_text())
    assert [row["epoch"] for row in about["history"]] == [1, 2, 3]
    assert about["source"]["recipe"]["epochs"] == 3 and about["source"]["seed"] == 4
    assert about["source"].keys().isdisjoint(storage.LABELS) and "made" not in about
