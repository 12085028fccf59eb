"""Properties of the typed codec: exact round trips, and one text per identity."""

from __future__ import annotations

import copy
import dataclasses
import datetime as dt
import enum
import json
import math
import struct
from array import array
from collections import Counter, OrderedDict, defaultdict, deque
from fractions import Fraction
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlore.errors import ValueUnloadable
from runlore.values.codec import decode, encode, encode_at, is_codable
from runlore.values.facts import facts
from runlore.values.metadata import encode_metadata


class Color(enum.Enum):
    RED = 1
    BLUE = "b"


class Pair(NamedTuple):
    left: Any
    right: Any


@dataclasses.dataclass(frozen=True)
class Box:
    item: Any


def _float_from(bits: int) -> float:
    return float(struct.unpack(">d", struct.pack(">Q", bits))[0])


plain_scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers().map(lambda number: number << 2040)
    | st.floats()
    | st.integers(0, 2**64 - 1).map(_float_from)
    | st.text(st.characters(exclude_categories=()))
)
hashables = st.recursive(
    plain_scalars
    | st.binary()
    | st.complex_numbers()
    | st.decimals().filter(lambda number: not number.is_snan())  # those cannot be hashed
    | st.fractions()
    | st.builds(range, st.integers(), st.integers(), st.integers().filter(bool))
    | st.uuids()
    | st.dates()
    | st.times(timezones=st.just(dt.UTC) | st.none())
    | st.datetimes(timezones=st.timezones() | st.none())
    | st.timedeltas()
    | st.timedeltas(dt.timedelta(hours=-23), dt.timedelta(hours=23)).map(
        lambda gap: dt.datetime(2026, 1, 1, tzinfo=dt.timezone(gap))
    )
    | st.sampled_from([Color.RED, Color.BLUE, int, len, Path("a/b"), PurePosixPath("c"), range(3)]),
    lambda inner: (
        st.tuples(inner, inner)
        | st.frozensets(inner, max_size=4)
        | st.builds(Pair, inner, inner)
        | st.builds(Box, inner)
    ),
    max_leaves=6,
)
arrays = (
    st.sampled_from("bBhHiIlLqQ").flatmap(
        lambda code: st.lists(st.integers(0, 127)).map(lambda items: array(code, items))
    )
    | st.binary().map(lambda data: array("d", data[: len(data) // 8 * 8]))
    | st.lists(st.floats(width=32)).map(lambda items: array("f", items))
    | st.text(st.characters(exclude_categories=())).map(lambda text: array("u", text))
)
values = st.recursive(
    hashables | st.binary().map(bytearray) | arrays,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=3) | st.just("~"), inner, max_size=4)
        | st.dictionaries(hashables, inner, max_size=3)
        | st.dictionaries(hashables, inner, max_size=3).map(OrderedDict)
        | st.dictionaries(hashables, inner, max_size=3).map(Counter)
        | st.builds(
            defaultdict, st.sampled_from([None, int, list, Color]), st.dictionaries(hashables, inner, max_size=3)
        )
        | st.builds(deque, st.lists(inner, max_size=3), st.none() | st.integers(3, 2**60))
        | st.builds(slice, inner, inner, inner)
        | st.sets(hashables, max_size=4)
        | st.tuples(inner)
        | st.builds(Box, inner)
    ),
    max_leaves=20,
)


def same(one: Any, other: Any) -> bool:
    """Whether two values cannot be told apart; written without the codec."""
    if type(one) is not type(other):
        return False
    if isinstance(one, float):
        return struct.pack(">d", one) == struct.pack(">d", other)
    if isinstance(one, complex):
        return same(one.real, other.real) and same(one.imag, other.imag)
    if isinstance(one, array):
        return (one.typecode, one.tobytes()) == (other.typecode, other.tobytes())
    if isinstance(one, deque):
        return one.maxlen == other.maxlen and same(list(one), list(other))
    if isinstance(one, slice):
        return same([one.start, one.stop, one.step], [other.start, other.stop, other.step])
    if isinstance(one, defaultdict) and one.default_factory is not other.default_factory:
        return False
    if isinstance(one, dict):
        return same(list(one.items()), list(other.items()))
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, set | frozenset):
        return len(one) == len(other) and all(any(same(item, its) for its in other) for item in one)
    if isinstance(one, Box):
        return same(one.item, other.item)
    if isinstance(one, dt.datetime | dt.time):
        naive = one.replace(tzinfo=None) == other.replace(tzinfo=None)
        return naive and one.fold == other.fold and repr(one.tzinfo) == repr(other.tzinfo)
    return repr(one) == repr(other)


