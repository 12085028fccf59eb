"""Predicates: what is asked of a noun, as SQL over its tables. Columns come from an allow-list, operands are bound."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from runlore.model.query import FIELDS, AnyOf, Condition, Filter, Not, Operator, keyed_parts
from runlore.model.status import CODES, Status
from runlore.record.facts import fact_number
from runlore.record.queries import Term, terms
from runlore.record.sql.kinds import FACT_KINDS, OWNER_KINDS
from runlore.record.sql.piece import ALWAYS, NEVER, Piece, all_of, any_of
from runlore.record.sql.rows import SAVE_TYPES
from runlore.record.sql.text import micros, pack, pack_digest

_SAVE_TYPE = "case t.save_type " + " ".join(f"when {i} then '{s}'" for i, s in enumerate(SAVE_TYPES)) + " end"
#: Field → expression, for every field of which there is one value.
COLUMNS: dict[str, dict[str, str]] = {
    "pipeline": {"name": "t.name", "id": "t.id", "created": "t.created"},
    "run": {
        "id": "t.uid",
        "seq": "t.seq",
        "name": "t.name",
        "number": "t.number",
        "pipeline": "p.name",
        "pipeline_version": "t.pipeline_version",
        "status": "t.status",
        "created": "t.created",
        "ended": "t.ended",
        "duration": "t.duration",
        "user": "t.user",
        "host": "t.host",
        "git_commit": "t.git_commit",
        "origin": "t.origin",
    },
    "artifact": {"name": "t.name", "id": "t.id", "created": "t.created"},
    "version": {
        "id": "t.uid",
        "seq": "t.seq",
        "artifact": "a.name",
        "version": "coalesce(t.label, cast(t.number as text))",
        "created": "t.created",
        "save_type": _SAVE_TYPE,
        "type": "k.type",
        "materializer": "k.materializer",
        "artifact_type": "k.artifact_type",
        "digest": "t.digest",
        "size": "t.size",
        "run": "t.run",
        "deleted": "t.deleted",
    },
}
#: The column that is the order of creation.
SEQUENCE = {"pipeline": "t.id", "run": "t.seq", "artifact": "t.id", "version": "t.seq"}
#: Fields that a noun may have no value in.
OPTIONAL = frozenset(
    {
        ("run", "ended"),
        ("run", "duration"),
        ("run", "user"),
        ("run", "host"),
        ("run", "git_commit"),
        ("run", "origin"),
        ("version", "run"),
    }
)
#: The number of an interned text.
WORD = "(select id from word where text = ?)"
COMPARE = {Operator.LT: "<", Operator.LE: "<=", Operator.GT: ">", Operator.GE: ">="}
_NEGATED = {
    Operator.NE: Operator.EQ,
    Operator.NOT_IN: Operator.IN,
    Operator.NOT_CONTAINS: Operator.CONTAINS,
}

#: Operators that compare the text of a digest, which is kept as bytes; the others compare these.
_AS_TEXT = frozenset({*COMPARE, Operator.CONTAINS, Operator.NOT_CONTAINS, Operator.STARTSWITH, Operator.ENDSWITH})
_DIGEST = "case typeof(t.digest) when 'blob' then 'sha256:' || lower(hex(t.digest)) else t.digest end"

#: What a statement demands: terms of a question, or what is demanded besides.
Wanted = Term | Piece


def term_predicate(noun: str, term: Wanted) -> Piece:
    """Whether a noun meets a term."""
    if isinstance(term, Piece):
        return term
    if isinstance(term, AnyOf):
        return any_of([filter_predicate(noun, part) for part in term.parts])
    if isinstance(term, Not):
        piece = filter_predicate(noun, term.part)
        return Piece(f"({piece.sql}) is not true", piece.values)  # a comparison with no value is neither
    return predicate(noun, *term)


def filter_predicate(noun: str, part: Filter) -> Piece:
    """Whether a noun meets all of a filter."""
    return all_of([term_predicate(noun, term) for term in terms((part,))])


def predicate(noun: str, *conditions: Condition) -> Piece:
    """A condition, or several ranges over one field, as a predicate over the noun's tables."""
    condition = conditions[0]
    if ":" in condition.field:
        return _fact_predicate(_has(noun, condition.field), conditions)
    if len(conditions) > 1:
        return all_of([predicate(noun, one) for one in conditions])
    if condition.field == "tag":
        rows = f"tag g where g.kind = {OWNER_KINDS.index(noun)} and g.owner = {SEQUENCE[noun]}"
        return _label_predicate(condition, rows)
    if condition.field == "alias":
        return _label_predicate(condition, "alias g where g.version = t.seq")
    kind = FIELDS[noun][condition.field]
    if noun == "run" and condition.field == "pipeline" and condition.operator is Operator.EQ:
        return Piece("t.pipeline = (select id from pipeline where name = ?)", (pack(str(condition.operand)),))
    if noun == "version" and condition.field == "artifact" and condition.operator is Operator.EQ:
        return Piece("t.artifact = (select id from artifact where name = ?)", (pack(str(condition.operand)),))
    column = COLUMNS[noun][condition.field]
    if kind == "uuid" and condition.operator is Operator.STARTSWITH:
        return _uuid_prefix(column, str(condition.operand))
    if condition.field == "digest" and condition.operator in _AS_TEXT:
        return _compare(_DIGEST, condition.operator, condition.operand, pack)
    return _compare(column, condition.operator, condition.operand, _packer(condition.field, kind))


