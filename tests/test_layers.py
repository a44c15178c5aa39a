"""Listing, choosing and capturing layers."""

import pytest
import torch
import torch.nn.functional as F
from kindred.activations import layers, penultimate
from kindred.workflow.errors import BadInput
from nets import Small, hooks_left, timm_model, wrap
from torch import nn


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.fixture()
def images():
    return torch.rand(4, 3, 8, 8)


def by_hand(classifier, images):
    """Outputs of the first block of Small, step by step and without in-place operations."""
    net, block = classifier.net, classifier.net.stage[0]
    stem = net.stem((images - 0.4) / 0.5)
    normed = block.bn(block.conv1(stem))
    last = block.conv2(F.relu(normed))
    return {
        "stem": stem,
        "stage.0.bn": normed,
        "stage.0.relu": F.relu(normed),
        "stage.0.conv2": last,
        "stage.0": last + stem,
    }


# --- capture


@pytest.mark.parametrize("mode", [torch.enable_grad, torch.no_grad, torch.inference_mode])
def test_in_place_operations_do_not_change_captured_outputs(images, mode):
    classifier = wrap(Small())
    expected = by_hand(classifier, images)
    with mode():
        got = layers.capture(classifier, images, expected)
    assert list(got) == [*expected, "logits"]
    for name, value in expected.items():
        torch.testing.assert_close(got[name], value, msg=name)
    assert (got["stage.0.bn"] < 0).any()


def test_capture_keeps_the_graph(images):
    classifier = wrap(Small())
    images.requires_grad_()
    for name, expected in by_hand(classifier, images).items():
        got = layers.capture(classifier, images, [name])
        weights = torch.randn_like(expected)
        (grad,) = torch.autograd.grad((got[name] * weights).sum(), images)
        (truth,) = torch.autograd.grad((expected * weights).sum(), images, retain_graph=True)
        torch.testing.assert_close(grad, truth, msg=name)
        assert grad.abs().max() > 0


def test_capture_has_no_side_effects(images):
    classifier = wrap(Small())
    names = [layer.name for layer in layers.list_layers(classifier, images)]
    before = classifier(images)
    marks = {name: torch.full_like(parameter, 7.0) for name, parameter in classifier.named_parameters()}
    for name, parameter in classifier.named_parameters():
        parameter.grad = marks[name].clone()
    random = torch.get_rng_state()
    got = layers.capture(classifier, images.requires_grad_(), names)
    after = got["logits"]
    torch.autograd.grad(sum(value.sum() for value in got.values()), images)
    penultimate.final_linear(classifier)
    penultimate.features(classifier)(images)
    assert torch.equal(before, after)
    assert torch.equal(random, torch.get_rng_state())
    assert all(torch.equal(parameter.grad, marks[name]) for name, parameter in classifier.named_parameters())
    assert hooks_left(classifier) == 0


class Fails(Small):
    def forward(self, x):
        if len(x) == 3:
            raise RuntimeError("three")
        return super().forward(x)


def test_exceptions_leave_no_hooks(images):
    classifier = wrap(Fails())
    features = penultimate.features(classifier)
    with pytest.raises(RuntimeError, match="three"):
        features(images[:3])
    with pytest.raises(RuntimeError, match="three"):
        layers.capture(classifier, images[:3], ["stem", "penultimate"])
    with pytest.raises(BadInput):
        layers.capture(classifier, images, ["stem", "stem#2"])
    with pytest.raises(RuntimeError, match="size of tensor"):
        layers.list_layers(classifier, torch.rand(1, 2, 8, 8))
    assert hooks_left(classifier) == 0
    assert len(features(images)) == 4


class Twice(nn.Module):
    """A module called twice, one that returns several tensors, and one on windows of images."""

    def __init__(self):
        super().__init__()
        self.shared = nn.Linear(8, 8)
        self.split = Split()
        self.window = nn.Linear(8, 8)
        self.table = Table()
        self.last_first = Transposed()
        self.head = nn.Linear(8, 5)

    def forward(self, x):
        x = x.mean(1)  # (n, 8, 8)
        x = torch.tanh(self.shared(torch.tanh(self.shared(x))))
        a, rest = self.split(x)
        x = a + rest["b"] + self.table(x)
        x = self.window(x.reshape(-1, 2, 8)).reshape(len(x), 8, 8)  # windows of two rows
        x = x + self.last_first(x.transpose(0, 1)).transpose(0, 1)
        return self.head(x.mean(1))


