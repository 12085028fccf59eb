"""Properties of collections stored by columns: exact, canonical, one payload, and safe to read whatever the bytes."""

from __future__ import annotations

import copy
import dataclasses
import datetime as dt
import struct
from collections import OrderedDict, deque
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlore.errors import ValueUnloadable
from runlore.testing.payloads import MemoryWriter, PayloadReader, round_trip
from runlore.values.codec import decode, encode
from runlore.values.registry import by_name, materializer_for

STORE: Any = by_name("columns")
NUMBERS = [float(number) for number in range(256)]


def _float_from(bits: int) -> float:
    return float(struct.unpack(">d", struct.pack(">Q", bits))[0])


any_float = st.floats() | st.integers(0, 2**64 - 1).map(_float_from)
any_int = st.integers() | st.integers(-(2**63), 2**63 - 1) | st.integers(0, 200)
text = st.text(st.characters(exclude_categories=()), max_size=4)
scalars = (
    st.none()
    | st.booleans()
    | any_int
    | any_float
    | text
    | st.dates()
    | st.fractions()
    | st.binary(max_size=4)
    | any_float.map(numpy.float64)
)
keys = text | st.just("~") | any_int | st.booleans() | st.tuples(any_int, text) | st.none()
of_numpy = st.one_of(
    any_float.map(numpy.float64),
    st.integers(0, 2**32 - 1).map(lambda bits: numpy.frombuffer(struct.pack("<I", bits), "<f4")[0]),
    st.integers(0, 2**16 - 1).map(lambda bits: numpy.frombuffer(struct.pack("<H", bits), "<f2")[0]),
    st.integers(-(2**63), 2**63 - 1).map(numpy.int64),
    st.integers(0, 255).map(numpy.uint8),
    st.booleans().map(numpy.bool_),
    st.complex_numbers().map(numpy.complex128),
    st.integers(0, 99).map(lambda days: numpy.datetime64(days, "D")),
)
columns = st.sampled_from(
    [any_float, any_int, st.integers(-100, 100), st.booleans(), text, scalars, of_numpy, any_float.map(numpy.float64)]
)


def _rows(width: int) -> st.SearchStrategy[Any]:
    row = st.tuples(*[st.shared(columns, key=str(place)).flatmap(lambda one: one) for place in range(width)])
    return st.lists(row, max_size=40)


long = (
    columns.flatmap(lambda one: st.lists(one, min_size=16, max_size=40))
    | st.integers(0, 4).flatmap(_rows)
    | st.integers(0, 4).flatmap(_rows).map(lambda rows: [list(row) for row in rows])
    | st.integers(0, 4).flatmap(_rows).map(lambda rows: [dict(zip("abc~", row, strict=False)) for row in rows])
    | st.integers(1, 4).flatmap(_rows).map(lambda rows: {place: row for place, row in enumerate(rows)})
    | st.dictionaries(keys, any_float, max_size=40)
)
inner = st.recursive(
    scalars | long,
    lambda below: (
        st.lists(below, max_size=6)
        | st.lists(below, max_size=6).map(tuple)
        | st.dictionaries(keys, below, max_size=6)
        | st.lists(below, max_size=3).map(deque)
        | st.dictionaries(text, below, max_size=3).map(OrderedDict)
        | st.lists(st.dictionaries(st.sampled_from("abc"), below), max_size=20)
    ),
    max_leaves=12,
)
#: Collections with enough numbers to be stored by columns, whatever else they hold.
large = st.tuples(st.sampled_from([0.5, -0.0, 7]), inner).map(lambda pair: [NUMBERS, pair[1], pair[0]]) | inner.map(
    lambda value: {"numbers": tuple(NUMBERS), "inner": value}
)


def same(one: Any, other: Any) -> bool:
    """Whether two values cannot be told apart; written without a codec."""
    if type(one) is not type(other):
        return False
    if isinstance(one, float):
        return struct.pack(">d", one) == struct.pack(">d", other)
    if isinstance(one, numpy.generic):
        return one.dtype.str == other.dtype.str and one.tobytes() == other.tobytes()
    if isinstance(one, dict):
        return same(list(one.items()), list(other.items()))
    if isinstance(one, list | tuple | deque):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def payload(value: Any) -> bytes:
    writer = MemoryWriter()
    STORE.save(value, writer)
    return b"".join(writer.parts)


def load(data: bytes) -> Any:
    return STORE.load(PayloadReader(Path("unused"), {}, data))


@given(large)
def test_columns_come_back_indistinguishable(value: Any) -> None:
    """A collection of many numbers comes back by type, bits, order and structure, in fresh lists and dicts."""
    assert materializer_for(value).name == "columns"
    found = load(payload(value))

    assert same(found, value)
    assert type(found) is not list or found[0] is not value[0]


