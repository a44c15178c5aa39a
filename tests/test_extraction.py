"""Outputs of a model for all images in order, at any batch size; non-finite activations are an error."""

from pathlib import Path

import numpy as np
import pytest
import torch
from kindred.activations import layers
from kindred.activations.extraction import SURE, Voter, classes, observe, penultimate, predict
from kindred.models import classifiers
from kindred.workflow import store
from kindred.workflow.errors import BadInput

CPU = torch.device("cpu")
LAYERS = ["stages.0", "stages.1", "penultimate"]
DESCRIPTION = classifiers.Description("test_convnext2", 10, 1, 32, 32, (0.3,), (0.35,))


@pytest.fixture(scope="module")
def classifier() -> classifiers.Classifier:
    torch.manual_seed(0)
    return classifiers.assemble(DESCRIPTION).eval().requires_grad_(False)


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return np.random.default_rng(0).uniform(size=(7, 1, 32, 32)).astype(np.float32)


def all_of(classifier: classifiers.Classifier, pixels: np.ndarray, batch: int) -> dict[str, np.ndarray]:
    parts = list(observe(classifier, pixels, LAYERS, name="convnext", device=CPU, batch=batch))
    ends = [(rows.start, rows.stop) for rows, _ in parts]
    assert ends == [(start, min(start + batch, len(pixels))) for start in range(0, len(pixels), batch)]
    return {name: np.concatenate([outputs[name] for _, outputs in parts]) for name in parts[0][1]}


@pytest.mark.parametrize("batch", [1, 3, 7, 100])
def test_outputs_of_every_image_in_order(classifier: classifiers.Classifier, pixels: np.ndarray, batch: int) -> None:
    outputs = all_of(classifier, pixels, batch)
    assert list(outputs) == [*LAYERS, "logits"]
    with torch.no_grad():
        captured = layers.capture(classifier, torch.from_numpy(pixels), LAYERS)
    for name, values in captured.items():
        assert outputs[name].dtype == np.float32 and outputs[name].shape == tuple(values.shape)
        np.testing.assert_allclose(outputs[name], values.numpy(), atol=1e-5, rtol=1e-4)


def test_predict_from_a_store(tmp_path: Path, classifier: classifiers.Classifier, pixels: np.ndarray) -> None:
    path = tmp_path / "some.zarr"
    with store.writing(path, {}) as group:
        store.put(group, "images", pixels, ("image", "channel", "height", "width"))
    stored = predict(classifier, store.array(path, "images"), name="convnext", device=CPU, batch=3)
    np.testing.assert_array_equal(stored, predict(classifier, pixels, name="convnext", device=CPU, batch=3))
    # float64 images and reversed views become contiguous float32.
    reverse = pixels[::-1].astype(np.float64)
    np.testing.assert_array_equal(
        predict(classifier, reverse, name="convnext", device=CPU),
        predict(classifier, pixels[::-1].copy(), name="convnext", device=CPU),
    )


def test_predict_agrees_with_the_classifier(classifier: classifiers.Classifier, pixels: np.ndarray) -> None:
    logits = predict(classifier, pixels, name="convnext", device=CPU, batch=4)
    assert logits.shape == (7, 10)
    np.testing.assert_allclose(logits, classifier(torch.from_numpy(pixels)).numpy(), atol=1e-5, rtol=1e-4)


def test_penultimate_features_give_the_logits(classifier: classifiers.Classifier, pixels: np.ndarray) -> None:
    features = penultimate(classifier, pixels, name="convnext", device=CPU, batch=4)
    assert features.ndim == 2 and features.dtype == torch.float32 and features.device == CPU
    head = classifier.net.head.fc
    logits = features @ head.weight.T + head.bias
    np.testing.assert_allclose(logits.numpy(), predict(classifier, pixels, name="n", device=CPU), atol=1e-4)


