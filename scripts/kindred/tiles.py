"""Tiles: which comparisons share a job.

Models are dealt into groups by their name alone, so that a new model changes one group and leaves every other
as it was; a tile is a pair of groups, and its job loads each of their models once.
"""

from collections.abc import Sequence
from zlib import crc32


def deal(models: Sequence[str], groups: int) -> dict[int, list[str]]:
    """{group: its models in the given order}, empty groups left out. A model's group depends on nothing else."""
    dealt: dict[int, list[str]] = {}
    for model in models:
        dealt.setdefault(crc32(model.encode()) % groups, []).append(model)
    return dict(sorted(dealt.items()))
