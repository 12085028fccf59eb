"""Markup: HTML and SVG that is well formed and escaped by the way it is made.

Elements are made by `tag`, which closes what it opens and escapes every text that is not markup already. So nothing
that a record holds can become markup, wherever it is put.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

#: Elements that have no end tag (HTML Living Standard, "Void elements").
_VOID = frozenset({"br", "col", "hr", "img", "meta"})
#: What would not be seen or would turn round what is near: control characters but for tab and line feed, marks that
#: change the direction of writing, halves of a surrogate pair, and what is no character.
_UNSEEN = re.compile(
    "[\0-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]"
)


class Html(str):
    """Markup that is safe as it stands. Any other text is escaped when it is put into an element."""

    __slots__ = ()


def tag(name: str, *inside: object, **attributes: object) -> Html:
    """An element with its content and attributes.

    An attribute that is ``None`` or False is left out, and one that is True has no value. ``class_`` is ``class``, and
    an underscore within a name is a hyphen.
    """
    given = "".join(
        _attribute(key, value) for key, value in attributes.items() if value is not None and value is not False
    )
    if name in _VOID:
        return Html(f"<{name}{given}>")
    return Html(f"<{name}{given}>{joined(inside)}</{name}>")


def _attribute(key: str, value: object) -> str:
    key = key.rstrip("_").replace("_", "-")
    return f" {key}" if value is True else f' {key}="{escaped(value)}"'


def joined(parts: Iterable[object]) -> Html:
    """Parts one after the other; ``None`` is nothing."""
    return Html("".join(escaped(part) for part in parts if part is not None))


def escaped(part: object) -> Html:
    """Markup as it is; anything else as the text that it is, with what cannot be seen written out."""
    return part if isinstance(part, Html) else Html(html.escape(visible(str(part))))


def visible(text: str) -> str:
    """The text with escapes such as ``\\x1b`` in place of what would not be seen or would hide something."""
    if text.isascii() and text.isprintable():
        return text
    return _UNSEEN.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def cut(text: str, length: int) -> str:
    """The text, or so many characters of it of which the last is an ellipsis."""
    return text if len(text) <= length else text[: length - 1] + "…"
