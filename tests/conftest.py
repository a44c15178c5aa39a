"""What tests share: one finished run of a small study, made once and copied by whoever wants to change it."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")

from workflow import ROOT, Checkout


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A finished run of tests/small.yaml. Read it, or take `study` to change something."""
    checkout = Checkout(tmp_path_factory.mktemp("finished") / "kindred", ROOT / "tests" / "small.yaml")
    outcome = checkout.snakemake()
    assert outcome.status == 0, outcome.text[-6000:]
    return checkout


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
