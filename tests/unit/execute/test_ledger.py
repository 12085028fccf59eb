"""A ledger commits together what finishes together, and tells of nothing that is not committed."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from runlore.errors import AlreadyExists, LeaseLost, StoreFull
from runlore.execute.ledger import DUE, GROUP, Ledger
from runlore.execute.ticker import Ticker
from runlore.model.change import Change, RunFinished, StepFinished, StepStarted
from runlore.model.run import Fence
from runlore.model.status import Status
from runlore.record.memory import MemoryRecord

NOW = datetime(2026, 1, 1, tzinfo=UTC)
START = StepStarted(index=0, at=NOW)
END = StepFinished(index=0, status=Status.COMPLETED, ended=NOW)
LAST = RunFinished(status=Status.COMPLETED, ended=NOW)
WORSE = RunFinished(status=Status.FAILED, ended=NOW)


class Log(MemoryRecord):
    """Keeps what is committed, as it is committed, with whether the commit waited for the disk."""

    def __init__(self) -> None:
        super().__init__(clock=lambda: NOW)
        self.log: list[tuple[list[Change], bool]] = []
        self.errors: list[BaseException] = []

    def commit(self, changes: Sequence[Change], *, fence: Fence | None = None, durable: bool = True) -> Any:
        if self.errors:
            raise self.errors.pop(0)
        self.log.append((list(changes), durable))
        return super().commit([])


class Later(Ticker):
    """A ticker whose time comes when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[Any] = []

    def after(self, seconds: float, action: Any) -> bool:
        self.waiting.append(action)
        return True

    def now(self) -> None:
        """Let the time come, in another thread as it would."""
        due, self.waiting = self.waiting, []
        for action in due:
            thread = threading.Thread(target=action)
            thread.start()
            thread.join()


class Bench:
    """A ledger with everything around it in the test's hands."""

    def __init__(self) -> None:
        self.record = Log()
        self.time = 0.0
        self.told: list[Any] = []
        self.ticker = Later()
        self.ledger = Ledger(
            self.record, Fence(run=1, token=1), self.told.append, ticker=self.ticker, clock=lambda: self.time
        )


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_ends_of_short_work_share_a_commit(bench: Bench) -> None:
    """What finishes within the group's time is committed at once, and told after that, in order."""
    with bench.ledger.open():
        for number in range(3):
            bench.ledger.note(END)
            bench.ledger.tell(number)
            bench.ledger.pause()
        assert (bench.record.log, bench.told) == ([], [])

        bench.time = GROUP * 1.5
        bench.ledger.note(END)
        bench.ledger.tell(3)
        bench.ledger.pause()

    assert bench.record.log == [([END] * 4, True)]
    assert bench.told == [0, 1, 2, 3]


def test_a_long_step_does_not_keep_an_end_waiting(bench: Bench) -> None:
    """While a step's function runs, what waited longer than the group's time is committed by another thread."""
    with bench.ledger.open():
        bench.ledger.note(END)
        bench.ledger.tell("end")
        bench.ledger.pause()
        with bench.ledger.closed():
            bench.time += GROUP
            bench.ticker.now()

            assert bench.record.log == [([END], True)]
            assert bench.told == ["end"]


def test_what_came_after_a_commit_has_its_own_time(bench: Bench) -> None:
    """The other thread leaves alone what has not waited long enough, and comes back when it has."""
    with bench.ledger.open():
        bench.ledger.note(END)
        bench.ledger.pause()
        bench.time = DUE * 1.1
        bench.ledger.note(START)
        bench.ledger.pause()
        bench.ledger.note(END)
        with bench.ledger.closed():
            bench.time = GROUP
            bench.ticker.now()
            assert bench.record.log == [([END, START], True)]

            bench.time = DUE * 1.1 + GROUP
            bench.ticker.now()

    assert bench.record.log == [([END, START], True), ([END], True)]


def test_nobody_commits_half_of_an_end(bench: Bench) -> None:
    """While the ledger is open, only who opened it commits; the other thread tries again later."""
    with bench.ledger.open():
        bench.ledger.note(END)
        bench.ledger.pause()
        bench.ledger.note(START)
        bench.ticker.now()
        assert bench.record.log == []

        with bench.ledger.closed():
            bench.time += GROUP
            bench.ticker.now()

    assert bench.record.log == [([END, START], True)]


def test_a_start_does_not_wait_for_the_disk(bench: Bench) -> None:
    """A commit waits for the disk only if it reports that something finished."""
    bench.ledger.note(START)
    bench.ledger.flush()

    assert bench.record.log == [([START], False)]


