"""Queries: what every store checks in one, and how a place in a list is written down."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from runlore.errors import QueryInvalid
from runlore.model.query import FIELDS, KEYED, SEVERAL, AllOf, AnyOf, Condition, Filter, Not, Operator, Query
from runlore.model.status import Status
from runlore.model.suggest import did_you_mean

_TEXTUAL = (Operator.CONTAINS, Operator.NOT_CONTAINS, Operator.STARTSWITH, Operator.ENDSWITH)

_RANGES = (Operator.LT, Operator.LE, Operator.GT, Operator.GE)
_POSITIVE = (*_RANGES, Operator.EQ)
#: How large a question may be: comparisons in it, parts on one level, values listed, and how deep it is nested.
MOST_CONDITIONS, MOST_PARTS, MOST_VALUES, DEEPEST = 200, 1_000, 5_000, 50

#: A part of what must hold at once: ranges over one field (or one comparison), alternatives, or an opposite.
Term = tuple[Condition, ...] | AnyOf | Not


def checked_query(query: Query) -> None:
    """Raise `QueryInvalid` for anything that the noun cannot be asked."""
    fields = FIELDS.get(query.noun)
    if fields is None:
        raise QueryInvalid(f"There is nothing called {query.noun!r} to ask for." + did_you_mean(query.noun, FIELDS))
    _checked_size(query.conditions)
    for condition in _conditions_in(query.conditions):
        _checked_condition(query.noun, fields, condition)
    if query.order is not None:
        _checked_order(query.noun, fields, query.order)
    if query.limit < 1:
        raise QueryInvalid(f"A page holds at least one answer; the limit is {query.limit}.")


def _checked_order(noun: str, fields: dict[str, str], order: str) -> None:
    prefix, separator, _ = order.partition(":")
    if separator and prefix in KEYED.get(noun, ()) and not prefix.startswith("artifact."):
        return
    if order not in fields or order in SEVERAL:
        known = [name for name in fields if name not in SEVERAL]
        known += [f"{prefix}:<name>" for prefix in KEYED.get(noun, ())]
        raise QueryInvalid(f"A {noun} cannot be sorted by {order!r}." + did_you_mean(order, known))


def _checked_size(parts: Sequence[Filter]) -> None:
    if _depth_exceeds(parts, DEEPEST):
        raise QueryInvalid(f"The question is nested more than {DEEPEST} deep. Ask for less at once.")
    conditions = list(_conditions_in(parts))
    if len(conditions) > MOST_CONDITIONS:
        raise QueryInvalid(
            f"The question has {len(conditions)} comparisons; at most {MOST_CONDITIONS} can be made at once."
        )
    values = sum(len(one.operand) for one in conditions if isinstance(one.operand, tuple))
    if values > MOST_VALUES:
        raise QueryInvalid(f"The question lists {values} values; at most {MOST_VALUES} can be looked for at once.")


def _depth_exceeds(parts: Sequence[Filter], most: int) -> bool:
    level: list[Filter] = list(parts)
    for _ in range(most + 1):
        level = [inner for part in level for inner in _parts_of(part)]
        if not level:
            return False
        if len(level) > MOST_PARTS:
            raise QueryInvalid(f"The question has more than {MOST_PARTS} parts. Ask for less at once.")
    return True


def _parts_of(part: Filter) -> Sequence[Filter]:
    if isinstance(part, Not):
        return (part.part,)
    return part.parts if isinstance(part, (AllOf, AnyOf)) else ()


def _conditions_in(parts: Iterable[Filter]) -> Iterable[Condition]:
    for part in parts:
        if isinstance(part, Condition):
            yield part
        elif isinstance(part, (AllOf, AnyOf, Not)):
            yield from _conditions_in(_parts_of(part))
        else:
            raise QueryInvalid(f"A question is made of Condition, AllOf, AnyOf and Not, not of {part!r}.")


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


def terms(parts: Iterable[Filter]) -> list[Term]:
    """What must hold at once, flattened; comparisons that one value must meet together stand in one term.

    Those are ranges over one field: "at least 0.8" and "below 0.9" mean a value between them, whatever else stands
    under the key.
    """
    groups: dict[object, list[Condition]] = {}
    others: list[Term] = []
    for part in _flat(parts):
        if not isinstance(part, Condition):
            others.append(part)
            continue
        together = part.operator in _RANGES and part.field not in SEVERAL
        groups.setdefault(part.field if together else len(groups), []).append(part)
    return [*(tuple(group) for group in groups.values()), *others]


def never(term: object) -> bool:
    """Whether nothing can meet a term: one of no values, or a range to a number that compares with none."""
    if isinstance(term, AnyOf):
        return not term.parts
    if not isinstance(term, tuple):
        return False
    return any(
        (one.operator is Operator.IN and one.operand == ())
        or (one.operator in _POSITIVE and isinstance(one.operand, float) and math.isnan(one.operand))
        for one in term
    )


def _flat(parts: Iterable[Filter]) -> Iterable[Condition | AnyOf | Not]:
    for part in parts:
        if isinstance(part, AllOf):
            yield from _flat(part.parts)
        elif isinstance(part, AnyOf) and len(part.parts) == 1:
            yield from _flat(part.parts)
        elif isinstance(part, Not) and isinstance(part.part, Not):
            yield from _flat((part.part.part,))
        else:
            yield part


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
