"""Components that explain SAT: planted causes, and models held out as against pairs held out."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from kindred.analyses import components, network_components, scores
from kindred.models.classifiers import Description
from kindred.workflow.errors import BadInput
from reference import reference
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.metrics import r2_score

SMALL = components.Boosting(trees=60, folds=4, divisions=2, repeats=3, draws=50)


def planted(models: int = 28, seed: int = 0) -> tuple[components.Pairs, pd.DataFrame]:
    """SAT that depends on `base`, a little on `stem`, and on nothing else."""
    draws = np.random.default_rng(seed)
    table = pd.DataFrame({name: draws.choice(["x", "y", "z"], models) for name in components.COMPONENTS})
    first, second = np.triu_indices(models, 1)
    same = {name: table[name].to_numpy()[first] == table[name].to_numpy()[second] for name in ("base", "stem")}
    sat = 2.4 + 0.8 * same["base"] + 0.3 * same["stem"] + draws.normal(0, 0.1, len(first))
    return components.Pairs(sat, first, second, models), table


def test_planted_causes_are_most_important() -> None:
    pairs, table = planted()
    found = components.explain(pairs, table, {}, SMALL)
    rows = components.importance_table(pairs, table, found, SMALL)
    assert list(rows["component"][:2]) == ["base", "stem"]
    assert rows["value"][0] > 5 * rows["value"][2]
    assert rows["low"][0] < rows["value"][0] < rows["high"][0]
    assert rows["difference"][0] == pytest.approx(0.8, abs=0.1)
    assert rows["difference_low"][0] < 0.8 < rows["difference_high"][0]
    assert abs(rows["value"].iloc[-1]) < 0.02
    assert set(rows["n"]) == {378} and found.importance.shape == (13, 2 * 4 * 3)
    r2 = components.regression_table(pairs, found, SMALL).set_index("held_out")
    assert list(r2.index) == ["pairs", "models"] and list(r2["units"]) == [378, 28]
    assert r2["value"]["pairs"] > 0.9
    assert 0.8 < r2["value"]["models"] <= r2["value"]["pairs"] + 0.02
    assert (r2["low"] < r2["value"]).all() and (r2["value"] < r2["high"]).all()
    assert (r2["least"] < r2["value"]).all() and (r2["value"] < r2["most"]).all()


def test_the_interval_of_r2_is_that_of_repeated_models() -> None:
    """The statistic at whole weights against R2 of pairs written out as often as their models were drawn."""
    pairs, table = planted(12, seed=3)
    found = components.explain(pairs, table[["base", "stem"]], {"halves": list("ab" * 6)}, replace(SMALL, repeats=1))
    draws = np.random.default_rng(4)
    for name, units in found.resampled.items():
        times = draws.multinomial(12, np.full(units.max() + 1, 1 / (units.max() + 1)))
        weights = times[units[pairs.first]] * times[units[pairs.second]]
        expected = [
            r2_score(np.repeat(pairs.sat[rows], weights[rows]), np.repeat(values, weights[rows]))
            for rows, values in found.predictions[name]
        ]
        statistic = components.mean_r2(pairs.sat, found.predictions[name])
        assert statistic(weights[None].astype(float))[0] == pytest.approx(np.mean(expected))
        assert statistic(np.ones((1, len(pairs.sat))))[0] == pytest.approx(found.r2[name].mean())
    assert len(np.unique(found.resampled["halves"])) == 2
    assert np.isnan(components.regression_table(pairs, found, SMALL).set_index("held_out").loc["halves", "low"])


def test_unique_components_explain_nothing() -> None:
    """Components that are unique to each model make every pair its own category, so nothing can be learnt."""
    draws = np.random.default_rng(1)
    table = pd.DataFrame({name: [str(i) for i in range(14)] for name in components.COMPONENTS})
    first, second = np.triu_indices(14, 1)
    pairs = components.Pairs(draws.normal(2, 1, len(first)), first, second, 14)
    found = components.explain(pairs, table, {}, SMALL)
    assert found.r2["pairs"].max() < 0.1
    assert found.r2["models"].max() < 0.1


def test_what_holds_within_an_architecture_does_not_for_a_new_one() -> None:
    """SAT that each two architectures share by chance: known of a new model of theirs, not of a new architecture."""
    draws = np.random.default_rng(2)
    architecture, code = np.repeat(list("abcdef"), 6), np.repeat(np.arange(6), 6)
    level = draws.normal(2.5, 0.5, (6, 6))
    first, second = np.triu_indices(36, 1)
    sat = (level + level.T)[code[first], code[second]] / 2 + draws.normal(0, 0.05, len(first))
    table = pd.DataFrame({"base": architecture})
    groups = {"architectures": list(architecture), "same": ["x"] * 36, "own": [str(i) for i in range(36)]}
    many = replace(SMALL, trees=300, repeats=1)
    found = components.explain(components.Pairs(sat, first, second, 36), table, groups, many)
    assert list(found.units.items()) == [("pairs", 630), ("models", 36), ("architectures", 6)]
    assert found.r2["models"].min() > 0.6
    assert found.r2["architectures"].max() < 0.3


def test_r2_is_of_all_predictions_together() -> None:
    """Against folds by hand, with the same divisions and trees."""
    pairs, table = planted(12, seed=3)
    one = replace(SMALL, divisions=1, repeats=1)
    found = components.explain(pairs, table[["base", "stem"]], {}, one)
    features = [components.pair_categories(list(table[name]), pairs.first, pairs.second) for name in ("base", "stem")]
    rng = np.random.default_rng([0, 0])
    predicted = np.empty(len(pairs.sat))
    for held in np.array_split(rng.permutation(66), 4):
        rest = np.ones(66, dtype=bool)
        rest[held] = False
        trees = HistGradientBoostingRegressor(
            max_iter=60,
            max_depth=4,
            learning_rate=0.05,
            min_samples_leaf=5,
            categorical_features=[0, 1],
            early_stopping=False,
            random_state=0,
        )
        both = np.column_stack(features)
        predicted[held] = trees.fit(both[rest], pairs.sat[rest]).predict(both[held])
        for _ in range(2):
            rng.permutation(len(held))
    assert found.r2["pairs"][0] == pytest.approx(r2_score(pairs.sat, predicted))
    true, guessed = [], []
    for fold in np.array_split(rng.permutation(12), 4):
        out = np.array([a in fold or b in fold for a, b in zip(pairs.first, pairs.second, strict=True)])
        true.append(pairs.sat[out])
        guessed.append(trees.fit(both[~out], pairs.sat[~out]).predict(both[out]))
    assert found.r2["models"][0] == pytest.approx(r2_score(np.concatenate(true), np.concatenate(guessed)))


def test_components_that_divide_the_models_alike_are_one() -> None:
    columns = {
        "stem": ["3", "3", "7"],
        "grouped": ["No", "No", "Yes"],
        "base": ["x", "y", "y"],
        "attention": ["No"] * 3,
    }
    found = components.merged(pd.DataFrame(columns, index=["m", "n", "o"]))
    assert list(found.columns) == ["stem + grouped", "base", "attention"]
    assert list(found["stem + grouped"]) == ["3", "3", "7"] and list(found.index) == ["m", "n", "o"]


def test_training_is_a_component() -> None:
    table = pd.DataFrame({"base": ["x", "x", "x"]}, index=pd.Index(["b", "a", "c"], name="model"))
    models = pd.DataFrame({"model": ["a", "b", "c"], "training": ["t", "t", "s"], "norm": ["l2", "l2", ""]})
    found = components.with_training(table, models.assign(eps=[1.0, 3.0, 0.0]))
    assert list(found["training"]) == ["t l2 3.0", "t l2 1.0", "s  0.0"]
    assert list(found.columns) == ["base", "training"]


def test_order_within_a_pair_does_not_matter() -> None:
    pairs, table = planted(12)
    values = list(table["base"])
    one_way = components.pair_categories(values, pairs.first, pairs.second)
    np.testing.assert_array_equal(one_way, components.pair_categories(values, pairs.second, pairs.first))


def test_rare_pair_categories_share_the_last() -> None:
    first, second = np.triu_indices(40, 1)
    codes = components.pair_categories([str(i) for i in range(40)], first, second)
    assert codes.max() == components.MAX_CATEGORIES - 1


def test_sat_of_shared_and_of_different_components_by_hand() -> None:
    pairs = components.Pairs(np.array([3.0, 1.0, 2.0]), *np.triu_indices(3, 1), 3)
    table = pd.DataFrame({"two": ["a", "a", "b"], "own": ["a", "b", "c"]})
    found = components.Explained({}, {}, np.array([[0.0, 0.2], [0.1, 0.3]]), {}, {})
    rows = components.importance_table(pairs, table, found, SMALL).set_index("component")
    assert list(rows.index) == ["own", "two"]
    assert rows.loc["two", ["value", "low", "high"]].tolist() == pytest.approx([0.1, 0.005, 0.195])
    shared = rows[["sat_shared", "sat_apart", "difference", "pairs_shared", "pairs_apart"]]
    assert shared.loc["two"].tolist() == [3.0, 1.5, 1.5, 1, 2]
    assert np.isnan(shared.loc["own", "sat_shared"]) and shared.loc["own"].tolist()[1::3] == [2.0, 3]


def test_r2_by_hand() -> None:
    true = np.array([1.0, 2.0, 3.0])
    assert components.r2(true, true) == 1.0
    assert components.r2(true, np.full(3, 2.0)) == 0.0
    assert np.isnan(components.r2(np.ones(3), true))


def test_label_columns_divide_the_models() -> None:
    table = pd.DataFrame({"same": ["x"] * 3, "own": ["a", "b", "c"], "two": ["a", "a", "b"]})
    assert dict(components.label_columns(table)) == {"two": ["a", "a", "b"]}


def test_reading_the_users_table(tmp_path: Path) -> None:
    path = tmp_path / "components.csv"
    headings = list(components.COMPONENTS.values())
    table = pd.DataFrame([["NA", *map(str, range(13))], ["b", *"abcdefghijklm"]], columns=["Model name", *headings])
    table.to_csv(path, index=False)
    read = components.read(path, ["b", "NA"])
    assert list(read.columns) == list(components.COMPONENTS)
    assert list(read.index) == ["b", "NA"]
    assert read.loc["NA", "stem"] == "2"
    with pytest.raises(BadInput, match="lacks the model 'c' \\(1 of 2 are missing\\)"):
        components.read(path, ["b", "c"])
    table.drop(columns="Stem layer").to_csv(path, index=False)
    with pytest.raises(BadInput, match="has no column 'stem' \\(or 'Stem layer'\\)"):
        components.read(path, ["b"])
    pd.concat([table, table]).to_csv(path, index=False)
    with pytest.raises(BadInput, match="'NA' more than once"):
        components.read(path, ["b"])


def test_too_few_models_for_the_folds_are_an_error() -> None:
    pairs, table = planted(4)
    with pytest.raises(BadInput, match="folds is 4, but there are only 4 models"):
        components.explain(pairs, table, {}, SMALL)


def components_of(architecture: str, size: int = 64) -> dict[str, str]:
    return network_components.components(Description(architecture, 10, 3, size, size, (0.0,) * 3, (1.0,) * 3))


@pytest.mark.parametrize(
    ("architecture", "expected"),
    [
        ("kindred_vgg", {"base": "CNN", "stem": "3", "normalisation": "BN", "hierarchical": "Yes"}),
        ("kindred_mixer", {"base": "MLP-Mixer", "hierarchical": "No", "normalisation": "LN", "activation": "GeLU"}),
        ("kindred_vit", {"base": "Transformer", "hierarchical": "No", "final_pooling": "GAP", "depthwise": "No"}),
        ("resnet18", {"base": "CNN", "stem": "7s2", "stem_pooling": "Yes", "grouped": "No", "attention": "No"}),
        ("vit_tiny_patch16_224", {"stem": "16s16", "final_pooling": "CLS token", "channel_attention": "No"}),
        ("seresnet18", {"channel_attention": "Yes (SE)", "channel_attention_place": "End"}),
        ("efficientnet_b0", {"channel_attention_place": "Middle", "depthwise": "Yes", "activation": "SiLU"}),
        ("resnext50_32x4d", {"grouped": "Yes", "depthwise": "No", "resolution": "64 x 64"}),
        ("botnet26t_256", {"base": "CNN", "attention": "Yes (BoT)", "stem": "3s2/3/3"}),
        ("lambda_resnet26t", {"base": "CNN", "attention": "Yes (Lambda)"}),
        ("halonet26t", {"base": "CNN", "attention": "Yes (Halo)"}),
        ("test_convnext2", {"stem": "4s4", "depthwise": "Yes", "normalisation": "LN", "stem_pooling": "No"}),
    ],
)
def test_components_of_architectures(architecture: str, expected: dict[str, str]) -> None:
    size = 256 if architecture.endswith(("256", "26t")) else 224 if "224" in architecture else 64
    found = components_of(architecture, size)
    assert list(found) == list(components.COMPONENTS)
    assert {name: found[name] for name in expected} == expected


SHORTCUT = """
from torch import nn

