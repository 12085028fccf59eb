"""A filter finds what a plain function over dictionaries would, in any order; nonsense is an error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runlore.errors import QueryInvalid
from runlore.model.change import MetadataSet, RunFinished
from runlore.model.metadata import Owner, OwnerKind
from runlore.model.noun import changed
from runlore.model.query import Query
from runlore.model.status import Status
from runlore.recall.search.filters import query_from
from runlore.record.memory import MemoryRecord
from runlore.record.port import Record
from runlore.record.sql import lists
from runlore.record.sql.sqlite import SQLiteRecord
from runlore.testing.record_stories import START, at, new_run

Row = dict[str, Any]
Test = Callable[[Row], bool]
RUNS = 60


def fill(record: Record) -> list[Row]:
    """Put runs into a record; return what is known of each, as a plain dictionary."""
    random = Random(11)
    rows = []
    for number in range(RUNS):
        row: Row = {
            "user": random.choice([None, "ada", "bob"]),
            "tags": {tag for tag in ("x", "y", "z") if random.random() < 0.5},
            "created": number,
            "duration": random.choice([None, 1.5, 90.0, 600.0]),
            "parameters.lr": random.choice([None, 0, 0.1, 1, "big", True]),
            "metadata.eval.acc": random.choice([None, number / RUNS, "none yet"]),
        }
        facts = () if row["parameters.lr"] is None else (("lr", row["parameters.lr"]),)
        new = new_run(
            random.choice("ab"),
            id=UUID(int=random.getrandbits(128)),
            name=f"run-{number}",
            created=at(number),
            user=row["user"],
            tags=tuple(sorted(row["tags"])),
            facts=facts,
        )
        run, fence = record.begin_run(new)
        row |= {"seq": run.seq, "pipeline": new.pipeline, "status": "running"}
        if row["metadata.eval.acc"] is not None:
            fact = ("eval.acc", row["metadata.eval.acc"])
            owner = Owner(kind=OwnerKind.RUN, seq=run.seq)
            record.commit([MetadataSet(owner=owner, values=(("eval", "{}"),), at=at(1), facts=(fact,))], fence=fence)
        if row["duration"] is not None:
            row["status"] = random.choice(["completed", "failed"])
            end = RunFinished(status=Status(row["status"]), ended=at(999), duration=row["duration"])
            record.commit([end], fence=fence)
        rows.append(row)
    return rows


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[list[Record], list[Row]]]:
    """Both records with the same history, and that history as dictionaries."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lists, "ENOUGH", 5)
        patch.setattr(lists, "SORTED", 5)
        folder: Path = tmp_path_factory.mktemp("search")
        file = SQLiteRecord(folder / "record.sqlite", durability="relaxed", clock=lambda: START)
        memory = MemoryRecord(clock=lambda: START)
        with file.batch():
            rows = fill(file)
        fill(memory)
        yield [file, memory], rows
        file.close()


def number(value: Any) -> Any:
    return value if isinstance(value, (int, float)) else None


SIGNS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: a == b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def compare(field: str, sign: str, shown: str, value: Any) -> tuple[str, Test]:
    """A comparison as text, and what it means."""

    def test(row: Row) -> bool:
        have = row[field]
        if isinstance(have, str) is not isinstance(value, str) or have is None:
            return False
        return SIGNS[sign](have, value)

    if sign == "!=":
        same = compare(field, "=", shown, value)[1]
        return f"{field} != {shown}", lambda row: not same(row)
    return f"{field} {sign} {shown}", test


