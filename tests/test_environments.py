"""What is installed where: pins that agree, no host in any file, and jobs that import only what they need."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from kindred import fingerprint
from workflow import ROOT, Checkout

CONDA_NAMES = {"pytorch": "torch"}
LIGHT = sorted(
    path.name for path in (ROOT / "scripts").glob("*.py") if path.name.startswith(("draw_", "collect_"))
)


def constraints() -> dict[str, set[str]]:
    pins: dict[str, set[str]] = {}
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        name, version = re.match(r"([A-Za-z0-9._-]+)==([^ ;]+)", line).groups()  # type: ignore[union-attr]
        pins.setdefault(name.lower(), set()).add(version)
    return pins


@pytest.mark.parametrize("path", sorted((ROOT / "envs").glob("*.yaml")), ids=lambda path: path.stem)
def test_conda_pins_are_the_pip_pins(path: Path) -> None:
    pins = constraints()
    for entry in yaml.safe_load(path.read_text())["dependencies"]:
        if match := re.fullmatch(r"(\S+) ==(\S+)", entry):
            name = CONDA_NAMES.get(match[1], match[1])
            assert match[2] in pins[name], f"{path.name} pins {name} {match[2]}, constraints.txt {pins[name]}"


def test_no_file_names_an_index() -> None:
    for name in ("constraints.txt", "pyproject.toml", "Makefile", "envs/torch.yaml", "envs/figures.yaml"):
        assert not re.search(r"https?://|index-url|find-links", (ROOT / name).read_text()), name


def test_every_rule_has_a_script_of_its_name() -> None:
    text = "".join(path.read_text() for path in (ROOT / "rules").glob("*.smk"))
    used = re.findall(
        r"^rule (\w+):(?:(?!^rule ).)*?script:\s*\n\s*\"\.\./scripts/(\w+)\.py\"", text, re.M | re.S
    )
    assert all(rule == script for rule, script in used)
    assert {script for _, script in used} == {path.stem for path in (ROOT / "scripts").glob("*.py")}


@pytest.mark.parametrize("script", LIGHT)
def test_tables_and_figures_import_no_torch(script: str) -> None:
    for path in fingerprint._reach(ROOT / "scripts" / script):
        assert not re.search(r"^(import|from) (torch|timm)\b", path.read_text(), re.M), path


def test_a_dry_run_imports_no_torch(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path / "kindred", ROOT / "tests" / "small.yaml")
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "snakemake", "--cores", "1", "--dry-run", "--quiet"],
        cwd=checkout.folder,
        capture_output=True,
        text=True,
        check=True,
    )
    imported = {
        line.rpartition("|")[2].strip()
        for line in done.stderr.splitlines()
        if line.startswith("import time:")
    }
    assert "kindred.config" in imported
    assert not imported & {"torch", "timm", "zarr", "xarray", "sklearn", "matplotlib"}
