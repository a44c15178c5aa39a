"""Arrays in .npz files and Zarr groups: pixels, labels, ids, training parts, and messages about what is wrong."""

import json
import os
import pickle
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


def zarr_group(path: Path, version: int = 3, **attributes: Any) -> tuple[dict[str, Any], np.ndarray]:
    """(settings of a group of 40 images in chunks of 10, the pixels)."""
    x = DRAW.integers(1, 255, (40, 8, 8, 3)).astype(np.uint8)
    group = zarr.open_group(str(path), mode="w", zarr_format=version)
    group.create_array("images", shape=x.shape, chunks=(10, 8, 8, 3), dtype="uint8")[:] = x
    group.create_array("labels", shape=(40,), chunks=(10,), dtype="int64")[:] = np.arange(40) % 3 + 1
    group["images"].attrs.update(attributes)
    return {"source": "zarr", "file": str(path), "size": 8, "classes": 4}, x


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("name", ["images", "labels"])
def test_lost_chunks_are_refused(tmp_path: Path, version: int, name: str) -> None:
    given, _ = zarr_group(tmp_path / "x.zarr", version)
    select(**given)
    chunks = sorted(path for path in (tmp_path / "x.zarr" / name).rglob("*") if path.is_file() and "z" not in path.name)
    chunks[2].unlink()
    assert f"1 of 4 chunks of '{name}' are missing: some were lost, or hold only zeros" in refused(**given)


def test_shards_are_whole_or_refused(tmp_path: Path) -> None:
    given, x = zarr_group(tmp_path / "x.zarr")
    group = zarr.open_group(str(tmp_path / "x.zarr"), mode="a")
    del group["images"]
    group.create_array("images", shape=x.shape, chunks=(5, 8, 8, 3), shards=(20, 8, 8, 3), dtype="uint8")[:] = x
    found = select(**given).evaluation
    rows = [int(name.rpartition("/")[2]) for name in found.ids]
    np.testing.assert_allclose(found.pixels, x[rows].transpose(0, 3, 1, 2) / 255, atol=1e-6)
    next(path for path in (tmp_path / "x.zarr/images/c").rglob("*") if path.is_file()).unlink()
    assert "chunks of 'images' are missing" in refused(**given)


def test_scale_and_offset_are_applied(tmp_path: Path) -> None:
    given, x = zarr_group(tmp_path / "x.zarr", scale_factor=1 / 510, add_offset=0.25)
    found = select(**given).evaluation
    rows = [int(name.rpartition("/")[2]) for name in found.ids]
    np.testing.assert_allclose(found.pixels, x[rows].transpose(0, 3, 1, 2) / 510 + 0.25, atol=1e-6)
    given, _ = zarr_group(tmp_path / "y.zarr", scale_factor=1.0)
    assert "real numbers must be in [0, 1]" in refused(**given)
    given, _ = zarr_group(tmp_path / "z.zarr", scale_factor="much")
    assert "which must be numbers" in refused(**given)


class Bomb:
    def __reduce__(self) -> Any:
        return (os.mkdir, ("ran",))


@pytest.mark.parametrize("nested", [False, True])
def test_codecs_that_may_run_code_are_refused(tmp_path: Path, nested: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    given, _ = zarr_group(tmp_path / "x.zarr", 3 if nested else 2)
    if nested:
        file = tmp_path / "x.zarr/labels/zarr.json"
        about = json.loads(file.read_text())
        inner = [{"name": "bytes"}, {"name": "numcodecs.pickle", "configuration": {}}]
        sharded = {
            "name": "sharding_indexed",
            "configuration": {"chunk_shape": [10], "codecs": inner, "index_codecs": []},
        }
        about["codecs"] = [sharded]
    else:
        file = tmp_path / "x.zarr/labels/.zarray"
        about = json.loads(file.read_text())
        about |= {"dtype": "|O", "filters": [{"id": "pickle", "protocol": 5}], "compressor": None, "fill_value": 0}
        (tmp_path / "x.zarr/labels/0").write_bytes(pickle.dumps(Bomb()))
    file.write_text(json.dumps(about))
    message = refused(**given)
    assert "pickle" in message or "damaged" in message
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("labels", [np.zeros((30, 2)), np.zeros((30, 1, 1)), np.zeros(())])
def test_labels_of_another_shape(tmp_path: Path, labels: np.ndarray) -> None:
    np.savez(tmp_path / "a.npz", x=np.zeros((30, 8, 8), np.uint8), y=labels)
    assert "n labels are needed" in refused(source="npz", file=str(tmp_path / "a.npz"))


def test_no_images_and_single_arrays(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.zeros((0, 8, 8), np.uint8), y=np.zeros(0, int))
    assert "images (n, height, width)" in refused(source="npz", file=str(tmp_path / "a.npz"))
    np.save(tmp_path / "b.npy", np.zeros((30, 8, 8), np.uint8))
    (tmp_path / "b.npy").rename(tmp_path / "b.npz")
    assert "is a single array and no .npz file" in refused(source="npz", file=str(tmp_path / "b.npz"))


def test_no_array_is_evaluated_and_trained_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    x, y = DRAW.integers(0, 256, (40, 8, 8), dtype=np.uint8), np.arange(40) % 4
    np.savez(tmp_path / "a.npz", x=x, y=y)
    np.savez(tmp_path / "both.npz", x_test=x[:20], y_test=y[:20], x_train=x, y_train=y)
    for more in ({"file": "a.npz", "training_file": "a.npz"}, {"file": "both.npz"}):
        given = {key: str(tmp_path / name) for key, name in more.items()}
        caplog.clear()
        found = select(source="npz", size=8, training=20, **given)
        assert not {one.tobytes() for one in found.evaluation.pixels} & {one.tobytes() for one in found.training.pixels}
        assert "are evaluated too" in caplog.text
