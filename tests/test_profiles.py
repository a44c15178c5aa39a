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


def test_every_rule_is_seen() -> None:
    assert {"train_model", "collect_cka", "draw_similarity", "all"} - {"all"} <= set(WORKING)
    assert len(WORKING) == len(list((ROOT / "scripts").glob("*.py")))


@pytest.mark.parametrize("name", WORKING)
def test_rules_ask_for_standard_resources_only(name: str) -> None:
    block = re.search(r"^    resources:\n((?:        .*\n)*)", RULES[name], re.M)
    asked = dict(re.findall(r"^        (\w+)=(.*),$", block[1], re.M)) if block else {}
    assert asked.keys() <= STANDARD
    if name.startswith(("collect_", "draw_")):
        assert "gpu" not in asked, "light rules run on the login node"
    elif "mem_mb" in asked:
        assert asked["mem_mb"].startswith("growing("), "a retry asks for more memory"
        assert "runtime" in asked


@pytest.mark.parametrize("name", WORKING)
def test_every_rule_names_its_environment(name: str) -> None:
    (environment,) = re.findall(r'^    conda:\n        "\.\./(envs/\w+\.yaml)"$', RULES[name], re.M)
    assert (ROOT / environment).is_file()


@pytest.mark.parametrize("name", ["default", "slurm"])
def test_every_profile_leaves_re_running_to_fingerprints(name: str) -> None:
    # Without these lines Snakemake's own triggers come back: the age of files, the time stamp of scripts.
    assert profile(name)["rerun-triggers"] == ["params", "software-env"]
    assert profile(name)["rerun-incomplete"] is True


def test_arrays_are_of_rules_that_are_there() -> None:
    named = set(profile("slurm")["slurm-array-jobs"].replace(" ", "").split(","))
    assert named <= set(WORKING)
    tiled = {name for name, text in RULES.items() if "{tile}.zarr" in text and name in WORKING}
    tiled -= {name for name in tiled if name.startswith("collect_")}
    assert tiled <= named


def test_nothing_is_held_back_from_arrays() -> None:
    """The executor drops what is left of an array when only a part of it may be submitted (2.8)."""
    assert profile("slurm")["jobs"] == "unlimited"
    assert not {"resources", "max-jobs-per-timespan", "scheduler-subsample"} & profile("slurm").keys()
