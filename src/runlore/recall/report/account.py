"""Account: what a report tells of a run, read from the record once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from runlore.errors import NotFound
from runlore.model import run as model
from runlore.model.status import Status
from runlore.recall.html.run import failure_of
from runlore.record.port import Record

if TYPE_CHECKING:
    from runlore.recall.reader import Reader
    from runlore.recall.run import Run

#: Steps of which a report tells more than their place in the graph.
_TOLD = 100


class Account:
    """A run, its steps and their tasks, as they stood when the report was begun."""

    def __init__(self, reader: Reader, handle: Run, noun: model.Run) -> None:
        self.reader = reader
        #: What has verbs that read more.
        self.handle = handle
        self.run = noun
        self.steps = self.record.steps(noun.seq)
        self.told = _told(self.steps)
        #: Positions of the steps that the page has an address for.
        self.linked: frozenset[int] = frozenset()
        self._tasks: dict[int, tuple[model.Task, ...]] = {}
        self._places: dict[int, str] = {}
        self.failure = failure_of(self.record, noun, self.steps)

    @property
    def record(self) -> Record:
        return self.reader.record

    @property
    def pathspec(self) -> str:
        return f"{self.run.pipeline}/{self.run.number}"

    def tasks(self, step: int) -> tuple[model.Task, ...]:
        """Every attempt of every task of a step."""
        if step not in self._tasks:
            self._tasks[step] = self.record.tasks(self.run.seq, step)
        return self._tasks[step]

    def address(self, step: int) -> str | None:
        """Where in the page a step is told of; ``None`` if it is not."""
        return f"#step-{step}" if step in self.linked else None

    def place(self, run: int) -> str | None:
        """Pathspec of a run by its sequence, or ``None`` if it was deleted."""
        if run not in self._places:
            try:
                noun = self.record.run(run)
            except NotFound:
                return None
            self._places[run] = f"{noun.pipeline}/{noun.number}"
        return self._places[run]


def _told(steps: Sequence[model.Step]) -> tuple[model.Step, ...]:
    """Steps that are told of, in declared order: those that went wrong before all others."""
    wrong = [step for step in steps if step.status in (Status.FAILED, Status.INTERRUPTED, Status.CANCELLED)]
    chosen = {step.index for step in wrong[: _TOLD // 2]}
    for step in steps:
        if len(chosen) >= _TOLD:
            break
        chosen.add(step.index)
    return tuple(step for step in steps if step.index in chosen)
