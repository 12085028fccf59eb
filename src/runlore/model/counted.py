"""Counted: a number with its noun, in the singular for one."""

from __future__ import annotations


def counted(count: int, noun: str) -> str:
    """``1 step``, ``2 steps``, ``2 entries``, ``2 aliases``. ``noun`` is in the singular and regular."""
    return f"{count} {noun if count == 1 else _several(noun)}"


def _several(noun: str) -> str:
    if noun.endswith("s"):
        return f"{noun}es"
    return f"{noun[:-1]}ies" if noun.endswith("ry") else f"{noun}s"
