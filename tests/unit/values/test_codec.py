"""The typed codec against the words of docs/design/codec.md."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from array import array
from collections import Counter, OrderedDict, defaultdict, deque
from decimal import Decimal
from fractions import Fraction
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any
from uuid import UUID

import numpy
import pytest

from runlore.errors import ValueUnloadable, ValueUnstorable
from runlore.values import codec
from runlore.values.codec import decode, encode, is_codable

PINNED: list[tuple[Any, str]] = [
    (None, "null"),
    (True, "true"),
    (1, "1"),
    (-(2**80), "-1208925819614629174706176"),
    (2**2048, '{"~":"int","v":"1' + "0" * 512 + '"}'),
    (1.0, "1.0"),
    (-0.0, "-0.0"),
    (1e300, "1e+300"),
    (float("inf"), '{"~":"float","v":"inf"}'),
    (float("-inf"), '{"~":"float","v":"-inf"}'),
    (float("nan"), '{"~":"float","v":"nan"}'),
    ('a"\n\0é😀\u2028', '"a\\"\\n\\u0000é😀\u2028"'),
    ("\ud83d\ude00", '{"~":"str","v":"eda0bdedb880"}'),
    ([1, [True]], "[1,[true]]"),
    ({"b": 1, "a": None}, '{"b":1,"a":null}'),
    ({1: "x", "1": "y"}, '{"~":"dict","v":[[1,"x"],["1","y"]]}'),
    ({"~": 1}, '{"~":"dict","v":[["~",1]]}'),
    (OrderedDict(a=1), '{"~":"ordereddict","v":[["a",1]]}'),
    ((1, (2,)), '{"~":"tuple","v":[1,{"~":"tuple","v":[2]}]}'),
    ({10, 9, "a"}, '{"~":"set","v":["a",10,9]}'),
    (frozenset(), '{"~":"frozenset","v":[]}'),
    (b"\x00\xff", '{"~":"bytes","v":"AP8="}'),
    (bytearray(b"a"), '{"~":"bytearray","v":"YQ=="}'),
    (complex(-0.0, 1), '{"~":"complex","v":[-0.0,1.0]}'),
    (range(1, 9, 2), '{"~":"range","v":[1,9,2]}'),
    (slice(None, 3), '{"~":"slice","v":[null,3,null]}'),
    (dt.date(2026, 1, 2), '{"~":"date","v":"2026-01-02"}'),
    (dt.timedelta(-1, 2, 3), '{"~":"timedelta","v":[-1,2,3]}'),
    (dt.datetime(2026, 1, 2, 3, 4, 5, 6), '{"~":"datetime","v":"2026-01-02T03:04:05.000006"}'),
    (dt.datetime(2026, 1, 2, tzinfo=dt.UTC), '{"~":"datetime","v":"2026-01-02T00:00:00","zone":"UTC"}'),
    (
        dt.datetime(2026, 1, 2, tzinfo=dt.timezone(dt.timedelta(hours=1))),
        '{"~":"datetime","v":"2026-01-02T00:00:00","zone":[3600000000]}',
    ),
    (
        dt.time(1, tzinfo=dt.timezone(dt.timedelta(0), "zero")),
        '{"~":"time","v":"01:00:00","zone":[0,"zero"]}',
    ),
    (dt.time(1, fold=1), '{"~":"time","v":"01:00:00","fold":1}'),
    (Decimal("-0.10"), '{"~":"decimal","v":"-0.10"}'),
    (UUID(int=1), '{"~":"uuid","v":"00000000-0000-0000-0000-000000000001"}'),
    (Path("a/b"), '{"~":"path","v":"a/b"}'),
    (PurePosixPath("a"), '{"~":"pureposixpath","v":"a"}'),
    (PureWindowsPath("a\\b"), '{"~":"purewindowspath","v":"a\\\\b"}'),
    (deque([1], 3), '{"~":"deque","v":[1],"maxlen":3}'),
    (Counter("aab"), '{"~":"counter","v":[["a",2],["b",1]]}'),
    (
        defaultdict(list, {1: []}),
        '{"~":"defaultdict","factory":{"~":"class","t":"builtins.list"},"v":[[1,[]]]}',
    ),
    (defaultdict(None), '{"~":"defaultdict","factory":null,"v":[]}'),
    (Fraction(-1, 3), '{"~":"fraction","v":[-1,3]}'),
    (array("h", [1, -2]), '{"~":"memory","t":"h","size":2,"v":"AQD+/w=="}'),
    (array("u", "é"), '{"~":"memory","t":"u","size":4,"v":"é"}'),
    (memoryview(b"a_b_")[::2], '{"~":"memoryview","t":"B","size":1,"shape":[2],"readonly":true,"v":"YWI="}'),
    (memoryview(b"ab"), '{"~":"memoryview","t":"B","size":1,"shape":[2],"readonly":true,"v":"YWI="}'),
    (int, '{"~":"class","t":"builtins.int"}'),
    (len, '{"~":"function","t":"builtins.len"}'),
]


@pytest.mark.parametrize(("value", "text"), PINNED, ids=[text[:40] for _, text in PINNED])
def test_text_is_the_written_rule(value: Any, text: str) -> None:
    """The text of each type is the one that the rule pins, and gives back a value of that type and text."""
    found = decode(text)

    assert encode(value) == text
    assert type(found) is type(value)
    assert encode(found) == text


def test_indistinguishable_only() -> None:
    """Values that are equal but can be told apart have different texts."""
    alike: list[Any] = [1, 1.0, True, "1", 1 + 0j, Decimal(1), Decimal("1.0"), b"1", 0, 0.0, -0.0, False, None]
    alike += [
        [1],
        (1,),
        {1},
        frozenset({1}),
        {"a": 1, "b": 2},
        {"b": 2, "a": 1},
        OrderedDict(a=1, b=2),
        {1: 1},
        {"1": 1},
    ]

    assert len({encode(value) for value in alike}) == len(alike)


def test_sets_have_no_order() -> None:
    """Equal sets have one text however they were filled."""
    words = [str(number) for number in range(1000)]

    assert encode(set(words)) == encode(set(reversed(words)))


def test_zones_of_dateutil_survive() -> None:
    """A zone of dateutil comes back as that, with its class; the machine's own one is refused, since it has no name."""
    tz = pytest.importorskip("dateutil.tz")
    for zone in (tz.tzutc(), tz.tzoffset("here", 3600), tz.tzoffset(None, -60), tz.gettz("Europe/Berlin")):
        found = codec.decode(codec.encode(dt.datetime(2026, 7, 1, tzinfo=zone))).tzinfo
        assert type(found) is type(zone) and found == zone
    with pytest.raises(ValueUnstorable):
        codec.encode(dt.datetime(2026, 7, 1, tzinfo=tz.tzlocal()))


