"""Penultimate features: the input of the last linear layers."""

import pytest
import torch
from kindred.activations import layers, penultimate
from kindred.workflow.errors import BadInput
from nets import Small, timm_model, wrap
from torch import nn


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.fixture()
def images():
    return torch.rand(4, 3, 8, 8)


def check_affine(classifier, images, tolerance=1e-4):
    """Check that the logits follow from the penultimate features by the last linear map alone."""
    vectors, logits = penultimate.features(classifier)(images), classifier(images)
    weight, bias = penultimate.final_linear(classifier)
    assert weight.shape == (logits.shape[1], vectors.shape[1])
    assert bias.shape == (logits.shape[1],)
    assert logits.std() > 0
    error = (vectors @ weight.T + bias - logits).abs().max() / logits.abs().max()
    assert error < tolerance
    return vectors, weight, bias


def test_penultimate_features_are_the_input_of_the_last_layer(images):
    classifier = wrap(Small())
    vectors, weight, bias = check_affine(classifier, images)
    assert torch.equal(weight, classifier.net.fc.weight)
    assert torch.equal(bias, classifier.net.fc.bias)
    got = layers.capture(classifier, images, ["pool", "penultimate"])
    assert torch.equal(vectors, got["pool"].flatten(1))
    assert torch.equal(vectors, got["penultimate"])


def test_features_cost_one_pass_and_no_copy(images):
    classifier = wrap(Small())
    features = penultimate.features(classifier)
    calls, entered = [], []
    classifier.net.stem.register_forward_hook(lambda *_: calls.append(1))
    classifier.net.fc.register_forward_hook(lambda _module, args, _output: entered.append(args[0]))
    vectors = features(images)
    assert len(calls) == 1
    assert vectors.data_ptr() == entered[0].data_ptr()


def test_features_are_differentiable(images):
    classifier = wrap(Small()).requires_grad_(False)
    images.requires_grad_()
    (grad,) = torch.autograd.grad(penultimate.features(classifier)(images).square().sum(), images)
    net = classifier.net
    vectors = net.pool(net.stage(net.stem((images - 0.4) / 0.5))).flatten(1)
    (truth,) = torch.autograd.grad(vectors.square().sum(), images)
    torch.testing.assert_close(grad, truth)
    with torch.inference_mode():
        assert penultimate.features(classifier)(images).shape == (4, 6)


class Heads(nn.Module):
    """Two heads whose logits are combined by a function."""

    def __init__(self, join, first=None, second=None):
        super().__init__()
        self.body = nn.Linear(192, 7)
        self.one = first or nn.Linear(7, 5)
        self.two = second or nn.Linear(7, 5)
        self.join = join

    def forward(self, x):
        x = torch.relu(self.body(x.flatten(1)))
        return self.join(self, x)


JOINS = {
    "mean of two vectors": (lambda net, x: (net.one(x) + net.two(x.square())) / 2, 14),
    "stacked": (lambda net, x: torch.stack([net.one(x), net.two(x.square())]).mean(0), 14),
    "one vector, two heads": (lambda net, x: 0.3 * net.one(x) - net.two(x), 7),
    "one head, two vectors": (lambda net, x: net.one(x) + net.one(x.square()), 14),
    "half of the classes each": (lambda net, x: torch.cat([net.one(x)[:, :2], net.two(x.square())[:, 2:]], 1), 14),
    "mean over tokens": (lambda net, x: net.one(torch.stack([x, x.square(), x.sin()], 1)).mean(1), 21),
    "one of three tokens": (lambda net, x: net.one(torch.stack([x, x.square(), x.sin()], 1))[:, 1], 7),
}


@pytest.mark.parametrize("name", JOINS)
def test_several_heads_are_one_affine_map(images, name):
    join, width = JOINS[name]
    vectors, _, _ = check_affine(wrap(Heads(join)), images)
    assert vectors.shape == (4, width)


def test_a_convolution_may_come_last(images):
    net = nn.Sequential(nn.Conv2d(3, 6, 3), nn.ReLU(True), nn.AdaptiveAvgPool2d(1), nn.Conv2d(6, 5, 1), nn.Flatten())
    _, weight, _ = check_affine(wrap(net), images)
    assert torch.equal(weight, net[3].weight.flatten(1))


