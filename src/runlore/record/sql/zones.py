"""Zones: blocks of owners, for each of which the table ``zone`` knows between which numbers the facts of a key lie."""

from __future__ import annotations

#: Owners per block. A record's file is written and read with one and the same size.
SIZE = 256


def block_of(owner: int) -> int:
    """The block that an owner is in."""
    return owner // SIZE


def owners_of(block: int) -> tuple[int, int]:
    """First and last owner of a block."""
    return block * SIZE, block * SIZE + SIZE - 1
