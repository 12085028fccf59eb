"""Step and task: the handles of one invocation in a run, and of one unit of its work."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from runlore.author.reads import note_read
from runlore.errors import NotFound
from runlore.model import run as model
from runlore.model.artifact import Edge
from runlore.model.metadata import Owner, OwnerKind
from runlore.model.name import shortened
from runlore.model.status import Status
from runlore.recall.config import Config, Parameters
from runlore.recall.container import Container, reference_of
from runlore.recall.decoding import decode
from runlore.recall.logs import Logged
from runlore.recall.looked_up import looked_up
from runlore.recall.named import Named
from runlore.recall.notes import Notes
from runlore.recall.position import Timed, Traceable
from runlore.recall.task import Task

if TYPE_CHECKING:
    from runlore.model.lineage import Key
    from runlore.recall.code import Code
    from runlore.recall.exception import RecordedException
    from runlore.recall.explanation import Explanation
    from runlore.recall.metric import Metric
    from runlore.recall.pipeline import Pipeline
    from runlore.recall.reader import Reader
    from runlore.recall.run import Run
    from runlore.recall.tasks import Tasks
    from runlore.recall.version import ArtifactVersion
    from runlore.record.port import Record


class Step(Notes, Logged, Container[Task], Timed, Traceable):
    """A step of a recorded run, and a container of its tasks by index.

    Live: until it has finished, each look reads the record again.
    """

    def __init__(self, reader: Reader, noun: model.Step, run: Run) -> None:
        self._reader = reader
        self._noun = noun
        self._run = run

    @property
    def _record(self) -> Record:
        return self._reader.record

    def _owner(self) -> Owner:
        return Owner(kind=OwnerKind.STEP, seq=self._noun.run, step=self._noun.index)

    def _tag_owners(self) -> tuple[Owner, ...]:
        return (self._owner(), Owner(kind=OwnerKind.RUN, seq=self._noun.run))

    def _now(self) -> model.Step:
        if not self._noun.status.finished:
            self._noun = self._reader.current_step(self._noun.run, self._noun.index)
        return self._noun

    # -- what it is ----------------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """Invocation id: ``train``, ``train_2`` or a custom one."""
        return self._noun.name

    @property
    def index(self) -> int:
        """Position in the declared order, from 0."""
        return self._noun.index

    @property
    def pathspec(self) -> str:
        return f"{self._run.pathspec}/{self.name}"

    @property
    def run(self) -> Run:
        return self._run

    @property
    def parent(self) -> Run:
        """The same as `run`."""
        return self._run

    @property
    def pipeline(self) -> Pipeline:
        return self._run.pipeline

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
        now = self._now()
        return now.started, now.ended

    @property
    def started(self) -> datetime | None:
        return self._now().started

    @property
    def ended(self) -> datetime | None:
        return self._now().ended

    @property
    def duration(self) -> float | None:
        """Seconds, or ``None`` before the end."""
        return self._now().duration

    @property
    def config(self) -> Config:
        """Parameters, settings and options in force."""
        now = self._now()
        return Config(now.parameters, decode(now.config), owner=self.pathspec)

    @property
    def parameters(self) -> Parameters:
        """Literal arguments, defaults included."""
        return self.config.parameters

    @property
    def output_annotations(self) -> tuple[str | None, ...]:
        """What its outputs are annotated as, in declared order; ``None`` where nothing is said."""
        return tuple(json.loads(self.definition_body).get("outputs", ()))

    @property
    def definition_body(self) -> str:
        """What the step was when it ran, as canonical JSON (`docs/design/cache-key.md`, "Definitions")."""
        return self._record.definition(self._noun.definition).body

    @property
    def parameters_text(self) -> str:
        """Literal arguments as typed JSON."""
        return self._now().parameters

    @property
    def code(self) -> Code:
        """Sources of its run; `source_code` is the step's own."""
        return self._run.code

    @property
    def environment(self) -> dict[str, Any]:
        """What its run ran with; see `Run.environment`."""
        return self._run.environment

    @property
    def source_code(self) -> str | None:
        """Code of the step's function as the fingerprint took it, comments stripped; ``None`` if none was taken."""
        body = json.loads(self.definition_body)
        function = body.get("function")
        parts = body.get("parts", ())
        texts = [text for name, kind, *_, text in parts if kind == "function" and name == function]
        return texts[0] if texts else None

    @property
    def cache_note(self) -> str | None:
        """Why it was or was not served from the cache."""
        return self._now().cache_note

    @property
    def origin(self) -> Step | None:
        """The step that a cached or resumed result came from, if any. Raises `NotFound` when it was deleted."""
        origin = self._now().origin
        return None if origin is None else self._reader.step_at(*origin)

    def origin_pathspecs(self) -> tuple[str, ...]:
        """Where a cached result came from; several for a mapped step whose items came from several runs."""
        places = dict.fromkeys(
            [self._noun.origin] if self._noun.origin else [task.origin_step for task in self.tasks if task.origin_step]
        )
        found = []
        for place in places:
            if place is None:
                continue
            try:
                found.append(self._reader.step_at(*place).pathspec)
            except NotFound:
                continue
        return tuple(found)

    def last_execution_before(self) -> Step | None:
        """This step's newest completed, not cached, execution in an earlier run, if there is one."""
        found = self._record.last_execution(self._run.pipeline_name, self.name, before=self._noun.run)
        return None if found is None else self._reader.step(found[1], self._reader.run(found[0]))

    def explain(self) -> Explanation:
        """Say why it ran or came from the cache, and what changed since it last ran; it shows itself as text."""
        from runlore.recall.explanation import explain  # brings in the fingerprints, which listings can do without

        return explain(self)

    @property
    def upstream_steps(self) -> tuple[Step, ...]:
        """Steps that it waited for, in declared order."""
        steps = list(self._run.steps.values())
        return tuple(steps[index] for index in self._now().upstream)

    @property
    def downstream_steps(self) -> tuple[Step, ...]:
        """Steps of its run that waited for it, in declared order."""
        return tuple(step for step in self._run.steps.values() if self.index in step._noun.upstream)

    # -- what is in it -------------------------------------------------------------------------------------------

    @property
    def mapped(self) -> bool:
        """Whether it has one task per item."""
        return self._now().tasks is not None

    @property
    def tasks(self) -> Tasks:
        """Its units of work, each at its latest attempt, by index. A step that has not started has none yet."""
        from runlore.recall.attempts import attempts_of  # lists of runs do without
        from runlore.recall.tasks import Tasks

        latest = {noun.item: noun for noun in attempts_of(self._record, self._now())}
        return Tasks(Task(self._reader, noun, self) for _, noun in sorted(latest.items()))

    @property
    def task(self) -> Task:
        """Its only task, or the first of several. Raises `NotFound` before it has started."""
        return self[0]

    @property
    def outputs(self) -> Named[ArtifactVersion]:
        """Outputs by name, in declared order; of a mapped step, its collections."""
        return self._versions("output")

    @property
    def output(self) -> ArtifactVersion:
        """The only output. Raises ValueError naming all when there is not exactly one."""
        return self.outputs.only("output")

    @property
    def inputs(self) -> Named[ArtifactVersion]:
        """Artifact versions that it took, by parameter; an element of a list is ``name.0``.

        What it looked up by name while it ran comes last, under how it asked: ``artifact:model``, ``artifact:model@3``.
        A collection that a mapped step walked item by item is one input; where the items came from several versions,
        each is ``name.<item>``.
        """
        if not self.mapped:
            taken = self._versions("input")
            return Named({**taken, **self._found()}, kind="input", owner=self.pathspec)
        found = {}
        for name, edges in self._input_edges().items():
            versions = dict.fromkeys(edge.version for edge in edges)
            if len(versions) == 1:
                found[name] = self._reader.version_at(edges[0].version)
                continue
            for edge in edges:
                found[f"{name}.{edge.item}"] = self._reader.version_at(edge.version, edge.element)
        return Named({**found, **self._found()}, kind="input", owner=self.pathspec)

    def _found(self) -> dict[str, ArtifactVersion]:
        return {name: version for name, version in self.looked_up.items() if version is not None}

    @property
    def looked_up(self) -> Named[ArtifactVersion | None]:
        """What it looked up by name while it ran, under how it asked; ``None`` where there was nothing."""
        found = self._record.looked_up(self._noun.run, self._noun.index)
        return looked_up(self._reader, found, self.pathspec)

    def _input_edges(self) -> dict[str, list[Edge]]:
        grouped: dict[str, list[Edge]] = {}
        for edge in self._record.edges(self._noun.run, self._noun.index):
            if edge.direction == "input":
                grouped.setdefault(edge.name, []).append(edge)
        return grouped

    @property
    def input(self) -> ArtifactVersion:
        """The only input. Raises ValueError naming all when there is not exactly one."""
        return self.inputs.only("input")

    @property
    def metrics(self) -> Named[Metric]:
        """Series that it measured, by name; those of all its tasks together. A cached step shows its origin's."""
        from runlore.recall.measured import metrics_of_step  # listings do without it

        note_read(f"the metrics of {self.pathspec}")
        return metrics_of_step(self._record, self._now(), self.pathspec)

    @property
    def saved_artifacts(self) -> Named[ArtifactVersion]:
        """Versions that the step saved or registered by hand, by name: of several under one name the newest.

        All of several are there as well, as ``name@version``. A step that was served from the cache shows what its
        origin saved.
        """
        places = [(self._noun.run, self._noun.index), *([origin] if (origin := self._now().origin) else ())]
        edges = [edge for place in places for edge in self._record.edges(*place) if edge.direction == "saved"]
        names = [edge.name for edge in edges]
        found: dict[str, ArtifactVersion] = {}
        for edge in edges:
            version = found[edge.name] = self._reader.version_at(edge.version)
            if names.count(edge.name) > 1:
                found[f"{edge.name}@{version.version}"] = version
        return Named(found, kind="saved artifact", owner=self.pathspec)

    def _versions(self, direction: str) -> Named[ArtifactVersion]:
        item = -1 if self.mapped else 0
        edges = self._record.edges(self._noun.run, self._noun.index, item)
        return self._named((edge for edge in edges if edge.direction == direction), direction)

    def _named(self, edges: Iterable[Edge], kind: str) -> Named[ArtifactVersion]:
        return Named(
            {edge.name: self._reader.version_at(edge.version, edge.element) for edge in edges},
            kind=kind,
            owner=self.pathspec,
        )

    def _nodes(self) -> Sequence[Key]:
        from runlore.model.lineage import StepKey  # what is loaded or listed needs no graph

        return [StepKey(self._noun.run, self._noun.index)]

    @property
    def failure(self) -> model.Failure | None:
        """Type, message and traceback of the first task that failed, as text; ``None`` if none did."""
        return next((task.failure for task in self.tasks if task.failure is not None), None)

    @property
    def exception(self) -> RecordedException | None:
        """What made it fail: type, message and traceback as text, and ``load()`` for the object; else ``None``."""
        from runlore.recall.exception import exception_of  # not imported by who only lists

        return exception_of(self.failure, self.pathspec)

    def _logged_steps(self) -> Iterable[Step]:
        return (self,)

    @property
    def logs_from(self) -> str | None:
        """Pathspec of the step whose log this one shows, because it took its result over; else ``None``."""
        origin = self._now().origin
        return None if origin is None else self._reader.pathspec_at(*origin)

    def to_row(self) -> dict[str, Any]:
        """Facts for a table, by column."""
        now = self._now()
        return {
            "name": now.name,
            "status": str(now.status),
            "started": now.started,
            "duration": now.duration,
            "tasks": now.tasks,
            "cache_note": now.cache_note,
        }

    def __getitem__(self, task: int | str) -> Task:
        """The task with this index, an int or its digits, at its latest attempt. By position they are in `tasks`.

        Raises `NotFound`; TypeError for what can be no index.
        """
        asked = reference_of(task, what="a task's index", owner=self.pathspec, instead=".tasks[…]")
        index = int(asked) if isinstance(asked, str) and asked.isascii() and asked.isdigit() else asked
        if isinstance(index, int) and 0 <= index < (self._now().tasks or 1):
            from runlore.recall.attempts import attempts_of  # see `tasks`

            attempts = attempts_of(self._record, self._now(), index)
            if attempts:
                return Task(self._reader, attempts[-1], self)
        raise NotFound(f"{self.pathspec} has no task {asked!r}; {self._has()}")

    def _has(self) -> str:
        """Which tasks there are, told without reading each."""
        from runlore.recall.attempts import attempts_of  # see `tasks`

        now = self._now()
        if now.tasks is None and not attempts_of(self._record, now, 0):
            return "it has not started."
        last = (now.tasks or 1) - 1
        has = f"its tasks are 0 to {last}" if last > 0 else "its only task is 0"
        if not now.status.finished:
            has += ", of which some may not have started"
        return f"{has}. What it made is in .outputs, tasks by position are in .tasks."

    def __iter__(self) -> Iterator[Task]:
        return iter(self.tasks)

    def __len__(self) -> int:
        return len(self.tasks)

    def _key(self, child: Task) -> str:
        return str(child.index)

    def _holds(self, handle: Any) -> bool:
        return isinstance(handle, Task) and handle.step == self

    def _repr_html_(self) -> str:
        from runlore.recall.html.step import step_html  # what only notebooks need

        note_read(f"what {self.pathspec} looks like")
        return step_html(self._record, self._now(), self.pathspec)

    def __repr__(self) -> str:
        return f"<Step {shortened(repr(self.pathspec), 76)}: {self.status}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Step) and (self._run, self.index) == (other._run, other.index)

    def __hash__(self) -> int:
        return hash((self._run, self.index))
