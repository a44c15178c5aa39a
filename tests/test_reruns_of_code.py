"""Every script and every module of a catalogue: an edit plans what `--forcerun` of its rules plans, and nothing else.

Nothing is computed: the results are stubs, of which Snakemake has its records.
"""

import os
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from kindred.attacks.catalogue import METHODS as ATTACKS
from kindred.figures.catalogue import FIGURES
from kindred.images.catalogue import SOURCES as IMAGE_SOURCES
from kindred.similarity.catalogue import MEASURES
from kindred.training.catalogue import METHODS as TRAININGS
from synthetic import pretend
from test_target_cianfarani2022 import with_section
from workflow import ROOT, Checkout

TARGETS = ("all", "jones2022", "hwang2024", "cianfarani2022", "claims")
SCRIPTS = {
    script: sorted(set(rules))
    for script in {path.stem for path in (ROOT / "scripts").glob("*.py")}
    for rules in [
        [
            name
            for path in (ROOT / "rules").glob("*.smk")
            for name, body in re.findall(r"^rule (\w+):\n((?:(?:    .*)?\n)*)", path.read_text(), re.M)
            if f'"../scripts/{script}.py"' in body
        ]
    ]
}
for path in (ROOT / "rules").glob("*.smk"):
    for base, heir in re.findall(r"^use rule (\w+) as (\w+) with:", path.read_text(), re.M):
        next(rules for rules in SCRIPTS.values() if base in rules).append(heir)
# Nothing for the first three in this study; the others belong to no study's results.
NOT_PLANNED = {"convert_checkpoint", "import_checkpoint", "collect_published", "forecast", "measure_rates", "verify"}


@pytest.fixture(scope="module")
def stubs(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A study of two models with every stage and every paper's target, finished as far as Snakemake can tell."""
    checkout = Checkout(tmp_path_factory.mktemp("stubs") / "kindred", ROOT / "tests" / "small.yaml")
    checkout.write_config(with_section(checkout.config()))
    pretend(checkout, *TARGETS)
    assert checkout.plan(*TARGETS) == {}
    return checkout


def planned(checkout: Checkout, *arguments: str) -> dict[str, int]:
    return {name: count for name, count in checkout.plan(*TARGETS, *arguments).items() if name not in TARGETS}


def after_edit(stubs: Checkout, folder: Path, source: Path) -> dict[str, int]:
    """What is planned once a line of code was added to a source file, in a copy that shares the results."""
    twin = Checkout(folder)
    (twin / "config.yaml").write_text((stubs / "config.yaml").read_text())
    for name in ("results", ".snakemake"):
        os.symlink(stubs / name, twin / name)
    path = twin / source.relative_to(ROOT).as_posix()
    path.write_text(path.read_text() + "\n\nEDITED = 1\n")
    return planned(twin, "--nolock")


def both(stubs: Checkout, tmp_path: Path, name: str, source: Path, rules: list[str]) -> str:
    edited = after_edit(stubs, tmp_path / name, source)
    forced = planned(stubs, "--nolock", "--forcerun", *rules)
    return "" if edited == forced and edited else f"{name}: an edit plans {edited}, --forcerun {rules} plans {forced}"


SOME = {"select_training_images", "train_model", "compare_inverted", "collect_models", "draw_figure"}


@pytest.mark.parametrize(
    "names", [SOME, pytest.param(SCRIPTS.keys() - SOME, marks=pytest.mark.slow)], ids=["some", "rest"]
)
def test_an_edited_script_plans_what_forcing_its_rules_plans(stubs: Checkout, tmp_path: Path, names: set[str]) -> None:
    known = {name: SCRIPTS[name] for name in names if not NOT_PLANNED & set(SCRIPTS[name])}
    assert len(known) in (len(SOME), len(SCRIPTS) - len(SOME) - len(NOT_PLANNED)) and all(known.values())
    with ThreadPoolExecutor(2) as pool:
        wrong = list(
            pool.map(lambda one: both(stubs, tmp_path, one[0], ROOT / f"scripts/{one[0]}.py", one[1]), known.items())
        )
    assert not any(wrong), "\n".join(filter(None, wrong))


def test_an_edited_module_of_a_catalogue_plans_the_jobs_that_use_it(stubs: Checkout, tmp_path: Path) -> None:
    """{module: rules whose jobs must be planned}; unused siblings plan nothing."""

    def source(module: str) -> Path:
        return ROOT / "scripts" / f"{module.replace('.', '/')}.py"

    expected = {
        TRAININGS["standard"].module: {"train_model"},
        TRAININGS["fast"].module: set(),
        ATTACKS["spatial"].module: {"attack_model"},
        ATTACKS["apgd"].module: set(),
        MEASURES["cka_rbf"].module: {"compare_activations", "compare_inverted"},
        IMAGE_SOURCES["digits"].module: {"select_evaluation_images", "select_training_images"},
        IMAGE_SOURCES["npz"].module: set(),
        FIGURES["ensembles"].module: {"draw_figure"},
    }
    for module, rules in expected.items():
        jobs = after_edit(stubs, tmp_path / module, source(module))
        assert rules <= jobs.keys() and bool(jobs) == bool(rules), (module, jobs)
    assert after_edit(stubs, tmp_path / "figure", source(FIGURES["ensembles"].module)) == {"draw_figure": 1}


def test_a_new_entry_of_a_catalogue_plans_nothing(stubs: Checkout, tmp_path: Path) -> None:
    for catalogue in sorted((ROOT / "scripts/kindred").glob("*/catalogue.py")):
        if catalogue.parent.name != "workflow":
            assert after_edit(stubs, tmp_path / catalogue.parent.name, catalogue) == {}, catalogue
