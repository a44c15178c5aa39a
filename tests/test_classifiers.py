"""Classifiers: pixels are prepared, descriptions are checked, weights are saved and loaded strictly."""

import dataclasses
import json

import pytest
import safetensors.torch
import torch
import torch.nn.functional as F
from kindred.models import classifiers
from kindred.workflow.errors import BadInput
from torch import nn

DESCRIPTION = classifiers.Description(
    architecture="test_resnet", classes=10, channels=1, size=32, input_size=32, mean=(0.3,), std=(0.35,)
)


def described(**changes):
    return dataclasses.replace(DESCRIPTION, **changes)


@pytest.fixture(scope="module")
def trained():
    """A classifier whose buffers differ from those of a fresh one."""
    torch.manual_seed(0)
    classifier = classifiers.assemble(DESCRIPTION)
    classifier(torch.rand(8, 1, 32, 32))
    return classifier.eval()


@pytest.fixture()
def state(trained):
    return {key: value.clone() for key, value in trained.net.state_dict().items()}


def refuse(state, net=None):
    """The message with which a state is refused."""
    net = net or classifiers.assemble(DESCRIPTION).net
    before = {key: value.clone() for key, value in net.state_dict().items()}
    with pytest.raises(BadInput) as caught:
        classifiers.load_state(net, state, "x.pt", architecture="test_resnet")
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items()), "loaded in part"
    return str(caught.value)


# --- the module


def test_normalises_by_channel():
    description = described(
        architecture="kindred_vgg", channels=3, mean=(0.1, 0.2, 0.3), std=(1.0, 2.0, 4.0), classes=4
    )
    classifier = classifiers.Classifier(nn.Identity(), description)
    pixels = torch.rand(2, 3, 32, 32)
    expected = torch.stack([(pixels[:, i] - description.mean[i]) / description.std[i] for i in range(3)], dim=1)
    torch.testing.assert_close(classifier(pixels), expected)


def test_same_size_is_not_resized(monkeypatch):
    monkeypatch.setattr(F, "interpolate", None)
    pixels = torch.rand(2, 1, 32, 32)
    classifier = classifiers.Classifier(nn.Identity(), described(mean=(0.0,), std=(1.0,)))
    assert torch.equal(classifier(pixels), pixels)


@pytest.mark.parametrize("side", [16, 24, 48])
def test_resizing_is_antialiased_and_differentiable(side):
    classifier = classifiers.Classifier(nn.Identity(), described(input_size=side, mean=(0.0,), std=(1.0,)))
    pixels = torch.rand(2, 1, 32, 32, dtype=torch.float64, requires_grad=True)
    resized = classifier.double()(pixels)
    assert resized.shape == (2, 1, side, side)
    (grad,) = torch.autograd.grad(resized.square().sum(), pixels)
    assert (grad != 0).all()
    # Linear and keeping constants: a column of its matrix at a time, by an independent formula.
    expected = _triangle(32, side) @ pixels.detach() @ _triangle(32, side).T
    torch.testing.assert_close(resized.detach(), expected, atol=1e-6, rtol=1e-6)


def _triangle(here: int, there: int) -> torch.Tensor:
    """Rows of a triangle filter as wide as the step, or as a pixel where the image grows: (there, here)."""
    scale = here / there
    width = max(scale, 1.0)
    centres = (torch.arange(there, dtype=torch.float64) + 0.5) * scale
    places = torch.arange(here, dtype=torch.float64) + 0.5
    rows = (1 - (places[None] - centres[:, None]).abs() / width).clamp(min=0)
    return rows / rows.sum(dim=1, keepdim=True)


def test_plain_shrinking_would_differ():
    pixels = torch.rand(1, 1, 32, 32)
    classifier = classifiers.Classifier(nn.Identity(), described(input_size=16, mean=(0.0,), std=(1.0,)))
    plain = F.interpolate(pixels, size=(16, 16), mode="bilinear")
    assert (classifier(pixels) - plain).abs().max() > 0.01


def test_count_parameters():
    shared = nn.Linear(3, 4)
    net = nn.Sequential(shared, nn.Linear(4, 3), shared).requires_grad_(False)
    assert classifiers.count_parameters(classifiers.Classifier(net, DESCRIPTION)) == 16 + 15


# --- the description


def test_description_survives_json():
    description = described(arguments={"block_args": {"a": [1, 2]}}, mean=[0.25], std=(0.5,))
    assert classifiers.Description(**json.loads(json.dumps(dataclasses.asdict(description)))) == description


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"classes": 0}, "classes is 0"),
        ({"channels": 1.0}, "channels is 1.0"),
        ({"size": -3}, "size is -3"),
        ({"input_size": "32"}, "input_size is '32'"),
        ({"input_size": True}, "input_size is True"),
        ({"mean": (0.1, 0.2)}, r"mean is \[0.1, 0.2\], it must hold 1 finite numbers"),
        ({"std": (0.0,)}, r"std is \[0.0\], each must be above 0"),
        ({"std": (float("nan"),)}, "std is"),
    ],
)
def test_description_refuses(changes, message):
    with pytest.raises(BadInput, match=f"'test_resnet': {message}"):
        described(**changes)


