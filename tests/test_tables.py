"""Tables from tiles: every value in its own row, in any order and number of models per tile."""

import dataclasses
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import documented
import numpy as np
import pandas as pd
import pytest
from figure_tables import EXCESS
from kindred.figures.layout import reading as readers
from kindred.images import images
from kindred.images.shuffled import donors
from kindred.similarity.excess import Excess
from kindred.similarity.significance import wilson
from kindred.similarity.transfer import Sat, Transfer, sat_from_counts
from kindred.tables import models as models_tables
from kindred.tables import similarity as similarity_tables
from kindred.tables import tables
from kindred.tables import transfer as transfer_tables
from kindred.workflow import store
from kindred.workflow.errors import BadInput
from scipy import stats

pytestmark = pytest.mark.filterwarnings("error")

MODELS = ["delta", "alpha", "charlie", "bravo"]  # an order that only the config has
NAMES = [*sorted(MODELS), "echo"]
MEASURES = ["cka_debiased", "cka_biased"]
COLUMNS = ["value", "low", "high", "null", "p", "spread"]
GROUPS = {0: ["delta", "charlie"], 1: ["bravo", "alpha"]}
Tiles = list[str]


def value(a: str, b: str, measure: str = "cka_debiased", column: str = "value") -> float:
    """A number that identifies its ordered pair, measure and column."""
    places = (NAMES.index(a), NAMES.index(b), MEASURES.index(measure), COLUMNS.index(column))
    return float("0." + "".join(map(str, places)))


def cka_tile(path: Path, pairs: Sequence[tuple[str, str]], symmetric: bool, n: int = 24) -> str:
    def cell(a: str, b: str, *rest: str) -> float:
        return value(*(sorted((a, b)) if symmetric else (a, b)), *rest)

    with store.writing(path, {"images": n}) as group:
        store.put(group, "measure", MEASURES, ("measure",))
        store.put(group, "model_a", [a for a, _ in pairs], ("pair",))
        store.put(group, "model_b", [b for _, b in pairs], ("pair",))
        store.put(group, "n", np.full(len(pairs), n), ("pair",))
        for column in [one for one in COLUMNS if one != ("spread" if symmetric else "p")]:
            rows = [[cell(a, b, measure, column) for a, b in pairs] for measure in MEASURES]
            if column in ("low", "high"):
                rows[1] = [np.nan] * len(pairs)  # as for a measure without an interval
            store.put(group, column, np.array(rows), ("measure", "pair"))
    return str(path)


def natural_tiles(folder: Path, groups: dict[int, list[str]] = GROUPS) -> Tiles:
    """Tiles as compare_activations makes them."""
    tiles = []
    for a, b in itertools.combinations_with_replacement(groups, 2):
        pairs = (
            list(itertools.combinations_with_replacement(groups[a], 2))
            if a == b
            else list(itertools.product(groups[a], groups[b]))
        )
        tiles.append(cka_tile(folder / f"{a}x{b}.zarr", pairs, symmetric=True))
    return tiles


def inverted_tiles(folder: Path, groups: dict[int, list[str]] = GROUPS) -> Tiles:
    """Tiles as compare_inverted makes them."""
    return [
        cka_tile(folder / f"{a}x{b}.zarr", list(itertools.product(groups[a], groups[b])), symmetric=False)
        for a, b in itertools.product(groups, groups)
    ]