@given(large, large)
def test_payloads_are_equal_exactly_for_indistinguishable_values(one: Any, other: Any) -> None:
    """Two values have the same bytes, hence the same digest, if and only if they cannot be told apart."""
    assert (payload(one) == payload(other)) is same(one, other)
    assert payload(copy.deepcopy(one)) == payload(one)


@given(large)
def test_columns_and_text_say_the_same(value: Any) -> None:
    """What the columns give back is what the typed text gives back."""
    assert same(load(payload(value)), decode(encode(value)))


@given(inner)
def test_which_objects_are_shared_is_no_part_of_the_bytes(value: Any) -> None:
    """A value held twice has the bytes of two equal values, also at different depths."""
    shared = [NUMBERS, value, value, [value, [value]]]
    apart = [NUMBERS, value, copy.deepcopy(value), [copy.deepcopy(value), [copy.deepcopy(value)]]]

    assert payload(shared) == payload(apart)


@given(large, st.integers(0, 10_000), st.integers(0, 3), st.binary(max_size=3))
def test_damaged_payloads_are_an_error_or_a_value(value: Any, place: int, cut: int, junk: bytes) -> None:
    """Whatever bytes are read, the outcome is a value or the typed error, never another exception."""
    data = payload(value)
    place %= len(data)
    for damaged in (data[:place] + junk + data[place + cut :], data[:place]):
        try:
            load(damaged)
        except ValueUnloadable as error:
            assert str(error)


def written(text: str, leaves: bytes = b"") -> bytes:
    return b"runlore-columns-1 %d\n" % len(text.encode()) + text.encode() + leaves


HOSTILE = {
    "no header": b"[1]",
    "another form": b"runlore-columns-2 3\n[1]",
    "a negative length": b"runlore-columns-1 -3\n[1]",
    "a length beyond the end": b"runlore-columns-1 30\n[1]",
    "two values": written("[1,2]"),
    "no array": written('{"a":1}'),
    "bytes left over": written("[1]", b"x"),
    "too few bytes": written('[{"~":"numbers","t":"f8","n":2}]', bytes(15)),
    "a vast count": written('[{"~":"numbers","t":"f8","n":1000000000000}]', bytes(16)),
    "a negative count": written('[{"~":"numbers","t":"f8","n":-1}]'),
    "a count that is no integer": written('[{"~":"numbers","t":"f8","n":1.0}]', bytes(8)),
    "an unknown type": written('[{"~":"numbers","t":"f4","n":1}]', bytes(4)),
    "a type that is no text": written('[{"~":"numbers","t":[],"n":1}]', bytes(4)),
    "a truth value of 2": written('{"~":"rows","of":"list","each":1,"v":{"~":"numbers","t":"b1","n":1}}', b"\2"),
    "rows of nothing": written('{"~":"rows","of":"list","each":0,"v":[]}'),
    "rows that do not fit": written('{"~":"rows","of":"list","each":2,"v":[1,2,3]}'),
    "negative lengths": written('{"~":"rows","of":"list","lengths":[2,-1],"v":[1]}'),
    "lengths that do not fit": written('{"~":"rows","of":"list","lengths":[2],"v":[1]}'),
    "an unknown sequence": written('{"~":"rows","of":"set","each":1,"v":[1]}'),
    "a text as column": written('{"~":"rows","of":"list","each":1,"v":"a"}'),
    "ragged columns": written('{"~":"table","of":"list","v":[[1],[1,2]]}'),
    "kinds without members": written('{"~":"mixed","kinds":[1,2],"v":[[true]]}'),
    "too many kinds": written(f'{{"~":"mixed","kinds":{list(range(10))},"v":{[[1]] * 10}}}'),
    "more members than kinds": written('{"~":"mixed","kinds":[1],"v":[[true,false]]}'),
    "a key twice": written('{"~":"records","k":["a","a"],"v":[[1],[2]]}'),
    "a key too few": written('{"~":"records","k":["a"],"v":[[1],[2]]}'),
    "a key that is no text": written('{"~":"records","k":[1],"v":[[1]]}'),
    "an unhashable key": written('{"~":"dicts","each":1,"k":[[]],"v":[1]}'),
    "equal keys": written('{"~":"dicts","each":2,"k":[1,1],"v":[1,2]}'),
    "keys and values that do not fit": written('{"~":"dicts","each":1,"k":[1,2],"v":[1]}'),
    "half an object": written('{"~":"dicts","each":1}'),
    "scalars of an unknown class": written('[{"~":"scalars","t":"|O","n":1}]', bytes(8)),
    "too few bytes of scalars": written('[{"~":"scalars","t":"<f8","n":2}]', bytes(8)),
    "leaves of other containers": written('[{"~":"leaf","m":"cloudpickle","at":0,"size":1}]', b"x"),
    "endless nesting": written("[" * 100_000),
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=list(HOSTILE))
def test_hostile_payloads_are_refused(data: bytes) -> None:
    """Lengths, kinds and keys that do not fit are the typed error, before memory is taken for them."""
    with pytest.raises(ValueUnloadable):
        load(data)


