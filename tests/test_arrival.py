"""Whether a model that arrives fits the images: what is refused, what is warned of, and the hint that goes with it."""

import logging

import numpy as np
import pytest
from kindred import arrival
from kindred.errors import BadInput
from kindred.images import Images

CLASSES = ["cat", "cow", "dog", "eel"]
IMAGES = Images(
    np.zeros((40, 3, 8, 8), np.float32), np.arange(40) % 4, [str(at) for at in range(40)], CLASSES
)
RIGHT = np.eye(4)[IMAGES.labels]


def test_the_accuracy_is_the_share_that_is_right(caplog: pytest.LogCaptureFixture) -> None:
    logits = RIGHT.copy()
    logits[:10] = np.roll(logits[:10], 1, axis=1)
    assert arrival.accuracy("m", logits, IMAGES) == 0.75
    assert not caplog.records


def test_guessing_is_warned_of_and_another_order_noticed(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="kindred"):
        assert arrival.accuracy("m", np.roll(RIGHT, 1, axis=1), IMAGES) == 0
    (told,) = [record.getMessage() for record in caplog.records]
    assert "'m' is right about 0.0000 of the images, and guessing about 0.2500" in told
    assert told.endswith("; in another order of classes it would be 1.0000")
    caplog.clear()
    with caplog.at_level(logging.WARNING, logger="kindred"):
        arrival.accuracy("m", np.tile([1.0, 0, 0, 0], (40, 1)), IMAGES)
    assert (
        "another order" not in caplog.records[0].getMessage()
    )  # the same answer to everything has no better one


def test_nobody_is_warned_of_a_model_in_training(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="kindred"):
        assert arrival.accuracy("m", np.roll(RIGHT, 1, axis=1), IMAGES, finished=False) == 0
    assert not caplog.records


def test_the_expected_accuracy() -> None:
    expected = {"expected": 0.9, "tolerance": 0.1}
    arrival.demand_accuracy("m", 0.8, RIGHT, IMAGES, expected)
    arrival.demand_accuracy("m", 0.999, RIGHT, IMAGES, expected)
    with pytest.raises(BadInput) as caught:
        arrival.demand_accuracy("m", 0.79, RIGHT, IMAGES, expected)
    assert str(caught.value) == (
        "model 'm' has a clean accuracy of 0.7900 on 40 images, but models.m.accuracy expects 0.9 within 0.1 (two "
        "standard errors of so many images are 0.095); usually mean, std, value_range, input_size or the order of "
        "classes are wrong; in another order of classes it would be 1.0000."
    )


NORMAL = {"mean": [0.5] * 3, "std": [0.25] * 3}


@pytest.mark.parametrize(
    ("entry", "brought", "channels", "words"),
    [
        ({}, {"classes": 10}, 3, "tells 10 classes apart, the images have 4"),
        ({}, {"classes": 4, "channels": 3}, 1, "takes images of 3 channels, the study has 1"),
        (
            {},
            {"labels": ["cat", "cow", "eel", "dog"]},
            3,
            "number 2 is 'eel' for the model and 'dog' for the images",
        ),
        ({"classes": ["cat", "cow", "eel", "fox"]}, {}, 3, "'dog' is among one of them only"),
        ({}, {"mean": [0.4] * 3, "std": [0.25] * 3}, 3, "but its file says mean [0.4, 0.4, 0.4]"),
        ({}, {"mean": [0.5], "std": [0.25]}, 3, "but its file says mean [0.5]"),
    ],
)
def test_what_does_not_fit(entry: dict, brought: dict, channels: int, words: str) -> None:
    with pytest.raises(BadInput) as caught:
        arrival.demand_fit("m", {**NORMAL, **entry}, brought, CLASSES, channels)
    assert words in str(caught.value)


def test_what_fits() -> None:
    brought = {"classes": 4, "channels": 3, "labels": CLASSES, "mean": [0.50001] * 3, "std": [0.25] * 3}
    arrival.demand_fit("m", {**NORMAL, "classes": CLASSES}, brought, CLASSES, 3)
    # Hubs name classes in words and folders in numbers: that says nothing.
    arrival.demand_fit("m", NORMAL, {"labels": ["Katze", "Kuh", "Hund", "Aal"]}, CLASSES, 3)
    # What timm states may be overridden.
    arrival.demand_fit("m", {**NORMAL, "timm": "x.y"}, {"mean": [0.1] * 3, "std": [0.1] * 3}, CLASSES, 3)
