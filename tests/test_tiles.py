"""Tiles: a model's group is a matter of its name alone."""

from kindred.tiles import deal

MODELS = [f"model-{index}" for index in range(40)]


def test_every_model_is_dealt_once_and_in_order() -> None:
    for groups in (1, 2, 7, 100):
        dealt = deal(MODELS, groups)
        assert sorted(name for group in dealt.values() for name in group) == sorted(MODELS)
        assert list(dealt) == sorted(dealt) and set(dealt) <= set(range(groups))
        assert all(dealt.values())
        for models in dealt.values():
            assert models == [model for model in MODELS if model in models]


def test_one_group_and_none() -> None:
    assert deal(MODELS, 1) == {0: MODELS}
    assert deal([], 3) == {}


def test_another_model_changes_one_group() -> None:
    before, after = deal(MODELS, 4), deal([*MODELS, "new"], 4)
    changed = [group for group in after if after[group] != before.get(group)]
    assert len(changed) == 1
    assert after[changed[0]] == [*before[changed[0]], "new"]
    fewer = deal(MODELS[1:], 4)
    assert [group for group in before if fewer.get(group) != before[group]] == [
        group for group, models in before.items() if MODELS[0] in models
    ]


def test_groups_are_of_like_size() -> None:
    sizes = [
        len(models) for models in deal([f"net{i}-seed{j}" for i in range(20) for j in range(10)], 4).values()
    ]
    assert len(sizes) == 4 and min(sizes) > 30


def test_groups_outlive_the_process() -> None:
    # Python's own hash of strings differs from run to run. These are published check values of CRC-32:
    # 0xCBF43926 for the nine digits, 0xE8B7BE43 for "a", 0 for nothing.
    assert deal(["123456789", "a", ""], 1000) == {0: [""], 262: ["123456789"], 907: ["a"]}
