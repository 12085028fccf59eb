"""Following logs: the lines of a run, step or task as they come, from whichever process writes them.

Each look reads what is new only: of a step that runs, the chunks after those that are known; of a mapped one, of the
items from the first that has not ended.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from runlore.model.status import Status
from runlore.recall.loglines import LogLine, LogSource, lines_of
from runlore.recall.written import Pathspecs, taken_over_log

if TYPE_CHECKING:
    from runlore.recall.logs import Logged
    from runlore.recall.step import Step


def follow(logged: Logged, *, poll: float, sleep: Callable[[float], None] = time.sleep) -> Iterator[LogLine]:
    """Yield the lines of ``logged`` until it has finished."""
    followed: dict[int, _Followed] = {}
    pathspecs: Pathspecs = {}
    item, _ = logged._logged_task()
    while True:
        finished = logged.finished  # looked at before reading: what came before the end is read after it
        fresh: list[LogLine] = []
        for step in logged._logged_steps():
            if step.status is not Status.PENDING:
                known = followed.setdefault(step.index, _Followed(item, pathspecs))
                fresh += known.fresh(step)
        fresh.sort(key=lambda line: line.time)
        yield from fresh
        if finished:
            return
        sleep(poll)


class _Followed:
    """How far the log of one step has been read."""

    def __init__(self, item: int | None, pathspecs: Pathspecs) -> None:
        self._item = item
        self._pathspecs = pathspecs
        #: The first item that had not ended at the last look.
        self._open = item or 0
        #: (item, attempt) → number of chunks that were read.
        self._read: dict[tuple[int, int], int] = {}
        self._over = False

    def fresh(self, step: Step) -> list[LogLine]:
        """The lines that have come since the last look."""
        if self._over:
            return []
        over = step.status.finished  # before reading, as above
        first, self._open = self._open, self._first_open(step)
        record, run, index = step._reader.record, step._noun.run, step.index
        lines: list[LogLine] = []
        for _, item, attempt in record.logged(run, index, first, None if self._item is None else first + 1):
            read = self._read.get((item, attempt), 0)
            chunks = record.logs(run, index, item, attempt, read)
            if chunks:
                self._read[item, attempt] = chunks[-1].part + 1
                source = LogSource(step=index, item=item, attempt=attempt, task=f"{step.pathspec}/{item}")
                lines += lines_of(chunks, source)
        if over:
            self._over = True
            taken_over = taken_over_log(step, self._item, self._pathspecs)
            lines += [line for _, found in taken_over for line in found]
        return lines

    def _first_open(self, step: Step) -> int:
        """The first item that may still write; those before it are not looked at again."""
        item = self._open
        if self._item is None and step.mapped:
            record = step._reader.record
            # one that failed may be tried again
            while any(task.status.successful for task in record.tasks(step._noun.run, step.index, item)[-1:]):
                item += 1
        return item
