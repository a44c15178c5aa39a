"""Re-runs: what is done again after a change, and that nothing else is. Held by the jobs of dry runs."""

import os
import random
import shutil
from pathlib import Path

import pytest
from workflow import ROOT, Checkout

FIGURES = {"draw_figure": 13}
TABLES = dict.fromkeys(
    [
        "collect_models",
        "collect_cka",
        "collect_layers",
        "collect_transfer",
        "collect_inversions",
        "collect_gradients",
        "collect_stitching",
    ],
    1,
)
SOURCES = ("Snakefile", "rules", "scripts", "envs", "profiles", "studies", "config.yaml")


def scatter_times(folder: Path, seed: int = 0) -> None:
    """Give every source file a time of its own, in no order at all, some of them in the future."""
    rng = random.Random(seed)
    for path in sorted(path for name in SOURCES for path in (folder / name, *(folder / name).rglob("*"))):
        when = 1_900_000_000 + rng.random() * 1e7 * rng.choice([1, -20])
        os.utime(path, (when, when))


def backwards(config: dict, named: tuple[str, ...] = ()) -> dict:
    """The same config with its keys in the opposite order, but for sections whose order is that of the tables."""
    turned = {}
    for key in reversed(config):
        value = config[key]
        if isinstance(value, dict):
            entries = value if key in named else dict(reversed(value.items()))
            value = {name: backwards(entry) if isinstance(entry, dict) else entry for name, entry in entries.items()}
        turned[key] = value
    return turned


def without_figures(jobs: dict[str, int]) -> dict[str, int]:
    return {name: count for name, count in jobs.items() if name != "draw_figure"}


def test_nothing_after_a_finished_run(finished: Checkout) -> None:
    assert finished.plan() == {}


def test_nothing_after_touching_every_source_file(study: Checkout) -> None:
    scatter_times(study.folder)
    assert study.plan() == {}


def test_nothing_after_reformatting(study: Checkout) -> None:
    for path in [*study.folder.rglob("*.py"), *study.folder.rglob("*.smk"), study / "Snakefile"]:
        path.write_text("# a comment\n\n" + path.read_text().replace("\n\n\n", "\n\n\n\n") + "\n# the end\n")
    config = study.config()
    study.write_config(backwards(config, named=("models", "attacks", "inversions")))
    assert study.plan() == {}


def test_docstrings_are_no_code(study: Checkout) -> None:
    path = study / "scripts/kindred/similarity/transfer.py"
    text = path.read_text()
    assert text.startswith('"""')
    path.write_text('"""Another opening. ' + text[3:])
    assert study.plan() == {}


def test_style_redraws_figures_and_nothing_else(study: Checkout) -> None:
    config = study.config()
    config["figures"]["font_size"] = 9
    study.write_config(config)
    assert study.plan() == FIGURES


def test_style_sheet_redraws_figures_and_nothing_else(study: Checkout) -> None:
    sheet = study / "scripts/kindred/figures/layout/kindred.mplstyle"
    sheet.write_text(sheet.read_text() + "\naxes.linewidth: 1.5\n")
    assert study.plan() == FIGURES


def test_one_figure_of_its_own(study: Checkout) -> None:
    config = study.config()
    config["figures"]["transfer"]["attack"] = "pgd_l2"
    study.write_config(config)
    assert study.plan() == {"draw_figure": 1}


def test_a_changed_model_brings_its_own_jobs_and_comparisons(study: Checkout) -> None:
    config = study.config()
    config["models"]["vgg-std"]["seed"] = 5
    study.write_config(config)
    jobs = study.plan()
    own = {"train_model": 1, "attack_model": 2, "invert_images": 1, "extract_activations": 1}
    assert {name: jobs.get(name) for name in own} == own
    # Two groups of models: of three unordered and four ordered tiles, one does not hold it.
    assert jobs["compare_activations"] == 2
    assert jobs["compare_inverted"] == 3
    assert jobs["cross_evaluate"] == 3 * 2
    assert without_figures(jobs).keys() == {*own, *TABLES, "collect_gallery"} | {
        "compare_activations",
        "compare_inverted",
        "cross_evaluate",
        "compare_gradients",
        "stitch_models",
    }


def test_a_changed_recipe_brings_only_its_models(study: Checkout) -> None:
    config = study.config()
    config["trainings"]["linf10"]["lr"] = 0.001
    study.write_config(config)
    assert study.plan()["train_model"] == 2


def test_a_changed_attack_leaves_models_and_inversions_alone(study: Checkout) -> None:
    config = study.config()
    config["attacks"]["pgd_l2"]["eps"] = 1.0
    study.write_config(config)
    jobs = without_figures(study.plan())
    assert jobs == {"attack_model": 4, "cross_evaluate": 4, "collect_models": 1, "collect_transfer": 1}


