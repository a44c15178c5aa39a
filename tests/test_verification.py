"""Faults of disks and hands that leave sizes as they are: where each is noticed, and what helps."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from kindred.models import descriptions
from kindred.workflow import store, verification
from kindred.workflow.errors import BadInput

VALUES = np.arange(4000, dtype=np.float32).reshape(40, 100)


def write(path: Path, compress: bool = False) -> Path:
    with store.writing(path, {"weights": "ab" * 32}) as group:
        store.put(group, "image", [f"i{at}" for at in range(40)], ("image",))
        for name in ("values", "more"):
            array = group.create_array(
                name, shape=VALUES.shape, chunks=(10, 100), dtype="f4", compressors=store.compressors(compress)
            )
            array[...] = VALUES
    return path


def chunk(path: Path, number: int = 1, name: str = "values") -> Path:
    return path / name / "c" / str(number) / "0"


def flip(file: Path, at: int = 100) -> None:
    content = bytearray(file.read_bytes())
    content[at] ^= 16
    file.write_bytes(content)


def swap(one: Path, other: Path) -> None:
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)


def edit_attribute(path: Path) -> None:
    text = (path / "zarr.json").read_text()
    (path / "zarr.json").write_text(text.replace("ab" * 32, "cd" * 32))


def edit_shape(path: Path) -> None:
    text = (path / "values" / "zarr.json").read_text()
    (path / "values" / "zarr.json").write_text(text.replace("40,", "20,", 1))


FAULTS: dict[str, tuple[Callable[[Path], None], bool]] = {
    "a flipped bit of a chunk": (lambda path: flip(chunk(path)), False),
    "a flipped bit of a name": (lambda path: flip(next((path / "image" / "c").iterdir()), 9), False),
    "a flipped bit of a checksum": (lambda path: flip(chunk(path), -2), True),
    "chunks exchanged within an array": (lambda path: swap(chunk(path, 1), chunk(path, 2)), True),
    "an edited attribute": (edit_attribute, True),
    "an edited shape": (edit_shape, True),
}


@pytest.mark.parametrize("kind", FAULTS)
@pytest.mark.parametrize("compress", [False, True])
def test_a_fault_is_never_a_number(kind: str, compress: bool, tmp_path: Path) -> None:
    path = write(tmp_path / "some.zarr", compress)
    np.testing.assert_array_equal(store.array(path, "values")[:], VALUES)
    assert list(verification.faults(path)) == []
    damage, at_once = FAULTS[kind]
    damage(path)
    if at_once:
        with pytest.raises(BadInput, match=r"some\.zarr"):
            store.array(path, "more")
    (told,) = verification.faults(path)
    assert ("some.zarr" in told and "damaged" in told) or "incomplete" in told
    if not at_once:
        with pytest.raises(Exception):  # noqa: B017 - of any codec; jobs name the store
            for name in ("values", "image"):
                store.array(path, name)[:]


def test_chunks_exchanged_between_stores_are_noticed(tmp_path: Path) -> None:
    """Each has its own right checksum, and the sizes are the same."""
    one = write(tmp_path / "one.zarr")
    with store.writing(tmp_path / "other.zarr", {}) as group:
        array = group.create_array(
            "values", shape=(40, 100), chunks=(10, 100), dtype="f4", compressors=store.compressors(False)
        )
        array[...] = VALUES + 1
    swap(chunk(one), chunk(tmp_path / "other.zarr"))
    for path in (one, tmp_path / "other.zarr"):
        with pytest.raises(BadInput, match="its parts are not those that were written"):
            store.attributes(path)


def test_a_job_names_the_damaged_store(tmp_path: Path) -> None:
    path = write(tmp_path / "some.zarr")
    flip(chunk(path))
    code = (
        "from kindred.workflow import store\nfrom kindred.workflow.job import job\n"
        f"with job({str(tmp_path / 'log')!r}):\n    store.array({str(path)!r}, 'values')[:]\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, env=os.environ)
    assert ran.returncode == 1 and "Traceback" not in ran.stderr
    assert f"kindred: store '{path}' is damaged: rows 10 to 19 of 'values' are damaged" in ran.stderr


def test_descriptions_and_weights(tmp_path: Path) -> None:
    import torch
    from kindred.models import classifiers

    weights = tmp_path / "m.safetensors"
    classifiers.save(weights, {"w": torch.ones(100)})
    about = {key: 0.5 for key in descriptions.DESCRIBED} | {"weights_sha256": descriptions.file_hash(weights)}
    descriptions.write(str(tmp_path / "m.json"), about)
    assert descriptions.read(str(tmp_path / "m.json")) == about
    assert verification.models(tmp_path) == [weights] and list(verification.faults(weights)) == []
    edited = json.loads((tmp_path / "m.json").read_text()) | {"clean_accuracy": 0.9}
    (tmp_path / "m.json").write_text(json.dumps(edited))
    with pytest.raises(BadInput, match=r"m\.json' was changed since it was written"):
        descriptions.read(str(tmp_path / "m.json"))
    assert "was changed since" in next(verification.faults(weights))
    descriptions.write(str(tmp_path / "m.json"), about)
    flip(weights, -3)
    assert "are not those that their description was written for" in next(verification.faults(weights))


def test_stores_are_found_and_unfinished_ones_left(tmp_path: Path) -> None:
    write(tmp_path / "a/some.zarr")
    shutil.copytree(tmp_path / "a/some.zarr", tmp_path / "a/.some.zarr.partial")
    assert verification.stores(tmp_path) == [tmp_path / "a/some.zarr"]
    assert verification.again([tmp_path / "x"]) == f"rm -r {tmp_path / 'x'} && snakemake"