def check_cka(table: pd.DataFrame, models: list[str], symmetric: bool) -> None:
    pairs = list(itertools.combinations_with_replacement(models, 2) if symmetric else itertools.product(models, models))
    for measure in MEASURES:
        part = table[table["measure"] == measure]
        assert list(zip(part["model_a"], part["model_b"], strict=True)) == pairs
        for column in (
            "value",
            "null",
            "p" if symmetric else "spread",
            *(("low", "high") if measure == "cka_debiased" else ()),
        ):
            expected = [value(*(sorted(pair) if symmetric else pair), measure, column) for pair in pairs]
            assert part[column].tolist() == expected
    assert table[table["measure"] == "cka_biased"][["low", "high"]].isna().all(axis=None)
    assert len(table) == len(MEASURES) * len(pairs)
    assert table["spread" if symmetric else "p"].isna().all()
    assert set(similarity_tables.CKA_COLUMNS) - {"z", "q", "calibrated", "unconverged"} == set(table.columns)
    assert set(table["layer_a"]) == set(table["layer_b"]) == {"penultimate"}
    assert (table["n"] == 24).all() and table["n"].dtype.kind == "i"


def test_cka_on_natural_images(tmp_path: Path) -> None:
    tiles = natural_tiles(tmp_path)
    for order in (tiles, tiles[::-1]):
        table = similarity_tables.cka_table("natural", order, MODELS, symmetric=True)
        check_cka(table, MODELS, symmetric=True)
        assert set(table["stimuli"]) == {"natural"} and set(table["inverter"]) == {""}


def test_cka_on_inverted_images(tmp_path: Path) -> None:
    tiles = inverted_tiles(tmp_path)
    for order in (tiles, tiles[::-1]):
        table = similarity_tables.cka_table("jones", order, MODELS, symmetric=False)
        check_cka(table, MODELS, symmetric=False)
        assert set(table["stimuli"]) == {"jones"} and (table["inverter"] == table["model_a"]).all()


def test_only_different_models_on_natural_images_are_tested_and_by_debiased_measures() -> None:
    rows = [
        ("natural", "a", "a", "cka_debiased", 1.0),
        ("natural", "a", "b", "cka_debiased", 0.4),
        ("natural", "a", "c", "cka_debiased", 0.01),
        ("natural", "a", "b", "cka_biased", 0.9),
        ("jones", "a", "b", "cka_debiased", 0.4),
    ]
    table = pd.DataFrame(rows, columns=["stimuli", "model_a", "model_b", "measure", "value"]).assign(n=50)
    missing = dict.fromkeys(set(similarity_tables.CKA_COLUMNS) - {"z", "q"} - set(table), np.nan)
    found = similarity_tables.tested(table.assign(**missing), ["cka_debiased"])
    assert list(found.columns) == similarity_tables.CKA_COLUMNS
    for column in "zpq":
        assert found[column].notna().tolist() == [False, True, True, False, False]
    assert found["z"][1] == pytest.approx(0.4 * np.sqrt(50 * 47 / 2))
    # Two tests: the smaller level counts twice.
    assert found["q"][1] == pytest.approx(2 * found["p"][1]) and found["q"][2] == pytest.approx(found["p"][2])
    assert found["p"][1] < 1e-6 and 0.3 < found["p"][2] < 0.5
    # p by permutation stays where there is none in closed form, and counts among the tests; z and other rows have none.
    found = similarity_tables.tested(table.assign(**{**missing, "p": 0.005}), ["cka_debiased"])
    assert found["p"].notna().tolist() == [False, True, True, True, False] and found["p"][3] == 0.005
    assert found["z"].notna().tolist() == [False, True, True, False, False]
    assert found["q"][3] == pytest.approx(0.005 * 3 / 2)


def test_values_are_calibrated_between_null_level_and_maximum_and_rows_tell_what_did_not_converge() -> None:
    rows = [
        ("natural", "", 0.4, "cka"),
        ("jones", "a", 0.4, "cka"),
        ("jones", "b", 1.0, "cka"),
        ("late", "a", 0.1, "own"),
    ]
    table = pd.DataFrame(rows, columns=["stimuli", "inverter", "value", "measure"]).assign(null=[0.0, 0.2, 0.2, 0.3])
    residuals = [("jones", "a", 0.75, 0), ("jones", "b", 0.5, 12), ("late", "a", 0.25, 0)]
    inversions = pd.DataFrame(residuals, columns=["inversion", "model", "above", "left_out"])
    found = similarity_tables.calibrated(table, {"cka": 1.0, "own": None}, inversions)
    np.testing.assert_allclose(found["calibrated"], [0.4, 0.25, 1.0, np.nan])
    np.testing.assert_allclose(found["unconverged"], [np.nan, 0.75, 0.0, 0.25])  # those left out are not compared
    assert similarity_tables.calibrated(table, {"cka": 1.0, "own": None})["unconverged"].isna().all()


