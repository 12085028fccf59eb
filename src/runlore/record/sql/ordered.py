"""Ordered: pages sorted by a field that an index holds, walked along this index.

Such a list has up to three parts, each with a statement of its own: what is left of the group in which the page before
ended, all after it, and nouns without a value.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from runlore.model.noun import noun
from runlore.model.query import Operator, Query
from runlore.record.queries import cursor_values
from runlore.record.sql.piece import Piece
from runlore.record.sql.predicate import COLUMNS, OPTIONAL, Wanted
from runlore.record.sql.select import Compiled, conditions, pinned, place_of

#: Field → index of the noun's table that begins with it. Those of a unique column are named by SQLite.
_INDEXES = {
    ("run", "id"): "sqlite_autoindex_run_1",
    ("run", "name"): "sqlite_autoindex_run_2",
    ("run", "number"): "run_by_number",
    ("run", "status"): "run_status",
    ("run", "ended"): "run_ended",
    ("run", "duration"): "run_duration",
    ("version", "id"): "sqlite_autoindex_version_1",
    ("version", "created"): "version_created",
    ("version", "size"): "version_size",
    ("version", "run"): "version_run",
}
#: Field of another table → how the noun's table is joined to it, what is walked instead.
_GROUPS = {
    ("run", "pipeline"): (
        "run t cross join pipeline p on p.id = t.pipeline",
        "pipeline p indexed by sqlite_autoindex_pipeline_1 "
        "cross join run t indexed by run_pipeline on t.pipeline = p.id",
    ),
    ("version", "artifact"): (
        "version t cross join artifact a on a.id = t.artifact",
        "artifact a indexed by sqlite_autoindex_artifact_1 "
        "cross join version t indexed by version_artifact on t.artifact = a.id",
    ),
}


@noun(kw_only=False)
class Part:
    """A part of the list: which rows, and by which columns they are ordered."""

    where: Piece
    order: tuple[str, ...]
    #: Of nouns without a value.
    missing: bool = False


def has_index(query: Query) -> bool:
    """Whether an index holds the nouns in the order asked for."""
    return (query.noun, query.order) in _INDEXES or (query.noun, query.order) in _GROUPS


def holds_alone(query: Query, wanted: Sequence[Wanted]) -> bool:
    """Whether the index holds exactly what is asked for, so that nothing better can be found."""
    return not wanted or (query.order == "number" and len(wanted) == 1 and _is_of_one_pipeline(wanted[0]))


def parts_of(query: Query) -> Iterator[Part]:
    """The parts of the list from where the page begins, in order."""
    assert query.order is not None
    optional, place = (query.noun, query.order) in OPTIONAL, place_of(query)
    value, rest = COLUMNS[query.noun][query.order], place[2 if optional else 1 :]
    after = None if query.after is None else cursor_values(query.after, len(place))
    begun_missing = optional and after is not None and bool(after[0])
    if optional and (query.missing_first or begun_missing):
        if after is None or begun_missing:
            yield _missing(query, value, rest, after)
        if not query.missing_first:
            return
    known = Piece(f"{value} is not null") if optional else Piece("1")
    sign = "<" if query.descending else ">"
    if after is None or begun_missing:
        yield Part(known, (value, *rest))
    elif (query.noun, query.order) in _GROUPS:
        at, *beyond = after
        yield Part(Piece(f"{value} = ? and {_beyond(rest, sign)}", (at, *beyond)), rest)
        yield Part(Piece(f"{value} {sign} ?", (at,)), (value, *rest))
    else:
        yield Part(Piece(f"{known.sql} and {_beyond((value, *rest), sign)}", tuple(after[-2:])), (value, *rest))
    if optional and not query.missing_first:
        yield _missing(query, value, rest, None)


def _missing(query: Query, value: str, rest: tuple[str, ...], after: Sequence[object] | None) -> Part:
    if after is None:
        return Part(Piece(f"{value} is null"), rest, missing=True)
    sign = "<" if query.descending else ">"
    return Part(Piece(f"{value} is null and {_beyond(rest, sign)}", tuple(after[-1:])), rest, missing=True)


def _beyond(columns: Sequence[str], sign: str) -> str:
    return f"({', '.join(columns)}) {sign} ({', '.join('?' * len(columns))})"


def ordered_page(query: Query, wanted: Sequence[Wanted], part: Part, columns: str, tables: str) -> Compiled:
    """The statement for a part of the page, fetching one row more than asked for."""
    assert query.order is not None
    where, values = conditions(query.noun, wanted, None)
    way = "desc" if query.descending else "asc"
    place = place_of(query)
    sql = (
        f"{columns}, {', '.join(place)} from {_walked(query, wanted, part, tables)} "
        f"where {' and '.join([*where, part.where.sql])} "
        f"order by {', '.join(f'{column} {way}' for column in part.order)} limit ?"
    )
    return Compiled(sql, (*values, *part.where.values, query.limit + 1), len(place))


def _walked(query: Query, wanted: Sequence[Wanted], part: Part, tables: str) -> str:
    """The noun's tables, such that they are read in the order of the part."""
    field = (query.noun, str(query.order))
    if field in _GROUPS:
        return tables.replace(*_GROUPS[field])
    if field == ("version", "run") and part.missing:  # the index leaves them out
        return pinned(tables, "not indexed")
    index = _INDEXES[field]
    if field == ("run", "number") and any(map(_is_of_one_pipeline, wanted)):
        index = "run_number"
    return pinned(tables, f"indexed by {index}")


def _is_of_one_pipeline(term: Wanted) -> bool:
    return isinstance(term, tuple) and term[0].field == "pipeline" and term[0].operator is Operator.EQ