def test_fold_and_named_zones_survive() -> None:
    """A moment that happens twice keeps which one it is, and the zone its name."""
    moment = dt.datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin"))
    found = decode(encode(moment))

    assert (found.fold, found.tzinfo, found.utcoffset()) == (1, moment.tzinfo, dt.timedelta(hours=1))


def test_decoded_values_are_fresh() -> None:
    """Reading twice gives two values that share nothing."""
    text = encode({"a": [1]})
    first, second = decode(text), decode(text)
    first["a"].append(2)

    assert second == {"a": [1]}


def test_plain_and_typed_paths_agree() -> None:
    """A list has the same text whether it is written by the fast path or beside something that needs the slow one."""
    plain = [{"a": [1, 2.5, "é", None, True, -(2**70)]}, [], {}, [[]]]

    assert encode((plain,)) == f'{{"~":"tuple","v":[{encode(plain)}]}}'


@pytest.mark.parametrize("odd", [float("nan"), "\ud800", 2**3000, (1,), {"~": 2}, {"\ud800": 1}])
def test_one_odd_member_in_plain_data(odd: Any) -> None:
    """A member that JSON cannot say is carried exactly within data that it can."""
    value = {"plain": [1, 2], "odd": [odd]}
    found = decode(encode(value))

    assert encode(found) == encode(value)
    assert type(found["odd"][0]) is type(odd)


def test_a_cycle_is_named() -> None:
    """A value that contains itself is refused, saying where."""
    cycle: dict[str, Any] = {}
    cycle["a"] = [cycle]

    with pytest.raises(ValueUnstorable, match=r"^lr contains itself at \['a'\]\[0\]"):
        encode(cycle, name="lr")


