"""Import: an exported run becomes one of this record, wholly or not at all (`docs/design/export.md`)."""

from __future__ import annotations

import heapq
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

from runlore.errors import ExportInvalid, NotFound, RunloreError
from runlore.model.artifact import Content, KeptPicture, LookedUp, Version
from runlore.model.change import (
    Change,
    Input,
    LogWritten,
    MetadataSet,
    MetricsLogged,
    NewRun,
    NewStep,
    NewVersion,
    NoteWritten,
    Output,
    PicturesKept,
    RunFinished,
    StepFinished,
    StepsPlanned,
    StepStarted,
    TagsChanged,
    TaskFinished,
    VersionSaved,
)
from runlore.model.metadata import Owner, OwnerKind
from runlore.model.noun import changed
from runlore.model.query import Condition, Operator, Query
from runlore.model.run import Run
from runlore.record.blobs.port import Blobs
from runlore.record.blobs.tree import decode_tree
from runlore.record.port import Record
from runlore.record.portable.export import _DIGEST
from runlore.record.portable.manifest import (
    EdgeTold,
    Exported,
    Folder,
    LogText,
    Noted,
    OriginTold,
    StepTold,
    TaskTold,
    VersionTold,
    failure_of,
)
from runlore.values.codec import decode_notes
from runlore.values.facts import facts

#: Characters of a log in one chunk.
_CHUNK = 1 << 20


class Importer:
    """Imports runs into one record.

    Args:
        inline_limit: bytes up to which a payload is a row.
        holding: holds a lease while blobs are written that nothing refers to yet; see `Ownership.holding`.
    """

    def __init__(
        self, record: Record, blobs: Blobs, *, inline_limit: int, holding: Callable[[], AbstractContextManager[None]]
    ) -> None:
        self._record = record
        self._blobs = blobs
        self._limit = inline_limit
        self._holding = holding

    def bring(self, path: Path) -> tuple[Run, bool]:
        """Import the run in this folder; return it, and False if it was here already.

        Raises:
            ExportInvalid: the folder is no exported run, is damaged, or contradicts what is here. Nothing was imported.
        """
        folder = Folder(path)
        exported = folder.exported()
        while True:
            found = _with_id(self._record, "run", exported.run.id("id"))
            if found is not None:
                return found, False
            one = _OneImport(self._record, self._blobs, folder, exported, self._limit)
            with self._holding():
                one.keep_bytes()
                try:
                    return one.commit(), True
                except _Overtaken:
                    continue  # with what the other import brought


class _Overtaken(Exception):
    """Another import brought some of it since it was looked for."""


def _with_id(record: Record, noun: str, id: UUID) -> Any:
    query = Query(noun=noun, conditions=(Condition("id", Operator.EQ, id),), limit=1)
    return next(iter(record.select(query).items), None)


