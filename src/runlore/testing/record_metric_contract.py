"""The part of the record's contract about metrics, and about what steps say of their run."""

from __future__ import annotations

import math
from typing import Any

import pytest

from runlore.errors import LeaseLost, NotFound, StoreError
from runlore.model.change import MetadataSet, MetricsLogged
from runlore.model.metadata import Owner, OwnerKind
from runlore.model.metric import Metric, Points
from runlore.model.query import Condition, Operator, Query
from runlore.record.port import Record
from runlore.testing.record_stories import END, ask, at, begun, new_step


def logged(name: str, *values: float, part: int = 0, **given: Any) -> MetricsLogged:
    """Values of one metric, a second apart, counted from 0."""
    return MetricsLogged(part=part, series=((name, counted(*values)),), **given)


def counted(*values: float) -> Points:
    """Points of these values, a second apart, counted from 0."""
    count = range(len(values))
    return Points(values=values, progress=tuple(count), times=tuple(number * 1_000_000 for number in count))


def noted(run: int, step: int | None = None, **facts: object) -> MetadataSet:
    """Metadata of a run or of one of its steps."""
    owner = Owner(kind=OwnerKind.RUN, seq=run) if step is None else Owner(kind=OwnerKind.STEP, seq=run, step=step)
    values = tuple((key, repr(value)) for key, value in facts.items())
    return MetadataSet(owner=owner, values=values, at=at(1), facts=tuple(facts.items()))


