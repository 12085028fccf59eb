"""Queries: what every store checks in one, and how a place in a list is written down."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from runlore.errors import QueryInvalid
from runlore.model.query import FIELDS, KEYED, SEVERAL, Condition, Operator, Query
from runlore.model.status import Status
from runlore.model.suggest import did_you_mean

_TEXTUAL = (Operator.CONTAINS, Operator.NOT_CONTAINS, Operator.STARTSWITH, Operator.ENDSWITH)

_RANGES = (Operator.LT, Operator.LE, Operator.GT, Operator.GE)


def checked_query(query: Query) -> None:
    """Raise `QueryInvalid` for anything that the noun cannot be asked."""
    fields = FIELDS.get(query.noun)
    if fields is None:
        raise QueryInvalid(f"There is nothing called {query.noun!r} to ask for." + did_you_mean(query.noun, FIELDS))
    for condition in query.conditions:
        _checked_condition(query.noun, fields, condition)
    if query.order is not None and (query.order not in fields or query.order in SEVERAL):
        sortable = [name for name in fields if name not in SEVERAL]
        raise QueryInvalid(f"A {query.noun} cannot be sorted by {query.order!r}." + did_you_mean(query.order, sortable))
    if query.limit < 1:
        raise QueryInvalid(f"A page holds at least one answer; the limit is {query.limit}.")


def has_no_answer(query: Query) -> bool:
    """Whether a query asks for one of no values, beside whatever else must hold."""
    return not query.any and any(one.operator is Operator.IN and one.operand == () for one in query.conditions)


def _checked_condition(noun: str, fields: dict[str, str], condition: Condition) -> None:
    prefix, separator, _ = condition.field.partition(":")
    operator, operand = condition.operator, condition.operand
    keyed = bool(separator) and prefix in KEYED.get(noun, ())
    if not keyed and condition.field not in fields:
        known = [*fields, *(f"{prefix}:<name>" for prefix in KEYED.get(noun, ()))]
        raise QueryInvalid(f"A {noun} has no field {condition.field!r}." + did_you_mean(condition.field, known))
    if operator is Operator.NULL:
        if not isinstance(operand, bool):
            raise QueryInvalid(f"{condition.field!r} null takes true or false, not {operand!r}.")
        return
    several = operator in (Operator.IN, Operator.NOT_IN)
    if several and not isinstance(operand, tuple):
        raise QueryInvalid(f"{condition.field!r} {operator} takes a tuple of values, not {operand!r}.")
    kind = "fact" if keyed else fields[condition.field]
    for value in operand if isinstance(operand, tuple) and several else (operand,):
        _checked_value(condition.field, kind, operator, value)


def _checked_value(field: str, kind: str, operator: Operator, value: object) -> None:
    if operator in _TEXTUAL:
        if kind not in ("text", "fact") and not (kind == "uuid" and operator is Operator.STARTSWITH):
            raise QueryInvalid(f"{field!r} is no text and cannot be compared by {operator}.")
        fine, wanted = isinstance(value, str), "a str"
    elif kind == "text":
        fine, wanted = isinstance(value, str), "a str"
    elif kind == "status":
        fine, wanted = isinstance(value, str) and value in tuple(Status), "a status, such as 'completed'"
    elif kind == "uuid":
        fine, wanted = isinstance(value, UUID) or (isinstance(value, str) and _is_uuid(value)), "a UUID"
    elif kind == "time":
        fine, wanted = isinstance(value, datetime) and value.tzinfo is not None, "a datetime with a time zone"
    elif kind == "bool":
        fine, wanted = isinstance(value, bool), "true or false"
    elif kind == "fact":
        fine, wanted = isinstance(value, (int, float, str)), "a number, bool or str"
    else:
        fine, wanted = isinstance(value, (int, float)), "a number"
    if not fine:
        raise QueryInvalid(f"{field!r} is compared with {wanted}, not with {value!r}.")


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def grouped(query: Query) -> list[tuple[Condition, ...]]:
    """The conditions of a query, with those in one group that a single value must meet: ranges over one field.

    So "at least 0.8" and "below 0.9" mean a value between them, whatever else stands under the key.
    """
    groups: dict[object, list[Condition]] = {}
    for number, condition in enumerate(query.conditions):
        together = condition.operator in _RANGES and condition.field not in SEVERAL and not query.any
        groups.setdefault(condition.field if together else number, []).append(condition)
    return [tuple(group) for group in groups.values()]


# -- cursors ---------------------------------------------------------------------------------------------------------


def cursor_text(values: list[Any]) -> str:
    """A place in the order, as text; bytes travel as hex."""
    return json.dumps([{"x": value.hex()} if isinstance(value, bytes) else value for value in values])


def cursor_values(text: str, length: int) -> list[Any]:
    """Undo `cursor_text`, or raise `QueryInvalid`."""
    try:
        values = [bytes.fromhex(value["x"]) if isinstance(value, dict) else value for value in json.loads(text)]
        if len(values) != length or not isinstance(values[-1], int):
            raise ValueError(text)
    except (ValueError, TypeError, KeyError) as error:
        raise QueryInvalid(f"{text!r} is not a place in this list; pass the cursor of the page before.") from error
    return values
