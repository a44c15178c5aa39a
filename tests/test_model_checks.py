"""Checks that an imported model fits the images: classes, their order, channels, normalisation."""

import pytest
from kindred.models.importing import checks
from kindred.workflow.errors import BadInput

CLASSES = ["cat", "cow", "dog", "eel"]
NORMAL = {"mean": [0.5] * 3, "std": [0.25] * 3}


@pytest.mark.parametrize(
    ("entry", "brought", "channels", "words"),
    [
        ({}, {"classes": 10}, 3, "distinguishes 10 classes, the images have 4"),
        ({}, {"classes": 4, "channels": 3}, 1, "takes images of 3 channels, the study has 1"),
        ({}, {"labels": ["cat", "cow", "eel", "dog"]}, 3, "number 2 is 'eel' for the model and 'dog' for the images"),
        ({"classes": ["cat", "cow", "eel", "fox"]}, {}, 3, "'dog' is among one of them only"),
        ({}, {"mean": [0.4] * 3, "std": [0.25] * 3}, 3, "but its file has mean [0.4, 0.4, 0.4]"),
        ({}, {"mean": [0.5], "std": [0.25]}, 3, "but its file has mean [0.5]"),
    ],
)
def test_what_does_not_fit(entry: dict, brought: dict, channels: int, words: str) -> None:
    with pytest.raises(BadInput) as caught:
        checks.demand_fit("m", {**NORMAL, **entry}, brought, CLASSES, channels)
    assert words in str(caught.value)


def test_what_fits() -> None:
    brought = {"classes": 4, "channels": 3, "labels": CLASSES, "mean": [0.50001] * 3, "std": [0.25] * 3}
    checks.demand_fit("m", {**NORMAL, "classes": CLASSES}, brought, CLASSES, 3)
    # Hubs name classes in words and folders in numbers: that says nothing.
    checks.demand_fit("m", NORMAL, {"labels": ["Katze", "Kuh", "Hund", "Aal"]}, CLASSES, 3)
    # What timm states may be overridden.
    checks.demand_fit("m", {**NORMAL, "timm": "x.y"}, {"mean": [0.1] * 3, "std": [0.1] * 3}, CLASSES, 3)