def _packer(field: str, kind: str) -> Callable[[Any], Any]:
    if kind == "time":
        return micros
    if kind == "status":
        return lambda value: CODES.index(Status(value))
    if kind == "uuid":
        return lambda value: value.bytes if isinstance(value, UUID) else UUID(value).bytes
    if field == "digest":
        return pack_digest
    if kind == "text":
        return pack
    if kind in ("int", "float"):
        return fact_number
    return int


def _compare(column: str, operator: Operator, operand: Any, packed: Callable[[Any], Any]) -> Piece:
    if operator is Operator.NULL:
        return Piece(f"{column} is null" if operand else f"{column} is not null")
    if operator in (Operator.IN, Operator.NOT_IN):
        values = tuple(known for value in operand if (known := packed(value)) is not None)  # NaN is nobody's value
        if operator is Operator.NOT_IN:
            return Piece(f"({column} is not null and {column} not in ({', '.join('?' * len(values))}))", values)
        return _one_of(column, values) if values else NEVER
    value = packed(operand)
    if value is None:
        return ALWAYS if operator is Operator.NE else NEVER
    if operator is Operator.EQ:
        return Piece(f"{column} = ?", (value,))
    if operator is Operator.NE:
        return Piece(f"{column} is not ?", (value,))
    if operator in COMPARE:
        return Piece(f"{column} {COMPARE[operator]} ?", (value,))
    if operator is Operator.STARTSWITH:
        return _has_part(column, str(operand), "1, ?")
    if operator is Operator.ENDSWITH:
        return _has_part(column, str(operand), "-?")
    found = "> 0" if operator is Operator.CONTAINS else "= 0"
    return Piece(f"instr({column}, ?) {found}", (value,))


def _has_part(column: str, part: str, place: str) -> Piece:
    """Whether a text has a part at its beginning or end; as bytes, since for a text NUL is its end."""
    data = part.encode("utf-8", "surrogatepass")
    if not data:
        return Piece(f"{column} is not null")
    return Piece(f"substr(cast({column} as blob), {place}) = ?", (len(data), data))


def _uuid_prefix(column: str, prefix: str) -> Piece:
    digits = prefix.replace("-", "").lower()
    if len(digits) > 32 or any(digit not in "0123456789abcdef" for digit in digits):
        return NEVER
    low, high = digits.ljust(32, "0"), digits.ljust(32, "f")
    return Piece(f"{column} between ? and ?", (bytes.fromhex(low), bytes.fromhex(high)))