def test_a_full_store_loses_nothing_that_was_noted(bench: Bench) -> None:
    """What the store could not take stays noted, nothing is told, and the next commit brings all of it."""
    bench.record.errors.append(StoreFull("full"))
    bench.ledger.note(END)
    bench.ledger.tell("end")
    with pytest.raises(StoreFull):
        bench.ledger.flush()
    assert bench.told == []

    bench.ledger.flush()

    assert bench.record.log == [([END], True)]
    assert bench.told == ["end"]


def test_what_can_never_be_committed_is_dropped(bench: Bench) -> None:
    """A change that the record refuses for good does not stand in the way of the end of the run."""
    bench.record.errors.append(AlreadyExists("taken"))
    bench.ledger.note(END)
    with pytest.raises(AlreadyExists):
        bench.ledger.flush()

    bench.ledger.note(START)
    bench.ledger.finish(LAST, anyway=True)

    assert bench.record.log == [([START, LAST], True)]


def test_what_was_dropped_is_not_forgotten(bench: Bench) -> None:
    """After a change was dropped, every commit says so until the run has ended, whoever caught the first error."""
    bench.record.errors.append(AlreadyExists("taken"))
    bench.ledger.note(END)
    with contextlib.suppress(AlreadyExists):
        bench.ledger.settle()

    for commit in (bench.ledger.settle, bench.ledger.flush, lambda: bench.ledger.finish(LAST)):
        with pytest.raises(AlreadyExists, match="taken"):
            commit()
    assert bench.record.log == []


def test_an_end_that_was_not_committed_is_not_noted(bench: Bench) -> None:
    """When the end of a run cannot be committed, what comes in its place stands alone behind what was noted."""
    bench.record.errors.append(StoreFull("full"))
    bench.ledger.note(END)
    with pytest.raises(StoreFull):
        bench.ledger.finish(LAST)

    bench.ledger.finish(WORSE, anyway=True)

    assert bench.record.log == [([END, WORSE], True)]


def test_an_interrupted_commit_is_made_good(bench: Bench) -> None:
    """Ctrl-C within a commit loses nothing that was noted."""
    bench.record.errors.append(KeyboardInterrupt())
    bench.ledger.note(END)
    with pytest.raises(KeyboardInterrupt):
        bench.ledger.flush()

    bench.ledger.finish(WORSE, anyway=True)

    assert bench.record.log == [([END, WORSE], True)]


def test_without_a_thread_ends_are_committed_at_once(bench: Bench) -> None:
    """Where no thread can be started that would commit in time, an end does not wait for company."""
    bench.ticker.after = lambda *_: False  # type: ignore[method-assign]
    with bench.ledger.open():
        bench.ledger.note(END)
        bench.ledger.pause()

    assert bench.record.log == [([END], True)]


def test_who_outlived_its_step_commits_no_half_end(bench: Bench) -> None:
    """A thread that a step left behind commits nothing while the engine notes the end of a step."""
    with bench.ledger.open():
        bench.ledger.note(END)
        stray = threading.Thread(target=bench.ledger.settle)
        stray.start()
        stray.join()

        assert bench.record.log == []


def test_an_interrupt_anywhere_leaves_the_ledger_usable(bench: Bench) -> None:
    """The end of a run is committed even if an interrupt kept the ledger from being opened again after a step."""
    with pytest.raises(KeyboardInterrupt), bench.ledger.open():
        closed = bench.ledger.closed()
        closed.__enter__()
        raise KeyboardInterrupt

    bench.ledger.finish(WORSE, anyway=True)

    assert bench.record.log == [([WORSE], True)]


def test_an_error_beside_the_step_is_raised_where_it_is_heard(bench: Bench) -> None:
    """A commit that fails in the other thread fails the next commit of the engine."""
    bench.record.errors.append(LeaseLost("taken over"))
    with bench.ledger.open():
        bench.ledger.note(END)
        bench.ledger.pause()
        with bench.ledger.closed():
            bench.time += GROUP
            bench.ticker.now()

    with pytest.raises(LeaseLost, match="taken over"):
        bench.ledger.flush()


def test_a_log_line_follows_what_was_noted_before(bench: Bench) -> None:
    """What is written at once comes after everything that waits, whoever writes it."""
    bench.ledger.note(START)
    bench.ledger.write(END)

    assert bench.record.log == [([START], False), ([END], False)]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork_commits_nothing_of_its_parent(bench: Bench) -> None:
    """A child that reads the record commits nothing of what its parent has noted, even if a thread held the ledger."""
    bench.ledger.note(END)
    held, over = threading.Event(), threading.Event()

    def hold() -> None:
        with bench.ledger._lock:
            held.set()
            over.wait(30)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(30)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            bench.ledger.settle()
            with contextlib.suppress(LeaseLost):
                bench.ledger.flush()
                status = 2
            status = status if bench.record.log else 0
        finally:
            os._exit(status)
    over.set()
    holder.join()

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
