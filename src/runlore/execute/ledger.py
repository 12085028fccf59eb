"""Ledger: what a run has to write, when that is written, and who is told of it afterwards.

Changes are collected and committed together. What a commit reports is told only when it has returned. An end of short
work does not wait for the disk on its own: it is committed with what else finishes within `GROUP`, at the latest when
that time has passed, whatever step runs by then (`docs/design/semantics.md`, "Order of writing").
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from runlore.errors import StoreError
from runlore.execute.outcome import Produced
from runlore.execute.ticker import TICKER, Ticker
from runlore.model.change import Change, StepFinished, TaskFinished
from runlore.model.run import Fence
from runlore.record.port import Record

#: Seconds for which what has finished may wait for company before it is committed.
GROUP = 0.02


class Ledger:
    """The changes of one run, in order.

    It is `open` while the engine notes what belongs together, and closed while a step's function runs. Only while it is
    closed may another thread commit, so that no commit ever holds half of what a step's end brings.
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
        self._lock = threading.RLock()
        self._changes: list[Change] = []
        self._events: list[Any] = []
        self._made: dict[UUID, Produced] = {}
        self._committed = clock()
        self._ticking = False
        #: Why a commit beside the step failed; the next one says so.
        self._failure: BaseException | None = None

    @contextmanager
    def open(self) -> Iterator[None]:
        """Let nobody else commit meanwhile. May be nested."""
        with self._lock:
            yield

    @contextmanager
    def closed(self) -> Iterator[None]:
        """While a step's function runs: let others commit what there is. Used inside `open`."""
        self._lock.release()
        try:
            yield
        finally:
            try:
                self._lock.acquire()
            except KeyboardInterrupt:
                self._lock.acquire()  # whoever opened this will close it, and then hear of the interrupt
                raise

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
        if self._clock() - self._committed > GROUP:
            self.flush()
        elif not self._ticking:
            self._ticking = True
            self._ticker.after(GROUP, self._tick)

    def flush(self, *, durable: bool | None = None) -> None:
        """Commit what was noted, then tell what was to be told.

        By default the commit waits for the disk if it reports that something finished. What could not be committed
        because of the store stays noted. Raises what the record raises, also if that was in a commit beside a step.
        """
        with self._lock:
            failure, self._failure = self._failure, None
            if failure is not None:
                raise failure
            self._flush(durable)

    def write(self, change: Change) -> None:
        """Commit ``change`` now, behind what was noted, from whichever thread. Raises what the record raises."""
        with self._lock:
            if self._changes:
                self.flush()
            self._record.commit((change,), fence=self._fence, durable=False)

    def _flush(self, durable: bool | None) -> None:
        changes, events = self._changes, self._events
        if changes:
            if durable is None:
                durable = any(isinstance(change, _REPORTS) for change in changes)
            try:
                receipt = self._record.commit(changes, fence=self._fence, durable=durable)
            except StoreError:  # which may pass: space is made, a lock is given up
                raise
            except BaseException:  # which would come again
                self._changes, self._events = [], []
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
        if not self._lock.acquire(blocking=False):  # the engine is at it, and may open a file next: not in its way
            self._ticker.after(GROUP, self._tick)
            return
        try:
            self._ticking = False
            if self._failure is None and (self._changes or self._events):
                self._flush(None)
        except BaseException as error:
            self._failure = error
        finally:
            self._lock.release()


_REPORTS = (TaskFinished, StepFinished)
