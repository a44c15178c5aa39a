"""Zarr groups from elsewhere: chunks that are lost, stores that are not whole, packed values, strange codecs."""

import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import pytest
import xarray
import zarr
from image_files import DRAW, refused, select
from kindred.images import images
from kindred.images.images import Images

N = 24
X, Y = DRAW.integers(1, 255, (N, 8, 8, 3), dtype=np.uint8), np.arange(N) % 3 + 1
WHOLE = {"write_empty_chunks": True}


def group(path: Path, x: np.ndarray = X, y: np.ndarray = Y, version: Any = 3, **options: Any) -> dict[str, Any]:
    made = zarr.open_group(str(path), mode="w", zarr_format=version)
    for name, values in (("images", x), ("labels", y)):
        chunks = (6, *values.shape[1:])
        shards = {"shards": (12, *values.shape[1:])} if options.get("sharded") else {}
        made.create_array(name, data=values, chunks=chunks, config=options.get("config"), **shards)
    return {"source": "zarr", "file": str(path), "size": 8, "classes": 4}


def chunks(path: Path) -> list[Path]:
    return sorted(
        file for file in path.rglob("*") if file.is_file() and file.name not in ("zarr.json", ".zarray", ".zattrs")
    )


@pytest.mark.parametrize("lost", ["images", "labels"])
@pytest.mark.parametrize(("version", "sharded", "count"), [(3, False, 4), (2, False, 4), (3, True, 2)])
def test_lost_chunks_are_refused(version: int, sharded: bool, count: int, lost: str, tmp_path: Path) -> None:
    given = group(tmp_path / "g.zarr", version=version, sharded=sharded)
    assert len(select(**given).evaluation) == 12
    found = chunks(tmp_path / "g.zarr" / lost)
    assert len(found) == count
    found[1].unlink()
    message = refused(**given)
    assert f"array '{lost}' of '{tmp_path}/g.zarr' lacks chunks: {count - 1} of {count} are there" in message
    assert "would be read as 0" in message and "config={'write_empty_chunks': True}" in message
    # Other files in its place are no chunks.
    found[1].with_name("notes.txt").write_text("x")
    assert f"{count - 1} of {count} are there" in refused(**given)


def test_zeros_that_were_not_written_can_be_written(tmp_path: Path) -> None:
    x, y = X.copy(), np.sort(Y) - 1
    x[:6] = 0
    assert "array 'images'" in refused(**group(tmp_path / "a.zarr", x, y))
    chosen = select(**group(tmp_path / "b.zarr", x, y, config=WHOLE)).evaluation
    for name, label, pixels in zip(chosen.ids, chosen.labels, chosen.pixels, strict=True):
        row = int(name.rpartition("/")[2])
        assert label == y[row]
        np.testing.assert_array_equal(np.round(pixels * 255), x[row].transpose(2, 0, 1))


def test_a_forged_shape_is_not_counted_chunk_by_chunk(tmp_path: Path) -> None:
    given = group(tmp_path / "g.zarr")
    path = tmp_path / "g.zarr" / "images" / "zarr.json"
    about = json.loads(path.read_text())
    path.write_text(json.dumps({**about, "shape": [10**15, 8, 8, 3]}))
    assert "4 of 166,666,666,666,667 are there" in refused(**given)


