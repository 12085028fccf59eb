"""Comparisons: a field, an operator and what a user wrote, as a filter of the record."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from runlore.errors import QueryInvalid
from runlore.model.query import AllOf, AnyOf, Condition, Filter, Not, Operator
from runlore.recall.search.fields import Field
from runlore.recall.search.operands import from_now, operand, shortly, whole_day

RANGES = frozenset({Operator.LT, Operator.LE, Operator.GT, Operator.GE})
TEXTUAL = frozenset({Operator.CONTAINS, Operator.NOT_CONTAINS, Operator.STARTSWITH, Operator.ENDSWITH})


def compared(field: Field, operator: Operator, value: Any, *, about: str = "") -> Filter:
    """One comparison with one value; ``None`` is no value. Raises `QueryInvalid`, which begins with ``about``."""
    if operator in TEXTUAL:
        return Condition(field.name, operator, _text(field, operator, value, about))
    if value is None:
        if operator not in (Operator.EQ, Operator.NE):
            raise QueryInvalid(f"{about}null is only compared by = and !=.")
        return has_no_value(field, holds=operator is Operator.EQ)
    day = whole_day(value) if field.kind == "time" and operator in (Operator.EQ, Operator.NE) else None
    if day is not None:
        within = AllOf((Condition(field.name, Operator.GE, day[0]), Condition(field.name, Operator.LT, day[1])))
        return within if operator is Operator.EQ else Not(within)
    if field.kind == "time" and operator in (Operator.EQ, Operator.NE) and from_now(value):
        raise QueryInvalid(f"{about}{value} is a moment, which nothing equals; what came since is >{value}.")
    if field.kind == "fact" and isinstance(value, (int, float)) and operator is Operator.EQ and value != value:
        raise QueryInvalid(f"{about}nan equals nothing.")
    return Condition(field.name, operator, operand(field.kind, value, about=about))


def one_of(field: Field, values: Iterable[Any], *, about: str = "") -> Filter:
    """Equality with any of several values."""
    found = list(values)
    apart = [value is None or (field.kind == "time" and whole_day(value) is not None) for value in found]
    plain = [value for value, special in zip(found, apart, strict=True) if not special]
    parts = [
        compared(field, Operator.EQ, one, about=about) for one, special in zip(found, apart, strict=True) if special
    ]
    if plain or not found:
        operands = tuple(operand(field.kind, value, about=about) for value in plain)
        parts.append(Condition(field.name, Operator.IN, operands))
    return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))


def all_of_tags(field: Field, values: Iterable[Any], *, about: str = "") -> Filter:
    """Each of several values is among those of the field."""
    return AllOf(tuple(compared(field, Operator.EQ, value, about=about) for value in values))


def has_no_value(field: Field, *, holds: bool = True) -> Condition:
    """Whether there is no value, or, where that must not hold, one."""
    return Condition(field.name, Operator.NULL, holds)


def _text(field: Field, operator: Operator, value: Any, about: str) -> str:
    fits = field.kind in ("text", "fact") or (field.kind == "uuid" and operator is Operator.STARTSWITH)
    if not fits:
        raise QueryInvalid(f"{about}{field.name!r} is no text and cannot be compared by {operator}.")
    if not isinstance(value, str):
        raise QueryInvalid(f"{about}{operator} takes a text, not {shortly(value)}.")
    return value
