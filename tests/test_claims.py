"""Claims of the papers: every statistic against its definition in docs/claims.md, recomputed here, and verdicts."""

import re
from dataclasses import replace
from itertools import combinations, permutations, product

import numpy as np
import pandas as pd
import pytest
from kindred.claims import cianfarani2022, hwang2024, jones2022, statistics
from kindred.claims.catalogue import CLAIMS, MODULES
from kindred.tables.claims import claims_table
from scipy import stats
from workflow import ROOT

ARCHITECTURES = ("resnet", "vgg", "mixer", "vit")
CELLS = [(a, eps, twin) for a in ARCHITECTURES for eps in (0.0, 0.05, 0.1) for twin in ("", "-b")]
NAMES = [f"{a}-{eps:g}{twin}" for a, eps, twin in CELLS]
EPS = dict(zip(NAMES, (eps for _, eps, _ in CELLS), strict=True))
OF = dict(zip(NAMES, (a for a, _, _ in CELLS), strict=True))
STANDARD = [name for name in NAMES if EPS[name] == 0]
ROBUST = [name for name in NAMES if EPS[name] == 0.1]
MODELS = pd.DataFrame(
    {
        "model": NAMES,
        "architecture": [OF[name] for name in NAMES],
        "norm": ["linf" if EPS[name] else np.nan for name in NAMES],
        "eps": [EPS[name] for name in NAMES],
    }
)
DRAWS = np.random.default_rng(0)


def pairwise(value: str, pairs: list[tuple[str, str]], first: str = "model_a", second: str = "model_b") -> pd.DataFrame:
    return pd.DataFrame(pairs, columns=[first, second]).assign(**{value: DRAWS.random(len(pairs))})


def matrix(table: pd.DataFrame, value: str, first: str = "model_a", second: str = "model_b") -> dict:
    return dict(zip(zip(table[first], table[second], strict=True), table[value], strict=True))


def mean(values: dict, rows: list[str], columns: list[str]) -> float:
    """Over ordered pairs of different models."""
    return float(np.mean([values[a, b] for a, b in product(rows, columns) if a != b]))


NATURAL = pairwise("value", list(combinations(NAMES, 2))).assign(stimuli="natural", measure="cka_debiased", n=100)
INVERTED = pairwise("value", list(permutations(NAMES, 2))).assign(stimuli="jones", measure="cka_debiased", n=100)
OTHER = INVERTED.assign(measure="stir", value=9.0)
CKA = pd.concat([NATURAL, OTHER, INVERTED])


def test_jones_on_inverted_images() -> None:
    tables = {"models": MODELS, "cka": CKA}
    natural, inverted = matrix(NATURAL, "value"), matrix(INVERTED, "value")
    natural |= {(b, a): value for (a, b), value in natural.items()}
    overstated = jones2022.natural_overstates(tables)
    assert overstated is not None and overstated.images == 100 and overstated.models == 8
    assert overstated.value == pytest.approx(mean(natural, STANDARD, STANDARD) - mean(inverted, STANDARD, STANDARD))
    rises = jones2022.rises_with_budget(tables)
    assert rises is not None and rises.models == 16 and rises.caveat == "robust: linf 0.1"
    assert rises.value == pytest.approx(mean(inverted, ROBUST, ROBUST) - mean(inverted, STANDARD, STANDARD))
    sided = jones2022.one_sided(tables)
    assert sided is not None  # an inverter stands first
    assert sided.value == pytest.approx(mean(inverted, ROBUST, STANDARD) - mean(inverted, STANDARD, ROBUST))
    for one in (overstated, rises, sided):
        assert one.low < one.value < one.high and 0 < one.p <= 1


