"""Lineage of random histories: on every record what a plain search over what was written finds."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from runlore.model.artifact import LookedUp
from runlore.model.change import Input, VersionSaved
from runlore.model.lineage import Direction, Key, StepKey, VersionKey
from runlore.record.memory import MemoryRecord
from runlore.record.port import Record
from runlore.record.sql.sqlite import SQLiteRecord
from runlore.testing.record_stories import END, begun, finished, new_step, new_version, step_end

#: Runs of one step: which versions it takes, which one it looks up, how many it gives, whether its run is deleted.
_RUNS = st.lists(
    st.tuples(
        st.lists(st.integers(0, 30), max_size=4),
        st.none() | st.integers(0, 30),
        st.integers(0, 3),
        st.integers(0, 5).map(lambda number: number == 0),
    ),
    min_size=1,
    max_size=12,
)
Edges = set[tuple[Key, Key]]


def write(record: Record, runs: Any) -> tuple[list[int], Edges, Edges]:
    """Write a history; return the versions, what leads down, and what leads up (which outlives deleted runs)."""
    first = new_version("v")
    seqs = [record.commit([VersionSaved(version=first)]).versions[first.id][0]]
    down: Edges = set()
    up: Edges = set()
    gone = []
    for taken, asked, gives, deleted in runs:
        run, fence = begun(record, new_step(0, "use"))
        inputs = [seqs[number % len(seqs)] for number in taken]
        looked_up = () if asked is None else (LookedUp(artifact="v", version=seqs[asked % len(seqs)]),)
        made = [new_version("v", bytes([number])) for number in range(gives)]
        task = finished(
            0,
            *made,
            inputs=tuple(Input(name=f"x{number}", version=seq) for number, seq in enumerate(inputs)),
            looked_up=looked_up,
        )
        receipt = record.commit([task, step_end(), END], fence=fence)
        outputs = [receipt.versions[one.id][0] for one in made]
        step = StepKey(run.seq, 0)
        sources = [*inputs, *(one.version for one in looked_up if one.version is not None)]
        up.update((step, VersionKey(seq)) for seq in outputs)
        if deleted:
            gone.append(run.seq)
        else:
            up.update((VersionKey(seq), step) for seq in sources)
            down.update((VersionKey(seq), step) for seq in sources)
            down.update((step, VersionKey(seq)) for seq in outputs)
        seqs += outputs
    for seq in gone:
        record.delete_run(seq)
    return seqs, down, up


def reached(start: Key, edges: Edges, direction: Direction, depth: int | None) -> Edges:
    """Edges that a search from ``start`` crosses, each version at its distance in steps."""
    near, far = (1, 0) if direction is Direction.UP else (0, 1)
    found: Edges = set()
    seen, frontier, level = {start}, [start], 0
    while frontier:
        # a level ends with versions, so only those beyond the depth are not followed
        if all(isinstance(key, VersionKey) for key in frontier):
            if level == depth:
                break
            level += 1
        crossed = {edge for edge in edges if edge[near] in frontier}
        found |= crossed
        frontier = list({edge[far] for edge in crossed} - seen)
        seen.update(frontier)
    return found


@given(runs=_RUNS, depth=st.none() | st.integers(0, 4), data=st.data())
@settings(max_examples=25, deadline=None)
def test_both_records_find_what_a_plain_search_finds(runs: Any, depth: int | None, data: st.DataObject) -> None:
    """Links, up and down and to any depth, are those of the history; nodes are their ends, each once."""
    with TemporaryDirectory() as folder:
        records: list[Record] = [MemoryRecord(), SQLiteRecord(Path(folder) / "r.db", durability="relaxed")]
        written = [write(record, runs) for record in records]
        seqs, down, up = written[0]
        assert written[1] == written[0]
        start = VersionKey(data.draw(st.sampled_from(seqs)))
        for direction, edges in ((Direction.UP, up), (Direction.DOWN, down)):
            expected = reached(start, edges, direction, depth)
            traced = [record.lineage([start], direction, depth=depth) for record in records]
            for one in traced:
                assert {(link.source, link.target) for link in one.links} == expected
                keys = [node.key for node in one.nodes]
                assert len(keys) == len(set(keys)) and set(keys) == {start} | {key for edge in expected for key in edge}
            assert [(node.key, type(node)) for node in traced[0].nodes] == [
                (node.key, type(node)) for node in traced[1].nodes
            ]
            assert (traced[0].links, traced[0].more) == (traced[1].links, traced[1].more)
            breadth, limit = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 12))
            bounded = [record.lineage([start], direction, breadth=breadth, limit=limit) for record in records]
            assert bounded[0].links == bounded[1].links and bounded[0].more == bounded[1].more
            assert len(bounded[0].nodes) <= limit
        records[1].close()
