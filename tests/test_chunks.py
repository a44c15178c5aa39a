"""Work in chunks: a restarted run gives the same result and computes only the missing chunks."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from kindred.workflow import chunks, store

SCRIPTS = Path(__file__).parents[1] / "scripts"
ABOUT = {"model": "vgg", "weights": "ab12", "settings": {"steps": 3, "size": 0.125}}
COUNT, CHUNK = 10, 4


def outcome(rows: slice) -> dict[str, np.ndarray]:
    """Values that depend on the rows, of several shapes and types."""
    index = np.arange(rows.start, rows.stop)
    return {
        "images": np.sin(index[:, None, None] + np.arange(6.0).reshape(2, 3)).astype(np.float32),
        "residual": np.exp(-index.astype(np.float64)),
        "right": index % 3 == 0,
    }


class Work:
    """`outcome` with a record of the requested rows; fails at the rows that start at `fails`."""

    def __init__(self, fails: int | None = None) -> None:
        self.rows: list[tuple[int, int]] = []
        self.fails = fails

    def __call__(self, rows: slice) -> dict[str, np.ndarray]:
        if rows.start == self.fails:
            raise KeyboardInterrupt
        self.rows.append((rows.start, rows.stop))
        return outcome(rows)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "some.zarr"


def run(path: Path, work: Work, about: Mapping[str, object] = ABOUT, chunk: int = CHUNK) -> dict[str, np.ndarray]:
    return chunks.resumable(path, COUNT, chunk, work, about, "working")


def check(found: dict[str, np.ndarray]) -> None:
    expected = outcome(slice(0, COUNT))
    assert set(found) == set(expected)
    for name, values in expected.items():
        assert found[name].dtype == values.dtype and found[name].shape == values.shape
        assert found[name].tobytes() == values.tobytes()


@pytest.mark.parametrize("chunk", [1, 4, 5, 10, 64])
def test_chunks_are_joined(path: Path, chunk: int) -> None:
    work = Work()
    check(run(path, work, chunk=chunk))
    expected = [(start, min(start + chunk, COUNT)) for start in range(0, COUNT, chunk)]
    assert work.rows == expected


def test_nothing_is_stored_under_the_final_name(path: Path) -> None:
    run(path, Work())
    assert not path.exists()
    assert all(name.startswith(".") for name in os.listdir(path.parent))


@pytest.mark.parametrize("fails", [0, 4, 8])
def test_resuming_after_an_exception(path: Path, fails: int) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(path, Work(fails))
    work = Work()
    check(run(path, work))
    assert work.rows == [rows for rows in [(0, 4), (4, 8), (8, 10)] if rows[0] >= fails]


def test_resuming_after_kill(path: Path) -> None:
    code = f"""
import os, signal, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
import test_chunks as t
from pathlib import Path
class Killed(t.Work):
    def __call__(self, rows):
        if rows.start == 8:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(rows)
t.run(Path({str(path)!r}), Killed())
"""
    done = subprocess.run([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": str(SCRIPTS)}, check=False)
    assert done.returncode == -signal.SIGKILL
    assert not path.exists()
    work = Work()
    check(run(path, work))
    assert work.rows == [(8, 10)]


def test_resuming_after_kill_while_storing_a_chunk(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put = store.put

    def interrupted(group: object, name: str, values: np.ndarray, *rest: object) -> None:
        if name == "residual" and np.isclose(values[0], np.exp(-4)):
            raise KeyboardInterrupt
        put(group, name, values, *rest)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(store, "put", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run(path, Work())
    work = Work()
    check(run(path, work))
    assert work.rows == [(4, 8), (8, 10)]


@pytest.mark.parametrize(
    "about",
    [
        ABOUT | {"weights": "cd34"},
        ABOUT | {"settings": {"steps": 4, "size": 0.125}},
        ABOUT | {"settings": {"steps": 3}},
        ABOUT | {"seed": 1},
        {"model": "vgg", "weights": "ab12"},
    ],
)
def test_chunks_with_other_attributes_are_not_used(path: Path, about: Mapping[str, object]) -> None:
    run(path, Work())
    work = Work()
    check(run(path, work, about))
    assert work.rows == [(0, 4), (4, 8), (8, 10)]
    again = Work()
    check(run(path, again, about))
    assert again.rows == []


@pytest.mark.parametrize("about", [dict(reversed(ABOUT.items())), ABOUT | {"settings": {"size": 0.125, "steps": 3}}])
def test_order_of_attributes_does_not_matter(path: Path, about: Mapping[str, object]) -> None:
    run(path, Work())
    work = Work()
    check(run(path, work, about))
    assert work.rows == []


def test_attributes_that_json_changes_are_recognised(path: Path) -> None:
    about = {"mean": (0.25, 0.5), "layers": {1: "conv"}}
    run(path, Work(), about)
    work = Work()
    check(run(path, work, about))
    assert work.rows == []


def test_chunks_of_other_package_versions_are_not_used(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(store, "versions", lambda: {"torch": "1.0"})
        run(path, Work())
    work = Work()
    check(run(path, work))
    assert len(work.rows) == 3


def test_truncated_and_lost_chunks_are_computed_again(path: Path) -> None:
    run(path, Work())
    first, second, third = sorted((path.parent / ".some.zarr.chunks").glob("*.zarr"))
    file = next(file for file in (first / "images" / "c").rglob("*") if file.is_file())
    file.write_bytes(file.read_bytes()[:-3])
    next(file for file in (third / "right" / "c").rglob("*") if file.is_file()).unlink()
    work = Work()
    check(run(path, work))
    assert work.rows == [(0, 4), (8, 10)]
    assert second.exists()


def test_forgetting_removes_the_chunks(path: Path) -> None:
    other = path.with_name("other.zarr")
    run(path, Work())
    run(other, Work())
    chunks.forget(path)
    chunks.forget(path)  # without effect
    work = Work()
    check(run(other, work))
    assert work.rows == []
    work = Work()
    check(run(path, work))
    assert len(work.rows) == 3
    chunks.forget(path)
    chunks.forget(other)
    assert os.listdir(path.parent) == []