def test_jones_of_gradients_and_stitching() -> None:
    cosines = pairwise("value", list(combinations(NAMES, 2))).assign(loss="logit", n=128)
    tables = {"models": MODELS, "gradients": pd.concat([cosines.assign(loss="cross_entropy", value=9.0), cosines])}
    known = matrix(cosines, "value")
    known |= {(b, a): value for (a, b), value in known.items()}
    found = jones2022.gradients_align(tables)
    assert found is not None and found.images == 128
    assert found.value == pytest.approx(mean(known, ROBUST, ROBUST) - mean(known, STANDARD, STANDARD))

    cases = ["both_right", "body_wrong_head_right", "both_wrong_same", "both_wrong_differ"]
    rows = [(a, b, case) for a, b in permutations(NAMES, 2) for case in cases]
    stitched = pd.DataFrame(rows, columns=["body", "head", "case"]).assign(n=DRAWS.integers(1, 9, len(rows)))
    stitched["agreed"] = DRAWS.integers(0, stitched["n"] + 1)
    wrong = stitched[stitched["case"] != "both_right"].groupby(["body", "head"])[["agreed", "n"]].sum()
    rates = (wrong["agreed"] / wrong["n"]).to_dict()
    agreed = jones2022.stitching_agrees({"models": MODELS, "stitching": stitched})
    assert agreed is not None
    assert agreed.value == pytest.approx(mean(rates, ROBUST, ROBUST) - mean(rates, STANDARD, STANDARD))


def of_architectures(each: dict[str, float]) -> tuple[float, float]:
    """Mean over architectures of robust less standard, and its two-sided p."""
    gaps = [
        np.mean([each[name] for name in ROBUST if OF[name] == a])
        - np.mean([each[name] for name in STANDARD if OF[name] == a])
        for a in ARCHITECTURES
    ]
    return float(np.mean(gaps)), float(stats.ttest_1samp(gaps, 0).pvalue)


def test_cianfarani_of_distant_layers() -> None:
    parts, each = [], {}
    for name in NAMES:
        values = DRAWS.random((4, 4))
        values = (values + values.T) / 2
        each[name] = float(values[:2, 2:].mean())
        places = [(f"l{i}", f"l{j}", values[i, j]) for i in range(4) for j in range(4)]
        parts.append(pd.DataFrame(places, columns=["layer_a", "layer_b", "value"]).assign(model_a=name, model_b=name))
    layers = pd.concat(parts).assign(measure="cka_debiased", n=300)
    found = cianfarani2022.long_range({"models": MODELS, "layers": layers})
    assert found is not None and found.models == 16 and found.images == 300
    assert (found.value, found.p) == pytest.approx(of_architectures(each))


def test_cianfarani_of_layers_under_attack() -> None:
    rows = [(name, attack, layer) for name in NAMES for attack in ("weak", "own") for layer in range(3)]
    benign = pd.DataFrame(rows, columns=["model", "attack", "layer"]).assign(norm="linf", n=300)
    benign["eps"] = benign["attack"].map({"weak": 0.05, "own": 0.1})
    benign["value"] = DRAWS.random(len(benign))
    each = benign[benign["attack"] == "own"].groupby("model")["value"].mean().to_dict()
    found = cianfarani2022.kept_under_attack({"cianfarani/models": MODELS, "cianfarani/benign": benign})
    assert found is not None and "attack: own" in found.caveat
    assert (found.value, found.p) == pytest.approx(of_architectures(each))


def test_cianfarani_of_overfitting_and_threats() -> None:
    rows = [(name, epoch, depth) for name in ("std", "rob") for epoch in (1, 5, 9) for depth in (0.0, 0.5, 1.0)]
    epochs = pd.DataFrame(rows, columns=["model", "epoch", "depth"]).assign(to="last", images="natural", n=200)
    epochs["value"] = DRAWS.random(len(epochs))
    epochs = epochs.assign(low=epochs["value"] - 0.1, high=epochs["value"] + 0.1)
    curves = pd.DataFrame({"model": "rob", "epoch": [1, 5, 9], "images": "natural", "attack": "pgd"})
    curves = curves.assign(accuracy=[0.2, 0.6, 0.7])  # the last epoch is not compared with itself
    models = pd.DataFrame({"model": ["std", "rob"], "eps": [0.0, 0.1], "norm": [np.nan, "linf"]})
    tables = {"cianfarani/models": models, "cianfarani/epochs": epochs, "cianfarani/curves": curves}
    found = cianfarani2022.overfitting_is_deep(tables)
    best = epochs[(epochs["model"] == "rob") & (epochs["epoch"] == 5)].set_index("depth")["value"]
    assert found is not None and found.models == 1 and "this one training" in found.caveat
    assert found.value == pytest.approx(best[0.0] - best[1.0])
    assert found.high - found.low == pytest.approx(0.4)  # errors of both parts are added

    names = [f"{threat}{twin}" for threat in ("linf", "l2", "jpeg") for twin in "ab"]
    models = pd.DataFrame({"model": ["std", *names], "eps": [0.0] + [0.1] * 6})
    models["norm"] = [np.nan, *(name[:-1] for name in names)]
    series = pairwise("value", list(permutations(["std", *names], 2))).assign(n=300)
    known = matrix(series, "value")
    same = [known[a, b] for a, b in permutations(names, 2) if a[:-1] == b[:-1]]
    apart = [known[a, b] for a, b in permutations(names, 2) if a[:-1] != b[:-1]]
    differ = cianfarani2022.threats_differ({"cianfarani/models": models, "cianfarani/series": series})
    assert differ is not None and differ.models == 6
    assert differ.value == pytest.approx(np.mean(same) - np.mean(apart))


