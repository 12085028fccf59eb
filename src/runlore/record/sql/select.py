"""From a `Query` to SQL: columns come from the allow-list below, operands are always bound."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from runlore.model.noun import noun
from runlore.model.query import FIELDS, Condition, Operator, Query
from runlore.model.status import CODES, Status
from runlore.record.facts import fact_number
from runlore.record.queries import cursor_values, grouped
from runlore.record.sql import zones
from runlore.record.sql.kinds import CREATED, FACT_KINDS, FROM_STEPS, OWNER_KINDS
from runlore.record.sql.rows import SAVE_TYPES
from runlore.record.sql.text import micros, pack, pack_digest

#: Candidate rows that are counted at most when several conditions could drive a query.
ENOUGH = 100

_SAVE_TYPE = "case t.save_type " + " ".join(f"when {i} then '{s}'" for i, s in enumerate(SAVE_TYPES)) + " end"
#: Field → expression over the noun's tables (`read.sql`), for every field of which there is one value.
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
_COMPARE = {Operator.LT: "<", Operator.LE: "<=", Operator.GT: ">", Operator.GE: ">="}
_NEGATED = {
    Operator.NE: Operator.EQ,
    Operator.NOT_IN: Operator.IN,
    Operator.NOT_CONTAINS: Operator.CONTAINS,
}
_WORD = "(select id from word where text = ?)"


@noun(kw_only=False)
class Piece:
    """Some SQL and the values bound in it, in order."""

    sql: str
    values: tuple[Any, ...] = ()


@noun(kw_only=False)
class Driver:
    """One condition as the table that the query walks, instead of the noun's own order.

    ``sequence`` is the column that equals the noun's sequence, ``where`` replaces group ``replaces`` of the conditions
    (`runlore.record.queries.grouped`).
    """

    tables: str
    sequence: str
    where: Piece
    replaces: int | None
    #: Columns that order by, when they are more than the sequence.
    order: tuple[str, ...] = ()
    #: What lets each noun through once, where the walked rows may name it several times.
    once: Piece | None = None
    #: The walk goes block by block (`runlore.record.sql.zones`), these being the columns of blocks, by level.
    blocks: tuple[str, ...] = ()
    #: Walking it means sorting all of it, so it may drive only when it is small.
    sort: bool = False
    #: The last resort of a condition, whose size another driver of the condition tells.
    last: bool = False
    #: How the noun is joined, where not by the sequence itself.
    joined: str = ""


# -- conditions as predicates ----------------------------------------------------------------------------------------


def predicate(noun: str, *conditions: Condition) -> Piece:
    """A condition, or several ranges over one field, as a predicate over the noun's tables."""
    condition = conditions[0]
    if len(conditions) > 1:
        prefix, separator, key = condition.field.partition(":")
        if separator:
            inner = _fact_range(conditions)
            return Piece(
                f"{_has(FACT_KINDS[noun, prefix], SEQUENCE[noun])} and {inner.sql})", (pack(key), *inner.values)
            )
        return _all_of([predicate(noun, one) for one in conditions])
    prefix, separator, key = condition.field.partition(":")
    if separator:
        return _fact_predicate(FACT_KINDS[noun, prefix], SEQUENCE[noun], key, condition)
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
        values = tuple(packed(value) for value in operand)
        word = "in" if operator is Operator.IN else "not in"
        return Piece(f"({column} is not null and {column} {word} ({', '.join('?' * len(values))}))", values)
    value = packed(operand)
    if operator is Operator.EQ:
        return Piece(f"{column} = ?", (value,))
    if operator is Operator.NE:
        return Piece(f"{column} is not ?", (value,))
    if operator in _COMPARE:
        return Piece(f"{column} {_COMPARE[operator]} ?", (value,))
    if operator is Operator.STARTSWITH:
        return Piece(f"substr({column}, 1, length(?)) = ?", (value, value))
    if operator is Operator.ENDSWITH:
        # Not substr(x, -length(y)): for an empty y that is the whole text.
        return Piece(
            f"(length({column}) >= length(?) and substr({column}, length({column}) - length(?) + 1) = ?)",
            (value, value, value),
        )
    found = "> 0" if operator is Operator.CONTAINS else "= 0"
    return Piece(f"instr({column}, ?) {found}", (value,))


def _uuid_prefix(column: str, prefix: str) -> Piece:
    digits = prefix.replace("-", "").lower()
    if len(digits) > 32 or any(digit not in "0123456789abcdef" for digit in digits):
        return Piece(f"{column} = ?", (b"",))  # never, but no constant: see `has_no_answer`
    low, high = digits.ljust(32, "0"), digits.ljust(32, "f")
    return Piece(f"{column} between ? and ?", (bytes.fromhex(low), bytes.fromhex(high)))


