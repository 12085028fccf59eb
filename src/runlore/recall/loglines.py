"""Log lines of attempts, read back from recorded chunks (`docs/design/semantics.md`, "Logs")."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from runlore.model.noun import noun
from runlore.model.run import LogChunk

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STREAMS = {"o": "stdout", "e": "stderr", "l": "logging"}
_ESCAPE = re.compile(r"\\(x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8}|[nr\\])")
_MEANING = {"n": "\n", "r": "\r", "\\": "\\"}


@noun
class LogLine:
    """One line that a step wrote."""

    time: datetime
    #: ``stdout``, ``stderr`` or ``logging``.
    stream: str
    text: str
    step: int
    item: int
    attempt: int


def lines_of(chunks: Iterable[LogChunk]) -> Iterator[LogLine]:
    """Every line of ``chunks``, in their order."""
    for chunk in chunks:
        for record in chunk.text.split("\n"):
            if record:
                yield _line(record, chunk)


def _line(record: str, chunk: LogChunk) -> LogLine:
    micros, _, rest = record.partition(" ")
    letter, _, text = rest.partition(" ")
    return LogLine(
        time=_EPOCH + timedelta(microseconds=int(micros)),
        stream=_STREAMS.get(letter, letter),
        text=_ESCAPE.sub(_unescaped, text) if "\\" in text else text,
        step=chunk.step,
        item=chunk.item,
        attempt=chunk.attempt,
    )


def _unescaped(found: re.Match[str]) -> str:
    letter = found[1]
    return _MEANING[letter] if letter in _MEANING else chr(int(letter[1:], 16))


def text_of(lines: Iterable[LogLine]) -> str:
    """Only the texts, each ending its line."""
    return "".join(line.text + "\n" for line in lines)