def test_logits_that_are_not_affine_are_an_error(images):
    classifier = wrap(Heads(lambda net, x: net.one(x) + net.two(torch.stack([x, x.sin()], 1)).amax(1)))
    assert penultimate.features(classifier)(images).shape == (4, 7)
    with pytest.raises(BadInput, match="'toy' are not an affine function of its penultimate features"):
        penultimate.final_linear(classifier)
    behind_relu = wrap(Heads(lambda net, x: torch.relu(net.one(x))))
    assert penultimate.features(behind_relu)(images).shape == (4, 7)
    with pytest.raises(BadInput, match="not an affine function"):
        penultimate.final_linear(behind_relu)
    product = wrap(Heads(lambda net, x: net.one(x) * net.two(x)))
    with pytest.raises(BadInput, match="not an affine function"):
        penultimate.final_linear(product)


class Bent(nn.Linear):
    """A linear layer by class whose output is not linear."""

    def forward(self, x):
        return super().forward(x).square()


def test_affinity_is_checked_in_the_graph_and_in_the_values(images):
    hidden = wrap(Heads(lambda net, x: net.one(x), first=Bent(7, 5)))
    assert penultimate.final_calls(hidden).calls == [("one", 1)]
    assert penultimate.final_calls(hidden).affine
    with pytest.raises(BadInput, match="not an affine function"):
        penultimate.final_linear(hidden)
    product = wrap(Heads(lambda net, x: net.one(x) * net.two(x)))
    assert penultimate.final_calls(product).calls == [("one", 1), ("two", 1)]
    assert not penultimate.final_calls(product).affine
    faint = wrap(Heads(lambda net, x: net.one(x) + 1e-9 * x[:, :5]))
    with pytest.raises(BadInput, match="not an affine function"):
        penultimate.final_linear(faint)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_last_layers_are_found_when_gradients_are_off(images, mode):
    classifier = wrap(Small())
    with mode():
        vectors = penultimate.features(classifier)(images)
        weight, _ = penultimate.final_linear(classifier)
    assert vectors.shape == (4, 6)
    assert torch.equal(weight, classifier.net.fc.weight)


def test_networks_without_linear_layers_or_one_tensor_of_logits(images):
    with pytest.raises(BadInput, match="has no linear layer"):
        penultimate.features(wrap(nn.Sequential(nn.Flatten(), nn.ReLU())))
    with pytest.raises(BadInput, match="is a tuple; it must be one tensor of logits"):
        penultimate.features(wrap(Heads(lambda net, x: (net.one(x), x))))


def test_frozen_parameters_give_the_same_features(images):
    classifier = wrap(Small())
    free = penultimate.features(classifier)(images)
    assert torch.equal(free, penultimate.features(classifier.requires_grad_(False))(images))


@pytest.mark.parametrize(
    ("architecture", "arguments"),
    [
        ("kindred_vgg", {}),
        ("kindred_mixer", {}),
        ("kindred_vit", {}),
        ("test_resnet", {}),
        ("test_convnext2", {}),
        ("test_mambaout", {}),
        ("test_byobnet", {}),
        ("test_efficientnet", {}),
        ("test_nfnet", {}),
        ("deit_tiny_distilled_patch16_224", {"embed_dim": 24, "depth": 2, "num_heads": 2}),
        ("xcit_nano_12_p16_224", {"depth": 2}),
        ("lcnet_035", {}),
    ],
)
def test_penultimate_features_of_network_families(architecture, arguments):
    classifier = timm_model(architecture, **arguments).requires_grad_(False)
    images = torch.rand(3, 1, 32, 32, requires_grad=True)
    vectors, _, _ = check_affine(classifier, images)
    (grad,) = torch.autograd.grad(vectors.square().sum(), images)
    assert (grad.flatten(1).norm(dim=1) > 0).all()
    names = layers.resolve(classifier, "all", images)
    with torch.inference_mode():
        got = layers.capture(classifier, images, names)
    assert list(got) == [*names, "logits"]
    assert torch.equal(got["penultimate"], vectors)


def test_penultimate_features_of_a_distilled_transformer_are_both_tokens():
    small = {"embed_dim": 24, "depth": 2, "num_heads": 2}
    classifier = timm_model("deit_tiny_distilled_patch16_224", **small)
    images = torch.rand(2, 1, 32, 32)
    tokens = classifier.net.forward_features((images - 0.3) / 0.35)
    torch.testing.assert_close(penultimate.features(classifier)(images), tokens[:, :2].flatten(1))
    weight, _ = penultimate.final_linear(classifier)
    both = torch.cat([classifier.net.head.weight, classifier.net.head_dist.weight], dim=1) / 2
    torch.testing.assert_close(weight, both)
