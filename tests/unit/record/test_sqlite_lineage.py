"""What lineage costs on a SQLite record: statements, whatever the number of runs and of nodes in a level."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from runlore.model.change import Input, Output, VersionSaved
from runlore.model.lineage import Direction, StepKey, Traced, VersionKey
from runlore.record.sql.sqlite import SQLiteRecord
from runlore.testing.record_stories import END, begun, finished, inline, new_step, new_version, step_end

#: More than any level takes, for 200 nodes.
PER_LEVEL = 10


@pytest.fixture
def record(tmp_path: Path) -> Iterator[SQLiteRecord]:
    """An empty file."""
    record = SQLiteRecord(tmp_path / "record.sqlite", durability="relaxed")
    yield record
    record.close()


def use(record: SQLiteRecord, *taken: int) -> int:
    """A run of one step that takes versions and gives one; its seq."""
    run, fence = begun(record, new_step(0, "use"))
    inputs = tuple(Input(name=f"in{number}", version=seq) for number, seq in enumerate(taken))
    made = new_version("made")
    receipt = record.commit([finished(0, made, inputs=inputs), step_end(), END], fence=fence)
    return receipt.versions[made.id][0]


def save(record: SQLiteRecord) -> int:
    version = new_version("raw")
    return record.commit([VersionSaved(version=version)]).versions[version.id][0]


def counted(record: SQLiteRecord, seq: int, direction: Direction, **bounds: int) -> tuple[Traced, int]:
    """The lineage of a version, and how many statements it took."""
    statements: list[str] = []
    handle = record._db._handle
    assert handle is not None
    handle.set_trace_callback(statements.append)
    traced = record.lineage([VersionKey(seq)], direction, **bounds)
    handle.set_trace_callback(None)
    # a statement that runs for each node shows as many times: none is hidden in a loop of its own
    return traced, sum(not one.startswith("--") for one in statements)


def test_a_level_costs_as_many_statements_whatever_is_in_it(record: SQLiteRecord) -> None:
    """Twenty levels of one step and of fifty take the same number of statements, up and down."""
    with record.batch(durable=False):
        thin = [save(record)]
        for _ in range(20):
            thin.append(use(record, thin[-1]))
        wide = [[save(record)]]
        for _ in range(20):
            wide.append([use(record, wide[-1][number % len(wide[-1])], wide[-1][0]) for number in range(50)])
        last = use(record, *wide[-1])

    for direction, one, many in ((Direction.UP, thin[-1], last), (Direction.DOWN, thin[0], wide[0][0])):
        few_nodes, few = counted(record, one, direction, depth=20)
        many_nodes, most = counted(record, many, direction, depth=20)
        assert len(few_nodes.nodes) == 41 and len(many_nodes.nodes) > 1_900
        # all levels together are asked about in parts of 200 at the end
        assert few <= most <= few + 2_000 // 200 and most <= 20 * PER_LEVEL


def test_a_limit_keeps_statements_few_however_much_there_is(record: SQLiteRecord) -> None:
    """What one version's many takers cost is bounded by the limit, and their number is told."""
    with record.batch(durable=False):
        popular = save(record)
        for _ in range(1_000):
            use(record, popular)

    traced, statements = counted(record, popular, Direction.DOWN, breadth=50, limit=500)
    some, fewer = counted(record, popular, Direction.DOWN, limit=20)

    assert len(traced.nodes) == 101 and [more.count for more in traced.more] == [950]
    assert len(some.nodes) == 20 and fewer <= statements <= 2 * PER_LEVEL


def test_a_step_is_found_once_however_many_of_its_tasks_took_a_version(record: SQLiteRecord) -> None:
    """Takers are found by a seek for each step in an index that holds them in order, so that tasks are passed over."""
    with record.batch(durable=False):
        seqs = []
        for tasks in (2, 2_000):
            seq = save(record)
            run, fence = begun(record, new_step(0, "fit", tasks=tasks))
            for item in range(tasks):
                taken = (Input(name="x", version=seq, element=item),)
                record.commit([finished(0, inline(b"x"), item=item, inputs=taken)], fence=fence)
            outputs = (Output(name="m", value=new_version("models")),)
            record.commit([step_end(outputs=outputs), END], fence=fence)
            seqs.append((seq, run.seq))

    found = [(record.lineage([VersionKey(seq)], Direction.DOWN), run) for seq, run in seqs]

    assert [traced.links[0].elements for traced, _ in found] == [(0, 1), (0, 1_999)]
    assert all(traced.links[0].target == StepKey(run, 0) and len(traced.links) == 2 for traced, run in found)
    plan = record._db.rows(
        "explain query plan select e.run << 24 | e.step from edge e indexed by edge_input "
        "where e.version = 1 and e.way = 0 and (e.run, e.step) < (5, 0) order by e.run desc, e.step desc limit 1"
    )
    assert "USING COVERING INDEX edge_input" in plan[-1][3] or "USING INDEX edge_input" in plan[-1][3]
    assert not any("TEMP B-TREE" in row[3] for row in plan)
