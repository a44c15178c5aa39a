"""Input diversity (Xie et al. 2019): the gradient is taken at a randomly shrunken and padded version of the image.

Each image has a generator of its own, which moves on at every step, so what it meets depends neither on the device
nor on where batches are cut. Gradients flow back through the resizing into the image itself.
"""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor


def diverse(seeds: Sequence[torch.Generator], chance: float, smallest: float) -> Callable[[Tensor], Tensor]:
    """A function from images (n, c, h, w) to their varied versions of the same shape.

    With probability `chance` an image is resized (bilinearly) to a side drawn uniformly from `smallest` times its own
    to its own, and put at a random place on black. Every call draws four numbers an image.
    """

    def vary(images: Tensor) -> Tensor:
        draws = torch.stack([torch.rand(4, generator=seed) for seed in seeds]).tolist()
        _, _, height, width = images.shape
        varied = []
        for image, (whether, size, down, right) in zip(images, draws, strict=True):
            share = smallest + (1 - smallest) * size
            rows, columns = max(1, round(share * height)), max(1, round(share * width))
            if whether >= chance or (rows, columns) == (height, width):
                varied.append(image)
                continue
            small = F.interpolate(image[None], size=(rows, columns), mode="bilinear", align_corners=False)[0]
            top, left = int(down * (height - rows + 1)), int(right * (width - columns + 1))
            varied.append(F.pad(small, (left, width - columns - left, top, height - rows - top)))
        return torch.stack(varied)

    return vary