class Split(nn.Module):
    def forward(self, x):
        return x * 2, {"b": x * 3, "note": "not a tensor", "count": torch.tensor(3)}


class Table(nn.Module):
    """An output that does not depend on the images but whose two rows could pass for two images."""

    def __init__(self):
        super().__init__()
        self.rows = nn.Parameter(torch.randn(2, 1, 8))

    def forward(self, x):
        return self.rows.repeat(4, 1, 1).view(8, 8)


class Transposed(nn.Module):
    def forward(self, x):
        return torch.tanh(x)


def test_repeated_calls_tuples_and_windows(images):
    classifier = wrap(Twice())
    found = {layer.name: layer.shape for layer in layers.list_layers(classifier, images)}
    assert found == {
        "shared": (8, 8),
        "shared#2": (8, 8),
        "split": (8, 8),
        "split@2": (8, 8),
        "window": (4, 2, 8),
        "head": (5,),
        "penultimate": (8,),
    }
    net = classifier.net
    x = ((images - 0.4) / 0.5).mean(1)
    one = net.shared(x)
    two = net.shared(torch.tanh(one))
    split = torch.tanh(two)
    got = layers.capture(classifier, images, ["shared#2", "split@2", "window", "shared"])
    torch.testing.assert_close(got["shared"], one)
    torch.testing.assert_close(got["shared#2"], two)
    torch.testing.assert_close(got["split@2"], split * 3)
    windows = net.window((split * 5 + net.table(x)).reshape(4, 4, 2, 8))
    torch.testing.assert_close(got["window"], windows)


def test_capturing_a_layer_without_output_is_an_error(images):
    classifier = wrap(Twice())
    with pytest.raises(BadInput, match="layer 'nothing' is not in model of architecture 'toy'"):
        layers.capture(classifier, images, ["nothing"])
    with pytest.raises(BadInput, match="layer 'shared#3' of model of architecture 'toy' has no output with a row"):
        layers.capture(classifier, images, ["shared#3"])


# --- list and resolve


def test_layers_that_depend_on_the_batch_are_named_where_they_are_left_out(images, caplog):
    net = Small()
    net.stage[1].bn = nn.BatchNorm2d(6, track_running_stats=False)
    known = {layer.name for layer in layers.list_layers(wrap(net), images)}
    assert {"stage.0", "stage.1.conv1"} < known and not {"stage.1.bn", "stage.1", "fc"} & known
    assert "layers whose output depends on the batch are left out: stage.1.bn, stage.1.relu, " in caplog.text
    caplog.clear()
    layers.list_layers(wrap(Small()), images)
    assert not caplog.text


def test_layers_are_listed_in_forward_order(images):
    found = layers.list_layers(wrap(Small()), images)
    assert [(layer.name, layer.kind) for layer in found] == [
        ("stem", "conv"),
        *[
            (f"stage.{i}{name}", kind)
            for i in (0, 1)
            for name, kind in [
                (".conv1", "conv"),
                (".bn", "norm"),
                (".relu", "activation"),
                (".conv2", "conv"),
                ("", "block"),
            ]
        ],
        ("stage", "other"),
        ("pool", "pool"),
        ("penultimate", "penultimate"),
        ("fc", "linear"),
    ]
    assert found[0].shape == (6, 6, 6)
    assert found[-2].shape == (6,)


def test_layers_chosen_by_keyword_and_name(images):
    classifier = wrap(Small())
    assert layers.resolve(classifier, "penultimate", images) == ["penultimate"]
    assert layers.resolve(classifier, "blocks", images) == ["stage.0", "stage.1", "penultimate"]
    everything = layers.resolve(classifier, "all", images)
    # What enters the classifier is the pooled output, which `all` has once, and it stands before the classifier.
    listed = layers.list_layers(classifier, images)
    assert everything == [layer.name for layer in listed if layer.kind != "other" and layer.name != "pool"]
    assert everything[-2:] == ["penultimate", "fc"]
    assert {layer.name: layer.same_as for layer in listed if layer.same_as} == {"pool": "penultimate"}
    assert layers.resolve(classifier, ["penultimate", "stage", "blocks", "stem", "stem"], images) == [
        "stem",
        "stage.0",
        "stage.1",
        "stage",
        "penultimate",
    ]