class _OneImport:
    """The import of one export."""

    def __init__(self, record: Record, blobs: Blobs, folder: Folder, exported: Exported, limit: int) -> None:
        self._record = record
        self._blobs = blobs
        self._folder = folder
        self._exported = exported
        self._limit = limit
        self._told = {version.id: version for version in exported.versions}
        #: Place in the order in which they were made.
        self._place = {version.id: position for position, version in enumerate(exported.versions)}
        #: Versions that are here already.
        self._here: dict[UUID, Version] = {}
        self._runs: dict[UUID, Run | None] = {}
        for told in exported.versions:
            found = _with_id(record, "version", told.id)
            if found is not None:
                self._refuse_other(told, found)
                self._here[told.id] = found
        outputs = [edge for step in exported.steps for edge in _edges_of(step) if edge.direction != "input"]
        #: Versions that a step of this run is the producer of, here.
        self._made = {edge.version for edge in outputs} - self._here.keys()

    def _refuse_other(self, told: VersionTold, found: Version) -> None:
        if (found.artifact, found.content.digest) != (told.artifact, told.content.digest):
            raise ExportInvalid(
                f"artifact:{found.artifact}@{found.version} has the id of a version in the export ({told.id}), and is "
                "something else. Nothing was imported."
            )

    # -- bytes ---------------------------------------------------------------------------------------------------

    def keep_bytes(self) -> None:
        """Verify every byte, then put what is no row of the record into its blobs."""
        blobs = list(dict.fromkeys(self._wanted()))
        for digest in blobs:
            self._folder.verify(digest)
        rows = [content for told in self._new() for content in _contents(told) if self._is_row(content)]
        for digest in {content.digest for content in rows}:
            self._folder.verify(digest)
        for digest in blobs:
            if self._blobs.claim(digest):
                continue
            writer = self._blobs.writer()
            try:
                for piece in self._folder.pieces(digest):
                    writer.write(piece)
                writer.commit()
            finally:
                writer.abort()

    def _new(self) -> Iterator[VersionTold]:
        return (told for told in self._exported.versions if told.id not in self._here and self._is_whole(told))

    def _is_whole(self, told: VersionTold) -> bool:
        """Whether it comes with its bytes. Items of a collection belong to the step that made it."""
        return told.whole and (told.content.materializer != "collection" or told.id in self._made)

    def _is_row(self, content: Content) -> bool:
        return content.form in ("inline", "blob") and content.size <= self._limit and not _is_collection(content)

    def _wanted(self) -> Iterator[str]:
        """Digests of all that becomes a blob."""
        run = self._exported.run
        for name in ("environment", "code"):
            if run.has(name):
                yield run.digest(name)
        yield from _DIGEST.findall(run.json("config"))
        if run.has("code"):
            yield from self._of_code(run.digest("code"))
        for told in self._new():
            for content in _contents(told):
                if _is_collection(content) or self._is_row(content):
                    continue
                yield content.digest
                if content.form == "tree":
                    tree = decode_tree(self._folder.read(content.digest), content.digest)
                    yield from (file.digest for file in tree.files)

    def _of_code(self, digest: str) -> Iterator[str]:
        try:
            body = json.loads(self._folder.read(digest))
            named = (*body["files"].values(), *body["cells"])
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise ExportInvalid("run.code is no list of sources. Nothing was imported.") from error
        yield from (str(one) for one in named)

    def _content(self, told: Content) -> Content:
        """As it is kept here."""
        if not self._is_row(told):
            return changed(told, form="blob") if told.form == "inline" and not _is_collection(told) else told
        payload = self._folder.read(told.digest)
        if len(payload) != told.size:
            raise ExportInvalid(f"{told.digest} has {len(payload)} bytes, not {told.size}. Nothing was imported.")
        return changed(told, form="inline", payload=payload)

    # -- the record ----------------------------------------------------------------------------------------------

    def commit(self) -> Run:
        """Write everything in one transaction."""
        record, steps = self._record, self._exported.steps
        try:
            with record.batch():
                self._refuse_overtaken()
                for told in self._exported.versions:
                    if told.id not in self._here and told.id not in self._made:
                        record.commit([VersionSaved(version=self._new_version(told))])
                planned = StepsPlanned(steps=tuple(_planned(index, step) for index, step in enumerate(steps)))
                starts = [
                    StepStarted(index=index, at=step.started, tasks=step.mapped)
                    for index, step in enumerate(steps)
                    if step.started is not None
                ]
                run, fence = record.begin_run(self._new_run(), also=[planned, *starts])
                for unit in self._in_order():
                    record.commit([self._finished(*unit)], fence=fence)
                written = [change for index, step in enumerate(steps) for change in self._written(index, step)]
                own = self._exported.noted
                measured = _measured(None, own)
                record.commit([*written, *measured, self._end()], fence=fence)
                self._note(run)
                return record.run(run.seq)
        except (NotFound, OverflowError) as error:
            raise ExportInvalid(f"The export contradicts itself: {error} Nothing was imported.") from error

    def _refuse_overtaken(self) -> None:
        # nobody else writes while the batch is open, so what is not here now does not come
        missing = [("version", id) for id in self._told if id not in self._here]
        if any(_with_id(self._record, *one) for one in (("run", self._exported.run.id("id")), *missing)):
            raise _Overtaken

    def _new_run(self) -> NewRun:
        run, noted = self._exported.run, self._exported.noted
        parameters = run.json("parameters")
        return NewRun(
            id=run.id("id"), pipeline=run.text("pipeline"), pipeline_version=run.whole("pipeline_version", least=1),
            fingerprint=b"", definition="{}", name=run.text("name"), name_given=False, created=run.time("created"),
            parameters=parameters, facts=tuple(_facts_of(parameters)), config=run.json("config"),
            environment=run.digest_or_none("environment"), code=run.digest_or_none("code"),
            user=run.text_or_none("user"), host=run.text_or_none("host"), git_commit=run.text_or_none("git_commit"),
            origin=run.id_or_none("origin"), trigger=run.typed_or_none("trigger"), tags=noted.tags,
            system_tags=noted.system_tags,
        )  # fmt: skip

    def _end(self) -> RunFinished:
        run = self._exported.run
        return RunFinished(
            status=run.status("status"), ended=run.time("ended"), duration=run.number_or_none("duration"),
            failure=failure_of(run), outputs=run.json("outputs"),
        )  # fmt: skip

    def _new_version(self, told: VersionTold) -> NewVersion:
        whole = self._is_whole(told)
        return NewVersion(
            id=told.id, artifact=told.artifact, version=self._free_label(told), created=told.created,
            save_type=told.save_type, origin=told.origin, deleted=not whole,
            content=self._content(told.content) if whole else told.content,
        )  # fmt: skip

    def _free_label(self, told: VersionTold) -> str:
        """The label, followed by as much of the id as makes it free."""
        aliases = {alias.name for alias in self._record.aliases(told.artifact)}
        exported = {one.version for one in self._exported.versions if one.artifact == told.artifact}
        label = told.version
        for suffix in ("", f"-{told.id.hex[:8]}", f"-{told.id.hex}"):
            label = told.version[: 255 - len(suffix)] + suffix
            conditions = (
                Condition("artifact", Operator.EQ, told.artifact),
                Condition("version", Operator.EQ, label),
            )
            taken = self._record.select(Query(noun="version", conditions=conditions, limit=1)).items
            if not taken and label not in aliases and (not suffix or label not in exported):
                break
        return label

    # -- steps, in an order in which versions are made before they are read ------------------------------------------

    def _in_order(self) -> Iterator[tuple[int, StepTold, TaskTold | None]]:
        """Attempts and ends of steps: those first that made the older versions, and each after what it read."""
        place = self._place
        units: list[tuple[int, StepTold, TaskTold | None]] = []
        for index, step in enumerate(self._exported.steps):
            units += [(index, step, task) for task in sorted(step.tasks, key=lambda task: (task.item, task.attempt))]
            units.append((index, step, None))
        makers: dict[UUID, int] = {}
        ranks = []
        for number, (_, step, task) in enumerate(units):
            made = [edge.version for edge in (task or step).edges if edge.direction != "input"]
            for id in made:
                makers.setdefault(id, number)
            ranks.append((min((place[id] for id in made), default=len(place)), number))
        waiting: dict[int, set[int]] = {}
        for number, (_, step, task) in enumerate(units):
            read = {edge.version for edge in (task or step).edges if edge.direction == "input"}
            waiting[number] = {makers[id] for id in read if id in makers and id in self._made} - {number}
        readers: dict[int, list[int]] = {}
        for number, makers_of in waiting.items():
            for maker in makers_of:
                readers.setdefault(maker, []).append(number)
        ready = [ranks[number] for number, others in waiting.items() if not others]
        heapq.heapify(ready)
        count = 0
        while ready:
            _, number = heapq.heappop(ready)
            count += 1
            yield units[number]
            for reader in readers.get(number, ()):
                waiting[reader].discard(number)
                if not waiting[reader]:
                    heapq.heappush(ready, ranks[reader])
        if count != len(units):
            raise ExportInvalid("A step of the export reads what is only made after it. Nothing was imported.")

    def _finished(self, index: int, step: StepTold, task: TaskTold | None) -> TaskFinished | StepFinished:
        if task is None:
            origin = self._origin(step.origin)
            return StepFinished(
                index=index, status=step.status, ended=step.ended or self._exported.run.time("ended"),
                duration=step.duration, origin=None if origin is None else origin[:2], cache_note=step.cache_note,
                inputs=self._inputs(step.edges), outputs=self._outputs(step.edges),
            )  # fmt: skip
        return TaskFinished(
            step=index, item=task.item, attempt=task.attempt, status=task.status, started=task.started,
            ended=task.ended, failure=task.failure, usage=task.usage, origin=self._origin(task.origin),
            inputs=self._inputs(task.edges), outputs=(*self._elements(step, task), *self._outputs(task.edges)),
            looked_up=tuple(
                LookedUp(artifact=artifact, asked=asked, version=None if id is None else self._seq(id))
                for artifact, asked, id in task.looked_up
            ),
        )  # fmt: skip

    def _elements(self, step: StepTold, task: TaskTold) -> Iterator[Output]:
        """What a task of a mapped step gave to each collection that is made here."""
        if task.attempt != max(one.attempt for one in step.tasks if one.item == task.item):
            return
        for edge in step.edges:
            told = self._told[edge.version]
            if edge.direction == "output" and edge.version in self._made and task.item < len(told.items):
                yield Output(name=edge.name, value=self._content(told.items[task.item]))

    def _inputs(self, edges: Iterable[EdgeTold]) -> tuple[Input, ...]:
        return tuple(
            Input(name=edge.name, version=self._here[edge.version].seq if edge.version in self._here else edge.version,
                  element=edge.element)
            for edge in edges
            if edge.direction == "input"
        )  # fmt: skip

    def _outputs(self, edges: Iterable[EdgeTold]) -> tuple[Output, ...]:
        # positions count per direction; between the two, what was made first comes first again
        made, saved = ([edge for edge in edges if edge.direction == way] for way in ("output", "saved"))
        return tuple(
            Output(name=edge.name, direction=edge.direction,
                   value=self._here[edge.version].seq if edge.version in self._here
                   else self._new_version(self._told[edge.version]))
            for edge in heapq.merge(made, saved, key=lambda edge: self._place[edge.version])
        )  # fmt: skip

    def _seq(self, id: UUID) -> int | None:
        found = self._here.get(id) or _with_id(self._record, "version", id)
        return None if found is None else int(found.seq)

    def _origin(self, told: OriginTold | None) -> tuple[int, int, int] | None:
        """Where an origin is here, if its run is."""
        if told is None:
            return None
        if told.run not in self._runs:
            self._runs[told.run] = _with_id(self._record, "run", told.run)
        run = self._runs[told.run]
        if run is None or not any(step.index == told.step for step in self._record.steps(run.seq)):
            return None
        return run.seq, told.step, told.item

    # -- notes, logs, metrics ------------------------------------------------------------------------------------

    def _written(self, index: int, step: StepTold) -> Iterator[Change]:
        origins = {task.item: task.origin for task in step.tasks}
        logs = [one for one in step.taken_over_logs if self._origin(origins.get(one.item)) is None]
        for log in (*step.logs, *logs):
            yield from _chunks(index, log)
        if self._origin(step.origin) is None:
            yield from _measured(index, step.taken_over)
        yield from _measured(index, step.noted)

    def _note(self, run: Run) -> None:
        """Metadata with its history, and tags."""
        changes = list(_noted(Owner(kind=OwnerKind.RUN, seq=run.seq), self._exported.noted, tags=False))
        for index, step in enumerate(self._exported.steps):
            owner = Owner(kind=OwnerKind.STEP, seq=run.seq, step=index)
            if self._origin(step.origin) is None:
                changes += _noted(owner, step.taken_over)
            changes += _noted(owner, step.noted)
        for told in self._exported.versions:
            seq = None if told.id in self._here else self._seq(told.id)
            if seq is None:
                continue
            changes += _noted(Owner(kind=OwnerKind.VERSION, seq=seq), told.noted)
            if told.pictures and self._is_whole(told):
                kept = tuple(
                    KeptPicture(kind=one.kind, name=one.name, media_type=one.media_type, size=one.size, data=one.data)
                    for one in told.pictures
                )
                changes.append(PicturesKept(version=seq, pictures=kept))
        if changes:
            self._record.commit(changes)


