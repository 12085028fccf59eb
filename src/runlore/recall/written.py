"""Written: the log lines of one step's tasks, their own and those of the tasks whose results they took over."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from runlore.recall.attempts import origins_of
from runlore.recall.loglines import LogLine, LogSource, lines_of

if TYPE_CHECKING:
    from runlore.recall.step import Step


#: `Run.seq` → pathspecs of the run's steps, as far as they were asked for.
Pathspecs = dict[int, tuple[str, ...]]


def step_log(
    step: Step, item: int | None, attempt: int | None, known: Pathspecs | None = None
) -> Iterator[tuple[LogSource, list[LogLine]]]:
    """The log of each task of a step, or of the one asked for: of its last attempt with any, or of the given one.

    ``known`` is for whoever asks about many steps.
    """
    record, run, index = step._reader.record, step._noun.run, step.index
    places = record.logged(run, index) if item is None else record.logged(run, index, item, item + 1)
    if attempt is None:
        places = tuple({place[1]: place for place in places}.values())
    for _, task, number in places:
        if attempt in (None, number):
            source = LogSource(step=index, item=task, attempt=number, task=f"{step.pathspec}/{task}")
            yield source, list(lines_of(record.logs(run, index, task, number), source))
    if attempt in (None, 0):
        yield from taken_over_log(step, item, {} if known is None else known)


def taken_over_log(step: Step, item: int | None, known: Pathspecs) -> Iterator[tuple[LogSource, list[LogLine]]]:
    """The logs that the origins of a step's tasks wrote, or of the one task asked for, as far as they are there."""
    record = step._reader.record
    for task, origin in origins_of(record, step._noun, item):
        run, index, writer = origin
        if run not in known:
            known[run] = step._reader.pathspecs_of(run)
        if index >= len(known[run]):  # the run was deleted, and the log with it
            continue
        written_by = f"{known[run][index]}/{writer}"
        source = LogSource(step=step.index, item=task, attempt=0, task=f"{step.pathspec}/{task}", origin=written_by)
        yield source, list(lines_of(record.logs(*origin), source))
