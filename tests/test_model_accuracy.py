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


def of(names: list[str], labels: list[int] | np.ndarray) -> Images:
    n = len(labels)
    return Images(np.zeros((n, 3, 8, 8), np.float32), np.asarray(labels), [str(at) for at in range(n)], names)


def as_if(order: list[str], images: Images) -> np.ndarray:
    """Logits of a model that is always right, and whose classes are in this order."""
    return np.eye(len(order))[[order.index(images.classes[label]) for label in images.labels]]


def test_another_order_of_classes_is_noticed_on_enough_images() -> None:
    mixed = np.eye(4)[:, [2, 0, 3, 1]]
    assert accuracy.measure(mixed[IMAGES.labels], IMAGES) == {
        "clean_accuracy": 0,
        "clean_images": 40,
        "reordered_accuracy": 1,
        "reordered_by": "one that is fitted to the images",
    }
    assert "reordered_accuracy" not in accuracy.measure(mixed[IMAGES.labels[:19]], IMAGES.take(np.arange(19)))
    # The same prediction for everything has no better order.
    assert "reordered_accuracy" not in accuracy.measure(np.tile([1.0, 0, 0, 0], (40, 1)), IMAGES)


NUMBERS = [str(at) for at in range(12)]
TIMM = [f"class{at}" for at in NUMBERS]


@pytest.mark.parametrize(
    ("own", "models", "words"),
    [
        (NUMBERS, sorted(NUMBERS), "their names sorted as text"),
        (sorted(NUMBERS), NUMBERS, "their names sorted by the numbers in them"),
        (sorted(TIMM), TIMM, "their names sorted by the numbers in them"),
        (TIMM, sorted(TIMM), "their names sorted as text"),
        (sorted("aBcDeFg"), list("aBcDeFg"), "their names sorted as text without regard to case"),
        (NUMBERS, [*NUMBERS[1:], "0"], "labels that begin one lower"),
        (NUMBERS, ["11", *NUMBERS[:-1]], "labels that begin one higher"),
    ],
)
def test_usual_orders_are_looked_at_on_few_images(own: list[str], models: list[str], words: str) -> None:
    """Two images of each class, which are too few to fit an order to."""
    images = of(own, np.arange(2 * len(own)) % len(own))
    found = accuracy.measure(as_if(models, images), images)
    assert found["reordered_accuracy"] == 1 and found["reordered_by"] == words
    assert found["clean_accuracy"] == sum(a == b for a, b in zip(own, models, strict=True)) / len(own)
    right = accuracy.measure(as_if(own, images), images)
    assert right == {"clean_accuracy": 1, "clean_images": len(images)}


def test_some_images_of_a_thousand_classes() -> None:
    """Ten images of ten classes, as of an imported model whose folders were sorted as text."""
    names = [str(at) for at in range(1000)]
    images = of(names, np.arange(13, 1000, 99))
    assert accuracy.measure(as_if(sorted(names), images), images)["reordered_accuracy"] == 1
    # With more images of these classes, any order of the thousand.
    images = of(names, np.repeat(np.arange(13, 1000, 99), 6))
    mixed = [names[at] for at in np.random.default_rng(0).permutation(1000)]
    assert accuracy.measure(as_if(mixed, images), images)["reordered_accuracy"] == 1


@pytest.mark.parametrize("accurate", [0.0, 0.3, 0.6, 0.9])
@pytest.mark.parametrize(("classes", "each"), [(2, 5), (4, 5), (10, 5), (10, 1), (12, 2), (100, 5), (3, 100)])
def test_models_of_any_accuracy_in_the_right_order_are_left_alone(accurate: float, classes: int, each: int) -> None:
    """Errors at random have no better order, although one can be fitted to any few images."""
    draw = np.random.default_rng(classes * each)
    images = of([str(at) for at in range(classes)], np.repeat(np.arange(classes), each))
    told = 0
    for _ in range(200):
        guessed = draw.integers(0, classes, len(images))
        predicted = np.where(draw.random(len(images)) < accurate, images.labels, guessed)
        told += "reordered_accuracy" in accuracy.measure(np.eye(classes)[predicted], images)
    assert told <= 6  # 3 %, for the model that only guesses between two classes


def test_one_class_that_is_taken_for_another_is_no_order() -> None:
    """All churches are taken for monasteries, of which there are none among the images."""
    images = of(CLASSES, np.arange(30) % 3)
    taken = np.where(images.labels == 2, 3, images.labels)
    assert accuracy.measure(np.eye(4)[taken], images) == {"clean_accuracy": pytest.approx(2 / 3), "clean_images": 30}


@pytest.mark.parametrize(
    ("share", "classes", "near"),
    [(0.34, 4, True), (0.36, 4, False), (0.19, 10, True), (0.21, 10, False), (0.59, 2, True), (0.61, 2, False)],
)
def test_a_model_near_chance_is_warned_of(
    share: float, classes: int, near: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="kindred"):
        accuracy.warn_of_doubt("m", {"clean_accuracy": share}, classes)
        accuracy.warn_of_doubt("m", {"clean_accuracy": 0.3, "reordered_accuracy": 1.0}, 4)
    start = (
        f"model 'm' has an accuracy of {share:.4f}, and guessing {1 / classes:.4f}; check its mean, std, value_range"
    )
    texts = [record.getMessage() for record in caplog.records]
    assert texts[:-1] == near * [f"{start} and the order of its classes"]
    assert texts[-1].endswith("the order of its classes; in another order of classes it would be 1.0000")


@pytest.mark.parametrize(
    ("share", "start"), [(0.1, "of 0.1000, and guessing 0.2500; check its"), (0.5, "of 0.5000; check the")]
)
def test_a_better_order_is_always_told(share: float, start: str, caplog: pytest.LogCaptureFixture) -> None:
    """Also far from chance: twelve numbered classes sorted as text have two right by their place alone."""
    measured = {"clean_accuracy": share, "reordered_accuracy": 0.95, "reordered_by": "their names sorted as text"}
    with caplog.at_level(logging.WARNING, logger="kindred"):
        accuracy.warn_of_doubt("m", measured, 4)
    (text,) = caplog.messages
    assert f"model 'm' has an accuracy {start}" in text and "order of its classes" in text
    assert text.endswith("; in another order of classes (their names sorted as text) it would be 0.9500")


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
    descriptions.write(str(tmp_path / "m.json"), about | {**MEASURED, "examination": found})
    labels = {"m": {"training": "t", "norm": None, "eps": 0.0, "seed": 0}}
    given = {"models": ["m.safetensors", str(tmp_path / "m.json")], "adversarial": []}
    params = {"labels": labels, "order": ["m"], "attacks": []}
    run(
        "collect_models",
        Place(
            tmp_path,
            {"models": "models.csv", "accuracies": "accuracies.csv"},
            given,
            **params,
            expected={},
            left_out={},
        ),
    )
    assert (tmp_path / "models.csv").read_text().splitlines()[1] == "m,x,t,,0,0,,3,0.79,0.5,a; b"
    with pytest.raises(SystemExit):
        run(
            "collect_models",
            Place(
                tmp_path,
                {"models": "x.csv", "accuracies": "y.csv"},
                given,
                **params,
                expected={"m": EXPECTED},
                left_out={},
            ),
        )
    assert "models.m.accuracy expects 0.9 within 0.1" in capsys.readouterr().err
    assert not (tmp_path / "x.csv").exists()