def test_depth_is_limited() -> None:
    """200 levels are carried, 201 refused, whatever the containers are."""
    for wrap in (lambda inner: [inner], lambda inner: (inner,), lambda inner: {"k": inner}, lambda inner: {1: inner}):
        value: Any = 1
        for _ in range(codec.MAX_DEPTH):
            value = wrap(value)
        assert encode(decode(encode(value))) == encode(value)
        with pytest.raises(ValueUnstorable, match="200 levels"):
            encode(wrap(value))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([0, {"k": (object(),)}], r"value\[1\]\['k'\]\[0\] is a object, which cannot be carried"),
        (lambda: 1, "is a function, which has no name"),
        ((item for item in ()), "is a generator, which can be read only once"),
        ([].append, "is bound to an object"),
        (type("Text", (str,), {})("x"), r"subclass of str. Convert it with str\(...\)"),
        ({1: {2, lambda: 1}}, r"value\[1\] member <function"),
        ({(lambda: 1): 1}, "value key <function"),
        (list[int], "cannot be carried"),
    ],
)
def test_refusals_name_place_type_and_reason(value: Any, message: str) -> None:
    """What cannot be carried is refused by place, type and reason."""
    with pytest.raises(ValueUnstorable, match=message):
        encode(value)
    assert not is_codable(value)


def test_an_open_file_is_refused(tmp_path: Path) -> None:
    """An open file is refused, with the way out."""
    with (tmp_path / "x").open("w") as file, pytest.raises(ValueUnstorable, match="open file.*Pass its path"):
        encode(file)


@pytest.mark.parametrize(
    "text",
    ["", "{", "NaN", "Infinity", "[1", '{"~":"tuple"}', '{"~":"float","v":"1"}', '{"~":"bytes","v":"*"}', '{"~":[1]}']
    + ['{"~":"date","v":"x"}', '{"~":"decimal","v":"x"}', '{"~":"set","v":[[1]]}', '{"~":"int","v":"zz"}'],
)
def test_foreign_text_is_refused(text: str) -> None:
    """Text that this codec did not write is a typed error."""
    with pytest.raises(ValueUnloadable):
        decode(text)


def test_a_newer_tag_is_named() -> None:
    """A tag that this version does not know is named, with the way out."""
    with pytest.raises(ValueUnloadable, match="'hologram' is unknown.*upgrade"):
        decode('{"~":"hologram","v":1}')


def _marked(value: Any) -> Any:
    value.origin = "elsewhere"
    return value


def _released() -> memoryview:
    view = memoryview(b"a")
    view.release()
    return view


class _Words(deque[str]):
    pass


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (defaultdict(lambda: 1), r"value\.default_factory is a function, which has no name to find it by"),
        (_marked(Counter("a")), "it has the attribute 'origin'"),
        (_marked(OrderedDict(a=1)), "it has the attribute 'origin'"),
        (_released(), "it was released"),
        (memoryview(numpy.zeros(2, "f2")), "not of plain numbers"),
        (deque([object()]), r"value\[0\] is a object"),
        (Counter({object(): 1}), "value key"),
        (_Words("a"), "_Words"),
    ],
)
def test_what_these_types_cannot_say_is_refused(value: Any, reason: str) -> None:
    """A factory without a name, attributes, strides and subclasses are refused by name, not dropped."""
    with pytest.raises(ValueUnstorable, match=reason):
        encode(value)


@pytest.mark.parametrize(
    "text",
    [
        '{"~":"deque","v":[1,2],"maxlen":1}',
        '{"~":"deque","v":[1],"maxlen":-1}',
        '{"~":"counter","v":[[1,2,3]]}',
        '{"~":"defaultdict","factory":1,"v":[]}',
        '{"~":"fraction","v":[1,0]}',
        '{"~":"fraction","v":["1","2"]}',
        '{"~":"memory","t":"h","size":8,"v":""}',
        '{"~":"memory","t":"h","size":2,"v":"AQ=="}',
        '{"~":"memory","t":"x","size":1,"v":""}',
        '{"~":"memoryview","t":"B","size":1,"shape":[3],"readonly":true,"v":"YWI="}',
        '{"~":"memoryview","t":"h","size":8,"shape":[1],"readonly":true,"v":"YWI="}',
        '{"~":"memoryview","t":"B","size":1,"shape":[-1],"readonly":true,"v":""}',
    ],
)
def test_text_that_fits_no_such_value_is_refused(text: str) -> None:
    """Bounds, sizes, shapes and factories that do not fit are the typed error."""
    with pytest.raises(ValueUnloadable):
        decode(text)
