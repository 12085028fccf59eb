"""Value: what was recorded, in a cell or a line."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from runlore.recall.html.markup import cut

#: Characters of a value.
LENGTH = 120


def shown(value: Any, length: int = LENGTH) -> str:
    """A value as Python writes it, cut; a time as people do, a text as it is."""
    if isinstance(value, datetime):
        return when(value) or ""
    if isinstance(value, str):
        return cut(str.__str__(value), length)
    try:
        return cut(repr(value), length)
    except Exception:  # of a class of somebody's, or an integer with more digits than Python writes
        return f"({type(value).__name__})"


def pairs(values: Mapping[str, Any], most: int) -> str:
    """Names and values in a line: ``lr = 0.1, epochs = 3, … and 2 more``."""
    told = [f"{cut(name, 60)} = {shown(value, 60)}" for name, value in list(values.items())[:most]]
    if len(values) > most:
        told.append(f"… and {len(values) - most:,} more")
    return ", ".join(told)


def when(time: datetime | None) -> str | None:
    """A time in UTC, to the second."""
    return None if time is None else f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
