"""Events of a task: what the record knows of how it went, each with the time from which it holds."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from runlore.model import run as model
from runlore.model.noun import noun

if TYPE_CHECKING:
    from runlore.recall.task import Task

#: What a task took from its run's environment.
_ENVIRONMENT = ("python", "platform", "runlore")
_USAGE = ("cpu", "memory", "gpu_memory")


@noun
class TaskEvent:
    """One thing that is known of a task."""

    name: str
    value: Any
    #: When that was so; ``None`` where the task has not started.
    created: datetime | None
    #: The try that it is about; ``None`` for what is the same for all.
    attempt: int | None = None

    @property
    def type(self) -> str:
        """Name of the value's class, such as ``float``."""
        return type(self.value).__name__


def events_of(task: Task) -> tuple[TaskEvent, ...]:
    """What is known of a task, of all attempts, in the order of its coming; what is not known is left out."""
    return tuple(event for event in _events(task) if event.value is not None)


def _events(task: Task) -> Iterator[TaskEvent]:
    run, environment = task.run, task.environment
    began = run.created
    yield TaskEvent(name="user", value=run.user, created=began)
    yield TaskEvent(name="host", value=run.host, created=began)
    for name in _ENVIRONMENT:
        yield TaskEvent(name=name, value=environment.get(name), created=began)
    yield TaskEvent(name="code", value=run.code.path, created=began)
    yield TaskEvent(name="git_commit", value=run.git_commit, created=began)
    written = {attempt for _, _, attempt in task._attempts_logged()}
    for one in task.attempts:
        yield from _of_attempt(one, has_log=one.attempt in written)


def _of_attempt(task: Task, *, has_log: bool) -> Iterator[TaskEvent]:
    number, noun = task.attempt, task._noun
    started = noun.started or noun.ended

    def at(created: datetime | None, name: str, value: Any) -> TaskEvent:
        return TaskEvent(name=name, value=value, created=created, attempt=number)

    yield at(started, "attempt", number)
    if noun.origin is not None:
        yield at(started, "origin", task.origin_pathspec)
    yield at(noun.ended or started, "status", str(noun.status))
    yield at(noun.ended, "duration", noun.usage.wall)
    for name in _USAGE:
        yield at(noun.ended, name, getattr(noun.usage, name))
    yield at(noun.ended, "exception", _shown(noun.failure))
    yield at(noun.ended or started, "log", has_log)


def _shown(failure: model.Failure | None) -> str | None:
    return None if failure is None else failure.said
