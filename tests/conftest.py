"""What tests share: one finished run of a small study, made once and copied by whoever wants to change it."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

os.environ.setdefault("OMP_NUM_THREADS", "1")

from workflow import ROOT, Checkout


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of the workflow come first, so that two workers end together.

    One file has the small study made; the other worker has those that do not need it, and does not wait.
    """
    sharing = list(dict.fromkeys(item.path for item in items if "finished" in getattr(item, "fixturenames", ())))

    def place(item: pytest.Item) -> int:
        if item.path in sharing:
            return 0 if item.path == sharing[0] else 2
        return 1 if hasattr(getattr(item, "module", None), "Checkout") else 3

    items.sort(key=place)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A finished run of tests/small.yaml. Read it, or take `study` to change something."""
    together = "PYTEST_XDIST_WORKER" in os.environ  # workers share one run
    folder = tmp_path_factory.getbasetemp().parent / "finished" if together else tmp_path_factory.mktemp("finished")
    folder.mkdir(exist_ok=True)
    with FileLock(folder / "lock"):
        if not (folder / "done").exists():
            outcome = Checkout(folder / "making", ROOT / "tests" / "small.yaml").snakemake()
            assert outcome.status == 0, outcome.text[-6000:]
            (folder / "done").touch()
    return Checkout.at(folder / "making").copy(tmp_path_factory.mktemp("own") / "kindred")


@pytest.fixture
def study(finished: Checkout, tmp_path: Path) -> Checkout:
    """A finished run of one's own."""
    return finished.copy(tmp_path / "kindred")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The hub's cache, offline."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "home" / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return tmp_path / "home"


@pytest.fixture
def no_robustbench() -> Iterator[None]:
    """What a test puts in its place is forgotten afterwards."""
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "robustbench"]:
        del sys.modules[name]
