"""`snakemake hwang2024`: everything is made, nothing twice, and a table brought by the user needs no model."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from documented import undocumented
from kindred.images.shuffled import donors
from kindred.models import storage
from kindred.models.importing import timm_hub
from kindred.workflow import store
from reference import ROOT, reference
from scipy.stats import binomtest
from workflow import Checkout

FROM_A_TABLE = {"clusters", "components", "map", "sensitivity", "spectrum"}
FIGURES = FROM_A_TABLE | {"attacks", "distillation", "ensembles", "measures", "quality", "variation"}


@pytest.fixture(scope="module")
def analysed(finished: Checkout, tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    checkout = finished.copy(tmp_path_factory.mktemp("analysed") / "kindred")
    outcome = checkout.snakemake("hwang2024")
    assert outcome.status == 0, outcome.text[-6000:]
    return checkout


def test_without_attacks_there_is_nothing_to_analyse(study: Checkout) -> None:
    config = study.config()
    config["attacks"], config["figures"] = {}, {}
    del config["sat"]
    study.write_config(config)
    outcome = study.snakemake("hwang2024", "--dry-run")
    assert outcome.status != 0
    assert "clusters is not drawn: the study has no attacks" in outcome.text
    assert "hwang2024 has nothing to draw of this study" in outcome.text


def test_every_figure_is_drawn_and_nothing_is_left_to_do(analysed: Checkout) -> None:
    for name in FIGURES:
        for kind in ("png", "pdf"):
            assert (analysed / f"results/figures/{name}.{kind}").stat().st_size > 2000
    assert analysed.plan("hwang2024") == {}
    assert analysed.plan() == {}


def test_columns_are_as_documented(analysed: Checkout) -> None:
    assert undocumented("design.md", analysed / "results/tables") == []


def test_tables_follow_from_the_studys_own(analysed: Checkout) -> None:
    read = {path.stem: pd.read_csv(path) for path in (analysed / "results/tables").glob("*.csv")}
    models = list(read["models"]["model"])
    assert list(read["clusters"]["model"]) == models
    assert set(read["clusters"]["cluster"]) == {1, 2}
    share = read["pairs"].iloc[0]
    alike = round(share["agreement"] * share["images"])
    bounds = binomtest(alike, share["images"]).proportion_ci(method="wilson")
    if 3 < alike < share["images"] - 3:
        assert (share["agreement_low"], share["agreement_high"]) == pytest.approx((bounds.low, bounds.high))
    assert share["agreement_low"] < share["agreement"] < share["agreement_high"]
    # The networks of two models of one architecture are the same, of two architectures not.
    components = read["components"].set_index("model")
    assert (components.loc["vgg-std"] == components.loc["vgg-linf10"]).all()
    assert not (components.loc["vgg-std"] == components.loc["convnext-std"]).all()
    # SAT is that of sat.csv, and sets of two have the SAT of their pair.
    sat = read["sat"][read["sat"]["attack"] == "pgd_linf"].set_index(["model_a", "model_b"])["sat"]
    pairs = read["pairs"].set_index(["model_a", "model_b"])["sat_pgd_linf"]
    pd.testing.assert_series_equal(pairs, sat.loc[pairs.index], check_names=False)
    twos = read["ensembles"][read["ensembles"]["size"] == 2]
    assert len(twos) == 6
    for row in twos.itertuples():
        assert row.mean_sat == pytest.approx(sat.loc[tuple(row.models.split())])
        clean = read["models"].set_index("model")["clean_accuracy"].loc[row.models.split()]
        assert row.members == pytest.approx(clean.mean())
        assert row.gain == pytest.approx(row.accuracy - clean.mean())
    assert dict(read["variation"]["differs"].value_counts()) == {"training method": 2, "architecture": 2, "several": 2}
    assert list(dict.fromkeys(read["quality"]["model"])) == models
    distilled = read["distillation"]
    assert list(distilled["teacher"]) == ["convnext-std"] * 2 + ["vgg-linf10"] * 2
    assert list(distilled["method"]) == ["hard", "soft"] * 2
    # The first seed of a student alone is the model itself.
    alone = store.array(analysed / "results/distillation/alone/vgg-std.zarr", "correct")[0, 0].mean(axis=1)
    assert alone[0] == pytest.approx(clean_of(read["models"], "vgg-std"))
    assert distilled["alone"].to_numpy() == pytest.approx(alone.mean())
    told = distilled[distilled["verdict"].isna()]
    assert told["value"].to_numpy() == pytest.approx((told["taught"] - told["alone"]).to_numpy())
    assert (told["low"] < told["value"]).all() and (told["value"] < told["high"]).all()
    assert set(read["distillation_summary"]["n"]) <= {0, 1, 2} and read["distillation_summary"]["value"].isna().all()
    # Every choice that clusters depend on, of both attacks, against both labels.
    varied = read["sensitivity"]
    assert set(varied["attack"]) == {"pgd_linf", "pgd_l2"}
    assert set(varied["label"]) == {"architecture", "default partition"}
    assert varied["low"].notna().any() and varied["p"].between(0, 1).all()
    assert set(read["labels"]["partition"]) == {"spectral", "average linkage"}
    assert list(read["regression"]["held_out"])[:3] == ["pairs", "models", "architectures"]
    assert "training" in " + ".join(read["importance"]["component"])
    assert distilled["sat"][0] == pytest.approx(sat.loc["vgg-std", "convnext-std"])
    assessed = read["quality"].set_index(["model", "quantity"])
    assert len(assessed) == 5 * len(models) and assessed["value"].between(0, 1).all()
    assert (assessed["low"] <= assessed["value"]).all() and (assessed["value"] <= assessed["high"]).all()
    for model in models:
        right = assessed.loc[(model, "clean"), "value"] * assessed.loc[(model, "clean"), "n"]
        assert set(assessed.loc[model]["n"].drop("clean")) == {round(right)}


def test_the_null_is_what_models_make_of_perturbations_on_other_images(analysed: Checkout) -> None:
    results = analysed / "results"
    read = {name: pd.read_csv(results / f"tables/{name}.csv") for name in ("models", "sat", "transfer", "accuracies")}
    names, attack = list(read["models"]["model"])[:2], "pgd_linf"
    weights = [results / f"models/{name}.{kind}" for name in names for kind in ("safetensors", "json")]
    networks = {model.name: model.classifier for model in storage.each(list(map(str, weights)))}
    stores = {name: str(results / f"images/adversarial/{attack}/{name}.zarr") for name in names}
    made = {name: np.asarray(store.array(path, "images")[:], np.float64) for name, path in stores.items()}
    labels = np.asarray(store.array(stores[names[0]], "label")[:])
    natural = np.asarray(store.array(str(results / "images/natural.zarr"), "images")[: len(labels)], np.float64)

    def wrong(name: str, pixels: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return networks[name](torch.from_numpy(pixels.astype(np.float32))).argmax(1).numpy() != labels

    donor = donors(len(labels), 1)[0]
    common = ~np.any([wrong(name, natural) for name in names], axis=0)
    cases = [j for j in range(len(labels)) if common[j] and common[donor[j]]]
    moved = {
        name: np.clip(
            np.stack([natural[j] + made[name][donor[j]] - natural[donor[j]] for j in range(len(labels))]), 0, 1
        )
        for name in names
    }
    rates = []
    for source, target in (names, names[::-1]):
        rates.append(wrong(target, moved[source])[cases].mean())
        row = read["transfer"].query("attack == @attack and source == @source and target == @target").iloc[0]
        assert (row["null"], row["null_n"]) == (pytest.approx(rates[-1], abs=1.5 / len(cases)), len(cases))
    row = read["sat"].query("attack == @attack and model_a == @names[0] and model_b == @names[1]").iloc[0]
    own = np.mean([wrong(name, made[name])[common].mean() for name in names])
    assert row["ceiling"] == pytest.approx(np.log(100 * own), abs=1e-6)
    rate = read["transfer"].query("attack == @attack and source != target and source in @names and target in @names")
    assert row["share"] == pytest.approx(rate["value"].mean() / own)
    assert row["excess"] == pytest.approx(row["sat"] - row["null"])
    strongest = read["accuracies"].query("attack == 'strongest'").set_index("model")
    fooled = [
        np.asarray(store.array(str(path), "fooled")[:])
        for path in results.glob(f"images/adversarial/*/{names[0]}.zarr")
    ]
    assert len(fooled) > 1
    fewest = min(map(len, fooled))
    expected = np.mean([not any(one[image] for one in fooled) for image in range(fewest)])
    assert (strongest["value"][names[0]], strongest["n"][names[0]]) == (pytest.approx(expected), fewest)


def clean_of(models: pd.DataFrame, name: str) -> float:
    return float(models.set_index("model")["clean_accuracy"].loc[name])


def test_settings_bring_their_own_analysis(analysed: Checkout, tmp_path: Path) -> None:
    checkout = analysed.copy(tmp_path / "kindred")
    config = checkout.config()
    config["sat"]["clusters"]["draws"] = 12
    checkout.write_config(config)
    assert checkout.plan("hwang2024") == {"compare_clusters": 1, "draw_figure": 2, "hwang2024": 1}
    config["sat"]["clusters"]["seeds"] = 4
    checkout.write_config(config)
    assert checkout.plan("hwang2024") == {
        "cluster_models": 1,
        "compare_clusters": 1,
        "draw_figure": 4,
        "hwang2024": 1,
    }
    config["sat"]["clusters"] |= {"seeds": 3, "draws": 10}
    config["sat"]["ensembles"]["average"] = "logits"
    checkout.write_config(config)
    assert checkout.plan("hwang2024") == {"evaluate_ensembles": 1, "draw_figure": 1, "hwang2024": 1}


def brought(folder: Path, sat: Path, components: Path | None, **clusters: int) -> Checkout:
    checkout = Checkout(folder / "kindred")
    checkout.write_config(
        {
            "similarity": {"external": str(sat)},
            "sat": {
                "clusters": {"seeds": 20, **clusters},
                "components": {"table": components and str(components), "repeats": 2},
            },
        }
    )
    return checkout


def test_a_table_brought_by_the_user(tmp_path: Path) -> None:
    draws = np.random.default_rng(0).uniform(2, 3, (8, 8))
    names = [f"model{index}" for index in range(8)]
    pd.DataFrame((draws + draws.T) / 2, index=names, columns=names).to_csv(tmp_path / "sat.csv")
    checkout = brought(tmp_path, tmp_path / "sat.csv", None, count=3, starts=5)
    outcome = checkout.snakemake("hwang2024")
    assert outcome.status == 0, outcome.text[-4000:]
    assert {path.stem for path in (checkout / "results/figures").glob("*.png")} == FROM_A_TABLE - {"components"}
    assert checkout.plan("hwang2024") == {}


def test_a_bad_table_has_its_message(tmp_path: Path) -> None:
    (tmp_path / "sat.csv").write_text(",a,b,c\na,4,1,2\nb,1,4,3\nc,2,2,4\n")
    outcome = brought(tmp_path, tmp_path / "sat.csv", None, count=2).snakemake("hwang2024")
    assert outcome.status == 1
    assert "is not symmetric; SAT of A with B must be SAT of B with A" in outcome.text
    assert "Traceback" not in outcome.text


@pytest.mark.data
def test_the_released_matrix_through_the_rules(tmp_path: Path) -> None:
    """Numbers of issue 5 as the project's own rules write them."""
    files = reference("hwang2024_sat_matrix.csv"), reference("hwang2024_model_components.csv")
    checkout = brought(tmp_path, *files, count=10)
    outcome = checkout.snakemake("hwang2024")
    assert outcome.status == 0, outcome.text[-4000:]
    assert {path.stem for path in (checkout / "results/figures").glob("*.png")} == FROM_A_TABLE
    read = {path.stem: pd.read_csv(path) for path in (checkout / "results/tables").glob("*.csv")}
    assert len(read["clusters"]) == 69
    stability = read["stability"].query("count == 10").set_index("affinity")["value"]
    assert 0.85 < stability["exp_sat"] < 0.93
    assert stability["sat"] < 0.9
    r2 = read["regression"].set_index("held_out")["value"]
    assert r2["pairs"] == pytest.approx(0.82, abs=0.03)
    assert r2["models"] == pytest.approx(0.63, abs=0.04)
    assert list(read["importance"]["component"][:2]) == ["base", "stem"]


def test_the_study_of_69_models_is_planned(tmp_path: Path) -> None:
    """Its jobs, without its files; every tag and what it says of it are timm's own."""
    checkout = Checkout(tmp_path / "kindred", ROOT / "studies" / "hwang2024.yaml")
    models = checkout.config()["models"]
    assert len(models) == 69
    for entry in models.values():
        known = timm_hub.stated(entry["timm"]).config
        assert (known["num_classes"], known["input_size"][0]) == (1000, 3)
        assert known["hf_hub_id"]
    jobs = checkout.plan("hwang2024")
    assert (
        jobs["convert_checkpoint"]
        == jobs["import_checkpoint"]
        == jobs["attack_model"]
        == jobs["extract_activations"]
        == 69
    )
    assert jobs["cross_evaluate"] == 64
    assert jobs["assess_attacks"] == 8
    assert jobs["evaluate_ensembles"] == 1
