"""Filters: keyword arguments such as ``status="completed"`` or ``created=">=-7d"``, read into a `Query`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from runlore.errors import QueryInvalid
from runlore.model.query import KEYED, AnyOf, Condition, Filter, Not, Operator, Query
from runlore.model.status import Status
from runlore.model.suggest import did_you_mean
from runlore.recall.search.comparisons import RANGES, TEXTUAL, compared, has_no_value, one_of
from runlore.recall.search.fields import GROUPS, Field, Name, field_called, names_of, path_of, unknown
from runlore.recall.search.operands import bound, operand, scalar, shortly

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
_OPERATOR_FORM = re.compile(r"([a-z_]+):(.*)\Z", re.DOTALL)
_SEVERAL = (list, tuple, set, frozenset)
#: Keywords about tags, and what they ask of several.
_TAGS: dict[str, Callable[[Field, list[Any]], Filter]] = {
    "any_tags": lambda field, tags: one_of(field, tags),
    "no_tags": lambda field, tags: Not(one_of(field, tags)),
}


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
    demand every tag, ``any_tags`` one, ``no_tags`` none. ``run_metadata``, ``parameters`` and ``metrics`` take
    ``["key:op:value", …]`` or a dict. ``where`` is a filter as a text, or a list of them:
    `docs/design/search.md`.
    """
    parts: list[Filter] = []
    for name, wanted in filters.items():
        if name == "where":
            parts.extend(_where(noun, wanted))
        else:
            parts.extend(_parts(noun, name, wanted))
    order, descending = _order(noun, sort_by)
    if logical_operator not in ("and", "or"):
        raise QueryInvalid(f"logical_operator is 'and' or 'or', not {logical_operator!r}.")
    chosen = (AnyOf(tuple(parts)),) if logical_operator == "or" and parts else tuple(parts)
    return Query(noun=noun, conditions=chosen, order=order, descending=descending)


def named(noun: str, name: str, wanted: Any) -> tuple[Filter, ...]:
    """What has ``wanted`` for a name: one that holds a colon needs no operator before it."""
    found = _OPERATOR_FORM.match(wanted) if isinstance(wanted, str) else None
    if found is not None and found[1] not in OPERATORS:
        return (Condition(name, Operator.EQ, wanted),)
    return tuple(_parts(noun, name, wanted))


def filter_names(noun: str) -> tuple[str, ...]:
    """Every keyword that filters this noun."""
    groups = [name for name in ("parameters", "metadata", "metrics") if f"{name}.<name>" in names_of(noun)]
    return (*names_of(noun), *_TAGS, "where", *groups)


def _where(noun: str, wanted: Any) -> list[Filter]:
    from runlore.recall.search.where import where  # not needed by most lists

    texts = wanted if isinstance(wanted, (list, tuple)) else [] if wanted is None else [wanted]
    return [where(noun, text) for text in texts]


def _parts(noun: str, name: str, wanted: Any) -> Iterator[Filter]:
    if name in GROUPS and GROUPS[name] in KEYED.get(noun, ()):
        yield from _keyed(noun, name, wanted)
        return
    if name in ("tag", "tags") or name in _TAGS:
        field = field_called(noun, [Name("tag")])
        tags = list(wanted) if isinstance(wanted, _SEVERAL) else [wanted]
        if name in _TAGS:
            yield _TAGS[name](field, [operand("text", tag, about=_about(name)) for tag in tags])
        else:
            for tag in tags:
                yield _condition(field, tag, name)
        return
    try:
        field = _field(noun, name)
    except QueryInvalid:
        if "." in name or name in names_of(noun):
            raise
        what = str(unknown(noun, name)).partition(".")[0]
        if name == "limit":
            raise QueryInvalid(f"{what}. The first {shortly(wanted)} of a list are list[:{shortly(wanted)}].") from None
        raise QueryInvalid(f"{what}.{did_you_mean(name, filter_names(noun), limit=40)}") from None
    yield from _comparisons(field, wanted, name)


def _field(noun: str, name: str, verb: str = "filtered") -> Field:
    if '"' in name or "'" in name:
        from runlore.recall.search.where import field_in  # rarely needed

        return field_in(noun, name, verb=verb)
    return field_called(noun, path_of(name), verb=verb)


