"""SQLiteRecord: a record in one SQLite file on a local disk, without a server."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from runlore.errors import LeaseLost, NotFound, StoreError
from runlore.model.artifact import Alias, Edge, Item, KeptPicture, LookedUp, Version
from runlore.model.metadata import Entry, Note, Owner, OwnerKind, Tag
from runlore.model.metric import Metric, Points, in_order
from runlore.model.query import Page, Query
from runlore.model.run import Definition, Event, Fence, Lease, LogChunk, Run, Step, Task
from runlore.model.suggest import did_you_mean
from runlore.record.meaning import means_the_same, with_own
from runlore.record.port import Finding, Hit
from runlore.record.sql import rows
from runlore.record.sql.connection import Connection
from runlore.record.sql.kinds import OWN, OWNER_KINDS
from runlore.record.sql.lists import Lists
from runlore.record.sql.memo import Memo
from runlore.record.sql.migrate import prepare
from runlore.record.sql.pruned import PrunedRecord
from runlore.record.sql.read import READ
from runlore.record.sql.text import micros, pack, pack_digest, to_moment

if TYPE_CHECKING:
    from runlore.model.change import Change, NewRun, Receipt
    from runlore.model.noted import Noted
    from runlore.platform import ProcessIdentity
    from runlore.record.sql.gathered import Gathering
    from runlore.record.sql.write import Writer

T = TypeVar("T")
_FIRST_TOKEN = 1
_MOST = 2**63 - 1
#: Keys that are looked for in one statement.
_KEYS = 200
_KNOWN_KEYS = READ["known_keys"].format(", ".join("?" * _KEYS))


def _now() -> datetime:
    return datetime.now(UTC)


class SQLiteRecord(PrunedRecord):
    """A metadata store in the file ``path``, which is made when it is not there.

    ``durability="relaxed"`` lets a power cut take the last commits, never a killed process. ``clock`` gives aware
    times. ``read_only`` opens an existing file and writes nothing. Threads and processes of one host may share it; a
    network file system must not hold it.
    Raises `StoreForeign`, `StoreTooNew`, `StoreCorrupt`, `StoreReadOnly` or `StoreError`.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        durability: Literal["full", "relaxed"] = "full",
        clock: Callable[[], datetime] = _now,
        read_only: bool = False,
    ) -> None:
        self.path = Path(path)
        self._clock = clock
        self._memo = Memo()
        #: What a batch keeps at hand, while there is one.
        self._gathering: Gathering | None = None
        self._db = Connection(
            self.path,
            relaxed=durability == "relaxed",
            read_only=read_only,
            prepare=lambda connection: prepare(connection, clock()),
        )
        self._lists = Lists(self._db)
        self.id = str(self._db.row("select uid from store")[0])

    @property
    def in_place(self) -> bool:
        """Whether the file is where it was opened; not so once somebody moved, deleted or replaced it."""
        return self._db.in_place

    # -- writing -------------------------------------------------------------------------------------------------

    def _write(
        self, run: int | None, work: Callable[[Writer], T], *, durable: bool, changes: Sequence[Change] | None = None
    ) -> T:
        """Let ``work`` write in a transaction. A batch may gather it if it only applies ``changes``."""
        # writing needs as much again as reading does, and a process that only looks something up never writes
        from runlore.record.sql.direct import Direct
        from runlore.record.sql.write import Writer

        def within(cursor: sqlite3.Cursor) -> T:
            gathering = self._gathered()
            if gathering is not None:
                if changes is not None and gathering.gathers(run, changes):
                    gathering.begin(cursor)
                    try:
                        done = work(Writer(gathering, self._memo, run, self._clock))
                    except BaseException:
                        gathering.refuse()
                        raise
                    if gathering.is_enough():
                        self._db.settle()
                    return done
                self._db.settle()
            tables = Direct(cursor, self._memo)
            done = work(Writer(tables, self._memo, run, self._clock))
            tables.write_rows()
            return done

        try:
            done = self._db.write(within, durable=durable)
        except BaseException:
            self._memo.forget()
            raise
        self._memo.trim()
        return done

    def begin_run(self, new: NewRun, *, also: Sequence[Change] = ()) -> tuple[Run, Fence]:
        def work(writer: Writer) -> Run:
            seq = writer.begin(new, _FIRST_TOKEN)
            writer.apply(also)
            return rows.to_new_run(writer.row_of_run(seq, new.pipeline), new)

        run = self._write(None, work, durable=False, changes=also)
        return run, Fence(run=run.seq, token=_FIRST_TOKEN)

    def commit(self, changes: Sequence[Change], *, fence: Fence | None = None, durable: bool = True) -> Receipt:
        from runlore.model.change import RUN_BOUND, Receipt  # see `_write`

        if fence is None:
            for change in changes:
                if isinstance(change, RUN_BOUND):
                    raise StoreError(f"{type(change).__name__} belongs to a run and needs its fence.")

        def work(writer: Writer) -> Receipt:
            if fence is not None:
                writer.require(fence)
            if changes:
                writer.apply(changes)
            else:
                writer.touch()
            return Receipt(versions=writer.versions)

        return self._write(None if fence is None else fence.run, work, durable=durable, changes=changes or None)

    def interrupt(self, lease: Lease, at: datetime) -> bool:
        return self._write(lease.run, lambda writer: writer.interrupt(lease.token, micros(at)), durable=True)

    @contextmanager
    def batch(self, *, durable: bool = True) -> Iterator[None]:
        from runlore.record.sql.gathered import Gathering  # see `_write`

        try:
            with self._db.writing(durable=durable):
                outer = self._gathered()
                if outer is not None:
                    try:
                        yield
                    except BaseException:
                        outer.forget()  # all of it is this block's: what came before was written when it began
                        raise
                    return
                self._gathering = Gathering(self._memo)
                self._db.write_waiting = self._gathering.write
                with self._db.roomy():
                    yield
                    self._db.settle()
        except BaseException:
            self._memo.forget()
            raise

    def _gathered(self) -> Gathering | None:
        """What the batch at hand keeps; a child that was forked within one has none."""
        return None if self._db.write_waiting is None else self._gathering

    def delete_run(self, seq: int) -> None:
        self._write(None, lambda writer: writer.delete_run(seq), durable=True)

    # -- lists ---------------------------------------------------------------------------------------------------

    def select(self, query: Query) -> Page[Any]:
        return self._lists.select(query)

    def count(self, query: Query) -> int:
        return self._lists.count(query)

    # -- one thing -----------------------------------------------------------------------------------------------

    def run(self, seq: int) -> Run:
        row = self._db.row(f"{READ['run_columns']} from {READ['run_tables']} where t.seq = ?", (seq,))
        if row is None:
            raise NotFound(f"There is no run number {seq} in this record.")
        return rows.to_run(row)

    def steps(self, run: int) -> tuple[Step, ...]:
        return tuple(map(rows.to_step, self._db.rows(READ["steps"], (run,))))

    def tasks(self, run: int, step: int, item: int | None = None) -> tuple[Task, ...]:
        if item is None:
            return tuple(map(rows.to_task, self._db.rows(READ["tasks"], (run, step))))
        return tuple(map(rows.to_task, self._db.rows(READ["tasks_of_item"], (run, step, item))))

    def edges(self, run: int, step: int | None = None, item: int | None = None) -> tuple[Edge, ...]:
        if step is None:
            found = self._db.rows(READ["edges"], (run,))
        elif item is None:
            found = self._db.rows(READ["edges_of_step"], (run, step))
        else:
            found = self._db.rows(READ["edges_of_item"], (run, step, item))
        return tuple(map(rows.to_edge, found))

    def consumers(self, version: int) -> tuple[Edge, ...]:
        return tuple(map(rows.to_edge, self._db.rows(READ["consumers"], (version,))))

    def looked_up(self, run: int, step: int, item: int | None = None) -> tuple[LookedUp, ...]:
        if item is None:
            found = self._db.rows(READ["looked_up"], (run, step))
        else:
            found = self._db.rows(READ["looked_up_of_item"], (run, step, item, 0, _MOST))
        return tuple(dict.fromkeys(map(rows.to_looked_up, found)))

    def version(self, seq: int) -> Version:
        row = self._db.row(
            f"{READ['version_columns']} from {READ['version_tables']} where t.seq = ? and t.deleted < 2", (seq,)
        )
        if row is None:
            raise NotFound(f"There is no artifact version number {seq} in this record.")
        return rows.to_version(row)

    def items(self, version: int, start: int = 0, stop: int | None = None) -> tuple[Item, ...]:
        with self._db.reading():
            home = self._db.row(READ["collection_home"], (version,))
            if home is None:
                raise NotFound(f"There is no artifact version number {version} in this record.")
            for run, step, position in (home[:3], home[3:]):
                if run is not None:
                    found = self._db.rows(READ["items"], (run, step, start, _MOST if stop is None else stop, position))
                    if found:
                        return tuple(map(rows.to_item, found))
        return ()

    def payload(self, digest: str) -> bytes | None:
        row = self._db.row(READ["payload"], (pack_digest(digest),))
        return None if row is None else bytes(row[0])

    def pictures(self, version: int, element: int | None = None) -> tuple[KeptPicture, ...]:
        return rows.to_pictures(self._db.rows(READ["pictures"], (version, rows.element_code(element))))

    def definition(self, id: int) -> Definition:
        row = self._db.row(READ["definition"], (id,))
        if row is None:
            raise NotFound(f"There is no definition number {id} in this record.")
        return rows.to_definition(row)

    def metadata(self, owner: Owner) -> tuple[Entry, ...]:
        with self._db.reading():
            own = tuple(map(rows.to_entry, self._db.rows(READ["metadata"], _owned(owner))))
            origin = owner.kind is OwnerKind.STEP and self._db.row(READ["origin_of_step"], (owner.seq, owner.step))
            if not origin:
                return own
            return with_own(self.metadata(Owner(kind=OwnerKind.STEP, seq=origin[0], step=origin[1])), own)

    def metadata_history(self, owner: Owner, key: str) -> tuple[Entry, ...]:
        return tuple(map(rows.to_entry, self._db.rows(READ["metadata_history"], (*_owned(owner), pack(key)))))

    def tags(self, owner: Owner) -> tuple[Tag, ...]:
        return tuple(map(rows.to_tag, self._db.rows(READ["tags"], _owned(owner))))

    def noted(self, kind: OwnerKind, seqs: Sequence[int]) -> dict[int, Noted]:
        from runlore.record.sql.noted import noted  # with its statements, which only tables need

        return noted(self._db, kind, seqs)

    def notes(self, owner: Owner) -> tuple[Note, ...]:
        return tuple(map(rows.to_note, self._db.rows(READ["notes"], _owned(owner))))

    def logs(
        self, run: int, step: int, item: int = 0, attempt: int | None = None, part: int = 0
    ) -> tuple[LogChunk, ...]:
        with self._db.reading():
            if attempt is None:
                attempt = self._db.row(READ["last_logged"], (run, step, item))[0]
            return tuple(map(rows.to_log, self._db.rows(READ["logs"], (run, step, item, attempt, part))))

    def logged(
        self, run: int, step: int | None = None, start: int = 0, stop: int | None = None
    ) -> tuple[tuple[int, int, int], ...]:
        found: list[tuple[int, int, int]] = []
        place = (0, 0, -1) if step is None else (step, start, -1)
        end = (_MOST, 0) if step is None else (step, _MOST if stop is None else stop)
        with self._db.reading():
            # from one attempt straight to the next: their chunks, which may be many, are not walked
            while row := self._db.row(READ["next_logged"], (run, *place, *end)):
                place = (row[0], row[1], row[2])
                found.append(place)
        return tuple(found)

    def events(self, after: int = 0, limit: int = 1000) -> tuple[Event, ...]:
        return tuple(map(rows.to_event, self._db.rows(READ["events"], (after, limit))))

    # -- metrics and aliases -------------------------------------------------------------------------------------

    def metrics(self, run: int) -> tuple[Metric, ...]:
        with self._db.reading():
            found = [*self._db.rows(READ["metrics"], (run,)), *self._db.rows(READ["metrics_taken"], (run,))]
        return in_order(map(rows.to_metric, found))

    def points(
        self, run: int, name: str, *, step: int | None = None, item: int = 0, attempt: int | None = None, part: int = 0
    ) -> Points:
        place = (run, OWN if step is None else step, item)
        with self._db.reading():
            if attempt is None:
                attempt = self._db.row(READ["last_measured"], (*place, pack(name)))[0]
            found = self._db.rows(READ["points"], (*place, attempt, pack(name), part))
        from runlore.record.sql.points import unpack_points  # listings do without it

        return unpack_points(found)

    def aliases(self, artifact: str) -> tuple[Alias, ...]:
        return tuple(map(rows.to_alias, self._db.rows(READ["aliases"], (pack(artifact),))))

    def aliases_of(self, version: int) -> tuple[Alias, ...]:
        return tuple(map(rows.to_alias, self._db.rows(READ["aliases_of_version"], (version,))))

    def alias_history(self, artifact: str, alias: str) -> tuple[Alias, ...]:
        return tuple(map(rows.to_alias, self._db.rows(READ["alias_history"], (pack(artifact), pack(alias)))))

    def aliased(self, artifact: str, alias: str) -> Version:
        with self._db.reading():
            found = self._db.row(READ["aliased"], (pack(artifact), pack(alias)))
            if found is not None:
                return self.version(found[0])
            known = [one.name for one in self.aliases(artifact)]
        raise NotFound(f"No version of artifact {artifact!r} is called {alias!r}.{did_you_mean(alias, known)}")

    # -- cache ---------------------------------------------------------------------------------------------------

    def cached(self, key: bytes, *, before: int | None = None) -> Hit | None:
        limit = _MOST if before is None else before
        offset = 0
        while (found := self._db.row(READ["cached"], (key, limit, offset))) is not None:
            run, step, item, ended, looking = found
            outputs = self._outputs(run, step, item)
            if outputs is not None:
                asked = () if looking is None else self._looked_up_by(run, step, item, looking)
                if all(means_the_same(self, one) for one in asked):
                    return Hit(run=run, step=step, item=item, ended=to_moment(ended), outputs=outputs, looked_up=asked)
            offset += 1
        return None

    def _looked_up_by(self, run: int, step: int, item: int, attempt: int) -> tuple[LookedUp, ...]:
        first = attempt << 16
        found = self._db.rows(READ["looked_up_of_item"], (run, step, item, first, first + (1 << 16)))
        return tuple(map(rows.to_looked_up, found))

    def _outputs(self, run: int, step: int, item: int) -> tuple[tuple[str, Version | Item], ...] | None:
        """Outputs of a task in declared order, or ``None`` if one of them was deleted."""
        found = self._db.rows(READ["outputs_of_task"], (run, step, item))
        if not found:  # a task has versions, or items of a collection to come, or nothing
            return tuple((row[9], rows.to_item(row)) for row in self._db.rows(READ["items_of_task"], (run, step, item)))
        versions = [(row[0], rows.to_version(row[1:])) for row in found]
        return None if any(version.deleted for _, version in versions) else tuple(versions)

    def cached_after(self, hit: Hit, limit: int) -> tuple[tuple[bytes, Hit], ...]:
        with self._db.reading():
            tasks = self._db.rows(READ["tasks_after"], (hit.run, hit.step, hit.item, limit))
            if not tasks:
                return ()
            place = (hit.run, hit.step, hit.item, *tasks[-1][:2])
            versions = self._db.rows(READ["outputs_after"], place)
            items = self._db.rows(READ["items_after"], place)
        outputs: dict[tuple[int, int], list[tuple[str, Version | Item]]] = {(task[0], task[1]): [] for task in tasks}
        gone: set[tuple[int, int]] = set()
        for row in versions:
            version = rows.to_version(row[3:])
            if version.deleted:
                gone.add((row[0], row[1]))
            outputs.get((row[0], row[1]), []).append((row[2], version))
        for row in items:
            outputs.get((row[0], row[1]), []).append((row[2], rows.to_item(row[3:])))
        return tuple(
            (key, Hit(run=hit.run, step=step, item=item, ended=to_moment(ended), outputs=tuple(outputs[step, item])))
            for step, item, ended, key in tasks
            if (step, item) not in gone
        )

    def known_keys(self, keys: Sequence[bytes]) -> frozenset[bytes]:
        found: set[bytes] = set()
        for start in range(0, len(keys), _KEYS):
            part = list(keys[start : start + _KEYS])
            part += part[:1] * (_KEYS - len(part))  # so that there is one statement to prepare, not many
            found.update(row[0] for row in self._db.rows(_KNOWN_KEYS, part))
        return frozenset(found)

    def last_execution(self, pipeline: str, step: str, *, before: int) -> tuple[Run, Step, Task] | None:
        with self._db.reading():
            found = self._db.row(READ["last_execution"], (pipeline, step, before))
            if found is None:
                return None
            tasks = self._db.rows(READ["tasks"], tuple(found))
            if not tasks:
                return None
            last = rows.to_task(next(row for row in reversed(tasks) if row[2] == tasks[0][2]))
            return self.run(found[0]), rows.to_step(self._db.row(READ["step"], tuple(found))), last

    # -- ownership -----------------------------------------------------------------------------------------------

    def leases(self) -> tuple[Lease, ...]:
        return tuple(map(rows.to_lease, self._db.rows(READ["leases"])))

    def renew(self, fence: Fence, at: datetime) -> None:
        self._write(fence.run, lambda writer: writer.renew(fence, micros(at)), durable=False)

    def take_over(self, run: int, identity: ProcessIdentity, at: datetime) -> Fence:
        def work(writer: Writer) -> int:
            token = writer.take_over(identity, micros(at))
            if token is None:
                raise LeaseLost(f"Run {run} is {self.run(run).status}; only a running one can be taken over.")
            return token

        return Fence(run=run, token=self._write(run, work, durable=True))

    # -- upkeep --------------------------------------------------------------------------------------------------

    def unused(self) -> Iterable[int]:
        return [row[0] for row in self._db.rows(READ["unused"])]

    def check(self) -> Iterable[Finding]:
        from runlore.record.sql.check import findings  # brings its statements, which nothing else needs

        return findings(self._db)

    def close(self) -> None:
        self._db.close()


def _owned(owner: Owner) -> tuple[int, int, int]:
    return OWNER_KINDS.index(owner.kind), owner.seq, owner.step
