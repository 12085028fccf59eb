"""Ledger: what a run has to write, when that is written, and who is told of it afterwards.

Changes are collected and committed together. What a commit reports is told only when it has returned. An end of short
work does not wait for the disk on its own: it is committed with what else finishes within `GROUP`, at the latest when
that time has passed, whatever step runs by then (`docs/design/semantics.md`, "Order of writing").
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from runlore.errors import LeaseLost, StoreError
from runlore.execute.outcome import Produced
from runlore.execute.ticker import TICKER, Ticker
from runlore.model.change import Change, StepFinished, TaskFinished
from runlore.model.run import Fence
from runlore.record.port import Record

#: Seconds for which what has finished may wait for company before it is committed.
GROUP = 0.02
#: Seconds after which the engine commits at the next pause, so that in a row of short steps the other thread, which
#: takes turns with them, has nothing to do.
DUE = 0.015


class Ledger:
    """The changes of one run, in order.

    It is `open` while the engine notes what belongs together, and closed while a step's function runs. Only while it is
    closed may another thread commit, so that no commit ever holds half of what a step's end brings. A fork of the
    process writes nothing of the run, whose changes are its parent's to commit.
    """

    def __init__(
        self,
        record: Record,
        fence: Fence,
        emit: Callable[[Any], None],
        *,
        ticker: Ticker = TICKER,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._record = record
        self._fence = fence
        self._emit = emit
        self._ticker = ticker
        self._clock = clock
        self._process = os.getpid()
        self._lock = threading.RLock()
        #: The thread for which it is open. Not a lock, which an interrupt between two instructions would leave uneven.
        self._opener: int | None = None
        self._changes: list[Change] = []
        self._events: list[Any] = []
        self._made: dict[UUID, Produced] = {}
        self._committed = clock()
        self._ticking = False
        #: Why a commit beside the step failed, or what can never be committed; the engine hears of it.
        self._failure: BaseException | None = None
        #: Whether what failed was given up, so that the run cannot be a success any more.
        self._lost = False

    @property
    def inherited(self) -> bool:
        """Whether this process is a fork of the one whose run this is."""
        return os.getpid() != self._process

    def require_ours(self) -> None:
        """Raise `LeaseLost` in a fork."""
        if self.inherited:
            raise LeaseLost(
                f"Process {os.getpid()} is a fork of process {self._process}, to which run {self._fence.run} belongs, "
                "and writes nothing of it. End a child that a step forks with os._exit()."
            )

    @contextmanager
    def open(self) -> Iterator[None]:
        """Let nobody else commit meanwhile. May be nested."""
        with self._lock:
            before, self._opener = self._opener, threading.get_ident()
        try:
            yield
        finally:
            self._opener = before

    def closed(self) -> _Closed:
        """While a step's function runs: let others commit what there is. Used inside `open`."""
        return _Closed(self)

    def note(self, change: Change) -> None:
        """Write ``change`` with the next commit."""
        with self._lock:  # a commit beside it would forget what it did not take
            self._changes.append(change)

    def tell(self, event: Any) -> None:
        """Emit ``event`` once everything noted so far is committed."""
        with self._lock:
            self._events.append(event)

    def expect(self, version: UUID, produced: Produced) -> None:
        """Give ``produced`` the seq of a new version once it has one."""
        self._made[version] = produced

    @property
    def makes_versions(self) -> bool:
        """Whether what was noted makes versions that the record does not have yet."""
        return bool(self._made)

    def pause(self) -> None:
        """Something else comes now, and it may take long: commit what has waited long enough, the rest in time."""
        if self._clock() - self._committed > DUE:
            self.flush()
        elif not self._ticking:
            self._ticking = self._ticker.after(GROUP, self._tick)
            if not self._ticking:
                self.flush()

    def flush(self, *, durable: bool | None = None) -> None:
        """Commit what was noted, then tell what was to be told.

        By default the commit waits for the disk if it reports that something finished. What could not be committed
        because of the store stays noted. What the record refuses for good is given up, and every later call raises
        that as well, whoever caught it. Raises what the record raises, also if that was in a commit beside a step.
        """
        self.require_ours()
        with self._lock:
            failure = self._failure
            if failure is not None:
                if not self._lost:
                    self._failure = None
                raise failure
            self._flush(durable)

    def settle(self) -> None:
        """Commit what was noted, since somebody is about to read the record.

        Does nothing in a fork, nor in a thread that has outlived its step, while the engine notes the end of a step.
        """
        if self.inherited:
            return
        with self._lock:
            if self._opener in (None, threading.get_ident()):
                self.flush()

    def finish(self, change: Change, *, anyway: bool = False) -> None:
        """Commit the end of the run behind what is still noted, and wait for the disk.

        Raises as `flush` does, and then has not noted ``change``. With ``anyway``, what failed before does not count,
        and what the record refuses is left out.
        """
        self.require_ours()
        with self._lock:
            self._opener = None  # also if an interrupt kept it from being closed
            failure, self._failure, self._lost = self._failure, None, False
            if failure is not None and not anyway:
                raise failure
            self._changes.append(change)
            try:
                self._flush(True)
            except BaseException as error:
                self._changes = [each for each in self._changes if each is not change]
                if not anyway or not self._lost or isinstance(error, LeaseLost):
                    raise
                self._record.commit((change,), fence=self._fence, durable=True)

    def write(self, change: Change) -> None:
        """Commit ``change`` now, behind what was noted, from whichever thread. Raises what the record raises."""
        self.require_ours()
        with self._lock:
            if self._changes:
                self.flush()
            self._record.commit((change,), fence=self._fence, durable=False)

    def write_beside(self, change: Change) -> bool:
        """As `write`, if the ledger is closed; tell whether it was. Nothing is written in a fork."""
        if self.inherited:
            return False
        with self._lock:
            if self._opener is not None:
                return False
            self.write(change)
            return True

    def _flush(self, durable: bool | None) -> None:
        changes, events = self._changes, self._events
        if changes:
            if durable is None:
                durable = any(isinstance(change, _REPORTS) for change in changes)
            try:
                receipt = self._record.commit(changes, fence=self._fence, durable=durable)
            except (StoreError, KeyboardInterrupt):  # which may pass; to commit twice what was committed does no harm
                raise
            except BaseException as error:  # which would come again
                self._changes, self._events = [], []
                self._failure, self._lost = error, True
                raise
            self._changes = []
            for id, (seq, _) in receipt.versions.items():
                produced = self._made.pop(id, None)
                if produced is not None:
                    produced.version = seq
        self._committed = self._clock()
        self._events = []
        for event in events:
            self._emit(event)

    def _tick(self) -> None:
        if not self._lock.acquire(blocking=False):  # somebody commits just now
            self._ticker.after(GROUP, self._tick)
            return
        try:
            if self._opener is not None:  # the engine is at it, and may open a file next: not in its way
                self._ticker.after(GROUP, self._tick)
                return
            waited = self._clock() - self._committed
            if waited < GROUP and self._ticker.after(GROUP - waited, self._tick):  # the engine committed meanwhile
                return
            self._ticking = False
            if self._failure is None and (self._changes or self._events):
                self._flush(None)
        except BaseException as error:
            self._failure = error
        finally:
            self._lock.release()


_REPORTS = (TaskFinished, StepFinished)


class _Closed:
    """A ``with`` block during which a ledger is closed. A class, since one is made for every task."""

    __slots__ = ("_ledger", "_opener")

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def __enter__(self) -> None:
        self._opener, self._ledger._opener = self._ledger._opener, None

    def __exit__(self, *raised: object) -> None:
        ledger = self._ledger
        if not ledger.inherited:  # where the lock may be held by a thread that is not there
            with ledger._lock:  # which a commit under way still holds
                ledger._opener = self._opener