def test_a_changed_module_brings_the_rules_that_use_it(study: Checkout) -> None:
    study.edit("scripts/kindred/inversion/inversion.py", "steps: int = 2000", "steps: int = 2001")
    jobs = without_figures(study.plan())
    assert jobs == {
        "invert_images": 4,
        "compare_inverted": 4,
        "collect_cka": 1,
        "collect_gallery": 1,
        "collect_inversions": 1,
    }


def test_a_changed_script_brings_its_rule(study: Checkout) -> None:
    study.edit("scripts/collect_layers.py", '"natural",', '"natural" + "",')
    assert study.plan() == {"collect_layers": 1, "draw_figure": 1}


def test_a_changed_figure_module_brings_its_figure(study: Checkout) -> None:
    path = study / "scripts/kindred/figures/gallery.py"
    path.write_text(path.read_text() + "\n\nANOTHER = 1\n")
    assert study.plan() == {"draw_figure": 1}


def test_a_new_model_brings_its_own_jobs_and_its_tiles(study: Checkout) -> None:
    config = study.config()
    config["models"]["vgg-std-s1"] = {"architecture": "kindred_vgg", "training": "standard", "seed": 1}
    study.write_config(config)
    jobs = study.plan()
    assert jobs["train_model"] == 1
    assert jobs["attack_model"] == 2
    assert jobs["invert_images"] == 1
    assert jobs["extract_activations"] == 1
    assert jobs["compare_activations"] == 2
    assert jobs["compare_inverted"] == 3
    assert jobs["cross_evaluate"] == 3 * 2


def test_a_model_less_computes_nothing_again(study: Checkout) -> None:
    config = study.config()
    del config["models"]["convnext-linf10"]
    study.write_config(config)
    assert without_figures(study.plan()) == TABLES


def test_a_model_that_comes_back_is_still_in_its_tiles(study: Checkout) -> None:
    config = study.config()
    entry = config["models"].pop("convnext-linf10")
    study.write_config(config)
    assert study.snakemake("tables").status == 0
    config["models"]["convnext-linf10"] = entry
    study.write_config(config)
    assert not without_figures(study.plan()).keys() - TABLES.keys()


@pytest.mark.slow
def test_a_model_that_comes_back_after_its_tiles_were_made_without_it(study: Checkout) -> None:
    """Its results are older than the tiles, which lack it all the same; and afterwards nothing is left to do."""
    config = study.config()
    entry = config["models"].pop("convnext-linf10")
    config["attacks"]["pgd_l2"]["eps"] = 1.0
    study.write_config(config)
    assert study.snakemake("transfer", "--quiet").status == 0
    assert study.plan("transfer") == {}
    config["models"]["convnext-linf10"] = entry
    config["attacks"].pop("pgd_l2")
    study.write_config(config)
    assert study.plan("transfer") == {}, "of the attack that did not change it still is in its tiles"
    config["attacks"]["pgd_l2"] = {"norm": "l2", "eps": 1.0, "steps": 3}
    study.write_config(config)
    assert study.plan("transfer") == {"attack_model": 1, "cross_evaluate": 3, "transfer": 1}
    assert study.snakemake("transfer", "--quiet").status == 0
    assert study.plan("transfer") == {}


def test_a_missing_result_brings_what_follows_from_it(study: Checkout) -> None:
    # One job makes transfer.csv and sat.csv.
    (study / "results/tables/sat.csv").unlink()
    (study / "results/figures/transfer.png").unlink()
    assert study.plan() == {"collect_transfer": 1, "draw_figure": 2}


def test_forced_jobs_bring_what_follows(study: Checkout) -> None:
    jobs = without_figures(study.plan("--forcerun", "attack_model"))
    assert jobs == {"attack_model": 8, "cross_evaluate": 8, "collect_models": 1, "collect_transfer": 1}
    assert study.plan("--forcerun", "draw_figure") == FIGURES


@pytest.mark.slow
def test_labels_of_a_model_are_read_by_tables_alone(study: Checkout) -> None:
    """They change models.csv and the figures in one run, and no job of a model."""
    accuracies = "results/figures/accuracies.png"
    guest = study / "guest.safetensors"
    shutil.copy(study / "results/models/vgg-std.safetensors", guest)
    config = study.config()
    about = {"architecture": "kindred_vgg", "weights": "guest.safetensors", "trained": {"training": "unknown"}}
    config["models"]["guest"] = about
    study.write_config(config)
    assert study.snakemake(accuracies, "--quiet").status == 0
    about |= {
        "trained": {"training": "madry", "norm": "l2", "eps": 0.5},
        "accuracy": {"expected": 0.5, "tolerance": 0.5},
    }
    study.write_config(config)
    assert study.plan(accuracies) == {"collect_models": 1, "draw_figure": 1}
    assert study.snakemake(accuracies, "--quiet").status == 0
    assert study.plan(accuracies) == {}
    assert "guest,kindred_vgg,madry,l2,0.5" in (study / "results/tables/models.csv").read_text()
    about["accuracy"] = {"expected": 0.0, "tolerance": 0.01}
    study.write_config(config)
    outcome = study.snakemake(accuracies)
    assert outcome.status == 1 and "models.guest.accuracy expects 0 within 0.01" in outcome.text