def leaf() -> st.SearchStrategy[tuple[str, Test]]:
    """One comparison of any kind."""
    signs = st.sampled_from([*SIGNS, "!="])
    numbers = st.sampled_from([("0", 0), ("0.1", 0.1), ("1", 1), ("0.5", 0.5), ("'big'", "big"), ("big", "big")])
    keyed = st.sampled_from(["parameters.lr", "metadata.eval.acc"])
    spans = st.sampled_from([("1.5", 1.5), ("90s", 90.0), ("10m", 600.0), ("1m31s", 91.0)])
    times = st.integers(-1, RUNS).map(lambda n: ((START + timedelta(seconds=n)).isoformat(), n))
    several = st.lists(st.sampled_from("xyzw"), min_size=1, max_size=3)
    return st.one_of(
        st.builds(lambda f, s, v: compare(f, s, *v), keyed, signs, numbers),
        st.builds(lambda s, v: compare("duration", s, *v), signs, spans),
        st.builds(lambda s, v: compare("created", s, *v), signs, times),
        st.builds(
            lambda s, v: compare(s, "=", v, v), st.sampled_from(["user", "pipeline"]), st.sampled_from(["ada", "b"])
        ),
        st.builds(
            lambda v: (f"status in ({', '.join(v)})", lambda row: row["status"] in v),
            st.lists(st.sampled_from(["running", "failed", "completed"]), min_size=1, max_size=3),
        ),
        st.builds(
            lambda f: (f"{f} is null", lambda row: row[f] is None),
            st.sampled_from(["user", "duration", "parameters.lr", "metadata.eval.acc"]),
        ),
        st.builds(lambda v: (f"tags all of ({','.join(v)})", lambda row: set(v) <= row["tags"]), several),
        st.builds(lambda v: (f"tags any of [{','.join(v)}]", lambda row: bool(set(v) & row["tags"])), several),
        st.builds(lambda v: (f"tags none ({','.join(v)})", lambda row: not set(v) & row["tags"]), several),
        st.builds(
            lambda v: (f"user not contains {v}", lambda row: row["user"] is None or v not in row["user"]),
            st.sampled_from("ab"),
        ),
    )


def together(inner: st.SearchStrategy[tuple[str, Test]]) -> st.SearchStrategy[tuple[str, Test]]:
    """Filters put together."""

    def joined(word: str, parts: list[tuple[str, Test]]) -> tuple[str, Test]:
        meets = any if word == "or" else all
        return "(" + f" {word} ".join(p[0] for p in parts) + ")", lambda row: meets(p[1](row) for p in parts)

    return st.one_of(
        st.builds(joined, st.sampled_from(["and", "or"]), st.lists(inner, min_size=2, max_size=3)),
        inner.map(lambda part: (f"not {part[0]}", lambda row: not part[1](row))),
    )


FILTERS = st.recursive(leaf(), together, max_leaves=7)
ORDERS = ["duration", "parameters.lr", "metadata.eval.acc", "user", "created"]


def sorted_rows(rows: list[Row], field: str | None, descending: bool) -> list[int]:
    """Sequences in the order that the words describe: numbers, texts, then nothing; ties by sequence."""
    if field is None:
        return sorted((row["seq"] for row in rows), reverse=True)
    there = [row for row in rows if row[field] is not None]
    there.sort(key=lambda row: (isinstance(row[field], str), row[field], row["seq"]), reverse=descending)
    nothing = [row["seq"] for row in rows if row[field] is None]
    return [row["seq"] for row in there] + sorted(nothing, reverse=descending)


def walked(record: Record, query: Query) -> list[int]:
    """Every page, joined."""
    found: list[int] = []
    while True:
        page = record.select(query)
        found += [run.seq for run in page.items]
        if page.cursor is None:
            return found
        query = changed(query, after=page.cursor)


@settings(max_examples=50, deadline=None)
@given(question=FILTERS, order=st.none() | st.sampled_from(ORDERS), descending=st.booleans(), limit=st.integers(1, 70))
def test_a_filter_finds_what_it_says(
    known: tuple[list[Record], list[Row]],
    question: tuple[str, Test],
    order: str | None,
    descending: bool,
    limit: int,
) -> None:
    """Every text finds the runs that its meaning finds in dictionaries, in order, on every record and page size."""
    records, rows = known
    text, test = question
    sort_by = order and f"{'desc' if descending else 'asc'}:{order}"
    query = changed(query_from("run", {"where": text}, sort_by=sort_by), limit=limit)
    expected = sorted_rows([row for row in rows if test(row)], order, descending)

    for record in records:
        assert walked(record, query) == expected, text
        assert record.count(query) == len(expected)


