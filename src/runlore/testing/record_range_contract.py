"""The part of the record's contract about ranges, which a store may answer by passing over most of what it holds."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from runlore.model.change import Change, MetadataSet, MetricsLogged
from runlore.model.metadata import Owner, OwnerKind
from runlore.model.metric import Points
from runlore.model.query import Condition, Operator, Query
from runlore.model.status import Status
from runlore.record.port import Record
from runlore.testing.record_stories import END, START, ask, at, begun, done, finished, new_step, step_end


class RecordRangeContract:
    """What every record answers about ranges. Give a ``record`` fixture: an empty store."""

    def test_a_range_finds_old_matches_among_many_runs(self, record: Record) -> None:
        """Whether few or many match, old ones or new ones, a range is walked whole, in order, page by page, both ways.

        So many runs are looked at that a store which passes over blocks of them has several to pass over.
        """
        total = 560
        with record.batch(durable=False):
            for number in range(total):
                old = 0 if number < 230 else 1
                run, _ = begun(record, facts=(("old", old), ("late", number - 400), ("mixed", number % 7)))
                assert run.seq == number + 1

        for field, operator, operand, expected in (
            ("parameter:old", "lt", 1, range(1, 231)),
            ("parameter:old", "ge", 0.5, range(231, total + 1)),
            ("parameter:late", "ge", 0, range(401, total + 1)),
            ("parameter:late", "le", 0, range(1, 402)),
            ("parameter:late", "gt", 10**6, range(0)),
            ("parameter:late", "ge", total - 401 - 3, range(total - 3, total + 1)),
            ("parameter:mixed", "gt", 5, range(7, total + 1, 7)),
            ("parameter:mixed", "gt", 3, [n for n in range(1, total + 1) if (n - 1) % 7 > 3]),
        ):
            for descending in (True, False):
                seqs, cursor = [], None
                while True:
                    query = Query(
                        noun="run",
                        conditions=(Condition(field, Operator(operator), operand),),
                        descending=descending,
                        after=cursor,
                        limit=90,
                    )
                    page = record.select(query)
                    seqs += [run.seq for run in page.items]
                    cursor = page.cursor
                    if cursor is None:
                        break
                assert seqs == sorted(expected, reverse=descending), (field, operator, operand, descending)
            assert record.count(query) == len(expected)

    def test_a_range_finds_what_was_taken_over(self, record: Record) -> None:
        """Of many runs that took one result over, a range over what was measured and noted there finds each."""

        def told(run: int, value: int) -> list[Change]:
            owner = Owner(kind=OwnerKind.STEP, seq=run)
            points = Points(values=(value,), progress=(0,), times=(0,))
            return [
                MetricsLogged(part=0, step=0, series=(("loss", points),)),
                MetadataSet(owner=owner, values=(("rows", str(value)),), facts=(("rows", value),), at=at(1)),
            ]

        run, fence = begun(record, new_step(0))
        record.commit([*told(run.seq, 7), finished(0), step_end(0), END], fence=fence)
        hits = 230
        hit: list[Change] = [
            finished(0, status=Status.CACHED, origin=(run.seq, 0, 0)),
            step_end(0, origin=(run.seq, 0)),
        ]
        with record.batch(durable=False):
            for number in range(560):
                new, fence = begun(record, new_step(0))
                record.commit(hit if number < hits else told(new.seq, 1), fence=fence)

        for field in ("metric:loss", "metadata:rows"):
            found = ask(record, "run", (field, "gt", 6), limit=hits + 1)
            assert found == list(range(run.seq + hits, run.seq - 1, -1)), field

    def test_times_are_found_whatever_the_clock_did(self, record: Record) -> None:
        """Ranges over when runs began find all that began then, newest first and oldest first, page by page.

        The clock was set back twice, so that the times do not grow with the runs.
        """
        seconds = [*range(400), *range(100, 300), *range(-50, 120)]
        with record.batch(durable=False):
            for second in seconds:
                begun(record, created=at(second))

        for bounds in (
            [("ge", 395)],
            [("gt", 399)],
            [("lt", -45)],
            [("le", 0)],
            [("ge", 90), ("lt", 110)],
            [("gt", 250), ("le", 251), ("ge", 0)],
            [("ge", 10), ("lt", 5)],
        ):
            conditions = tuple(
                Condition("created", Operator(operator), START + timedelta(seconds=second))
                for operator, second in bounds
            )
            expected = [
                seq
                for seq, second in enumerate(seconds, start=1)
                if all(_MEANS[operator](second, bound) for operator, bound in bounds)
            ]
            for descending in (True, False):
                assert _walked(record, conditions, descending) == sorted(expected, reverse=descending), bounds
            assert record.count(Query(noun="run", conditions=conditions)) == len(expected)

    def test_two_ranges_on_one_key_mean_one_value_between(self, record: Record) -> None:
        """Two bounds on a key are met by one value, not by a low one of one step and a high one of another."""
        between = done(record, facts=(("lr", 0.5), ("name", "kim"))).seq
        run, fence = begun(record, new_step(0, "a"), new_step(1, "b"), facts=(("lr", 5),))
        notes = [
            MetadataSet(
                owner=Owner(kind=OwnerKind.STEP, seq=run.seq, step=step),
                values=(("score", str(score)),),
                at=at(1),
                facts=(("score", score),),
            )
            for step, score in enumerate((1, 9))
        ]
        record.commit(notes, fence=fence)

        assert ask(record, "run", ("parameter:lr", "gt", 0.1), ("parameter:lr", "lt", 1)) == [between]
        assert ask(record, "run", ("parameter:name", "ge", "k"), ("parameter:name", "lt", "l")) == [between]
        assert ask(record, "run", ("parameter:lr", "gt", 0.1), ("parameter:lr", "lt", "x")) == []
        assert ask(record, "run", ("metadata:score", "gt", 2), ("metadata:score", "lt", 8)) == []
        assert ask(record, "run", ("metadata:score", "gt", 2), ("metadata:score", "le", 9)) == [run.seq]
        assert ask(record, "run", ("metadata:score", "gt", 2), ("metadata:score", "lt", 8), any=True) == [run.seq]


_MEANS = {
    "ge": lambda value, bound: value >= bound,
    "gt": lambda value, bound: value > bound,
    "le": lambda value, bound: value <= bound,
    "lt": lambda value, bound: value < bound,
}


def _walked(record: Record, conditions: Iterable[Condition], descending: bool) -> list[int]:
    found: list[int] = []
    cursor = None
    while True:
        page = record.select(
            Query(noun="run", conditions=tuple(conditions), descending=descending, after=cursor, limit=33)
        )
        found += [run.seq for run in page.items]
        cursor = page.cursor
        if cursor is None:
            return found
