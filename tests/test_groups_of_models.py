"""Tiles: the group of a model depends on its name alone."""

from kindred.workflow.tiles import deal, pairs

MODELS = [f"model-{index}" for index in range(40)]


def test_every_model_is_in_one_group_in_order() -> None:
    for groups in (1, 2, 7, 100):
        groups_of = deal(MODELS, groups)
        assert sorted(name for group in groups_of.values() for name in group) == sorted(MODELS)
        assert list(groups_of) == sorted(groups_of) and set(groups_of) <= set(range(groups))
        assert all(groups_of.values())
        for models in groups_of.values():
            assert models == [model for model in MODELS if model in models]


def test_one_group_and_none() -> None:
    assert deal(MODELS, 1) == {0: MODELS}
    assert deal([], 3) == {}


def test_a_new_model_changes_one_group() -> None:
    before, after = deal(MODELS, 4), deal([*MODELS, "new"], 4)
    changed = [group for group in after if after[group] != before.get(group)]
    assert len(changed) == 1
    assert after[changed[0]] == [*before[changed[0]], "new"]
    fewer = deal(MODELS[1:], 4)
    assert [group for group in before if fewer.get(group) != before[group]] == [
        group for group, models in before.items() if MODELS[0] in models
    ]


def test_groups_are_of_similar_size() -> None:
    sizes = [len(models) for models in deal([f"net{i}-seed{j}" for i in range(20) for j in range(10)], 4).values()]
    assert len(sizes) == 4 and min(sizes) > 30


def test_groups_are_the_same_in_every_process() -> None:
    # Python's hash of strings differs between processes. These are published check values of CRC-32:
    # 0xCBF43926 for the nine digits, 0xE8B7BE43 for "a", 0 for the empty string.
    assert deal(["123456789", "a", ""], 1000) == {0: [""], 262: ["123456789"], 907: ["a"]}


def test_pairs_within_and_between_groups() -> None:
    assert pairs(["a", "b"], ["a", "b"]) == [("a", "a"), ("a", "b"), ("b", "b")]
    assert pairs(["a", "b"], ["c"]) == [("a", "c"), ("b", "c")]