FRAGMENTS = [
    *("status", "=", "completed", "and", "or", "not", "(", ")", "in", "(a, b)", "is null", "tags", "all of", "[x]"),
    *("metrics.loss", "< 0.3", "parameters.lr", "created", "> -7d", "duration", ">= 5m", "''", '"', "'", "\\", "null"),
    *("; drop table run", "--", "/*", "' or 1=1", "%", "_", "\0", "\ud800", "\u202e", "é", "💥", "\n", "\t", "ſ"),
    *("9" * 400, "-9" * 50 + "d", "1e999", "nan", "-inf", "0x10", "١", "metadata.", "..", "metadata.a.b.c", "steps.x"),
    *("((((", "not not", "=", "!=", "<>", ",", "[]", "{}", "${x}", "{0}", "%s", "created = 0001-01-01T00:00+23:59"),
    *("created < 9999-12-31", "created = 9999-12-31", "id = x", "id startswith f", "number = 1_0", "run.name", "size"),
]


def hostile(count: int) -> Iterator[str]:
    """The same strange filters every time; every other one is a comparison with a strange value."""
    random = Random(20)
    for number in range(count):
        pieces = random.choices(FRAGMENTS, k=random.randrange(1, 9))
        text = random.choice(["", " ", " "]).join(pieces)
        if number % 2:
            field = random.choice(["user", "metadata.x", "parameters.lr", "tags", "created", "number", "name", "id"])
            shown = random.choice([text, pieces[0], f"'{pieces[0]}'", f"({', '.join(pieces)})"])
            text = f"{field} {random.choice(['=', '!=', '<', 'in', 'not in', 'contains', 'any of'])} {shown}"
        yield text


def answered(records: list[Record], text: Any, sort_by: Any = None) -> list[int] | None:
    """What all records answer alike; ``None`` for an error that says so."""
    try:
        query = query_from("run", text if isinstance(text, dict) else {"where": text}, sort_by=sort_by)
        answers = [walked(record, changed(query, limit=50)) for record in records]
    except QueryInvalid as error:
        assert str(error).strip() and len(str(error)) < 3_000
        return None
    assert all(answer == answers[0] for answer in answers), text
    return answers[0]


def test_strange_filters_are_answered_or_refused(known: tuple[list[Record], list[Row]]) -> None:
    """A thousand strings made to break a parser or a statement are refused with a message, or answered alike."""
    records, rows = known
    outcomes = [answered(records, text) for text in hostile(1_000)]

    assert 50 < sum(outcome is not None for outcome in outcomes) < 500
    assert all(record.count(Query(noun="run")) == len(rows) for record in records)


def test_strange_keywords_and_orders_are_answered_or_refused(known: tuple[list[Record], list[Row]]) -> None:
    """Strange fields, values and orders as keywords are refused with a message, or answered alike."""
    records, rows = known
    random = Random(21)
    fields = ["status", "created", "duration", "tags", "no_tags", "parameters", "parameters.lr", "user", "id", "number"]
    values: list[Any] = [None, True, -1, 0.5, float("nan"), 10**30, [], {}, (), b"x", object(), [None, 1], {"a": None}]
    outcomes = []
    for text in hostile(500):
        name = random.choice([*fields, text])
        value = random.choice([text, f">{text}", f"oneof:{text}", [text, text], {text: text}, random.choice(values)])
        sort_by = random.choice([None, None, text, f"desc:{text}", "desc:metrics.a"])
        outcomes.append(answered(records, {name: value}, sort_by))

    assert 20 < sum(outcome is not None for outcome in outcomes) < 400
    assert all(record.count(Query(noun="run")) == len(rows) for record in records)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60) | st.lists(st.sampled_from(FRAGMENTS), max_size=8).map(" ".join))
def test_any_text_is_answered_or_refused(known: tuple[list[Record], list[Row]], text: str) -> None:
    """Whatever is written as a filter, there is an answer or an error of the right kind."""
    answered(known[0], text)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 5_000 + "number = 1" + ")" * 5_000,
        "not " * 2_000 + "number = 1",
        " or ".join(["number = 1"] * 900),
        "number in (" + ",".join("1" * 1 for _ in range(4_900)) + ")",
        "name = '" + "x" * 9_000 + "'",
        "x" * 20_000,
        "'" * 9_999,
        "a." * 4_999,
    ],
    ids=["brackets", "nots", "alternatives", "values", "text", "length", "quotes", "dots"],
)
def test_large_filters_are_answered_or_refused(known: tuple[list[Record], list[Row]], text: str) -> None:
    """Depth, number and length have bounds, with a message; what is within them is answered."""
    answered(known[0], text)