@pytest.mark.parametrize("removed", [["delta"], ["alpha"], ["delta", "charlie"]])
def test_cka_without_removed_models(tmp_path: Path, removed: list[str]) -> None:
    kept = [model for model in MODELS if model not in removed]
    for symmetric, make_tiles in ((True, natural_tiles), (False, inverted_tiles)):
        tiles = make_tiles(tmp_path / str(symmetric))
        check_cka(similarity_tables.cka_table("some", tiles, kept, symmetric), kept, symmetric)


@pytest.mark.parametrize("symmetric", [True, False])
def test_cka_with_a_missing_pair_is_an_error(tmp_path: Path, symmetric: bool) -> None:
    tiles = (natural_tiles if symmetric else inverted_tiles)(tmp_path)
    for at in range(len(tiles)):
        with pytest.raises(BadInput, match=r"the tiles for 'some' hold .* 0 times .*--forcerun compare_activations"):
            similarity_tables.cka_table("some", tiles[:at] + tiles[at + 1 :], MODELS, symmetric)
    with pytest.raises(BadInput, match="'delta' with 'echo' 0 times instead of once"):
        similarity_tables.cka_table("some", tiles, [*MODELS, "echo"], symmetric)
    with pytest.raises(BadInput, match="'echo' with 'echo' 0 times"):
        similarity_tables.cka_table("some", tiles, ["echo"], symmetric)


def test_cka_with_a_repeated_and_a_missing_pair_is_an_error(tmp_path: Path) -> None:
    # The right number of pairs, but not the right ones, as from another number of groups.
    tile = cka_tile(tmp_path / "0x0.zarr", [("alpha", "alpha"), ("alpha", "bravo"), ("bravo", "alpha")], True)
    with pytest.raises(BadInput, match=r"'alpha' with 'bravo' 2 times instead of once, and 2 of 3 pairs"):
        similarity_tables.cka_table("natural", [tile], ["alpha", "bravo"], symmetric=True)


LAYERS = {"delta": ["stem", "head"], "alpha": ["a", "b", "c"], "charlie": ["one"], "bravo": ["z", "y"]}


def entry(first: str, layer_a: str, second: str, layer_b: str) -> float:
    """A different value for every cell, not symmetric."""
    every = [(model, layer) for model in sorted(LAYERS) for layer in LAYERS[model]]
    return every.index((first, layer_a)) + every.index((second, layer_b)) / 100


def layer_tile(path: Path, models: Sequence[str], measures: Sequence[str] = ("cka_debiased",)) -> str:
    every = [(model, layer) for model in models for layer in LAYERS[model]]
    with store.writing(path, {"images": 24}) as group:
        store.put(group, "layer_model", [model for model, _ in every], ("layer",))
        store.put(group, "layer_name", [layer for _, layer in every], ("layer",))
        for index, measure in enumerate(measures):
            cube = np.array([[entry(*row, *column) for column in every] for row in every]) + 1000 * index
            for column, values in (("value", cube), ("error", 0 * cube + 0.1), ("null", 0 * cube + index)):
                store.put(group, f"layers_{measure}_{column}", values, ("layer", "other_layer"))
    return str(path)


def layer_tiles(folder: Path, **options: Any) -> Tiles:
    pairs = itertools.combinations_with_replacement(GROUPS, 2)
    return [
        layer_tile(folder / f"{a}x{b}.zarr", list(dict.fromkeys(GROUPS[a] + GROUPS[b])), **options) for a, b in pairs
    ]


