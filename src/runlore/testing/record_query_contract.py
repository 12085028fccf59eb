"""The part of the record's contract about queries: what conditions mean, and how pages follow each other."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import pytest

from runlore.errors import NotFound, QueryInvalid
from runlore.model.artifact import SaveType
from runlore.model.change import (
    MetadataSet,
    RunFinished,
    VersionSaved,
)
from runlore.model.digest import digest_of
from runlore.model.metadata import Owner, OwnerKind
from runlore.model.query import FIELDS, SEVERAL, Condition, Operator, Query
from runlore.model.status import Status
from runlore.record.port import Record
from runlore.testing.record_stories import START, ask, at, begun, blob, done, new_run, new_version, walk


class RecordQueryContract:
    """What every record answers. Give a ``record`` fixture: an empty store."""

    def test_pages_walk_everything_once_in_order(self, record: Record) -> None:
        """Page after page, each run appears once, whatever the order and however new runs arrive meanwhile."""
        seqs = [done(record, created=at(number % 3)).seq for number in range(7)]

        for order, descending in ((None, True), (None, False), ("created", True), ("duration", False), ("name", True)):
            found: list[int] = []
            cursor = None
            while True:
                page = record.select(Query(noun="run", order=order, descending=descending, after=cursor, limit=3))
                found += [run.seq for run in page.items]
                cursor = page.cursor
                if cursor is None:
                    break
            assert sorted(found) == seqs
            if order is None:
                assert found == (seqs[::-1] if descending else seqs)
            if order == "created":
                created = [record.run(seq).created for seq in found]
                assert created == sorted(created, reverse=True)

    def test_a_full_last_page_has_no_cursor(self, record: Record) -> None:
        """A page that holds the last answers says so, even when it is full."""
        for _ in range(4):
            done(record)

        assert record.select(Query(noun="run", limit=4)).cursor is None
        assert record.select(Query(noun="run", limit=3)).cursor is not None

    def test_missing_values_come_last(self, record: Record) -> None:
        """A run without an end comes last in either order, and first in the list that is walked backwards."""
        running = [begun(record)[0].seq for _ in range(2)]
        ended = [done(record).seq, done(record).seq]

        for limit in (1, 2, 3, 9):
            assert walk(record, "run", order="ended", descending=False, limit=limit) == [*ended, *running]
            assert walk(record, "run", order="ended", limit=limit) == [*ended[::-1], *running[::-1]]
            backwards = walk(record, "run", order="ended", descending=True, missing_first=True, limit=limit)
            assert backwards == [*running[::-1], *ended[::-1]]

    @pytest.mark.parametrize(
        ("field", "operator", "operand", "expected"),
        [
            ("pipeline", "eq", "a", "12"),
            ("pipeline", "ne", "a", "34"),
            ("pipeline", "in", ("a", "c"), "124"),
            ("pipeline", "not_in", ("a",), "34"),
            ("pipeline", "in", (), ""),
            ("number", "gt", 1, "2"),
            ("seq", "le", 2, "12"),
            ("status", "eq", "failed", "2"),
            ("status", "in", (Status.RUNNING, Status.FAILED), "24"),
            ("created", "ge", START + timedelta(seconds=3), "34"),
            ("created", "lt", START + timedelta(seconds=3), "12"),
            ("ended", "null", True, "4"),
            ("ended", "null", False, "123"),
            ("duration", "gt", 8, "123"),
            ("duration", "ne", 8.5, "4"),
            ("user", "eq", "ada", "1"),
            ("user", "ne", "ada", "234"),
            ("user", "not_in", ("ada",), "2"),
            ("user", "contains", "d", "1"),
            ("user", "not_contains", "d", "2"),
            ("user", "startswith", "a", "1"),
            ("user", "endswith", "b", "2"),
            ("user", "endswith", "", "12"),
            ("user", "startswith", "%", ""),
            ("tag", "eq", "x", "12"),
            ("tag", "ne", "x", "34"),
            ("tag", "in", ("y", "z"), "23"),
            ("tag", "not_in", ("y",), "14"),
            ("tag", "startswith", "x", "12"),
            ("tag", "not_contains", "x", "34"),
            ("tag", "null", True, "4"),
            ("parameter:lr", "eq", 0.5, "1"),
            ("parameter:lr", "gt", 0.1, "12"),
            ("parameter:lr", "ge", -1, "12"),
            ("parameter:lr", "le", 0.5, "1"),
            ("parameter:lr", "ne", 0.5, "234"),
            ("parameter:lr", "in", (0.5, "big"), "13"),
            ("parameter:lr", "not_in", (0.5,), "23"),
            ("parameter:lr", "null", True, "4"),
            ("parameter:lr", "eq", "big", "3"),
            ("parameter:lr", "contains", "i", "3"),
            ("parameter:lr", "not_contains", "x", "123"),
            ("parameter:lr", "gt", float("nan"), ""),
            ("parameter:lr", "eq", 2**63, ""),
            ("parameter:flag", "eq", True, "1"),
            ("parameter:nan", "null", False, "2"),
            ("parameter:nan", "gt", 0, ""),
            ("parameter:huge", "gt", 2**62, "3"),
        ],
    )
    def test_conditions_mean_the_same_everywhere(
        self, record: Record, field: str, operator: str, operand: object, expected: str
    ) -> None:
        """Every operator on every kind of field finds exactly the runs it should, and the count agrees."""
        runs = _four_runs(record)

        found = ask(record, "run", (field, operator, operand), descending=False)

        assert "".join(str(runs.index(seq) + 1) for seq in found) == expected
        query = Query(noun="run", conditions=(Condition(field, Operator(operator), operand),), limit=1)
        assert record.count(query) == len(expected)

    def test_several_conditions_hold_together_or_any(self, record: Record) -> None:
        """All conditions must hold, or with ``any`` one of them."""
        runs = _four_runs(record)
        conditions = (("pipeline", "eq", "a"), ("tag", "eq", "x"), ("parameter:lr", "gt", 0.6))

        assert ask(record, "run", *conditions) == [runs[1]]
        assert ask(record, "run", *conditions[::-1]) == [runs[1]]
        assert ask(record, "run", ("tag", "eq", "y"), ("user", "eq", "ada"), any=True) == [runs[2], runs[1], runs[0]]
        assert ask(record, "run", ("tag", "eq", "x"), ("tag", "eq", "y")) == [runs[1]]

    @pytest.mark.parametrize("field", ["name", "status", "tag", "parameter:lr", "metadata:loss"])
    @pytest.mark.parametrize("other", [("parameter:lr", "eq", 0.1), ("metadata:loss", "gt", 0), ("tag", "eq", "x")])
    def test_one_of_no_values_has_no_answer(self, record: Record, field: str, other: tuple[str, str, object]) -> None:
        """A field is never one of no values, whatever else is asked; it is always none of them."""
        run = done(record, tags=("x",), facts=(("lr", 0.1),))
        owner = Owner(kind=OwnerKind.RUN, seq=run.seq)
        record.commit([MetadataSet(owner=owner, values=(("loss", "1"),), at=at(2), facts=(("loss", 1),))])

        assert ask(record, "run", (field, "in", ()), other) == []
        assert ask(record, "run", ("id", "startswith", "no id"), other) == []
        assert ask(record, "run", (field, "not_in", ()), other) == [run.seq]

    def test_conditions_and_pages_go_together(self, record: Record) -> None:
        """A filtered list is walked page by page in the order of creation, both ways."""
        seqs = [done(record, tags=("t",), facts=(("lr", number),)).seq for number in range(5)]
        conditions = (Condition("tag", Operator.EQ, "t"), Condition("parameter:lr", Operator.GE, 1))

        for chosen in (conditions, conditions[:1], conditions[1:]):
            first = record.select(Query(noun="run", conditions=chosen, limit=2))
            second = record.select(Query(noun="run", conditions=chosen, limit=2, after=first.cursor))
            assert [run.seq for run in (*first.items, *second.items)] == seqs[:0:-1]
            up = record.select(Query(noun="run", conditions=chosen, limit=2, descending=False))
            onward = record.select(Query(noun="run", conditions=chosen, limit=9, descending=False, after=up.cursor))
            start = 0 if chosen == conditions[:1] else 1
            assert [run.seq for run in (*up.items, *onward.items)] == seqs[start:]

    def test_versions_of_one_artifact_are_walked_in_pages(self, record: Record) -> None:
        """Labelled and automatic versions of an artifact come newest first, page by page."""
        labels = [None, "x", None, "9", None, "y"]
        receipt = record.commit([VersionSaved(version=new_version(version=label)) for label in labels])
        seqs = sorted(seq for seq, _ in receipt.versions.values())
        conditions = (Condition("artifact", Operator.EQ, "model"),)

        found, cursor = [], None
        while True:
            page = record.select(Query(noun="version", conditions=conditions, limit=2, after=cursor))
            found += [version.seq for version in page.items]
            cursor = page.cursor
            if cursor is None:
                break

        assert found == seqs[::-1]

    def test_versions_are_found_by_what_they_are(self, record: Record) -> None:
        """Versions can be asked for by type, materializer, digest, size, producer and state."""
        run = done(record, new_version("model", b"abc"))
        record.commit([VersionSaved(version=new_version("array", content=blob(b"12345"), save_type=SaveType.MANUAL))])

        for condition, expected in (
            (("type", "eq", "numpy.ndarray"), [2]),
            (("type", "contains", "str"), [1]),
            (("materializer", "eq", "json"), [1]),
            (("artifact_type", "eq", "DataArtifact"), [2, 1]),
            (("digest", "eq", digest_of(b"abc")), [1]),
            (("size", "gt", 4), [2]),
            (("run", "eq", run.seq), [1]),
            (("run", "null", True), [2]),
            (("save_type", "eq", "manual"), [2]),
            (("deleted", "eq", False), [2, 1]),
            (("artifact", "startswith", "arr"), [2]),
        ):
            assert ask(record, "version", condition) == expected, condition

    def test_ids_are_found_by_prefix(self, record: Record) -> None:
        """The first characters of an id, with or without dashes, find the run; nonsense finds nothing."""
        run = done(record, id=UUID("0123abcd-0000-4000-8000-000000000001"))
        done(record, id=UUID("f123abcd-0000-4000-8000-000000000001"))

        for prefix in ("0", "0123ABcd", "0123abcd-0000-4", run.id.hex, str(run.id)):
            assert ask(record, "run", ("id", "startswith", prefix)) == [run.seq]
        for prefix in ("0124", "xyz", run.id.hex + "0"):
            assert ask(record, "run", ("id", "startswith", prefix)) == []
        assert ask(record, "run", ("id", "eq", run.id)) == ask(record, "run", ("id", "eq", str(run.id))) == [run.seq]

    @pytest.mark.parametrize("noun", sorted(FIELDS))
    def test_every_field_can_be_asked_and_sorted_by(self, record: Record, noun: str) -> None:
        """Each field of the allow-list answers a null test, and every one but tags sorts."""
        done(record, new_version())

        for field in FIELDS[noun]:
            assert len(ask(record, noun, (field, "null", True), (field, "null", False), any=True)) == 1
            if field not in SEVERAL:
                assert len(ask(record, noun, order=field)) == 1

    @pytest.mark.parametrize(
        "query",
        [
            Query(noun="runs"),
            Query(noun="run", conditions=(Condition("nmae", Operator.EQ, "x"),)),
            Query(noun="run", conditions=(Condition("seq) or (1", Operator.EQ, 1),)),
            Query(noun="artifact", conditions=(Condition("metadata:x", Operator.EQ, 1),)),
            Query(noun="run", conditions=(Condition("seq", Operator.EQ, "one"),)),
            Query(noun="run", conditions=(Condition("seq", Operator.CONTAINS, "1"),)),
            Query(noun="run", conditions=(Condition("status", Operator.EQ, "done"),)),
            Query(noun="run", conditions=(Condition("created", Operator.GT, datetime(2030, 1, 1)),)),
            Query(noun="run", conditions=(Condition("id", Operator.EQ, "abc"),)),
            Query(noun="run", conditions=(Condition("name", Operator.IN, "abc"),)),
            Query(noun="run", conditions=(Condition("name", Operator.NULL, "yes"),)),
            Query(noun="run", order="tag"),
            Query(noun="run", order="name; drop table run"),
            Query(noun="run", limit=0),
            Query(noun="run", after="nonsense"),
            Query(noun="run", after="[]"),
        ],
    )
    def test_a_question_that_makes_no_sense_is_refused(self, record: Record, query: Query) -> None:
        """Unknown nouns, fields and orders, and operands of another kind, raise `QueryInvalid`."""
        with pytest.raises(QueryInvalid):
            record.select(query)

    def test_odd_text_is_searched_as_it_is(self, record: Record) -> None:
        """Quotes, wildcards, lone surrogates and NUL in operands are data."""
        odd = ["'; drop table run; --", "100%_", "\ud800", "a\0b", "ünï"]
        seqs = [done(record, facts=(("text", text),), tags=(f"tag {n}'",)).seq for n, text in enumerate(odd)]

        for text, seq in zip(odd, seqs, strict=True):
            assert ask(record, "run", ("parameter:text", "eq", text)) == [seq]
        assert ask(record, "run", ("tag", "eq", "tag 1'")) == [seqs[1]]

    def test_parts_of_texts_are_found_beyond_a_nul(self, record: Record) -> None:
        """A beginning or an end may hold NUL, and is compared whole."""
        seq = done(record, facts=(("text", "a\0b"),), user="a\0b").seq
        done(record, facts=(("text", "a\0cb"),), user="a\0cb")

        for field in ("parameter:text", "user"):
            for operator, part in (("startswith", "a\0b"), ("endswith", "\0b"), ("endswith", "a\0b")):
                assert ask(record, "run", (field, operator, part)) == [seq]

    def test_digests_are_searched_as_they_are_written(self, record: Record) -> None:
        """A digest is found by its beginning, its end, a part of it, and by what it comes after."""
        new = [new_version(data=b"%d" % number) for number in range(3)]
        record.commit([VersionSaved(version=version) for version in new])
        seqs = {one.content.digest: one.seq for one in record.select(Query(noun="version")).items}
        first, *_, last = sorted(seqs)

        assert ask(record, "version", ("digest", "startswith", first[:12])) == [seqs[first]]
        assert ask(record, "version", ("digest", "endswith", last[-8:])) == [seqs[last]]
        assert ask(record, "version", ("digest", "contains", "256:")) == sorted(seqs.values(), reverse=True)
        assert ask(record, "version", ("digest", "not_contains", "256:")) == []
        assert ask(record, "version", ("digest", "le", first)) == [seqs[first]]
        assert ask(record, "version", ("digest", "in", (first, last)), order="digest") == [seqs[last], seqs[first]]

    def test_users_and_hosts_may_be_no_utf_8(self, record: Record) -> None:
        """What an operating system calls a user comes back, and finds the run, although UTF-8 cannot say it."""
        run = done(record, user="j\udcf6rg", host="b\udcfcro")

        assert (record.run(run.seq).user, record.run(run.seq).host) == ("j\udcf6rg", "b\udcfcro")
        assert ask(record, "run", ("user", "eq", "j\udcf6rg"), ("host", "endswith", "ro")) == [run.seq]

    def test_what_is_no_number_equals_nothing(self, record: Record) -> None:
        """A value, or none, is not NaN, whichever way it is asked; and no value is within a range to it."""
        ended, running = done(record).seq, begun(record)[0].seq
        nan = float("nan")

        assert ask(record, "run", ("duration", "ne", nan)) == [running, ended]
        assert ask(record, "run", ("duration", "not_in", (nan,))) == [ended]
        assert ask(record, "run", ("duration", "not_in", (nan, 8.5))) == []
        assert ask(record, "run", ("duration", "in", (nan, 8.5))) == [ended]
        for operator in ("eq", "lt", "le", "gt", "ge"):
            assert ask(record, "run", ("duration", operator, nan)) == []

    def test_typed_json_comes_back_as_it_went_in(self, record: Record) -> None:
        """Big integers, NaN, NUL and lone surrogates in typed JSON survive."""
        text = '{"big":' + "9" * 400 + ',"nan":NaN,"odd":"\ud800\0é"}'
        run = record.begin_run(new_run(parameters=text, config=text, trigger=text))[0]

        assert (record.run(run.seq).parameters, record.run(run.seq).config, run.trigger) == (text, text, text)

    def test_missing_things_are_not_found(self, record: Record) -> None:
        """Asking for one thing that is not there raises `NotFound`; asking for several gives none."""
        for ask_one in (record.run, record.version, record.items):
            with pytest.raises(NotFound):
                ask_one(404)
        assert record.steps(404) == () and record.edges(404) == () and record.consumers(404) == ()


def _four_runs(record: Record) -> list[int]:
    """Two completed or failed runs of ``a``, a completed one of ``b``, a running one of ``c``."""
    one = done(record, pipeline="a", user="ada", tags=("x",), facts=(("lr", 0.5), ("flag", True)), created=at(1)).seq
    facts = (("lr", 1), ("nan", float("nan")))
    two, fence = begun(record, pipeline="a", user="bob", tags=("x", "y"), facts=facts, created=at(2))
    record.commit([RunFinished(status=Status.FAILED, ended=at(9), duration=8.5)], fence=fence)
    three = done(record, pipeline="b", tags=("z", "y"), facts=(("lr", "big"), ("huge", 10**30)), created=at(3)).seq
    four = begun(record, pipeline="c", created=at(4))[0].seq
    return [one, two.seq, three, four]
