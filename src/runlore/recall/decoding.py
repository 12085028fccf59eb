"""Decoding recorded values when one is asked for: a name or a status needs no codec."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# What the codec finds by name, for which it would import the module that the name begins with.
_NAMED = ("class", "function", "enum", "flag", "dataclass", "namedtuple", "pydantic")


def decode(text: str) -> Any:
    """Return the value of typed JSON; see `runlore.values.codec.decode`."""
    from runlore.values import codec  # decimal numbers and what else it brings take some 5 ms

    return codec.decode(text)


def decode_notes(text: str) -> Any:
    """Return what was noted about a run, step or version. What is found by name is given as that name.

    Notes are looked at before anybody decides to trust who wrote them, and an import runs code.
    """
    from runlore.values import codec  # see `decode`

    return codec.decode(text, more=dict.fromkeys(_NAMED, _name))


def _name(found: Mapping[str, Any]) -> str:
    member = found.get("v")
    return f"{found['t']}.{member}" if isinstance(member, str) else str(found["t"])