ALL_PAIRS = list(itertools.combinations_with_replacement(MODELS, 2))


def check_layers(table: pd.DataFrame, pairs: list[tuple[str, str]]) -> None:
    assert list(table.columns) == similarity_tables.LAYER_COLUMNS
    assert set(zip(table["model_a"], table["model_b"], strict=True)) == set(pairs)
    for (first, second), part in table.groupby(["model_a", "model_b"]):
        expected = list(itertools.product(LAYERS[first], LAYERS[second]))
        assert list(zip(part["layer_a"], part["layer_b"], strict=True)) == expected
        assert part["value"].tolist() == [entry(first, a, second, b) for a, b in expected]
    assert (table["n"] == 24).all() and set(table["stimuli"]) == {"natural"}
    assert (table["high"] - table["low"]).to_numpy() == pytest.approx(2 * 1.95996 * 0.1, abs=1e-5)


@pytest.mark.parametrize("swapped", [False, True])
def test_layers_of_all_pairs(tmp_path: Path, swapped: bool) -> None:
    wanted = [(b, a) for a, b in ALL_PAIRS] if swapped else ALL_PAIRS
    tiles = layer_tiles(tmp_path)
    for order in (tiles, tiles[::-1]):
        check_layers(similarity_tables.layers_table("natural", order, MODELS, wanted, ["cka_debiased"]), ALL_PAIRS)


def test_layers_in_any_order_of_models_in_the_tile(tmp_path: Path) -> None:
    for index, held in enumerate(itertools.permutations(["delta", "alpha", "charlie"])):
        tile = layer_tile(tmp_path / f"{index}.zarr", held)
        models = ["alpha", "charlie", "delta"]
        pairs = list(itertools.combinations_with_replacement(models, 2))
        check_layers(similarity_tables.layers_table("natural", [tile], models, pairs, ["cka_debiased"]), pairs)


def test_layers_survive_writing_and_reading(tmp_path: Path) -> None:
    table = similarity_tables.layers_table("natural", layer_tiles(tmp_path), MODELS, ALL_PAIRS, ["cka_debiased"])
    path = tmp_path / "layers.csv"
    tables.write(str(path), table)
    check_layers(readers.read(path), ALL_PAIRS)


def test_layers_of_some_pairs_without_a_removed_model(tmp_path: Path) -> None:
    tiles = layer_tiles(tmp_path)
    wanted = [("bravo", "charlie"), ("alpha", "alpha")]
    table = similarity_tables.layers_table("natural", tiles, ["alpha", "charlie", "bravo"], wanted, ["cka_debiased"])
    check_layers(table, [("charlie", "bravo"), ("alpha", "alpha")])


def test_layers_of_several_measures(tmp_path: Path) -> None:
    measures = ["cka_rbf", "cka_debiased"]
    tiles = layer_tiles(tmp_path, measures=measures)
    both = similarity_tables.layers_table("natural", tiles, MODELS, ALL_PAIRS, measures)
    check_layers(both[both["measure"] == "cka_rbf"], ALL_PAIRS)
    other = both[both["measure"] == "cka_debiased"]
    check_layers(other.assign(value=(other["value"] - 1000).round(9)), ALL_PAIRS)
    assert (both[both["measure"] == "cka_rbf"]["null"] == 0).all() and (other["null"] == 1).all()


def test_layers_of_no_pairs(tmp_path: Path) -> None:
    table = similarity_tables.layers_table("natural", layer_tiles(tmp_path), MODELS, [], ["cka_debiased"])
    assert table.empty and list(table.columns) == similarity_tables.LAYER_COLUMNS


