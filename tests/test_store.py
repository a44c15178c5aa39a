"""Stores: complete or not there at all, and refused rather than read as zeros when a part is missing."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray
import zarr
from kindred.images import images
from kindred.workflow import store
from kindred.workflow.errors import BadInput

SCRIPTS = Path(__file__).parents[1] / "scripts"
IDS = ["digits/0007", "digits/0001", "größe"]
VALUES = np.arange(24, dtype=np.float32).reshape(3, 2, 4) + 1


def write(path: Path, values: np.ndarray = VALUES, ids: list[str] = IDS) -> Path:
    with store.writing(path, {"model": "vgg", "settings": {"steps": 3}}) as group:
        images.put_coordinates(group, ids, np.arange(len(ids)))
        store.put(group, "values", values, ("image", "row", "column"))
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write(tmp_path / "some.zarr")


def chunks(path: Path, name: str) -> list[Path]:
    found = [file for file in (path / name).rglob("*") if file.is_file() and file.name != "zarr.json"]
    assert found
    return sorted(found)


def readers(path: Path) -> list[Callable[[], object]]:
    return [
        lambda: store.attributes(path),
        lambda: store.array(path, "values"),
        lambda: store.strings(path, "image"),
    ]


def assert_refused(path: Path, *words: str) -> None:
    for reader in readers(path):
        with pytest.raises(BadInput) as error:
            reader()
        for word in (str(path), *words):
            assert word in str(error.value)


def test_values_and_attributes_survive(path: Path) -> None:
    np.testing.assert_array_equal(store.array(path, "values")[:], VALUES)
    np.testing.assert_array_equal(store.array(path, "values")[1:2], VALUES[1:2])
    assert store.strings(path, "image") == IDS
    about = store.attributes(path)
    assert about["model"] == "vgg" and about["settings"] == {"steps": 3}
    assert set(store.NUMERIC_PACKAGES) <= set(about["versions"])
    assert about["versions"]["numpy"] == np.__version__
    assert os.listdir(path.parent) == [path.name]


def test_xarray_finds_coordinates_and_dimensions(path: Path) -> None:
    dataset = xarray.open_zarr(path, consolidated=False)
    assert set(dataset.coords) == {"image", "label"}
    assert set(dataset.data_vars) == {"values"}
    assert dataset["values"].dims == ("image", "row", "column")
    assert dataset["label"].dims == ("image",)
    assert [str(name) for name in dataset["image"].values] == IDS
    np.testing.assert_array_equal(dataset["values"].sel(image="digits/0001"), VALUES[1])
    np.testing.assert_array_equal(dataset["values"].where(dataset["label"] == 2, drop=True)[0], VALUES[2])


@pytest.mark.parametrize(
    "values",
    [
        np.zeros((3, 2, 4), dtype=np.float32),
        np.zeros((3, 2, 4), dtype=bool),
        np.full((3, 2, 4), np.nan),
        np.zeros((3, 0, 4)),
        np.arange(24, dtype=np.int32).reshape(3, 2, 4),
    ],
)
@pytest.mark.parametrize("compress", [False, True])
def test_values_of_any_type_survive(tmp_path: Path, values: np.ndarray, compress: bool) -> None:
    path = tmp_path / "some.zarr"
    with store.writing(path, {}) as group:
        store.put(group, "values", values, ("image", "row", "column"), compress)
    found = store.array(path, "values")[:]
    assert found.dtype == values.dtype
    np.testing.assert_array_equal(found, values)


def test_lost_chunks_of_zeros_are_noticed(tmp_path: Path) -> None:
    # Zarr omits chunks of zeros by default, which could then not be distinguished from lost ones.
    path = write(tmp_path / "some.zarr", np.zeros((3, 2, 4), dtype=np.float32))
    chunks(path, "values")[0].unlink()
    assert_refused(path, "is incomplete")


def test_scalars_and_empty_arrays(tmp_path: Path) -> None:
    path = tmp_path / "some.zarr"
    with store.writing(path, {}) as group:
        store.put(group, "number", np.float64(0.25), ())
        store.put(group, "image", np.array([], dtype=str), ("image",))
    assert float(store.array(path, "number")[()]) == 0.25
    assert store.strings(path, "image") == []


def test_arrays_filled_in_slices_across_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "CHUNK_BYTES", 2 * 8 * 4)  # two rows of eight float32
    values = np.random.default_rng(0).normal(size=(7, 8)).astype(np.float32)
    path = tmp_path / "some.zarr"
    with store.writing(path, {}) as group:
        array = store.reserve(group, "values", values.shape, "float32", ("image", "feature"))
        assert array.chunks == (2, 8)
        for start in range(0, 7, 3):
            array[start : start + 3] = values[start : start + 3]
    assert len(chunks(path, "values")) == 4
    np.testing.assert_array_equal(store.array(path, "values")[:], values)


def test_arrays_not_filled_are_a_bug(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "CHUNK_BYTES", 32)
    with pytest.raises(RuntimeError, match="2 of 4 chunks of array 'values' were not written"):  # noqa: SIM117
        with store.writing(tmp_path / "some.zarr", {}) as group:
            array = store.reserve(group, "values", (4, 8), "float32", ("image", "feature"))
            array[:2] = 1
    assert os.listdir(tmp_path) == []


def test_an_exception_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "some.zarr"
    with pytest.raises(KeyboardInterrupt), store.writing(path, {}) as group:
        store.put(group, "values", VALUES, ("image", "row", "column"))
        raise KeyboardInterrupt
    assert os.listdir(tmp_path) == []
    assert_refused(path, "does not exist")


def test_an_exception_leaves_the_previous_store(path: Path) -> None:
    with pytest.raises(ValueError), store.writing(path, {}) as group:
        store.put(group, "values", VALUES * 2, ("image", "row", "column"))
        raise ValueError
    np.testing.assert_array_equal(store.array(path, "values")[:], VALUES)


def test_writing_again_replaces_the_store(path: Path) -> None:
    with store.writing(path, {"model": "vit"}) as group:
        store.put(group, "others", VALUES[:2], ("image", "row", "column"))
    assert store.attributes(path)["model"] == "vit"
    assert set(xarray.open_zarr(path, consolidated=False).variables) == {"others"}


def killed_while_writing(path: Path) -> None:
    """Run a process that is killed, without a chance to clean up, after the first of two arrays."""
    code = f"""
