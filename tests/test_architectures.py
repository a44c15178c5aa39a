"""Networks by name."""

import importlib

import pytest
import torch
from kindred.models import architectures
from kindred.workflow.errors import BadInput

STUDY = {"classes": 10, "channels": 1, "size": 32}
DEFAULT = [
    "kindred_vgg",
    "kindred_mixer",
    "kindred_vit",
    "test_resnet",
    "test_convnext2",
    "test_mambaout",
    "test_byobnet",
]


@pytest.mark.parametrize("name", DEFAULT)
def test_default_study_builds(name):
    net = architectures.build(name, **STUDY).eval()
    with torch.no_grad():
        logits = net(torch.rand(3, 1, 32, 32))
    assert logits.shape == (3, 10)
    assert logits.isfinite().all()


@pytest.mark.parametrize(
    ("name", "parameters"), [("kindred_vgg", 951_012), ("kindred_mixer", 312_170), ("kindred_vit", 456_298)]
)
def test_own_networks_have_their_size(name, parameters):
    net = architectures.build(name, **STUDY)
    assert sum(p.numel() for p in net.parameters()) == parameters


def test_size_reaches_those_that_must_know_it():
    assert architectures.build("kindred_vit", **STUDY).pos_embed.shape[1] == 16
    assert architectures.build("kindred_vit", **(STUDY | {"size": 64})).pos_embed.shape[1] == 64
    net = architectures.build("kindred_mixer", **(STUDY | {"size": 64})).eval()
    assert net(torch.rand(1, 1, 64, 64)).shape == (1, 10)


def test_arguments_override_defaults():
    net = architectures.build("kindred_mixer", **STUDY, arguments={"embed_dim": 48, "num_blocks": 2})
    assert net.head.in_features == 48
    assert len(net.blocks) == 2


def test_arguments_are_left_alone():
    arguments = {"embed_dim": 48}
    architectures.build("kindred_mixer", **STUDY, arguments=arguments)
    assert arguments == {"embed_dim": 48}


def test_same_seed_same_weights():
    nets = []
    for _ in range(2):
        torch.manual_seed(5)
        nets.append(architectures.build("kindred_vit", **STUDY))
    one, two = (net.state_dict() for net in nets)
    assert all(torch.equal(one[key], two[key]) for key in one)


@pytest.mark.parametrize(
    ("name", "hint"), [("test_resne", "test_resnet"), ("kindred_vgq", "kindred_vgg"), ("resnet50x", "resnet50")]
)
def test_unknown_name_gives_close_ones(name, hint):
    with pytest.raises(BadInput, match=f"architecture '{name}' is not known.*{hint}"):
        architectures.build(name, **STUDY)


@pytest.mark.parametrize("name", ["hf-hub:timm/resnet18", "local-dir:/tmp", "", "no such thing at all"])
def test_addresses_are_no_names(name):
    with pytest.raises(BadInput, match="is not known"):
        architectures.build(name, **STUDY)


def test_tag_may_be_given():
    with_tag = architectures.build("test_resnet.r160_in1k", **STUDY)
    assert with_tag.state_dict().keys() == architectures.build("test_resnet", **STUDY).state_dict().keys()


def test_refused_arguments_are_bad_input():
    with pytest.raises(BadInput, match=r"'test_resnet' with \{'colour': 3\} cannot be built.*colour"):
        architectures.build("test_resnet", **STUDY, arguments={"colour": 3})
    with pytest.raises(BadInput, match=r"'kindred_vit' with .* cannot be built for 32-pixel images"):
        architectures.build("kindred_vit", **STUDY, arguments={"num_heads": 7})


def test_torchvision_behind_its_prefix():
    net = architectures.build("torchvision:squeezenet1_1", classes=5, channels=3, size=64).eval()
    assert net(torch.rand(2, 3, 64, 64)).shape == (2, 5)
    with pytest.raises(BadInput, match="takes images of 3 channels, the study has 1"):
        architectures.build("torchvision:squeezenet1_1", **STUDY)
    with pytest.raises(BadInput, match=r"'torchvision:resnet1' is not known.*torchvision:resnet"):
        architectures.build("torchvision:resnet1", **STUDY)


def test_torchvision_gets_the_size_where_it_takes_one(monkeypatch):
    given = []

    def get_model(name, **arguments):
        given.append(arguments)
        if name == "resnet18" and "image_size" in arguments:
            raise TypeError("unexpected keyword argument 'image_size'")
        return torch.nn.Identity()

    monkeypatch.setattr(importlib.import_module("torchvision.models"), "get_model", get_model)
    architectures.build("torchvision:vit_b_16", classes=5, channels=3, size=32)
    architectures.build("torchvision:resnet18", classes=5, channels=3, size=32, arguments={"width": 2})
    common = {"weights": None, "num_classes": 5}
    assert given[0] == common | {"image_size": 32}
    assert given[-1] == common | {"width": 2}


def test_only_missing_operators_are_forgiven(monkeypatch):
    tries = []

    def fail(name):
        tries.append(name)
        raise RuntimeError("something else is broken")

    monkeypatch.setattr(importlib, "import_module", fail)
    with pytest.raises(RuntimeError, match="something else"):
        architectures._import_torchvision()
    assert tries == ["torchvision"]


def test_the_wide_resnet_has_torchvisions_names_and_shapes() -> None:
    """torchvision builds the same network when its ResNet-50 is told how wide to be."""
    ours = architectures.build("kindred_wide_resnet50_4", classes=7, channels=3, size=64)
    theirs = architectures.build(
        "torchvision:resnet50", classes=7, channels=3, size=64, arguments={"width_per_group": 256}
    )
    state = theirs.state_dict()
    assert {key: value.shape for key, value in ours.state_dict().items()} == {
        key: value.shape for key, value in state.items()
    }
    ours.load_state_dict(state)
    images = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(ours.eval()(images), theirs.eval()(images), atol=1e-4, rtol=1e-4)