@pytest.mark.parametrize(
    ("missing", "named"), [(0, "'charlie' with those of 'charlie'"), (2, "'alpha' with those of 'alpha'")]
)
def test_layers_of_a_missing_pair_are_an_error(tmp_path: Path, missing: int, named: str) -> None:
    model = named.split("'")[1]
    groups = list(GROUPS)
    tile = layer_tile(tmp_path / "some.zarr", GROUPS[groups[0 if missing else 1]])
    with pytest.raises(BadInput, match=f"no tile holds the layers of {named}; .*--forcerun compare_activations"):
        similarity_tables.layers_table("natural", [tile], MODELS, [(model, model)], ["cka_debiased"])
    with pytest.raises(BadInput, match="no tile holds the layers of 'alpha' with those of 'delta'"):
        similarity_tables.layers_table("natural", [tile], MODELS, [("delta", "alpha")], ["cka_debiased"])
    with pytest.raises(BadInput, match="no array 'layers_cka_rbf_value'"):
        similarity_tables.layers_table("natural", [tile], MODELS, ALL_PAIRS, ["cka_rbf"])


N = 9
LABELS = np.arange(N) % 4
IDS = [f"digits/{i:04d}" for i in range(N)]
DONOR = donors(N, 2)


def predictions_of(target: str, source: str | None = None) -> np.ndarray:
    """Predictions of a model on natural images, or on those made on a source."""
    seed = 10 * NAMES.index(target) + (1 + NAMES.index(source) if source else 0)
    return np.random.default_rng(seed).integers(0, 4, N).astype(np.int32)


def shuffled_of(target: str, source: str) -> np.ndarray:
    """Predictions of a model on images with the perturbations of others made on a source, (shuffle, image)."""
    return np.stack([np.roll(predictions_of(target, source), shift) for shift in (1, 2)])


def transfer_tile(
    path: Path,
    sources: Sequence[str],
    targets: Sequence[str],
    ids: list[str] = IDS,
    donor: np.ndarray = DONOR,
) -> str:
    with store.writing(path, {}) as group:
        images.put_coordinates(group, ids, LABELS)
        store.put(group, "source", sources, ("source",))
        store.put(group, "target", targets, ("target",))
        store.put(group, "natural", np.stack([predictions_of(target) for target in targets]), ("target", "image"))
        predicted = [[predictions_of(target, source) for target in targets] for source in sources]
        store.put(group, "predicted", np.array(predicted), ("source", "target", "image"))
        moved = [[shuffled_of(target, source) for target in targets] for source in sources]
        store.put(group, "shuffled", np.array(moved), ("source", "target", "shuffle", "image"))
        store.put(group, "donor", donor, ("shuffle", "image"))
    return str(path)


def transfer_tiles(folder: Path) -> Tiles:
    return [transfer_tile(folder / f"{a}x{b}.zarr", GROUPS[a], GROUPS[b]) for a, b in itertools.product(GROUPS, GROUPS)]


@pytest.mark.parametrize("models", [MODELS, MODELS[::-1], MODELS[1:], ["charlie"]])
def test_predictions_from_tiles(tmp_path: Path, models: list[str]) -> None:
    correct, predicted, labels = transfer_tables.predictions(iter(transfer_tiles(tmp_path)), models)
    np.testing.assert_array_equal(labels, LABELS)
    assert correct.shape == (len(models), N) and predicted.shape == (len(models), len(models), N)
    for row, a in enumerate(models):
        np.testing.assert_array_equal(correct[row], predictions_of(a) == LABELS)
        for column, b in enumerate(models):
            np.testing.assert_array_equal(predicted[row, column], predictions_of(b, source=a))


def test_missing_predictions_are_an_error(tmp_path: Path) -> None:
    tiles = transfer_tiles(tmp_path)
    with pytest.raises(
        BadInput, match=r"predictions of 'charlie' on the images of 'alpha'; .*--forcerun cross_evaluate"
    ):
        transfer_tables.predictions([tiles[0], tiles[1], tiles[3]], ["charlie", "alpha"])
    with pytest.raises(BadInput, match="predictions of 'echo' on the images of 'delta'"):
        transfer_tables.predictions(tiles, [*MODELS, "echo"])


