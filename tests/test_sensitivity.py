"""Agreement of partitions with labels: as scikit-learn's, levels by chance, and what clusters depend on."""

import numpy as np
import pytest
from kindred.analyses import clusters, rand_index, sensitivity
from sklearn.metrics import adjusted_rand_score

LABEL = np.repeat(["a", "b", "c"], [6, 5, 4])


def sat_of(noise: float, seed: int, draws: int = 1) -> np.ndarray:
    """SAT (draws, 15, 15) of three families."""
    found = np.random.default_rng(seed).normal(0, noise, (draws, 15, 15))
    same = LABEL[:, None] == LABEL[None, :]
    return np.where(same, 3.4, 2.3) + np.eye(15) + (found + found.transpose(0, 2, 1)) / 2


def test_indices_are_scikit_learns() -> None:
    draws = np.random.default_rng(0)
    others = np.stack([draws.integers(0, k, 15) for k in (1, 2, 3, 5, 15) for _ in range(8)])
    others = np.array([rand_index.codes(one) for one in others])
    for own in (draws.integers(0, 3, 15), np.zeros(15, int), np.arange(15)):
        expected = [adjusted_rand_score(own, other) for other in others]
        np.testing.assert_allclose(rand_index.rands(rand_index.codes(own), others), expected, atol=1e-12)
    table = rand_index.matrix(others)
    assert table[3, 20] == pytest.approx(adjusted_rand_score(others[3], others[20]))
    assert rand_index.rand(["x", "y", "y"], [2, 10, 10]) == 1


def test_levels_by_chance_and_for_the_same_partition() -> None:
    assert rand_index.level(LABEL, LABEL, 0) == 1 / 1000
    found = []
    for seed in range(150):
        draws = np.random.default_rng(100 + seed)
        found.append(rand_index.level(draws.integers(0, 4, 15), LABEL, seed))
    assert 0.0 <= np.mean(np.array(found) <= 0.05) <= 0.11
    assert 0.3 < np.mean(found) < 0.75


def test_the_table_has_every_choice_and_finds_planted_families() -> None:
    sat, draws = {"one": sat_of(0.1, 1)[0], "two": sat_of(0.1, 2)[0]}, {"one": sat_of(0.1, 3, 12)}
    draws["two"] = np.empty((0, 15, 15))
    table = sensitivity.sensitivity(sat, draws, {"architecture": list(LABEL)}, 3, 10, 0)
    assert len(table) == 2 * 2 * 2 * 9
    assert set(table.groupby(["attack", "affinity", "diagonal"])["gap"].sum()) == {1}
    three = table[table["count"] == 3]
    assert (three["value"] == 1).all() and (three["p"] == 1 / 1000).all() and (three["n"] == 15).all()
    assert table["low"].notna().equals(table["attack"] == "one")
    assert (three[three["attack"] == "one"]["low"] == 1).all()
    # Two groups of three families are not the families.
    assert (table[table["count"] == 2]["value"] < 0.8).all()


def test_bounds_are_quantiles_of_the_draws() -> None:
    draws = sat_of(2.5, 4, 30)
    partition = sensitivity.spectral("sat", "zero", 3, 1, 5)
    found = [adjusted_rand_score(partition(one), LABEL) for one in draws]
    drawn = sensitivity.of_draws(partition, draws)
    value, low, high, null, _, n = sensitivity.agreement(clusters.numbered(LABEL), drawn, list(LABEL), 0)
    assert (low, high) == pytest.approx(tuple(np.quantile(found, [0.025, 0.975])))
    assert low < high < value == 1 and (null, n) == (0, 15)


def test_draws_without_affinities_are_left_out() -> None:
    draws = sat_of(0.1, 5, 4)
    draws[1, 0], draws[1, :, 0] = -4.6, -4.6
    assert len(sensitivity.of_draws(sensitivity.spectral("sat", "zero", 3, 1, 5), draws)) == 3
    lonely = {"one": draws[1]}
    table = sensitivity.sensitivity(lonely, {"one": draws[:0]}, {"architecture": list(LABEL)}, 2, 5, 0)
    assert set(table["affinity"]) == {"exp_sat"} and len(table) == 2 * 9


def test_a_component_with_the_name_of_the_trees_partition_hides_nothing() -> None:
    known = {"average linkage": ["1"] * 7 + ["2"] * 8, "hierarchical": ["Yes"] * 5 + ["No"] * 10}
    none = np.empty((0, 15), dtype=np.int64)
    tree, spectral = np.repeat([1, 2], [7, 8]), np.repeat([1, 2, 3], 5)
    table = sensitivity.label_table({"spectral": (spectral, none), "average linkage": (tree, none)}, known, 0)
    rows = table.set_index(["label", "partition"])["value"]
    assert list(rows.index) == [
        ("average linkage", "spectral"),
        ("hierarchical", "spectral"),
        ("hierarchical", "average linkage"),
    ]
    assert rows["average linkage", "spectral"] == pytest.approx(adjusted_rand_score(tree, spectral))
    assert rows["hierarchical", "average linkage"] == pytest.approx(adjusted_rand_score([0] * 5 + [1] * 10, tree))
