"""Writer: applies changes to the tables inside one open transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from runlore.errors import AlreadyExists, LeaseLost, NotFound, StoreError
from runlore.model.artifact import Content, LookedUp
from runlore.model.change import (
    AliasMoved,
    Change,
    Input,
    LogWritten,
    MetadataSet,
    MetricsLogged,
    NewRun,
    NewVersion,
    Output,
    RunDescribed,
    RunFinished,
    StepFinished,
    StepsPlanned,
    StepStarted,
    TagsChanged,
    TaskFinished,
    VersionSaved,
)
from runlore.model.metadata import Owner, OwnerKind
from runlore.model.run import Fence, Usage
from runlore.model.status import CODES, Status
from runlore.platform import ProcessIdentity
from runlore.record.sql.aliases import Aliases
from runlore.record.sql.intern import SQL, Interned
from runlore.record.sql.kinds import OWN, OWNER_KINDS, PARAMETER, RUN_METADATA, VERSION_METADATA
from runlore.record.sql.memo import Memo
from runlore.record.sql.metrics import Metrics
from runlore.record.sql.rows import FORMS, SAVE_TYPES, pack_failure
from runlore.record.sql.searchable import Searchable
from runlore.record.sql.text import micros, pack, pack_digest, to_digest, to_micros, to_uid

_FACT_KIND = {OwnerKind.RUN: RUN_METADATA, OwnerKind.STEP: RUN_METADATA, OwnerKind.VERSION: VERSION_METADATA}

_CODE = {status: code for code, status in enumerate(CODES)}
_WAY = {"output": 1, "saved": 2}
_FORM = {form: code for code, form in enumerate(FORMS)}
_NO_USAGE = Usage()
_ADD_TASK, _ADD_EVENT, _ADD_VERSION = SQL["add_task"], SQL["add_event"], SQL["add_version"]


class Writer:
    """One transaction's worth of changes to one run, or to none."""

    def __init__(self, cursor: sqlite3.Cursor, memo: Memo, run: int | None, clock: Callable[[], datetime]) -> None:
        self._execute = cursor.execute
        self._cursor = cursor
        interned = Interned(cursor, memo)
        self._word, self._kind = interned.word, interned.kind
        self._definition, self._artifact = interned.definition, interned.artifact
        self._facts = Searchable(cursor, interned.word)
        self._run = run
        self._clock = clock
        self.versions: dict[UUID, tuple[int, str]] = {}
        self._planned = memo.steps
        self._edges: list[tuple[Any, ...]] = []
        self._events: list[tuple[Any, ...]] = []

    def require(self, fence: Fence) -> None:
        """Raise `LeaseLost` unless this is the run's owner."""
        if not self._holds(fence.run, fence.token):
            raise LeaseLost(
                f"Run {fence.run} has ended or is owned by another process now (token {fence.token} no longer holds); "
                "nothing was written."
            )

    def _holds(self, run: int | None, token: int) -> bool:
        return self._execute(SQL["holds_lease"], (run, token)).fetchone() is not None

    def touch(self) -> None:
        """Write something without meaning: the commit of a transaction that wrote nothing makes nothing durable."""
        self._execute(SQL["touch"])

    def apply(self, changes: Sequence[Change]) -> None:
        for change in changes:
            _APPLY[type(change)](self, change)
        self._write_rows()

    def _write_rows(self) -> None:
        """Insert the rows that were collected, since inserting them one by one takes longer."""
        if self._edges:
            self._cursor.executemany(SQL["add_edge"], self._edges)
            self._edges.clear()
        if self._events:
            self._cursor.executemany(_ADD_EVENT, self._events)
            self._events.clear()

    # -- runs ----------------------------------------------------------------------------------------------------

    def begin(self, new: NewRun, token: int) -> int:
        """Insert a running run with its lease; return its seq."""
        at = micros(new.created)
        pipeline, version, number = self._count_run(new, at)
        name = self._free_name(new)
        definition = self._definition(sha256(new.definition.encode("utf-8", "surrogatepass")).digest(), new.definition)
        self._execute(
            SQL["add_run"],
            (
                new.id.bytes,
                pipeline,
                version,
                number,
                name,
                at,
                definition,
                pack(new.parameters),
                pack(new.config),
                to_digest(new.environment),
                to_digest(new.code),
                new.user,
                new.host,
                new.git_commit,
                to_uid(new.origin),
                None if new.trigger is None else pack(new.trigger),
            ),
        )
        seq = self._run = int(self._cursor.lastrowid or 0)
        self._execute(SQL["add_lease"], (seq, token, new.lease_host, new.lease_boot, new.lease_pid, new.lease_born))
        self._facts.set(PARAMETER, seq, new.facts)
        owner = Owner(kind=OwnerKind.RUN, seq=seq)
        self._add_tags(owner, new.tags, system=False)
        self._add_tags(owner, new.system_tags, system=True)
        self._event(None, None, Status.RUNNING, at)
        self._write_rows()
        return seq

    def _count_run(self, new: NewRun, at: int) -> tuple[int, int, int]:
        row = self._execute(SQL["find_pipeline"], (new.pipeline,)).fetchone()
        if row is None:
            self._execute(SQL["add_pipeline"], (new.pipeline, at, new.fingerprint))
            return int(self._cursor.lastrowid or 0), 1, 1
        pipeline, version, number, fingerprint = row
        version += fingerprint != new.fingerprint
        self._execute(SQL["count_run"], (version, number + 1, new.fingerprint, pipeline))
        return pipeline, version, number + 1

    def _free_name(self, new: NewRun) -> str:
        name, suffix = new.name, 1
        while self._execute(SQL["run_named"], (name,)).fetchone():
            if new.name_given:
                raise AlreadyExists(
                    f"There is a run called {name!r} already. Choose another name, or have one made "
                    "each time, as with run_name='nightly-{date}-{time}'."
                )
            suffix += 1
            name = f"{new.name}-{suffix}"
        return name

    def describe_run(self, change: RunDescribed) -> None:
        self._execute(
            SQL["describe_run"],
            (
                to_digest(change.environment),
                to_digest(change.code),
                change.git_commit,
                None if change.config is None else pack(change.config),
                change.run,
            ),
        )

    def finish_run(self, change: RunFinished) -> None:
        ended = micros(change.ended)
        self.close_steps(change.rest, ended)
        self._execute(
            SQL["finish_run"],
            (
                _CODE[change.status],
                ended,
                change.duration,
                pack_failure(change.failure),
                pack(change.outputs),
                self._run,
            ),
        )
        self._leave(change.status, ended)

    def renew(self, fence: Fence, at: int) -> None:
        self.require(fence)
        self._execute(SQL["renew_lease"], (at, fence.run, fence.token))

    def take_over(self, identity: ProcessIdentity, at: int) -> int | None:
        """Give the run's lease to another process; return its new token, or ``None`` when the run has ended."""
        held = self._execute(SQL["lease_token"], (self._run,)).fetchone()
        if held is None:
            return None
        token = int(held[0]) + 1
        who = (identity.host, identity.boot, identity.pid, identity.born)
        self._execute(SQL["move_lease"], (token, *who, at, self._run))
        return token

    def interrupt(self, token: int, at: int) -> bool:
        """The owner is gone: running steps were interrupted, pending ones never started. False if it is not so."""
        if not self._holds(self._run, token):
            return False
        for index, status in self._execute(SQL["unfinished_steps"], (self._run,)).fetchall():
            self._close_step(index, Status.INTERRUPTED if CODES[status] is Status.RUNNING else Status.SKIPPED, at)
        self._execute(SQL["interrupt_run"], (_CODE[Status.INTERRUPTED], at, self._run))
        self._leave(Status.INTERRUPTED, at)
        self._write_rows()
        return True

    def _leave(self, status: Status, at: int) -> None:
        """What the end of a run brings, whatever the end is."""
        self._execute(SQL["add_executed"], (self._run,))
        self._execute(SQL["drop_lease"], (self._run,))
        self._event(None, None, status, at)
        for known in [known for known in self._planned if known[0] == self._run]:
            del self._planned[known]

    def close_steps(self, rest: Status, at: int) -> None:
        """Give unfinished steps their end; a running one cannot have been skipped, so it was cancelled."""
        for index, status in self._execute(SQL["unfinished_steps"], (self._run,)).fetchall():
            self._close_step(index, rest if CODES[status].may_become(rest) else Status.CANCELLED, at)

    def _close_step(self, index: int, status: Status, at: int) -> None:
        self._execute(SQL["close_step"], (_CODE[status], at, self._run, index))
        self._event(index, None, status, at)

    # -- steps and tasks -----------------------------------------------------------------------------------------

    def plan_steps(self, change: StepsPlanned) -> None:
        run = self._run
        self._planned.update({(run, step.index): step.tasks is not None for step in change.steps})
        self._cursor.executemany(
            SQL["add_step"],
            [
                (
                    run,
                    step.index,
                    step.name,
                    self._definition(step.definition_digest, step.definition),
                    pack(step.parameters),
                    ",".join(map(str, step.upstream)) or None,
                    step.tasks,
                    pack(step.config),
                )
                for step in change.steps
            ],
        )

    def start_step(self, change: StepStarted) -> None:
        at = micros(change.at)
        done = self._execute(SQL["start_step"], (at, change.tasks, self._run, change.index))
        if done.rowcount:
            if change.tasks is not None:
                self._planned[self._run, change.index] = True
            self._event(change.index, None, Status.RUNNING, at)
        else:
            self._require_step(change.index)

    def finish_task(self, change: TaskFinished) -> None:
        run, step, item, attempt = self._run, change.step, change.item, change.attempt
        usage = change.usage
        origin = change.origin or (None, None, None)
        at = to_micros(change.ended)
        done = self._execute(
            _ADD_TASK,
            (
                run,
                step,
                item,
                attempt,
                _CODE[change.status],
                to_micros(change.started),
                at,
                change.key,
                None if change.failure is None else pack_failure(change.failure),
                usage.wall,
                usage.cpu,
                usage.memory,
                usage.gpu_memory,
                *origin,
            ),
        )
        if not done.rowcount:
            self._report(change.outputs)
            return
        if at is None:
            at = micros(self._clock())
        self._take_inputs(step, item, change.inputs)
        self._take_outputs(step, item, attempt, change.outputs, at)
        if change.looked_up:
            self._take_looked_up(step, item, attempt, change.looked_up)
        if self._is_mapped(step):
            self._event(step, item, change.status, at)

    def finish_step(self, change: StepFinished) -> None:
        origin = change.origin or (None, None)
        ended = micros(change.ended)
        done = self._execute(
            SQL["finish_step"],
            (
                _CODE[change.status],
                ended,
                change.duration,
                *origin,
                None if change.cache_note is None else pack(change.cache_note),
                self._run,
                change.index,
            ),
        )
        if not done.rowcount:
            self._require_step(change.index)
            self._report(change.outputs)
            return
        self._take_inputs(change.index, -1, change.inputs)
        self._take_outputs(change.index, -1, 0, change.outputs, ended)
        self._event(change.index, None, change.status, ended)

    def _require_step(self, index: int) -> None:
        if self._execute(SQL["step_status"], (self._run, index)).fetchone() is None:
            raise NotFound(f"Run {self._run} has no step {index}; it must be planned before anything happens in it.")

    def _is_mapped(self, step: int) -> bool:
        known = self._planned.get((self._run, step))
        if known is None:
            row = self._execute(SQL["step_tasks"], (self._run, step)).fetchone()
            if row is None:
                raise NotFound(f"Run {self._run} has no step {step}; it must be planned before its tasks finish.")
            known = self._planned[self._run, step] = row[0] is not None
        return known

    def _take_inputs(self, step: int, item: int, inputs: Iterable[Input]) -> None:
        for position, taken in enumerate(inputs):
            version = taken.version
            seq = version if isinstance(version, int) else self._seq_of(version)
            self._edges.append((self._run, step, item, 0, position, self._word(taken.name), seq, taken.element))

    def _take_looked_up(self, step: int, item: int, attempt: int, looked_up: Iterable[LookedUp]) -> None:
        for position, one in enumerate(looked_up):
            asked = None if one.asked is None else self._word(one.asked)
            version = None if one.version is None else self._require_version(one.version)
            place = (self._run, step, item, (attempt << 16) + position)
            self._execute(SQL["add_lookup"], (*place, self._word(one.artifact), asked, version, one.code))

    def _take_outputs(self, step: int, item: int, attempt: int, outputs: Iterable[Output], at: int) -> None:
        position = 0
        saved = attempt << 16  # what failed attempts saved by hand stays beside what later ones do
        for output in outputs:
            way = _WAY[output.direction]
            if way == 1:
                place = position
                position += 1
            else:
                place = saved
                saved += 1
            value = output.value
            word = self._word(output.name)
            if isinstance(value, Content):
                self._add_item(step, item, place, word, value)
                continue
            if isinstance(value, NewVersion):
                seq = self._add_version(value, at, (self._run, step, item, place))
            else:
                seq = self._require_version(value)
            self._edges.append((self._run, step, item, way, place, word, seq, None))

    def _add_item(self, step: int, item: int, position: int, word: int, content: Content) -> None:
        digest = pack_digest(content.digest)
        self._execute(
            SQL["add_item"],
            (
                self._run,
                step,
                item,
                position,
                word,
                self._kind(content),
                digest,
                content.size,
                _FORM[content.form],
                pack(content.meta),
            ),
        )
        self._add_payload(digest, content)

    def _add_payload(self, digest: bytes | str, content: Content) -> None:
        if content.payload is not None and content.form == "inline":
            self._execute(SQL["add_payload"], (digest, content.payload))

    # -- versions ------------------------------------------------------------------------------------------------

    def _report(self, outputs: Iterable[Output]) -> None:
        for output in outputs:
            if isinstance(output.value, NewVersion):
                self._known_version(output.value.id)

    def _known_version(self, id: UUID) -> int | None:
        row = self._execute(SQL["version_of_uid"], (id.bytes,)).fetchone()
        if row is None:
            return None
        self.versions[id] = (row[0], row[1])
        return int(row[0])

    def _seq_of(self, id: UUID) -> int:
        made = self.versions.get(id)
        if made is not None:
            return made[0]
        row = self._execute(SQL["version_of_uid"], (id.bytes,)).fetchone()
        if row is None:
            raise NotFound(f"There is no artifact version {id} that a task could have read.")
        return int(row[0])

    def _require_version(self, seq: int) -> int:
        if self._execute(SQL["version_exists"], (seq,)).fetchone() is None:
            raise NotFound(f"There is no artifact version number {seq} in this record.")
        return seq

    def save_version(self, change: VersionSaved) -> None:
        self._add_version(change.version, micros(self._clock()), (None, None, None, None))

    def _add_version(self, new: NewVersion, at: int, producer: tuple[int | None, ...]) -> int:
        artifact = self._artifact(new.artifact, at)
        newest = self._execute(SQL["newest_version"], (artifact,)).fetchone()
        last, nth = newest or (0, 0)
        number, label = (last + 1, None) if new.version is None else self._labelled(new, artifact, last)
        content = new.content
        digest = pack_digest(content.digest)
        added = self._execute(
            _ADD_VERSION,
            (
                new.id.bytes,
                artifact,
                number,
                nth + 1,
                label,
                at,
                SAVE_TYPES.index(new.save_type),
                self._kind(content),
                digest,
                content.size,
                _FORM[content.form],
                *producer,
                to_uid(new.origin),
                pack(content.meta),
            ),
        )
        if not added.rowcount:
            return self._seq_of(new.id)
        seq = int(self._cursor.lastrowid or 0)
        self._add_payload(digest, content)
        self.versions[new.id] = (seq, label or str(number))
        if new.tags or new.metadata or new.facts:
            owner = Owner(kind=OwnerKind.VERSION, seq=seq)
            self._add_tags(owner, new.tags, system=False)
            self._add_entries(owner, new.metadata, at)
            self._facts.set(VERSION_METADATA, seq, new.facts)
        return seq

    def _labelled(self, new: NewVersion, artifact: int, last: int) -> tuple[int, str | None]:
        """Number and label of a version that was given one. A label that is a number not yet reached becomes one.

        So the number of the next version is never taken by a label, and need not be looked for.
        """
        label = str(new.version)
        Aliases(self._cursor, self._word).refuse_label(artifact, new.artifact, label)
        number = int(label) if label.isascii() and label.isdigit() and label[0] != "0" and len(label) < 10 else 0
        taken = self._execute(SQL["version_taken"], (artifact, label)).fetchone() or (
            number and self._execute(SQL["number_taken"], (artifact, number)).fetchone()
        )
        if taken:
            if self._known_version(new.id) is not None:  # by itself: the commit is repeated
                return last, label
            raise AlreadyExists(
                f"Artifact {new.artifact!r} has a version {label!r} already. Choose another label, or none."
            )
        return (number, None) if number > last else (last, label)

    # -- metadata, tags, logs ------------------------------------------------------------------------------------

    def set_metadata(self, change: MetadataSet) -> None:
        owner = change.owner
        kind = _FACT_KIND.get(owner.kind)
        if kind is not None:
            step = owner.step if owner.kind is OwnerKind.STEP else OWN
            self._facts.note(kind, owner.seq, [key for key, _ in change.values], change.facts, step)
        self._add_entries(owner, change.values, micros(change.at))

    def _add_entries(self, owner: Owner, values: Iterable[tuple[str, str]], at: int) -> None:
        kind = OWNER_KINDS.index(owner.kind)
        self._cursor.executemany(
            SQL["add_entry"],
            [(kind, owner.seq, owner.step, self._word(key), pack(value), at) for key, value in values],
        )

    def log_metrics(self, change: MetricsLogged) -> None:
        if change.step is not None:
            self._require_step(change.step)
        Metrics(self._cursor, self._word, self._facts).log(self._run or 0, change)

    def move_alias(self, change: AliasMoved) -> None:
        version = change.version
        seq = self._seq_of(version) if isinstance(version, UUID) else version
        Aliases(self._cursor, self._word).move(change, seq)

    def change_tags(self, change: TagsChanged) -> None:
        owner = change.owner
        kind = OWNER_KINDS.index(owner.kind)
        self._cursor.executemany(
            SQL["drop_tag"], [(kind, self._word(tag), owner.seq, owner.step) for tag in change.remove]
        )
        self._add_tags(owner, change.add, system=False)

    def _add_tags(self, owner: Owner, tags: Iterable[str], *, system: bool) -> None:
        kind = OWNER_KINDS.index(owner.kind)
        self._cursor.executemany(
            SQL["add_tag"], [(kind, self._word(tag), owner.seq, owner.step, int(system)) for tag in tags]
        )

    def write_log(self, change: LogWritten) -> None:
        self._execute(
            SQL["add_log"],
            (self._run, change.step, change.item, change.attempt, change.part, pack(change.text)),
        )

    def _event(self, step: int | None, item: int | None, status: Status, at: int) -> None:
        self._events.append((self._run, step, item, _CODE[status], at))

    # -- deleting ------------------------------------------------------------------------------------------------

    def delete_run(self, seq: int) -> None:
        """Remove a finished run. Its versions, and items of its collections, stay."""
        row = self._execute("select pipeline, status from run where seq = ?", (seq,)).fetchone()
        if row is None:
            raise NotFound(f"There is no run number {seq} in this record.")
        if not CODES[row[1]].finished:
            raise StoreError(f"Run {seq} is running; it can be deleted once it has ended.")
        self._execute(SQL["delete_run_executed"], (row[0], seq))
        self._execute(SQL["uncount_run"], (row[0],))
        for part in ("events", "steps", "tasks", "edges", "lookups", "logs", "tags", "entries", "points", "metrics"):
            self._execute(SQL["delete_run_" + part], (seq,))
        self._facts.forget(seq)
        self._execute(SQL["delete_run"], (seq,))


_APPLY: dict[type, Callable[[Writer, Any], None]] = {
    StepsPlanned: Writer.plan_steps,
    StepStarted: Writer.start_step,
    TaskFinished: Writer.finish_task,
    StepFinished: Writer.finish_step,
    RunFinished: Writer.finish_run,
    RunDescribed: Writer.describe_run,
    LogWritten: Writer.write_log,
    MetricsLogged: Writer.log_metrics,
    MetadataSet: Writer.set_metadata,
    TagsChanged: Writer.change_tags,
    AliasMoved: Writer.move_alias,
    VersionSaved: Writer.save_version,
}
