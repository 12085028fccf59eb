"""Hits are what the record would answer, asked for less often."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from runlore.execute import hits as module
from runlore.execute.hits import Hits, is_whole
from runlore.model.noun import changed
from runlore.model.plan import PlannedOutput, PlannedStep
from runlore.model.run import Run
from runlore.record.memory import MemoryRecord
from runlore.record.port import Hit
from runlore.testing.record_stories import END, begun, finished, new_step, new_version


class CountingRecord(MemoryRecord):
    """Counts what it is asked."""

    def __init__(self) -> None:
        super().__init__(clock=lambda: datetime(2026, 1, 1, tzinfo=UTC))
        self.asked: Counter[str] = Counter()

    def cached(self, key: bytes, *, before: int | None = None) -> Hit | None:
        self.asked["cached"] += 1
        return super().cached(key, before=before)

    def cached_after(self, hit: Hit, limit: int) -> tuple[tuple[bytes, Hit], ...]:
        self.asked["after"] += 1
        return super().cached_after(hit, limit)

    def known_keys(self, keys: Sequence[bytes]) -> frozenset[bytes]:
        self.asked["known"] += 1
        return super().known_keys(keys)


def chain(record: MemoryRecord, keys: Sequence[bytes]) -> Run:
    run, fence = begun(record, *(new_step(index, f"s{index}") for index in range(len(keys))))
    record.commit([finished(index, new_version(), key=key) for index, key in enumerate(keys)] + [END], fence=fence)
    return run


@pytest.fixture
def record() -> CountingRecord:
    return CountingRecord()


KEYS = [f"key {number}".encode() for number in range(40)]


def test_a_repeated_run_is_fetched_ahead(record: CountingRecord) -> None:
    """Every hit is the record's, and a run that repeats another asks a few times, not once a step."""
    chain(record, KEYS)
    hits = Hits(record)

    assert [hits.find(key) for key in KEYS] == [MemoryRecord.cached(record, key) for key in KEYS]
    assert record.asked["cached"] < 6
    assert record.asked["after"] < 6


def test_steps_between_do_not_spoil_what_was_fetched(record: CountingRecord) -> None:
    """A step that has no earlier result leaves the results fetched for later steps where they are."""
    chain(record, KEYS)
    hits = Hits(record)
    found = [hits.find(key) for one in KEYS for key in (one, b"new " + one)]

    assert found[0::2] == [MemoryRecord.cached(record, key) for key in KEYS]
    assert found[1::2] == [None] * len(KEYS)


def test_results_of_later_runs_are_not_taken(record: CountingRecord) -> None:
    """A run takes nothing from itself nor from runs that began after it."""
    first = chain(record, KEYS[:3])
    second = chain(record, KEYS)
    hits = Hits(record, before=second.seq)

    found = [hits.find(key) for key in KEYS]
    assert [hit.run for hit in found[:3] if hit is not None] == [first.seq] * 3
    assert found[3:] == [None] * (len(KEYS) - 3)


def test_keys_that_nothing_has_are_found_out_together(record: CountingRecord) -> None:
    """After `expect`, a key that no task has costs no question of its own, and one that a task has is found."""
    chain(record, KEYS[:1])
    hits = Hits(record)
    hits.expect(KEYS)

    assert [hits.find(key) is not None for key in KEYS] == [True] + [False] * (len(KEYS) - 1)
    assert record.asked == {"known": 1, "cached": 1}


def test_a_result_of_which_outputs_are_missing_is_not_whole() -> None:
    """A run that is deleted between finding a result and taking it over leaves a result without outputs."""
    hit = Hit(run=1, step=0, item=0, ended=None, outputs=())
    output = PlannedOutput(name="model", artifact="model")
    step = PlannedStep(index=0, name="train", step=None, arguments={}, outputs=(output,))
    vault: Any = None  # is not asked

    assert not is_whole(hit, step, vault)
    assert is_whole(hit, changed(step, outputs=()), vault)


def test_what_was_fetched_in_vain_is_fetched_less(record: CountingRecord, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fetching ahead starts small, grows while it is right, and starts again once it was wrong."""
    windows: list[int] = []
    monkeypatch.setattr(CountingRecord, "cached_after", lambda self, hit, limit: windows.append(limit) or ())
    chain(record, KEYS)
    hits = Hits(record)
    for key in KEYS[:5]:
        hits.find(key)

    assert windows == [module.FIRST, module.FIRST * 4, module.MOST, module.MOST]
