"""Texts of a kind: a step that returns one of these has its output stored as such a file, and shown as what it is.

Each is a ``str`` in every respect. A value of one is stored as a plain text file (``.html``, ``.md``, ``.csv``,
``.json``), its artifact type is ``DataAnalysisArtifact``, and loading gives the same class back.
"""

from __future__ import annotations

from typing import Self

__all__ = ["CSVString", "HTMLString", "JSONString", "MarkdownString"]


class HTMLString(str):
    """A page or a piece of one in HTML. It is shown in a frame in which no script runs."""

    __slots__ = ()

    def __new__(cls, text: str = "") -> Self:
        return super().__new__(cls, text)


class MarkdownString(str):
    """A text in Markdown."""

    __slots__ = ()

    def __new__(cls, text: str = "") -> Self:
        return super().__new__(cls, text)


class CSVString(str):
    """A table as comma-separated values."""

    __slots__ = ()

    def __new__(cls, text: str = "") -> Self:
        return super().__new__(cls, text)


class JSONString(str):
    """A text in JSON. It is kept character by character, and not checked."""

    __slots__ = ()

    def __new__(cls, text: str = "") -> Self:
        return super().__new__(cls, text)
