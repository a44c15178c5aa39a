"""Names of weights: whatever wrappers did to them, every weight comes to its place or the names stay as they are."""

import pytest
from kindred.models.importing import naming
from kindred.workflow.errors import BadInput

OWN = ["features.0.weight", "features.0.bias", "features.1.num_batches_tracked", "features.1.weight", "fc.weight"]
HELD = {name: number for number, name in enumerate(OWN) if not name.endswith("tracked")}


def placed(state, own=OWN):
    return naming.fitted(state, own, "x.pt")


@pytest.mark.parametrize(
    "change",
    [
        lambda name: name,
        lambda name: f"model.{name}",
        lambda name: f"encoder.backbone.net.{name}",
        lambda name: name.replace("features.", "features.module."),
        lambda name: "student." + name.replace("features.0", "features._orig_mod.0._fsdp_wrapped_module"),
        lambda name: f"module.{name.replace('fc.', 'fc.module.')}",
    ],
)
def test_what_wrappers_add_comes_off(change):
    assert placed({change(name): value for name, value in HELD.items()}) == HELD


def test_what_is_beside_the_network_is_left_out_where_a_prefix_tells_it_apart(caplog):
    caplog.set_level("INFO")
    state = {**{f"model.{name}": value for name, value in HELD.items()}, "criterion.weight": 9, "ema.decay": 8}
    assert placed(state) == HELD
    assert "the prefix 'model.' is taken off, and 2 others are left out (criterion.weight, ema.decay)" in caplog.text
    # Without a prefix nothing is left out silently: loading refuses what it does not expect.
    assert placed({**HELD, "criterion.weight": 9}) == {**HELD, "criterion.weight": 9}


def test_names_of_the_network_that_the_file_has_without_their_prefix():
    own = [f"net.inner.{name}" for name in OWN]
    held = {**HELD, "features.1.num_batches_tracked": 7}
    assert placed(held, own) == {f"net.inner.{name}": value for name, value in held.items()}
    # A wrapper's module is part of the names where the network has it.
    own = [name.replace("features.", "features.module.") for name in OWN]
    assert placed(HELD, own) == HELD  # no way: the names stay, and loading tells
    assert placed(
        {name.replace("features.", "features.module."): value for name, value in HELD.items()}, own
    ).keys() == {name.replace("features.", "features.module.") for name in HELD}


def test_several_that_fit_are_asked_about():
    state = {f"{part}.{name}": value for part in ("student", "teacher") for name, value in HELD.items()}
    with pytest.raises(BadInput, match=r"fit under several names: student\., teacher\.; rename takes one off"):
        placed(state)


def test_published_names_of_densenets():
    own = ["features.denseblock1.denselayer1.norm1.weight", "features.denseblock1.denselayer12.conv2.weight"]
    state = {"features.denseblock1.denselayer1.norm.1.weight": 1, "features.denseblock1.denselayer12.conv.2.weight": 2}
    assert placed({f"module.{name}": value for name, value in state.items()}, own) == dict(
        zip(own, (1, 2), strict=True)
    )


def test_what_does_not_fit_keeps_its_names():
    for state in ({}, {"a": 1}, {name: value for name, value in HELD.items() if name != "fc.weight"}):
        assert placed(state) == state
    assert placed({"a": 1}, []) == {"a": 1}


def test_names_of_the_user():
    found = naming.renamed({"a.0.w": 1, "a.1.w": 2, "b": 3}, {r"^a\.(\d)": r"layer\1", "^b$": "bias"}, "x.pt")
    assert found == {"layer0.w": 1, "layer1.w": 2, "bias": 3}
    assert naming.renamed({"a": 1}, {}, "x.pt") == {"a": 1}


@pytest.mark.parametrize(
    ("rename", "words"),
    [
        ({"^c": "d"}, r"no name in 'x.pt' has '\^c'; they are a, b"),
        ({"(": "d"}, r"'\(' to 'd' is no regular expression"),
        ({"a": r"\7"}, "is no regular expression"),
        ({"a": "b"}, "several names in 'x.pt' become b"),
    ],
)
def test_changes_of_names_that_are_refused(rename, words):
    with pytest.raises(BadInput, match=words):
        naming.renamed({"a": 1, "b": 2}, rename, "x.pt")
