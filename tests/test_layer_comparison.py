"""Layer comparison within a memory limit: values against float64, layers in parts, principal components."""

import math

import numpy as np
import pytest
import torch
from kindred.activations import layer_choice, streaming
from kindred.activations.layers import capture
from kindred.activations.streaming import passes
from kindred.models import classifiers
from kindred.similarity import layer_comparison
from kindred.similarity.cka import cka
from kindred.similarity.gram import Precision, pack
from kindred.similarity.minibatches import minibatch_cka
from kindred.similarity.strata import strata_of
from kindred.workflow.errors import BadInput
from nets import Residual, Small, wrap
from torch import Tensor

CPU = torch.device("cpu")
SETTINGS = {"minibatch": {"size": 12, "passes": 2, "seed": 0}, "bandwidth": 0.5}


def classifier(architecture: str = "kindred_wrn", **arguments: int) -> classifiers.Classifier:
    torch.manual_seed(0)
    arguments = arguments or {"depth": 10, "width": 1}
    description = classifiers.Description(architecture, 10, 1, 16, 16, (0.5,), (0.25,), arguments)
    return classifiers.assemble(description).eval().requires_grad_(False)


def pixels(n: int = 40) -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 1, (n, 1, 16, 16)).astype(np.float32)


def hsic(x: np.ndarray, y: np.ndarray) -> float:
    """Song et al. 2012, equation 5, in float64 and term by term."""
    k, q = x @ x.T, y @ y.T
    n = len(k)
    np.fill_diagonal(k, 0)
    np.fill_diagonal(q, 0)
    cross = (k * q).sum() + k.sum() * q.sum() / (n - 1) / (n - 2) - 2 * (k.sum(0) * q.sum(0)).sum() / (n - 2)
    return cross / (n * (n - 3))


def captured(model: classifiers.Classifier, layers: list[str], images: np.ndarray) -> list[np.ndarray]:
    with torch.no_grad():
        outputs = capture(model, torch.from_numpy(images), layers)
    return [outputs[layer].flatten(1).double().numpy() for layer in layers]


@pytest.fixture(scope="module")
def observation() -> streaming.Observation:
    model = classifier()
    layers = layer_choice.select(model, "all", 1.0, torch.from_numpy(pixels(1)))
    return streaming.Observation("wrn", model, pixels(), layers)


@pytest.mark.parametrize("memory", [2**28, 40 * 4 * 1500])
def test_values_agree_with_float64_at_any_memory_limit(observation: streaming.Observation, memory: int) -> None:
    def show(chosen: Tensor | None):  # type: ignore[no-untyped-def]
        part = observation if chosen is None else observation.of(chosen.numpy())
        return streaming.features(part, CPU, memory)

    measures = ["cka_debiased", "cka_minibatch"]
    count = len(observation.layers)
    found, share = layer_comparison.compare(show, count, 40, measures, SETTINGS, 2**30)
    raw = captured(observation.classifier, list(observation.layers), observation.pixels)
    centred = [x - x.mean(0) for x in raw]
    for i, j in ((0, 3), (2, 17), (5, count - 1)):
        x, y = centred[i], centred[j]
        expected = hsic(x, y) / math.sqrt(hsic(x, x) * hsic(y, y))
        assert found["cka_debiased"]["value"][i, j] == pytest.approx(expected, abs=1e-4)
    whole = minibatch_cka([torch.from_numpy(x).float() for x in raw], 12, 2, 0)
    np.testing.assert_allclose(found["cka_minibatch"]["value"], whole, atol=1e-4)
    for i in (0, 4, count - 1):
        spectrum = np.linalg.svd(centred[i], compute_uv=False) ** 2
        assert share["value"][i] == pytest.approx(spectrum[0] / spectrum.sum(), abs=1e-5)


