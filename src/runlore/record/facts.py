"""Facts: the searchable form of parameters and metadata, the same in every store."""

from __future__ import annotations

import math

_LEAST, _MOST = -(2**63), 2**63 - 1


def fact_number(value: object) -> int | float | None:
    """Return what a number is compared as: exact within 64 bits, else the nearest float; ``None`` for NaN and text.

    A bool counts as 0 or 1, as it does in Python.
    """
    if isinstance(value, int):
        if _LEAST <= value <= _MOST:
            return int(value)
        try:
            return float(value)
        except OverflowError:
            return math.inf if value > 0 else -math.inf
    if isinstance(value, float) and not math.isnan(value):
        return float(value)
    return None