def _label_predicate(condition: Condition, rows: str) -> Piece:
    """Many labels, interned, in ``rows`` of ``g``: a negative operator asks that none of them matches."""
    operator, operand = condition.operator, condition.operand
    if operator is Operator.EQ:
        return Piece(f"exists (select 1 from {rows} and g.word = {_WORD})", (pack(str(operand)),))
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


def _all_of(pieces: Sequence[Piece]) -> Piece:
    return Piece(" and ".join(piece.sql for piece in pieces), tuple(v for piece in pieces for v in piece.values))


def _has(kind: int, sequence: str) -> str:
    """The beginning of a test for a fact under a key; what it must be follows, and a parenthesis."""
    return f"exists (select 1 from fact f where f.kind = {kind} and f.owner = {sequence} and f.key = {_WORD}"


def _fact_range(conditions: Sequence[Condition], table: str = "f") -> Piece:
    return _all_of([_fact_compare(condition.operator, condition.operand, table) for condition in conditions])


def _fact_predicate(kind: int, sequence: str, key: str, condition: Condition) -> Piece:
    operator, operand = condition.operator, condition.operand
    has = _has(kind, sequence)
    name = pack(key)
    if operator is Operator.NULL:
        return Piece(("not " if operand else "") + has + ")", (name,))
    if operator is Operator.NE:
        inner = _fact_compare(Operator.EQ, operand)
        return Piece(f"not {has} and {inner.sql})", (name, *inner.values))
    if operator in _NEGATED:
        inner = _fact_compare(_NEGATED[operator], operand)
        return Piece(f"({has}) and not {has} and {inner.sql}))", (name, name, *inner.values))
    inner = _fact_compare(operator, operand)
    return Piece(f"{has} and {inner.sql})", (name, *inner.values))


def _fact_compare(operator: Operator, operand: Any, table: str = "f") -> Piece:
    if operator is Operator.IN:
        pieces = [_fact_compare(Operator.EQ, value, table) for value in operand]
        if not pieces:
            return Piece("0")
        return Piece(
            "(" + " or ".join(piece.sql for piece in pieces) + ")",
            tuple(value for piece in pieces for value in piece.values),
        )
    if isinstance(operand, str):
        return _compare(f"{table}.text", operator, operand, pack)
    if fact_number(operand) is None:  # NaN equals nothing
        return Piece("0")
    return _compare(f"{table}.num", operator, operand, fact_number)


# -- drivers ---------------------------------------------------------------------------------------------------------


def drivers(query: Query) -> list[Driver]:
    """Every way to walk an index instead of all rows, for a query in the order of creation."""
    if query.any or not is_creation(query):
        return []
    groups = grouped(query)
    found = [
        driver for number, conditions in enumerate(groups) for driver in _drivers_of(query.noun, number, conditions)
    ]
    equal = {group[0].field: n for n, group in enumerate(groups) if group[0].operator is Operator.EQ}
    if query.noun == "version" and "artifact" in equal and "version" in equal:
        artifact, version = (groups[equal[field]][0].operand for field in ("artifact", "version"))
        found.insert(0, _one_version(str(artifact), str(version), equal["version"]))
    return found


def is_creation(query: Query) -> bool:
    """Whether the order asked for is that of creation."""
    return query.order is None or COLUMNS[query.noun][query.order] == SEQUENCE[query.noun]


def _one_version(artifact: str, version: str, number: int) -> Driver:
    known = "artifact = (select id from artifact where name = ?)"
    digits = version.isascii() and version.isdigit() and len(version) < 19 and str(int(version)) == version
    return Driver(
        f"(select seq from version where {known} and label = ? union all "
        f"select seq from version where {known} and number = ? and label is null) o",
        "o.seq",
        Piece("1", (pack(artifact), pack(version), pack(artifact), int(version) if digits else -1)),
        number,
    )


def _drivers_of(noun: str, number: int, conditions: tuple[Condition, ...]) -> list[Driver]:
    condition = conditions[0]
    prefix, separator, key = condition.field.partition(":")
    equal = condition.operator is Operator.EQ
    if separator:
        return _fact_drivers(FACT_KINDS[noun, prefix], number, key, conditions)
    if noun == "run" and condition.field == "created" and condition.operator in _COMPARE:
        return [_created_driver(number, conditions)]
    if condition.field == "tag" and equal:
        kind = OWNER_KINDS.index(noun)
        where = Piece(f"g.kind = {kind} and g.word = {_WORD}", (pack(str(condition.operand)),))
        return [Driver("tag g", "g.owner", where, number)]
    if condition.field == "alias" and equal:
        where = Piece(f"g.word = {_WORD}", (pack(str(condition.operand)),))
        return [Driver("alias g", "g.version", where, number, sort=True)]
    if noun == "run" and equal and condition.field in ("pipeline", "status", "id", "name"):
        return [Driver("", "t.seq", predicate(noun, condition), number)]
    if noun == "version" and equal and condition.field == "artifact":
        return [Driver("", "t.seq", predicate(noun, condition), number, ("t.number", "t.seq"))]
    if noun == "version" and equal and condition.field in ("run", "id"):
        return [Driver("", "t.seq", predicate(noun, condition), number)]
    return []


