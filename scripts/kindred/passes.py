"""Which parts of which layers are held at the same time, where all of them are more than memory: passes over images."""

from collections.abc import Sequence

Piece = tuple[int, int, int]  # layer, first column, last column + 1


def passes(widths: Sequence[int], images: int, memory: int) -> list[list[Piece]]:
    """Pieces of layers that are held at the same time: together at most memory / (4 images) columns, at least one."""
    room = max(1, memory // (4 * max(images, 1)))
    found: list[list[Piece]] = [[]]
    left = room
    for layer, width in enumerate(widths):
        start = 0
        while start < width:
            if left == 0:
                found.append([])
                left = room
            stop = min(width, start + left)
            found[-1].append((layer, start, stop))
            left -= stop - start
            start = stop
    return found