def test_a_store_of_kindred_goes_by_its_inventory(tmp_path: Path) -> None:
    pixels = DRAW.random((N, 3, 8, 8), dtype=np.float32)
    pixels[0] = 0
    own = Images(pixels, Y - 1, [f"a/{at}" for at in range(N)], list("abc"))
    images.write(tmp_path / "n.zarr", own, {})
    given = {"source": "zarr", "file": str(tmp_path / "n.zarr"), "size": 8}
    assert set(select(**given, evaluation=24).evaluation.ids) == set(own.ids)
    chunk = chunks(tmp_path / "n.zarr" / "label")[0]
    content = chunk.read_bytes()
    chunk.write_bytes(content[:-8])
    assert "is incomplete: it holds" in refused(**given)
    chunk.write_bytes(content)
    shutil.copytree(tmp_path / "n.zarr" / "label", tmp_path / "n.zarr" / "more")
    assert "is incomplete: it holds" in refused(**given)


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize(
    ("stored", "attributes"),
    [
        (X, {"scale_factor": 1 / 255}),
        (X, {"scale_factor": float(np.float32(1 / 255))}),  # kept in single precision, so that white is above 1
        (X.astype(np.int16) - 128, {"scale_factor": 1 / 255, "add_offset": 128 / 255}),
        ((X / 255 - 0.5).astype(np.float32), {"add_offset": 0.5}),
        (X.astype(np.int64), {"scale_factor": 1 / 255, "add_offset": 0}),
    ],
)
def test_packed_values(stored: np.ndarray, attributes: dict[str, float], version: int, tmp_path: Path) -> None:
    given = group(tmp_path / "g.zarr", stored, version=version, config=WHOLE)
    made = zarr.open_group(str(tmp_path / "g.zarr"), mode="a")
    made["images"].attrs.update(attributes)
    made["labels"].attrs.update({"scale_factor": 2, "add_offset": -2})  # 1, 2, 3 are 0, 2, 4
    chosen = select(**{**given, "classes": 5}).evaluation
    rows = [int(name.rpartition("/")[2]) for name in chosen.ids]
    np.testing.assert_allclose(chosen.pixels, X[rows].transpose(0, 3, 1, 2) / 255, atol=1e-5)
    np.testing.assert_array_equal(chosen.labels, (Y[rows] - 1) * 2)


def test_xarray_unpacks_the_same_values(tmp_path: Path) -> None:
    real = xarray.Dataset({"images": (("n", "y", "x", "c"), (X / 255).astype(np.float32)), "labels": ("n", Y)})
    packing = {"images": {"dtype": "int16", "scale_factor": 1 / 60000, "add_offset": 0.5}}
    with pytest.warns(xarray.SerializationWarning, match="without any _FillValue"):
        real.to_zarr(tmp_path / "g.zarr", encoding=packing, zarr_format=2, consolidated=False)
    given = {"source": "zarr", "file": str(tmp_path / "g.zarr"), "size": 8, "classes": 4}
    chosen = select(**given).evaluation
    with xarray.open_zarr(tmp_path / "g.zarr", consolidated=False) as found:
        rows = [int(name.rpartition("/")[2]) for name in chosen.ids]
        np.testing.assert_allclose(chosen.pixels, found["images"].values[rows].transpose(0, 3, 1, 2), atol=1e-6)


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ({"scale_factor": 1.0}, "go from 1 to 254, but real numbers must be in [0, 1]"),
        ({"scale_factor": 1 / 255, "add_offset": -0.5}, "go from -0.4"),
        ({"scale_factor": "1/255"}, "has the scale_factor '1/255', but it must be a number"),
        ({"add_offset": [0, 1]}, "has the add_offset [0, 1], but it must be a number"),
        ({"scale_factor": True}, "has the scale_factor True"),
    ],
)
def test_packing_that_gives_no_pixels(attributes: dict[str, Any], words: str, tmp_path: Path) -> None:
    given = group(tmp_path / "g.zarr")
    zarr.open_group(str(tmp_path / "g.zarr"), mode="a")["images"].attrs.update(attributes)
    assert words in refused(**given)


COMPRESSORS = ("Blosc", "Zstd", "GZip", "Zlib", "LZ4", "BZ2", "LZMA")


@pytest.mark.parametrize("codec", [getattr(numcodecs, name)() for name in COMPRESSORS], ids=COMPRESSORS)
def test_usual_compressors_are_read(codec: Any, tmp_path: Path) -> None:
    made = zarr.open_group(str(tmp_path / "g.zarr"), mode="w", zarr_format=2)
    for name, values in (("images", X), ("labels", Y)):
        filters = [numcodecs.Shuffle(values.dtype.itemsize), numcodecs.Delta(dtype=values.dtype)]
        made.create_array(name, data=values, compressors=codec, filters=filters)
    assert len(select(source="zarr", file=str(tmp_path / "g.zarr"), size=8, classes=4).evaluation) == 12