def _about(name: str) -> str:
    return f"Filter {name}: "


def _comparisons(field: Field, wanted: Any, name: str) -> Iterator[Filter]:
    if isinstance(wanted, _SEVERAL):
        items = list(wanted)
        if items and all(isinstance(item, str) and _is_comparison(item) for item in items):
            for item in items:
                yield _condition(field, item, name)
        else:
            yield one_of(field, items, about=_about(name))
        return
    yield _condition(field, wanted, name)


def _is_comparison(text: str) -> bool:
    found = _OPERATOR_FORM.match(text)
    return text.startswith(tuple(_SIGNS)) or (found is not None and found[1] in OPERATORS)


def _condition(field: Field, wanted: Any, name: str) -> Filter:
    about = _about(name)
    if not isinstance(wanted, str) or isinstance(wanted, Status):
        if isinstance(wanted, _SEVERAL):
            return one_of(field, wanted, about=about)
        return compared(field, Operator.EQ, wanted, about=about)
    operator, text, word = _split(wanted, name, strict=not field.several)
    if operator is Operator.NULL:
        return has_no_value(field, holds=(word == "isnull") == (text.strip().lower() not in ("false", "0")))
    if operator is Operator.IN:
        return one_of(field, _listed(text, name), about=about)
    if operator is Operator.NOT_IN:
        values = tuple(operand(field.kind, item, about=about) for item in _listed(text, name))
        return Condition(field.name, operator, values)
    if field.kind == "fact" and operator not in TEXTUAL:
        return compared(field, operator, bound(text) if operator in RANGES else scalar(text), about=about)
    return compared(field, operator, text, about=about)


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
        f"Filter {name}={shortly(text)}: {shortly(found[1])} is not an operator."
        f"{did_you_mean(found[1][:40], OPERATORS, limit=20)} "
        f"To compare with the text itself, write 'equals:{text[:60]}'."
    )


def _listed(text: str, name: str) -> list[Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = [part.strip() for part in text.split(",")]
    if not isinstance(value, list):
        raise QueryInvalid(f'Filter {name}: {shortly(text)} must be a list, such as \'oneof:["a", "b"]\'.')
    return value


def _keyed(noun: str, name: str, wanted: Any) -> Iterator[Filter]:
    if isinstance(wanted, str):
        wanted = [wanted]
    if isinstance(wanted, Mapping):
        pairs = list(wanted.items())
    elif isinstance(wanted, (list, tuple)):
        pairs = [_key_and_rest(item, name) for item in wanted]
    else:
        raise QueryInvalid(f"Filter {name} takes a dict or texts such as 'accuracy:gte:0.9', not {shortly(wanted)}.")
    for key, rest in pairs:
        path = path_of(str(key)) if "metric" in name else [Name(str(key), quoted=True)]
        yield _condition(field_called(noun, [Name(name), *path]), rest, name)


def _key_and_rest(item: Any, name: str) -> tuple[str, str]:
    key, colon, rest = item.partition(":") if isinstance(item, str) else ("", "", "")
    if not key or not colon:
        raise QueryInvalid(f"Filter {name}: {shortly(item)} must be 'key:value' or 'key:operator:value'.")
    return key, rest


def _order(noun: str, sort_by: str | None) -> tuple[str | None, bool]:
    if sort_by is None:
        return None, True
    if not isinstance(sort_by, str):
        raise QueryInvalid(f"sort_by is a field, such as 'desc:created', not {shortly(sort_by)}.")
    direction, colon, name = sort_by.partition(":")
    if not colon:
        direction, name = "asc", sort_by
    if direction not in ("asc", "desc"):
        raise QueryInvalid(f"sort_by={shortly(sort_by)} begins with 'asc:' or 'desc:', not {shortly(direction)}.")
    field = _field(noun, name, "sorted")
    if field.several or field.name.startswith("artifact."):
        what = str(unknown(noun, name, "sorted")).partition(".")[0]
        raise QueryInvalid(f"{what}, of which each may have several values.")
    return field.name, direction == "desc"
