"""The recipes of docs/extending.md, run in a copy of the project exactly as they stand there."""

import re
from pathlib import Path

import pandas as pd
import pytest
import yaml
from workflow import ROOT, Checkout

PAGE = (ROOT / "docs" / "extending.md").read_text()
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE, re.M | re.S))


def follow(section: str, folder: Path) -> list[str]:
    """Do what the blocks of a section say; returns the files that were touched."""
    touched = []
    for block in re.findall(r"^```python\n(.*?)^```$", SECTIONS[section], re.M | re.S):
        if new := re.match(r"# file: (\S+)\n", block):
            path, text = folder / new[1], block[new.end() :]
            assert not path.exists(), new[1]
        else:
            place = re.match(r"# after: (.+)\n# in: (\S+)\n(# before\n)?", block)
            assert place, block
            path, line = folder / place[2], place[1]
            before, found, after = path.read_text().partition(f"{line}\n")
            assert found, f"{place[2]} has no line {line!r}"
            added = block[place.end() :]
            text = before + (added + found if place[3] else found + added) + after
        path.write_text(text)
        touched.append(path.relative_to(folder).as_posix())
    assert touched
    return touched


def settings(section: str) -> dict:
    """The YAML of a section."""
    (block,) = re.findall(r"^```yaml\n(.*?)^```$", SECTIONS[section], re.M | re.S)
    return yaml.safe_load(block)


def merged(config: dict, more: dict) -> dict:
    return {**config, **{key: {**config.get(key, {}), **value} for key, value in more.items()}}


@pytest.mark.parametrize("section", ["A measure", "An attack", "A figure", "A paper"])
def test_an_addition_is_a_module_and_a_catalogue_entry_and_re_runs_nothing(study: Checkout, section: str) -> None:
    if section == "A paper":
        follow("A figure", study.folder)
    touched = follow(section, study.folder)
    assert {Path(name).name for name in touched} <= {
        "catalogue.py", "aligned_distances.py", "noise.py", "sizes.py", "figures.smk"
    }  # fmt: skip
    plan = study.plan()
    new_figures = {"A figure": 1, "A paper": 1}.get(section)  # without settings a figure is drawn by every study
    assert plan == ({"draw_figure": new_figures} if new_figures else {})


def test_a_new_measure_is_in_tables_and_figures(study: Checkout) -> None:
    follow("A measure", study.folder)
    config = study.config()
    config["similarity"]["measures"].append("rsa")
    config["figures"]["similarity"]["measure"] = "rsa"
    study.write_config(config)
    outcome = study.snakemake("results/figures/similarity.png")
    assert outcome.status == 0, outcome.text[-3000:]
    table = pd.read_csv(study / "results/tables/cka.csv").query("measure == 'rsa'")
    assert len(table) == 10 + 16 and table["value"].between(-1, 1).all()
    assert table.query("model_a == model_b")["value"].to_numpy() == pytest.approx(1)


@pytest.mark.slow
def test_a_new_attack_is_in_tables(study: Checkout) -> None:
    follow("An attack", study.folder)
    study.write_config(merged(study.config(), settings("An attack")))
    outcome = study.snakemake("results/tables/models.csv", "results/tables/sat.csv")
    assert outcome.status == 0, outcome.text[-3000:]
    models = pd.read_csv(study / "results/tables/models.csv")
    assert (models["accuracy_noise"] <= models["clean_accuracy"] + 1e-9).all()
    assert outcome.jobs["attack_model"] == 4 and "invert_images" not in outcome.jobs


def test_a_new_figure_and_a_new_paper_are_drawn(study: Checkout) -> None:
    follow("A figure", study.folder)
    follow("A paper", study.folder)
    outcome = study.snakemake("someone2030", "results/figures/sizes.png")
    assert outcome.status == 0, outcome.text[-3000:]
    for name in ("sizes", "paper_sizes"):
        assert (study / f"results/figures/{name}.png").stat().st_size > 2000


def test_a_measure_of_the_users_own(study: Checkout) -> None:
    follow("A measure of your own", study.folder)
    more = settings("A measure of your own")
    config = merged(study.config(), {"similarity": more["similarity"]})
    config["figures"]["similarity"]["measure"] = more["figures"]["similarity"]["measure"]
    study.write_config(config)
    outcome = study.snakemake("results/figures/similarity.png")
    assert outcome.status == 0, outcome.text[-3000:]
    table = pd.read_csv(study / "results/tables/cka.csv").query("measure == 'mine.py:overlap'")
    assert len(table) == 10 + 16 and table["value"].between(0, 1 + 1e-9).all() and table["low"].isna().all()
    assert study.plan("results/figures/similarity.png") == {}
    (study / "mine.py").write_text((study / "mine.py").read_text().replace("[:, :3]", "[:, :2]"))
    assert study.plan("results/figures/similarity.png")["compare_activations"] == 3
