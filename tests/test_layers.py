"""What layers say, and what enters the last linear one."""

import dataclasses

import pytest
import torch
import torch.nn.functional as F
from kindred import layers, models
from kindred.errors import BadInput
from torch import nn

TOLD = models.Description(
    architecture="toy", classes=5, channels=3, size=8, input_size=8, mean=(0.4,) * 3, std=(0.5,) * 3
)


def wrap(net, **changes):
    return models.Classifier(net, dataclasses.replace(TOLD, **changes)).eval()


def timm_model(architecture, size=32, channels=1, classes=10, **arguments):
    told = models.Description(
        architecture=architecture,
        arguments=arguments,
        classes=classes,
        channels=channels,
        size=size,
        input_size=size,
        mean=(0.3,) * channels,
        std=(0.35,) * channels,
    )
    classifier = models.assemble(told).eval()
    randomise_heads(classifier)
    return classifier


def randomise_heads(classifier):
    """Many families begin with heads of zeros, with which any check of the logits would pass."""
    modules = dict(classifier.net.named_modules())
    for name, _ in layers._final(classifier).calls:
        nn.init.normal_(modules[name].weight)
        if modules[name].bias is not None:
            nn.init.normal_(modules[name].bias)


def hooks_left(classifier):
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in classifier.modules())


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.fixture()
def images():
    return torch.rand(4, 3, 8, 8)


