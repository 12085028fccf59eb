"""Printable: what was recorded may come from anyone, and no control character of it reaches a terminal or a page."""

from __future__ import annotations


def printable(text: str) -> str:
    """The text in one line, with whatever is not printable as Python escapes it: ``\\x1b``, ``\\n``, ``\\u202e``."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
