"""SQL as data: named, commented statements in ``.sql`` files."""

from __future__ import annotations

import re
from pathlib import Path

_HEADING = re.compile(r"^-- name: (\w+)[ \t]*$", re.MULTILINE)
_COMMENT = re.compile(r"^\s*--.*$", re.MULTILINE)


def load_statements(path: Path) -> dict[str, str]:
    """Read every ``-- name: <name>`` section of a file: name → statement, without comments and line breaks.

    Raises `ValueError` for a repeated name or an empty statement.
    """
    pieces = _HEADING.split(path.read_text("utf-8"))
    found: dict[str, str] = {}
    for name, body in zip(pieces[1::2], pieces[2::2], strict=True):
        statement = " ".join(_COMMENT.sub("", body).split()).rstrip(";")
        if name in found or not statement:
            raise ValueError(f"{path.name}: statement {name!r} is repeated or empty")
        found[name] = statement
    return found
