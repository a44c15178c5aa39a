"""Layers against layers within a bound on memory: values against float64, parts of layers, components, estimators."""

import math

import numpy as np
import pytest
import torch
from kindred import layerchoice, looks, models, streams
from kindred.cka import cka, minibatch_cka
from kindred.errors import BadInput
from kindred.gram import Precision, pack
from kindred.layers import capture
from kindred.passes import passes
from torch import Tensor

CPU = torch.device("cpu")
SETTINGS = {"minibatch": {"size": 12, "passes": 2, "seed": 0}, "bandwidth": 0.5}


def classifier(architecture: str = "kindred_wrn", **arguments: int) -> models.Classifier:
    torch.manual_seed(0)
    arguments = arguments or {"depth": 10, "width": 1}
    about = models.Description(architecture, 10, 1, 16, 16, (0.5,), (0.25,), arguments)
    return models.assemble(about).eval().requires_grad_(False)


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


def captured(model: models.Classifier, layers: list[str], shown: np.ndarray) -> list[np.ndarray]:
    with capture(model, layers) as seen, torch.no_grad():
        model(torch.from_numpy(shown))
    return [seen[layer].flatten(1).double().numpy() for layer in layers]


@pytest.fixture(scope="module")
def observed() -> streams.Observation:
    model = classifier()
    layers = layerchoice.select(model, "all", 1.0, torch.from_numpy(pixels(1)))
    return streams.Observation("wrn", model, pixels(), layers)


@pytest.mark.parametrize("memory", [2**28, 40 * 4 * 1500])
def test_values_agree_with_float64_however_little_memory_there_is(
    observed: streams.Observation, memory: int
) -> None:
    def show(chosen: Tensor | None):  # type: ignore[no-untyped-def]
        some = observed if chosen is None else observed.of(chosen.numpy())
        return streams.features(some, CPU, memory)

    measures = ["cka_debiased", "cka_minibatch"]
    count = len(observed.layers)
    found, share = looks.compare(show, count, 40, measures, SETTINGS, 2**30)
    raw = captured(observed.classifier, list(observed.layers), observed.pixels)
    centred = [x - x.mean(0) for x in raw]
    for i, j in ((0, 3), (2, 17), (5, count - 1)):
        x, y = centred[i], centred[j]
        expected = hsic(x, y) / math.sqrt(hsic(x, x) * hsic(y, y))
        assert found["cka_debiased"][i, j] == pytest.approx(expected, abs=1e-4)
    whole = minibatch_cka([torch.from_numpy(x).float() for x in raw], 12, 2, 0)
    np.testing.assert_allclose(found["cka_minibatch"], whole, atol=1e-4)
    for i in (0, 4, count - 1):
        spectrum = np.linalg.svd(centred[i], compute_uv=False) ** 2
        assert share[i] == pytest.approx(spectrum[0] / spectrum.sum(), abs=1e-5)


