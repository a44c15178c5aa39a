"""A study of 69 models that grows to 70 and shrinks again: what a dry run plans, held to the single job."""

from pathlib import Path

import pytest
from kindred.workflow import tiles
from synthetic import entry, pretend, synthetic
from workflow import Checkout

GROUPS = 8
ATTACKS, INVERSIONS = 2, 1
NAMES = [f"net{at:04d}" for at in range(69)]
NEW = "net0069"


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A study of 69 models, finished as far as Snakemake can tell."""
    study = synthetic(tmp_path_factory.mktemp("growth") / "kindred", len(NAMES), GROUPS)
    pretend(study)
    return study


def with_models(grown: Checkout, folder: Path, models: dict) -> Checkout:
    study = grown.copy(folder)
    config = study.config()
    config["models"] = models
    study.write_config(config)
    return study


def without_tables(jobs: dict[str, int]) -> dict[str, int]:
    return {name: count for name, count in jobs.items() if not name.startswith(("collect_", "draw_"))}


def test_there_is_nothing_to_do_at_69(grown: Checkout) -> None:
    assert grown.plan() == {}


def test_the_70th_model_brings_its_own_jobs_and_its_tiles(grown: Checkout, tmp_path: Path) -> None:
    models = {**grown.config()["models"], NEW: entry(69)}
    study = with_models(grown, tmp_path / "kindred", models)
    plan = study.snakemake("--dry-run")
    assert without_tables(plan.jobs) == {
        "train_model": 1,
        "attack_model": ATTACKS,
        "invert_images": INVERSIONS,
        "extract_activations": 1,
        # Its group with every group; of ordered tiles, each with both sides once.
        "compare_activations": GROUPS,
        "compare_gradients": GROUPS,
        "compare_inverted": INVERSIONS * (2 * GROUPS - 1),
        "stitch_models": 2 * GROUPS - 1,
        "cross_evaluate": ATTACKS * (2 * GROUPS - 1),
    }
    (own,) = (group for group, names in tiles.deal([*NAMES, NEW], GROUPS).items() if NEW in names)
    planned = {line.rpartition("tile=")[2] for line in plan.text.splitlines() if "tile=" in line}
    assert planned == {f"{a}x{b}" for a in range(GROUPS) for b in range(GROUPS) if own in (a, b)}
    made = [line for line in plan.text.splitlines() if line.startswith("    output: ") and ".zarr" in line]
    assert sum(f"/{NEW}" in line for line in made) == ATTACKS + INVERSIONS + 1


@pytest.mark.parametrize("gone", [NAMES[0], NAMES[34]])
def test_one_model_less_computes_nothing(grown: Checkout, tmp_path: Path, gone: str) -> None:
    models = {name: about for name, about in grown.config()["models"].items() if name != gone}
    study = with_models(grown, tmp_path / "kindred", models)
    jobs = study.plan()
    assert without_tables(jobs) == {}
    assert jobs, "tables hold all models of the study, so they are written anew"


def test_models_in_another_order_compute_nothing(grown: Checkout, tmp_path: Path) -> None:
    models = dict(reversed(grown.config()["models"].items()))
    assert without_tables(with_models(grown, tmp_path / "kindred", models).plan()) == {}
