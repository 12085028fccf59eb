"""Digest: the name of immutable bytes, ``sha256:`` and 64 hex digits. The prefix leaves room for another algorithm."""

from __future__ import annotations

import re
from hashlib import sha256

_FORM = re.compile(r"sha256:[0-9a-f]{64}\Z")


def digest_of(data: bytes | bytearray | memoryview) -> str:
    """Name ``data``."""
    return "sha256:" + sha256(data).hexdigest()


def is_digest(text: str) -> bool:
    """Whether ``text`` has the form of a digest."""
    return _FORM.match(text) is not None
