"""Whatever a body calls, its plan keeps the order written and the edges drawn."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from runlore.author.pipeline import pipeline
from runlore.author.step import step
from runlore.model.plan import sources
from runlore.plan.naming import Ids
from runlore.plan.trace import Trace
from runlore.plan.validate import validate


@step
def join(parts: Any) -> int:
    return 0


#: For each step: which of the earlier ones it reads, which it only waits for.
BODIES = st.lists(st.tuples(st.sets(st.integers(0, 9)), st.sets(st.integers(0, 9))), min_size=1, max_size=10)


@given(BODIES)
def test_plans_keep_order_and_edges(calls: list[tuple[set[int], set[int]]]) -> None:
    """Steps stand as called, each upstream is exactly what was read or waited for, and the plan is valid."""

    def body() -> None:
        handles: list[Any] = []
        for reads, waits in calls:
            known = len(handles)
            read = [handles[i] for i in sorted(reads) if i < known]
            handles.append(join(read, after=[handles[i] for i in sorted(waits) if i < known]))

    trace = Trace(pipeline(body), {}, started=datetime(2026, 1, 1, tzinfo=UTC))
    trace.run_body()

    validate(trace.plan())
    for index, (planned, (reads, waits)) in enumerate(zip(trace.steps, calls, strict=True)):
        drawn = {source.step for argument in planned.arguments.values() for source in sources(argument)}
        assert planned.index == index
        assert drawn == {i for i in reads if i < index}
        assert planned.upstream() == tuple(sorted(i for i in reads | waits if i < index))


@given(st.lists(st.tuples(st.booleans(), st.sampled_from(["a", "b", "a_2", "a_2_2", "a_3"])), max_size=30))
def test_ids_are_never_handed_out_twice(requests: list[tuple[bool, str]]) -> None:
    """Made and asked-for ids never collide, and an asked-for one that is free is given."""
    ids, taken = Ids(), set()
    for asked, name in requests:
        if asked and name in taken:
            continue
        got = ids.asked(name) if asked else ids.made(name)
        assert got not in taken
        assert got == name if asked else got.startswith(name)
        taken.add(got)