def _is_collection(content: Content) -> bool:
    return content.materializer == "collection"


def _contents(told: VersionTold) -> tuple[Content, ...]:
    return (told.content, *told.items)


def _edges_of(step: StepTold) -> Iterator[EdgeTold]:
    yield from step.edges
    for task in step.tasks:
        yield from task.edges


def _planned(index: int, step: StepTold) -> NewStep:
    # the digest is made here, so that a definition can never stand under the digest of another
    digest = sha256(step.definition.encode("utf-8", "surrogatepass")).digest()
    return NewStep(
        index=index, name=step.name, definition=step.definition, definition_digest=digest, parameters=step.parameters,
        upstream=step.upstream, tasks=step.mapped, config=step.config,
    )  # fmt: skip


def _chunks(index: int, log: LogText) -> Iterator[LogWritten]:
    lines = log.text.splitlines(keepends=True) if len(log.text) > _CHUNK else [log.text]
    part, text = 0, ""
    for line in lines:
        if text and len(text) + len(line) > _CHUNK:
            yield LogWritten(step=index, item=log.item, attempt=log.attempt, part=part, text=text)
            part, text = part + 1, ""
        text += line
    if text:
        yield LogWritten(step=index, item=log.item, attempt=log.attempt, part=part, text=text)


def _measured(step: int | None, noted: Noted) -> Iterator[MetricsLogged]:
    parts: dict[tuple[int, int], int] = {}
    for series in noted.metrics:
        place = series.item, series.attempt
        parts[place] = parts.get(place, -1) + 1
        if series.points.values:
            told = ((series.name, series.points),)
            yield MetricsLogged(step=step, item=series.item, attempt=series.attempt, part=parts[place], series=told)


def _noted(owner: Owner, noted: Noted, *, tags: bool = True) -> Iterator[Change]:
    if tags and noted.tags:
        yield TagsChanged(owner=owner, add=noted.tags)
    for key, value, at in noted.metadata:
        yield MetadataSet(owner=owner, values=((key, value),), at=at, facts=tuple(_facts(key, value)))
    for note in noted.notes:
        yield NoteWritten(owner=owner, text=note.text, at=note.at, user=note.user)


def _facts(key: str, text: str) -> tuple[tuple[str, object], ...]:
    """What can be searched for in a value; nothing where it is no typed JSON, which whoever looks at it is told."""
    try:
        return facts(key, decode_notes(text))
    except (RunloreError, ValueError, TypeError, RecursionError, OverflowError):
        return ()


def _facts_of(parameters: str) -> Iterator[tuple[str, object]]:
    try:
        values = decode_notes(parameters)
    except (RunloreError, ValueError, TypeError, RecursionError, OverflowError):
        return
    if isinstance(values, dict):
        for name, value in values.items():
            yield from facts(str(name), value)
