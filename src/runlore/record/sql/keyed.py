"""Keyed order: pages sorted by a value under a key, walked along the index of these values.

Such a list has three parts: nouns with a number, with a text, and with neither. Each part has statements of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from runlore.model.query import Query, keyed_parts
from runlore.record.sql.drivers import Driver
from runlore.record.sql.kinds import FACT_KINDS, FROM_STEPS
from runlore.record.sql.piece import Piece, all_of
from runlore.record.sql.predicate import SEQUENCE, WORD, Wanted, noted_by
from runlore.record.sql.select import Compiled, conditions, joined
from runlore.record.sql.text import pack

#: Parts of the list in ascending order, by the column that holds the value; `None` is the part without one.
NUMBERS, TEXTS, NOTHING = "num", "text", None


def parts_of(query: Query) -> list[str | None]:
    """The parts in the order in which the list has them."""
    valued: list[str | None] = [TEXTS, NUMBERS] if query.descending else [NUMBERS, TEXTS]
    return [NOTHING, *valued] if query.missing_first else [*valued, NOTHING]


def valued_page(
    query: Query,
    wanted: Sequence[Wanted],
    driver: Driver | None,
    column: str,
    after: Sequence[Any] | None,
    columns: str,
    tables: str,
) -> Compiled:
    """Nouns with a number, or a text, beyond a value and sequence; these two are the place of a row.

    Without ``driver`` the index of the values is walked; with one, its rows are sorted, so they should be few.
    """
    where, values = conditions(query.noun, wanted, driver)
    if driver is None:
        tables = f"fact s indexed by fact_{column} cross join {tables}"
        where.append(f"{SEQUENCE[query.noun]} = s.owner")
    else:
        tables = f"{joined(driver, tables)} cross join fact s"
        where.append(f"s.owner = {SEQUENCE[query.noun]}")
    speaks = _speaks(query)
    where += [speaks.sql, f"s.{column} is not null"]
    values += speaks.values
    if after is not None:
        where.append(f"(s.{column}, s.owner) {'<' if query.descending else '>'} (?, ?)")
        values += after
    way = "desc" if query.descending else "asc"
    sql = (
        f"{columns}, s.{column}, s.owner from {tables} where {' and '.join(where)} "
        f"order by s.{column} {way}, s.owner {way} limit ?"
    )
    return Compiled(sql, (*values, query.limit + 1), 2)


def without_value(query: Query) -> Piece:
    """Whether a noun has no value to be sorted by."""
    speaks = _speaks(query)
    return Piece(
        f"not exists (select 1 from fact s where s.owner = {SEQUENCE[query.noun]} and {speaks.sql} "
        "and (s.num is not null or s.text is not null))",
        speaks.values,
    )


def _speaks(query: Query) -> Piece:
    """Which facts speak for their noun: of several steps that noted the key, the last one's."""
    assert query.order is not None
    prefix, step, key = keyed_parts(query.order)
    kind = FACT_KINDS[query.noun, prefix]
    sql = f"s.kind = {kind} and s.key = {WORD}"
    if step is not None:
        return all_of([Piece(sql, (pack(key),)), noted_by(step, "s")])
    if kind in FROM_STEPS:
        later = "e.kind = s.kind and e.owner = s.owner and e.key = s.key and e.step > s.step"
        sql += f" and not exists (select 1 from fact e where {later})"
    return Piece(sql, (pack(key),))
