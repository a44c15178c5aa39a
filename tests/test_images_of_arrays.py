"""Arrays in .npz files and Zarr groups: pixels, labels, ids, training parts, and messages about what is wrong."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from image_files import DRAW, refused, select


@pytest.mark.parametrize(
    "names",
    [("x", "y"), ("images", "labels"), ("x_test", "y_test"), ("test_images", "test_labels"), ("arr_0", "arr_1")],
)
@pytest.mark.parametrize("layout", ["nhwc", "nchw", "nhw", "float", "deep"])
def test_npz(tmp_path: Path, names: tuple[str, str], layout: str) -> None:
    x = DRAW.integers(0, 256, (30, 32, 32, 3), dtype=np.uint8)
    truth = x.transpose(0, 3, 1, 2) / 255
    stored: Any = {
        "nhwc": x,
        "nchw": x.transpose(0, 3, 1, 2),
        "nhw": x[..., 0],
        "float": x / 255,
        "deep": x.astype(np.uint16) * 257,
    }[layout]
    if layout == "nhw":
        truth = np.repeat(truth[:, :1], 3, axis=1)
    y = np.arange(30)[:, None] % 5  # a column, as Keras has it
    np.savez(tmp_path / "a.npz", **{names[0]: stored, names[1]: y})
    chosen = select(source="npz", file=str(tmp_path / "a.npz"))
    rows = [int(name.rpartition("/")[2]) for name in chosen.evaluation.ids]
    np.testing.assert_allclose(chosen.evaluation.pixels, truth[rows], atol=1e-6)
    np.testing.assert_array_equal(chosen.evaluation.labels, y[rows, 0])
    assert chosen.evaluation.classes == list("01234")


def test_training_arrays(tmp_path: Path) -> None:
    x, y = DRAW.integers(0, 256, (30, 8, 8), dtype=np.uint8), np.arange(30) % 3
    np.savez(tmp_path / "keras.npz", x_test=x, y_test=y, x_train=255 - x, y_train=y)
    chosen = select(source="npz", file=str(tmp_path / "keras.npz"), training=20, size=8)
    assert all(name.startswith("keras/x_train/") for name in chosen.training.ids)
    np.savez(tmp_path / "a.npz", x=x, y=y)
    np.savez(tmp_path / "b.npz", images=255 - x, labels=y)
    files = {"file": str(tmp_path / "a.npz"), "training_file": str(tmp_path / "b.npz")}
    chosen = select(source="npz", **files, training=20, size=8)
    assert all(name.startswith("b/images/") for name in chosen.training.ids)
    alone = select(source="npz", file=str(tmp_path / "a.npz"), training=18, size=8)
    assert set(alone.training.ids).isdisjoint(alone.evaluation.ids)
    assert "images.training is 19, but" in refused(source="npz", file=str(tmp_path / "a.npz"), training=19, size=8)


def test_zarr_groups(tmp_path: Path) -> None:
    from kindred.images import images

    x = DRAW.random((30, 3, 16, 16), dtype=np.float32)
    y = np.arange(30) % 4
    group = zarr.open_group(str(tmp_path / "g.zarr"), mode="w")
    group.create_array("pictures", data=x)
    group.create_array("kinds", data=y)
    given = {"source": "zarr", "file": str(tmp_path / "g.zarr"), "size": 16}
    assert "holds the arrays kinds, pictures, but none that are images and labels" in refused(**given)
    chosen = select(**given, arrays=["pictures", "kinds"])
    rows = [int(name.rpartition("/")[2]) for name in chosen.evaluation.ids]
    np.testing.assert_allclose(chosen.evaluation.pixels, x[rows], atol=1e-6)
    # The images of another study keep their ids.
    images.write(tmp_path / "natural.zarr", chosen.evaluation, {})
    again = select(source="zarr", file=str(tmp_path / "natural.zarr"), size=16)
    assert sorted(again.evaluation.ids) == sorted(chosen.evaluation.ids)


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (
            np.full((30, 8, 8), 200.0),
            "go from 200 to 200, but real numbers must be in [0, 1]: divide them by the value of white, or",
        ),
        (np.full((30, 8, 8), -1.0), "go from -1 to -1"),
        (np.full((30, 8, 8), np.nan), "go from nan to nan"),
        (np.zeros((30, 8, 8), np.int64), "are of int64, but must be of uint8"),
        (np.zeros((30, 8, 8, 5), np.uint8), "has the shape (8, 8, 5), but images have 1 or 3 channels"),
        (np.zeros((30, 8), np.uint8), "has the shape (30, 8)"),
        (np.zeros((29, 8, 8), np.uint8), "has the shape (29, 8, 8) and y (30,)"),
        (np.array([None] * 30), "cannot be read"),
    ],
)
def test_arrays_that_are_no_images(tmp_path: Path, x: np.ndarray, words: str) -> None:
    np.savez(tmp_path / "a.npz", x=x, y=np.arange(30) % 3)
    assert words in refused(source="npz", file=str(tmp_path / "a.npz"))


def test_files_that_hold_no_arrays(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(b"PK no zip")
    assert "is damaged or no .npz file" in refused(source="npz", file=str(tmp_path / "a.npz"))
    assert "is damaged or no .npz file" in refused(source="npz", file=str(tmp_path / "b.npz"))
    assert "is damaged or no Zarr group" in refused(source="zarr", file=str(tmp_path / "b.zarr"))


@pytest.mark.parametrize(
    ("train", "words"),
    [
        (["ant", "cat", "dog"], "label 0 is 'cat' in one and 'ant' in the other"),
        (["cat", "dog", "emu"], "(2 and 3 classes)"),
        ([0, 1, 2], "label 0 is 'cat' in one and '0' in the other"),
    ],
)
def test_parts_whose_labels_mean_other_classes(tmp_path: Path, train: list[Any], words: str) -> None:
    """Each part is numbered by its own names: a model would learn that 0 is an ant, and be measured on cats."""
    x = DRAW.integers(0, 256, (60, 8, 8), dtype=np.uint8)
    y, t = np.array(["cat", "dog"] * 15), np.array(train * 10)
    np.savez(tmp_path / "a.npz", x_test=x[:30], y_test=y, x_train=x[30:], y_train=t)
    given = {"source": "npz", "file": str(tmp_path / "a.npz"), "training": 12, "size": 8}
    message = refused(**given)
    assert "do not have the same classes" in message and words in message
    if "cat" in train:
        (tmp_path / "names.txt").write_text("ant\ncat\ndog\nemu\n")
        chosen = select(**given, classes=str(tmp_path / "names.txt"))
        assert {chosen.evaluation.classes[label] for label in chosen.evaluation.labels} == {"cat", "dog"}
        assert {chosen.training.classes[label] for label in chosen.training.labels} == set(train)
