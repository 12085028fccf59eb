"""A ledger commits together what finishes together, and tells of nothing that is not committed."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from runlore.errors import AlreadyExists, LeaseLost, StoreFull
from runlore.execute.ledger import GROUP, Ledger
from runlore.execute.ticker import Ticker
from runlore.model.change import Change, StepFinished, StepStarted
from runlore.model.run import Fence
from runlore.model.status import Status
from runlore.record.memory import MemoryRecord

NOW = datetime(2026, 1, 1, tzinfo=UTC)
START = StepStarted(index=0, at=NOW)
END = StepFinished(index=0, status=Status.COMPLETED, ended=NOW)


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

    def after(self, seconds: float, action: Any) -> None:
        self.waiting.append(action)

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
            bench.ticker.now()

            assert bench.record.log == [([END], True)]
            assert bench.told == ["end"]


def test_nobody_commits_half_of_an_end(bench: Bench) -> None:
    """While the ledger is open, only who opened it commits; the other thread tries again later."""
    with bench.ledger.open():
        bench.ledger.note(END)
        bench.ledger.pause()
        bench.ledger.note(START)
        bench.ticker.now()
        assert bench.record.log == []

        with bench.ledger.closed():
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
    bench.ledger.flush()

    assert bench.record.log == [([START], False)]


def test_an_error_beside_the_step_is_raised_where_it_is_heard(bench: Bench) -> None:
    """A commit that fails in the other thread fails the next commit of the engine."""
    bench.record.errors.append(LeaseLost("taken over"))
    with bench.ledger.open():
        bench.ledger.note(END)
        bench.ledger.pause()
        with bench.ledger.closed():
            bench.ticker.now()

    with pytest.raises(LeaseLost, match="taken over"):
        bench.ledger.flush()


def test_a_log_line_follows_what_was_noted_before(bench: Bench) -> None:
    """What is written at once comes after everything that waits, whoever writes it."""
    bench.ledger.note(START)
    bench.ledger.write(END)

    assert bench.record.log == [([START], False), ([END], False)]
