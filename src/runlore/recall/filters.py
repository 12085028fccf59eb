"""Filters: keyword arguments such as ``status="completed"`` or ``created=">=2026-11-01"``, read into a `Query`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from runlore.errors import QueryInvalid
from runlore.model.query import FIELDS, KEYED, SEVERAL, AnyOf, Condition, Operator, Query
from runlore.model.status import Status
from runlore.model.suggest import did_you_mean

#: Words before the colon of ``"gte:0.9"``.
OPERATORS: dict[str, Operator] = {
    "equals": Operator.EQ,
    "notequals": Operator.NE,
    "contains": Operator.CONTAINS,
    "notcontains": Operator.NOT_CONTAINS,
    "startswith": Operator.STARTSWITH,
    "endswith": Operator.ENDSWITH,
    "oneof": Operator.IN,
    "notoneof": Operator.NOT_IN,
    "in": Operator.IN,
    "isnull": Operator.NULL,
    "isnotnull": Operator.NULL,
    "gte": Operator.GE,
    "gt": Operator.GT,
    "lte": Operator.LE,
    "lt": Operator.LT,
    "eq": Operator.EQ,
    "ne": Operator.NE,
    "ge": Operator.GE,
    "le": Operator.LE,
}
_SIGNS = {
    ">=": Operator.GE,
    "<=": Operator.LE,
    "!=": Operator.NE,
    "==": Operator.EQ,
    ">": Operator.GT,
    "<": Operator.LT,
}
#: Other names that filters are known by in the field.
ALIASES: dict[str, dict[str, str]] = {
    "pipeline": {},
    "run": {"pipeline_name": "pipeline", "start_time": "created", "end_time": "ended"},
    "artifact": {},
    "version": {"name": "artifact", "artifact_name": "artifact", "data_type": "type"},
}
_KEYED_ARGUMENTS = {"run_metadata": "metadata", "metadata": "metadata", "parameters": "parameter"}
_OPERATOR_FORM = re.compile(r"([a-z_]+):(.*)\Z", re.DOTALL)
_TEXTUAL = frozenset({Operator.CONTAINS, Operator.NOT_CONTAINS, Operator.STARTSWITH, Operator.ENDSWITH})


def query_from(
    noun: str,
    filters: Mapping[str, Any],
    *,
    sort_by: str | None = None,
    logical_operator: str = "and",
) -> Query:
    """Build the query that ``filters`` describe. Raises `QueryInvalid` for whatever is not known, saying what is.

    Each filter is a value (equal to it), a list (any of them), ``None`` (has none), ``"op:value"`` with an operator
    of `OPERATORS`, or ``">=value"`` and its like; a list of such comparisons demands all of them. ``tag`` and ``tags``
    demand every tag. ``run_metadata`` and ``parameters`` take ``["key:op:value", …]`` or a dict; a run has
    the metadata of its steps as well, unless it has its own under that key.
    """
    conditions: list[Condition] = []
    for name, wanted in filters.items():
        conditions.extend(_conditions(noun, name, wanted))
    order, descending = _order(noun, sort_by)
    if logical_operator not in ("and", "or"):
        raise QueryInvalid(f"logical_operator is 'and' or 'or', not {logical_operator!r}.")
    chosen = (AnyOf(tuple(conditions)),) if logical_operator == "or" and conditions else tuple(conditions)
    return Query(noun=noun, conditions=chosen, order=order, descending=descending)


def _conditions(noun: str, name: str, wanted: Any) -> Iterator[Condition]:
    if name in _KEYED_ARGUMENTS and _KEYED_ARGUMENTS[name] in KEYED.get(noun, ()):
        yield from _keyed(_KEYED_ARGUMENTS[name], name, wanted)
        return
    if name in ("tag", "tags"):
        tags = wanted if isinstance(wanted, (list, tuple, set, frozenset)) else [wanted]
        for tag in tags:
            yield _condition("tag", "text", tag, name)
        return
    field = ALIASES[noun].get(name, name)
    kind = FIELDS[noun].get(field)
    if kind is None:
        raise QueryInvalid(f"{_plural(noun)} cannot be filtered by {name!r}.{did_you_mean(name, filter_names(noun))}")
    yield from _comparisons(field, kind, wanted, name)


def filter_names(noun: str) -> tuple[str, ...]:
    """Every keyword that filters this noun."""
    keyed = [name for name, kind in _KEYED_ARGUMENTS.items() if kind in KEYED.get(noun, ())]
    return (*FIELDS[noun], "tags", *ALIASES[noun], *keyed)


def _plural(noun: str) -> str:
    return {"version": "Artifact versions"}.get(noun, noun.capitalize() + "s")


def _comparisons(field: str, kind: str, wanted: Any, name: str) -> Iterator[Condition]:
    if isinstance(wanted, (list, tuple, set, frozenset)):
        items = list(wanted)
        if items and all(isinstance(item, str) and _is_comparison(item) for item in items):
            for item in items:
                yield _condition(field, kind, item, name)
            return
        yield Condition(field, Operator.IN, tuple(_operand(kind, item, name) for item in items))
        return
    yield _condition(field, kind, wanted, name)


def _is_comparison(text: str) -> bool:
    found = _OPERATOR_FORM.match(text)
    return text.startswith(tuple(_SIGNS)) or (found is not None and found[1] in OPERATORS)


def exactly(text: str) -> str:
    """The filter value that means ``text`` itself, whatever operator its beginning looks like."""
    return f"equals:{text}"


def _condition(field: str, kind: str, wanted: Any, name: str) -> Condition:
    if wanted is None:
        return Condition(field, Operator.NULL, True)
    if not isinstance(wanted, str) or isinstance(wanted, Status):
        return Condition(field, Operator.EQ, _operand(kind, wanted, name))
    operator, text, word = _split(wanted, name, strict=field not in SEVERAL)
    if operator is Operator.NULL:
        return Condition(field, operator, (word == "isnull") == (text.strip().lower() not in ("false", "0")))
    if operator in (Operator.IN, Operator.NOT_IN):
        return Condition(field, operator, tuple(_operand(kind, item, name) for item in _listed(text, name)))
    if operator in _TEXTUAL:
        return Condition(field, operator, text)
    return Condition(field, operator, _operand(kind, text, name))


def _split(text: str, name: str, *, strict: bool) -> tuple[Operator, str, str]:
    for sign, operator in _SIGNS.items():
        if text.startswith(sign):
            return operator, text[len(sign) :].strip(), sign
    found = _OPERATOR_FORM.match(text)
    if found is None:
        word = text if text in ("isnull", "isnotnull") else ""
        return (Operator.NULL, "", word) if word else (Operator.EQ, text, "")
    if found[1] in OPERATORS:
        return OPERATORS[found[1]], found[2], found[1]
    if not strict or found[2].startswith(":"):  # pipeline::step::output is a name
        return Operator.EQ, text, ""
    raise QueryInvalid(
        f"Filter {name}={text!r}: {found[1]!r} is not an operator.{did_you_mean(found[1], OPERATORS, limit=20)} "
        f"To compare with the text itself, write 'equals:{text}'."
    )


def _listed(text: str, name: str) -> list[Any]:
    try:
        value = json.loads(text)
    except ValueError:
        value = [part.strip() for part in text.split(",")]
    if not isinstance(value, list):
        raise QueryInvalid(f'Filter {name}: {text!r} must be a list, such as \'oneof:["a", "b"]\'.')
    return value


def _operand(kind: str, value: Any, name: str) -> object:
    try:
        return _READERS[kind](value)
    except (ValueError, TypeError):
        raise QueryInvalid(f"Filter {name}: {value!r} is not {_EXPECTED[kind]}.") from None


def _read_text(value: Any) -> object:
    if isinstance(value, (int, float, UUID)) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise TypeError(value)
    return str(value)


def _read_int(value: Any) -> object:
    if isinstance(value, (bool, float)):
        raise TypeError(value)
    return int(value)


def _read_float(value: Any) -> object:
    if isinstance(value, bool):
        raise TypeError(value)
    return float(value)


def _read_bool(value: Any) -> object:
    known = {"true": True, "1": True, "false": False, "0": False}
    return value if isinstance(value, bool) else known[str(value).lower()] if str(value).lower() in known else int("x")


def _read_status(value: Any) -> object:
    return Status(str(value))


def _read_uuid(value: Any) -> object:
    return value if isinstance(value, UUID) else UUID(str(value))


def _read_time(value: Any) -> object:
    if isinstance(value, datetime):
        moment = value
    elif isinstance(value, date):
        moment = datetime(value.year, value.month, value.day)
    else:
        moment = datetime.fromisoformat(str(value))
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


_READERS: dict[str, Callable[[Any], object]] = {
    "text": _read_text,
    "int": _read_int,
    "float": _read_float,
    "bool": _read_bool,
    "status": _read_status,
    "uuid": _read_uuid,
    "time": _read_time,
}
_EXPECTED = {
    "text": "a text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "status": "a status (" + ", ".join(Status) + ")",
    "uuid": "a full id; for the beginning of one write 'startswith:…'",
    "time": "a time such as '2026-11-01' or '2026-11-01 12:30:00' (UTC unless it says otherwise)",
}


def _keyed(kind: str, name: str, wanted: Any) -> Iterator[Condition]:
    if isinstance(wanted, str):
        wanted = [wanted]
    if isinstance(wanted, Mapping):
        pairs = list(wanted.items())
    elif isinstance(wanted, (list, tuple)):
        pairs = [_key_and_rest(item, name) for item in wanted]
    else:
        raise QueryInvalid(f"Filter {name} takes a dict or texts such as 'accuracy:gte:0.9', not {wanted!r}.")
    for key, rest in pairs:
        yield _keyed_condition(f"{kind}:{key}", rest, name)


def _key_and_rest(item: Any, name: str) -> tuple[str, str]:
    key, colon, rest = item.partition(":") if isinstance(item, str) else ("", "", "")
    if not key or not colon:
        raise QueryInvalid(f"Filter {name}: {item!r} must be 'key:value' or 'key:operator:value'.")
    return key, rest


def _keyed_condition(field: str, wanted: Any, name: str) -> Condition:
    if wanted is None:
        return Condition(field, Operator.NULL, True)
    if isinstance(wanted, (list, tuple)):
        return Condition(field, Operator.IN, tuple(wanted))
    if not isinstance(wanted, str):
        return Condition(field, Operator.EQ, wanted)
    operator, text, word = _split(wanted, name, strict=True)
    if operator is Operator.NULL:
        return Condition(field, operator, word == "isnull")
    if operator in (Operator.IN, Operator.NOT_IN):
        return Condition(field, operator, tuple(_listed(text, name)))
    return Condition(field, operator, text if operator in _TEXTUAL else scalar(text))


def scalar(text: str) -> int | float | bool | str:
    """Read a text as the bool, int or float that it spells, else leave it a str; ``"quoted"`` is always a str."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    if len(text) >= 2 and text[0] == text[-1] == '"':
        return text[1:-1]
    for reader in (int, float):
        try:
            return reader(text)
        except ValueError:
            continue
    return text


def _order(noun: str, sort_by: str | None) -> tuple[str | None, bool]:
    if sort_by is None:
        return None, True
    direction, colon, field = sort_by.partition(":")
    if not colon:
        direction, field = "asc", sort_by
    if direction not in ("asc", "desc"):
        raise QueryInvalid(f"sort_by={sort_by!r} begins with 'asc:' or 'desc:', not {direction!r}.")
    field = ALIASES[noun].get(field, field)
    sortable = [name for name in FIELDS[noun] if name not in SEVERAL]
    if field not in sortable:
        raise QueryInvalid(f"{_plural(noun)} cannot be sorted by {field!r}.{did_you_mean(field, sortable)}")
    return field, direction == "desc"
