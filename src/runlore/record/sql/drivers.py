"""Drivers: indexes that a query can walk instead of all rows of its noun."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from runlore.model.noun import noun
from runlore.model.query import Condition, Operator, keyed_parts
from runlore.record.facts import fact_number
from runlore.record.sql import zones
from runlore.record.sql.kinds import CREATED, FACT_KINDS, FROM_STEPS, OWNER_KINDS
from runlore.record.sql.piece import Piece, all_of
from runlore.record.sql.predicate import COMPARE, WORD, Wanted, fact_range, made_by_run, noted_by, predicate
from runlore.record.sql.text import micros, pack


@noun(kw_only=False)
class Driver:
    """One term as the table that the query walks, instead of the noun's own order.

    ``sequence`` is the column that equals the noun's sequence, ``where`` replaces term ``replaces`` of what must hold
    (`runlore.record.queries.terms`).
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
    #: The index of the noun's own table that is walked.
    index: str = ""


#: Fields whose range of values is an index of the noun's table.
_RANGES = {
    ("run", "ended"): "run_ended",
    ("run", "duration"): "run_duration",
    ("version", "created"): "version_created",
    ("version", "size"): "version_size",
}


def drivers(noun: str, wanted: Sequence[Wanted]) -> list[Driver]:
    """Every way to walk an index instead of all rows, given what must hold."""
    groups = [(number, term) for number, term in enumerate(wanted) if isinstance(term, tuple)]
    found = [driver for number, group in groups for driver in _drivers_of(noun, number, group)]
    equal = {group[0].field: (number, group[0].operand) for number, group in groups if group[0].operator is Operator.EQ}
    if noun == "version" and "artifact" in equal and "version" in equal:
        (_, artifact), (number, version) = equal["artifact"], equal["version"]
        found.insert(0, _one_version(str(artifact), str(version), number))
    return found


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
    equal = condition.operator is Operator.EQ
    if ":" in condition.field:
        return _fact_drivers(noun, number, conditions)
    if noun == "run" and condition.field == "created" and condition.operator in COMPARE:
        return [_created_driver(number, conditions)]
    index = _RANGES.get((noun, condition.field))
    if index is not None and (equal or condition.operator in COMPARE):
        where = predicate(noun, *conditions)
        return [
            Driver("", "t.seq", where, number, sort=True, index=index),
            Driver("", "t.seq", where, number, last=True),
        ]
    if condition.field == "tag" and equal:
        kind = OWNER_KINDS.index(noun)
        where = Piece(f"g.kind = {kind} and g.word = {WORD}", (pack(str(condition.operand)),))
        return [Driver("tag g", "g.owner", where, number)]
    if condition.field == "alias" and equal:
        where = Piece(f"g.word = {WORD}", (pack(str(condition.operand)),))
        return [Driver("alias g", "g.version", where, number, sort=True)]
    if noun == "run" and equal and condition.field in ("pipeline", "status", "id", "name"):
        return [Driver("", "t.seq", predicate(noun, condition), number)]
    if noun == "version" and equal and condition.field == "artifact":
        return [Driver("", "t.seq", predicate(noun, condition), number, ("t.number", "t.seq"))]
    if noun == "version" and equal and condition.field in ("run", "id"):
        return [Driver("", "t.seq", predicate(noun, condition), number)]
    return []


def _fact_drivers(noun: str, number: int, conditions: tuple[Condition, ...]) -> list[Driver]:
    operator = conditions[0].operator
    if operator is not Operator.EQ and operator not in COMPARE:
        return []
    text = isinstance(conditions[0].operand, str)
    if any(isinstance(one.operand, str) is not text for one in conditions):  # no value is both a text and a number
        return []
    prefix, name, key = keyed_parts(conditions[0].field)
    kind, inner = FACT_KINDS[noun, prefix], fact_range(conditions)
    where = Piece(f"f.kind = {kind} and f.key = {WORD} and {inner.sql}", (pack(key), *inner.values))
    if name is not None and not prefix.startswith("artifact."):
        inner = all_of([inner, noted_by(name)])
        where = all_of([where, noted_by(name)])
    index = "fact_text" if text else "fact_num"
    known = Piece(where.sql + (" and f.text is not null" if text else " and f.num is not null"), where.values)
    if prefix.startswith("artifact."):
        return _made_drivers(str(name), known, index, number, conditions)
    once = _first_step(conditions) if kind in FROM_STEPS and name is None else None
    by_value = Driver(
        f"fact f indexed by {index}", "f.owner", known, number, sort=operator is not Operator.EQ, once=once
    )
    if operator is Operator.EQ:
        return [by_value]
    if text:
        return [by_value, Driver("fact f indexed by fact_new", "f.owner", where, number, last=True, once=once)]
    bounds = [(one.operator, fact_number(one.operand)) for one in conditions]
    return [by_value, _zone_driver(kind, key, bounds, inner, number, once)]