def _label_predicate(condition: Condition, rows: str) -> Piece:
    """Many labels, interned, in ``rows`` of ``g``: a negative operator asks that none of them matches."""
    operator, operand = condition.operator, condition.operand
    if operator is Operator.EQ:
        return Piece(f"exists (select 1 from {rows} and g.word = {WORD})", (pack(str(operand)),))
    if operator is Operator.NULL:
        inner, holds = Piece("1"), not operand
    else:
        inner = _compare("w.text", _NEGATED.get(operator, operator), operand, pack)
        holds = operator not in _NEGATED
    table, _, where = rows.partition(" where ")
    return Piece(
        ("" if holds else "not ")
        + f"exists (select 1 from {table} join word w on w.id = g.word where {where} and {inner.sql})",
        inner.values,
    )


def _has(noun: str, field: str) -> Piece:
    """The beginning of a test for a fact ``f`` under a key; what it must be follows, and a parenthesis."""
    prefix, name, key = keyed_parts(field)
    tables, owner = "fact f", SEQUENCE[noun]
    where = Piece(f"f.kind = {FACT_KINDS[noun, prefix]} and f.key = {WORD}", (pack(key),))
    if prefix.startswith("artifact."):
        tables, owner = "version v cross join fact f", "v.seq"
        where = all_of([made_by_run(str(name), SEQUENCE[noun]), where])
    elif name is not None:
        where = all_of([where, noted_by(name)])
    return Piece(f"exists (select 1 from {tables} where f.owner = {owner} and {where.sql}", where.values)


def noted_by(step: str, table: str = "f") -> Piece:
    """Whether a fact of a run is what the step of this name noted or measured."""
    return Piece(f"{table}.step in (select idx from step where run = {table}.owner and name = ?)", (pack(step),))


def made_by_run(artifact: str, run: str) -> Piece:
    """Whether version ``v`` is one of an artifact, made by a run, and there."""
    sql = f"v.run = {run} and v.deleted < 2 and v.artifact = (select id from artifact where name = ?)"
    return Piece(sql, (pack(artifact),))


def fact_range(conditions: Sequence[Condition], table: str = "f") -> Piece:
    """Whether one fact is within all of several ranges."""
    return all_of([_fact_compare(condition.operator, condition.operand, table) for condition in conditions])


def _fact_predicate(has: Piece, conditions: Sequence[Condition]) -> Piece:
    operator, operand = conditions[0].operator, conditions[0].operand
    if len(conditions) > 1:
        return _with(has, fact_range(conditions))
    if operator is Operator.NULL:
        return Piece(("not " if operand else "") + has.sql + ")", has.values)
    if operator not in _NEGATED:
        return _with(has, _fact_compare(operator, operand))
    matching = _with(has, _fact_compare(_NEGATED[operator], operand))
    none = Piece(f"not {matching.sql}", matching.values)
    return none if operator is Operator.NE else all_of([Piece(f"{has.sql})", has.values), none])


def _with(has: Piece, inner: Piece) -> Piece:
    return Piece(f"{has.sql} and {inner.sql})", (*has.values, *inner.values))


def _fact_compare(operator: Operator, operand: Any, table: str = "f") -> Piece:
    if operator is Operator.IN:
        texts = tuple(pack(value) for value in operand if isinstance(value, str))
        numbers = tuple(known for value in operand if (known := fact_number(value)) is not None)
        return any_of(
            [_one_of(f"{table}.{name}", found) for name, found in (("text", texts), ("num", numbers)) if found]
        )
    if isinstance(operand, str):
        return _compare(f"{table}.text", operator, operand, pack)
    if fact_number(operand) is None:  # NaN equals nothing
        return NEVER
    return _compare(f"{table}.num", operator, operand, fact_number)


def _one_of(column: str, values: tuple[Any, ...]) -> Piece:
    return Piece(f"{column} in ({', '.join('?' * len(values))})", values)