import os, signal, numpy as np
from kindred.workflow import store
with store.writing({str(path)!r}, {{}}) as group:
    store.put(group, "values", np.ones((3, 2, 4)), ("image", "row", "column"))
    os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": str(SCRIPTS)}, check=False)
    assert done.returncode == -signal.SIGKILL


def test_killed_while_writing(tmp_path: Path) -> None:
    path = tmp_path / "some.zarr"
    killed_while_writing(path)
    assert_refused(path, "does not exist")
    partial = tmp_path / ".some.zarr.partial"
    assert partial.exists()
    partial.rename(path)  # as if by hand
    assert_refused(path, "never finished")
    write(path)
    np.testing.assert_array_equal(store.array(path, "values")[:], VALUES)
    killed_while_writing(path)
    np.testing.assert_array_equal(store.array(path, "values")[:], VALUES)
    write(path)
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize("name", ["values", "label", "image"])
def test_removed_chunk(path: Path, name: str) -> None:
    chunks(path, name)[0].unlink()
    assert_refused(path, "is incomplete", "run the same command again")


def test_truncated_chunk(path: Path) -> None:
    chunk = chunks(path, "values")[0]
    chunk.write_bytes(chunk.read_bytes()[:-1])
    assert_refused(path, "is incomplete")


def test_deleted_array(path: Path) -> None:
    shutil.rmtree(path / "values")
    assert_refused(path, "is incomplete")


def test_deleted_metadata_of_an_array(path: Path) -> None:
    (path / "values" / "zarr.json").unlink()
    assert_refused(path, "is incomplete")


def test_deleted_array_without_chunks(tmp_path: Path) -> None:
    path = write(tmp_path / "some.zarr", np.zeros((3, 0, 4)))
    shutil.rmtree(path / "values")
    assert_refused(path, "is incomplete")


def test_damaged_metadata_of_the_store(path: Path) -> None:
    metadata = path / "zarr.json"
    whole = metadata.read_text()
    metadata.write_text(whole[: len(whole) // 2])
    assert_refused(path, "cannot be read")
    metadata.unlink()
    assert_refused(path, "cannot be read")
    about = json.loads(whole)
    about["attributes"].pop(store.INVENTORY)
    metadata.write_text(json.dumps(about))
    assert_refused(path, "never finished")


def test_a_file_instead_of_a_store(tmp_path: Path) -> None:
    path = tmp_path / "some.zarr"
    path.write_text("not a store")
    assert_refused(path, "cannot be read")


def test_a_foreign_store(tmp_path: Path) -> None:
    path = tmp_path / "some.zarr"
    zarr.open_group(path, mode="w").create_array("values", shape=(3,), dtype="f4")
    assert_refused(path, "never finished")


@pytest.mark.filterwarnings("ignore:Object at .snakemake_timestamp")
def test_hidden_files_do_not_count(path: Path) -> None:
    (path / ".snakemake_timestamp").write_bytes(b"")
    (path / "values" / ".nfs000").write_bytes(b"some")
    np.testing.assert_array_equal(store.array(path, "values")[:], VALUES)
    assert set(xarray.open_zarr(path, consolidated=False).data_vars) == {"values"}


def test_unknown_arrays_are_an_error(path: Path) -> None:
    with pytest.raises(BadInput, match=r"has no array 'value'; it holds image, label, values"):
        store.array(path, "value")


def test_stores_of_the_same_images(tmp_path: Path, path: Path) -> None:
    assert store.demand_same_images(path) == IDS
    assert store.demand_same_images(path, write(tmp_path / "b.zarr", VALUES * 3)) == IDS


def test_stores_of_different_images_are_an_error(tmp_path: Path, path: Path) -> None:
    same = write(tmp_path / "same.zarr")
    swapped = write(tmp_path / "swapped.zarr", ids=[IDS[0], IDS[2], IDS[1]])
    with pytest.raises(BadInput, match=r"image 1 is 'digits/0001' in one and 'größe' in the other") as error:
        store.demand_same_images(path, same, swapped)
    assert str(path) in str(error.value) and str(swapped) in str(error.value)
    fewer = write(tmp_path / "fewer.zarr", VALUES[:2], IDS[:2])
    with pytest.raises(BadInput, match="3 and 2 images"):
        store.demand_same_images(path, fewer)