@given(values)
def test_every_value_comes_back_indistinguishable(value: Any) -> None:
    """decode(encode(x)) is x by type, bits, order and structure."""
    assert same(decode(encode(value)), value)


@given(values)
def test_text_is_canonical(value: Any) -> None:
    """The text of what was read is the text that was read, and a copy of a value has its text."""
    text = encode(value)

    assert encode(decode(text)) == text
    assert encode(copy.deepcopy(value)) == text
    assert is_codable(value)
    text.encode()
    json.loads(text)


@given(values, values)
def test_texts_are_equal_exactly_for_indistinguishable_values(one: Any, other: Any) -> None:
    """Two values share a text if and only if they cannot be told apart."""
    assert (encode(one) == encode(other)) is same(one, other)


@given(values)
def test_position_does_not_matter(value: Any) -> None:
    """A value has the same text at the top, in a plain list and in a tuple."""
    text = encode(value)

    assert encode([value]) == f"[{text}]"
    assert encode({"k": value}) == f'{{"k":{text}}}'
    assert encode((value,)) == f'{{"~":"tuple","v":[{text}]}}'


@st.composite
def views(draw: st.DrawFn) -> memoryview:
    data = draw(st.binary(max_size=4)) * 8
    code = draw(st.sampled_from("cbB?hHiIlLqQnNfd"))
    rows = draw(st.integers(0, 3))
    owner = draw(st.sampled_from([bytes, bytearray]))
    if not rows or not data:
        return memoryview(owner(data)).cast(code)
    return memoryview(owner(data * rows)).cast("B").cast(code, [rows, len(data) // struct.calcsize(code)])


@given(views(), views())
def test_memory_comes_back_indistinguishable(one: memoryview, other: memoryview) -> None:
    """A plain block of memory keeps its bytes, format, shape and whether it may be written to, and nothing else."""
    marks = [(view.tobytes(), view.format, view.shape, view.readonly) for view in (one, other)]
    found = decode(encode({"view": one}))["view"]

    assert (found.tobytes(), found.format, found.shape, found.readonly) == marks[0]
    assert (encode(one) == encode(other)) is (marks[0] == marks[1])
    assert encode(found) == encode(one)


rows = st.lists(st.tuples(plain_scalars, plain_scalars) | st.lists(plain_scalars, max_size=3), max_size=12)


@given(values | rows | st.dictionaries(plain_scalars, st.tuples(plain_scalars)))
def test_the_quick_way_and_the_long_way_write_the_same(value: Any) -> None:
    """What is written at once has the text that it has when it is written member by member."""
    assert encode(value) == encode_at(value, 0)


ODDS = [deque([1], 2), Counter("a"), defaultdict(int), Fraction(1, 3), array("h", [1]), memoryview(b"ab"), slice(1, 2)]


@given(st.text(), st.integers(0, 700), st.text(max_size=4))
def test_damaged_text_is_an_error_or_a_value(start: str, cut: int, junk: str) -> None:
    """Whatever text is read, the outcome is a value or the typed error, never another exception."""
    text = encode({"a": (1, {2.5, start}, b"x", dt.UTC.utcoffset(None), Box(Pair(1, Color.RED))), "q": ODDS})
    for attempt in (start, text[:cut] + junk + text[cut:], text[:cut] + junk):
        try:
            decode(attempt)
        except ValueUnloadable as error:
            assert str(error)


metadata_values = st.recursive(
    plain_scalars | st.binary() | st.decimals() | st.uuids() | st.datetimes(timezones=st.just(dt.UTC) | st.none()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


@given(metadata_values)
def test_metadata_comes_back_indistinguishable(value: Any) -> None:
    """Every metadata value is exact in and out."""
    assert same(decode(encode_metadata("key", value)), value)


@given(metadata_values)
def test_facts_are_searchable_scalars(value: Any) -> None:
    """Facts are numbers, booleans and texts under keys that start with the name, nan for a list or bytes."""
    for key, fact in facts("name", value):
        assert key == "name" or key.startswith("name.")
        assert type(fact) in (bool, int, float, str)
        if isinstance(value, (list, bytes)):
            assert key == "name" and math.isnan(fact)


@pytest.mark.parametrize("size", [0, 1, 5000])
def test_long_collections(size: int) -> None:
    """Collections of any length come back, plain or typed."""
    for value in (
        list(range(size)),
        [(number, str(number)) for number in range(size)],
        {number: None for number in range(size)},
    ):
        assert same(decode(encode(value)), value)
