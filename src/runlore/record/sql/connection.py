"""Connection: one SQLite database behind one lock, with our own waiting, durability, checkpoints and error names."""

from __future__ import annotations

import os
import sqlite3
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn, Self, TypeVar

from runlore.errors import (
    StoreCorrupt,
    StoreError,
    StoreForeign,
    StoreFull,
    StoreLocked,
    StoreReadOnly,
)
from runlore.platform import crash_point

#: Seconds after which a writer that never got its turn gives up.
PATIENCE = 30.0
#: Commits between two checkpoints: about 10 MB of log.
CHECKPOINT_EVERY = 256
#: Pages written by large commits count as well: a checkpoint is due after this many changed rows.
CHECKPOINT_ROWS = 20_000

#: Page cache of a batch, in KiB with a minus, as SQLite wants it.
ROOM = -262_144

_MEANING: dict[int, tuple[type[StoreError], str]] = {
    sqlite3.SQLITE_FULL: (StoreFull, "There is no space left for the record {path}. Free some and try again."),
    sqlite3.SQLITE_READONLY: (StoreReadOnly, "The record {path} cannot be written. Check its folder's permissions."),
    sqlite3.SQLITE_PERM: (StoreReadOnly, "The record {path} cannot be opened. Check its folder's permissions."),
    sqlite3.SQLITE_CANTOPEN: (
        StoreReadOnly,
        "The record {path} cannot be opened or made. Check that its folder exists and may be written.",
    ),
    sqlite3.SQLITE_NOTADB: (
        StoreForeign,
        "{path} is not a runlore record. Move it away, or set RUNLORE_HOME to another folder.",
    ),
    sqlite3.SQLITE_CORRUPT: (
        StoreCorrupt,
        "The record {path} is damaged. Restore it from a backup, or move it away and start a new one.",
    ),
}
T = TypeVar("T")
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


class _PartCursor(sqlite3.Cursor):
    """The cursor of a part of a transaction, which begins with the first statement: many a part needs none."""

    begun = False

    def execute(self, statement: str, parameters: Any = (), /) -> Self:
        self.begin()
        return super().execute(statement, parameters)

    def executemany(self, statement: str, parameters: Any, /) -> Self:
        self.begin()
        return super().executemany(statement, parameters)

    def begin(self) -> None:
        if not self.begun:
            self.begun = True
            super().execute("savepoint part")


_open: weakref.WeakSet[Connection] = weakref.WeakSet()


