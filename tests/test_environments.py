"""What is installed where: pins that agree, no host in any file, and jobs that import only what they need."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from kindred.figures.catalogue import FIGURES
from kindred.workflow import fingerprint
from rulebook import RULES
from workflow import ROOT, Checkout

CONDA_NAMES = {"pytorch": "torch", "huggingface_hub": "huggingface-hub"}


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
    for name in (
        "constraints.txt",
        "pyproject.toml",
        "Makefile",
        *sorted(f"envs/{path.name}" for path in (ROOT / "envs").iterdir()),
    ):
        assert not re.search(r"https?://|index-url|find-links", (ROOT / name).read_text()), name


def scripts_of_rules() -> dict[str, str]:
    return {
        rule: match[1]
        for rule, text in RULES.items()
        if (match := re.search(r'script:\s*\n\s*"\.\./scripts/(\w+)\.py"', text))
    }


def test_every_rule_has_a_script_of_its_name() -> None:
    used = scripts_of_rules()
    assert [rule for rule, script in used.items() if rule != script] == []
    assert set(used.values()) == {path.stem for path in (ROOT / "scripts").glob("*.py")}


def reached(script: str) -> set[Path]:
    """Modules that a script imports, and those of the figure catalogue for the one that loads them by name."""
    modules = {figure.module for figure in FIGURES.values()} if script == "draw_figure.py" else set()
    start = [ROOT / "scripts" / script, *(ROOT / "scripts" / f"{name.replace('.', '/')}.py" for name in modules)]
    return fingerprint.reach(start)


def test_tables_and_figures_import_no_torch() -> None:
    light = [path.name for path in (ROOT / "scripts").glob("*.py") if path.name.startswith(("draw_", "collect_"))]
    assert len(light) > 15
    heavy = [
        f"{script} imports torch in {path}"
        for script in light
        for path in reached(script)
        if re.search(r"^(import|from) (torch|timm)\b", path.read_text(), re.M)
    ]
    assert not heavy, "\n".join(heavy)


def test_a_dry_run_imports_no_torch(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path / "kindred", ROOT / "tests" / "small.yaml")
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "snakemake", "--cores", "1", "--dry-run", "--quiet"],
        cwd=checkout.folder,
        capture_output=True,
        text=True,
        check=True,
    )
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert "kindred.config.reading" in imported
    assert not imported & {"torch", "timm", "zarr", "xarray", "sklearn", "matplotlib"}


DISTRIBUTIONS = {
    "torch": "pytorch",
    "sklearn": "scikit-learn",
    "PIL": "pillow",
    "yaml": "pyyaml",
    "pydantic_core": "pydantic",
}


def test_an_environment_has_what_its_rules_import() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    optional = {re.match(r"[\w-]+", entry)[0] for entries in extras.values() for entry in entries}  # type: ignore[index]
    lacking = []
    for rule, script in scripts_of_rules().items():
        (environment,) = re.findall(r'"\.\./(envs/\w+\.yaml)"', RULES[rule])
        listed = {entry.split()[0] for entry in yaml.safe_load((ROOT / environment).read_text())["dependencies"]}
        imported = set()
        for path in reached(f"{script}.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Import):
                    imported |= {alias.name.partition(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module:
                    imported.add(node.module.partition(".")[0])
        foreign = imported - set(sys.stdlib_module_names) - {"kindred", "snakemake"}
        packages = {DISTRIBUTIONS.get(module, module) for module in foreign} - optional
        if missing := packages - listed:
            lacking.append(f"{rule} imports {missing}, which {environment} lacks")
    assert not lacking, "\n".join(lacking)


@pytest.mark.parametrize("path", sorted((ROOT / "envs").glob("*.yaml")), ids=lambda path: path.stem)
def test_conda_pins_everything(path: Path) -> None:
    loose = [entry for entry in yaml.safe_load(path.read_text())["dependencies"] if " ==" not in entry]
    assert loose == ["python >=3.11,<3.13"]


def test_both_containers_are_made_from_the_same_pins() -> None:
    docker, apptainer = ((ROOT / "envs" / name).read_text() for name in ("Dockerfile", "apptainer.def"))
    base = re.search(r"^FROM (\S+)$", docker, re.M)[1]  # type: ignore[index]
    assert f"\nFrom: {base}\n" in apptainer

    def pip(text: str) -> list[str]:
        return [call.strip() for call in re.findall(r"python -m pip [^\n\\]+", text)]

    assert pip(docker) == pip(apptainer) != []
    assert "--constraint constraints.txt" in pip(docker)[0]
    # All files that they copy are there, and among them all that an installation reads.
    copied = {name for line in re.findall(r"^COPY (.+) \S+$", docker, re.M) for name in line.split()}
    assert copied == set(re.findall(r"^    (\S+) /kindred/\S+$", apptainer, re.M))
    assert all((ROOT / name).exists() for name in copied)
    # Every direct dependency is pinned.
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*declared["dependencies"], *declared["optional-dependencies"]["slurm"]]
    pins = constraints()
    assert {re.match(r"[\w-]+", entry)[0] for entry in wanted} <= pins.keys()  # type: ignore[index]
