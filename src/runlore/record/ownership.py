"""Ownership: which running runs still have a live process, proven by a lock that dies with it.

Each running run has a lease file that its process keeps locked. A locked one proves life, also of a process that is
stopped; a free or absent one proves death, on the same machine at once and without heartbeat.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from uuid import UUID, uuid4

from runlore import platform
from runlore.errors import StoreError, StoreFull, StoreLocked, StoreReadOnly
from runlore.model.run import Lease
from runlore.platform import FileLock, ProcessIdentity, crash_point
from runlore.record.port import Record

_SUFFIX = ".lease"
_READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)
_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))


class Ownership:
    """The lease files of one local record, in ``folder``. Safe to use from several threads."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(os.path.abspath(folder))
        self._locks: dict[UUID, FileLock] = {}
        self._guard = threading.Lock()

    def acquire(self, run_id: UUID) -> ProcessIdentity:
        """Own a run, before it is recorded; return who we are, for its lease.

        Raises `StoreReadOnly` or `StoreError` when the lease file cannot be made, or is held by somebody.
        """
        lock = FileLock(self._file(run_id))
        try:
            self.folder.mkdir(0o700, parents=True, exist_ok=True)
            ours = lock.acquire(timeout=0.2)  # a sweeper may hold a new file for an instant
        except OSError as error:
            if error.errno in _READ_ONLY:
                raise StoreReadOnly(f"Nothing can begin, since {self.folder} cannot be written: {error}.") from error
            failure = StoreFull if error.errno in _FULL else StoreError
            raise failure(f"Nothing can begin, since no lease can be made in {self.folder}: {error}.") from error
        if not ours:
            raise StoreError(f"The run {run_id} is owned by another process, or by another place in this one.")
        with self._guard:
            self._locks[run_id] = lock
        crash_point("lease.locked")
        return platform.this_process()

    def release(self, run_id: UUID) -> None:
        """Give a run up, once its end is recorded. Harmless when it is not owned."""
        with self._guard:
            lock = self._locks.pop(run_id, None)
        if lock is not None:
            with suppress(OSError):  # the end of the run is recorded; a file too many is swept later
                lock.release(remove=True)

    def owns(self, run_id: UUID) -> bool:
        """Whether this object holds the run."""
        lock = self._locks.get(run_id)
        return lock is not None and lock.held

    def is_alive(self, lease: Lease) -> bool:
        """Whether the lease's owner is there, stopped or not.

        On a network file system the owner may be on another machine whose locks do not show here; it is then held to
        be alive unless it was on this machine.
        """
        if platform.is_locked(self._file(lease.run_id)):
            return True
        elsewhere = lease.boot != platform.this_process().boot
        return elsewhere and platform.network_file_system(self.folder) is not None

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Hold a lease for a save outside runs: what is written in the block is committed before pruning takes it."""
        id = uuid4()
        self.acquire(id)
        try:
            yield
        finally:
            self.release(id)

    def held(self) -> frozenset[str]:
        """Ids of every lease that somebody holds now: of runs, and of saves outside them."""
        try:
            names = [name for name in os.listdir(self.folder) if name.endswith(_SUFFIX)]
        except OSError:
            return frozenset()
        return frozenset(name.removesuffix(_SUFFIX) for name in names if platform.is_locked(self.folder / name))

    def sweep_interrupted(self, record: Record, clock: Callable[[], datetime]) -> list[int]:
        """Mark every running run whose owner is gone as interrupted; return their ``seq``, oldest first.

        Two that sweep at once do no harm: the record lets one of them win. A record that cannot be written is left
        as it is.
        """
        interrupted = []
        for lease in sorted(record.leases(), key=lambda lease: lease.run):
            if self.is_alive(lease):
                continue
            crash_point("lease.found-dead")
            try:
                if record.interrupt(lease, clock()):
                    interrupted.append(lease.run)
            except (StoreReadOnly, StoreFull, StoreLocked):
                return interrupted
            self._tidy(self._file(lease.run_id))
        return interrupted

    def sweep_files(self) -> int:
        """Delete lease files that nobody holds; return how many. Without its file a dead owner is as dead."""
        try:
            names = [name for name in os.listdir(self.folder) if name.endswith(_SUFFIX)]
        except OSError:
            return 0
        return sum(self._tidy(self.folder / name) for name in names)

    def _file(self, run_id: UUID) -> Path:
        return self.folder / f"{run_id}{_SUFFIX}"

    def _tidy(self, file: Path) -> bool:
        """Delete a lease file while holding it, so that no owner can lose a file that it has just locked."""
        lock = FileLock(file)
        try:
            if not file.exists() or not lock.acquire():
                return False
            lock.release(remove=True)
        except OSError:
            return False
        return True
