"""What a study lacks is told before any job, in one line and without a traceback; and results that were moved."""

from pathlib import Path

import pytest
from workflow import ROOT, Checkout

BARE = {
    "device": "cpu",
    "images": {"source": "digits", "size": 16, "evaluation": 50},
    "trainings": {"standard": {"method": "standard", "epochs": 1, "batch": 64, "lr": 0.004}},
    "models": {name: {"architecture": "kindred_mixer", "training": "standard"} for name in "ab"},
    "attacks": {"pgd": {"norm": "linf", "eps": "8/255", "steps": 2}},
}


@pytest.fixture
def bare(tmp_path: Path) -> Checkout:
    checkout = Checkout(tmp_path / "kindred", ROOT / "tests" / "small.yaml")
    checkout.write_config(BARE)
    return checkout


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("results/figures/stitching.png", "stitching is not drawn: the study has no section stitching."),
        (
            "results/figures/cianfarani/principal.pdf",
            "cianfarani/principal is not drawn: the study has no section layerwise.panels.",
        ),
        ("cianfarani2022", "cianfarani2022 has nothing to draw of this study."),
    ],
)
def test_a_figure_that_the_study_has_no_data_for(bare: Checkout, target: str, told: str) -> None:
    outcome = bare.snakemake("--dry-run", target)
    assert outcome.status == 1
    assert outcome.text.strip().splitlines()[-1] == f"kindred: {told}"
    assert "Traceback" not in outcome.text


def test_images_that_are_not_there(bare: Checkout) -> None:
    """A dry run plans as if they were, and says so; a run ends before any job."""
    colour = {"mean": [0.3] * 3, "std": [0.3] * 3}
    bare.write_config({**BARE, "images": {"source": "folder", "folder": "nope", "training": 100, **colour}})
    outcome = bare.snakemake("--dry-run")
    assert outcome.status == 0 and "1 of 1 files and folders do not exist yet (nope)" in outcome.text
    outcome = bare.snakemake()
    assert outcome.status == 1
    assert "Missing input files for rule select_evaluation_images" in outcome.text
    assert "affected files:\n        nope" in outcome.text and "Traceback" not in outcome.text
    assert not (bare / "results" / "images").exists()


def test_moved_results_that_are_recorded_anew(bare: Checkout) -> None:
    """Records go by path, so a changed setting is seen again only once `--touch --forceall` has made new ones."""
    assert bare.snakemake("transfer").status == 0
    (bare / "results").rename(bare / "moved")
    moved = {**BARE, "pathvars": {"results": "moved"}}
    bare.write_config(moved)
    assert bare.plan("transfer") == {}
    assert bare.snakemake("--touch", "--forceall", "transfer").status == 0
    assert bare.plan("transfer") == {}
    bare.write_config({**moved, "attacks": {"pgd": {**BARE["attacks"]["pgd"], "eps": "2/255"}}})
    planned = bare.plan("transfer")
    assert planned["attack_model"] == 2 and "train_model" not in planned