def test_predictions_on_different_images_are_an_error(tmp_path: Path) -> None:
    tiles = transfer_tiles(tmp_path)
    other = transfer_tile(tmp_path / "other.zarr", GROUPS[1], GROUPS[1], IDS[::-1])
    with pytest.raises(BadInput, match="do not hold the same images"):
        transfer_tables.predictions([*tiles[:3], other], MODELS)


def excess_matrices(m: int) -> Excess:
    """A number of its own in every cell of every matrix."""
    names = [field.name for field in dataclasses.fields(Excess)]
    return Excess(**{name: 100.0 * place + np.arange(m * m).reshape(m, m) for place, name in enumerate(names)})


def test_predictions_of_shuffled_images(tmp_path: Path) -> None:
    tiles = transfer_tiles(tmp_path)
    for models in (MODELS, MODELS[::-1], MODELS[1:]):
        moved, donor = transfer_tables.shuffled(tiles, models, 2)
        np.testing.assert_array_equal(donor, donors(N, 2))
        assert moved.shape == (len(models), len(models), 2, N)
        for row, a in enumerate(models):
            for column, b in enumerate(models):
                np.testing.assert_array_equal(moved[row, column], shuffled_of(b, a))
    moved, donor = transfer_tables.shuffled(tiles, MODELS, 0)
    assert moved.shape == (4, 4, 0, N) and donor.shape == (0, N)
    with pytest.raises(BadInput, match=r"of 'charlie' on the images of 'alpha'; .*--forcerun cross_evaluate"):
        transfer_tables.shuffled([tiles[0], tiles[1], tiles[3]], ["charlie", "alpha"], 2)
    other = transfer_tile(tmp_path / "other.zarr", GROUPS[1], GROUPS[1], donor=donors(N, 2, seed=1))
    with pytest.raises(BadInput, match="differ in whose perturbation an image is given"):
        transfer_tables.shuffled([*tiles[:3], other], MODELS, 2)


def test_transfer_and_sat_tables() -> None:
    n = np.array([[9, 8, 7], [8, 9, 6], [7, 6, 9]])
    fooled = np.array([[9, 1, 2], [3, 8, 4], [5, 6, 7]])
    both = np.minimum(fooled, fooled.T)
    counts = Transfer(n, fooled, both)
    models = ["z", "x", "y"]
    beyond = excess_matrices(3)
    table = transfer_tables.transfer_table("pgd", models, counts, beyond, np.array([0.0, 0.25, 1.0]))
    assert list(table.columns) == documented.columns("design.md")["transfer.csv"]
    assert list(zip(table["source"], table["target"], strict=True)) == list(itertools.product(models, models))
    row = table[(table["source"] == "y") & (table["target"] == "x")].iloc[0]
    assert (row["n"], row["fooled"], row["value"]) == (6, 6, 1.0)
    assert row["high"] == 1 and row["low"] == pytest.approx(stats.binomtest(6, 6).proportion_ci(method="wilson").low)
    row = table[(table["source"] == "z") & (table["target"] == "y")].iloc[0]
    assert (row["n"], row["fooled"], row["value"]) == (7, 2, 2 / 7)
    assert (row["null"], row["null_n"]) == (beyond.rate[0, 2], beyond.n[0, 2])
    assert table.groupby("source")["no_gradient"].unique().to_dict() == {"z": [0], "x": [0.25], "y": [1]}

    scores = sat_from_counts(counts)
    table = transfer_tables.sat_table("pgd", models, scores, beyond)
    assert list(table.columns) == documented.columns("design.md")["sat.csv"]
    assert list(zip(table["model_a"], table["model_b"], strict=True)) == [
        ("z", "z"), ("z", "x"), ("z", "y"), ("x", "x"), ("x", "y"), ("y", "y"),
    ]  # fmt: skip
    row = table.iloc[2]
    assert (row["sat"], row["n"]) == (pytest.approx(np.log(100 * 7 / 14)), 7)
    assert (row["low"], row["high"]) == (scores.low[0, 2], scores.high[0, 2])


