"""Tiles: the comparisons that share a job.

Models are divided into groups by name alone, so that a new model changes one group and no other; a tile is a
pair of groups, and its job loads each of their models once.
"""

from collections.abc import Sequence
from itertools import combinations_with_replacement, product
from zlib import crc32


def deal(models: Sequence[str], groups: int) -> dict[int, list[str]]:
    """{group: its models in the given order}, without empty groups; a group depends on names alone."""
    found: dict[int, list[str]] = {}
    for model in models:
        found.setdefault(crc32(model.encode()) % groups, []).append(model)
    return dict(sorted(found.items()))


def pairs(first: Sequence[str], second: Sequence[str]) -> list[tuple[str, str]]:
    """Unordered pairs of the models of two groups; within one group each model with itself as well."""
    return list(combinations_with_replacement(first, 2) if first == second else product(first, second))