def test_no_more_is_held_than_allowed(observed: streams.Observation) -> None:
    room = 40 * 4 * 130
    widths, _ = streams._widths(observed, CPU)
    dealt = passes(widths, 40, room)
    assert all(sum(hi - lo for _, lo, hi in some) <= 130 for some in dealt)
    covered = [0] * len(widths)
    for some in dealt:
        for layer, lo, hi in some:
            assert covered[layer] == lo  # in order, nothing twice and nothing left out
            covered[layer] = hi
    assert covered == widths
    assert len(dealt) == -(-sum(widths) // 130)
    assert all(part.shape[1] <= 130 for layer in streams.features(observed, CPU, room) for part in layer)


def test_a_column_at_least_is_held() -> None:
    assert passes([2, 1], 1000, 1) == [[(0, 0, 1)], [(0, 1, 2)], [(1, 0, 1)]]


@pytest.mark.parametrize(("precision", "close"), [("float32", 1e-6), ("bfloat16", 2e-2)])
def test_parts_of_a_layer_are_the_layer(precision: Precision, close: float) -> None:
    x = torch.randn(20, 30, generator=torch.Generator().manual_seed(0))
    y = torch.randn(20, 4, generator=torch.Generator().manual_seed(1))
    parted = pack(iter([iter([x[:, :7], x[:, 7:8], x[:, 8:]]), iter([y])]), precision=precision)
    whole = pack([x, y])
    np.testing.assert_allclose(cka(parted), cka(whole), atol=close)
    torch.testing.assert_close(parted.trace, whole.trace, rtol=close, atol=0)
    with pytest.raises(BadInput, match=r"layer 1 .* has no features"):
        pack([x, []])


def test_gram_matrices_that_do_not_fit_are_told_before_anything_is_shown() -> None:
    def never(_: Tensor | None):  # type: ignore[no-untyped-def]
        raise AssertionError

    with pytest.raises(
        BadInput, match=r"Gram matrices of 80 layers on 10,000 images take .* cianfarani.memory is 1 GiB"
    ):
        looks.compare(never, 80, 10_000, ["cka_debiased"], SETTINGS, 2**30)


def test_averaging_over_places() -> None:
    x = torch.randn(2, 3, 5, 5)
    torch.testing.assert_close(streams.flatten(x, True), x.mean(dim=(2, 3)))
    last = x.permute(0, 2, 3, 1)
    torch.testing.assert_close(streams.flatten(last, True), x.mean(dim=(2, 3)))
    tokens = torch.randn(2, 7, 4)
    torch.testing.assert_close(streams.flatten(tokens, True), tokens.mean(dim=1))
    assert streams.flatten(tokens, False).shape == (2, 28)
    assert streams.flatten(torch.randn(2, 9), True).shape == (2, 9)


def test_the_papers_list_of_wrn_28_4_has_80_layers() -> None:
    about = models.Description("kindred_wrn", 10, 3, 32, 32, (0.5,) * 3, (0.25,) * 3)
    wide = models.assemble(about).eval()
    chosen = layerchoice.select(wide, "paper", 1.0, torch.rand(1, 3, 32, 32))
    assert len(chosen) == 80 and models.count_parameters(wide) == pytest.approx(5.85e6, rel=0.01)
    assert chosen[0] == "conv1" and chosen[-1] == "fc"
    assert sum("relu" in name for name in chosen) == 25
    assert not {"penultimate", "block1.0"} & set(chosen)
    tenth = layerchoice.select(wide, "paper", 0.1, torch.rand(1, 3, 32, 32))
    assert len(tenth) == 8 and tenth[0] == "conv1" and tenth[-1] == "fc"


def test_in_place_relu_does_not_corrupt_captured_layers_but_where_the_paper_is_followed() -> None:
    model = classifier()
    layers = ["block1.0.bn1", "block1.0.relu1"]
    said = {}
    for copied in (True, False):
        one = streams.Observation("wrn", model, pixels(6), layers, copied=copied)
        said[copied] = [torch.cat(list(parts), dim=1) for parts in streams.features(one, CPU, 2**28)]
    before, after = said[True]
    assert float(before.min()) < 0 <= float(after.min())
    torch.testing.assert_close(after, before.clamp(min=0))
    assert torch.equal(*said[False]) and torch.equal(said[False][0], after)


def test_broken_numbers_name_model_and_layer(observed: streams.Observation) -> None:
    model = classifier()
    with torch.no_grad():
        model.net.block1[0].bn2.weight.fill_(float("nan"))
    one = streams.Observation("broken", model, pixels(6), ["conv1", "block1.0.bn2"])
    with pytest.raises(BadInput, match=r"'broken' says NaN or infinity at layer 'block1.0.bn2'"):
        [list(parts) for parts in streams.features(one, CPU, 2**28)]


def test_components_of_more_images_than_a_block() -> None:
    draw = torch.Generator().manual_seed(0)
    layers = [torch.randn(300, p, generator=draw) * torch.rand(p, generator=draw) for p in (5, 40)]
    spectra = [np.linalg.svd((x - x.mean(0)).double().numpy(), compute_uv=False) ** 2 for x in layers]
    expected = [spectrum[0] / spectrum.sum() for spectrum in spectra]
    np.testing.assert_allclose(looks.principal_share(pack(layers)), expected, atol=1e-5)


def test_a_layer_that_does_not_vary_has_no_share() -> None:
    share = looks.principal_share(pack([torch.ones(10, 3), torch.randn(10, 1)]))
    assert math.isnan(share[0]) and share[1] == pytest.approx(1, abs=1e-6)