def test_sat_table_reads_each_matrix_in_its_column() -> None:
    matrices = [np.arange(4.0).reshape(2, 2) + shift for shift in (0, 10, 20, 30)]
    beyond = excess_matrices(2)
    table = transfer_tables.sat_table("pgd", ["a", "b"], Sat(*matrices, np.array([[1, 2], [2, 3]])), beyond)
    for column, name in {"null_n": "n", **{name: name for name in EXCESS if name != "null_n"}}.items():
        assert table[column].tolist() == getattr(beyond, name)[np.triu_indices(2)].tolist(), column
    assert table["sat"].tolist() == [0, 1, 3] and table["n"].tolist() == [1, 2, 3]
    assert table["low"].tolist() == [10, 11, 13] and table["high"].tolist() == [20, 21, 23]


def fooled(path: Path, wrong: Sequence[int], start: int = 0) -> str:
    with store.writing(path, {}) as group:
        ids = [f"digits/{i:04d}" for i in range(start, start + len(wrong))]
        images.put_coordinates(group, ids, np.zeros(len(wrong), int))
        store.put(group, "fooled", np.array(wrong, dtype=bool), ("image",))
        store.put(group, "no_gradient", np.arange(len(wrong)) < 1, ("image",))
    return str(path)


def test_models_table(tmp_path: Path) -> None:
    def about(architecture: str, parameters: int, accuracy: float) -> dict:
        known = {"parameters": parameters, "clean_accuracy": accuracy, "weights_sha256": "ab" * 32}
        found = {"no_gradient": accuracy / 2, "gradients": 64, "remarks": [architecture, "x"]}
        return {"description": {"architecture": architecture}, "source": {}, "examination": found, **known}

    labels = {
        "z": {"architecture": "kindred_vgg", "training": "linf10", "norm": "linf", "eps": 0.1, "seed": 3},
        "a": {"architecture": "test_convnext2", "training": "standard", "norm": None, "eps": 0.0, "seed": 0},
        "m": {"architecture": "hf-hub:me/net", "training": "imported", "norm": "l2", "eps": 3.0, "seed": 7},
    }
    described = {
        "m": about("resnet18", 5, 1.0),
        "z": about("kindred_vgg", 12345678, 0.875),
        "a": about("test_convnext2", 99, 1 / 3),
    }
    described["z"]["description"]["arguments"] = {"width": 8, "depth": 2}
    attacked = {
        "weak": {name: fooled(tmp_path / f"w-{name}.zarr", [0, 0, 0, name == "a"]) for name in labels},
        "strong": {name: fooled(tmp_path / f"s-{name}.zarr", [1, 1, name != "z", 1]) for name in labels},
        "few": {name: fooled(tmp_path / f"f-{name}.zarr", [0, 1, 0]) for name in labels},
    }
    table = models_tables.models_table(labels, described, attacked)
    assert list(table.columns) == [
        *("model", "architecture", "training", "norm", "eps", "seed", "arguments", "parameters", "clean_accuracy"),
        *("accuracy_weak", "accuracy_strong", "accuracy_few", "accuracy_strongest", "no_gradient", "remarks"),
    ]
    given = '{"depth": 2, "width": 8}'
    expected = [
        ["z", "kindred_vgg", "linf10", "linf", 0.1, 3, given, 12345678, 0.875, 1.0, 0.25, 2 / 3, 1 / 3, 0.4375],
        ["a", "test_convnext2", "standard", "", 0.0, 0, "", 99, 1 / 3, 0.75, 0.0, 2 / 3, 0.0, 1 / 6],
        ["m", "resnet18", "imported", "l2", 3.0, 7, "", 5, 1.0, 1.0, 0.0, 2 / 3, 0.0, 0.5],
    ]
    for found, row in zip(table.to_numpy().tolist(), expected, strict=True):
        assert found[:7] == row[:7] and found[7:-1] == pytest.approx(row[7:])
        assert found[-1] == f"{row[1]}; x"
    assert list(models_tables.models_table(labels, described, {}).columns)[-3] == "clean_accuracy"
    alone = {"weak": attacked["weak"]}
    assert list(models_tables.models_table(labels, described, alone).columns)[-3] == "accuracy_weak"

    about_images = {name: {**one, "clean_images": 24} for name, one in described.items()}
    table = models_tables.accuracies_table(about_images, attacked)
    assert list(table.columns) == ["model", "attack", "value", "low", "high", "n", "no_gradient"]
    assert table.groupby("attack")["no_gradient"].first()[["weak", "few"]].tolist() == [0.25, 1 / 3]
    assert table["attack"].tolist() == [
        "",
        "",
        "",
        *(name for name in ("weak", "strong", "few", "strongest") for _ in range(3)),
    ]
    row = table[(table["model"] == "z") & (table["attack"] == "")].iloc[0]
    assert tuple(row[["value", "low", "high", "n"]]) == pytest.approx((0.875, *map(float, wilson(21, 24)), 24))
    row = table[(table["model"] == "m") & (table["attack"] == "strong")].iloc[0]
    assert (row["value"], row["low"], row["n"]) == (0, 0, 4) and row["high"] > 0.3
    # One image of the first three is withstood under every attack; the fourth one is not in all of them.
    row = table[(table["model"] == "z") & (table["attack"] == "strongest")].iloc[0]
    assert tuple(row[["value", "low", "high", "n"]]) == pytest.approx((1 / 3, *map(float, wilson(1, 3)), 3))
    assert "strongest" not in set(models_tables.accuracies_table(about_images, alone)["attack"])
    attacked["few"]["a"] = fooled(tmp_path / "other.zarr", [0, 1, 0], start=1)
    with pytest.raises(BadInput, match="does not begin with the 3 images"):
        models_tables.accuracies_table(about_images, attacked)


