"""Text in figures: the room that it takes, lines of a caption, and words for numbers."""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextToPath
from numpy.typing import NDArray


@lru_cache(maxsize=16384)
def _ems(text: str) -> float:
    """Width of a line of text in units of its type size."""
    font = FontProperties(family="DejaVu Sans", size=100)
    return float(TextToPath().get_text_width_height_descent(text, font, ismath=False)[0]) / 100


def extent(text: str, size: float) -> tuple[float, float]:
    """Width and height in inches of a line of text set at `size` points."""
    # The font's own measures know no hinting; on the page a line may be a little wider.
    return (1.05 * _ems(text) * size / 72, 1.2 * size / 72) if text else (0.0, 0.0)


def widest(texts: Iterable[str], size: float) -> float:
    """Width in inches of the widest of some lines of text at `size` points, 0 for none."""
    return max((extent(text, size)[0] for text in texts), default=0.0)


def shortened(text: str, room: float, size: float) -> str:
    """The text, cut to `room` inches at `size` points."""
    while len(text) > 4 and extent(text, size)[0] > room:
        text = text.rstrip("…")[:-1] + "…"
    return text


def wrap(text: str, width: float, size: float) -> list[str]:
    """Lines of at most `width` inches at `size` points; a wider word stands alone.

    Lines do not break inside '95 %', 'ℓ∞ 0.05', 'n = 10,000' and '0.67 → 0.09'.
    """
    together = r"(?<=\d) (?=%)|(?<=\w) (?=→)|(?<=→) (?=\w)|(?<=ℓ[∞12]) (?=\d)|(?<=\bn) (?==)|(?<=\bn =) (?=\d)"
    words = re.sub(together, "\N{NO-BREAK SPACE}", text).split(" ")
    lines, used = [words[0]], extent(words[0], size)[0]
    for word in words[1:]:
        used += extent(" ", size)[0] + extent(word, size)[0]
        if used > width:
            lines.append(word)
            used = extent(word, size)[0]
        else:
            lines[-1] += f" {word}"
    return lines


def listed(items: Sequence[str]) -> str:
    """'a', 'a and b', 'a, b and c'."""
    return " and ".join(filter(None, [", ".join(items[:-1]), *items[-1:]]))


def plural(count: int, noun: str) -> str:
    """'1 pair', '1,300 pairs'."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def span(numbers: Iterable[float]) -> str:
    """Whole numbers as '10,000', or '3,700 to 3,900' where they differ; undefined ones are left out."""
    found = pd.to_numeric(pd.Series(list(numbers)), errors="coerce").dropna()
    low, high = int(found.min()), int(found.max())
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def share(value: float) -> str:
    """0.034 -> '3 %', 0.004 -> '<1 %'."""
    return "<1 %" if 0 < value < 0.01 else f"{100 * value:.0f} %"


def clause(lead: str, parts: Sequence[str]) -> str:
    """A sentence ' Lead: part; part.', or nothing without parts."""
    return f" {lead}: {'; '.join(parts)}." if parts else ""


def hatched(matrices: Sequence[NDArray[np.float64]], meaning: str) -> str:
    """A sentence on the undefined cells of some matrices, or nothing where there are none."""
    holes = sum(int((~np.isfinite(values)).sum()) for values in matrices)
    return f" Hatched cells ({holes}) {meaning}." if holes else ""


def half_widths(rows: pd.DataFrame) -> str:
    """A sentence on the 95 % intervals over images of pairs of different models, or nothing where none is known."""
    width = ((rows["high"] - rows["low"]) / 2)[rows["model_a"] != rows["model_b"]].dropna()
    if width.empty:
        return ""
    median, most = width.median(), width.max()
    return f" Half-width of the 95 % intervals over images: median {median:.3f}, largest {most:.3f}."


def bounded(row: Any, scale: float = 1.0, digits: int = 2, prefix: str = "") -> str:
    """'0.12 [0.01, 0.23]', or the value alone where it has no interval.

    row: with value, low and high, or with {prefix}, {prefix}_low and {prefix}_high.
    """
    columns = [prefix, f"{prefix}_low", f"{prefix}_high"] if prefix else ["value", "low", "high"]
    value, low, high = (f"{scale * row[name]:.{digits}f}" for name in columns)
    return f"{value} [{low}, {high}]" if np.isfinite([row[name] for name in columns]).all() else value


def signed(text: str) -> str:
    """Numbers in a text with a minus sign in place of a hyphen, and no minus before zero."""
    text = re.sub(r"(?<![\w.])-(0?\.?0+)(?![\d.])", r"\1", text)
    return re.sub(r"(?<![\w.)])-(?=\.?\d)", "−", text)
