"""Commands of array tasks, in the form in which the SLURM plugin hands them over."""

import base64
import json
import os
import zlib
from pathlib import Path

import pytest
from kindred.arrayjobs import ARGUMENT, OWN, lost, own_command
from workflow import ROOT, Checkout

COMMANDS = {"2": "snakemake --target-jobs 'tile=0x1'", "3": "snakemake --target-jobs 'tile=1x1'"}


def payload(commands: dict[str, str]) -> str:
    packed = {task: zlib.compress(command.encode(), level=9).hex() for task, command in commands.items()}
    return base64.b64encode(json.dumps(packed).encode()).decode()


@pytest.mark.parametrize(
    "given", [[f"{ARGUMENT}={payload(COMMANDS)}"], [ARGUMENT, payload(COMMANDS)]], ids=["=", "word"]
)
def test_a_task_has_its_own_command(given: list[str]) -> None:
    arguments = ["snakemake", "--target-jobs", "tile=0x0", *given]
    for task, command in COMMANDS.items():
        assert own_command(arguments, {"SLURM_ARRAY_TASK_ID": task}) == command
    assert own_command(arguments, {"SLURM_ARRAY_TASK_ID": "1"}) is None, "the first runs what was submitted"
    assert own_command(arguments, {}) is None


def test_what_is_no_array_is_left_alone() -> None:
    assert own_command(["snakemake", "--target-jobs", "tile=0x0"], {"SLURM_ARRAY_TASK_ID": "2"}) is None
    assert own_command(["snakemake"], {}) is None


def test_a_task_without_its_command_is_noticed() -> None:
    plain = ["snakemake", "--executor", "slurm-jobstep", "--target-jobs", "tile=0x0"]
    second = {"SLURM_ARRAY_TASK_ID": "2", "SLURM_ARRAY_TASK_MIN": "1"}
    assert lost(plain, second)
    assert not lost([*plain, f"{ARGUMENT}={payload(COMMANDS)}"], second)
    assert not lost(plain, {**second, "SLURM_ARRAY_TASK_ID": "1"}), "the first has the first one's command"
    assert not lost(plain, {**second, OWN: "2"}), "its own command, found before"
    assert not lost(plain, {}) and not lost(["snakemake", "-n"], second), (
        "a user's own array of something else"
    )


def test_the_snakefile_hands_over_to_it(tmp_path: Path) -> None:
    pytest.importorskip("snakemake_executor_plugin_slurm_jobstep")
    study = Checkout(tmp_path / "kindred", ROOT / "tests" / "small.yaml")
    spoken = payload({"2": "echo this task alone: $KINDRED_ARRAY_TASK > said; exit 7"})
    command = ["--executor", "slurm-jobstep", "--jobs", "1", "--dry-run", f"{ARGUMENT}={spoken}"]
    outcome = study.snakemake(*command, SLURM_ARRAY_TASK_ID="2", SLURM_JOB_ID=str(os.getpid()))
    assert outcome.status == 7, outcome.text
    assert (study / "said").read_text() == "this task alone: yes\n"
    lonely = study.snakemake(*command[:-1], SLURM_ARRAY_TASK_ID="2", SLURM_JOB_ID=str(os.getpid()))
    assert lonely.status != 0
    assert "lower slurm-array-limit" in lonely.text
