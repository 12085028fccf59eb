"""MemoryRecord: a record on dictionaries, for tests and to show what the port means. It dies with its process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

from runlore.errors import AlreadyExists, LeaseLost, NotFound, StoreError
from runlore.model.artifact import Artifact, Content, Edge, Item, Version
from runlore.model.change import (
    RUN_BOUND,
    Change,
    Input,
    LogWritten,
    MetadataSet,
    NewRun,
    NewVersion,
    Output,
    Receipt,
    RunDescribed,
    RunFinished,
    StepFinished,
    StepsPlanned,
    StepStarted,
    TagsChanged,
    TaskFinished,
    VersionSaved,
)
from runlore.model.digest import digest_of
from runlore.model.metadata import Entry, Owner, OwnerKind, Tag
from runlore.model.query import Condition, Page, Query
from runlore.model.run import Definition, Event, Fence, Lease, LogChunk, Pipeline, Run, Step, Task
from runlore.model.status import Status
from runlore.record.matching import comparable, matches_fact, matches_field, matches_tags
from runlore.record.port import Finding, Hit, Record
from runlore.record.queries import checked_query, cursor_text, cursor_values

_DIRECTIONS = ("input", "output", "saved")


@dataclass
class _Tables:
    """Everything recorded; values are never changed in place."""

    pipelines: dict[str, tuple[Pipeline, bytes]] = field(default_factory=dict)
    runs: dict[int, Run] = field(default_factory=dict)
    leases: dict[int, Lease] = field(default_factory=dict)
    steps: dict[tuple[int, int], Step] = field(default_factory=dict)
    tasks: dict[tuple[int, int, int, int], Task] = field(default_factory=dict)
    edges: dict[tuple[int, int, int, int, int], Edge] = field(default_factory=dict)
    items: dict[tuple[int, int, int, int], tuple[str, Content]] = field(default_factory=dict)
    artifacts: dict[str, Artifact] = field(default_factory=dict)
    #: The last automatic number of each artifact.
    numbers: dict[str, int] = field(default_factory=dict)
    versions: dict[int, Version] = field(default_factory=dict)
    seqs: dict[UUID, int] = field(default_factory=dict)
    payloads: dict[str, bytes] = field(default_factory=dict)
    definitions: dict[bytes, Definition] = field(default_factory=dict)
    entries: dict[Owner, tuple[Entry, ...]] = field(default_factory=dict)
    facts: dict[tuple[str, int, str, str], object] = field(default_factory=dict)
    tags: dict[tuple[Owner, str], Tag] = field(default_factory=dict)
    logs: dict[tuple[int, int, int, int, int], LogChunk] = field(default_factory=dict)
    events: dict[int, Event] = field(default_factory=dict)
    counters: dict[str, int] = field(default_factory=dict)


def _now() -> datetime:
    return datetime.now(UTC)


class MemoryRecord(Record):
    """A metadata store in this process's memory. ``clock`` gives aware times."""

    def __init__(self, *, clock: Callable[[], datetime] = _now) -> None:
        self.id = str(uuid4())
        self._clock = clock
        self._lock = threading.RLock()
        self._t = _Tables()
        #: What the open transaction replaced: (table, key, had a value, value).
        self._undo: list[tuple[dict[Any, Any], Any, bool, Any]] = []

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with self._lock:
            self._undo.clear()
            try:
                yield
            except BaseException:
                for table, key, had, value in reversed(self._undo):
                    if had:
                        table[key] = value
                    else:
                        del table[key]
                raise

    def _put(self, table: dict[Any, Any], key: Any, value: Any) -> None:
        self._undo.append((table, key, key in table, table.get(key)))
        table[key] = value

    def _drop(self, table: dict[Any, Any], key: Any) -> None:
        if key in table:
            self._undo.append((table, key, True, table[key]))
            del table[key]

    def _next(self, counter: str) -> int:
        number = self._t.counters.get(counter, 0) + 1
        self._put(self._t.counters, counter, number)
        return number

    # -- writing -------------------------------------------------------------------------------------------------

    def begin_run(self, new: NewRun, *, also: Sequence[Change] = ()) -> tuple[Run, Fence]:
        with self._writing():
            seq = self._next("run")
            name, suffix = new.name, 1
            taken = {run.name for run in self._t.runs.values()}
            while name in taken:
                if new.name_given:
                    raise AlreadyExists(f"There is a run called {name!r} already. Choose another name.")
                suffix += 1
                name = f"{new.name}-{suffix}"
            pipeline = self._count_run(new)
            self._definition(sha256(new.definition.encode("utf-8", "surrogatepass")).digest(), new.definition)
            run = Run(
                seq=seq,
                id=new.id,
                pipeline=new.pipeline,
                pipeline_version=pipeline.version,
                number=pipeline.last_number,
                name=name,
                status=Status.RUNNING,
                created=new.created,
                parameters=new.parameters,
                config=new.config,
                environment=new.environment,
                code=new.code,
                user=new.user,
                host=new.host,
                git_commit=new.git_commit,
                origin=new.origin,
                trigger=new.trigger,
            )
            self._put(self._t.runs, seq, run)
            lease = Lease(
                run=seq,
                run_id=new.id,
                token=1,
                host=new.lease_host,
                boot=new.lease_boot,
                pid=new.lease_pid,
                born=new.lease_born,
            )
            self._put(self._t.leases, seq, lease)
            for key, value in new.facts:
                self._put(self._t.facts, ("run", seq, "parameter", key), value)
            owner = Owner(kind=OwnerKind.RUN, seq=seq)
            self._add_tags(owner, new.tags, system=False)
            self._add_tags(owner, new.system_tags, system=True)
            self._event(seq, None, None, Status.RUNNING, new.created)
            self._apply(seq, also)
            return self._t.runs[seq], Fence(run=seq, token=lease.token)

    def _count_run(self, new: NewRun) -> Pipeline:
        known = self._t.pipelines.get(new.pipeline)
        if known is None:
            pipeline = Pipeline(
                id=self._next("pipeline"), name=new.pipeline, version=1, runs=1, last_number=1, created=new.created
            )
        else:
            old, fingerprint = known
            pipeline = replace(
                old,
                version=old.version + (fingerprint != new.fingerprint),
                runs=old.runs + 1,
                last_number=old.last_number + 1,
            )
        self._put(self._t.pipelines, new.pipeline, (pipeline, new.fingerprint))
        return pipeline

    def commit(self, changes: Sequence[Change], *, fence: Fence | None = None, durable: bool = True) -> Receipt:
        with self._writing():
            if fence is None:
                for change in changes:
                    if isinstance(change, RUN_BOUND):
                        raise StoreError(f"{type(change).__name__} belongs to a run and needs its fence.")
                return Receipt(versions=self._apply(0, changes))
            lease = self._t.leases.get(fence.run)
            if lease is None or lease.token != fence.token:
                raise LeaseLost(f"Run {fence.run} has ended or is owned by another process now; nothing was written.")
            return Receipt(versions=self._apply(fence.run, changes))

    def interrupt(self, lease: Lease, at: datetime) -> bool:
        with self._writing():
            held = self._t.leases.get(lease.run)
            if held is None or held.token != lease.token:
                return False
            self._close_steps(lease.run, at, {Status.RUNNING: Status.INTERRUPTED, Status.PENDING: Status.SKIPPED})
            self._end_run(replace(self._t.runs[lease.run], status=Status.INTERRUPTED, ended=at), at)
            return True

    def delete_run(self, seq: int) -> None:
        with self._writing():
            run = self.run(seq)
            if not run.status.finished:
                raise StoreError(f"Run {seq} is running; it can be deleted once it has ended.")
            pipeline, fingerprint = self._t.pipelines[run.pipeline]
            self._put(self._t.pipelines, run.pipeline, (replace(pipeline, runs=pipeline.runs - 1), fingerprint))
            self._drop(self._t.runs, seq)
            by_run: tuple[dict[Any, Any], ...] = (self._t.steps, self._t.tasks, self._t.edges, self._t.logs)
            for table in by_run:
                for key in [key for key in table if key[0] == seq]:
                    self._drop(table, key)
            for event in [e for e in self._t.events.values() if e.run == seq and e.seq < max(self._t.events)]:
                self._drop(self._t.events, event.seq)
            kinds = (OwnerKind.RUN, OwnerKind.STEP)
            for owner in [owner for owner in self._t.entries if owner.kind in kinds and owner.seq == seq]:
                self._drop(self._t.entries, owner)
            for tagged in [key for key in self._t.tags if key[0].kind in kinds and key[0].seq == seq]:
                self._drop(self._t.tags, tagged)
            for fact in [key for key in self._t.facts if key[:2] == ("run", seq)]:
                self._drop(self._t.facts, fact)

    def _apply(self, run: int, changes: Sequence[Change]) -> dict[UUID, tuple[int, str]]:
        made: dict[UUID, tuple[int, str]] = {}
        for change in changes:
            match change:
                case StepsPlanned():
                    self._plan(run, change)
                case StepStarted():
                    self._start_step(run, change)
                case TaskFinished():
                    self._finish_task(run, change, made)
                case StepFinished():
                    self._finish_step(run, change, made)
                case RunFinished():
                    self._finish_run(run, change)
                case RunDescribed():
                    given = {
                        name: value
                        for name in ("environment", "code", "git_commit", "config")
                        if (value := getattr(change, name)) is not None
                    }
                    self._put(self._t.runs, run, replace(self._t.runs[run], **given))
                case LogWritten():
                    key = (run, change.step, change.item, change.attempt, change.part)
                    if key not in self._t.logs:
                        chunk = LogChunk(
                            step=change.step,
                            item=change.item,
                            attempt=change.attempt,
                            part=change.part,
                            text=change.text,
                        )
                        self._put(self._t.logs, key, chunk)
                case MetadataSet():
                    self._set_metadata(change)
                case TagsChanged():
                    for tag in change.remove:
                        held = self._t.tags.get((change.owner, tag))
                        if held is not None and not held.system:
                            self._drop(self._t.tags, (change.owner, tag))
                    self._add_tags(change.owner, change.add, system=False)
                case VersionSaved():
                    self._add_version(change.version, self._clock(), None, made)
        return made

    # -- steps and tasks -----------------------------------------------------------------------------------------

    def _definition(self, digest: bytes, body: str) -> int:
        if digest not in self._t.definitions:
            definition = Definition(id=self._next("definition"), digest=digest, body=body)
            self._put(self._t.definitions, digest, definition)
        return self._t.definitions[digest].id

    def _plan(self, run: int, change: StepsPlanned) -> None:
        for new in change.steps:
            if (run, new.index) not in self._t.steps:
                step = Step(
                    run=run,
                    index=new.index,
                    name=new.name,
                    definition=self._definition(new.definition_digest, new.definition),
                    status=Status.PENDING,
                    parameters=new.parameters,
                    upstream=new.upstream,
                    tasks=new.tasks,
                    config=new.config,
                )
                self._put(self._t.steps, (run, new.index), step)

    def _step(self, run: int, index: int) -> Step:
        step = self._t.steps.get((run, index))
        if step is None:
            raise NotFound(f"Run {run} has no step {index}; it must be planned before it starts or finishes.")
        return step

    def _start_step(self, run: int, change: StepStarted) -> None:
        step = self._step(run, change.index)
        if step.status is Status.PENDING:
            tasks = step.tasks if change.tasks is None else change.tasks
            started = replace(step, status=Status.RUNNING, started=change.at, tasks=tasks)
            self._put(self._t.steps, (run, change.index), started)
            self._event(run, change.index, None, Status.RUNNING, change.at)

    def _finish_task(self, run: int, change: TaskFinished, made: dict[UUID, tuple[int, str]]) -> None:
        key = (run, change.step, change.item, change.attempt)
        if key in self._t.tasks:
            self._report(change.outputs, made)
            return
        step = self._step(run, change.step)
        task = Task(
            run=run,
            step=change.step,
            item=change.item,
            attempt=change.attempt,
            status=change.status,
            started=change.started,
            ended=change.ended,
            key=change.key,
            failure=change.failure,
            usage=change.usage,
            origin=change.origin,
        )
        self._put(self._t.tasks, key, task)
        at = change.ended or self._clock()
        self._take_inputs(run, change.step, change.item, change.inputs, made)
        self._take_outputs(key, change.outputs, at, made)
        if step.tasks is not None:
            self._event(run, change.step, change.item, change.status, at)

    def _finish_step(self, run: int, change: StepFinished, made: dict[UUID, tuple[int, str]]) -> None:
        step = self._step(run, change.index)
        if step.status.finished:
            self._report(change.outputs, made)
            return
        done = replace(
            step,
            status=change.status,
            ended=change.ended,
            duration=change.duration,
            origin=change.origin,
            cache_note=change.cache_note,
        )
        self._put(self._t.steps, (run, change.index), done)
        self._take_inputs(run, change.index, -1, change.inputs, made)
        self._take_outputs((run, change.index, -1, 0), change.outputs, change.ended, made)
        self._event(run, change.index, None, change.status, change.ended)

    def _finish_run(self, run: int, change: RunFinished) -> None:
        ends = {
            status: change.rest if status.may_become(change.rest) else Status.CANCELLED
            for status in (Status.PENDING, Status.RUNNING)
        }
        self._close_steps(run, change.ended, ends)
        ended = replace(
            self._t.runs[run],
            status=change.status,
            ended=change.ended,
            duration=change.duration,
            failure=change.failure,
            outputs=change.outputs,
        )
        self._end_run(ended, change.ended)

    def _close_steps(self, run: int, at: datetime, ends: dict[Status, Status]) -> None:
        for step in self.steps(run):
            if not step.status.finished:
                self._put(self._t.steps, (run, step.index), replace(step, status=ends[step.status], ended=at))
                self._event(run, step.index, None, ends[step.status], at)

    def _end_run(self, run: Run, at: datetime) -> None:
        self._put(self._t.runs, run.seq, run)
        self._drop(self._t.leases, run.seq)
        self._event(run.seq, None, None, run.status, at)

    def _event(self, run: int, step: int | None, item: int | None, status: Status, at: datetime) -> None:
        seq = self._next("event")
        self._put(self._t.events, seq, Event(seq=seq, run=run, step=step, item=item, status=status, at=at))

    def _take_inputs(
        self, run: int, step: int, item: int, inputs: Iterable[Input], made: dict[UUID, tuple[int, str]]
    ) -> None:
        for position, taken in enumerate(inputs):
            version = taken.version
            if isinstance(version, UUID):
                if version not in self._t.seqs:
                    raise NotFound(f"There is no artifact version {version} that a task could have read.")
                version = self._t.seqs[version]
            self._edge(run, step, item, 0, position, taken.name, version, taken.element)

    def _take_outputs(
        self,
        key: tuple[int, int, int, int],
        outputs: Iterable[Output],
        at: datetime,
        made: dict[UUID, tuple[int, str]],
    ) -> None:
        run, step, item, attempt = key
        places = {"output": 0, "saved": attempt << 16}
        for output in outputs:
            place = places[output.direction]
            places[output.direction] += 1
            value = output.value
            if isinstance(value, Content):
                self._put(self._t.items, (run, step, item, place), (output.name, self._kept(value)))
                continue
            if isinstance(value, NewVersion):
                seq = self._add_version(value, at, (run, step, item, place), made)
            else:
                seq = self.version(value).seq
            self._edge(run, step, item, _DIRECTIONS.index(output.direction), place, output.name, seq, None)

    def _edge(
        self, run: int, step: int, item: int, way: int, position: int, name: str, version: int, element: int | None
    ) -> None:
        edge = Edge(
            run=run,
            step=step,
            item=item,
            direction=_DIRECTIONS[way],
            position=position,
            name=name,
            version=version,
            element=element,
        )
        self._put(self._t.edges, (run, step, item, way, position), edge)

    # -- versions, metadata, tags --------------------------------------------------------------------------------

    def _report(self, outputs: Iterable[Output], made: dict[UUID, tuple[int, str]]) -> None:
        for output in outputs:
            if isinstance(output.value, NewVersion) and output.value.id in self._t.seqs:
                seq = self._t.seqs[output.value.id]
                made[output.value.id] = (seq, self._t.versions[seq].version)

    def _kept(self, content: Content) -> Content:
        """Keep an inline payload once per content."""
        if content.payload is None or content.form != "inline":
            return content
        if content.digest not in self._t.payloads:
            self._put(self._t.payloads, content.digest, bytes(content.payload))
        return replace(content, payload=self._t.payloads[content.digest])

    def _add_version(
        self,
        new: NewVersion,
        at: datetime,
        producer: tuple[int, int, int, int] | None,
        made: dict[UUID, tuple[int, str]],
    ) -> int:
        if new.id in self._t.seqs:
            seq = self._t.seqs[new.id]
            made[new.id] = (seq, self._t.versions[seq].version)
            return seq
        label = self._label(new)
        artifact = self._t.artifacts.get(new.artifact)
        if artifact is None:
            artifact = Artifact(id=self._next("artifact"), name=new.artifact, versions=0, created=at)
        self._put(self._t.artifacts, new.artifact, replace(artifact, versions=artifact.versions + 1))
        seq = self._next("version")
        version = Version(
            seq=seq,
            id=new.id,
            artifact=new.artifact,
            version=label,
            created=at,
            save_type=new.save_type,
            content=self._kept(new.content),
            producer=producer,
            origin=new.origin,
        )
        self._put(self._t.versions, seq, version)
        self._put(self._t.seqs, new.id, seq)
        owner = Owner(kind=OwnerKind.VERSION, seq=seq)
        self._add_tags(owner, new.tags, system=False)
        self._set_metadata(MetadataSet(owner=owner, values=new.metadata, at=at, facts=new.facts))
        made[new.id] = (seq, label)
        return seq

    def _label(self, new: NewVersion) -> str:
        """The version's text; a label that is a number not yet reached becomes the last automatic one."""
        taken = {version.version for version in self._t.versions.values() if version.artifact == new.artifact}
        last = self._t.numbers.get(new.artifact, 0)
        if new.version is None:
            number = last + 1
            while str(number) in taken:
                number += 1
        elif new.version in taken:
            raise AlreadyExists(
                f"Artifact {new.artifact!r} has a version {new.version!r} already. Choose another label, or none."
            )
        else:
            text = new.version
            number = int(text) if text.isascii() and text.isdigit() and text[0] != "0" and len(text) < 10 else 0
        self._put(self._t.numbers, new.artifact, max(number, last))
        return str(number) if new.version is None else new.version

    def _set_metadata(self, change: MetadataSet) -> None:
        owner = change.owner
        if change.values:
            new = tuple(Entry(key=key, value=value, created=change.at) for key, value in change.values)
            self._put(self._t.entries, owner, self._t.entries.get(owner, ()) + new)
        noun = str(owner.kind)
        if owner.kind not in (OwnerKind.RUN, OwnerKind.VERSION):
            return
        for key, _ in change.values:
            for fact in [f for f in self._t.facts if f[:3] == (noun, owner.seq, "metadata")]:
                if fact[3] == key or fact[3].startswith(key + "."):
                    self._drop(self._t.facts, fact)
        for key, value in change.facts:
            self._put(self._t.facts, (noun, owner.seq, "metadata", key), value)

    def _add_tags(self, owner: Owner, tags: Iterable[str], *, system: bool) -> None:
        for tag in tags:
            if (owner, tag) not in self._t.tags:
                self._put(self._t.tags, (owner, tag), Tag(name=tag, system=system))

    # -- lists ---------------------------------------------------------------------------------------------------

    def select(self, query: Query) -> Page[Any]:
        checked_query(query)
        with self._lock:
            places = [(self._place(query, noun), noun) for noun in self._matching(query)]
        places.sort(key=lambda entry: entry[0], reverse=query.descending)
        if query.after is not None:
            after = _revived(cursor_values(query.after, 3))
            places = [entry for entry in places if (entry[0] < after if query.descending else entry[0] > after)]
        page = places[: query.limit]
        cursor = cursor_text(_flat(page[-1][0])) if len(places) > query.limit else None
        return Page(items=tuple(noun for _, noun in page), cursor=cursor)

    def _matching(self, query: Query) -> list[Any]:
        nouns: dict[str, Iterable[Any]] = {
            "pipeline": [pipeline for pipeline, _ in self._t.pipelines.values()],
            "run": self._t.runs.values(),
            "artifact": self._t.artifacts.values(),
            "version": self._t.versions.values(),
        }
        found = list(nouns[query.noun])
        if not query.conditions:
            return found
        meets = any if query.any else all
        return [noun for noun in found if meets(self._meets(query.noun, noun, c) for c in query.conditions)]

    def _meets(self, kind: str, noun: Any, condition: Condition) -> bool:
        seq = _sequence(noun)
        prefix, separator, key = condition.field.partition(":")
        if separator:
            fact = (kind, seq, prefix, key)
            return matches_fact(condition, *([self._t.facts[fact]] if fact in self._t.facts else []))
        if condition.field == "tag":
            return matches_tags(condition, [tag.name for tag in self.tags(Owner(kind=OwnerKind(kind), seq=seq))])
        return matches_field(kind, condition, _field(noun, condition.field))

    def _place(self, query: Query, noun: Any) -> tuple[tuple[bool, Any], int]:
        value = None if query.order is None else comparable(_field(noun, query.order))
        return (value is not None, value if value is not None else 0), _sequence(noun)

    def count(self, query: Query) -> int:
        checked_query(query)
        with self._lock:
            return len(self._matching(query))

    # -- one thing -----------------------------------------------------------------------------------------------

    def run(self, seq: int) -> Run:
        found = self._t.runs.get(seq)
        if found is None:
            raise NotFound(f"There is no run number {seq} in this record.")
        return found

    def steps(self, run: int) -> tuple[Step, ...]:
        with self._lock:
            return tuple(sorted((s for s in self._t.steps.values() if s.run == run), key=lambda step: step.index))

    def tasks(self, run: int, step: int, item: int | None = None) -> tuple[Task, ...]:
        with self._lock:
            keys = sorted(k for k in self._t.tasks if k[:2] == (run, step) and item in (None, k[2]))
            return tuple(self._t.tasks[key] for key in keys)

    def edges(self, run: int, step: int | None = None, item: int | None = None) -> tuple[Edge, ...]:
        with self._lock:
            keys = sorted(
                k
                for k in self._t.edges
                if k[0] == run and step in (None, k[1]) and (step is None or item in (None, k[2]))
            )
            return tuple(self._t.edges[key] for key in keys)

    def consumers(self, version: int) -> tuple[Edge, ...]:
        with self._lock:
            found = [(k, e) for k, e in self._t.edges.items() if e.version == version and e.direction == "input"]
        return tuple(edge for _, edge in sorted(found, key=lambda entry: entry[0]))

    def version(self, seq: int) -> Version:
        found = self._t.versions.get(seq)
        if found is None:
            raise NotFound(f"There is no artifact version number {seq} in this record.")
        return found

    def items(self, version: int, start: int = 0, stop: int | None = None) -> tuple[Item, ...]:
        with self._lock:
            collection = self.version(version)
            origin = None if collection.origin is None else self._t.seqs.get(collection.origin)
            for home in (collection.producer, None if origin is None else self._t.versions[origin].producer):
                if home is None:
                    continue
                keys = sorted(k for k in self._t.items if k[:2] == home[:2] and k[3] == home[3])
                found = [k for k in keys if start <= k[2] and (stop is None or k[2] < stop)]
                if found:
                    return tuple(Item(index=key[2], content=self._t.items[key][1]) for key in found)
        return ()

    def payload(self, digest: str) -> bytes | None:
        return self._t.payloads.get(digest)

    def definition(self, id: int) -> Definition:
        with self._lock:
            for definition in self._t.definitions.values():
                if definition.id == id:
                    return definition
        raise NotFound(f"There is no definition number {id} in this record.")

    def metadata(self, owner: Owner) -> tuple[Entry, ...]:
        return tuple({entry.key: entry for entry in self._t.entries.get(owner, ())}.values())

    def metadata_history(self, owner: Owner, key: str) -> tuple[Entry, ...]:
        return tuple(entry for entry in self._t.entries.get(owner, ()) if entry.key == key)

    def tags(self, owner: Owner) -> tuple[Tag, ...]:
        with self._lock:
            return tuple(sorted((t for (o, _), t in self._t.tags.items() if o == owner), key=lambda tag: tag.name))

    def logs(
        self, run: int, step: int, item: int = 0, attempt: int | None = None, part: int = 0
    ) -> tuple[LogChunk, ...]:
        with self._lock:
            keys = sorted(key for key in self._t.logs if key[:3] == (run, step, item))
            if attempt is None and keys:
                attempt = keys[-1][3]
            return tuple(self._t.logs[key] for key in keys if key[3] == attempt and key[4] >= part)

    def events(self, after: int = 0, limit: int = 1000) -> tuple[Event, ...]:
        with self._lock:
            return tuple(event for seq, event in self._t.events.items() if seq > after)[:limit]

    # -- cache, ownership, upkeep --------------------------------------------------------------------------------

    def cached(self, key: bytes, *, before: int | None = None) -> Hit | None:
        with self._lock:
            found = [
                place
                for place, task in self._t.tasks.items()
                if task.key == key and task.status is Status.COMPLETED and (before is None or task.run < before)
            ]
            for place in sorted(found, reverse=True):
                outputs = self._outputs(place)
                if all(not isinstance(value, Version) or not value.deleted for _, value in outputs):
                    run, step, item, _ = place
                    return Hit(run=run, step=step, item=item, ended=self._t.tasks[place].ended, outputs=outputs)
        return None

    def _outputs(self, place: tuple[int, int, int, int]) -> tuple[tuple[str, Version | Item], ...]:
        run, step, item, _ = place
        found: list[tuple[int, str, Version | Item]] = [
            (edge.position, edge.name, self._t.versions[edge.version])
            for edge in self.edges(run, step, item)
            if edge.direction == "output"
        ]
        for key, (name, content) in self._t.items.items():
            if key[:3] == (run, step, item):
                found.append((key[3], name, Item(index=item, content=content)))
        return tuple((name, value) for _, name, value in sorted(found, key=lambda entry: entry[0]))

    def last_execution(self, pipeline: str, step: str, *, before: int) -> tuple[Run, Step, Task] | None:
        with self._lock:
            found = [
                key
                for key, known in self._t.steps.items()
                if known.name == step
                and known.status is Status.COMPLETED
                and known.origin is None
                and known.run < before
                and self._t.runs[known.run].pipeline == pipeline
                and self.tasks(*key)
            ]
            if not found:
                return None
            newest = max(found)
            tasks = self.tasks(*newest)
            last = [task for task in tasks if task.item == tasks[0].item][-1]
            return self.run(newest[0]), self._t.steps[newest], last

    def leases(self) -> tuple[Lease, ...]:
        with self._lock:
            return tuple(self._t.leases.values())

    def digests(self) -> Iterable[tuple[str, str]]:
        with self._lock:
            contents = [version.content for version in self._t.versions.values() if not version.deleted]
            contents += [content for _, content in self._t.items.values()]
            found = {(content.digest, content.form) for content in contents if content.form != "inline"}
            for run in self._t.runs.values():
                found.update((digest, "blob") for digest in (run.environment, run.code) if digest is not None)
        return sorted(found)

    def check(self) -> Iterable[Finding]:
        with self._lock:
            for digest, payload in self._t.payloads.items():
                if digest_of(payload) != digest:
                    yield Finding(rule="payload-digest", subject=digest, message="Its bytes are not those recorded.")
            for run in self._t.runs.values():
                if run.status.finished == (run.seq in self._t.leases):
                    yield Finding(
                        rule="running-without-lease", subject=f"run {run.seq}", message="Owner and status disagree."
                    )

    def close(self) -> None:
        """Nothing to give up."""


def _sequence(noun: Any) -> int:
    return int(noun.id if isinstance(noun, (Pipeline, Artifact)) else noun.seq)


def _field(noun: Any, name: str) -> Any:
    if isinstance(noun, Version):
        if name in ("type", "materializer", "artifact_type", "digest", "size"):
            return getattr(noun.content, name)
        if name == "run":
            return None if noun.producer is None else noun.producer[0]
    return getattr(noun, name)


def _flat(place: tuple[tuple[bool, Any], int]) -> list[Any]:
    (known, value), seq = place
    return [known, value, seq]


def _revived(values: list[Any]) -> tuple[tuple[bool, Any], int]:
    known, value, seq = values
    return (known, value), seq
