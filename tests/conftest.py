"""What tests share: one finished run of a small study, made once and copied by whoever wants to change it."""

import os
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