def _fact_drivers(kind: int, number: int, key: str, conditions: tuple[Condition, ...]) -> list[Driver]:
    operator = conditions[0].operator
    if operator is not Operator.EQ and operator not in _COMPARE:
        return []
    text = isinstance(conditions[0].operand, str)
    if any(isinstance(one.operand, str) is not text for one in conditions):  # no value is both a text and a number
        return []
    inner = _fact_range(conditions)
    if inner.sql.count("?") < len(conditions):  # NaN, which nothing compares with
        return []
    where = Piece(f"f.kind = {kind} and f.key = {_WORD} and {inner.sql}", (pack(key), *inner.values))
    index = "fact_text" if text else "fact_num"
    known = Piece(where.sql + (" and f.text is not null" if text else " and f.num is not null"), where.values)
    once = _first_step(conditions) if kind in FROM_STEPS else None
    by_value = Driver(
        f"fact f indexed by {index}", "f.owner", known, number, sort=operator is not Operator.EQ, once=once
    )
    if operator is Operator.EQ:
        return [by_value]
    if text:
        return [by_value, Driver("fact f indexed by fact_new", "f.owner", where, number, last=True, once=once)]
    return [by_value, _zone_driver(kind, number, key, conditions, once)]


def _first_step(conditions: Sequence[Condition]) -> Piece:
    """Of the steps of a run that all meet a condition, the first speaks for the run."""
    inner = _fact_range(conditions, "e")
    return Piece(
        "not exists (select 1 from fact e where e.kind = f.kind and e.owner = f.owner and e.key = f.key "
        f"and e.step < f.step and {inner.sql})",
        inner.values,
    )


def _blocks(kind: int, key: Piece, bounds: Sequence[tuple[Operator, Any]]) -> Piece:
    """The zones of level 1 (``y``) and 0 (``z``) that reach into a range."""
    size, last = zones.SIZE, zones.SIZE - 1
    operands = tuple(operand for _, operand in bounds)
    reaches = [f"{'hi' if op in (Operator.GT, Operator.GE) else 'lo'} {_COMPARE[op]} ?" for op, _ in bounds]
    outer, inner = (" and ".join(f"{table}.{bound}" for bound in reaches) for table in "yz")
    return Piece(
        f"y.kind = {kind} and y.key = {key.sql} and y.level = 1 and {outer} "
        f"and z.kind = {kind} and z.key = y.key and z.level = 0 "
        f"and z.block between y.block * {size} and y.block * {size} + {last} and {inner}",
        (*key.values, *operands, *operands),
    )


def _members(column: str) -> str:
    """Whether a sequence is within the block at hand."""
    return f"{column} between z.block * {zones.SIZE} and z.block * {zones.SIZE} + {zones.SIZE - 1}"


def _created_driver(number: int, conditions: tuple[Condition, ...]) -> Driver:
    """Walk newest first, passing over blocks of runs that began at other times. Clocks may have been set back."""
    blocks = _blocks(CREATED, Piece("0"), [(one.operator, micros(one.operand)) for one in conditions])  # type: ignore[arg-type]
    exactly = predicate("run", *conditions)
    return Driver(
        "zone y cross join zone z",
        "t.seq",
        _all_of([blocks, exactly]),
        number,
        ("y.block", "z.block", "t.seq"),
        last=True,
        blocks=("z.block", "y.block"),
        joined=_members("t.seq"),
    )


def _zone_driver(kind: int, number: int, key: str, conditions: tuple[Condition, ...], once: Piece | None) -> Driver:
    """Walk newest first, passing over blocks that cannot hold a match."""
    inner = _fact_range(conditions)
    blocks = _blocks(kind, Piece(_WORD, (pack(key),)), [(one.operator, fact_number(one.operand)) for one in conditions])
    where = Piece(
        f"{blocks.sql} and f.kind = {kind} and f.key = z.key and {_members('f.owner')} and {inner.sql}",
        (*blocks.values, *inner.values),
    )
    return Driver(
        "zone y cross join zone z cross join fact f indexed by fact_new",
        "f.owner",
        where,
        number,
        ("y.block", "z.block", "f.owner"),
        last=True,
        once=once,
        blocks=("z.block", "y.block"),
    )