class Connection:
    """A database that several threads share. Statements run one at a time, in the order of the lock.

    The file is opened at first use, and again after a fork: the parent closes it before it forks, because SQLite's
    locks belong to a process while its idea of them is inherited. ``prepare`` is called with each fresh connection.
    """

    def __init__(
        self,
        path: Path,
        *,
        relaxed: bool = False,
        read_only: bool = False,
        prepare: Callable[[Connection], None] | None = None,
    ) -> None:
        self.path = path
        self.read_only = read_only
        self._relaxed = relaxed
        self._prepare = prepare
        self._lock = threading.RLock()
        self._handle: sqlite3.Connection | None = None
        #: Which file was opened: device and inode.
        self._file: tuple[int, int] | None = None
        self._full: bool | None = None
        self._since_checkpoint = 0
        self._rows_at_checkpoint = 0
        self._closed = False
        #: Whether the thread that holds the lock is within a transaction that writes.
        self._in_writing = False
        #: Writes what a transaction keeps at hand; called before anything is read in it, and before it ends.
        self.write_waiting: Callable[[sqlite3.Cursor], None] | None = None
        _open.add(self)

    # -- statements ----------------------------------------------------------------------------------------------

    def rows(self, statement: str, parameters: Any = ()) -> list[Any]:
        """Run a reading statement and fetch everything, so that no cursor stays open."""
        with self._lock:
            handle = self._handle or self._connect()
            if self.write_waiting is not None:
                self.settle()
            try:
                return handle.execute(statement, parameters).fetchall()
            except sqlite3.Error as error:
                if not _is_busy(error):
                    self.refuse(error)
            waited: list[Any] = self._patiently(lambda: handle.execute(statement, parameters).fetchall())
            return waited

    def row(self, statement: str, parameters: Any = ()) -> Any:
        """Return the first row, or ``None``."""
        rows = self.rows(statement, parameters)
        return rows[0] if rows else None

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Make every statement of the block see the same commits."""
        with self._lock:
            handle = self._handle or self._connect()
            if handle.in_transaction:
                yield
                return
            try:
                handle.execute("begin")
                yield
            finally:
                if handle.in_transaction:
                    handle.execute("rollback")

    @contextmanager
    def writing(self, *, durable: bool) -> Iterator[sqlite3.Cursor]:
        """Run the block in one transaction that is committed at its end, or rolled back when it raises.

        Within another such block it is a part of that one, and undone alone when it raises.
        """
        with self._lock:
            if self._in_writing:
                self.settle()
                with self._part() as cursor:
                    cursor.begin()
                    yield cursor
                return
            try:
                handle = self._started(durable)
                crash_point("record.begun")
                yield handle.cursor()
                self.settle()
                self._finish(handle)
            except BaseException as error:
                self._undo(error)
                raise
            self._maybe_checkpoint(handle)

    def write(self, work: Callable[[sqlite3.Cursor], T], *, durable: bool) -> T:
        """As `writing`, for those who write often: call ``work`` in a transaction and return what it returns."""
        with self._lock:
            if self._in_writing:
                with self._part() as cursor:
                    return work(cursor)
            try:
                handle = self._started(durable)
                crash_point("record.begun")
                result = work(handle.cursor())
                self._finish(handle)
            except BaseException as error:
                self._undo(error)
                raise
            self._maybe_checkpoint(handle)
            return result

    @contextmanager
    def roomy(self) -> Iterator[None]:
        """Let SQLite keep many pages at hand within the block, so that a page is changed often and written once."""
        handle = self._handle
        assert handle is not None
        usual = handle.execute("pragma cache_size").fetchone()[0]
        handle.execute(f"pragma cache_size = {ROOM}")
        try:
            yield
        finally:
            handle.execute(f"pragma cache_size = {usual}")
            handle.execute("pragma shrink_memory")

    def settle(self) -> None:
        """Write what the transaction keeps at hand. What cannot be written is given up with all of the transaction."""
        handle = self._handle
        if self.write_waiting is None or handle is None or not handle.in_transaction:
            return
        try:
            self.write_waiting(handle.cursor())
        except BaseException as error:
            if handle.in_transaction:
                handle.execute("rollback")
            if isinstance(error, sqlite3.Error):
                self.refuse(error)
            raise

    @contextmanager
    def _part(self) -> Iterator[_PartCursor]:
        handle = self._handle
        if handle is None or not handle.in_transaction:  # a full disk, say, has rolled everything back
            raise StoreError(f"What was being written to {self.path} was given up; nothing more can be added to it.")
        cursor = handle.cursor(factory=_PartCursor)
        try:
            yield cursor
        except BaseException as error:
            if cursor.begun and handle.in_transaction:
                handle.execute("rollback to part")
                handle.execute("release part")
            if isinstance(error, sqlite3.Error):
                self.refuse(error)
            raise
        if cursor.begun:
            handle.execute("release part")

    def _started(self, durable: bool) -> sqlite3.Connection:
        handle = self._handle or self._connect()
        if self.read_only:
            raise StoreReadOnly(f"The record {self.path} was opened for reading only.")
        if not self.in_place:
            raise StoreError(
                f"The record {self.path} was moved, deleted or replaced while this process used it, and nothing more "
                "is written to what is left of it. Put it back if it should not be gone, and start again."
            )
        full = durable and not self._relaxed
        if full is not self._full:
            handle.execute("pragma synchronous = full" if full else "pragma synchronous = normal")
            self._full = full
        self._begin(handle)
        self._in_writing = True
        return handle

    def _finish(self, handle: sqlite3.Connection) -> None:
        crash_point("record.written")
        handle.execute("commit")
        self._in_writing = False  # not in a `finally`, which an interrupt could cut short: then `_undo` does it
        self.write_waiting = None
        crash_point("record.committed")

    def _undo(self, error: BaseException) -> None:
        self._in_writing, self.write_waiting = False, None
        handle = self._handle
        if handle is not None and handle.in_transaction:
            handle.execute("rollback")
        if isinstance(error, sqlite3.Error):
            self.refuse(error)

    def _begin(self, handle: sqlite3.Connection) -> None:
        try:
            handle.execute("begin immediate")
        except sqlite3.Error as error:
            if not _is_busy(error):
                self.refuse(error)
            self._patiently(lambda: handle.execute("begin immediate"))

    def _patiently(self, action: Callable[[], Any]) -> Any:
        """Repeat until the lock is free. SQLite's own waiting grows to 100 ms and starves writers; ours stays short."""
        import random  # its start takes a millisecond, and few processes ever wait

        deadline = time.monotonic() + PATIENCE
        while True:
            time.sleep(random.uniform(0.0002, 0.002))
            try:
                return action()
            except sqlite3.Error as error:
                if not _is_busy(error):
                    self.refuse(error)
                if time.monotonic() > deadline:
                    raise StoreLocked(
                        f"Another process has held the lock of {self.path} for {PATIENCE:g} s. "
                        "Find out whether it hangs, then try again."
                    ) from error

    @property
    def in_place(self) -> bool:
        """Whether the file that is open, if any, is still the one at `path`: what goes into another is lost."""
        return self._file is None or self._file == _identity(self.path)

    # -- upkeep --------------------------------------------------------------------------------------------------

    def _maybe_checkpoint(self, handle: sqlite3.Connection) -> None:
        self._since_checkpoint += 1
        changed = handle.total_changes - self._rows_at_checkpoint
        if self._since_checkpoint >= CHECKPOINT_EVERY or changed >= CHECKPOINT_ROWS:
            self._checkpoint(handle)

    def _checkpoint(self, handle: sqlite3.Connection) -> None:
        # FULL keeps other writers out while it works, which avoids the WAL-reset defect of SQLite before 3.51.3.
        try:
            busy = handle.execute("pragma wal_checkpoint(full)").fetchone()[0]
        except sqlite3.Error:  # no space, say: what was committed is safe in the log, and must not be called failed
            busy = 1
        if busy:  # somebody else writes or checkpoints: try again soon
            self._since_checkpoint = CHECKPOINT_EVERY // 2
        else:
            self._since_checkpoint = 0
        self._rows_at_checkpoint = handle.total_changes

    def give_back(self, pages: int) -> None:
        """Give at most so many of the file's free pages back to the disk."""
        with self._lock:
            handle = self._handle or self._connect()
            if handle.in_transaction:
                return
            script = f"pragma incremental_vacuum({pages})"  # as a script, since `execute` would take one step: one page
            try:
                handle.executescript(script)
            except sqlite3.Error as error:
                if not _is_busy(error):
                    self.refuse(error)
                self._patiently(lambda: handle.executescript(script))
            self._checkpoint(handle)

    def close(self) -> None:
        """Close the file. A later use raises `StoreError`."""
        with self._lock:
            self._closed = True
            self._abandon()

    def _abandon(self) -> None:
        handle, self._handle, self._full, self._file = self._handle, None, None, None
        self._since_checkpoint = self._rows_at_checkpoint = 0
        if handle is not None:
            handle.close()

    def _connect(self) -> sqlite3.Connection:
        if self._closed:
            raise StoreError(f"The record {self.path} has been closed.")
        try:
            handle = self._opened()
        except sqlite3.Error as error:
            self.refuse(error)
        self._handle = handle
        try:
            if self._prepare is not None:
                self._prepare(self)
        except BaseException:
            self._abandon()
            raise
        self._file = _identity(self.path)
        return handle

    def _opened(self) -> sqlite3.Connection:
        mode = "rwc"
        if self.read_only:
            mode = "ro&immutable=1" if _is_frozen(self.path) else "ro"
        handle = sqlite3.connect(
            f"{self.path.absolute().as_uri()}?mode={mode}",
            uri=True,
            timeout=0,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
        )
        try:
            handle.execute("pragma temp_store = memory")
            handle.execute("pragma wal_autocheckpoint = 0")
            if sys.platform == "darwin":
                handle.execute("pragma fullfsync = 1")
        except BaseException:
            handle.close()
            raise
        return handle

    def refuse(self, error: sqlite3.Error) -> NoReturn:
        """Raise the `StoreError` that stands for an error of SQLite."""
        code = getattr(error, "sqlite_errorcode", None)
        if code == sqlite3.SQLITE_IOERR_SHMSIZE:  # the index of the log needs 32 kB beside the record
            code = sqlite3.SQLITE_FULL
        if code is not None and code & 0xFF in _MEANING:
            meant, message = _MEANING[code & 0xFF]
            raise meant(message.format(path=self.path) + f" (SQLite: {error})") from error
        raise StoreError(f"The record {self.path} could not be used: {error}.") from error

    # -- forks ---------------------------------------------------------------------------------------------------

    def before_fork(self) -> None:
        """Wait until no transaction is open, then close."""
        self._lock.acquire()
        if self._handle is not None and not self._handle.in_transaction:
            self._abandon()

    def after_fork(self, *, child: bool) -> None:
        """Let threads go on; each process opens the file afresh."""
        if child and self._handle is not None:  # forked inside a transaction, which is the parent's to finish
            _inherited.append(self._handle)
            self._handle = self._full = self._file = self.write_waiting = None
            self._in_writing = False
        self._lock.release()


def _identity(path: Path) -> tuple[int, int] | None:
    """What tells a file from one that takes its place; ``None`` if it is gone."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _is_frozen(path: Path) -> bool:
    """Whether a record lies whole on a read-only file system: SQLite cannot make there what it needs to share it."""
    if not hasattr(os, "statvfs") or not path.exists() or path.with_name(f"{path.name}-wal").exists():
        return False
    return bool(os.statvfs(path).f_flag & os.ST_RDONLY)


def _is_busy(error: sqlite3.Error) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in _BUSY


_held: list[Connection] = []
#: Connections of a parent that a child may neither use nor close.
_inherited: list[sqlite3.Connection] = []


def _before() -> None:
    for connection in list(_open):
        connection.before_fork()
        _held.append(connection)


def _after_in_parent() -> None:
    while _held:
        _held.pop().after_fork(child=False)


def _after_in_child() -> None:
    while _held:
        _held.pop().after_fork(child=True)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child)
