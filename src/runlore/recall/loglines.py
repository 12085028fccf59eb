"""Log lines: what attempts wrote, read back from recorded chunks (`docs/design/semantics.md`, "Logs")."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from runlore.model.log import STREAMS, parse_log
from runlore.model.noun import noun
from runlore.model.run import LogChunk

#: What can be asked for: the names of the streams.
NAMES = tuple(STREAMS.values())
#: How `logging` is written down: level, name of the logger, message. What runlore itself notes has no level.
_LOGGED = re.compile(r"(?P<level>Level -?\d+|\S+) (?P<logger>.*?): ")
_OWN = "runlore: "


@noun
class LogSource:
    """Which attempt wrote lines, and for whom."""

    #: Index of the step, of the item and number of the attempt, of which these lines are the log.
    step: int
    item: int
    attempt: int
    #: Pathspec of that task.
    task: str
    #: Pathspec of the task that wrote them, if this one took its result over.
    origin: str | None = None


class LogLine(tuple[Any, ...]):
    """One line that a step wrote: unpacks as ``(time, text)``, and has what else is known of it as attributes.

    Asked for with ``text=False`` the second is bytes; with ``meta=True`` there is a third, a dict of the rest.
    """

    #: When the line began, in UTC.
    time: datetime
    #: ``stdout``, ``stderr`` or ``logging``.
    stream: str
    text: str
    _from: LogSource

    @property
    def step(self) -> int:
        """Position of the step in its run."""
        return self._from.step

    @property
    def item(self) -> int:
        """Index of the mapped item; 0 for a plain step."""
        return self._from.item

    @property
    def attempt(self) -> int:
        """Which try of the task wrote it, from 0."""
        return self._from.attempt

    @property
    def source(self) -> str:
        """Pathspec of the task whose log this is."""
        return self._from.task

    @property
    def origin(self) -> str | None:
        """Pathspec of the task that wrote it, where this one took its result over; else ``None``."""
        return self._from.origin

    @property
    def level(self) -> str | None:
        """Level of a line of ``logging``, such as ``WARNING``; else ``None``."""
        return self._logged()[0]

    @property
    def logger(self) -> str | None:
        """Name of the logger of a line of ``logging``; ``runlore`` for what runlore itself notes; else ``None``."""
        return self._logged()[1]

    @property
    def data(self) -> bytes:
        """The text as bytes; what was no UTF-8 is as it was written."""
        try:
            return self.text.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:
            return self.text.encode("utf-8", "surrogatepass")

    @property
    def meta(self) -> dict[str, Any]:
        """All but time and text, by name."""
        level, logger = self._logged()
        return {
            "stream": self.stream,
            "level": level,
            "logger": logger,
            "source": self.source,
            "attempt": self.attempt,
            "origin": self.origin,
        }

    def _logged(self) -> tuple[str | None, str | None]:
        if self.stream != STREAMS["l"]:
            return None, None
        if self.text.startswith(_OWN):
            return None, "runlore"
        found = _LOGGED.match(self.text)
        return (found["level"], found["logger"]) if found else (None, None)

    def shaped(self, *, text: bool, meta: bool) -> LogLine:
        """The same line, to be unpacked as asked."""
        if text and not meta:
            return self
        unpacked = (self.time, self.text if text else self.data, *([self.meta] if meta else ()))
        return _made(unpacked, self.time, self.stream, self.text, self._from)

    def __repr__(self) -> str:
        return f"<LogLine {self.time:%H:%M:%S} {self.stream}: {self.text!r}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return _made, (tuple(self), self.time, self.stream, self.text, self._from)


def _made(unpacked: tuple[Any, ...], time: datetime, stream: str, text: str, source: LogSource) -> LogLine:
    line = LogLine(unpacked)
    line.time, line.stream, line.text, line._from = time, stream, text, source
    return line


def lines_of(chunks: Iterable[LogChunk], source: LogSource) -> Iterator[LogLine]:
    """Every line of ``chunks``, in their order."""
    for chunk in chunks:
        for parsed in parse_log(chunk.text):
            yield _made((parsed.time, parsed.text), parsed.time, parsed.stream, parsed.text, source)


def checked_stream(stream: str | None) -> str | None:
    """Return ``stream``; ValueError, naming those that there are, for another."""
    if stream is not None and stream not in NAMES:
        raise ValueError(f"There is no stream {stream!r}; what a step writes goes to {', '.join(map(repr, NAMES))}.")
    return stream
