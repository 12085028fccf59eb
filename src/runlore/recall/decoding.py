"""Decoding recorded values when one is asked for: a name or a status needs no codec."""

from __future__ import annotations

from typing import Any


def decode(text: str) -> Any:
    """Return the value of typed JSON; see `runlore.values.codec.decode`."""
    from runlore.values import codec  # decimal numbers and what else it brings take some 5 ms

    return codec.decode(text)