class RecordMetricContract:
    """What every record keeps of series of numbers. Give a ``record`` fixture: an empty store."""

    def test_a_series_comes_back_exactly_and_in_order(self, record: Record) -> None:
        """Every float, counter of any size and time survives, in the order of measuring, whatever else is logged."""
        run, fence = begun(record)
        odd = (0.1, -0.0, math.inf, -math.inf, 5e-324, 3.0, math.nan)
        progress: list[list[int | None]] = [
            [10**30, -1, None, 0, 2**63, 7, 7],
            [None] * 7,
            [2**63 - 1, -(2**63), *range(5)],
        ]
        times = (0, 1, 1_800_000_000_123_456, 3, 2, 5, -1)
        for part, said in enumerate(progress):
            odds = Points(values=odd, progress=said, times=times)
            mixed: tuple[tuple[str, Points], ...] = (("los\ud800s", odds), (f"other {part}", counted(7)))
            record.commit([MetricsLogged(step=0, part=part, series=mixed)], fence=fence, durable=part == 2)

        found = record.points(run.seq, "los\ud800s", step=0)
        later = record.points(run.seq, "los\ud800s", step=0, part=1)

        assert repr(tuple(found.values)) == repr(odd * 3) and tuple(found.times) == times * 3
        assert list(found.progress) == [each for said in progress for each in said]
        assert repr(tuple(later.values)) == repr(odd * 2) and list(later.progress) == progress[1] + progress[2]
        assert record.points(run.seq, "other 1", step=0) == counted(7)
        assert record.points(run.seq, "los\ud800s") == record.points(run.seq, "none", step=0) == counted()

    def test_series_belong_to_a_task_and_an_attempt(self, record: Record) -> None:
        """Items and attempts have series of their own; without an attempt the last with any is meant."""
        run, fence = begun(record, new_step(0, tasks=2))
        record.commit(
            [
                logged("loss", 3, 2, step=0),
                logged("loss", 9, step=0, attempt=1),
                logged("loss", 1, step=0, item=1),
                logged("loss", 5),
            ],
            fence=fence,
        )

        def values(**given: Any) -> list[float]:
            return list(record.points(run.seq, "loss", **given).values)

        assert values(step=0) == values(step=0, attempt=1) == [9]
        assert values(step=0, attempt=0) == [3, 2]
        assert values(step=0, item=1) == [1] and values() == [5] and values(step=0, item=2) == []

    def test_metrics_are_summed_up(self, record: Record) -> None:
        """A metric tells how many points all tasks and attempts have, the last, the least and the greatest."""
        run, fence = begun(record, new_step(0, tasks=2), new_step(1, "b"))
        record.commit([logged("loss", 3, 2, step=0), logged("acc", 0.5, step=1), logged("loss", 8)], fence=fence)
        record.commit([logged("loss", 7, math.nan, step=0, item=1)], fence=fence)

        by_step = record.metrics(run.seq)

        assert [(metric.step, metric.name) for metric in by_step] == [(None, "loss"), (0, "loss"), (1, "acc")]
        assert by_step[0] == Metric(run=run.seq, step=None, name="loss", count=1, last=8.0, min=8.0, max=8.0)
        assert (by_step[1].count, by_step[1].min, by_step[1].max) == (4, 2, 7) and math.isnan(by_step[1].last)
        assert record.metrics(run.seq + 1) == ()

    def test_the_least_and_the_greatest_may_be_in_any_part(self, record: Record) -> None:
        """What sums a series up is about all of its parts, whichever came first, and so is what is found by it."""
        for values in ((1, 9, 5), (9, 5, 1), (5, 1, 9), (math.nan, 9, 1, 5)):
            run, fence = begun(record, new_step(0))
            for part, value in enumerate(values):
                record.commit([logged("loss", value, part=part, step=0)], fence=fence)
            (metric,) = record.metrics(run.seq)

            assert (metric.count, metric.last, metric.min, metric.max) == (len(values), values[-1], 1, 9)
            assert ask(record, "run", ("metric.max:loss", "eq", 9), ("metric.min:loss", "eq", 1))[0] == run.seq
            assert ask(record, "run", ("metric:loss", "eq", values[-1]))[0] == run.seq

    def test_a_series_of_nothing_but_nan_has_no_best(self, record: Record) -> None:
        """NaN is kept and counted, and is neither least nor greatest."""
        run, fence = begun(record)
        record.commit([logged("loss", math.nan)], fence=fence)
        (metric,) = record.metrics(run.seq)

        assert metric.count == 1 and all(map(math.isnan, (metric.last, metric.min, metric.max)))
        assert ask(record, "run", ("metric.min:loss", "lt", 1)) == []
        assert ask(record, "run", ("metric.min:loss", "null", False)) == [run.seq]

    def test_a_repeated_part_changes_nothing(self, record: Record) -> None:
        """The same part of a series twice is there once, and counts once."""
        run, fence = begun(record)
        for _ in range(2):
            record.commit([logged("loss", 1, 2, step=0)], fence=fence)

        assert record.points(run.seq, "loss", step=0) == counted(1, 2)
        assert record.metrics(run.seq)[0].count == 2

    def test_metrics_need_their_step_and_their_owner(self, record: Record) -> None:
        """Series of a step that was never planned, or without the run's fence, are refused."""
        _, fence = begun(record)

        with pytest.raises(NotFound):
            record.commit([logged("loss", 1, step=5)], fence=fence)
        with pytest.raises(StoreError, match="fence"):
            record.commit([logged("loss", 1, step=0)])
        record.commit([END], fence=fence)
        with pytest.raises(LeaseLost):
            record.commit([logged("loss", 1, step=0)], fence=fence)

    def test_runs_are_found_by_their_metrics(self, record: Record) -> None:
        """Last, best and count of a series are searched under prefixes of their own, as they stand now."""
        runs = []
        for values in ((3, 1, 2), (5,)):
            run, fence = begun(record)
            record.commit([logged("a.loss", *values, step=0)], fence=fence)
            runs.append(run.seq)
        record.commit([logged("a.loss", 6, part=1, step=0)], fence=fence)
        one, two = runs

        for field, operator, operand, expected in (
            ("metric:a.loss", "eq", 2, [one]),
            ("metric:a.loss", "eq", 5, []),
            ("metric:a.loss", "gt", 5.5, [two]),
            ("metric.min:a.loss", "le", 1, [one]),
            ("metric.min:a.loss", "ge", 1, [two, one]),
            ("metric.max:a.loss", "gt", 4, [two]),
            ("metric.count:a.loss", "in", (2, 7), [two]),
            ("metric:a", "null", False, []),
            ("metadata:a.loss", "null", False, []),
        ):
            assert ask(record, "run", (field, operator, operand)) == expected, (field, operator, operand)

    def test_a_metric_of_the_run_itself_hides_those_of_its_steps(self, record: Record) -> None:
        """Of a run that measured under a name itself, only that is searched; each step's series is still there."""
        run, fence = begun(record, new_step(0, "a"), new_step(1, "b"))
        record.commit([logged("loss", 1, step=0), logged("loss", 2, step=1)], fence=fence)

        assert ask(record, "run", ("metric:loss", "eq", 1)) == ask(record, "run", ("metric:loss", "ge", 1)) == [run.seq]

        record.commit([logged("loss", 9)], fence=fence)
        record.commit([logged("loss", 3, part=1, step=0)], fence=fence)

        assert ask(record, "run", ("metric:loss", "le", 3)) == []
        assert ask(record, "run", ("metric.count:loss", "eq", 1)) == [run.seq]
        assert [(metric.step, metric.last) for metric in record.metrics(run.seq)] == [(None, 9), (0, 3), (1, 2)]

    def test_a_deleted_run_takes_its_metrics_along(self, record: Record) -> None:
        """Nothing of a deleted run's series is found or read."""
        run, fence = begun(record)
        record.commit([logged("loss", 1, step=0), END], fence=fence)
        record.delete_run(run.seq)

        assert record.metrics(run.seq) == () and record.points(run.seq, "loss", step=0) == counted()
        assert ask(record, "run", ("metric:loss", "null", False)) == []

    # -- metadata of steps ---------------------------------------------------------------------------------------

    def test_a_run_is_found_by_what_its_steps_noted(self, record: Record) -> None:
        """A condition on a run's metadata is met if any of its steps' values meets it, a negative one if none does."""
        run, fence = begun(record, new_step(0, "a"), new_step(1, "b"))
        other, _ = begun(record)
        record.commit([noted(run.seq, 0, accuracy=0.7, kind="tree"), noted(run.seq, 1, accuracy=0.95)], fence=fence)

        for operator, operand, expected in (
            ("ge", 0.9, [run.seq]),
            ("lt", 0.8, [run.seq]),
            ("ge", 0.5, [run.seq]),
            ("gt", 0.95, []),
            ("eq", 0.7, [run.seq]),
            ("ne", 0.7, [other.seq]),
            ("not_in", (0.7,), []),
            ("not_in", (0.8,), [run.seq]),
            ("in", (0.7, 0.95), [run.seq]),
            ("null", True, [other.seq]),
        ):
            assert ask(record, "run", ("metadata:accuracy", operator, operand)) == expected, (operator, operand)
            conditions = (Condition("metadata:accuracy", Operator(operator), operand),)
            assert record.count(Query(noun="run", conditions=conditions)) == len(expected)
        assert ask(record, "run", ("metadata:kind", "startswith", "tr")) == [run.seq]
        assert ask(record, "run", ("metadata:kind", "gt", "a")) == [run.seq]

    def test_a_step_that_notes_a_key_again_replaces_its_own_value_only(self, record: Record) -> None:
        """Each step's newest value under a key is searched, and those of other steps stay."""
        run, fence = begun(record, new_step(0, "a"), new_step(1, "b"))
        record.commit([noted(run.seq, 0, m=1), noted(run.seq, 1, m=2)], fence=fence)
        record.commit([noted(run.seq, 0, m=3)], fence=fence)

        found = [ask(record, "run", ("metadata:m", "eq", value)) for value in (1, 2, 3)]

        assert found == [[], [run.seq], [run.seq]]

    def test_the_runs_own_note_wins(self, record: Record) -> None:
        """Once the run itself has a note, what its steps noted under that key is not searched, before or after."""
        run, fence = begun(record)
        below: tuple[tuple[str, object], ...] = (("m.x", 1), ("mm", 1))
        step = Owner(kind=OwnerKind.STEP, seq=run.seq, step=0)
        record.commit([MetadataSet(owner=step, values=(("m", "{}"), ("mm", "1")), at=at(1), facts=below)], fence=fence)
        assert ask(record, "run", ("metadata:m.x", "eq", 1)) == [run.seq]

        record.commit([noted(run.seq, m=5)], fence=fence)
        record.commit([MetadataSet(owner=step, values=(("m", "{}"),), at=at(2), facts=(("m.x", 7),))], fence=fence)
        record.commit([noted(run.seq, 0, m=7)], fence=fence)

        assert ask(record, "run", ("metadata:m", "eq", 5)) == ask(record, "run", ("metadata:mm", "eq", 1)) == [run.seq]
        assert ask(record, "run", ("metadata:m", "eq", 7)) == ask(record, "run", ("metadata:m.x", "null", False)) == []
        assert [entry.value for entry in record.metadata(step)] == ["7", "1"]
