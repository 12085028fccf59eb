"""Logs of a run, step or task: what was written, as lines, as text, and as it comes.

A task that took its result over wrote nothing; it shows the log of its origin, and every line says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from runlore.author.reads import note_read

if TYPE_CHECKING:
    from runlore.recall.loglines import LogLine
    from runlore.recall.reader import Reader
    from runlore.recall.step import Step

#: Seconds between two looks at a record that is followed.
POLL = 0.2


class Logged:
    """What was written to standard output, standard error and `logging`; base of the handles that have logs."""

    _reader: Reader

    @property
    def pathspec(self) -> str:
        """Name by position; see `docs/design/semantics.md`, "Pathspecs"."""
        raise NotImplementedError

    @property
    def finished(self) -> bool:
        """Whether nothing more will be written."""
        raise NotImplementedError

    def _logged_steps(self) -> Iterable[Step]:
        """The steps whose logs these are, as they are now."""
        raise NotImplementedError

    def _logged_task(self) -> tuple[int | None, int | None]:
        """Item and attempt, where these are the logs of one."""
        return None, None

    def loglines(
        self, stream: str | None = None, *, text: bool = True, meta: bool = False, attempt: int | None = None
    ) -> list[LogLine]:
        """Log lines so far: of a task's last attempt that wrote any, or the one asked for; of several tasks by time.

        Each unpacks as ``(time, text)``: ``for time, text in task.loglines("stdout")``; it has ``stream``, ``level``,
        ``logger`` and more as attributes.

        Args:
            stream: ``stdout``, ``stderr`` or ``logging``; without it, all of them, as they came.
            text: False gives bytes in place of text.
            meta: True adds a dict of all that is known of the line as a third.
            attempt: Number of the attempt, from 0.

        Raises:
            ValueError: there is no such stream.
            NotFound: there is no such attempt.
        """
        from runlore.recall.loglines import checked_stream  # lists of runs do without
        from runlore.recall.written import Pathspecs, step_log

        checked_stream(stream)
        note_read(f"the log of {self.pathspec}")
        item, own = self._logged_task()
        attempt = own if attempt is None else attempt
        found: list[LogLine] = []
        known: Pathspecs = {}
        writers = 0
        wrote = attempt is None
        for step in self._logged_steps():
            for source, lines in step_log(step, item, attempt, known):
                writers += 1
                wrote = wrote or source.attempt == attempt
                found += lines
        if not wrote:
            self._require_attempt(item, attempt)
        if writers > 1:  # the lines of one stand as they were written, whatever its clock did
            found.sort(key=lambda line: line.time)
        return [line.shaped(text=text, meta=meta) for line in found if stream is None or line.stream == stream]

    def _require_attempt(self, item: int | None, attempt: int | None) -> None:
        """Raise `NotFound` unless there was an attempt of this number, which may have written nothing."""
        from runlore.recall.attempts import attempts_of, no_attempt  # as above

        record = self._reader.record
        there = {task.attempt for step in self._logged_steps() for task in attempts_of(record, step._noun, item)}
        if attempt not in there:
            raise no_attempt(self.pathspec, attempt, sorted(there))

    @property
    def logs(self) -> str:
        """What it wrote to stdout, stderr and logging, line by line."""
        return self._log_text()

    @property
    def stdout(self) -> str:
        """What it has written to standard output."""
        return self._log_text("stdout")

    @property
    def stderr(self) -> str:
        """What it has written to standard error; what it logged is ``loglines("logging")``."""
        return self._log_text("stderr")

    def _log_text(self, stream: str | None = None) -> str:
        return "".join(line.text + "\n" for line in self.loglines(stream))

    def follow_logs(
        self, stream: str | None = None, *, text: bool = True, meta: bool = False, poll: float = POLL
    ) -> Iterator[LogLine]:
        """Yield log lines as they come until it has finished, those that are there already first.

        Every attempt's lines are among them. ``stream``, ``text`` and ``meta`` are those of `loglines`; ``poll`` is the
        number of seconds between two looks. A run whose process has died has finished.
        """
        from runlore.recall.follow import follow  # as above
        from runlore.recall.loglines import checked_stream

        checked_stream(stream)
        note_read(f"the log of {self.pathspec}")
        lines = follow(self, poll=poll)
        return (line.shaped(text=text, meta=meta) for line in lines if stream is None or line.stream == stream)