def test_outputs_are_outside_the_graph(classifier: classifiers.Classifier, pixels: np.ndarray) -> None:
    classifier.requires_grad_(True)
    try:
        batched = observe(classifier, pixels, LAYERS, name="convnext", device=CPU, batch=4)
        next(batched)
        # Between two batches the caller's gradient mode is as it was.
        assert torch.is_grad_enabled() and not torch.is_inference_mode_enabled()
        assert not penultimate(classifier, pixels, name="convnext", device=CPU).requires_grad
    finally:
        classifier.requires_grad_(False)


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_non_finite_activations_name_model_and_first_layer(pixels: np.ndarray, bad: float) -> None:
    torch.manual_seed(0)
    broken = classifiers.assemble(DESCRIPTION).eval().requires_grad_(False)
    broken.net.stages[1].blocks[0].mlp.fc1.bias[0] = bad
    with pytest.raises(
        BadInput, match=r"model 'convnext' has NaN or infinite .* at layer 'stages\.1' for images 0 to 3;"
    ):
        list(observe(broken, pixels, LAYERS, name="convnext", device=CPU, batch=4))
    with pytest.raises(BadInput, match="at layer 'logits'"):
        predict(broken, pixels, name="convnext", device=CPU)


def test_a_non_finite_image_names_its_batch(classifier: classifiers.Classifier, pixels: np.ndarray) -> None:
    some = pixels.copy()
    some[5, 0, 3, 3] = np.nan
    batched = observe(classifier, some, [], name="convnext", device=CPU, batch=4)
    next(batched)
    with pytest.raises(BadInput, match="layer 'logits' for images 4 to 6"):
        next(batched)


def voters(classifier: classifiers.Classifier) -> dict[str, Voter]:
    torch.manual_seed(1)
    return {"one": Voter(classifier), "two": Voter(classifiers.assemble(DESCRIPTION).eval().requires_grad_(False))}


def test_classes_of_several_models_from_one_reading(classifier: classifiers.Classifier, pixels: np.ndarray) -> None:
    read = []

    class Counted:
        shape, chunks = pixels.shape, (2, *pixels.shape[1:])

        def __getitem__(self, rows: slice) -> np.ndarray:
            read.append(rows.start)
            return pixels[rows]

    models = voters(classifier)
    found = classes(models, Counted(), device=CPU, batch=2)  # type: ignore[arg-type]
    assert read[:4] == [0, 2, 4, 6]
    for row, voter in zip(found, models.values(), strict=True):
        assert np.array_equal(row, predict(voter.classifier, pixels, name="", device=CPU).argmax(1))
    broken = pixels.copy()
    broken[5] = np.nan
    with pytest.raises(BadInput, match="model 'one' has NaN or infinite logits"):
        classes(models, broken, device=CPU)


def test_where_its_copy_is_in_doubt_a_classifier_decides_itself(
    classifier: classifiers.Classifier, pixels: np.ndarray
) -> None:
    class Stub(torch.nn.Module):
        """Logits that are near each other for some images, with the larger one in another place."""

        def __init__(self, logits: np.ndarray) -> None:
            super().__init__()
            self.logits, self.shown = torch.from_numpy(logits), 0

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.shown += len(x)
            return self.logits[x[:, 0, 0, 0].long()]

    near = np.array([[1, 1 + gap, 0] for gap in (0.9 * SURE, 1.1 * SURE, -0.9 * SURE, 1, -1, 0)], np.float32)
    one, two = voters(classifier).values()
    one.quick, one.classifier = Stub(near), Stub(near[:, [1, 0, 2]])  # type: ignore[assignment]
    two.quick = two.classifier = Stub(np.eye(3, dtype=np.float32)[[0, 1, 2, 0, 1, 2]])  # type: ignore[assignment]
    shown = np.arange(6, dtype=np.float32)[:, None, None, None]
    found = classes({"one": one, "two": two}, shown, device=CPU, batch=2)
    assert found.tolist() == [[0, 1, 1, 1, 0, 0], [0, 1, 2, 0, 1, 2]]
    assert (one.classifier.shown, two.classifier.shown) == (3, 6)  # images 0, 2 and 5; all once
