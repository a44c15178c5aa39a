"""Warnings of evaluation images whose pixels are in [0, 1] and yet can hardly be right."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_files import DRAW, select
from kindred.images import digits, plausible
from PIL import Image
from sklearn.datasets import load_digits, load_sample_images

PHOTOGRAPHS = DRAW.integers(0, 256, (30, 16, 16, 3), dtype=np.uint8)
ONE = (np.arange(16 * 16) == 99).reshape(16, 16, 1)
LABELS = np.arange(30) % 3


def told(x: np.ndarray, folder: Path, caplog: pytest.LogCaptureFixture) -> list[str]:
    np.savez(folder / "a.npz", x=x, y=LABELS, x_train=np.zeros_like(x), y_train=LABELS)
    with caplog.at_level(logging.WARNING, logger="kindred"):
        select(source="npz", file=str(folder / "a.npz"), arrays=["x", "y"], size=16, evaluation=30)
    return [text for text in caplog.messages if "look wrong" in text]


@pytest.mark.parametrize(
    ("x", "words"),
    [
        ((PHOTOGRAPHS / 255 / 255).astype(np.float32), "no pixel is above 0.003922, as if real numbers had been cut"),
        ((PHOTOGRAPHS / 255) ** 2 / 4, "no pixel is above 0.25, as if they had been divided by white twice"),
        (PHOTOGRAPHS.astype(np.uint16) << 4, "no pixel is above 0.06226, as if they had been divided by white twice"),
        (PHOTOGRAPHS.astype(np.uint16), "no pixel is above 0.003891"),
        ((PHOTOGRAPHS > 99).astype(np.uint8), "no pixel is above 0.003922, as if real numbers had been cut to 0 and 1"),
        (0.6 + PHOTOGRAPHS / 700, "no pixel is below 0.6, as if they had been shifted"),
        (np.where(ONE, PHOTOGRAPHS, 0), "their mean is 0.00"),
        (np.where(ONE, PHOTOGRAPHS, 255), "nearly white"),
        (np.broadcast_to(PHOTOGRAPHS[:, :1, :1], PHOTOGRAPHS.shape), "each is of a single colour"),
        (np.zeros_like(PHOTOGRAPHS), "each is of a single colour"),
        (PHOTOGRAPHS * np.array([1, 1, 0], np.uint8), "of their channels, 2 (from 0) is of one value in each"),
    ],
)  # fmt: skip
def test_pixels_that_look_wrong(x: Any, words: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    x = x if x.dtype in (np.float64, np.float32, np.uint16) else x.astype(np.uint8)
    (text,) = told(x, tmp_path, caplog)
    assert text.startswith("the 30 evaluation images look wrong: ") and words in text


@pytest.mark.parametrize(
    "x",
    [
        PHOTOGRAPHS,
        (PHOTOGRAPHS > 128).astype(np.bool_),  # of two levels
        np.where(PHOTOGRAPHS > 248, 255, 0).astype(np.uint8),  # sparse, as drawings are
        np.where(PHOTOGRAPHS > 248, 0, 255).astype(np.uint8),
        np.where(np.arange(30)[:, None, None, None] < 29, np.uint8(7), PHOTOGRAPHS),  # all but one of a single colour
        PHOTOGRAPHS.astype(np.uint16) * 257,
        PHOTOGRAPHS[..., 0],
    ],
)
def test_pixels_that_may_be_right(x: np.ndarray, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert told(x, tmp_path, caplog) == []


def test_real_images_are_not_doubted() -> None:
    assert plausible.doubts(digits.everything({"size": 32, "channels": 1}).pixels[:10]) == []
    assert plausible.doubts(load_digits().images[:, None].astype(np.float32) / 16) == []
    crops = [
        np.asarray(Image.fromarray(image).resize((64, 64))).transpose(2, 0, 1) / 255
        for image in load_sample_images().images
    ]
    assert plausible.doubts(np.stack(crops).astype(np.float32)) == []
    assert plausible.doubts(np.zeros((0, 3, 8, 8), np.float32)) == []
