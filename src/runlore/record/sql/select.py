"""Select: the statements for pages, totals and estimates, given what must hold and which index to walk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from runlore.model.noun import noun
from runlore.model.query import FIELDS, Query
from runlore.record.queries import cursor_values
from runlore.record.sql import zones
from runlore.record.sql.drivers import Driver
from runlore.record.sql.piece import Piece
from runlore.record.sql.predicate import COLUMNS, OPTIONAL, SEQUENCE, Wanted, term_predicate

#: What of a noun is there for anybody but pruning: a row that only keeps a number is no version, and an artifact
#: without versions is none.
_THERE = {
    "version": Piece("t.deleted < 2"),
    "artifact": Piece("exists (select 1 from version v where v.artifact = t.id and v.deleted < 2)"),
}
_LEAST = {"text": "''", "uuid": "x''"}


@noun(kw_only=False)
class Compiled:
    """A page's statement: columns of the noun, then the place of each row in the order."""

    sql: str
    values: tuple[Any, ...]
    #: How many columns at the end are the place.
    place: int


def is_creation(query: Query) -> bool:
    """Whether the order asked for is that of creation."""
    return query.order is None or COLUMNS[query.noun].get(query.order) == SEQUENCE[query.noun]


def compiled(query: Query, wanted: Sequence[Wanted], driver: Driver | None, columns: str, tables: str) -> Compiled:
    """The statement for a page in an order other than by a key, fetching one row more than asked for."""
    if not is_creation(query):
        return _sorted(query, wanted, driver, columns, tables)
    where, values = conditions(query.noun, wanted, driver)
    place = ("t.number", "t.seq") if query.noun == "version" else (SEQUENCE[query.noun],)
    order = _walked(query.noun, driver)
    begun = _begun(query, order, driver, len(place))
    where += [piece.sql for piece in begun]
    values += [value for piece in begun for value in piece.values]
    sql = (
        f"{columns}, {', '.join(place)} from {joined(driver, tables)} where {' and '.join(where) or '1'} "
        f"order by {_ways(query, order)} limit ?"
    )
    return Compiled(sql, (*values, query.limit + 1), len(place))


def _sorted(query: Query, wanted: Sequence[Wanted], driver: Driver | None, columns: str, tables: str) -> Compiled:
    """Sort all that is asked for. Only places are sorted; what else there is of a noun is read of the page alone."""
    where, values = conditions(query.noun, wanted, driver)
    place, sequence = place_of(query), SEQUENCE[query.noun]
    begun = _begun_after(query, place)
    where += [piece.sql for piece in begun]
    values += [value for piece in begun for value in piece.values]
    names = tuple(f"o.place{number}" for number in range(len(place)))
    named = ", ".join(f"{column} as {name[2:]}" for column, name in zip(place, names, strict=True))
    within = (
        f"select {sequence} as sequence, {named} from {joined(driver, tables)} where {' and '.join(where) or '1'} "
        f"order by {_ways(query, place)} limit ?"
    )
    sql = (
        f"{columns}, {', '.join(names)} from ({within}) o cross join {tables} where {sequence} = o.sequence "
        f"order by {_ways(query, names)}"
    )
    return Compiled(sql, (*values, query.limit + 1), len(place))


def counting(noun: str, wanted: Sequence[Wanted], driver: Driver | None, tables: str) -> Piece:
    """The statement that counts all answers."""
    alone = driver is not None and driver.tables and not driver.joined and len(wanted) == 1
    if driver is not None and alone and noun != "artifact":  # its rows are the answers
        what = "*" if driver.once is None else f"distinct {driver.sequence}"
        return Piece(f"select count({what}) from {driver.tables} where {driver.where.sql}", driver.where.values)
    found = sequences(noun, wanted, driver, tables)
    return Piece(f"select count(*) from ({found.sql})", found.values)


def sequences(noun: str, wanted: Sequence[Wanted], driver: Driver | None, tables: str) -> Piece:
    """The statement that gives the sequences of all answers, in no order."""
    where, values = conditions(noun, wanted, driver)
    sql = f"select {SEQUENCE[noun]} from {joined(driver, tables)} where {' and '.join(where) or '1'}"
    return Piece(sql, tuple(values))


