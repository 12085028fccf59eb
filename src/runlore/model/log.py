"""Log line: one line of output, with its time and where it came from, as text that survives every store.

A stored line is ``<microseconds since the epoch> <o|e|l> <text>`` and a line break. In ``text``, backslashes, line
breaks, control characters other than tab, and lone surrogates (bytes that were no UTF-8) are written as Python escapes,
so that a line is always one line and every store can hold it; reading gives the exact text back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

#: Letter in the stored form → name of the stream.
STREAMS: dict[str, str] = {"o": "stdout", "e": "stderr", "l": "logging"}

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNSAFE = re.compile("[\\\\\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_ESCAPE = re.compile(r"\\(?:([\\nr])|x([0-9a-f]{2})|u([0-9a-f]{4}))")
_SHORT = {"\\": "\\\\", "\n": "\\n", "\r": "\\r"}
_LONG = {"\\": "\\", "n": "\n", "r": "\r"}


class ParsedLine(NamedTuple):
    """One stored line."""

    #: When the line began, in UTC.
    time: datetime
    #: ``stdout``, ``stderr`` or ``logging``.
    stream: str
    #: Without its line break; a logging record of several lines keeps the inner ones.
    text: str


def format_line(microseconds: int, letter: str, text: str) -> str:
    """Write one line in the stored form, line break included."""
    if _UNSAFE.search(text) is not None:
        text = _UNSAFE.sub(_escaped, text)
    return f"{microseconds} {letter} {text}\n"


def parse_log(text: str) -> Iterator[ParsedLine]:
    """Read stored lines, in order. Raises ValueError for a line that is not in the stored form."""
    for line in text.split("\n"):
        if line:
            yield _parse_line(line)


def _parse_line(line: str) -> ParsedLine:
    stamp, _, rest = line.partition(" ")
    stream = STREAMS.get(rest[:1])
    if stream is None or rest[1:2] != " " or not stamp.lstrip("-").isdecimal():
        raise ValueError(f"Not a stored log line, which begins '<microseconds> <o|e|l> ': {line[:80]!r}.")
    body = rest[2:]
    if "\\" in body:
        body = _ESCAPE.sub(_unescaped, body)
    return ParsedLine(_EPOCH + timedelta(microseconds=int(stamp)), stream, body)


def _escaped(match: re.Match[str]) -> str:
    character = match[0]
    code = ord(character)
    return _SHORT.get(character) or (f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}")


def _unescaped(match: re.Match[str]) -> str:
    short, two, four = match.groups()
    return _LONG[short] if short else chr(int(two or four, 16))
