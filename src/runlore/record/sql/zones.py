"""Zones: blocks of owners, for each of which the table ``zone`` knows between which numbers the facts of a key lie.

A block of level 0 is some consecutive owners, one of level 1 is some consecutive blocks of level 0. So a range looks at
one zone of level 1 for a thousand owners, and further only where that reaches into it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

#: Owners per block of level 0, and blocks per block of level 1. A file is written and read with one and the same size.
SIZE = 32


def blocks_of(owner: int) -> tuple[int, int]:
    """The blocks of level 0 and 1 that an owner is in."""
    block = owner // SIZE
    return block, block // SIZE


def places_of(kind: int, key: int, owner: int) -> list[tuple[int, int, int, int]]:
    """Kind, key, level and block of the zones over an owner."""
    return [(kind, key, level, block) for level, block in enumerate(blocks_of(owner))]


def members_of(block: int) -> tuple[int, int]:
    """First and last member of a block."""
    return block * SIZE, block * SIZE + SIZE - 1


def bounds_of(facts: Iterable[tuple[Any, ...]]) -> dict[tuple[int, int, int, int], tuple[float, float]]:
    """(kind, key, level, block) → least and greatest number, of rows of the table ``fact``."""
    found: dict[tuple[int, int, int, int], tuple[float, float]] = {}
    for kind, owner, key, _, number, _ in facts:
        if number is not None:
            place = (kind, key, 0, owner // SIZE)
            lo, hi = found.get(place, (number, number))
            found[place] = (number if number < lo else lo, number if number > hi else hi)
    for (kind, key, _, block), (lo, hi) in list(found.items()):
        place = (kind, key, 1, block // SIZE)
        least, most = found.get(place, (lo, hi))
        found[place] = (lo if lo < least else least, hi if hi > most else most)
    return found
