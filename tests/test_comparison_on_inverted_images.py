"""Comparison on inverted images: STIR against a float64 reference, memory, and images left out."""

import numpy as np
import pytest
import torch
from kindred.activations.extraction import penultimate
from kindred.activations.penultimate import features
from kindred.inversion.inversion import invert
from kindred.models.descriptions import demand_same_layer
from kindred.similarity.cka_measures import Z95
from kindred.similarity.comparison import compare, compare_inverted, converged, over_pairings
from kindred.workflow.errors import BadInput
from measure_facts import facts
from nets import timm_model
from torch import Tensor

SETTINGS = {"minibatch": {"size": 10, "passes": 2, "seed": 0}, "bandwidth": 0.5}
MEASURES = facts("cka_debiased", "cka_biased", "cka_minibatch", "cka_rbf", "stir", "stir_biased")
N = 40


def representations(*widths: int, seed: int = 0) -> list[Tensor]:
    """Representations of N images that share a part, so that no two are unrelated."""
    draws = torch.Generator().manual_seed(seed)
    shared = torch.randn(N, 6, generator=draws)
    return [
        shared @ torch.randn(6, width, generator=draws) + torch.randn(N, width, generator=draws) for width in widths
    ]


def biased(x: Tensor, y: Tensor) -> float:
    """Kornblith et al. 2019 (eq. 4), from centred features."""
    a, b = (np.asarray(each, dtype=np.float64) for each in (x, y))
    a, b = a - a.mean(0), b - b.mean(0)
    return np.linalg.norm(b.T @ a) ** 2 / (np.linalg.norm(a.T @ a) * np.linalg.norm(b.T @ b))


def unbiased(x: Tensor, y: Tensor) -> float:
    """Song et al. 2012 (eq. 5), term by term."""

    def hsic(k: np.ndarray, m: np.ndarray) -> float:
        k, m = k - np.diag(np.diag(k)), m - np.diag(np.diag(m))
        n, ones = len(k), np.ones(len(k))
        middle = (ones @ k @ ones) * (ones @ m @ ones) / ((n - 1) * (n - 2))
        return (np.trace(k @ m) + middle - 2 / (n - 2) * ones @ k @ m @ ones) / (n * (n - 3))

    k, m = (np.asarray(each, dtype=np.float64) @ np.asarray(each, dtype=np.float64).T for each in (x, y))
    return hsic(k, m) / np.sqrt(hsic(k, k) * hsic(m, m))


def test_stir_compares_a_model_with_itself_and_cka_with_the_inverter() -> None:
    own, first, second = representations(7, 9, 5)
    natural, seeds = representations(9, 5, seed=1), representations(9, 5, seed=2)
    found = compare_inverted(own, list(zip([first, second], natural, seeds, strict=True)), MEASURES, SETTINGS)
    assert list(found) == list(MEASURES)
    for at, (other, target, seed) in enumerate(zip([first, second], natural, seeds, strict=True)):
        assert found["cka_biased"]["value"][at] == pytest.approx(biased(own, other), abs=1e-5)
        assert found["cka_debiased"]["value"][at] == pytest.approx(unbiased(own, other), abs=1e-5)
        assert found["stir_biased"]["value"][at] == pytest.approx(biased(other, target), abs=1e-5)
        assert found["stir"]["value"][at] == pytest.approx(unbiased(other, target), abs=1e-5)
        # The null levels: the tested model sees the seeds alone.
        assert found["cka_biased"]["null"][at] == pytest.approx(biased(own, seed), abs=1e-5)
        assert found["cka_debiased"]["null"][at] == pytest.approx(unbiased(own, seed), abs=1e-5)
        assert found["stir_biased"]["null"][at] == pytest.approx(biased(target, seed), abs=1e-5)
        assert found["stir"]["null"][at] == pytest.approx(unbiased(target, seed), abs=1e-5)
    # STIR and CKA differ on these pairs, and interval and null level belong to the right pair.
    assert abs(found["stir"]["value"] - found["cka_debiased"]["value"]).min() > 0.05
    expected = compare([first, natural[0]], [(0, 1)], facts("cka_debiased", "cka_biased"), SETTINGS)
    assert found["stir"]["low"][0] == pytest.approx(expected["cka_debiased"]["low"][0])
    half = (found["stir"]["high"] - found["stir"]["low"]) / 2 / Z95
    assert (half > 0).all()


def test_identical_features_of_natural_and_inverted_images_have_stir_one() -> None:
    own, other = representations(7, 9)
    found = compare_inverted(own, [(other, other.clone(), other + 1)], MEASURES, SETTINGS)
    assert found["stir"]["value"][0] == pytest.approx(1)
    assert found["stir_biased"]["value"][0] == pytest.approx(1)