def test_the_bytes_are_those_of_the_page() -> None:
    """The format is pinned: header, text, then the numbers in the order in which the text names them."""
    records = [{"id": place, "score": place / 4, "ok": place > 3, "name": "x"} for place in range(130)]
    sizes = ",".join(['"x"'] * 130)
    text = (
        '{"~":"rows","of":"list","each":130,"v":{"~":"records","k":["id","score","ok","name"],"v":'
        '[{"~":"numbers","t":"i2","n":130},{"~":"numbers","t":"f8","n":130},{"~":"numbers","t":"b1","n":130},'
        f"[{sizes}]]}}}}"
    )
    leaves = (
        struct.pack("<130h", *range(130))
        + struct.pack("<130d", *(place / 4 for place in range(130)))
        + bytes([0] * 4 + [1] * 126)
    )

    assert payload(records) == written(text, leaves)
    assert load(written(text, leaves)) == records


@pytest.mark.parametrize(
    ("low", "high", "kind"),
    [
        (-128, 127, "i1"),
        (-129, 0, "i2"),
        (0, 128, "i2"),
        (0, 2**15, "i4"),
        (0, 2**31, "i8"),
        (-(2**63), 2**63 - 1, "i8"),
    ],
)
def test_integers_take_the_narrowest_type(low: int, high: int, kind: str) -> None:
    """Integers lie in the narrowest type that holds all of a column."""
    data = payload([low, high] * 128)

    assert f'"t":"{kind}","n":256'.encode() in data
    assert load(data) == [low, high] * 128


def test_what_holds_few_numbers_stays_text() -> None:
    """Up to 255 numbers are text that people can read; so are texts, truth values and longer integers in any number."""
    for value in (NUMBERS[1:], [2**70] * 300, ["x"] * 5_000, [True] * 5_000, [(), {}] * 300, {"a": NUMBERS[1:]}):
        assert materializer_for(value).name == "json"
    assert materializer_for(NUMBERS).name == "columns"


@dataclasses.dataclass
class Point:
    x: float


def test_values_of_named_classes_are_no_part_of_columns() -> None:
    """What is looked through for the classes that a value names stays in the forms that are looked through."""
    assert materializer_for([*NUMBERS, Point(1.0)]).name == "json"
    assert materializer_for({"n": NUMBERS, "when": [dt.datetime(2026, 1, 1)], "f": Fraction(1, 3)}).name == "columns"
    assert materializer_for([*NUMBERS, numpy.zeros(3)]).name == "nested"


def test_what_contains_itself_is_not_taken() -> None:
    """Cycles are found before they grow, by whatever way they lead."""
    wide: list[Any] = list(NUMBERS)
    wide.extend([wide] * 100)
    crossed: dict[str, Any] = {"numbers": NUMBERS}
    crossed["inner"] = [({"back": crossed}, crossed)] * 50
    in_tuple: tuple[list[Any], ...] = ([], *([NUMBERS] * 3))
    in_tuple[0].extend([in_tuple] * 20)

    for value in (wide, crossed, in_tuple):
        assert not STORE.takes(value)


@pytest.mark.parametrize(("levels", "name"), [(30, "columns"), (31, "columns"), (32, "json"), (199, "json")])
def test_deep_collections_stay_text(levels: int, name: str, tmp_path: Path) -> None:
    """Containers nest up to 32 levels in columns; a deeper value is text, up to the codec's own limit."""
    value: Any = NUMBERS
    for _ in range(levels):
        value = [value]
    chosen = materializer_for(value)

    assert chosen.name == name
    assert round_trip(chosen, value, tmp_path) == value


def test_what_was_stored_as_text_is_still_read(tmp_path: Path) -> None:
    """A payload that `json` wrote of many numbers, as it did before there were columns, loads as before."""
    value = {"losses": [number / 7 for number in range(1_000)], 3: (1, 2.5)}

    assert round_trip(by_name("json"), value, tmp_path) == value
    assert STORE.metadata(value) == {"length": 2}
    assert [picture.kind for picture in STORE.pictures(value)] == ["json"]


def test_numbers_of_numpy_lie_in_leaves() -> None:
    """A list of numpy's numbers takes the bytes of its numbers, and comes back as numpy's numbers."""
    for kind in (numpy.float64, numpy.float32, numpy.int64, numpy.uint8, numpy.bool_, numpy.complex64):
        value = [kind(place % 2) for place in range(1_000)]
        data = payload(value)

        assert len(data) < 150 + 1_000 * numpy.dtype(kind).itemsize
        assert {type(number) for number in load(data)} == {kind} and load(data) == value