# -- whole queries ---------------------------------------------------------------------------------------------------


@noun(kw_only=False)
class Compiled:
    """A page's statement: columns of the noun, then the place of each row in the order."""

    sql: str
    values: tuple[Any, ...]
    #: How many columns at the end are the place.
    place: int


def compiled(query: Query, driver: Driver | None, columns: str, tables: str) -> Compiled:
    """The statement for a page, fetching one row more than asked for."""
    order = _order(query, driver)
    place = _place(query)
    where, values = _where(query, driver)
    if query.after is not None:
        after = cursor_values(query.after, len(place))
        sign = "<" if query.descending else ">"
        begun = order
        if driver is not None and driver.blocks:
            begun = (driver.sequence,)
            where += [f"{block} {sign}= ?" for block in driver.blocks]
            values += zones.blocks_of(after[-1])
        where.append(f"({', '.join(begun)}) {sign} ({', '.join('?' * len(begun))})")
        values += after[-len(begun) :]
    way = "desc" if query.descending else "asc"
    sql = (
        f"{columns}, {', '.join(place)} from {_tables(query, driver, tables)} where {' and '.join(where) or '1'} "
        f"order by {', '.join(f'{column} {way}' for column in order)} limit ?"
    )
    return Compiled(sql, (*values, query.limit + 1), len(place))


def counting(query: Query, driver: Driver | None, tables: str) -> Piece:
    """The statement that counts all answers."""
    if (
        driver is not None
        and driver.tables
        and not driver.joined
        and len(grouped(query)) == 1
        and query.noun != "artifact"
    ):  # its rows are the answers
        what = "*" if driver.once is None else f"distinct {driver.sequence}"
        return Piece(f"select count({what}) from {driver.tables} where {driver.where.sql}", driver.where.values)
    pieces, bound = _where(query, driver)
    return Piece(
        f"select count(*) from {_tables(query, driver, tables)} where {' and '.join(pieces) or '1'}", tuple(bound)
    )


def estimating(noun: str, driver: Driver) -> Piece:
    """The statement that counts a driver's rows, up to one more than `ENOUGH`."""
    tables = driver.tables or f"{noun} t"
    return Piece(
        f"select count(*) from (select 1 from {tables} where {driver.where.sql} limit {ENOUGH + 1})",
        driver.where.values,
    )


def _tables(query: Query, driver: Driver | None, tables: str) -> str:
    return f"{driver.tables} cross join {tables}" if driver is not None and driver.tables else tables


def _where(query: Query, driver: Driver | None) -> tuple[list[str], list[Any]]:
    pieces = [
        predicate(query.noun, *conditions)
        for number, conditions in enumerate(grouped(query))
        if driver is None or number != driver.replaces
    ]
    if query.any:
        pieces = [
            Piece(
                "(" + (" or ".join(f"({piece.sql})" for piece in pieces) or "1") + ")",
                tuple(value for piece in pieces for value in piece.values),
            )
        ]
    if query.noun in _THERE:
        pieces.append(_THERE[query.noun])
    if driver is not None:
        pieces.insert(0, driver.where)
        if driver.once is not None:
            pieces.append(driver.once)
        if driver.tables:
            pieces.append(Piece(driver.joined or f"{SEQUENCE[query.noun]} = {driver.sequence}"))
    return [piece.sql for piece in pieces], [value for piece in pieces for value in piece.values]


#: What of a noun is there for anybody but pruning: a row that only keeps a number is no version, and an artifact
#: without versions is none.
_THERE = {
    "version": Piece("t.deleted < 2"),
    "artifact": Piece("exists (select 1 from version v where v.artifact = t.id and v.deleted < 2)"),
}
_LEAST = {"text": "''", "uuid": "x''"}


def _key(query: Query) -> str:
    """What a page is sorted by; missing values come as the least."""
    assert query.order is not None
    kind = FIELDS[query.noun][query.order]
    return f"coalesce({COLUMNS[query.noun][query.order]}, {_LEAST.get(kind, '-9e999')})"


def _order(query: Query, driver: Driver | None) -> tuple[str, ...]:
    if not is_creation(query):
        return (_key(query), SEQUENCE[query.noun])
    if driver is not None:
        return driver.order or (driver.sequence,)
    return (SEQUENCE[query.noun],)


def _place(query: Query) -> tuple[str, ...]:
    """What a cursor holds: enough for whichever driver the next page takes."""
    if not is_creation(query):
        return (_key(query), SEQUENCE[query.noun])
    return ("t.number", "t.seq") if query.noun == "version" else (SEQUENCE[query.noun],)