def test_few_models_at_a_time_give_the_same() -> None:
    own, *others = representations(7, 9, 5, 30, 12)
    others.insert(2, own)
    natural, seeds = (representations(9, 5, 7, 30, 12, seed=seed) for seed in (1, 2))
    tested = list(zip(others, natural, seeds, strict=True))
    whole = compare_inverted(own, tested, MEASURES, SETTINGS)
    assert whole["cka_debiased"]["value"][2] == pytest.approx(1)
    for memory in (1, 30_000):
        parts = compare_inverted(own, iter(tested), MEASURES, SETTINGS, memory=memory)
        for measure in MEASURES:
            for column in ("value", "low", "high", "null"):
                np.testing.assert_allclose(parts[measure][column], whole[measure][column], atol=1e-6)


def test_no_more_models_are_requested_than_fit() -> None:
    own, *others = representations(7, 9, 9, 9, 9)
    held, most = 0, 0

    def request():  # type: ignore[no-untyped-def]
        nonlocal held, most
        for other in others:
            held += 1
            most = max(most, held)
            yield other, None, other.clone()

    each = 2 * (4 * N * 9 + 2 * N**2)
    calls = []

    class Compare:
        def __call__(self, *arguments: object) -> object:
            nonlocal held
            calls.append(held)
            held = 0
            return compare(*arguments)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kindred.similarity.comparison.compare", Compare())
        compare_inverted(own, request(), facts("cka_debiased"), SETTINGS, memory=2 * each)
    assert calls == [2, 2]


def test_stir_without_natural_features_is_an_error() -> None:
    own, other = representations(7, 9)
    with pytest.raises(BadInput, match="natural images"):
        compare_inverted(own, [(other, None, other)], MEASURES, SETTINGS)


def test_the_mean_over_pairings_has_their_spread_and_no_narrower_interval_than_the_jackknife_of_the_mean() -> None:
    draws = np.random.default_rng(0)
    shared = draws.normal(size=(N, 6))
    pairings = [[shared + draws.normal(size=(N, 6)) for _ in range(2)] for _ in range(3)]
    tensors = [[torch.from_numpy(one) for one in pair] for pair in pairings]
    parts = [compare(pair, [(0, 1)], facts("cka_debiased"), SETTINGS)["cka_debiased"] for pair in tensors]
    mean = over_pairings(parts)
    values = [unbiased(*pair) for pair in tensors]
    assert mean["value"][0] == pytest.approx(np.mean(values), abs=1e-5)
    assert mean["spread"][0] == pytest.approx(np.std(values, ddof=1), abs=1e-5)
    # The jackknife that leaves one target out of all pairings at once, by plain recomputation.
    rest = [np.delete(np.arange(N), i) for i in range(N)]
    left = np.array([np.mean([unbiased(*(one[some] for one in pair)) for pair in tensors]) for some in rest])
    error = np.sqrt((N - 1) / N * ((left - left.mean()) ** 2).sum())
    half = (mean["high"][0] - mean["low"][0]) / 2
    assert Z95 * error < half < 2.5 * Z95 * error
    assert np.isnan(over_pairings(parts[:1])["spread"]).all()
    assert over_pairings(parts[:1])["low"][0] == parts[0]["low"][0]


def test_images_that_have_not_converged_are_left_out_on_request() -> None:
    residual = np.array([0.01, 0.2, np.nan, 0.1, 0.05, 0.02, 0.03, 0.3], dtype=np.float32)
    assert converged(residual, None, "vgg").tolist() == list(range(8))
    assert converged(residual, 0.11, "vgg").tolist() == [0, 3, 4, 5, 6]
    with pytest.raises(BadInput, match=r"of 8 images inverted through 'vgg' only 4 have a residual of at most 0.06"):
        converged(residual, 0.06, "vgg")


@pytest.mark.parametrize(
    "architecture",
    ["test_resnet", "kindred_vgg", "test_convnext2", "kindred_mixer", "kindred_vit", "deit_tiny_distilled_patch16_224"],
)
def test_the_layer_inverted_is_the_layer_compared(architecture: str) -> None:
    """Inversion and comparison use the same features, also where several heads make the logits."""
    arguments = {"patch_size": 8, "embed_dim": 48, "depth": 2, "num_heads": 3} if "deit" in architecture else {}
    torch.manual_seed(0)
    classifier = timm_model(architecture, **arguments).requires_grad_(False)
    targets, seeds = torch.rand(2, 3, 1, 32, 32)
    end = invert(features(classifier), targets, seeds, steps=8)
    inverted, natural = (
        penultimate(classifier, images.numpy(), name=architecture, device=torch.device("cpu"))
        for images in (end.images, targets)
    )
    residual = (inverted - natural).norm(dim=1) / natural.norm(dim=1)
    torch.testing.assert_close(residual, end.loss, atol=1e-4, rtol=1e-3)


def test_comparing_another_layer_is_an_error() -> None:
    demand_same_layer("x.zarr", "penultimate", "vgg", "penultimate")
    for found, named in (("stages.1", "stages.1"), (None, "unknown")):
        with pytest.raises(BadInput, match=f"'x.zarr' was inverted at the layer '{named}' of 'vgg'"):
            demand_same_layer("x.zarr", found, "vgg", "penultimate")