class LambdaLayer(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)

class Net(nn.Module):
    def __init__(self, classes=10):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.body = nn.Conv2d(8, 8, 3, padding=1)
        self.shortcut = LambdaLayer(lambda x: x[:, :, ::2, ::2])
        self.fc = nn.Linear(8, classes)

    def forward(self, x):
        x = self.body(self.conv(x))
        return self.fc(self.shortcut(x).mean((2, 3)))
"""


def test_a_shortcut_called_lambda_layer_is_no_attention(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shortcut_nets.py").write_text(SHORTCUT)
    monkeypatch.chdir(tmp_path)
    found = components_of("python:shortcut_nets.py:Net", 32)
    assert (found["base"], found["attention"]) == ("CNN", "No")


@pytest.mark.data
def test_components_explain_the_released_matrix() -> None:
    """R2, its loss with models held out, and the order of components, on the data of Hwang et al. (2024)."""
    found = scores.read(reference("hwang2024_sat_matrix.csv"))
    table = components.read(reference("hwang2024_model_components.csv"), found.models)
    first, second = found.pairs()
    pairs = components.Pairs(found.sat[first, second], first, second, len(found.models))
    settings = components.Boosting(divisions=2, repeats=2, draws=100)
    groups = {"bases": list(table["base"])}
    table = components.merged(table)
    assert len(table.columns) == len(components.COMPONENTS)
    explained = components.explain(pairs, table, groups, settings)
    r2 = components.regression_table(pairs, explained, settings).set_index("held_out")["value"]
    assert r2["pairs"] == pytest.approx(0.82, abs=0.03)
    assert r2["models"] == pytest.approx(0.63, abs=0.04)
    assert r2["bases"] < r2["models"]
    rows = components.importance_table(pairs, table, explained, settings)
    assert list(rows["component"][:2]) == ["base", "stem"]
    assert tuple(rows.loc[0, ["sat_shared", "sat_apart"]]) == pytest.approx((2.884, 2.542), abs=5e-4)
    difference = dict(zip(rows["component"], rows["difference"], strict=True))
    assert (difference["stem"], difference["base"]) == pytest.approx((0.48, 0.34), abs=0.005)
