"""Hugging Face datasets: one on disk, one without labels, and no package."""

import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_files import DRAW, refused, select
from PIL import Image


def test_without_the_package_datasets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    assert "need the package 'datasets'" in refused(source="dataset", dataset="some/thing")


def test_a_hugging_face_dataset_on_disk(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    features = datasets.Features({"img": datasets.Image(), "fine": datasets.ClassLabel(names=["a", "b", "c"])})
    pictures = [Image.fromarray(DRAW.integers(0, 256, (32, 32, 3), dtype=np.uint8)) for _ in range(30)]
    found = datasets.Dataset.from_dict({"img": pictures, "fine": [at % 3 for at in range(30)]}, features=features)
    datasets.DatasetDict({"test": found}).save_to_disk(str(tmp_path / "d"))
    chosen = select(source="dataset", dataset=str(tmp_path / "d"), crop=1)
    assert chosen.evaluation.classes == ["a", "b", "c"]
    for name, pixels in zip(chosen.evaluation.ids, chosen.evaluation.pixels, strict=True):
        truth = np.asarray(pictures[int(name.removeprefix("test/"))]).transpose(2, 0, 1) / 255
        np.testing.assert_allclose(pixels, truth, atol=1e-6)
    assert "cannot be loaded: KeyError" in refused(source="dataset", dataset=str(tmp_path / "d"), split="val")


def test_a_dataset_without_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = types.SimpleNamespace(features={"text": "x"})
    library = types.SimpleNamespace(load_dataset=lambda name, split: found)
    monkeypatch.setitem(sys.modules, "datasets", library)
    assert "has the columns text (str), but one of Image" in refused(source="dataset", dataset="some/thing")


@pytest.mark.parametrize("missing", [-1, None])
def test_a_split_without_labels(missing: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hidden labels of a test split are -1 on the hub."""

    class Found(dict[str, Any]):
        features = {"image": type("Image", (), {})(), "label": type("ClassLabel", (), {"names": ["a", "b"]})()}  # noqa: RUF012

    library = types.SimpleNamespace(load_dataset=lambda name, split: Found(label=[0, missing, 1, missing]))
    monkeypatch.setitem(sys.modules, "datasets", library)
    message = refused(source="dataset", dataset="some/thing")
    assert "2 of 4 images of the dataset 'some/thing' with the split 'test' have no label" in message
