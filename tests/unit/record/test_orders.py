"""What a list in the order of a field costs on a SQLite record, in steps of SQLite's machine."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from runlore.model.change import RunFinished, VersionSaved
from runlore.model.noun import changed
from runlore.model.query import Condition, Operator, Query
from runlore.model.status import Status
from runlore.record.sql import lists
from runlore.record.sql.sqlite import SQLiteRecord
from runlore.testing.record_stories import at as at_second
from runlore.testing.record_stories import begun, finished, new_step, new_version, step_end, walk

SMALL, LARGE = 150, 1_500
ORDERS = [
    *(("run", order) for order in ("id", "name", "number", "pipeline", "status", "created", "ended", "duration")),
    *(("version", order) for order in ("id", "artifact", "created", "size", "run")),
]


def fill(record: SQLiteRecord, runs: int) -> None:
    """Runs of two pipelines, each of which makes a version of one of two artifacts; the last two never end."""
    with record.batch(durable=False):
        for number in range(runs):
            version = new_version("mn"[number % 2], b"1" * (number * 7 % 50))
            run, fence = begun(
                record, new_step(0), pipeline="ab"[number // 2 % 2], created=at_second(number), tags=("all",)
            )
            record.commit([finished(0, version), step_end()], fence=fence)
            if number < runs - 2:
                ended = at_second(number) + timedelta(seconds=number * 7 % 90)
                end = RunFinished(status=Status.COMPLETED, ended=ended, duration=float(number * 7 % 90))
                record.commit([end], fence=fence)


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[SQLiteRecord]]:
    """A small record, and one ten times as large. More than a hundred rows are already many."""
    folder: Path = tmp_path_factory.mktemp("orders")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lists, "SORTED", 100)
        made = [SQLiteRecord(folder / f"{runs}.sqlite", durability="relaxed") for runs in (SMALL, LARGE)]
        fill(made[0], SMALL)
        fill(made[1], LARGE)
        yield made
        for record in made:
            record.close()


def steps_of(record: SQLiteRecord, query: Query) -> int:
    """How many steps of SQLite's machine three pages take, one after another."""
    handle = record._db._handle
    assert handle is not None
    taken: list[None] = []
    handle.set_progress_handler(lambda: taken.append(None), 1)
    try:
        for _ in range(3):
            page = record.select(query)
            if page.cursor is None:
                break
            query = changed(query, after=page.cursor)
    finally:
        handle.set_progress_handler(None, 0)
    return len(taken)


@pytest.mark.parametrize(("noun", "order"), ORDERS)
@pytest.mark.parametrize("descending", [True, False])
def test_pages_in_the_order_of_an_index_cost_the_same_in_any_record(
    records: list[SQLiteRecord], noun: str, order: str, descending: bool
) -> None:
    """Three pages of a record take no more steps than three of a record with a tenth of it, alone and with a tag."""
    alone = Query(noun=noun, order=order, descending=descending, limit=20)
    tagged = changed(alone, conditions=(Condition("tag", Operator.EQ, "all"),))
    for query in (alone, tagged) if noun == "run" else (alone,):
        small, large = (steps_of(record, query) for record in records)

        assert large < 1.2 * small + 200, (small, large)


def test_numbers_of_one_pipeline_are_walked_within_it(records: list[SQLiteRecord]) -> None:
    """Runs of one pipeline by number are read from its own index, however many other runs there are."""
    query = Query(noun="run", order="number", conditions=(Condition("pipeline", Operator.EQ, "a"),), limit=20)
    small, large = (steps_of(record, query) for record in records)

    assert large < 1.2 * small + 200


def test_runs_of_a_short_time_are_sorted_not_looked_for(records: list[SQLiteRecord]) -> None:
    """Where few runs began in the times asked for, these are sorted; the order of all runs is not walked."""
    between = (
        Condition("created", Operator.GE, at_second(60)),
        Condition("created", Operator.LT, at_second(64)),
    )
    small, large = (
        steps_of(record, Query(noun="run", order="duration", conditions=between, limit=20)) for record in records
    )

    assert large < 1.2 * small + 200


def test_rare_lengths_and_sizes_are_found_by_their_index(records: list[SQLiteRecord]) -> None:
    """A range that few meet is read from the index of its field, in any order asked for."""
    for query in (
        Query(noun="run", conditions=(Condition("ended", Operator.LT, at_second(10)),), limit=20),
        Query(noun="version", conditions=(Condition("created", Operator.LT, at_second(0)),), limit=20),
    ):
        small, large = (steps_of(record, query) for record in records)

        assert large < 1.2 * small + 200


@pytest.mark.parametrize("missing_first", [True, False])
@pytest.mark.parametrize("descending", [True, False])
def test_versions_without_a_run_stand_together(tmp_path: Path, descending: bool, missing_first: bool) -> None:
    """By run, versions saved outside of any come last, or first where that is asked for, whatever the pages."""
    record = SQLiteRecord(tmp_path / "record.sqlite", durability="relaxed")
    for number in range(4):
        record.commit([VersionSaved(version=new_version("m"))])
        run, fence = begun(record, new_step(0))
        record.commit([finished(0, new_version("m", b"%d" % number)), step_end()], fence=fence)
    made, saved = ([seq for seq in range(1, 9) if seq % 2 == odd] for odd in (0, 1))
    if descending:
        made, saved = made[::-1], saved[::-1]
    for limit in (1, 3, 4, 8):
        asked = {"order": "run", "descending": descending, "missing_first": missing_first, "limit": limit}
        assert walk(record, "version", **asked) == (saved + made if missing_first else made + saved)
    record.close()