# --- save and load


def test_load_gives_back_what_was_saved(tmp_path, trained):
    path = tmp_path / "m.safetensors"
    classifiers.save(path, trained.net.state_dict())
    torch.manual_seed(9)
    loaded = classifiers.load(path, DESCRIPTION)
    pixels = torch.rand(4, 1, 32, 32)
    assert torch.equal(loaded(pixels), trained(pixels))
    assert not any(module.training for module in loaded.modules())
    assert not any(parameter.requires_grad for parameter in loaded.parameters())
    assert all(parameter.requires_grad for parameter in trained.parameters())


def test_files_hold_the_network_alone(tmp_path, trained):
    classifiers.save(tmp_path / "a.safetensors", trained.net.state_dict())
    classifiers.save(tmp_path / "b.safetensors", trained.net.state_dict())
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()
    content = safetensors.torch.load_file(tmp_path / "a.safetensors")
    assert content.keys() == trained.net.state_dict().keys()


def test_tied_weights_can_be_saved(tmp_path):
    one = nn.Linear(4, 4)
    net = nn.Sequential(one, one)
    classifiers.save(tmp_path / "m.safetensors", net.state_dict())
    assert set(classifiers.read_weights(tmp_path / "m.safetensors")) == set(net.state_dict())


# --- load_state


def test_the_message_of_a_misfit(state):
    for key in ("conv1.0.weight", "bn1.weight", "bn1.bias"):
        del state[key]
    state["extra.weight"] = torch.ones(1)
    state["fc.weight"] = torch.zeros(1000, 3)
    state["fc.extra"] = torch.zeros(1)
    total = len(classifiers.assemble(DESCRIPTION).net.state_dict())
    width = classifiers.assemble(DESCRIPTION).net.fc.in_features
    assert refuse(state) == (
        f"weights 'x.pt' do not fit architecture 'test_resnet': 3 of {total} keys are missing "
        "(conv1.0.weight, bn1.weight, bn1.bias), 2 unexpected (extra.weight, fc.extra), "
        f"1 of another shape (fc.weight is (1000, 3), the architecture has (10, {width}))"
    )


def test_long_lists_are_cut():
    message = refuse({"a": torch.ones(1)})
    assert "..." in message
    assert len(message) < 300


def test_other_number_of_classes():
    other = classifiers.assemble(described(classes=1000)).net.state_dict()
    assert refuse(other) == (
        "weights 'x.pt' are for 1000 classes, the study has 10 (architecture 'test_resnet', fc.weight, fc.bias)"
    )


def test_other_width_is_not_called_classes(state):
    state["bn1.weight"] = torch.ones(7)
    assert "for 7 classes" not in refuse(state)
    narrow = classifiers.assemble(described(architecture="kindred_mixer", arguments={"embed_dim": 48})).net
    wide = classifiers.assemble(described(architecture="kindred_mixer")).net
    assert "classes" not in refuse(wide.state_dict(), narrow)


def test_two_heads_of_other_classes():
    small = {"embed_dim": 12, "depth": 1, "num_heads": 2}
    description = described(architecture="deit_tiny_distilled_patch16_224", arguments=small)
    other = classifiers.assemble(dataclasses.replace(description, classes=7)).net.state_dict()
    assert "are for 7 classes, the study has 10" in refuse(other, classifiers.assemble(description).net)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_weights_that_are_not_finite(state, value):
    state["layer2.0.conv1.weight"].view(-1)[3] = value
    size = state["layer2.0.conv1.weight"].numel()
    assert refuse(state) == f"weights 'x.pt': 1 of {size} numbers in 'layer2.0.conv1.weight' are not finite"


def test_integers_are_no_weights(state):
    state["fc.weight"] = state["fc.weight"].to(torch.int8)
    assert "'fc.weight' is of type torch.int8" in refuse(state)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precision_is_taken(state, dtype):
    net = classifiers.assemble(DESCRIPTION).net
    cast = {key: value.to(dtype) if value.is_floating_point() else value for key, value in state.items()}
    classifiers.load_state(net, cast, "x.pt", "test_resnet")
    assert net.fc.weight.dtype == torch.float32
    assert torch.equal(net.fc.weight, state["fc.weight"].to(dtype).float())


def test_counters_of_batch_norm_may_be_missing(state):
    net = classifiers.assemble(DESCRIPTION).net
    classifiers.load_state(
        net, {k: v for k, v in state.items() if not k.endswith("num_batches_tracked")}, "x.pt", "test_resnet"
    )
    assert torch.equal(net.fc.weight, state["fc.weight"])


def test_load_names_file_and_architecture(tmp_path, trained):
    path = tmp_path / "m.safetensors"
    classifiers.save(path, trained.net.state_dict())
    with pytest.raises(BadInput, match=r"weights '.*m\.safetensors' do not fit architecture 'kindred_vgg'"):
        classifiers.load(path, described(architecture="kindred_vgg"))
