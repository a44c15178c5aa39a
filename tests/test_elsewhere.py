"""The workflow from elsewhere: as a module of another workflow, and with -s, --directory and --configfile."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from workflow import ONE_THREAD, ROOT

STUDY = {
    "device": "cpu",
    "images": {"source": "digits", "size": 32, "evaluation": 60, "mean": [0.3], "std": [0.35]},
    "trainings": {"standard": {"method": "standard", "epochs": 1}},
    "models": {"vgg": {"architecture": "kindred_vgg", "training": "standard"}},
}
OUTER = """
configfile: "study.yaml"

module kindred:
    snakefile: "{root}/Snakefile"
    config: config["kindred"]

use rule * from kindred{renamed}

rule count:
    input: "results/images/chosen.csv"
    output: "count.txt"
    shell: "wc -l {{input}} > {{output}}"
"""


def snakemake(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores", "2", *arguments],
        cwd=folder,
        env={**os.environ, **ONE_THREAD},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    return done.stdout


@pytest.mark.parametrize("renamed", ["", " as similarity_*"])
def test_as_a_module_of_another_workflow(tmp_path: Path, renamed: str) -> None:
    (tmp_path / "study.yaml").write_text(yaml.safe_dump({"kindred": STUDY}))
    (tmp_path / "Snakefile").write_text(OUTER.format(root=ROOT, renamed=renamed))
    snakemake(tmp_path, "count")
    assert int((tmp_path / "count.txt").read_text().split()[0]) > 1
    assert "train_model" in snakemake(tmp_path, "--dry-run", "results/models/vgg.json")


def test_from_anywhere_with_snakemakes_own_options(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(STUDY))
    (tmp_path / "work").mkdir()
    options = ["-s", str(ROOT / "Snakefile"), "--directory", "work", "--configfile", "study.yaml"]
    snakemake(tmp_path, "results/images/natural.zarr", *options)
    assert (tmp_path / "work/results/images/natural.zarr/zarr.json").exists()
    assert "Nothing to be done" in snakemake(tmp_path, "results/images/natural.zarr", *options)
