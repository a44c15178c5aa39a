"""Observing a model: all images, in their order, whatever the batch; broken numbers are named."""

from pathlib import Path

import numpy as np
import pytest
import torch
from kindred import device, layers, models, store
from kindred.errors import BadInput
from kindred.observe import classes, observe, penultimate, predict

CPU = torch.device("cpu")
LAYERS = ["stages.0", "stages.1", "penultimate"]
TOLD = models.Description("test_convnext2", 10, 1, 32, 32, (0.3,), (0.35,))


@pytest.fixture(scope="module")
def classifier() -> models.Classifier:
    torch.manual_seed(0)
    return models.assemble(TOLD).eval().requires_grad_(False)


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return np.random.default_rng(0).uniform(size=(7, 1, 32, 32)).astype(np.float32)


def all_of(classifier: models.Classifier, pixels: np.ndarray, batch: int) -> dict[str, np.ndarray]:
    parts = list(observe(classifier, pixels, LAYERS, name="convnext", device=CPU, batch=batch))
    ends = [(rows.start, rows.stop) for rows, _ in parts]
    assert ends == [(start, min(start + batch, len(pixels))) for start in range(0, len(pixels), batch)]
    return {name: np.concatenate([said[name] for _, said in parts]) for name in parts[0][1]}


@pytest.mark.parametrize("batch", [1, 3, 7, 100])
def test_every_image_in_its_order(classifier: models.Classifier, pixels: np.ndarray, batch: int) -> None:
    said = all_of(classifier, pixels, batch)
    assert list(said) == [*LAYERS, "logits"]
    shown = torch.from_numpy(pixels)
    with layers.capture(classifier, LAYERS) as seen, torch.no_grad():
        logits = classifier(shown)
    for name, values in {**seen, "logits": logits}.items():
        assert said[name].dtype == np.float32 and said[name].shape == tuple(values.shape)
        np.testing.assert_allclose(said[name], values.numpy(), atol=1e-5, rtol=1e-4)


def test_images_from_a_store(tmp_path: Path, classifier: models.Classifier, pixels: np.ndarray) -> None:
    path = tmp_path / "some.zarr"
    with store.writing(path, {}) as group:
        store.put(group, "images", pixels, ("image", "channel", "height", "width"))
    stored = predict(classifier, store.array(path, "images"), name="convnext", device=CPU, batch=3)
    np.testing.assert_array_equal(stored, predict(classifier, pixels, name="convnext", device=CPU, batch=3))
    # float64 images, and such as lie backwards in memory, are shown as float32.
    turned = pixels[::-1].astype(np.float64)
    np.testing.assert_array_equal(
        predict(classifier, turned, name="convnext", device=CPU),
        predict(classifier, pixels[::-1].copy(), name="convnext", device=CPU),
    )


def test_predict(classifier: models.Classifier, pixels: np.ndarray) -> None:
    logits = predict(classifier, pixels, name="convnext", device=CPU, batch=4)
    assert logits.shape == (7, 10)
    np.testing.assert_allclose(logits, classifier(torch.from_numpy(pixels)).numpy(), atol=1e-5, rtol=1e-4)


def test_penultimate(classifier: models.Classifier, pixels: np.ndarray) -> None:
    said = penultimate(classifier, pixels, name="convnext", device=CPU, batch=4)
    assert said.ndim == 2 and said.dtype == torch.float32 and said.device == CPU
    head = classifier.net.head.fc
    logits = said @ head.weight.T + head.bias
    np.testing.assert_allclose(logits.numpy(), predict(classifier, pixels, name="n", device=CPU), atol=1e-4)


def test_no_graph_is_kept(classifier: models.Classifier, pixels: np.ndarray) -> None:
    classifier.requires_grad_(True)
    try:
        observing = observe(classifier, pixels, LAYERS, name="convnext", device=CPU, batch=4)
        next(observing)
        # Between two batches gradients are as they were for whoever asks for batches.
        assert torch.is_grad_enabled() and not torch.is_inference_mode_enabled()
        assert not penultimate(classifier, pixels, name="convnext", device=CPU).requires_grad
    finally:
        classifier.requires_grad_(False)


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_broken_numbers_are_named_with_their_first_layer(pixels: np.ndarray, bad: float) -> None:
    torch.manual_seed(0)
    broken = models.assemble(TOLD).eval().requires_grad_(False)
    broken.net.stages[1].blocks[0].mlp.fc1.bias[0] = bad
    with pytest.raises(BadInput, match=r"model 'convnext' .* at layer 'stages\.1' for images 0 to 3;"):
        list(observe(broken, pixels, LAYERS, name="convnext", device=CPU, batch=4))
    with pytest.raises(BadInput, match="at layer 'logits'"):
        predict(broken, pixels, name="convnext", device=CPU)


def test_a_broken_image_is_found_in_its_batch(classifier: models.Classifier, pixels: np.ndarray) -> None:
    some = pixels.copy()
    some[5, 0, 3, 3] = np.nan
    observing = observe(classifier, some, [], name="convnext", device=CPU, batch=4)
    next(observing)
    with pytest.raises(BadInput, match="layer 'logits' for images 4 to 6"):
        next(observing)


def test_device(monkeypatch: pytest.MonkeyPatch) -> None:
    assert device.choose("cpu") == CPU
    for found in (False, True):
        monkeypatch.setattr(torch.cuda, "is_available", lambda found=found: found)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda found=found: found)
        assert device.choose("auto").type == ("cuda" if found else "cpu")
        assert device.choose("cpu") == CPU
        for wanted in ("cuda", "mps"):
            if found:
                assert device.choose(wanted).type == wanted
            else:
                with pytest.raises(
                    BadInput, match=f"device is '{wanted}', but torch sees no .* auto and cpu"
                ):
                    device.choose(wanted)


def test_classes_of_several_models_read_every_image_once(
    classifier: models.Classifier, pixels: np.ndarray
) -> None:
    torch.manual_seed(1)
    other = models.assemble(TOLD).eval().requires_grad_(False)
    read = []

    class Counted:
        shape, chunks = pixels.shape, (2, *pixels.shape[1:])

        def __getitem__(self, rows: slice) -> np.ndarray:
            read.append(rows.start)
            return pixels[rows]

    found = classes({"one": classifier, "two": other}, Counted(), device=CPU, batch=2)  # type: ignore[arg-type]
    assert read == [0, 2, 4, 6]
    for row, model in zip(found, (classifier, other), strict=True):
        assert np.array_equal(row, predict(model, pixels, name="", device=CPU).argmax(1))
    broken = pixels.copy()
    broken[5] = np.nan
    with pytest.raises(BadInput, match="model 'one' says NaN or infinity for some of the images"):
        classes({"one": classifier, "two": other}, broken, device=CPU)