class Residual(nn.Module):
    """Two steps that overwrite what came before: an in-place ReLU after a norm, and an in-place sum."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(6, 6, 3, padding=1)
        self.bn = nn.BatchNorm2d(6)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(6, 6, 3, padding=1)

    def forward(self, x):
        out = self.conv2(self.relu(self.bn(self.conv1(x))))
        out += x
        return out


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3)
        self.stage = nn.Sequential(Residual(), Residual())
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.drop = nn.Dropout(0.5)
        self.fc = nn.Linear(6, 5)

    def forward(self, x):
        x = self.pool(self.stage(self.stem(x)))
        return self.fc(self.drop(x.flatten(1)))


def by_hand(classifier, images):
    """The first block of Small, step by step and without in-place operations."""
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
def test_in_place_steps_leave_captured_layers_alone(images, mode):
    classifier = wrap(Small())
    expected = by_hand(classifier, images)
    with mode(), layers.capture(classifier, expected) as got:
        classifier(images)
    assert got.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(got[name], value, msg=name)
    assert (got["stage.0.bn"] < 0).any()


def test_capture_keeps_the_graph(images):
    classifier = wrap(Small())
    images.requires_grad_()
    for name, expected in by_hand(classifier, images).items():
        with layers.capture(classifier, [name]) as got:
            classifier(images)
        weights = torch.randn_like(expected)
        (grad,) = torch.autograd.grad((got[name] * weights).sum(), images)
        (truth,) = torch.autograd.grad((expected * weights).sum(), images, retain_graph=True)
        torch.testing.assert_close(grad, truth, msg=name)
        assert grad.abs().max() > 0


def test_capture_changes_nothing_else(images):
    classifier = wrap(Small())
    names = [layer.name for layer in layers.list_layers(classifier, images)]
    before = classifier(images)
    marks = {name: torch.full_like(parameter, 7.0) for name, parameter in classifier.named_parameters()}
    for name, parameter in classifier.named_parameters():
        parameter.grad = marks[name].clone()
    random = torch.get_rng_state()
    with layers.capture(classifier, names) as got:
        after = classifier(images.requires_grad_())
        torch.autograd.grad(sum(value.sum() for value in got.values()), images)
    layers.final_linear(classifier)
    layers.features(classifier)(images)
    assert torch.equal(before, after)
    assert torch.equal(random, torch.get_rng_state())
    assert all(torch.equal(parameter.grad, marks[name]) for name, parameter in classifier.named_parameters())
    assert hooks_left(classifier) == 0


def test_each_pass_refills(images):
    classifier = wrap(Small())
    with layers.capture(classifier, ["stem", "penultimate"]) as got:
        classifier(images)
        first = dict(got)
        classifier(images[:2] * 0.5)
        assert len(got["stem"]) == len(got["penultimate"]) == 2
    assert not torch.equal(first["stem"][:2], got["stem"])
    classifier(images)
    assert len(got["stem"]) == 2, "filled after the context's end"


class Fails(Small):
    def forward(self, x):
        if len(x) == 3:
            raise RuntimeError("three")
        return super().forward(x)


def test_exceptions_leave_no_hooks(images):
    classifier = wrap(Fails())
    penultimate = layers.features(classifier)
    with pytest.raises(RuntimeError, match="three"):
        penultimate(images[:3])
    with pytest.raises(RuntimeError, match="three"), layers.capture(classifier, ["stem", "penultimate"]):
        classifier(images[:3])
    with pytest.raises(BadInput), layers.capture(classifier, ["stem", "stem#2"]):
        classifier(images)
    with pytest.raises(ZeroDivisionError), layers.capture(classifier, ["stem"]):
        raise ZeroDivisionError
    with pytest.raises(RuntimeError, match="size of tensor"):
        layers.list_layers(classifier, torch.rand(1, 2, 8, 8))
    assert hooks_left(classifier) == 0
    assert len(penultimate(images)) == 4


class Twice(nn.Module):
    """A module called twice, one that returns several tensors, and one for windows of images."""

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
    """Does not depend on the images, and its two rows could be taken for two images."""

    def __init__(self):
        super().__init__()
        self.rows = nn.Parameter(torch.randn(2, 1, 8))

    def forward(self, x):
        return self.rows.repeat(4, 1, 1).view(8, 8)


class Transposed(nn.Module):
    def forward(self, x):
        return torch.tanh(x)


def test_calls_tuples_and_windows(images):
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
    with layers.capture(classifier, ["shared#2", "split@2", "window", "shared"]) as got:
        classifier(images)
    torch.testing.assert_close(got["shared"], one)
    torch.testing.assert_close(got["shared#2"], two)
    torch.testing.assert_close(got["split@2"], split * 3)
    windows = net.window((split * 5 + net.table(x)).reshape(4, 4, 2, 8))
    torch.testing.assert_close(got["window"], windows)


def test_capture_refuses_what_gives_nothing(images):
    classifier = wrap(Twice())
    absent = pytest.raises(BadInput, match="layer 'nothing' is not in model of architecture 'toy'")
    with absent, layers.capture(classifier, ["nothing"]):
        pass
    silent = pytest.raises(BadInput, match="layer 'shared#3' of model of architecture 'toy' gave no tensor")
    with silent, layers.capture(classifier, ["shared#3"]):
        classifier(images)


# --- list and resolve


def test_layers_in_forward_order(images):
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
        ("fc", "linear"),
        ("penultimate", "penultimate"),
    ]
    assert found[0].shape == (6, 6, 6)
    assert found[-1].shape == (6,)


def test_choices(images):
    classifier = wrap(Small())
    assert layers.resolve(classifier, "penultimate", images) == ["penultimate"]
    assert layers.resolve(classifier, "blocks", images) == ["stage.0", "stage.1", "penultimate"]
    everything = layers.resolve(classifier, "all", images)
    assert everything == [
        layer.name for layer in layers.list_layers(classifier, images) if layer.kind != "other"
    ]
    assert layers.resolve(classifier, ["penultimate", "stage", "blocks", "stem", "stem"], images) == [
        "stem",
        "stage.0",
        "stage.1",
        "stage",
        "penultimate",
    ]


def test_unknown_layers_are_refused(images):
    classifier = wrap(Small())
    with pytest.raises(
        BadInput, match=r"layer 'stage.0.b' is not in model of architecture 'toy'.*stage\.0\.bn"
    ):
        layers.resolve(classifier, ["stage.0.b"], images)
    with pytest.raises(BadInput, match="allowed are penultimate, blocks, all"):
        layers.resolve(classifier, "??", images)


class PatchNorm(nn.Sequential):
    """A norm by name that holds a linear map."""

    def __init__(self, width):
        super().__init__(nn.Conv2d(width, 4, 1), nn.BatchNorm2d(4))


def test_kinds(images):
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
def test_blocks_elsewhere(architecture, first, count):
    blocks = layers.resolve(timm_model(architecture), "blocks", torch.rand(2, 1, 32, 32))[:-1]
    assert blocks[0] == first
    assert len(blocks) == count


def test_plain_networks_offer_their_activations(images):
    net = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(True), nn.Flatten(), nn.Linear(144, 9), nn.Tanh(), nn.Linear(9, 5)
    )
    assert layers.resolve(wrap(net), "blocks", images) == ["1", "4", "penultimate"]


def test_each_module_keeps_its_mode(images):
    classifier = wrap(Small()).train()
    classifier.net.stage[0].bn.eval()
    statistics = classifier.net.stage[1].bn.running_mean.clone()
    layers.list_layers(classifier, images)
    layers.features(classifier)
    layers.final_linear(classifier)
    assert not classifier.net.stage[0].bn.training
    assert all(m.training for m in classifier.modules() if m is not classifier.net.stage[0].bn)
    assert torch.equal(statistics, classifier.net.stage[1].bn.running_mean)


# --- penultimate


def check_affine(classifier, images, tolerance=1e-4):
    """Logits must follow from the penultimate vector by the last linear map alone."""
    vectors, logits = layers.features(classifier)(images), classifier(images)
    weight, bias = layers.final_linear(classifier)
    assert weight.shape == (logits.shape[1], vectors.shape[1])
    assert bias.shape == (logits.shape[1],)
    assert logits.std() > 0
    error = (vectors @ weight.T + bias - logits).abs().max() / logits.abs().max()
    assert error < tolerance
    return vectors, weight, bias


def test_penultimate_is_what_enters_the_last_layer(images):
    classifier = wrap(Small())
    vectors, weight, bias = check_affine(classifier, images)
    assert torch.equal(weight, classifier.net.fc.weight)
    assert torch.equal(bias, classifier.net.fc.bias)
    with layers.capture(classifier, ["pool", "penultimate"]) as got:
        classifier(images)
    assert torch.equal(vectors, got["pool"].flatten(1))
    assert torch.equal(vectors, got["penultimate"])


def test_features_cost_one_pass_and_no_copy(images):
    classifier = wrap(Small())
    penultimate = layers.features(classifier)
    calls, entered = [], []
    classifier.net.stem.register_forward_hook(lambda *_: calls.append(1))
    classifier.net.fc.register_forward_hook(lambda _module, args, _output: entered.append(args[0]))
    vectors = penultimate(images)
    assert len(calls) == 1
    assert vectors.data_ptr() == entered[0].data_ptr()


def test_features_are_differentiable(images):
    classifier = wrap(Small()).requires_grad_(False)
    images.requires_grad_()
    (grad,) = torch.autograd.grad(layers.features(classifier)(images).square().sum(), images)
    net = classifier.net
    vectors = net.pool(net.stage(net.stem((images - 0.4) / 0.5))).flatten(1)
    (truth,) = torch.autograd.grad(vectors.square().sum(), images)
    torch.testing.assert_close(grad, truth)
    with torch.inference_mode():
        assert layers.features(classifier)(images).shape == (4, 6)


class Heads(nn.Module):
    """Heads whose logits are joined in various ways."""

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
    "half of the classes each": (
        lambda net, x: torch.cat([net.one(x)[:, :2], net.two(x.square())[:, 2:]], 1),
        14,
    ),
    "mean over tokens": (lambda net, x: net.one(torch.stack([x, x.square(), x.sin()], 1)).mean(1), 21),
    "one of three tokens": (lambda net, x: net.one(torch.stack([x, x.square(), x.sin()], 1))[:, 1], 7),
}


@pytest.mark.parametrize("name", JOINS)
def test_several_heads(images, name):
    join, width = JOINS[name]
    vectors, _, _ = check_affine(wrap(Heads(join)), images)
    assert vectors.shape == (4, width)


def test_a_convolution_may_come_last(images):
    net = nn.Sequential(
        nn.Conv2d(3, 6, 3), nn.ReLU(True), nn.AdaptiveAvgPool2d(1), nn.Conv2d(6, 5, 1), nn.Flatten()
    )
    _, weight, _ = check_affine(wrap(net), images)
    assert torch.equal(weight, net[3].weight.flatten(1))


def test_logits_that_are_not_affine(images):
    classifier = wrap(Heads(lambda net, x: net.one(x) + net.two(torch.stack([x, x.sin()], 1)).amax(1)))
    assert layers.features(classifier)(images).shape == (4, 7)
    with pytest.raises(BadInput, match="'toy' are no affine function of its penultimate vector"):
        layers.final_linear(classifier)
    behind_relu = wrap(Heads(lambda net, x: torch.relu(net.one(x))))
    assert layers.features(behind_relu)(images).shape == (4, 7)
    with pytest.raises(BadInput, match="no affine function"):
        layers.final_linear(behind_relu)
    product = wrap(Heads(lambda net, x: net.one(x) * net.two(x)))
    with pytest.raises(BadInput, match="no affine function"):
        layers.final_linear(product)


class Bent(nn.Linear):
    """Linear by name, not by deed."""

    def forward(self, x):
        return super().forward(x).square()


def test_what_only_the_graph_or_only_the_numbers_show(images):
    hidden = wrap(Heads(lambda net, x: net.one(x), first=Bent(7, 5)))
    assert layers._final(hidden).calls == [("one", 1)]
    assert layers._final(hidden).affine
    with pytest.raises(BadInput, match="no affine function"):
        layers.final_linear(hidden)
    product = wrap(Heads(lambda net, x: net.one(x) * net.two(x)))
    assert layers._final(product).calls == [("one", 1), ("two", 1)]
    assert not layers._final(product).affine
    faint = wrap(Heads(lambda net, x: net.one(x) + 1e-9 * x[:, :5]))
    with pytest.raises(BadInput, match="no affine function"):
        layers.final_linear(faint)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_last_layers_are_found_without_gradients_too(images, mode):
    classifier = wrap(Small())
    with mode():
        vectors = layers.features(classifier)(images)
        weight, _ = layers.final_linear(classifier)
    assert vectors.shape == (4, 6)
    assert torch.equal(weight, classifier.net.fc.weight)


def test_networks_without_linear_layers(images):
    with pytest.raises(BadInput, match="has no linear layer"):
        layers.features(wrap(nn.Sequential(nn.Flatten(), nn.ReLU())))
    with pytest.raises(BadInput, match="gives tuple instead of one tensor"):
        layers.features(wrap(Heads(lambda net, x: (net.one(x), x))))


def test_frozen_and_trainable_parameters_alike(images):
    classifier = wrap(Small())
    free = layers.features(classifier)(images)
    assert torch.equal(free, layers.features(classifier.requires_grad_(False))(images))


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
def test_penultimate_of_families(architecture, arguments):
    classifier = timm_model(architecture, **arguments).requires_grad_(False)
    images = torch.rand(3, 1, 32, 32, requires_grad=True)
    vectors, _, _ = check_affine(classifier, images)
    (grad,) = torch.autograd.grad(vectors.square().sum(), images)
    assert (grad.flatten(1).norm(dim=1) > 0).all()
    names = layers.resolve(classifier, "all", images)
    with layers.capture(classifier, names) as got, torch.inference_mode():
        classifier(images)
    assert set(got) == set(names)
    assert torch.equal(got["penultimate"], vectors)


def test_penultimate_of_a_distilled_transformer_has_both_tokens():
    small = {"embed_dim": 24, "depth": 2, "num_heads": 2}
    classifier = timm_model("deit_tiny_distilled_patch16_224", **small)
    images = torch.rand(2, 1, 32, 32)
    tokens = classifier.net.forward_features((images - 0.3) / 0.35)
    torch.testing.assert_close(layers.features(classifier)(images), tokens[:, :2].flatten(1))
    weight, _ = layers.final_linear(classifier)
    both = torch.cat([classifier.net.head.weight, classifier.net.head_dist.weight], dim=1) / 2
    torch.testing.assert_close(weight, both)


def test_bare_batch_norm_is_captured_in_a_real_network():
    """The trap of the published code: each norm's row would be that of the ReLU behind it."""
    classifier = timm_model("torchvision:resnet18", channels=3)
    images = torch.rand(2, 3, 32, 32)
    with torch.no_grad(), layers.capture(classifier, ["bn1", "relu"]) as got:
        classifier(images)
    torch.testing.assert_close(got["relu"], F.relu(got["bn1"]))
    assert (got["bn1"] < 0).float().mean() > 0.2


