"""Conversion of what a file or an array holds into the study's pixels: channels, value range, size."""

import math
from typing import Any

import numpy as np

from kindred.workflow.errors import BadInput

CROP = 224 / 256  # the share of the shorter side that the usual centre crop keeps of a photograph
MOST_PIXELS = 64_000_000  # 8,000 x 8,000, more than most cameras have: a file of kilobytes may hold any number
STRIP = 512  # rows that are put on white at a time
BITS, PHOTOMETRIC, WHITE_IS_ZERO = 258, 262, 0  # tags of TIFF, and a value
DEEP = ("I;16", "I;16L", "I;16B", "I;16N", "I")
WHITE = {"uint8": 255.0, "uint16": 65535.0, "bool": 1.0}


def of_image(image: Any, channels: int) -> Any:
    """A PIL image in grey or colour: one of 8 bits a channel stays an image, a deeper one becomes an array.

    Transparent pixels are put on white, as browsers do; CMYK is converted as Pillow does it; 16 bits of grey are
    divided by 65,535, and the 12 bits of a TIFF by 4,095. Raises BadInput for 32-bit images whose range is unknown, and
    for images without pixels or with too many.
    """
    demand_readable(image.size)
    if image.mode == "F":
        return of_array(np.asarray(image), channels)
    if image.mode in DEEP:
        return of_array(_deep(image), channels)
    mode = "L" if channels == 1 else "RGB"
    if "A" in image.getbands() or "transparency" in image.info:
        return _on_white(image, mode)
    return image.convert(mode)


def demand_readable(size: tuple[int, int]) -> None:
    """Raise BadInput where an image of this width and height has no pixels or too many for memory."""
    if not min(size):
        raise BadInput("it has no pixels")
    if math.prod(size) > MOST_PIXELS:
        raise BadInput(
            f"it has {size[0]:,} x {size[1]:,} pixels, but at most {MOST_PIXELS:,} are read; make it smaller"
        )


def _deep(image: Any) -> np.ndarray:
    """(height, width) of a grey image of more than 8 bits: uint16, or real numbers where white is not 65,535."""
    values, tags = np.asarray(image), getattr(image, "tag_v2", {})
    if values.min() < 0 or values.max() > WHITE["uint16"]:
        raise BadInput(
            f"it has 32 bits a pixel with values from {values.min()} to {values.max()}, so the value of white is "
            "unknown"
        )
    bits = min(16, *tags.get(BITS, (16,)))
    if tags.get(PHOTOMETRIC) == WHITE_IS_ZERO:  # which Pillow turns round for 8 bits only
        values = (2**bits - 1) - values
    return (values / (2**bits - 1)).astype(np.float32) if bits < 16 else values.astype(np.uint16)


def _on_white(image: Any, mode: str) -> Any:
    """An image with transparent pixels before white, a few rows at a time, since all at once takes four copies."""
    from PIL import Image

    found = Image.new(mode, image.size)
    for top in range(0, image.height, STRIP):
        layer = image.crop((0, top, image.width, min(top + STRIP, image.height))).convert("RGBA")
        white = Image.new("RGBA", layer.size, (255, 255, 255, 255))
        found.paste(Image.alpha_composite(white, layer).convert(mode), (0, top))
    return found


def of_array(values: np.ndarray, channels: int) -> np.ndarray:
    """(h, w, channels) float32 in [0, 1] of an array (h, w), (h, w, c) or (c, h, w).

    values: uint8, uint16, bool, or real numbers in [0, 1]. Grey is repeated for colour; colour becomes grey by the
    weights of ITU-R BT.601. Raises BadInput for other shapes, types and ranges.
    """
    if not values.size:
        raise BadInput("it has no pixels")
    if values.ndim == 2:
        values = values[:, :, None]
    if values.ndim != 3 or (values.shape[2] not in (1, 3) and values.shape[0] not in (1, 3)):
        raise BadInput(f"it has the shape {values.shape}, but images have 1 or 3 channels")
    if values.shape[2] not in (1, 3):
        values = np.moveaxis(values, 0, 2)
    white = WHITE.get(str(values.dtype))
    if white is None and not np.issubdtype(values.dtype, np.floating):
        raise BadInput(f"it is of {values.dtype}, but must be of uint8, uint16 or real numbers in [0, 1]")
    scaled = values.astype(np.float32) / np.float32(white or 1)
    low, high = float(scaled.min()), float(scaled.max())
    if not (low >= 0 and high <= 1):
        hint = "; divide it by 255, or keep it as uint8" if 1 < high <= 255 and low >= 0 else ""
        raise BadInput(f"its pixels go from {low:g} to {high:g}, but real numbers must be in [0, 1]{hint}")
    if scaled.shape[2] == 1 < channels:
        return np.broadcast_to(scaled, (*scaled.shape[:2], channels))
    if scaled.shape[2] == 3 > channels:
        weights = np.array([0.299, 0.587, 0.114], dtype=np.float32)
        return np.clip(scaled @ weights, 0, 1)[:, :, None]
    return scaled


def fit(image: Any, side: int, crop: float) -> np.ndarray:
    """(channel, side, side) float32 in [0, 1]: bilinear resize to a shorter side of side / crop, centre crop.

    image: a PIL image of 8 bits a channel, or (h, w, channel) float32 in [0, 1]; one of that size stays as it is.
    Raises BadInput for a strip so long and narrow that its resized version would not fit into memory.
    """
    from PIL import Image

    if isinstance(image, np.ndarray):
        planes = (Image.fromarray(np.ascontiguousarray(image[:, :, at])) for at in range(image.shape[2]))
        return np.clip(np.concatenate([_cut(plane, side, crop) for plane in planes]), 0, 1)
    return _cut(image, side, crop) / np.float32(255)


def _cut(image: Any, side: int, crop: float) -> np.ndarray:
    from PIL import Image

    shorter = round(side / crop)
    scale = shorter / min(image.size)
    width, height = (max(shorter, int(length * scale)) for length in image.size)
    if width * height > MOST_PIXELS:
        raise BadInput(
            f"it has {image.width:,} x {image.height:,} pixels, and {width:,} x {height:,} once its shorter side is "
            f"{shorter}, but at most {MOST_PIXELS:,} are possible; cut it first"
        )
    if (width, height) != image.size:
        image = image.resize((width, height), Image.Resampling.BILINEAR)
    left, top = round((width - side) / 2), round((height - side) / 2)
    values = np.asarray(image.crop((left, top, left + side, top + side)), dtype=np.float32)
    values = values[:, :, None] if values.ndim == 2 else values
    return np.ascontiguousarray(values.transpose(2, 0, 1))
