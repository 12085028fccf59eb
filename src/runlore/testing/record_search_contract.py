"""The part of the record's contract about questions put together, and about lists sorted by values under a key."""

from __future__ import annotations

import pytest

from runlore.errors import QueryInvalid
from runlore.model.change import MetadataSet, MetricsLogged, VersionSaved
from runlore.model.metadata import Owner, OwnerKind
from runlore.model.metric import Points
from runlore.model.query import AllOf, AnyOf, Condition, Filter, Not, Operator, Query, about
from runlore.record.port import Record
from runlore.testing.record_stories import ask, at, begun, done, new_step, new_version, walk


def is_(field: str, operand: object, operator: str = "eq") -> Condition:
    """A comparison."""
    return Condition(field, Operator(operator), operand)


class RecordSearchContract:
    """What every record answers to questions put together. Give a ``record`` fixture: an empty store."""

    def test_and_or_not_put_questions_together(self, record: Record) -> None:
        """Conditions nest in any way; the opposite of a question finds exactly what the question does not."""
        a = done(record, pipeline="a", tags=("x", "y"), facts=(("lr", 0.1),)).seq
        b = done(record, pipeline="a", tags=("y",), facts=(("lr", 0.2),), user="bob").seq
        c = done(record, pipeline="b", facts=(("lr", "big"),), user="ada").seq
        d, _ = begun(record, pipeline="b")

        x, y, low = is_("tag", "x"), is_("tag", "y"), is_("parameter:lr", 0.15, "lt")
        for question, expected in (
            (AllOf((x, y)), [a]),
            (AnyOf((x, is_("pipeline", "b"))), [a, c, d.seq]),
            (AnyOf((AllOf((y, Not(low))), is_("user", "ada"))), [b, c]),
            (Not(AnyOf((x, y))), [c, d.seq]),
            (Not(is_("user", "bob")), [a, c, d.seq]),
            (Not(is_("duration", 0, "ge")), [d.seq]),
            (Not(Not(x)), [a]),
            (Not(low), [b, c, d.seq]),
            (AnyOf((low, is_("ended", True, "null"))), [a, d.seq]),
            (AllOf(()), [a, b, c, d.seq]),
            (AnyOf(()), []),
            (Not(AnyOf(())), [a, b, c, d.seq]),
            (AnyOf((AnyOf(()), x, is_("tag", (), "in"))), [a]),
            (AnyOf((is_("parameter:lr", float("nan"), "gt"), x)), [a]),
        ):
            assert ask(record, "run", question, descending=False) == expected, question
            assert record.count(Query(noun="run", conditions=(question,))) == len(expected), question

    def test_alternatives_are_walked_in_order_without_repeating(self, record: Record) -> None:
        """What meets several alternatives comes once, in the order asked for, page after page, both ways."""
        seqs = [
            done(record, tags=tuple(t for n, t in ((2, "x"), (3, "y")) if number % n == 0), facts=(("n", number),)).seq
            for number in range(12)
        ]
        question = AnyOf((is_("tag", "x"), is_("tag", "y"), is_("parameter:n", 9, "ge")))
        expected = [seq for n, seq in enumerate(seqs) if n % 2 == 0 or n % 3 == 0 or n >= 9]

        for limit in (1, 2, 5, 50):
            assert walk(record, "run", question, limit=limit, descending=False) == expected
            assert walk(record, "run", question, limit=limit) == expected[::-1]
            assert walk(record, "run", question, limit=limit, order="parameter:n") == expected[::-1]
            assert walk(record, "run", question, limit=limit, order="number", descending=False) == expected
            assert walk(record, "run", question, is_("parameter:n", 5, "gt"), limit=limit) == [
                seq for seq in expected[::-1] if seq > seqs[5]
            ]
        assert record.count(Query(noun="run", conditions=(question,))) == len(expected)

    def test_ranges_within_one_part_are_met_by_one_value(self, record: Record) -> None:
        """Two bounds in one conjunction, however nested, mean a value between; in alternatives each stands alone."""
        run, fence = begun(record, new_step(0, "a"), new_step(1, "b"))
        record.commit([_noted(run.seq, step, score) for step, score in enumerate((1, 9))], fence=fence)
        low, high = is_("metadata:score", 2, "gt"), is_("metadata:score", 8, "lt")

        assert ask(record, "run", AllOf((low, AllOf((high,))))) == []
        assert ask(record, "run", Not(AllOf((low, high)))) == [run.seq]
        assert ask(record, "run", AnyOf((low, high))) == [run.seq]
        assert ask(record, "run", AllOf((AnyOf((low,)), high))) == []

    def test_lists_are_sorted_by_values_under_a_key(self, record: Record) -> None:
        """Numbers come before texts, and what has no value comes last in either direction, ties by sequence."""
        values = [0.5, None, "b", 2, float("nan"), "a", -1, 2, True, 10**30]
        seqs = [done(record, facts=() if value is None else (("v", value),)).seq for value in values]
        at_ = dict(enumerate(seqs))
        up = [at_[n] for n in (6, 0, 8, 3, 7, 9, 5, 2)]
        nothing = [at_[1], at_[4]]

        for limit in (1, 3, 4, 50):
            sort = {"order": "parameter:v", "limit": limit}
            assert walk(record, "run", descending=False, **sort) == [*up, *nothing]
            assert walk(record, "run", **sort) == [*up[::-1], *nothing[::-1]]
            assert walk(record, "run", missing_first=True, **sort) == [*nothing[::-1], *up[::-1]]
            some = AnyOf((is_("parameter:v", 1, "ge"), is_("parameter:v", True, "null")))
            assert walk(record, "run", some, descending=False, **sort) == [at_[8], at_[3], at_[7], at_[9], at_[1]]

    def test_runs_are_sorted_by_when_they_began_whatever_the_clock_did(self, record: Record) -> None:
        """Runs that began at one time, and clocks that were set back, are sorted as the times say, page by page."""
        seconds = [5, 5, 1, 9, 9, 9, 0, 5, 12, 3]
        seqs = [done(record, created=at(second), tags=("odd",) if second % 2 else ()).seq for second in seconds]
        up = [seqs[n] for n in sorted(range(len(seconds)), key=lambda n: (seconds[n], n))]
        odd = [seq for seq in up if seconds[seqs.index(seq)] % 2]

        for limit in (1, 2, 4, 50):
            assert walk(record, "run", order="created", descending=False, limit=limit) == up
            assert walk(record, "run", order="created", limit=limit) == up[::-1]
            assert walk(record, "run", is_("tag", "odd"), order="created", limit=limit) == odd[::-1]
            either = AnyOf((is_("tag", "odd"), is_("created", at(0))))
            assert walk(record, "run", either, order="created", descending=False, limit=limit) == [up[0], *odd]

    def test_the_last_step_speaks_for_a_run_in_an_order(self, record: Record) -> None:
        """Of several steps that noted or measured something, the last in declared order counts; the run's own wins."""
        seqs = []
        for number, scores in enumerate(((1, 9), (5, 5), (8, 2))):
            run, fence = begun(record, new_step(0, "a"), new_step(1, "b"))
            record.commit([_noted(run.seq, step, score) for step, score in reversed([*enumerate(scores)])], fence=fence)
            points = Points(values=(float(number % 2),), progress=(None,), times=(1,))
            record.commit([MetricsLogged(step=0, part=0, series=(("loss", points),))], fence=fence)
            seqs.append(run.seq)

        assert walk(record, "run", order="metadata:score", descending=False) == [seqs[2], seqs[1], seqs[0]]
        assert walk(record, "run", order="metric:loss") == [seqs[1], seqs[2], seqs[0]]
        assert walk(record, "run", order="metric.count:loss") == seqs[::-1]
        own = Owner(kind=OwnerKind.RUN, seq=seqs[2])
        record.commit([MetadataSet(owner=own, values=(("score", "7"),), at=at(2), facts=(("score", 7),))])
        assert walk(record, "run", order="metadata:score", descending=False) == [seqs[1], seqs[2], seqs[0]]

    def test_one_step_is_asked_by_name(self, record: Record) -> None:
        """What the named step noted or measured counts, whatever other steps did, until the run has its own."""
        seqs = []
        for names in (("load", "train"), ("train", "load"), ("other", "last")):
            run, fence = begun(record, *(new_step(index, name) for index, name in enumerate(names)))
            record.commit([_noted(run.seq, step, score) for step, score in enumerate((1, 9))], fence=fence)
            points = Points(values=(0.5,), progress=(None,), times=(1,))
            record.commit([MetricsLogged(step=1, part=0, series=(("loss", points),))], fence=fence)
            seqs.append(run.seq)
        score, loss = about("step.metadata", "train", "score"), about("step.metric.min", "train", "loss")

        for condition, expected in (
            (is_(score, 9), [seqs[0]]),
            (is_(score, 0, "gt"), [seqs[1], seqs[0]]),
            (is_(score, 5, "lt"), [seqs[1]]),
            (is_(score, (1, 9), "in"), [seqs[1], seqs[0]]),
            (is_(score, 9, "ne"), [seqs[2], seqs[1]]),
            (is_(score, True, "null"), [seqs[2]]),
            (is_(loss, 1, "le"), [seqs[0]]),
            (AllOf((is_(score, 0, "gt"), is_(score, 5, "lt"))), [seqs[1]]),
        ):
            assert ask(record, "run", condition) == expected, condition
            assert record.count(Query(noun="run", conditions=(condition,))) == len(expected)
        assert walk(record, "run", order=score, limit=1) == [seqs[0], seqs[1], seqs[2]]
        own = Owner(kind=OwnerKind.RUN, seq=seqs[0])
        record.commit([MetadataSet(owner=own, values=(("score", "7"),), at=at(2), facts=(("score", 7),))])
        assert ask(record, "run", is_(score, 0, "gt")) == [seqs[1]]

    def test_what_a_run_made_is_asked_by_artifact(self, record: Record) -> None:
        """A run is found by what is known of a version of the artifact that it made, once, and not after it is gone."""

        def makes(name: str, *counts: int) -> int:
            return done(record, *(new_version(name, b"%d" % rows, facts=(("rows", rows),)) for rows in counts)).seq

        made = [makes("model", 1, 2), makes("data", 5), makes("model", 7)]
        record.commit([VersionSaved(version=new_version("model", b"hand", facts=(("rows", 9),)))])
        rows = about("artifact.metadata", "model", "rows")

        for condition, expected in (
            (is_(rows, 0, "gt"), [made[2], made[0]]),
            (is_(rows, 7), [made[2]]),
            (is_(rows, 9, "ge"), []),
            (is_(rows, True, "null"), [made[1]]),
            (is_(rows, 1, "ne"), [made[2], made[1]]),
            (AllOf((is_(rows, 1, "gt"), is_(rows, 5, "lt"))), [made[0]]),
            (AnyOf((is_(rows, 7), is_(about("artifact.metadata", "data", "rows"), 4, "gt"))), [made[2], made[1]]),
        ):
            assert walk(record, "run", condition, limit=1) == expected, condition
            assert record.count(Query(noun="run", conditions=(condition,))) == len(expected)
        record.delete_run(made[2])
        assert walk(record, "run", is_(rows, 0, "gt")) == [made[0]]
        assert record.count(Query(noun="run", conditions=(is_(rows, 0, "gt"),))) == 1

    @pytest.mark.parametrize(
        ("question", "said"),
        [
            (AnyOf((Condition("nmae", Operator.EQ, "x"),)), "Did you mean 'name'"),
            (Not(AllOf((Condition("seq", Operator.EQ, "x"),))), "'seq'"),
            (AnyOf(tuple(Condition("seq", Operator.EQ, n) for n in range(300))), "300 comparisons"),
            (Condition("seq", Operator.IN, tuple(range(6_000))), "6000 values"),
        ],
    )
    def test_what_makes_no_sense_within_is_refused(self, record: Record, question: Filter, said: str) -> None:
        """A wrong field or operand is told wherever it stands, and so is a question that is too large."""
        with pytest.raises(QueryInvalid, match=said):
            record.select(Query(noun="run", conditions=(question,)))
        with pytest.raises(QueryInvalid, match=said):
            record.count(Query(noun="run", conditions=(question,)))

    def test_a_question_nested_too_deeply_is_refused(self, record: Record) -> None:
        """Depth has a bound, and up to it every question is answered."""
        seq = done(record).seq
        question: Filter = Condition("seq", Operator.EQ, seq)
        for _ in range(12):
            question = Not(AllOf((AnyOf((Not(question), AnyOf(()))), AllOf(()))))
        assert ask(record, "run", question) == [seq]

        for _ in range(1_000):
            question = Not(question)
        with pytest.raises(QueryInvalid, match="nested"):
            record.select(Query(noun="run", conditions=(question,)))

    def test_an_order_by_an_unknown_key_is_that_of_creation(self, record: Record) -> None:
        """Where nobody has a value, everything comes in the order of creation; an unknown kind of key is refused."""
        seqs = [done(record).seq for _ in range(3)]

        assert walk(record, "run", order="metric:unknown", limit=2) == seqs[::-1]
        with pytest.raises(QueryInvalid, match="metric"):
            record.select(Query(noun="run", order="metrics:loss"))


def _noted(run: int, step: int, score: float) -> MetadataSet:
    return MetadataSet(
        owner=Owner(kind=OwnerKind.STEP, seq=run, step=step),
        values=(("score", str(score)),),
        at=at(1),
        facts=(("score", score),),
    )