class TwoStreams(nn.Module):
    """Blocks that return a pair of tensors."""

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two = nn.Linear(8, 8), nn.Linear(8, 8)

        def forward(self, pair):
            return self.one(pair[0]).tanh(), self.two(pair[1]).tanh()

    def __init__(self):
        super().__init__()
        self.blocks, self.head = nn.Sequential(self.Block(), self.Block()), nn.Linear(8, 5)

    def forward(self, x):
        one, two = self.blocks((x.mean((1, 2)), x.mean((1, 3))))
        return self.head(one + two)


def test_a_block_is_its_first_output(images):
    classifier = wrap(TwoStreams())
    kinds = {layer.name: layer.kind for layer in layers.list_layers(classifier, images)}
    assert (kinds["blocks.0"], kinds["blocks.0@2"]) == ("block", "other")
    assert layers.resolve(classifier, "blocks", images) == ["blocks.0", "blocks.1", "penultimate"]


def test_unknown_layers_are_an_error(images):
    classifier = wrap(Small())
    with pytest.raises(BadInput, match=r"layer 'stage.0.b' is not in model of architecture 'toy'.*stage\.0\.bn"):
        layers.resolve(classifier, ["stage.0.b"], images)
    with pytest.raises(BadInput, match="allowed are penultimate, blocks, all"):
        layers.resolve(classifier, "??", images)


class PatchNorm(nn.Sequential):
    """A module named like a norm that holds a linear map."""

    def __init__(self, width):
        super().__init__(nn.Conv2d(width, 4, 1), nn.BatchNorm2d(4))


def test_kinds_of_layers(images):
    net = nn.Sequential(PatchNorm(3), nn.Hardswish(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5))
    kinds = {layer.name: layer.kind for layer in layers.list_layers(wrap(net), images)}
    assert kinds == {
        "0.0": "conv",
        "0.1": "norm",
        "0": "other",
        "1": "activation",
        "2": "pool",
        "4": "linear",
        "penultimate": "penultimate",
    }


@pytest.mark.parametrize(
    ("architecture", "expected"),
    [
        ("kindred_vgg", ["features.2", "features.6", "features.10", "features.11"]),
        ("kindred_mixer", [f"blocks.{i}" for i in range(4)]),
        ("kindred_vit", [f"blocks.{i}" for i in range(4)]),
        ("test_resnet", [f"layer{i}.0" for i in range(1, 5)]),
        ("test_convnext2", [f"stages.{i}.blocks.0" for i in range(4)]),
        ("test_byobnet", [f"stages.{i}.0" for i in range(4)]),
    ],
)
def test_blocks_of_the_default_study(architecture, expected):
    classifier = timm_model(architecture)
    assert layers.resolve(classifier, "blocks", torch.rand(2, 1, 32, 32)) == [*expected, "penultimate"]


@pytest.mark.parametrize(
    ("architecture", "first", "count"),
    [
        ("regnetx_002", "s1.b1", 13),  # blocks are attributes of stages, not elements of a list
        ("ese_vovnet19b_slim_dw", "stages.0.blocks.0", 4),  # lists of convolutions inside blocks
        ("mobilevit_xxs", "stages.0.0", 19),  # blocks that hold transformer blocks
    ],
)
def test_blocks_of_unusual_networks(architecture, first, count):
    blocks = layers.resolve(timm_model(architecture), "blocks", torch.rand(2, 1, 32, 32))[:-1]
    assert blocks[0] == first
    assert len(blocks) == count


def test_plain_networks_use_activations_as_blocks(images):
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(True), nn.Flatten(), nn.Linear(144, 9), nn.Tanh(), nn.Linear(9, 5))
    assert layers.resolve(wrap(net), "blocks", images) == ["1", "4", "penultimate"]


def test_each_module_keeps_its_mode(images):
    classifier = wrap(Small()).train()
    classifier.net.stage[0].bn.eval()
    statistics = classifier.net.stage[1].bn.running_mean.clone()
    layers.list_layers(classifier, images)
    penultimate.features(classifier)
    penultimate.final_linear(classifier)
    assert not classifier.net.stage[0].bn.training
    assert all(m.training for m in classifier.modules() if m is not classifier.net.stage[0].bn)
    assert torch.equal(statistics, classifier.net.stage[1].bn.running_mean)


# --- a real network


def test_batch_norm_in_front_of_in_place_relu_in_a_resnet():
    """Unlike in the published code, the row of a norm is not that of the ReLU behind it."""
    classifier = timm_model("torchvision:resnet18", channels=3)
    images = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        got = layers.capture(classifier, images, ["bn1", "relu"])
    torch.testing.assert_close(got["relu"], F.relu(got["bn1"]))
    assert (got["bn1"] < 0).float().mean() > 0.2
