"""Matching: a condition applied to values at hand. The meaning that a store's own language has to reproduce."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from runlore.model.query import FIELDS, Condition, Operator
from runlore.model.status import CODES, Status
from runlore.record.facts import fact_number

_COMPARE: dict[Operator, Callable[[Any, Any], bool]] = {
    Operator.EQ: lambda value, operand: bool(value == operand),
    Operator.LT: lambda value, operand: bool(value < operand),
    Operator.LE: lambda value, operand: bool(value <= operand),
    Operator.GT: lambda value, operand: bool(value > operand),
    Operator.GE: lambda value, operand: bool(value >= operand),
    Operator.CONTAINS: lambda value, operand: operand in value,
    Operator.STARTSWITH: lambda value, operand: bool(value.startswith(operand)),
    Operator.ENDSWITH: lambda value, operand: bool(value.endswith(operand)),
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NEGATED = {Operator.NE: Operator.EQ, Operator.NOT_IN: Operator.IN, Operator.NOT_CONTAINS: Operator.CONTAINS}


def comparable(value: Any) -> Any:
    """The form in which a field's values are compared and sorted."""
    if isinstance(value, Status):
        return CODES.index(value)
    if isinstance(value, UUID):
        return value.bytes
    if isinstance(value, datetime):
        return (value - _EPOCH) // timedelta(microseconds=1)
    return value


def sorted_as(value: object) -> tuple[bool, int, Any]:
    """Whether a searchable value cannot be sorted by, its rank, and what stands for it: numbers before texts."""
    if isinstance(value, str):
        return False, 1, value
    number = fact_number(value)
    return (True, -1, 0) if number is None else (False, 0, number)


def matches_field(noun: str, condition: Condition, value: Any) -> bool:
    """Whether a field's value meets a condition; ``None`` is a missing value."""
    operator, operand = condition.operator, condition.operand
    if operator is Operator.NULL:
        return (value is None) == operand
    if value is None:
        return operator is Operator.NE
    kind = FIELDS[noun][condition.field]
    if kind == "uuid" and operator is Operator.STARTSWITH:
        return bool(value.hex.startswith(str(operand).replace("-", "").lower()))
    return _holds(operator, comparable(value), _operand(kind, operand))


def _operand(kind: str, operand: Any) -> Any:
    if isinstance(operand, tuple):
        return tuple(_operand(kind, value) for value in operand)
    if kind == "uuid":
        return operand.bytes if isinstance(operand, UUID) else UUID(operand).bytes
    return CODES.index(Status(operand)) if kind == "status" else comparable(operand)


def _holds(operator: Operator, value: Any, operand: Any) -> bool:
    if operator in _NEGATED:
        return not _holds(_NEGATED[operator], value, operand)
    if operator is Operator.IN:
        return value in operand
    return _COMPARE[operator](value, operand)


def matches_tags(condition: Condition, tags: Iterable[str]) -> bool:
    """Whether any of many tags meets a condition; a negative operator asks that none does."""
    operator = condition.operator
    names = list(tags)
    if operator is Operator.NULL:
        return (not names) == condition.operand
    if operator in _NEGATED:
        return not any(_holds(_NEGATED[operator], name, condition.operand) for name in names)
    return any(_holds(operator, name, condition.operand) for name in names)


def matches_fact(condition: Condition, *values: object) -> bool:
    """Whether any of the searchable values under a key meets a condition; a negative operator asks that none does.

    Numbers and texts never compare.
    """
    operator, operand = condition.operator, condition.operand
    if operator is Operator.NULL:
        return (not values) == operand
    if not values:
        return operator is Operator.NE
    if operator in _NEGATED:
        return not any(_fact_holds(_NEGATED[operator], value, operand) for value in values)
    return any(_fact_holds(operator, value, operand) for value in values)


def matches_range(conditions: Sequence[Condition], *values: object) -> bool:
    """Whether one of the searchable values under a key meets all of several ranges."""
    return any(all(_fact_holds(c.operator, value, c.operand) for c in conditions) for value in values)


def _fact_holds(operator: Operator, value: object, operand: Any) -> bool:
    if operator is Operator.IN:
        return any(_fact_holds(Operator.EQ, value, one) for one in operand)
    if isinstance(operand, str):
        return isinstance(value, str) and _COMPARE[operator](value, operand)
    known, wanted = fact_number(value), fact_number(operand)
    return known is not None and wanted is not None and _COMPARE[operator](known, wanted)
