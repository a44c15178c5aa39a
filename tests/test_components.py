"""Components that explain SAT: planted causes, and models held out as against pairs held out."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from kindred.analyses import components, network_components, scores
from kindred.models.classifiers import Description
from kindred.workflow.errors import BadInput
from reference import reference

SMALL = components.Boosting(trees=60, folds=4, repeats=3)


def planted(models: int = 28, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray, pd.DataFrame]:
    """SAT that depends on `base`, a little on `stem`, and on nothing else."""
    draws = np.random.default_rng(seed)
    table = pd.DataFrame({name: draws.choice(["x", "y", "z"], models) for name in components.COMPONENTS})
    first, second = np.triu_indices(models, 1)
    same = {name: table[name].to_numpy()[first] == table[name].to_numpy()[second] for name in ("base", "stem")}
    sat = 2.4 + 0.8 * same["base"] + 0.3 * same["stem"] + draws.normal(0, 0.1, len(first))
    return sat, first, second, table


def test_planted_causes_are_most_important() -> None:
    sat, first, second, table = planted()
    found = components.explain(sat, first, second, table, SMALL)
    rows = components.importance_table(sat, first, second, table, found)
    assert list(rows["component"][:2]) == ["base", "stem"]
    assert rows["importance"][0] > 5 * rows["importance"][2]
    assert rows["difference"][0] == pytest.approx(0.8, abs=0.1)
    assert abs(rows["importance"].iloc[-1]) < 0.02
    assert found.r2_pairs > 0.9
    assert 0.8 < found.r2_models <= found.r2_pairs + 0.02


def test_unique_components_explain_nothing() -> None:
    """Components that are unique to each model make every pair its own category, so nothing can be learnt."""
    draws = np.random.default_rng(1)
    table = pd.DataFrame({name: [str(i) for i in range(14)] for name in components.COMPONENTS})
    first, second = np.triu_indices(14, 1)
    found = components.explain(draws.normal(2, 1, len(first)), first, second, table, SMALL)
    assert found.r2_pairs < 0.1
    assert found.r2_models < 0.1


def test_order_within_a_pair_does_not_matter() -> None:
    _, first, second, table = planted(12)
    values = list(table["base"])
    np.testing.assert_array_equal(
        components.pair_categories(values, first, second), components.pair_categories(values, second, first)
    )


def test_rare_pair_categories_share_the_last() -> None:
    first, second = np.triu_indices(40, 1)
    codes = components.pair_categories([str(i) for i in range(40)], first, second)
    assert codes.max() == components.MAX_CATEGORIES - 1


def test_sat_of_shared_and_of_different_components_by_hand() -> None:
    sat = np.array([3.0, 1.0, 2.0])
    first, second = np.triu_indices(3, 1)
    table = pd.DataFrame({"two": ["a", "a", "b"], "own": ["a", "b", "c"]})
    found = components.Explained(0.0, 0.0, np.array([0.1, 0.2]), np.zeros(2))
    rows = components.importance_table(sat, first, second, table, found).set_index("component")
    assert list(rows.index) == ["own", "two"]
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
    sat, first, second, table = planted(4)
    with pytest.raises(BadInput, match="folds is 4, but there are only 4 models"):
        components.explain(sat, first, second, table, SMALL)


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
    sat = found.sat[first, second]
    explained = components.explain(sat, first, second, table, components.Boosting(repeats=2))
    assert explained.r2_pairs == pytest.approx(0.82, abs=0.03)
    assert explained.r2_models == pytest.approx(0.63, abs=0.04)
    rows = components.importance_table(sat, first, second, table, explained)
    assert list(rows["component"][:2]) == ["base", "stem"]
    assert tuple(rows.loc[0, ["sat_shared", "sat_apart"]]) == pytest.approx((2.884, 2.542), abs=5e-4)
    difference = dict(zip(rows["component"], rows["difference"], strict=True))
    assert (difference["stem"], difference["base"]) == pytest.approx((0.48, 0.34), abs=0.005)
