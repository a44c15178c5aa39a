"""Locks left by a killed run are removed if it ran on this machine and is dead, and only then."""

import fcntl
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from workflow import ROOT, Checkout


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    return Checkout(tmp_path_factory.mktemp("takeover") / "kindred", ROOT / "tests" / "small.yaml")


def leave_a_lock(study: Checkout, host: str) -> Path:
    (study / ".snakemake/kindred").mkdir(parents=True, exist_ok=True)
    (study / ".snakemake/kindred/alive").write_text(host)
    (study / ".snakemake/locks").mkdir(exist_ok=True)
    lock = study / ".snakemake/locks/0.output.lock"
    lock.write_text("results/images/natural.zarr\n")
    return lock


def test_the_lock_of_a_dead_run_is_removed(study: Checkout) -> None:
    lock = leave_a_lock(study, socket.gethostname())
    outcome = study.snakemake("--dry-run", "images")
    assert outcome.status == 0
    assert "The last run here was killed" in outcome.text
    assert not lock.exists()


def test_a_lock_from_another_machine_stays(study: Checkout) -> None:
    lock = leave_a_lock(study, "another")
    outcome = study.snakemake("images")
    assert outcome.status == 1
    assert "cannot be locked" in outcome.text
    assert lock.exists()
    assert (study / ".snakemake/kindred/alive").read_text() == "another"


def test_the_lock_of_a_live_run_stays(study: Checkout) -> None:
    lock = leave_a_lock(study, socket.gethostname())
    with (study / ".snakemake/kindred/alive").open() as held:
        fcntl.flock(held, fcntl.LOCK_SH)
        outcome = study.snakemake("images")
    assert outcome.status == 1
    assert "cannot be locked" in outcome.text
    assert lock.exists()


def test_a_job_ends_with_its_snakemake(tmp_path: Path) -> None:
    job = tmp_path / "job.py"
    job.write_text(
        "import sys, time\nfrom kindred.workflow.job import job\n"
        "with job(sys.argv[1]):\n    print('working', flush=True)\n    time.sleep(60)\n"
    )
    starter = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    environment = {**os.environ, "KINDRED_SNAKEMAKE": str(starter.pid), "PYTHONPATH": str(ROOT / "scripts")}
    command = [sys.executable, job, tmp_path / "log"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == b"working\n"
        time.sleep(1)
        assert worker.poll() is None
        starter.kill()
        starter.wait()
        assert worker.wait(timeout=20) == 1
    assert "the job ends too" in (tmp_path / "log").read_text()