# --- every family, on demand: pytest -m slow -s tests/test_layers.py

# The smallest of each module of timm 1.0.31, and some special heads.
FAMILIES = """
    beit_base_patch16_224 halonet_h1 mobileone_s1 cait_xxs24_224 coat_tiny convit_tiny convmixer_768_32
    convnext_zepto_rms cpubone_nano crossvit_tiny_240 csatv2 cs3darknet_focus_s cspnext_tiny davit_tiny
    deepseek_vit_412m deit_tiny_distilled_patch16_224 densenet121 dla46x_c dpn48b edgenext_xx_small
    efficientformer_l1 efficientformerv2_s0 mobilenetv2_035 efficientvim_m1 efficientvit_b0 efficientvit_m0
    vit_tiny_patch16_dinov3_qkvb fasternet_t0 fastvit_t8 focalnet_tiny_srf gcvit_xxtiny gemma4_vit_167m
    ghostnet_050 hardcorenas_b hgnetv2_b0 hiera_tiny_224 sam2_hiera_tiny hrnet_w18_small iformer_t
    inception_next_atto inception_resnet_v2 inception_v3 inception_v4 lcnetv2_small levit_128s lowformer_b0
    mambaout_femto maxvit_pico_rw_256 poolformerv2_s12 gmlp_ti16_224 lcnet_035 mobilenetv5_base
    mobilevit_xxs mvitv2_tiny naflexvit_base_patch16_parfac_gap nasnetalarge nest_tiny nextvit_small
    nf_regnet_b0 pit_ti_224 pnasnet5large pvt_v2_b0 qwen3_vit_88m rdnet_tiny regnetx_002 repghostnet_050
    repvit_m1 res2next50 resnest14d resnet10t resnetv2_18 rexnet_100 selecsls42 legacy_seresnet18
    sequencer2d_s shvit_s1 skresnet18 starnet_s050 swiftformer_xs swin_tiny_patch4_window7_224
    swinv2_tiny_window8_256 swinv2_cr_tiny_224 tiny_vit_5m_224 tnt_s_legacy_patch16_224 tresnet_m
    twins_svt_small vgg11_bn visformer_tiny vit_tiny_patch16_224 vit_tiny_r_s16_p8_224
    vit_srelpos_small_patch16_224 samvit_base_patch16_224 vitamin_small_224 volo_d1_224
    ese_vovnet19b_slim_dw legacy_xception xception41p xcit_nano_12_p8_224
    resnet50_clip mobilenetv3_small_050 resmlp_12_224 mixer_s32_224 dm_nfnet_f0 vit_base_patch16_siglip_224
    torchvision:resnet18 torchvision:vgg11 torchvision:densenet121 torchvision:mobilenet_v2 torchvision:mnasnet0_5
    torchvision:shufflenet_v2_x0_5 torchvision:swin_t torchvision:vit_b_16 torchvision:squeezenet1_0
"""
# Deep transformers of one width throughout are cut to two blocks.
SHALLOW = (
    "beit",
    "eva",
    "vit_tiny_patch16_dinov3",
    "naflexvit",
    "qwen3",
    "samvit",
    "deepseek",
    "gemma4",
    "tnt",
)
CHECKS = ("forward", "gradient", "layers", "capture", "blocks", "affine")
NOT_AFFINE = {
    "volo_d1_224",  # adds the maximum over an auxiliary head
    "torchvision:squeezenet1_0",  # a ReLU comes last
}


