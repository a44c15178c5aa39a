"""The clean accuracy: how it is measured, what is warned of and refused, and the hint that goes with it."""

import logging
from pathlib import Path

import numpy as np
import pytest
from kindred.images.images import Images
from kindred.models import accuracy, descriptions
from kindred.workflow.errors import BadInput

from scripts import Place, run

CLASSES = ["cat", "cow", "dog", "eel"]
IMAGES = Images(np.zeros((40, 3, 8, 8), np.float32), np.arange(40) % 4, [str(at) for at in range(40)], CLASSES)
RIGHT = np.eye(4)[IMAGES.labels]
MEASURED = {"clean_accuracy": 0.79, "clean_images": 40}
EXPECTED = {"expected": 0.9, "tolerance": 0.1}


def test_the_accuracy_is_the_share_that_is_right() -> None:
    logits = RIGHT.copy()
    logits[:10] = np.roll(logits[:10], 1, axis=1)
    assert accuracy.measure(logits, IMAGES) == {"clean_accuracy": 0.75, "clean_images": 40}


def test_another_order_of_classes_is_noticed_on_enough_images() -> None:
    turned = np.roll(RIGHT, 1, axis=1)
    assert accuracy.measure(turned, IMAGES)["reordered_accuracy"] == 1
    assert accuracy.measure(turned, IMAGES)["clean_accuracy"] == 0
    assert "reordered_accuracy" not in accuracy.measure(turned[:19], IMAGES.take(np.arange(19)))
    # The same prediction for everything has no better order.
    assert "reordered_accuracy" not in accuracy.measure(np.tile([1.0, 0, 0, 0], (40, 1)), IMAGES)


def test_with_few_images_only_usual_orders_are_tried() -> None:
    """Folders 0 to 11 as text, 0, 1, 10, 11, ...: a network that is right in the order of numbers has 1 of 6 right."""
    names = sorted(map(str, range(12)))
    labels = np.arange(24) % 12
    images = Images(np.zeros((24, 1, 1, 1), np.float32), labels, [f"i{at}" for at in range(24)], names)
    logits = np.eye(12)[[int(names[label]) for label in labels]]
    assert accuracy.measure(logits, images)["clean_accuracy"] == pytest.approx(1 / 6)
    assert accuracy.measure(logits, images)["reordered_accuracy"] == 1
    # A network that saw capitals before small letters, of folders that are sorted without regard to case.
    names = ["ant", "Bee", "cat", "Dog"]
    images = Images(images.pixels[:8], np.arange(8) % 4, images.ids[:8], names)
    order = [sorted(names).index(name) for name in names]
    assert accuracy.measure(np.eye(4)[[order[label] for label in images.labels]], images)["reordered_accuracy"] == 1
    # Any other order is fitted to the noise.
    assert "reordered_accuracy" not in accuracy.measure(np.eye(4)[[1, 2, 3, 0] * 2], images)


@pytest.mark.parametrize(
    ("share", "classes", "near"),
    [(0.34, 4, True), (0.36, 4, False), (0.19, 10, True), (0.21, 10, False), (0.59, 2, True), (0.61, 2, False)],
)
def test_a_model_near_chance_is_warned_of(
    share: float, classes: int, near: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="kindred"):
        accuracy.warn("m", {"clean_accuracy": share}, classes)
    assert [record.getMessage() for record in caplog.records] == near * [
        f"model 'm' has an accuracy of {share:.4f}, and guessing {1 / classes:.4f}; check its mean, std, value_range "
        "and the order of its classes"
    ]


def test_a_better_order_is_told_however_good_the_model_is(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="kindred"):
        accuracy.warn("m", {"clean_accuracy": 0.8, "reordered_accuracy": 0.95}, 4)
    assert "in another order of classes it would be 0.9500" in caplog.text


def test_the_expected_accuracy() -> None:
    for share in (0.8, 0.9, 0.999):
        accuracy.demand("m", {**MEASURED, "clean_accuracy": share}, EXPECTED)
    with pytest.raises(BadInput) as caught:
        accuracy.demand("m", {**MEASURED, "reordered_accuracy": 1.0}, EXPECTED)
    assert str(caught.value) == (
        "model 'm' has a clean accuracy of 0.7900 on 40 images, but models.m.accuracy expects 0.9 within 0.1 (two "
        "standard errors of so many images are 0.095); usually mean, std, value_range, input_size or the order of "
        "classes are wrong; in another order of classes it would be 1.0000."
    )


def test_the_table_of_models_checks_it_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An expectation that changes in the config runs no job of the model."""
    found = {"no_gradient": 0.5, "gradients": 8, "remarks": ["a", "b"]}
    about = {"description": {"architecture": "x"}, "weights_sha256": "", "parameters": 3, "source": {}}
    about |= {**MEASURED, "examination": found}
    descriptions.write(str(tmp_path / "m.json"), about)
    labels = {"m": {"training": "t", "norm": None, "eps": 0.0, "seed": 0}}
    given = {"models": ["m.safetensors", str(tmp_path / "m.json")], "adversarial": []}
    params = {"labels": labels, "order": ["m"], "attacks": []}
    run(
        "collect_models",
        Place(tmp_path, {"models": "models.csv", "accuracies": "accuracies.csv"}, given, **params, expected={}),
    )
    assert (tmp_path / "models.csv").read_text().splitlines()[1] == "m,x,t,,0,0,,3,0.79,0.5,a; b"
    with pytest.raises(SystemExit):
        run(
            "collect_models",
            Place(tmp_path, {"models": "x.csv", "accuracies": "y.csv"}, given, **params, expected={"m": EXPECTED}),
        )
    assert "models.m.accuracy expects 0.9 within 0.1" in capsys.readouterr().err
    assert not (tmp_path / "x.csv").exists()
