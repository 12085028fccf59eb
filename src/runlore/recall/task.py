"""Task: the handle of one unit of work of a step; a plain step has one, a mapped step one per item."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from runlore.author.reads import note_read
from runlore.model import run as model
from runlore.model.metadata import Owner
from runlore.model.name import shortened
from runlore.model.status import Status
from runlore.recall.container import Container
from runlore.recall.logs import Logged
from runlore.recall.looked_up import looked_up
from runlore.recall.named import Named
from runlore.recall.position import Timed, Traceable
from runlore.recall.tags import Tagged

if TYPE_CHECKING:
    from runlore.model.lineage import Key
    from runlore.recall.code import Code
    from runlore.recall.data import Data
    from runlore.recall.events import TaskEvent
    from runlore.recall.exception import RecordedException
    from runlore.recall.metric import Metric
    from runlore.recall.pipeline import Pipeline
    from runlore.recall.reader import Reader
    from runlore.recall.run import Run
    from runlore.recall.step import Step
    from runlore.recall.version import ArtifactVersion
    from runlore.record.port import Record


class Task(Tagged, Logged, Container["ArtifactVersion"], Timed, Traceable):
    """A task at one of its attempts, and a container of what it made, by output name."""

    def __init__(self, reader: Reader, noun: model.Task, step: Step) -> None:
        self._reader = reader
        self._noun = noun
        self._step = step

    def _now(self) -> model.Task:
        if not self._noun.status.finished:
            self._noun = self._attempt(self._noun.attempt)
        return self._noun

    @property
    def _record(self) -> Record:
        return self._reader.record

    def _tag_owners(self) -> tuple[Owner, ...]:
        return self._step._tag_owners()

    @property
    def index(self) -> int:
        """Index of the mapped item; 0 for a plain step."""
        return self._noun.item

    @property
    def attempt(self) -> int:
        """Which try this is, from 0."""
        return self._noun.attempt

    @property
    def attempts(self) -> tuple[Task, ...]:
        """Every try of this task, oldest first; the one that is going on is the last."""
        return tuple(Task(self._reader, noun, self._step) for noun in self._attempts())

    def attempt_number(self, attempt: int) -> Task:
        """The try with this number, from 0. Raises `NotFound`, which says which there are."""
        return Task(self._reader, self._attempt(attempt), self._step)

    def _attempts(self) -> tuple[model.Task, ...]:
        from runlore.recall.attempts import attempts_of  # lists of runs do without

        return attempts_of(self._reader.record, self._step._now(), self._noun.item)

    def _attempt(self, number: int) -> model.Task:
        from runlore.recall.attempts import chosen  # see `_attempts`

        return chosen(self._attempts(), number, self.pathspec)

    @property
    def origin_step(self) -> tuple[int, int] | None:
        """Sequence of the run and index of the step that a cached result came from."""
        origin = self._noun.origin
        return None if origin is None else origin[:2]

    @property
    def origin(self) -> Task | None:
        """The task that its result was taken over from, if it was. Raises `NotFound` when that was deleted."""
        origin = self._noun.origin
        return None if origin is None else self._reader.step_at(*origin[:2])[origin[2]]

    @property
    def step(self) -> Step:
        return self._step

    @property
    def parent(self) -> Step:
        """The same as `step`."""
        return self._step

    @property
    def run(self) -> Run:
        return self._step.run

    @property
    def pipeline(self) -> Pipeline:
        return self._step.pipeline

    @property
    def pathspec(self) -> str:
        return f"{self._step.pathspec}/{self.index}"

    @property
    def status(self) -> Status:
        return self._now().status

    @property
    def finished(self) -> bool:
        return self.status.finished

    @property
    def successful(self) -> bool:
        """Completed or taken from the cache."""
        return self.status.successful

    def _times(self) -> tuple[datetime | None, datetime | None]:
        return self.started, self.ended

    @property
    def started(self) -> datetime | None:
        return self._noun.started

    @property
    def ended(self) -> datetime | None:
        return self._now().ended

    @property
    def usage(self) -> model.Usage:
        """Wall and processor time, memory."""
        return self._now().usage

    @property
    def code(self) -> Code:
        """Sources of its run; ``task.step.source_code`` is the step's own."""
        return self._step.code

    @property
    def environment(self) -> dict[str, Any]:
        """What its run ran with; see `Run.environment`."""
        return self._step.environment

    @property
    def failure(self) -> model.Failure | None:
        """Why this attempt failed, as text; ``None`` if it did not."""
        return self._now().failure

    @property
    def exception(self) -> RecordedException | None:
        """What made it fail: type, message and traceback as text, and ``load()`` for the object; else ``None``."""
        from runlore.recall.exception import exception_of  # not imported by who only lists

        return exception_of(self.failure, self.pathspec)

    @property
    def events(self) -> tuple[TaskEvent, ...]:
        """What is known of how it went, of all attempts: ``attempt``, ``status``, ``host``, ``memory``, …"""
        from runlore.recall.events import events_of  # few ask

        return events_of(self)

    @property
    def metadata(self) -> Named[Any]:
        """The latest of its `events` by name, as plain values; of an attempt, as of that one."""
        found = {event.name: event.value for event in self.events if event.attempt in (None, self.attempt)}
        return Named(found, kind="event", owner=self.pathspec)

    def _attempts_logged(self) -> tuple[tuple[int, int, int], ...]:
        noun = self._noun
        return self._reader.record.logged(noun.run, noun.step, noun.item, noun.item + 1)

    @property
    def outputs(self) -> Named[ArtifactVersion]:
        """What it made, by name; for an item of a mapped step, its element of each collection.

        An attempt that failed has none.
        """
        if not self.successful:  # what is recorded as output is that of the attempt that was
            return Named({}, kind="output", owner=self.pathspec)
        element = self.index if self._step.mapped else None
        return self._versions("output", -1 if self._step.mapped else 0, element)

    @property
    def artifacts(self) -> Named[ArtifactVersion]:
        """The same as `outputs`."""
        return self.outputs

    @property
    def data(self) -> Data:
        """Values of its `outputs`, by attribute: ``task.data.model``; each is loaded when it is looked at."""
        from runlore.recall.data import Data  # not imported by who only lists

        return Data(self.outputs)

    @property
    def output(self) -> ArtifactVersion:
        """The only output. Raises ValueError naming all when there is not exactly one."""
        return self.outputs.only("output")

    @property
    def inputs(self) -> Named[ArtifactVersion]:
        """What it took, by parameter; of a mapped step, its own and those that all its tasks share.

        What it looked up by name comes last, as in `Step.inputs`.
        """
        own = self._versions("input", self.index, None)
        shared = self._versions("input", -1, None) if self._step.mapped else {}
        found = {name: version for name, version in self.looked_up.items() if version is not None}
        return Named({**shared, **own, **found}, kind="input", owner=self.pathspec)

    @property
    def looked_up(self) -> Named[ArtifactVersion | None]:
        """What it looked up by name while it ran, under how it asked; ``None`` where there was nothing."""
        found = self._reader.record.looked_up(self._noun.run, self._noun.step, self.index)
        return looked_up(self._reader, found, self.pathspec)

    @property
    def input(self) -> ArtifactVersion:
        """The only input. Raises ValueError naming all when there is not exactly one."""
        return self.inputs.only("input")

    @property
    def metrics(self) -> Named[Metric]:
        """Series that this attempt measured, by name. What was served from the cache shows its origin's."""
        from runlore.recall.measured import metrics_of_task  # listings do without it

        note_read(f"the metrics of {self.pathspec}")
        return metrics_of_task(self._reader.record, self._noun, self.pathspec)

    def _versions(self, direction: str, item: int, element: int | None) -> Named[ArtifactVersion]:
        found = {}
        for edge in self._reader.record.edges(self._noun.run, self._noun.step, item):
            if edge.direction == direction:
                chosen = edge.element if element is None else element
                found[edge.name] = self._reader.version_at(edge.version, chosen)
        return Named(found, kind=direction, owner=self.pathspec)

    def _nodes(self) -> Sequence[Key]:
        from runlore.model.lineage import StepKey  # what is loaded or listed needs no graph

        return [StepKey(self._noun.run, self._noun.step, self.index if self._step.mapped else None)]

    def _logged_steps(self) -> Iterable[Step]:
        return (self._step,)

    def _logged_task(self) -> tuple[int, int]:
        return self._noun.item, self._noun.attempt

    @property
    def logs_from(self) -> str | None:
        """Pathspec of the task whose log this one shows, because it took its result over; else ``None``."""
        origin = self._noun.origin
        step = None if origin is None else self._reader.pathspec_at(*origin[:2])
        return None if origin is None or step is None else f"{step}/{origin[2]}"

    def _repr_html_(self) -> str:
        from runlore.recall.html.step import task_html  # what only notebooks need

        return task_html(self._noun, self.pathspec)

    def __getitem__(self, output: str) -> ArtifactVersion:
        """What it made under this output name. Raises `NotFound`."""
        return self.outputs[output]

    def __iter__(self) -> Iterator[ArtifactVersion]:
        return iter(self.outputs.values())

    def __len__(self) -> int:
        return len(self.outputs)

    def keys(self) -> Iterator[str]:
        """Names of its outputs, in declared order."""
        return iter(self.outputs)

    def items(self) -> Iterator[tuple[str, ArtifactVersion]]:
        """Pairs of an output's name and what was made."""
        return iter(self.outputs.items())

    def _holds(self, handle: Any) -> bool:
        return handle in self.outputs.values()

    def __repr__(self) -> str:
        return f"<Task {shortened(repr(self.pathspec), 64)}: {self.status}, attempt {self.attempt}>"

    def __eq__(self, other: object) -> bool:
        mine = (self._step, self.index, self.attempt)
        return isinstance(other, Task) and mine == (other._step, other.index, other.attempt)

    def __hash__(self) -> int:
        return hash((self._step, self.index, self.attempt))
