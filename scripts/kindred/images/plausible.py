"""Pixels in [0, 1] that are hardly those of images: scaled twice, in too large a container, or of one value."""

import numpy as np

from kindred.workflow.job import log

# The brightest of all pixels of some ten images is nearly white in every set that is known. 12 bits in 16 reach .0625,
# pixels that were divided by 255 twice .004.
DARK = 0.5
# And the darkest is nearly black.
BRIGHT = 0.5
# Sparse drawings on one ground have means of .02 (MNIST .13, Omniglot .92); beyond, hardly anything is drawn.
NEARLY_BLACK, NEARLY_WHITE = 0.01, 0.99
ONE_LEVEL = 1 / 255  # of 8 bits: real numbers that were cut to whole ones have only this and 0


def doubts(pixels: np.ndarray) -> list[str]:
    """What is implausible about all of these pixels (n, channel, height, width), in words; most often nothing."""
    if not pixels.size:
        return []
    by_plane = pixels.reshape(*pixels.shape[:2], -1)
    low, high = by_plane.min(axis=2), by_plane.max(axis=2)
    if (low == high).all():
        return ["each is of a single colour"]
    found = []
    if high.max() <= np.float32(ONE_LEVEL):
        found.append(f"no pixel is above {high.max():.4g}, as if real numbers had been cut to 0 and 1 of 255")
    elif high.max() < DARK:
        found.append(
            f"no pixel is above {high.max():.4g}, as if they had been divided by white twice, or had fewer bits than "
            "the numbers that hold them"
        )
    elif low.min() > BRIGHT:
        found.append(f"no pixel is below {low.min():.4g}, as if they had been shifted or scaled")
    elif not NEARLY_BLACK <= (mean := float(pixels.mean(dtype=np.float64))) <= NEARLY_WHITE:
        found.append(f"their mean is {mean:.4g}, nearly {'black' if mean < DARK else 'white'}")
    flat = (low == high).all(axis=0)
    if flat.any():
        found.append(f"of their channels, {', '.join(map(str, np.flatnonzero(flat)))} (from 0) is of one value in each")
    return found


def warn_of_doubts(pixels: np.ndarray) -> None:
    """One warning for each doubt about the evaluation images."""
    for doubt in doubts(pixels):
        log.warning("the %d evaluation images look wrong: %s; see Pixels in docs/images.md", len(pixels), doubt)
