"""Decoding recorded values when one is asked for: a name or a status needs no codec."""

from __future__ import annotations

from typing import Any


def decode(text: str) -> Any:
    """Return the value of typed JSON; see `runlore.values.codec.decode`."""
    from runlore.values import codec  # decimal numbers and what else it brings take some 5 ms

    return codec.decode(text)


def decode_notes(text: str) -> Any:
    """Return what was noted about a run, step or version; see `runlore.values.codec.decode_notes`."""
    from runlore.values import codec  # see `decode`

    return codec.decode_notes(text)
