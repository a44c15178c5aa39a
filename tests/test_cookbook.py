"""Every snakemake line of docs/cookbook.md, tried on a finished study as a dry run."""

import re
import shlex

import pytest
from workflow import ROOT, Checkout

BLOCKS = re.findall(r"^```sh\n(.*?)^```", (ROOT / "docs" / "cookbook.md").read_text(), re.M | re.S)
LINES = [line.split("   ")[0].split(" #")[0].strip() for block in BLOCKS for line in block.splitlines()]
CALLS = [line for line in LINES if line.startswith("snakemake ")]
# What is not about jobs, and what takes more than Snakemake alone.
ELSEWHERE = ("--list", "--unlock", "--touch", "--workflow-profile", "--sdm")


def test_the_cookbook_has_lines_to_try() -> None:
    assert len(CALLS) > 12
    others = {line.split()[0] for line in LINES if line and line not in CALLS}
    assert others == {"pip", "export", "rsync", "docker", "apptainer"}


@pytest.mark.slow
@pytest.mark.parametrize("call", CALLS)
def test_a_line_of_the_cookbook_works(finished: Checkout, call: str) -> None:
    arguments = shlex.split(call)[1:]
    if not any(word.startswith(ELSEWHERE) for word in arguments):
        outcome = finished.snakemake(*arguments, "--dry-run")
        assert outcome.status == 0, outcome.text[-3000:]
