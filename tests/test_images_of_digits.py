"""The handwritten digits: those that were published, in any size, and a split that keeps every class's share."""

import numpy as np
import pytest
from kindred.images import digits
from kindred.images.images import Images
from kindred.workflow.errors import BadInput
from sklearn.datasets import load_digits

SETTINGS = {"source": "digits", "size": 16, "evaluation": 300, "seed": 0, "channels": 1, "choice": "balanced"}


@pytest.fixture(scope="module")
def split() -> tuple[Images, Images]:
    return digits.split(SETTINGS)


@pytest.fixture(scope="module")
def everything() -> Images:
    return digits.everything({"size": 8, "channels": 1})


def test_digits_are_those_published(everything: Images) -> None:
    published = load_digits()
    assert len(everything) == 1797
    np.testing.assert_allclose(everything.pixels[:, 0], published.images / 16, atol=1e-7)
    np.testing.assert_array_equal(everything.labels, published.target)
    assert everything.ids[0] == "digits/0000" and everything.ids[1796] == "digits/1796"
    assert len(set(everything.ids)) == 1797
    assert everything.classes == [str(digit) for digit in range(10)]


@pytest.mark.parametrize(("size", "channels"), [(8, 3), (11, 1), (32, 1)])
def test_size_channels_and_range(size: int, channels: int) -> None:
    pixels = digits.everything({"size": size, "channels": channels}).pixels
    assert pixels.shape == (1797, channels, size, size) and pixels.dtype == np.float32
    assert pixels.min() == 0 and 0.9 < pixels.max() <= 1
    np.testing.assert_array_equal(pixels[:, 0], pixels[:, -1])
    # Resizing keeps the light: the mean of all images stays.
    assert pixels.mean() == pytest.approx(load_digits().images.mean() / 16, abs=0.01)


def test_every_image_is_in_one_part_and_classes_keep_their_share(
    split: tuple[Images, Images], everything: Images
) -> None:
    evaluation, training = split
    assert (len(evaluation), len(training)) == (300, 1497)
    assert set(evaluation.ids).isdisjoint(training.ids)
    assert set(evaluation.ids) | set(training.ids) == set(everything.ids)
    for part in split:
        assert part.pixels.shape == (len(part), 1, 16, 16) and part.labels.dtype == np.int64
        shares = np.bincount(part.labels) / len(part)
        np.testing.assert_allclose(shares, np.bincount(everything.labels) / 1797, atol=0.005)


def test_ids_go_with_their_pixels_and_labels(split: tuple[Images, Images]) -> None:
    whole = digits.everything(SETTINGS)
    for part in split:
        at = [int(name.removeprefix("digits/")) for name in part.ids]
        np.testing.assert_array_equal(part.pixels, whole.pixels[at])
        np.testing.assert_array_equal(part.labels, whole.labels[at])


def test_the_split_comes_from_the_seed_alone(split: tuple[Images, Images]) -> None:
    np.random.seed(5)
    again, _ = digits.split({**SETTINGS, "size": 8})
    assert again.ids == split[0].ids
    other, _ = digits.split({**SETTINGS, "size": 8, "seed": 1})
    assert other.ids != split[0].ids


def test_the_first_images_are_of_all_classes_in_turn(split: tuple[Images, Images]) -> None:
    evaluation, _ = split
    for count in (10, 50, 100, 250):
        per_class = np.bincount(evaluation.labels[:count], minlength=10)
        assert per_class.max() - per_class.min() <= 1


def test_a_random_choice_does_not_keep_the_shares_of_classes() -> None:
    counts = []
    for seed in range(20):
        part, _ = digits.split({**SETTINGS, "size": 8, "choice": "random", "seed": seed})
        counts.append(np.bincount(part.labels, minlength=10))
    # Hypergeometric: 300 of 1,797 images, about 180 of them of each class.
    expected = 300 * 0.1 * 0.9 * (1497 / 1796)
    assert np.var(counts, axis=0).mean() == pytest.approx(expected, rel=0.3)


@pytest.mark.parametrize("wanted", [0, 9, 1788, 1797, 5000])
def test_too_many_or_too_few(wanted: int) -> None:
    with pytest.raises(BadInput, match=rf"images\.evaluation is {wanted}, but digits holds 1797 images"):
        digits.split({**SETTINGS, "size": 8, "evaluation": wanted})


@pytest.mark.parametrize("wanted", [10, 1787])
def test_as_many_and_as_few_as_can_be(wanted: int) -> None:
    evaluation, training = digits.split({**SETTINGS, "size": 8, "evaluation": wanted})
    assert (len(evaluation), len(training)) == (wanted, 1797 - wanted)