def test_texts_are_read_in_both_formats(tmp_path: Path) -> None:
    for version in (2, 3):
        given = group(tmp_path / f"{version}.zarr", version=version)
        made = zarr.open_group(str(tmp_path / f"{version}.zarr"), mode="a")
        made.create_array("image", shape=(N,), dtype=str, chunks=(6,))[:] = [f"é/{at}" for at in range(N)]
        assert all(name.startswith("é/") for name in select(**given).evaluation.ids)
    made["image"][3] = "é/5"
    assert "the array 'image' of" in (message := refused(**given)) and "names 'é/5' 2 times" in message


class Code:
    """Leaves a file where it is read."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.mark,))


@pytest.mark.parametrize("array", ["images", "labels", "image"])
@pytest.mark.parametrize("codec", ["pickle", "json2", "msgpack2", "vlen-array", "categorize", "unheard"])
@pytest.mark.parametrize("place", ["filters", "compressor"])
def test_codecs_of_objects_never_run(
    array: str, codec: str, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With older numcodecs, reading such a chunk runs the code in it."""
    monkeypatch.setattr(numcodecs, "get_codec", lambda config: pytest.fail("a codec was made"))
    given = group(tmp_path / "g.zarr", version=2)
    folder = tmp_path / "g.zarr" / array
    folder.mkdir(exist_ok=True)
    about = {
        "zarr_format": 2, "shape": [N], "chunks": [N], "dtype": "|O", "fill_value": None, "order": "C",
        "compressor": None, "filters": None,
    }  # fmt: skip
    about[place] = [{"id": codec}] if place == "filters" else {"id": codec}
    (folder / ".zarray").write_text(json.dumps(about))
    (folder / "0").write_bytes(pickle.dumps(np.array([Code(tmp_path / "ran")] * N, dtype=object)))
    message = refused(**given)
    assert f"array '{array}' of '{tmp_path}/g.zarr' has the codec '{codec}', which might run code" in message
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("codec", "words"),
    [
        ({"name": "numcodecs.pickle", "configuration": {}}, "the codec 'pickle'"),
        ({"name": "unheard"}, "the codec 'unheard'"),
        ("pickle", "the codec 'pickle'"),
        ({"name": "sharding_indexed", "configuration": {"codecs": [{"name": "numcodecs.pickle"}]}}, "codec 'pickle'"),
        ({"name": "numcodecs.delta", "configuration": {"dtype": "|O"}}, "the codec 'delta of |O'"),
    ],
)
def test_codecs_of_the_third_format(codec: Any, words: str, tmp_path: Path) -> None:
    given = group(tmp_path / "g.zarr")
    path = tmp_path / "g.zarr" / "images" / "zarr.json"
    about = json.loads(path.read_text())
    path.write_text(json.dumps({**about, "codecs": [*about["codecs"], codec]}))
    assert words in refused(**given)


def test_other_arrays_of_the_group_do_not_matter(tmp_path: Path) -> None:
    given = group(tmp_path / "g.zarr")
    shutil.copytree(tmp_path / "g.zarr" / "images", tmp_path / "g.zarr" / "other")
    path = tmp_path / "g.zarr" / "other" / "zarr.json"
    path.write_text(path.read_text().replace('"bytes"', '"unheard"'))
    assert len(select(**given).evaluation) == 12


def test_metadata_that_are_none(tmp_path: Path) -> None:
    given = group(tmp_path / "g.zarr")
    path = tmp_path / "g.zarr" / "images" / "zarr.json"
    for content in (b"[1]", b"{", b"\xff", b"[" * 100_000, b'{"node_type": "array"}'):
        path.write_bytes(content)
        assert "g.zarr" in refused(**given)