def test_another_number_of_groups_makes_all_comparisons_again(study: Checkout) -> None:
    config = study.config()
    config["similarity"]["groups"] = 1
    study.write_config(config)
    once = ("compare_activations", "compare_inverted", "compare_gradients", "stitch_models")
    tables = TABLES.keys() - {"collect_models", "collect_inversions"}
    expected = {**dict.fromkeys([*once, *tables], 1), "cross_evaluate": 2}
    assert without_figures(study.plan()) == expected


def test_a_new_attack_leaves_similarity_alone(study: Checkout) -> None:
    config = study.config()
    config["attacks"]["weak"] = {"norm": "linf", "eps": 0.02, "steps": 1}
    study.write_config(config)
    jobs = without_figures(study.plan())
    assert jobs == {"attack_model": 4, "cross_evaluate": 4, "collect_models": 1, "collect_transfer": 1}


def test_unused_settings_re_run_nothing(study: Checkout) -> None:
    config = study.config()
    config["inversions"]["jones"]["chunk"] = 7
    config["device"] = "auto"
    study.write_config(config)
    assert study.plan() == {}


def test_the_reason_names_the_param_that_changed(study: Checkout) -> None:
    study.edit("scripts/kindred/inversion/inversion.py", "steps: int = 2000", "steps: int = 2001")
    text = study.snakemake("--dry-run", "results/images/inverted/jones/vgg-std.zarr").text
    assert "Params have changed since last execution" in text and "Code has changed" not in text


def test_an_imported_file_counts_by_its_content(study: Checkout) -> None:
    guest = study / "guest.safetensors"
    shutil.copy(study / "results/models/vgg-std.safetensors", guest)
    config = study.config()
    config["models"]["guest"] = {"architecture": "kindred_vgg", "weights": "guest.safetensors"}
    study.write_config(config)
    assert study.snakemake("results/models/guest.json").status == 0
    os.utime(guest)
    assert study.plan("results/models/guest.json") == {}
    shutil.copy(study / "results/models/vgg-linf10.safetensors", guest)
    assert study.plan("results/models/guest.json") == {"convert_checkpoint": 1, "import_checkpoint": 1}


def test_nothing_in_a_fresh_clone_with_results_copied_in(finished: Checkout, tmp_path: Path) -> None:
    """As after `rsync -a results .snakemake clone/`."""
    clone = Checkout(tmp_path / "clone", ROOT / "tests" / "small.yaml")
    for folder in ("results", ".snakemake"):
        shutil.copytree(finished / folder, clone / folder, dirs_exist_ok=True)
    assert clone.plan() == {}
    config = clone.config()
    config["models"]["vgg-std"]["seed"] = 5
    clone.write_config(config)
    assert clone.plan()["train_model"] == 1


def test_results_copied_without_their_times_are_taken_with_touch(finished: Checkout, tmp_path: Path) -> None:
    clone = Checkout(tmp_path / "clone", ROOT / "tests" / "small.yaml")
    for folder in ("results", ".snakemake"):
        shutil.copytree(finished / folder, clone / folder, dirs_exist_ok=True, copy_function=shutil.copyfile)
    assert clone.snakemake("--touch").status == 0
    assert clone.plan() == {}


def test_a_laptop_redraws_from_tables_alone(finished: Checkout, tmp_path: Path) -> None:
    clone = Checkout(tmp_path / "laptop", ROOT / "tests" / "small.yaml")
    shutil.copytree(finished / "results/tables", clone / "results/tables")
    assert clone.plan("figures") == {**FIGURES, "figures": 1}
    assert clone.snakemake("figures", "--quiet").status == 0


def test_moving_the_results_is_one_pathvar(finished: Checkout, tmp_path: Path) -> None:
    clone = Checkout(tmp_path / "moved", ROOT / "tests" / "small.yaml")
    shutil.copytree(finished / "results", tmp_path / "scratch" / "results")
    config = clone.config()
    config["pathvars"] = {"results": str(tmp_path / "scratch" / "results")}
    clone.write_config(config)
    assert clone.plan() == {}
