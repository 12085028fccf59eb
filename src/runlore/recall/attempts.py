"""Attempts: the tries of a step's tasks, and where they took their results from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runlore.errors import NotFound
from runlore.model.run import Step, Task
from runlore.model.status import Status
from runlore.record.port import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: Ends of a step that may come upon a task of which nothing is recorded.
_OPEN = (Status.RUNNING, Status.INTERRUPTED, Status.CANCELLED)


def attempts_of(record: Record, step: Step, item: int | None = None) -> tuple[Task, ...]:
    """Every attempt of a step's tasks, or of one, by item and number.

    An attempt is recorded when it ends. Of a plain step that runs, or that ended before its attempt did, what is known
    of the attempt is known of the step.
    """
    found = record.tasks(step.run, step.index, item)
    if step.tasks is not None or step.started is None or step.status not in _OPEN or item not in (None, 0):
        return found
    if found and found[-1].status is not Status.FAILED:
        return found
    open_ = Task(
        run=step.run, step=step.index, item=0, attempt=len(found), status=step.status, started=step.started,
        ended=step.ended,
    )  # fmt: skip
    return (*found, open_)


def chosen(attempts: Iterable[Task], number: int | None, pathspec: str) -> Task:
    """The attempt with this number, or the last; `NotFound`, naming those that there are, if there is none."""
    there = {attempt.attempt: attempt for attempt in attempts}
    if there and number is None:
        return there[max(there)]
    if number not in there or isinstance(number, bool):
        raise no_attempt(pathspec, number, sorted(there))
    return there[number]


def no_attempt(pathspec: str, number: object, there: list[int]) -> NotFound:
    """The error for an attempt that there is not."""
    if not there:
        return NotFound(f"{pathspec} has no attempt {number!r}; nothing of it has started.")
    known = str(there[0]) if len(there) == 1 else f"{there[0]} to {there[-1]}"
    return NotFound(f"{pathspec} has no attempt {number!r}; there is attempt {known}, counted from 0.")


def origins_of(record: Record, step: Step, item: int | None = None) -> Iterator[tuple[int, tuple[int, int, int]]]:
    """Each item of a step that took its result over, with run, step and item of the task that computed it."""
    if step.origin is None and step.tasks is None:
        return  # as of most steps, and nothing is asked
    for task in record.tasks(step.run, step.index, item):
        if task.origin is not None:
            yield task.item, computed_by(record, task.origin)


def computed_by(record: Record, origin: tuple[int, int, int]) -> tuple[int, int, int]:
    """The task that computed what ``origin`` may have taken over itself."""
    while found := record.tasks(*origin)[-1:]:
        if found[0].origin is None:
            break
        origin = found[0].origin
    return origin
