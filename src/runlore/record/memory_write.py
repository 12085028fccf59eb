"""Writing to dictionaries: changes applied to the tables of a `MemoryRecord`, and undone when one is refused."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from runlore.errors import AlreadyExists, NotFound
from runlore.model.artifact import Artifact, Content, Edge, Version
from runlore.model.change import (
    AliasMoved,
    Change,
    Input,
    LogWritten,
    MetadataSet,
    MetricsLogged,
    NewRun,
    NewVersion,
    NoteWritten,
    Output,
    PicturesKept,
    RunDescribed,
    RunFinished,
    StepFinished,
    StepsPlanned,
    StepStarted,
    TagsChanged,
    TaskFinished,
    VersionSaved,
)
from runlore.model.metadata import Note, Owner, OwnerKind
from runlore.model.noun import changed
from runlore.model.run import Definition, Event, LogChunk, Pipeline, Run, Step, Task
from runlore.model.status import Status
from runlore.record.memory_notes import MemoryNotes

_DIRECTIONS = ("input", "output", "saved")


class MemoryWriter(MemoryNotes):
    """Applies changes to the tables."""

    def _count_run(self, new: NewRun) -> Pipeline:
        known = self._t.pipelines.get(new.pipeline)
        if known is None:
            version, fingerprint = new.pipeline_version or 1, new.fingerprint
            pipeline = Pipeline(
                id=self._next("pipeline"),
                name=new.pipeline,
                version=version,
                runs=1,
                last_number=1,
                created=new.created,
            )
        else:
            old, fingerprint = known
            version = old.version
            if new.pipeline_version is None:
                version += fingerprint != new.fingerprint
                fingerprint = new.fingerprint
            pipeline = changed(old, version=version, runs=old.runs + 1, last_number=old.last_number + 1)
        self._put(self._t.pipelines, new.pipeline, (pipeline, fingerprint))
        return pipeline

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
                    if change.run in self._t.runs:
                        self._put(self._t.runs, change.run, changed(self._t.runs[change.run], **given))
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
                case MetricsLogged():
                    self._log_metrics(run, change)
                case AliasMoved():
                    self._move_alias(change)
                case PicturesKept():
                    self._keep_pictures(change)
                case MetadataSet():
                    self._set_metadata(change)
                case NoteWritten():
                    note = Note(text=change.text, at=change.at, user=change.user)
                    self._put(self._t.notes, change.owner, (*self._t.notes.get(change.owner, ()), note))
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

    def _start_step(self, run: int, change: StepStarted) -> None:
        step = self._step(run, change.index)
        if step.status is Status.PENDING:
            tasks = step.tasks if change.tasks is None else change.tasks
            started = changed(step, status=Status.RUNNING, started=change.at, tasks=tasks)
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
        for one in change.looked_up:
            if one.version is not None:
                self._used(one.version)
        if change.looked_up:
            self._put(self._t.looked_up, key, change.looked_up)
        if step.tasks is not None:
            self._event(run, change.step, change.item, change.status, at)

    def _finish_step(self, run: int, change: StepFinished, made: dict[UUID, tuple[int, str]]) -> None:
        step = self._step(run, change.index)
        if step.status.finished:
            self._report(change.outputs, made)
            return
        done = changed(
            step,
            status=change.status,
            ended=change.ended,
            duration=change.duration,
            origin=change.origin,
            cache_note=change.cache_note,
        )
        self._put(self._t.steps, (run, change.index), done)
        if change.origin is not None:
            self._take_over_facts(run, change.index, change.origin)
        self._take_inputs(run, change.index, -1, change.inputs, made)
        self._take_outputs((run, change.index, -1, 0), change.outputs, change.ended, made)
        self._event(run, change.index, None, change.status, change.ended)

    def _finish_run(self, run: int, change: RunFinished) -> None:
        ends = {
            status: change.rest if status.may_become(change.rest) else Status.CANCELLED
            for status in (Status.PENDING, Status.RUNNING)
        }
        self._close_steps(run, change.ended, ends)
        ended = changed(
            self._t.runs[run],
            status=change.status,
            ended=change.ended,
            duration=change.duration,
            failure=change.failure,
            outputs=change.outputs,
        )
        self._end_run(ended, change.ended)

    def _close_steps(self, run: int, at: datetime, ends: dict[Status, Status]) -> None:
        for step in self._steps(run):
            if not step.status.finished:
                self._put(self._t.steps, (run, step.index), changed(step, status=ends[step.status], ended=at))
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
            self._used(version)
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
                seq = self._used(value)
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
        return changed(content, payload=self._t.payloads[content.digest])

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
        label, at = self._label(new), new.created or at
        artifact = self._t.artifacts.get(new.artifact)
        if artifact is None:
            artifact = Artifact(id=self._next("artifact"), name=new.artifact, versions=0, created=at)
        self._put(self._t.artifacts, new.artifact, changed(artifact, versions=artifact.versions + 1))
        seq = self._next("version")
        version = Version(
            seq=seq,
            id=new.id,
            artifact=new.artifact,
            version=label,
            created=at,
            save_type=new.save_type,
            content=changed(new.content if new.deleted else self._kept(new.content), pictures=()),
            producer=producer,
            origin=new.origin,
            deleted=new.deleted,
        )
        self._put(self._t.versions, seq, version)
        self._put(self._t.seqs, new.id, seq)
        if new.origin in self._t.seqs:
            self._used(self._t.seqs[new.origin])
        owner = Owner(kind=OwnerKind.VERSION, seq=seq)
        self._add_tags(owner, new.tags, system=False)
        self._set_metadata(MetadataSet(owner=owner, values=new.metadata, at=at, facts=new.facts))
        if new.content.pictures:
            self._keep_pictures(PicturesKept(version=seq, pictures=new.content.pictures))
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
        elif (new.artifact, new.version) in self._t.aliases:
            raise AlreadyExists(
                f"Artifact {new.artifact!r} has an alias {new.version!r}. Choose another label, or none."
            )
        elif new.version in taken:
            raise AlreadyExists(
                f"Artifact {new.artifact!r} has a version {new.version!r} already. Choose another label, or none."
            )
        else:
            text = new.version
            number = int(text) if text.isascii() and text.isdigit() and text[0] != "0" and len(text) < 10 else 0
        self._put(self._t.numbers, new.artifact, max(number, last))
        return str(number) if new.version is None else new.version

    # -- looking up ----------------------------------------------------------------------------------------------

    def _steps(self, run: int) -> tuple[Step, ...]:
        return tuple(sorted((s for s in self._t.steps.values() if s.run == run), key=lambda step: step.index))

    def _version(self, seq: int) -> Version:
        found = self._t.versions.get(seq)
        if found is None:
            raise NotFound(f"There is no artifact version number {seq} in this record.")
        return found

    def _used(self, seq: int) -> int:
        """The version is in use from now on: a mark that pruning put on it is taken away. Raises `NotFound`."""
        version = self._version(seq)
        mark = self._t.condemned.get(seq)
        if mark is not None:
            self._drop(self._t.condemned, seq)
            self._put(self._t.versions, seq, changed(version, deleted=mark[2]))
        return seq
