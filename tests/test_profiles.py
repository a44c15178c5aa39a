"""Profiles and rules belong together: what a cluster needs to know of every rule, and that profiles name real ones."""

import re

import pytest
import yaml
from rulebook import RULES, WORKING
from workflow import ROOT

# Standard names, which any executor understands.
STANDARD = {"gpu", "mem_mb", "runtime", "disk_mb", "cpus_per_task", "tmpdir"}


def profile(name: str) -> dict:
    return yaml.safe_load((ROOT / "profiles" / name / "profile.yaml").read_text())


def test_rules_ask_for_standard_resources_and_name_their_environment() -> None:
    assert {"train_model", "collect_cka", "draw_figure"} <= set(WORKING)
    wrong = []
    for name in WORKING:
        block = re.search(r"^    resources:\n((?:        .*\n)*)", RULES[name], re.M)
        asked = dict(re.findall(r"^        (\w+)=(.*),$", block[1], re.M)) if block else {}
        if not asked.keys() <= STANDARD:
            wrong.append(f"{name} asks for {asked.keys() - STANDARD}")
        if name.startswith(("collect_", "draw_")) and "gpu" in asked:
            wrong.append(f"{name} is light and runs on the login node, but asks for a GPU")
        if "mem_mb" in asked and not (asked["mem_mb"].startswith("growing(") and "runtime" in asked):
            wrong.append(f"{name} asks for no more memory in a retry, or has no runtime")
        environments = re.findall(r'^    conda:\n        "\.\./(envs/\w+\.yaml)"$', RULES[name], re.M)
        if len(environments) != 1 or not (ROOT / environments[0]).is_file():
            wrong.append(f"{name} has the environments {environments}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", ["default", "slurm"])
def test_every_profile_has_the_triggers_of_the_rules(name: str) -> None:
    # Snakemake's default has `code`, which follows the time stamp of scripts, and `input`, which re-runs tiles.
    assert profile(name)["rerun-triggers"] == ["mtime", "params", "software-env"]
    assert profile(name)["rerun-incomplete"] is True


def test_slurm_uses_no_job_arrays() -> None:
    """In version 2.8 of the executor they are not safe; the profile says why."""
    assert not [key for key in profile("slurm") if "array" in key]
    assert "issue 447" in (ROOT / "profiles" / "slurm" / "profile.yaml").read_text()