def test_hwang_within_architectures_and_from_analyses() -> None:
    sat = pairwise("sat", list(combinations(NAMES, 2))).assign(attack="pgd")
    known = matrix(sat, "sat")
    same = [value for (a, b), value in known.items() if OF[a] == OF[b]]
    apart = [value for (a, b), value in known.items() if OF[a] != OF[b]]
    within = hwang2024.within_architectures({"models": MODELS, "sat": pd.concat([sat, sat.assign(attack="z", sat=9)])})
    assert within is not None and within.value == pytest.approx(np.mean(same) - np.mean(apart))
    assert within.caveat == "attack: pgd; 4 architectures"

    bounds = {"low": -0.5, "high": -0.1, "models": 24}
    gains = pd.DataFrame(
        [
            (size, over, statistic, -0.3 if (size, over, statistic) == (2, "members", "partial correlation") else 9.0)
            for size in (2, 3)
            for over in ("members", "best member")
            for statistic in ("mean", "correlation", "partial correlation")
        ],
        columns=["size", "over", "statistic", "value"],
    ).assign(**bounds)
    gain = hwang2024.predicts_gain({"ensemble_gains": gains})
    assert gain is not None and (gain.value, gain.low, gain.high, gain.models) == (-0.3, -0.5, -0.1, 24)
    error = 0.4 / 2 / stats.t.ppf(0.975, 23)
    assert gain.p == pytest.approx(2 * stats.t.sf(0.3 / error, 23))

    taught = pd.DataFrame({"method": ["hard", "soft"], "value": [9.0, -0.2], "low": -0.9, "high": 0.8, "teachers": 5})
    teachers = hwang2024.distant_teachers({"distillation_summary": taught})
    assert teachers is not None and (teachers.value, teachers.models) == (-0.2, 5)
    none = {"distillation_summary": taught.assign(value=np.nan)}
    assert hwang2024.distant_teachers(none) is None

    r2 = pd.DataFrame({"held_out": ["pairs", "models", "architectures"], "value": [0.9, 0.6, -0.2], "models": 24})
    explained = hwang2024.components({"regression": r2.assign(low=0.3, high=0.8)})
    assert explained is not None and explained.value == 0.6 and "held out: -0.20" in explained.caveat


def test_a_study_without_the_models_cannot_tell() -> None:
    few = {"models": MODELS[MODELS["eps"] == 0], "cka": CKA}
    table = claims_table(["rises_with_budget"], few)
    assert table.loc[0, "verdict"] == "undecided" and table.loc[0, "models"] == 0
    assert "no models" in table.loc[0, "caveat"] and np.isnan(table.loc[0, "value"])


def test_a_verdict_follows_the_interval_and_the_sign() -> None:
    one = statistics.Statistic(0.3, 0.1, 0.5, 0.01, 10, 100)
    assert statistics.verdict(one, 1) == "supported" and statistics.verdict(one, -1) == "contradicted"
    assert statistics.verdict(replace(one, low=-0.1), 1) == "undecided"
    assert statistics.verdict(replace(one, low=np.nan), 1) == "undecided"
    assert statistics.verdict(replace(one, low=0.0), 1) == "undecided"


def test_the_docs_define_every_claim_with_its_sign() -> None:
    text = (ROOT / "docs" / "claims.md").read_text()
    rows = re.findall(r"^\| `(\w+)`.*\| (-?1) \|$", text, re.M)
    assert {name: int(sign) for name, sign in rows} == {name: one.sign for name, one in CLAIMS.items()}
    assert {one.paper for one in CLAIMS.values()} == set(MODULES)
