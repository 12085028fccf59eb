"""Any question gets the same answer from SQLite as from the dictionaries that define what it means."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from datetime import timedelta
from functools import cache
from pathlib import Path
from random import Random
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runlore.model.change import AliasMoved, MetadataSet, MetricsLogged, RunFinished, StepsPlanned, VersionSaved
from runlore.model.metadata import Owner, OwnerKind
from runlore.model.metric import Points
from runlore.model.noun import changed
from runlore.model.query import FIELDS, AllOf, AnyOf, Condition, Filter, Not, Operator, Query, about
from runlore.model.status import Status
from runlore.record.memory import MemoryRecord
from runlore.record.port import Record
from runlore.record.sql import lists, zones
from runlore.record.sql.sqlite import SQLiteRecord
from runlore.testing.record_stories import START, at, new_run, new_step, new_version

RUNS = 260
#: So few rows are already common, and so few runs already a block, that questions walk over many blocks.
ENOUGH, BLOCK = 20, 4


def fill(record: Record) -> None:
    """The same history, whatever the record."""
    random = Random(7)
    for number in range(RUNS):
        facts = (("lr", random.choice([0, 1, 1.5, "one", True])), ("common", number), ("rare", number % 97 or "x"))
        new = new_run(
            random.choice(["a", "a", "a", "b"]),
            id=UUID(int=random.getrandbits(128)),
            name=f"run-{number}",
            created=at(number % 50),
            user=random.choice([None, "ada", "bob"]),
            tags=tuple(tag for tag in ("x", "y", "z") if random.random() < 0.6),
            facts=facts,
        )
        run, fence = record.begin_run(new, also=[StepsPlanned(steps=(new_step(0, "a"), new_step(1, "b")))])
        record.commit(notes(random, run.seq, number), fence=fence)
        if random.random() < 0.9:
            status = random.choice([Status.COMPLETED, Status.FAILED])
            record.commit([RunFinished(status=status, ended=at(number), duration=number % 7 + 0.5)], fence=fence)
        version = new_version(
            random.choice(["m", "n"]),
            str(number % 40).encode(),
            version=f"label {number}" if random.random() < 0.2 else None,
            tags=("x",) if number % 3 else (),
            facts=(("loss", number / 10),),
        )
        seq, _ = record.commit([VersionSaved(version=version)]).versions[version.id]
        if number % 9 == 0:
            alias = random.choice(["x", "y", "one"])
            record.commit([AliasMoved(artifact=version.artifact, alias=alias, version=seq, at=at(number))])
        if number % 20 == 19 and record.run(run.seq).status.finished:
            record.delete_run(run.seq)


def notes(random: Random, run: int, number: int) -> list[MetadataSet | MetricsLogged]:
    """What the run and its two steps note and measure, some of it again, some of it at odds with each other."""
    made: list[MetadataSet | MetricsLogged] = []
    owners = [Owner(kind=OwnerKind.RUN, seq=run), *(Owner(kind=OwnerKind.STEP, seq=run, step=s) for s in (0, 1))]
    for turn in range(4):
        owner = random.choice(owners[1:] if random.random() < 0.7 else owners)
        value = random.choice([number, -number, number % 5, 0.5, "one", float("inf"), float("nan"), 2**70, True])
        key = random.choice(["m", "m.x", "m.x.y", "old"])
        if key == "old":
            value = 100 + number if number < 60 else 0
        made.append(MetadataSet(owner=owner, values=((key.split(".")[0], "{}"),), at=at(turn), facts=((key, value),)))
    for part in range(2):
        values = [random.choice([number / 10, -number, 7, float("nan"), float("-inf")]) for _ in range(2)]
        series: dict[str, list[float]] = {}
        for value in values:
            series.setdefault(random.choice(["loss", "a.b"]), []).append(value)
        stretches = tuple(
            (name, Points(values=measured, progress=[None] * len(measured), times=[part] * len(measured)))
            for name, measured in series.items()
        )
        made.append(MetricsLogged(step=random.choice([None, 0, 0, 1, 1]), part=part, series=stretches))
    return made


@pytest.fixture(scope="module", params=["alone", "in a batch"])
def records(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[tuple[Record, Record]]:
    """A record in SQLite, written verb by verb or in one batch, and one in memory with the same history."""
    folder: Path = tmp_path_factory.mktemp("records")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(zones, "SIZE", BLOCK)
        patch.setattr(lists, "ENOUGH", ENOUGH)
        patch.setattr(lists, "SORTED", ENOUGH)
        file = SQLiteRecord(folder / "record.sqlite", durability="relaxed", clock=lambda: START)
        memory = MemoryRecord(clock=lambda: START)
        with file.batch() if request.param == "in a batch" else nullcontext():
            fill(file)
        fill(memory)
        yield file, memory
        file.close()


ORDERED = (Operator.EQ, Operator.NE, Operator.LT, Operator.LE, Operator.GT, Operator.GE)
TEXTUAL = (Operator.CONTAINS, Operator.NOT_CONTAINS, Operator.STARTSWITH, Operator.ENDSWITH)
NUMBERS = st.one_of(st.integers(-2, RUNS + 2), st.floats(-2, 30), st.booleans(), st.sampled_from([2**70, float("nan")]))
TEXTS = st.sampled_from(["", "a", "b", "m", "x", "y", "one", "run-1", "ada", "label 1", "1", "7", "%"])

KEYS = {
    "run": [
        *("parameter:lr", "parameter:common", "parameter:rare", "parameter:none"),
        *("metadata:m", "metadata:m.x", "metadata:m.x.y", "metadata:old"),
        *("metric:loss", "metric.min:loss", "metric.max:a.b", "metric.count:loss"),
        *(about("step.metadata", "b", "m"), about("step.metric", "a", "loss")),
    ],
    "version": ["metadata:loss"],
}


@cache
def conditions(noun: str) -> st.SearchStrategy[Condition]:
    """A condition that makes sense for the noun."""
    keys = KEYS
    texts = {"run": ["name", "pipeline", "user", "tag"], "version": ["artifact", "version", "tag", "alias"]}[noun]
    numbers = {"run": ["seq", "number", "duration"], "version": ["seq", "size", "run"]}[noun]
    several = st.sampled_from([Operator.IN, Operator.NOT_IN])
    built = [
        st.builds(Condition, st.sampled_from(texts), st.sampled_from(ORDERED + TEXTUAL), TEXTS),
        st.builds(Condition, st.sampled_from(texts), several, st.lists(TEXTS, max_size=3).map(tuple)),
        st.builds(Condition, st.sampled_from(numbers), st.sampled_from(ORDERED), st.integers(-2, RUNS + 2)),
        st.builds(Condition, st.sampled_from(keys[noun]), st.sampled_from(ORDERED), st.one_of(NUMBERS, TEXTS)),
        st.builds(Condition, st.sampled_from(keys[noun]), st.sampled_from(TEXTUAL), TEXTS),
        st.builds(Condition, st.sampled_from(keys[noun]), several, st.lists(NUMBERS | TEXTS, max_size=3).map(tuple)),
        st.builds(Condition, st.sampled_from(keys[noun] + texts), st.just(Operator.NULL), st.booleans()),
    ]
    if noun == "run":
        times = st.integers(-1, 51).map(lambda seconds: START + timedelta(seconds=seconds))
        built.append(st.builds(Condition, st.just("status"), st.sampled_from(ORDERED), st.sampled_from(list(Status))))
        built.append(st.builds(Condition, st.sampled_from(["created", "ended"]), st.sampled_from(ORDERED), times))
        built.append(st.builds(Condition, st.just("created"), st.sampled_from(ORDERED[2:]), times))
    return st.one_of(built)


@cache
def filters(noun: str) -> st.SearchStrategy[Filter]:
    """A condition, or several put together in any way."""

    def compound(inner: st.SearchStrategy[Filter]) -> st.SearchStrategy[Filter]:
        parts = st.lists(inner, max_size=3).map(tuple)
        return st.one_of(
            st.builds(AllOf, parts), st.builds(AnyOf, parts), st.builds(AnyOf, parts), st.builds(Not, inner)
        )

    return st.one_of(conditions(noun), st.recursive(conditions(noun), compound, max_leaves=6))


@cache
def queries(noun: str) -> st.SearchStrategy[Query]:
    """A question with up to three parts, in any order, in pages of any size."""
    # Ids of versions are random, and so no order that two stores share.
    fields = [field for field in FIELDS[noun] if field not in ("tag", "alias", "id")]
    orders = [None, None, None, *fields, *KEYS[noun]]
    return st.builds(
        Query,
        noun=st.just(noun),
        conditions=st.lists(filters(noun), max_size=3).map(tuple),
        order=st.sampled_from(orders),
        descending=st.booleans(),
        missing_first=st.booleans(),
        limit=st.sampled_from([7, 50, 500]),
    )


@cache
def ranges(noun: str) -> st.SearchStrategy[Query]:
    """A question with one or two ranges over a value or time, which is what goes from block to block."""
    numbers = st.one_of(st.integers(-RUNS, RUNS + 2), st.floats(-10, 110))
    times = st.integers(-1, 51).map(lambda seconds: START + timedelta(seconds=seconds))
    fields = [*KEYS[noun], *(["created"] if noun == "run" else [])]
    one_field = st.sampled_from(fields).flatmap(
        lambda field: st.lists(
            st.builds(
                Condition, st.just(field), st.sampled_from(ORDERED[2:]), times if field == "created" else numbers
            ),
            min_size=1,
            max_size=2,
        )
    )
    return st.builds(
        Query,
        noun=st.just(noun),
        conditions=one_field.map(tuple),
        descending=st.booleans(),
        limit=st.sampled_from([7, 50, 500]),
    )


def answers(record: Record, query: Query) -> list[int]:
    """Every page, joined."""
    found: list[int] = []
    while True:
        page = record.select(query)
        found += [noun.seq for noun in page.items]
        if page.cursor is None:
            return found
        assert len(page.items) == query.limit and len(found) <= RUNS  # or it would go on for ever
        query = changed(query, after=page.cursor)


QUERIES = st.one_of(queries("run"), queries("version"))
RANGES = st.one_of(ranges("run"), ranges("run"), ranges("version"))


def compare(records: tuple[Record, Record], query: Query) -> None:
    """Both records find the same, in whatever order and pages, and count as many."""
    file, memory = records

    expected = [noun.seq for noun in memory.select(changed(query, limit=10 * RUNS)).items]

    assert answers(file, query) == expected
    assert file.count(query) == memory.count(query) == len(expected)


@settings(max_examples=50)
@given(query=QUERIES)
def test_sqlite_answers_as_the_dictionaries_do(records: tuple[Record, Record], query: Query) -> None:
    """Whatever is asked, in whatever order and pages, both records find the same, and count as many."""
    compare(records, query)


@settings(max_examples=50)
@given(query=RANGES)
def test_ranges_pass_over_no_answer(records: tuple[Record, Record], query: Query) -> None:
    """Whatever was overwritten and deleted, a range finds all that are in it, in order, whatever the pages."""
    compare(records, query)


@pytest.mark.slow
@settings(max_examples=1_000)
@given(query=st.one_of(QUERIES, RANGES))
def test_many_more_questions_get_the_same_answers(records: tuple[Record, Record], query: Query) -> None:
    """Both records agree on a thousand questions of either kind, too."""
    compare(records, query)