def test_writing_is_atomic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "some.csv"
    table = pd.DataFrame({"model": ["a", "b"], "norm": ["", "l2"], "n": [12345678, 2], "value": [1 / 3, np.nan]})
    tables.write(str(path), table)
    assert path.read_bytes() == b"model,norm,n,value\na,,12345678,0.3333333333\nb,l2,2,\n"

    def broken(*_: Any, **__: Any) -> None:
        (tmp_path / "some.csv.partial").write_text("model,no")
        raise OSError("disk full")

    monkeypatch.setattr(pd.DataFrame, "to_csv", broken)
    with pytest.raises(OSError, match="disk full"):
        tables.write(str(path), table)
    assert path.read_text().startswith("model,norm,n,value\n")


@pytest.mark.parametrize("make_tiles", [natural_tiles, inverted_tiles, layer_tiles, transfer_tiles])
def test_truncated_tiles_are_an_error(tmp_path: Path, make_tiles: Callable[[Path], Tiles]) -> None:
    tiles = make_tiles(tmp_path)
    chunk = next(file for file in Path(tiles[1]).rglob("c/**/*") if file.is_file())
    chunk.unlink()
    with pytest.raises(BadInput, match="is incomplete"):
        if make_tiles is layer_tiles:
            similarity_tables.layers_table("natural", tiles, MODELS, ALL_PAIRS, ["cka_debiased"])
        elif make_tiles is transfer_tiles:
            transfer_tables.predictions(tiles, MODELS)
        else:
            similarity_tables.cka_table("some", tiles, MODELS, symmetric=make_tiles is natural_tiles)
