"""Warnings where the images that everything is measured on look as if they were read wrongly."""

from kindred.images.images import Images, digests
from kindred.workflow.job import log

# Of a whole set of images: photographs, scans and drawings have some pixels near white. Twelve bits in sixteen reach
# 1/16, and bytes divided by 255 twice 1/255.
DARKEST_WHITE = 0.5


def warn(images: Images) -> None:
    """Tell of a set that is too dark, of images that are one colour, and of images that occur more than once."""
    pixels, n = images.pixels, len(images)
    if not pixels.size:
        return
    largest = float(pixels.max())
    if largest < DARKEST_WHITE:
        log.warning(
            "the largest pixel of %d images is %.4g, where white is 1: fewer bits than their files say (12 in 16), or "
            "divided by the value of white twice?",
            n,
            largest,
        )
    flat = pixels.reshape(n, -1)
    constant = int((flat.max(axis=1) == flat.min(axis=1)).sum())
    if constant:
        log.warning("%d of %d images are of a single value in every pixel", constant, n)
    repeated = n - len(set(digests(pixels)))
    if repeated:
        log.warning(
            "%d of %d images are equal to another in every pixel; intervals take images for independent", repeated, n
        )
