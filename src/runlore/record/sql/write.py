"""Writer: applies changes to the record inside one open transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from runlore.errors import AlreadyExists, LeaseLost, NotFound, StoreError
from runlore.model.change import (
    AliasMoved,
    Change,
    LogWritten,
    MetadataSet,
    MetricsLogged,
    NewRun,
    NoteWritten,
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
from runlore.model.metadata import Owner, OwnerKind
from runlore.model.run import Fence
from runlore.model.status import CODES, Status
from runlore.platform import ProcessIdentity
from runlore.record.sql.intern import SQL
from runlore.record.sql.kinds import PARAMETER
from runlore.record.sql.memo import Memo
from runlore.record.sql.notes import Notes
from runlore.record.sql.rows import pack_failure
from runlore.record.sql.searchable import Searchable
from runlore.record.sql.tables import Row, Tables
from runlore.record.sql.tasks import CODE, Tasks
from runlore.record.sql.text import micros, pack, to_digest, to_uid
from runlore.record.sql.versions import Versions


class Writer:
    """One transaction's worth of changes to one run, or to none. Whoever made ``tables`` writes their last rows."""

    def __init__(self, tables: Tables, memo: Memo, run: int | None, clock: Callable[[], datetime]) -> None:
        self._tables = tables
        self._execute = tables.cursor.execute
        self._memo = memo
        self._clock = clock
        self._notes = Notes(tables)
        self._versions = Versions(tables, self._notes)
        self._tasks = Tasks(tables, self._versions, memo, run or 0, clock)

    @property
    def versions(self) -> dict[UUID, tuple[int, str]]:
        """Sequence and text of every version that was made or named anew."""
        return self._versions.made

    def require(self, fence: Fence) -> None:
        """Raise `LeaseLost` unless this is the run's owner."""
        if not self._tables.holds_lease(fence.run, fence.token):
            raise LeaseLost(
                f"Run {fence.run} has ended or is owned by another process now (token {fence.token} no longer holds); "
                "nothing was written."
            )

    def touch(self) -> None:
        """Write something without meaning: the commit of a transaction that wrote nothing makes nothing durable."""
        self._execute(SQL["touch"])

    def apply(self, changes: Sequence[Change]) -> None:
        for change in changes:
            _APPLY[type(change)](self, change)

    # -- runs ----------------------------------------------------------------------------------------------------

    def begin(self, new: NewRun, token: int) -> int:
        """Insert a running run with its lease; return its seq."""
        tables = self._tables
        at = micros(new.created)
        pipeline, version, number = self._count_run(new, at)
        name = self._free_name(new)
        definition = tables.definition(sha256(new.definition.encode("utf-8", "surrogatepass")).digest(), new.definition)
        seq = tables.add_run(
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
                None if new.user is None else pack(new.user),
                None if new.host is None else pack(new.host),
                new.git_commit,
                to_uid(new.origin),
                None if new.trigger is None else pack(new.trigger),
            )
        )
        self._tasks.run = seq
        tables.add_lease((seq, token, new.lease_host, new.lease_boot, new.lease_pid, new.lease_born))
        tables.note_created(seq, at)
        tables.facts.set(PARAMETER, seq, new.facts)
        if new.tags or new.system_tags:
            owner = Owner(kind=OwnerKind.RUN, seq=seq)
            self._notes.add_tags(owner, new.system_tags, system=True)  # first: a tag that is there stays what it is
            self._notes.add_tags(owner, new.tags)
        self._tasks.event(None, None, Status.RUNNING, at)
        return seq

    def _count_run(self, new: NewRun, at: int) -> tuple[int, int, int]:
        row, told = self._tables.pipeline(new.pipeline), new.pipeline_version
        if row is None:
            pipeline = self._tables.add_pipeline(new.pipeline, at, told or 1, new.fingerprint)
            return pipeline, told or 1, 1
        pipeline, version, number, fingerprint = row
        if told is None:
            version += fingerprint != new.fingerprint
            fingerprint = new.fingerprint
        self._tables.count_run(new.pipeline, pipeline, version, number + 1, fingerprint)
        return pipeline, told or version, number + 1

    def _free_name(self, new: NewRun) -> str:
        name, suffix = new.name, 1
        while self._tables.name_taken(name):
            if new.name_given:
                raise AlreadyExists(
                    f"There is a run called {name!r} already. Choose another name, or have one made "
                    "each time, as with run_name='nightly-{date}-{time}'."
                )
            suffix += 1
            name = f"{new.name}-{suffix}"
        return name

    def row_of_run(self, seq: int, pipeline: str) -> Row:
        """The row that reading a run of this pipeline would give, for `rows.to_run`."""
        return self._tables.row_of_run(seq, pipeline)

    def describe_run(self, change: RunDescribed) -> None:
        self._tables.describe_run(
            (
                to_digest(change.environment),
                to_digest(change.code),
                change.git_commit,
                None if change.config is None else pack(change.config),
                change.run,
            )
        )

    def finish_run(self, change: RunFinished) -> None:
        ended = micros(change.ended)
        rest = change.rest
        # a running step cannot have been skipped, so it was cancelled
        self._tasks.close_all(ended, lambda status: rest if status.may_become(rest) else Status.CANCELLED)
        self._tables.finish_run(
            (
                CODE[change.status],
                ended,
                change.duration,
                pack_failure(change.failure),
                pack(change.outputs),
                self._tasks.run,
            )
        )
        self._leave(change.status, ended)

    def renew(self, fence: Fence, at: int) -> None:
        self.require(fence)
        self._execute(SQL["renew_lease"], (at, fence.run, fence.token))

    def take_over(self, identity: ProcessIdentity, at: int) -> int | None:
        """Give the run's lease to another process; return its new token, or ``None`` when the run has ended."""
        held = self._execute(SQL["lease_token"], (self._tasks.run,)).fetchone()
        if held is None:
            return None
        token = int(held[0]) + 1
        who = (identity.host, identity.boot, identity.pid, identity.born)
        self._execute(SQL["move_lease"], (token, *who, at, self._tasks.run))
        return token

    def interrupt(self, token: int, at: int) -> bool:
        """The owner is gone: running steps were interrupted, pending ones never started. False if it is not so."""
        if not self._tables.holds_lease(self._tasks.run, token):
            return False
        self._tasks.close_all(at, lambda status: Status.INTERRUPTED if status is Status.RUNNING else Status.SKIPPED)
        self._execute(SQL["interrupt_run"], (CODE[Status.INTERRUPTED], at, self._tasks.run))
        self._leave(Status.INTERRUPTED, at)
        return True

    def _leave(self, status: Status, at: int) -> None:
        """What the end of a run brings, whatever the end is."""
        self._tables.leave(self._tasks.run)
        self._tasks.event(None, None, status, at)
        self._memo.forget_steps(self._tasks.run)

    # -- deleting ------------------------------------------------------------------------------------------------

    def delete_run(self, seq: int) -> None:
        """Remove a finished run. Its versions, and items of its collections, stay."""
        row = self._execute(SQL["run_state"], (seq,)).fetchone()
        if row is None:
            raise NotFound(f"There is no run number {seq} in this record.")
        if not CODES[row[1]].finished:
            raise StoreError(f"Run {seq} is running; it can be deleted once it has ended.")
        self._execute(SQL["delete_run_executed"], (row[0], seq))
        self._execute(SQL["uncount_run"], (row[0],))
        for part in (
            "events",
            "steps",
            "tasks",
            "edges",
            "lookups",
            "logs",
            "tags",
            "entries",
            "notes",
            "points",
            "metrics",
        ):
            self._execute(SQL["delete_run_" + part], (seq,))
        Searchable(self._tables.cursor, self._tables.word).forget(seq)
        self._execute(SQL["delete_run"], (seq,))

    # -- changes that others make --------------------------------------------------------------------------------

    def _log_metrics(self, change: MetricsLogged) -> None:
        if change.step is not None:
            self._tasks.require(change.step)
        self._notes.log_metrics(self._tasks.run, change)

    def _move_alias(self, change: AliasMoved) -> None:
        version = change.version
        self._notes.move_alias(change, self._versions.seq_of(version) if isinstance(version, UUID) else version)

    def _save_version(self, change: VersionSaved) -> None:
        self._versions.add(change.version, micros(self._clock()), (None, None, None, None))


_APPLY: dict[type, Callable[[Writer, Any], None]] = {
    StepsPlanned: lambda writer, change: writer._tasks.plan(change),
    StepStarted: lambda writer, change: writer._tasks.start(change),
    TaskFinished: lambda writer, change: writer._tasks.finish_task(change),
    StepFinished: lambda writer, change: writer._tasks.finish(change),
    RunFinished: Writer.finish_run,
    RunDescribed: Writer.describe_run,
    LogWritten: lambda writer, change: writer._notes.write_log(writer._tasks.run, change),
    MetricsLogged: Writer._log_metrics,
    MetadataSet: lambda writer, change: writer._notes.set_metadata(change),
    NoteWritten: lambda writer, change: writer._notes.write_note(change),
    TagsChanged: lambda writer, change: writer._notes.change_tags(change),
    AliasMoved: Writer._move_alias,
    PicturesKept: lambda writer, change: writer._versions.keep_pictures(change),
    VersionSaved: Writer._save_version,
}