def test_passes_hold_no_more_columns_than_fit(observation: streaming.Observation) -> None:
    room = 40 * 4 * 130
    widths, _ = streaming._widths(observation, CPU)
    dealt = passes(widths, 40, room)
    assert all(sum(hi - lo for _, lo, hi in part) <= 130 for part in dealt)
    covered = [0] * len(widths)
    for part in dealt:
        for layer, lo, hi in part:
            assert covered[layer] == lo  # in order, no column twice, none left out
            covered[layer] = hi
    assert covered == widths
    assert len(dealt) == -(-sum(widths) // 130)
    assert all(part.shape[1] <= 130 for layer in streaming.features(observation, CPU, room) for part in layer)


def test_passes_hold_at_least_one_column() -> None:
    assert passes([2, 1], 1000, 1) == [[(0, 0, 1)], [(0, 1, 2)], [(1, 0, 1)]]


@pytest.mark.parametrize(("precision", "close"), [("float32", 1e-6), ("bfloat16", 2e-2)])
def test_a_layer_in_parts_gives_the_same_gram_matrix(precision: Precision, close: float) -> None:
    x = torch.randn(20, 30, generator=torch.Generator().manual_seed(0))
    y = torch.randn(20, 4, generator=torch.Generator().manual_seed(1))
    parted = pack(iter([iter([x[:, :7], x[:, 7:8], x[:, 8:]]), iter([y])]), precision=precision, count=2)
    whole = pack([x, y])
    np.testing.assert_allclose(cka(parted), cka(whole), atol=close)
    torch.testing.assert_close(parted.trace, whole.trace, rtol=close, atol=0)


def test_gram_matrices_beyond_memory_are_an_error_before_any_pass() -> None:
    def never(_: Tensor | None):  # type: ignore[no-untyped-def]
        raise AssertionError

    with pytest.raises(BadInput, match=r"Gram matrices of 80 layers on 10,000 images take .* `memory` is 1 GiB"):
        layer_comparison.compare(never, 80, 10_000, ["cka_debiased"], SETTINGS, 2**30)


def test_unknown_measures_are_an_error() -> None:
    message = "layers cannot be compared by 'stir'; it must be one of cka_debiased, cka_biased, cka_rbf, cka_minibatch"
    with pytest.raises(BadInput, match=message):
        layer_comparison.compare(lambda _: [], 2, 10, ["cka_debiased", "stir"], SETTINGS, 2**30)


def test_flatten_averages_over_spatial_positions() -> None:
    x = torch.randn(2, 3, 5, 5)
    torch.testing.assert_close(streaming.flatten(x, True), x.mean(dim=(2, 3)))
    last = x.permute(0, 2, 3, 1)
    torch.testing.assert_close(streaming.flatten(last, True), x.mean(dim=(2, 3)))
    tokens = torch.randn(2, 7, 4)
    torch.testing.assert_close(streaming.flatten(tokens, True), tokens.mean(dim=1))
    assert streaming.flatten(tokens, False).shape == (2, 28)
    assert streaming.flatten(torch.randn(2, 9), True).shape == (2, 9)


def test_wrn_28_4_has_80_layers_as_in_the_paper() -> None:
    about = classifiers.Description("kindred_wrn", 10, 3, 32, 32, (0.5,) * 3, (0.25,) * 3)
    wide = classifiers.assemble(about).eval()
    chosen = layer_choice.select(wide, "paper", 1.0, torch.rand(1, 3, 32, 32))
    assert len(chosen) == 80 and classifiers.count_parameters(wide) == pytest.approx(5.85e6, rel=0.01)
    assert chosen[0] == "conv1" and chosen[-1] == "fc"
    assert sum("relu" in name for name in chosen) == 25
    assert not {"penultimate", "block1.0"} & set(chosen)
    tenth = layer_choice.select(wide, "paper", 0.1, torch.rand(1, 3, 32, 32))
    assert len(tenth) == 8 and tenth[0] == "conv1" and tenth[-1] == "fc"


def test_in_place_relu_changes_captured_layers_only_without_copies() -> None:
    model = classifier()
    layers = ["block1.0.bn1", "block1.0.relu1"]
    outputs = {}
    for copied in (True, False):
        one = streaming.Observation("wrn", model, pixels(6), layers, copied=copied)
        outputs[copied] = [torch.cat(list(parts), dim=1) for parts in streaming.features(one, CPU, 2**28)]
    before, after = outputs[True]
    assert float(before.min()) < 0 <= float(after.min())
    torch.testing.assert_close(after, before.clamp(min=0))
    assert torch.equal(*outputs[False]) and torch.equal(outputs[False][0], after)


def test_non_finite_activations_name_model_and_layer(observation: streaming.Observation) -> None:
    model = classifier()
    with torch.no_grad():
        model.net.block1[0].bn2.weight.fill_(float("nan"))
    one = streaming.Observation("broken", model, pixels(6), ["conv1", "block1.0.bn2"])
    with pytest.raises(BadInput, match=r"'broken' has NaN or infinite activations at layer 'block1.0.bn2'"):
        [list(parts) for parts in streaming.features(one, CPU, 2**28)]


def test_principal_share_of_several_block_rows() -> None:
    draw = torch.Generator().manual_seed(0)
    layers = [torch.randn(300, p, generator=draw) * torch.rand(p, generator=draw) for p in (5, 40)]
    spectra = [np.linalg.svd((x - x.mean(0)).double().numpy(), compute_uv=False) ** 2 for x in layers]
    expected = [spectrum[0] / spectrum.sum() for spectrum in spectra]
    np.testing.assert_allclose(layer_comparison.principal_share(pack(layers))["value"], expected, atol=1e-5)


def test_principal_share_of_a_constant_layer_is_undefined() -> None:
    share = layer_comparison.principal_share(pack([torch.ones(10, 3), torch.randn(10, 1)]))
    assert math.isnan(share["value"][0]) and math.isnan(share["error"][0])
    assert share["value"][1] == pytest.approx(1, abs=1e-6) and share["error"][1] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("classes", [None, np.arange(60) ** 2 % 3])
def test_the_error_of_the_principal_share_is_that_of_leaving_images_out(classes: np.ndarray | None) -> None:
    draws = np.random.default_rng(0)
    layers = [draws.normal(size=(60, 8)) * scales + offset for scales, offset in (([3] + 7 * [1], 5), (8 * [1], 0))]

    def share(x: np.ndarray) -> float:
        spectrum = np.linalg.svd(x - x.mean(0), compute_uv=False) ** 2
        return float(spectrum[0] / spectrum.sum())

    left_out = np.array([[share(np.delete(x, image, axis=0)) for image in range(60)] for x in layers])
    expected = np.sqrt(59 * left_out.var(axis=1))
    if classes is not None:  # a class has its share of all images, and each of its images one of those that are left
        of_class = [left_out[:, classes == each] for each in range(3)]
        parts = [(len(one.T) / 60 * 59) ** 2 * one.var(axis=1) / (len(one.T) - 1) for one in of_class if one.size]
        expected = np.sqrt(np.sum(parts, axis=0))
    strata = None if classes is None else strata_of(classes, fewest=1)
    found = layer_comparison.principal_share(pack([torch.from_numpy(x).float() for x in layers]), strata)["error"]
    # To first order; the second layer has eight directions of nearly the same variance, the hardest case.
    assert found[0] == pytest.approx(expected[0], rel=0.05)
    assert expected[1] == pytest.approx(found[1], rel=0.5)


def test_models_of_one_network_have_the_same_layers() -> None:
    """Where a snapshot's activation passes everything on, its output is another's, which `all` has once."""
    torch.manual_seed(0)
    trained, untrained = wrap(Small()), wrap(Small())
    with torch.no_grad():
        untrained.net.stage[0].bn.bias.fill_(100.0)  # the activation after it changes nothing
    example = torch.rand(1, 3, 8, 8)
    one, same = (layer_choice.select(each, "all", 1.0, example) for each in (trained, untrained))
    assert set(one) - set(same) == {"stage.0.relu"}
    wider = Small()
    wider.stage.append(Residual())
    models = {"0": untrained, "last": trained, "other": wrap(wider, architecture="wider")}
    found = layer_choice.of_models(models, "all", 1.0, example)
    assert found["0"] == found["last"] == one and "stage.2" in found["other"]