def _made_drivers(
    artifact: str, known: Piece, index: str, number: int, conditions: tuple[Condition, ...]
) -> list[Driver]:
    """From what was noted on versions to the runs that made them, where these are few; else the runs, newest first."""
    made = made_by_run(artifact, "v.run")
    inner = fact_range(conditions, "e")
    before = Piece(
        "not exists (select 1 from version w cross join fact e where w.run = v.run and w.artifact = v.artifact and "
        f"w.deleted < 2 and w.seq < v.seq and e.kind = f.kind and e.owner = w.seq and e.key = f.key and {inner.sql})",
        inner.values,
    )
    tables = f"fact f indexed by {index} cross join version v"
    where = all_of([known, Piece("v.seq = f.owner"), made])
    return [
        Driver(tables, "v.run", where, number, sort=True, once=before, joined="t.seq = v.run"),
        Driver("", "t.seq", predicate("run", *conditions), number, last=True),
    ]


def _first_step(conditions: Sequence[Condition]) -> Piece:
    """Of the steps of a run that all meet a condition, the first speaks for the run."""
    inner = fact_range(conditions, "e")
    return Piece(
        "not exists (select 1 from fact e where e.kind = f.kind and e.owner = f.owner and e.key = f.key "
        f"and e.step < f.step and {inner.sql})",
        inner.values,
    )


def _blocks(kind: int, key: Piece, bounds: Sequence[tuple[Operator, Any]]) -> Piece:
    """The zones of level 1 (``y``) and 0 (``z``) that reach into a range."""
    size, last = zones.SIZE, zones.SIZE - 1
    operands = tuple(operand for _, operand in bounds)
    reaches = [f"{'hi' if op in (Operator.GT, Operator.GE) else 'lo'} {COMPARE[op]} ?" for op, _ in bounds]
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
    exactly = predicate("run", *conditions)
    return Driver(
        "zone y cross join zone z",
        "t.seq",
        all_of([_created_blocks(conditions), exactly]),
        number,
        ("y.block", "z.block", "t.seq"),
        last=True,
        blocks=("z.block", "y.block"),
        joined=_members("t.seq"),
    )


def _created_blocks(conditions: Sequence[Condition]) -> Piece:
    return _blocks(CREATED, Piece("0"), [(one.operator, micros(one.operand)) for one in conditions])  # type: ignore[arg-type]


def first_and_last_block(noun: str, wanted: Sequence[Wanted]) -> tuple[Piece, Piece] | None:
    """Statements for the first and the last block of runs that began when they should, if that is asked for.

    Runs begin in the order of their sequence but for clocks that were set back, so whichever other index is walked
    need not be walked outside of these.
    """
    for term in wanted:
        if noun == "run" and isinstance(term, tuple) and term[0].field == "created" and term[0].operator in COMPARE:
            blocks = _created_blocks(term)
            sql = (
                f"select z.block from zone y cross join zone z where {blocks.sql} order by y.block {{0}}, z.block {{0}}"
            )
            first, last = (Piece(f"{sql} limit 1".format(way), blocks.values) for way in ("asc", "desc"))
            return first, last
    return None


def _zone_driver(
    kind: int, key: str, bounds: Sequence[tuple[Operator, Any]], inner: Piece, number: int, once: Piece | None
) -> Driver:
    """Walk newest first, passing over blocks that cannot hold a match."""
    blocks = _blocks(kind, Piece(WORD, (pack(key),)), bounds)
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
