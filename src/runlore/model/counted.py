"""Counted: a number with its noun, in the singular for one."""

from __future__ import annotations


def counted(count: int, noun: str) -> str:
    """``1 step``, ``2 steps``. ``noun`` is in the singular and takes an s."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
