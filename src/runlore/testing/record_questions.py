"""Questions: every field of every noun, with every operator and kind of operand that it can be asked with."""

from __future__ import annotations

from datetime import timedelta, timezone
from functools import cache
from typing import Any
from uuid import UUID

from hypothesis import strategies as st

from runlore.model.query import FIELDS, KEYED, SEVERAL, AllOf, AnyOf, Condition, Filter, Not, Operator, Query, about
from runlore.model.status import Status
from runlore.testing.record_stories import at

#: Few and close to each other, so that questions meet what is there.
WORDS = ["", "a", "A", "ab", "b", "é", "x.y", "7", "1", "%", "\uffff", "\U0001f600", "a\x00b", "\x00"]
NUMBERS: list[Any] = [
    -1,
    0,
    1,
    2,
    3,
    7,
    0.5,
    1.0,
    2.5,
    -0.0,
    1e300,
    float("inf"),
    float("-inf"),
    2**53 + 1,
    2**70,
    True,
]
NAMES = ["m", "m.x", "m.x.y", "loss", "lr"]
#: What the fields of a run can be about: two steps, an artifact, and one of each that there is not.
ABOUT = {"step": ["first", "second", "fir"], "artifact": ["a", "ab", "b"]}
#: Moments, also one that is not in UTC, and one with microseconds.
MOMENTS = [*(at(second) for second in range(8)), at(2.5).astimezone(timezone(timedelta(hours=5))), at(3.000001)]

_ORDERED = (Operator.EQ, Operator.NE, Operator.LT, Operator.LE, Operator.GT, Operator.GE)
_TEXTUAL = (Operator.CONTAINS, Operator.NOT_CONTAINS, Operator.STARTSWITH, Operator.ENDSWITH)
_SEVERAL = (Operator.IN, Operator.NOT_IN)


def id_of(number: int) -> UUID:
    """Ids that are the same whenever a history is told again, and in no order."""
    return UUID(int=(number + 1) * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128)


_NAN = float("nan")
_IDS = st.integers(0, 12).map(id_of)
#: Operands by kind of field.
_OPERANDS: dict[str, st.SearchStrategy[Any]] = {
    "text": st.sampled_from([*WORDS, *(f"run-{number}" for number in range(4)), "manual", "output", "json", "sha256:"]),
    "int": st.sampled_from([*NUMBERS, _NAN]) | st.integers(0, 20),
    "float": st.sampled_from([*NUMBERS, _NAN]),
    "bool": st.booleans(),
    "status": st.sampled_from([*Status, *map(str, Status)]),
    "uuid": _IDS | _IDS.map(str),
    "time": st.sampled_from(MOMENTS),
    "fact": st.sampled_from([*NUMBERS, *WORDS, _NAN]),
}
_PREFIXES = st.sampled_from(["", "9e3779b9-7f4a", "3", "F", "00", "x"])


# Strategies are made once, from tuples: `st.builds` would look for the signature of a noun again and again.


@cache
def conditions(noun: str) -> st.SearchStrategy[Condition]:
    """Any condition that a noun can be asked about."""
    keyed = dict.fromkeys((field for prefix in KEYED.get(noun, ()) for field in _under(prefix, NAMES)), "fact")
    several = [field for field in keyed if field.startswith(("metadata", "metric"))] + [*SEVERAL]
    fields = FIELDS[noun] | keyed
    weighted = st.sampled_from([*fields, *(field for field in several if field in fields)])
    return weighted.flatmap(lambda field: _condition(field, fields[field]))


def _under(prefix: str, keys: list[str]) -> list[str]:
    names = ABOUT.get(prefix.partition(".")[0])
    if names is None:
        return [f"{prefix}:{key}" for key in keys]
    return [about(prefix, name, key) for name in names for key in keys[:2]]


@cache
def _condition(field: str, kind: str) -> st.SearchStrategy[Condition]:
    operands = _OPERANDS[kind]
    built: list[st.SearchStrategy[tuple[Operator, Any]]] = [
        st.tuples(st.sampled_from(_ORDERED), operands),
        st.tuples(st.sampled_from(_SEVERAL), st.lists(operands, max_size=3).map(tuple)),
        st.tuples(st.just(Operator.NULL), st.booleans()),
    ]
    if kind in ("text", "fact"):
        built.append(st.tuples(st.sampled_from(_TEXTUAL), st.sampled_from(WORDS)))
    if kind == "uuid":
        built.append(st.tuples(st.just(Operator.STARTSWITH), _PREFIXES))
    return st.one_of(built).map(lambda compared: Condition(field, *compared))


@cache
def filters(noun: str) -> st.SearchStrategy[Filter]:
    """A condition, or several put together in any way."""

    def compound(inner: st.SearchStrategy[Filter]) -> st.SearchStrategy[Filter]:
        parts = st.lists(inner, max_size=3).map(tuple)
        return st.one_of(parts.map(AnyOf), parts.map(AllOf), inner.map(Not))

    return st.one_of(conditions(noun), st.recursive(conditions(noun), compound, max_leaves=4))


@cache
def queries() -> st.SearchStrategy[Query]:
    """Any question: any conditions, any order, pages of any size."""
    return st.sampled_from(["run", "run", "run", "version", "version", "pipeline", "artifact"]).flatmap(_queries)


@cache
def _queries(noun: str) -> st.SearchStrategy[Query]:
    orders = [field for field in FIELDS[noun] if field not in SEVERAL]
    prefixes = [prefix for prefix in KEYED.get(noun, ()) if not prefix.startswith("artifact.")]
    orders += [field for prefix in prefixes for field in _under(prefix, ["m", "loss", "lr"])]
    parts = st.tuples(
        st.lists(filters(noun), max_size=3).map(tuple),
        st.none() | st.sampled_from(orders),
        st.booleans(),
        st.booleans(),
        st.integers(1, 8),
    )

    def query(given: tuple[tuple[Filter, ...], str | None, bool, bool, int]) -> Query:
        conditions, order, descending, missing_first, limit = given
        return Query(
            noun=noun,
            conditions=conditions,
            order=order,
            descending=descending,
            missing_first=missing_first,
            limit=limit,
        )

    return parts.map(query)