def _at_a_size_it_takes(architecture):
    arguments = {"depth": 2} if architecture.startswith(SHALLOW) else {}
    for size in (64, 224, 240, 256):
        try:
            classifier = timm_model(architecture, size=size, channels=3, **arguments).requires_grad_(False)
            classifier(torch.rand(1, 3, size, size))
            return classifier, size
        except (BadInput, RuntimeError, AssertionError, ValueError):
            continue
    return None, 0


def _check_family(architecture):
    """Which of CHECKS hold, and the numbers of layers, blocks and penultimate features."""
    classifier, size = _at_a_size_it_takes(architecture)
    if classifier is None:
        return {}, "cannot be run"
    images = torch.rand(2, 3, size, size, requires_grad=True)
    logits = classifier(images)
    found = layers.list_layers(classifier, images)
    blocks = layers.resolve(classifier, "blocks", images)[:-1]
    names = [layer.name for layer in found]
    with layers.capture(classifier, names) as got, torch.inference_mode():
        classifier(images)
    vectors = layers.features(classifier)(images)
    (grad,) = torch.autograd.grad((vectors * torch.randn_like(vectors)).sum(), images)
    holds = {
        "forward": logits.shape == (2, 10) and bool(logits.isfinite().all()),
        "gradient": bool((grad.flatten(1).norm(dim=1) > 0).all() and grad.isfinite().all()),
        "layers": len(names) == len(set(names)) > 10 and not any("/" in name for name in names),
        "capture": all(got[layer.name].shape == (2, *layer.shape) for layer in found),
        "blocks": len(blocks) > 1,
    }
    try:
        check_affine(classifier, images)
        holds["affine"] = True
    except BadInput:
        holds["affine"] = False
    return (
        holds,
        f"{len(names):5d} layers {len(blocks):4d} blocks {vectors.shape[1]:6d} features at {size} px",
    )


@pytest.mark.slow
def test_every_family(capsys):
    failures = {}
    for architecture in FAMILIES.split():
        holds, numbers = _check_family(architecture)
        failed = {check for check in CHECKS if not holds.get(check)}
        with capsys.disabled():
            print(
                f"{architecture:36s} {numbers}  {'FAILED: ' + ', '.join(sorted(failed)) if failed else 'ok'}"
            )
        if failed:
            failures[architecture] = failed
    assert failures == {name: {"affine"} for name in NOT_AFFINE}
