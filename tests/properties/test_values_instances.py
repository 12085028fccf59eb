"""Properties of columns of moments, members of enums, dataclasses and named tuples."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import functools
import zoneinfo
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runlore.errors import ValueUnloadable
from runlore.testing.payloads import MemoryWriter, PayloadReader
from runlore.values.codec import encode
from runlore.values.registry import by_name, materializer_for

STORE: Any = by_name("columns")


class Colour(enum.Enum):
    RED = 1
    BLUE = "b"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Right(enum.Flag):
    READ = 1
    WRITE = 2


@dataclasses.dataclass
class Row:
    a: Any
    b: Any


@dataclasses.dataclass(frozen=True)
class Frozen:
    inner: Any
    other: Any = None


@dataclasses.dataclass
class Slotted:
    __slots__ = ("a",)
    a: Any


@dataclasses.dataclass
class Cached:
    a: Any

    @functools.cached_property
    def twice(self) -> Any:
        return [self.a, self.a]


class Pair(NamedTuple):
    first: Any
    second: Any


def payload(value: Any) -> bytes:
    writer = MemoryWriter()
    STORE.save(value, writer)
    return b"".join(writer.parts)


def load(data: bytes) -> Any:
    return STORE.load(PayloadReader(Path(), {}, data))


zones = st.sampled_from(
    [None, dt.UTC, dt.timezone(dt.timedelta(hours=2)), dt.timezone.utc, zoneinfo.ZoneInfo("Europe/Berlin")]
)
moments = st.datetimes(timezones=zones, allow_imaginary=False)
members = st.sampled_from([*Colour]) | st.sampled_from([*Level]) | st.just(Right.READ | Right.WRITE)
plain = st.none() | st.integers() | st.floats() | st.text(max_size=3) | st.booleans() | moments | st.dates() | members


def classed(inner: Any) -> Any:
    return (
        st.builds(Row, inner, inner)
        | st.builds(Frozen, inner)
        | st.builds(Pair, inner, inner)
        | st.builds(Slotted, inner)
        | st.builds(Cached, inner)
        | st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=2), inner, max_size=2)
    )


@st.composite
def collections(draw: Any) -> Any:
    """Many values of a few kinds, in which every form has its chance."""
    kinds = draw(st.sampled_from([moments, members, classed(plain), classed(classed(plain)), plain]))
    some = draw(st.lists(kinds, min_size=1, max_size=6))
    return some * draw(st.integers(50, 100))


@settings(max_examples=40)
@given(collections())
def test_any_collection_comes_back(value: Any) -> None:
    """Whatever form the columns take, the value that comes back has the same typed text, which tells all apart."""
    for chosen in (STORE, by_name("json")):
        if chosen.takes(value):
            writer = MemoryWriter()
            chosen.save(value, writer)
            found = chosen.load(PayloadReader(Path(), {}, b"".join(writer.parts)))
            assert encode(found) == encode(value)
            assert type(found[0]) is type(value[0])


MANY = 300
NOON = dt.datetime(2026, 1, 1, 12)


@pytest.mark.parametrize(
    ("value", "tag"),
    [
        ([NOON + dt.timedelta(days=day) for day in range(MANY)], "moments"),
        ([NOON.replace(tzinfo=dt.UTC)] * MANY, "moments"),
        ([dt.date(2026, 1, 1)] * MANY, "moments"),
        ([None, NOON] * MANY, "moments"),
        ([Colour.RED, Colour.BLUE] * MANY, "picked"),
        ([Row(1, "a")] * MANY, "instances"),
        ([Pair(1, "a")] * MANY, "instances"),
        ([Frozen(Row(Colour.RED, NOON))] * MANY, "instances"),
        ({"rows": [Row([1, 2], {"a": 1})] * MANY}, "instances"),
    ],
)
def test_many_of_one_class_lie_in_columns(value: Any, tag: str) -> None:
    """Many moments, members of an enum, or instances are not written one by one."""
    assert materializer_for(value).name == "columns"
    assert f'"~":"{tag}"'.encode() in payload(value)
    assert encode(load(payload(value))) == encode(value)


def test_what_columns_cannot_say_is_text() -> None:
    """Slots, kept properties, flags, a second zone and an ambiguous hour are written one by one, and exactly."""
    kept = Cached(1)
    assert kept.twice == [1, 1]
    autumn = dt.datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin"))
    for member in (Slotted(1), kept, Right.READ):
        assert materializer_for([member] * MANY).name == "json"
    for value in ([NOON, NOON.replace(tzinfo=dt.UTC)] * MANY, [autumn] * MANY):
        assert materializer_for(value).name == "json"


def test_equal_moments_have_equal_bytes() -> None:
    """Which object a zone is does not count, only which zone."""
    several = [NOON.replace(tzinfo=dt.timezone(dt.timedelta(hours=1))) for _ in range(MANY)]
    shared = [several[0]] * MANY

    assert payload(several) == payload(shared)


def test_an_instance_that_contains_itself_is_not_taken() -> None:
    """A cycle through instances is found before it grows."""
    rows = [Row(place, None) for place in range(MANY)]
    rows[3].b = rows[5]
    rows[5].b = [rows[3]]

    assert materializer_for(rows).name == "cloudpickle"


def test_a_class_that_changed_is_read_by_the_codecs_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    """A field with a default may have come; one that went, or came without, is an error by name."""
    data = payload([Frozen(number) for number in range(MANY)])

    @dataclasses.dataclass
    class More:
        inner: Any
        other: Any = None
        extra: int = 7

    @dataclasses.dataclass
    class Less:
        inner: Any

    monkeypatch.setitem(globals(), "Frozen", More)
    assert [found.extra for found in load(data)] == [7] * MANY
    monkeypatch.setitem(globals(), "Frozen", Less)
    with pytest.raises(ValueUnloadable, match="no field 'other' any more"):
        load(data)
    monkeypatch.setitem(globals(), "Frozen", None)
    with pytest.raises(ValueUnloadable, match="was a dataclass"):
        load(data)


@pytest.mark.parametrize("in_array", [False, True])
def test_classes_in_columns_are_found_without_loading(in_array: bool) -> None:
    """Whoever asks which classes a payload names finds those in columns, also in columns inside another payload."""
    import numpy

    rows: Any = [Row(Colour.RED, 1)] * MANY
    value = [numpy.zeros(2), rows] if in_array else rows
    chosen = materializer_for(value)
    writer = MemoryWriter()
    chosen.save(value, writer)
    naming = chosen.naming(writer.reader(Path()))

    assert chosen.name == ("nested" if in_array else "columns")
    for cls in (Row, Colour):
        assert f"{cls.__module__}.{cls.__qualname__}".encode() in naming


@given(st.data())
@settings(max_examples=60)
def test_no_change_of_the_bytes_is_more_than_an_error(data: Any) -> None:
    """Whatever byte of a payload is another, reading gives a value or the typed error, and nothing else."""
    whole = payload([Row(Colour.RED, NOON), Row(Colour.BLUE, NOON)] * 150)
    place = data.draw(st.integers(0, len(whole) - 1))
    changed = whole[:place] + bytes([data.draw(st.integers(0, 255))]) + whole[place + 1 :]
    try:
        load(changed)
    except ValueUnloadable:
        pass