def estimating(noun: str, driver: Driver, most: int) -> Piece:
    """The statement that counts a driver's rows, up to ``most``."""
    tables = driver.tables or joined(driver, f"{noun} t")
    return Piece(
        f"select count(*) from (select 1 from {tables} where {driver.where.sql} limit ?)",
        (*driver.where.values, most),
    )


def joined(driver: Driver | None, tables: str) -> str:
    """What a statement selects from: the noun's tables, after the driver's."""
    if driver is None:
        return tables
    if driver.index:
        return pinned(tables, f"indexed by {driver.index}")
    return f"{driver.tables} cross join {tables}" if driver.tables else tables


def pinned(tables: str, how: str) -> str:
    """The noun's tables, with how the noun itself is read."""
    return tables.replace(" t", f" t {how}", 1)


def conditions(noun: str, wanted: Sequence[Wanted], driver: Driver | None) -> tuple[list[str], list[Any]]:
    """What a statement demands: the driver's rows, its join, and the terms that it does not see to."""
    pieces = [
        term_predicate(noun, term) for number, term in enumerate(wanted) if driver is None or number != driver.replaces
    ]
    if noun in _THERE:
        pieces.append(_THERE[noun])
    if driver is not None:
        pieces.insert(0, driver.where)
        if driver.once is not None:
            pieces.append(driver.once)
        if driver.tables:
            pieces.append(Piece(driver.joined or f"{SEQUENCE[noun]} = {driver.sequence}"))
    return [piece.sql for piece in pieces], [value for piece in pieces for value in piece.values]


# -- order -----------------------------------------------------------------------------------------------------------


def _walked(noun: str, driver: Driver | None) -> tuple[str, ...]:
    """The columns that order by creation."""
    if driver is not None:
        return driver.order or (driver.sequence,)
    return (SEQUENCE[noun],)


def _begun(query: Query, order: tuple[str, ...], driver: Driver | None, length: int) -> list[Piece]:
    """Where a page in the order of creation goes on; a cursor holds enough for whichever driver the next page takes."""
    if query.after is None:
        return []
    after = cursor_values(query.after, length)
    sign = "<" if query.descending else ">"
    if driver is None or not driver.blocks:
        return [_beyond(order, sign, after[-len(order) :])]
    blocks = [
        Piece(f"{block} {sign}= ?", (at,)) for block, at in zip(driver.blocks, zones.blocks_of(after[-1]), strict=True)
    ]
    return [*blocks, _beyond((driver.sequence,), sign, after[-1:])]


def place_of(query: Query) -> tuple[str, ...]:
    """Columns of a place in an order that is not that of creation: whether there is no value, if there may be none; the
    value; and the order of creation among equals.
    """
    assert query.order is not None
    if (query.noun, query.order) == ("version", "artifact"):
        return "a.name", "t.number", "t.seq"
    column, kind = COLUMNS[query.noun][query.order], FIELDS[query.noun][query.order]
    if (query.noun, query.order) not in OPTIONAL:
        return column, SEQUENCE[query.noun]
    return f"({column} is null)", f"coalesce({column}, {_LEAST.get(kind, '-9e999')})", SEQUENCE[query.noun]


def _begun_after(query: Query, place: tuple[str, ...]) -> list[Piece]:
    if query.after is None:
        return []
    after = cursor_values(query.after, len(place))
    sign = "<" if query.descending else ">"
    if (query.noun, query.order) not in OPTIONAL:
        return [_beyond(place, sign, after)]
    beyond = _beyond(place[-2:], sign, after[-2:])
    missing, sign = place[0], "<" if query.missing_first else ">"
    return [Piece(f"({missing} {sign} ? or ({missing} = ? and {beyond.sql}))", (after[0], after[0], *beyond.values))]


def _beyond(columns: Sequence[str], sign: str, values: Sequence[Any]) -> Piece:
    return Piece(f"({', '.join(columns)}) {sign} ({', '.join('?' * len(columns))})", tuple(values))


def _ways(query: Query, columns: tuple[str, ...]) -> str:
    way = "desc" if query.descending else "asc"
    ways = [f"{column} {way}" for column in columns]
    if (query.noun, query.order) in OPTIONAL:
        ways[0] = f"{columns[0]} {'desc' if query.missing_first else 'asc'}"
    return ", ".join(ways)
