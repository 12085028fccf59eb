"""Lists: pages and totals of the answers to a query, each from the index with which the least is looked at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from runlore.errors import QueryInvalid
from runlore.model.noun import changed
from runlore.model.query import AnyOf, Condition, Operator, Page, Query
from runlore.record.queries import Term, checked_query, cursor_text, cursor_values, never, terms
from runlore.record.sql import rows, zones
from runlore.record.sql.connection import Connection
from runlore.record.sql.drivers import Driver, drivers, first_and_last_block
from runlore.record.sql.ordered import has_index, holds_alone, ordered_page, parts_of
from runlore.record.sql.piece import NEVER, Piece
from runlore.record.sql.predicate import COLUMNS, OPTIONAL, Wanted
from runlore.record.sql.read import READ
from runlore.record.sql.select import compiled, counting, estimating, is_creation, sequences
from runlore.record.sql.text import moment, pack

_NOUNS: dict[str, Callable[[Any], Any]] = {
    "pipeline": rows.to_pipeline,
    "run": rows.to_run,
    "artifact": rows.to_artifact,
    "version": rows.to_version,
}
assert set(COLUMNS) == set(_NOUNS)
#: Conditions whose count is kept: (noun, field) → statement.
_COUNTED = {("run", "pipeline"): "count_runs_of_pipeline", ("version", "artifact"): "count_versions_of_artifact"}
_MOST = 2**63 - 1
#: The column of a run that says when it began.
_CREATED = 7
#: Candidate rows that are counted at most when several indexes could be walked.
ENOUGH = 100
#: Rows that are sorted at most, where an index could be walked in the order asked for.
SORTED = 3_000
#: Alternatives that are walked side by side at most; more are looked at row by row.
BRANCHES = 16


class Lists:
    """Pages and totals over a connection."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    def select(self, query: Query) -> Page[Any]:
        """As `runlore.record.port.Record.select`."""
        checked_query(query)
        wanted = terms(query.conditions)
        if any(map(never, wanted)):
            return Page(items=(), cursor=None)
        with self._db.reading():
            if query.order is not None and ":" in query.order:
                found = self._by_value(query, wanted)
            else:
                found = self._rows(query, wanted)
        more = len(found) > query.limit
        noun = _NOUNS[query.noun]
        return Page(
            items=tuple([noun(row) for row, _ in found[: query.limit]]),
            cursor=cursor_text(list(found[query.limit - 1][1])) if more else None,
        )

    def count(self, query: Query) -> int:
        """As `runlore.record.port.Record.count`."""
        checked_query(query)
        wanted = terms(query.conditions)
        if any(map(never, wanted)):
            return 0
        known = self._counter(query.noun, wanted)
        if known is not None:
            return known
        with self._db.reading():
            piece = self._counting(query.noun, wanted)
            return int(self._db.row(piece.sql, piece.values)[0])

    def _counter(self, noun: str, wanted: Sequence[Term]) -> int | None:
        if not wanted:
            return int(self._db.row(READ[f"count_{noun}s"])[0])
        only = wanted[0]
        if len(wanted) == 1 and isinstance(only, tuple) and only[0].operator is Operator.EQ:
            counter = _COUNTED.get((noun, only[0].field))
            return None if counter is None else int(self._db.row(READ[counter], (pack(str(only[0].operand)),))[0])
        return None

    # -- which index to walk -------------------------------------------------------------------------------------

    def _driver(self, noun: str, wanted: Sequence[Wanted], *, sorts: bool) -> tuple[Driver | None, int]:
        """The index with the fewest rows, and how many, up to one more than is counted; the only one is not counted.

        With ``sorts`` the rows are put in order anyway, or need none; without, they must come in the order of creation.
        """
        found = [driver for driver in drivers(noun, wanted) if not (sorts and driver.last and not driver.joined)]
        # times bound the walk of whichever other index: `_between`
        found.sort(key=lambda driver: (driver.last and not driver.tables, bool(driver.joined)))
        if len(found) < 2:
            return (found[0], ENOUGH + 1) if found else (None, _MOST)
        best, fewest = None, _MOST
        for driver in found:
            estimate = ENOUGH + 1
            if not driver.last:
                estimate = self._estimate(noun, driver, ENOUGH + 1)
                if estimate > ENOUGH and driver.sort and not sorts:
                    continue
            if estimate < fewest:
                best, fewest = driver, estimate
        return best, fewest

    def _few(self, noun: str, wanted: Sequence[Wanted]) -> Driver | None:
        """The index with the fewest rows, if they are so few that to sort them costs less than to walk an order."""
        best, fewest = None, SORTED + 1
        for driver in drivers(noun, wanted):
            if driver.last and not (driver.blocks and driver.joined):
                continue
            estimate = self._began_then(noun, wanted) if driver.last else self._estimate(noun, driver, fewest)
            if estimate < fewest:
                best, fewest = driver, estimate
        return best

    def _estimate(self, noun: str, driver: Driver, most: int) -> int:
        piece = estimating(noun, driver, most)
        return int(self._db.row(piece.sql, piece.values)[0])

    def _branches(self, noun: str, wanted: Sequence[Wanted], budget: int) -> list[list[Wanted]]:
        """What must hold, once for each alternative of the first term all of whose alternatives have an index."""
        for number, term in enumerate(wanted):
            if isinstance(term, AnyOf) and 1 < len(term.parts) <= budget:
                others = [other for place, other in enumerate(wanted) if place != number]
                branches = [terms((part,)) for part in term.parts]
                if all(
                    any(map(never, one)) or self._has_index(noun, one, budget // len(term.parts)) for one in branches
                ):
                    return [[*one, *others] for one in branches if not any(map(never, one))]
        return []

    def _has_index(self, noun: str, wanted: Sequence[Wanted], budget: int) -> bool:
        return bool(drivers(noun, wanted) or self._branches(noun, wanted, budget))

    # -- pages ---------------------------------------------------------------------------------------------------

    def _rows(self, query: Query, wanted: Sequence[Wanted], budget: int = BRANCHES) -> list[tuple[Any, Any]]:
        """Rows of a page, one more than asked for, each with its place in the order."""
        if query.noun == "run" and query.order == "created":
            return self._by_time(query, wanted, budget)
        if has_index(query):
            return self._by_index(query, wanted, budget)
        return self._walked(query, wanted, budget)

    def _by_index(self, query: Query, wanted: Sequence[Wanted], budget: int) -> list[tuple[Any, Any]]:
        """As `_rows`, in the order of an index, which is walked unless what must hold leaves few."""
        driver = None if holds_alone(query, wanted) else self._few(query.noun, wanted)
        if driver is not None:
            return self._page(query, wanted, driver)
        branches = self._branches(query.noun, wanted, budget)
        if branches and all(self._few(query.noun, one) for one in branches):
            return self._merged(query, branches, budget // len(branches))
        columns, tables = READ[query.noun + "_columns"], READ[query.noun + "_tables"]
        found: list[tuple[Any, Any]] = []
        for part in parts_of(query):
            rest = changed(query, limit=query.limit - len(found))
            statement = ordered_page(rest, wanted, part, columns, tables)
            found += _placed(self._db.rows(statement.sql, statement.values), statement.place)
            if len(found) > query.limit:
                break
        return found

    def _by_time(self, query: Query, wanted: Sequence[Wanted], budget: int) -> list[tuple[Any, Any]]:
        """As `_rows`, in the order of when runs began, which is that of creation but for clocks that were set back.

        So of the runs that were created next, the time of the one furthest away bounds the page: whatever lies beyond
        it comes later. All that began within the bound are sorted.
        """
        near, far = (Operator.LE, Operator.GE) if query.descending else (Operator.GE, Operator.LE)
        bounds: list[Condition] = []
        beyond: list[Wanted] = []
        if query.after is not None:
            at, seq = cursor_values(query.after, 2)
            bounds.append(Condition("created", near, moment(at)))
            beyond.append(Piece(f"(t.created, t.seq) {'<' if query.descending else '>'} (?, ?)", (at, seq)))
        within: list[Wanted] = [tuple(bounds)] if bounds else []
        next_ones = self._rows(changed(query, order=None, after=None), [*within, *wanted, *beyond], budget)
        placed = sorted([(row, (row[_CREATED], row[0])) for row, _ in next_ones], key=_place, reverse=query.descending)
        if len(placed) <= query.limit:
            return placed
        bounds.append(Condition("created", far, moment(placed[-1][1][0])))
        return self._walked(query, [tuple(bounds), *wanted], budget)

    def _walked(self, query: Query, wanted: Sequence[Wanted], budget: int) -> list[tuple[Any, Any]]:
        driver, estimate = self._driver(query.noun, wanted, sorts=not is_creation(query))
        if estimate > ENOUGH:
            branches = self._branches(query.noun, wanted, budget)
            if branches:
                return self._merged(query, branches, budget // len(branches))
        return self._page(query, wanted, driver)

    def _page(self, query: Query, wanted: Sequence[Wanted], driver: Driver | None) -> list[tuple[Any, Any]]:
        columns, tables = READ[query.noun + "_columns"], READ[query.noun + "_tables"]
        if driver is not None and not driver.joined:
            wanted = [*wanted, *self._between(query.noun, wanted, driver.sequence)]
        statement = compiled(query, wanted, driver, columns, tables)
        return _placed(self._db.rows(statement.sql, statement.values), statement.place)

    def _between(self, noun: str, wanted: Sequence[Wanted], sequence: str) -> list[Piece]:
        """Between which sequences a walk need only look, where the time of beginning is asked for as well."""
        asked = first_and_last_block(noun, wanted)
        if asked is None:
            return []
        least, most = self._span(*asked)
        return [Piece(f"{sequence} between ? and ?", (least, most))] if least <= most else [NEVER]

    def _span(self, *asked: Piece) -> tuple[int, int]:
        """The least and the most sequence in the first and the last block."""
        first, last = (self._db.row(piece.sql, piece.values) for piece in asked)
        if first is None or last is None:
            return 0, -1
        return zones.members_of(first[0])[0], zones.members_of(last[0])[1]

    def _began_then(self, noun: str, wanted: Sequence[Wanted]) -> int:
        """How many runs at most began when they should, where that is asked for."""
        asked = first_and_last_block(noun, wanted)
        if asked is None:
            return _MOST
        least, most = self._span(*asked)
        return most - least + 1

    def _merged(self, query: Query, branches: Sequence[Sequence[Wanted]], budget: int) -> list[tuple[Any, Any]]:
        """The first of all alternatives, of which each gives its first in the same order."""
        found = {entry[1][-1]: entry for branch in branches for entry in self._rows(query, branch, budget)}
        merged = sorted(found.values(), key=lambda entry: _in_order(entry[1]), reverse=query.descending)
        if (query.noun, query.order) in OPTIONAL:
            merged.sort(key=lambda entry: entry[1][0], reverse=query.missing_first)
        return merged[: query.limit + 1]

    def _by_value(self, query: Query, wanted: Sequence[Wanted]) -> list[tuple[Any, Any]]:
        """As `_rows`, in the order of a value under a key: part after part of the list."""
        from runlore.record.sql.keyed import parts_of, valued_page, without_value  # not needed by other orders

        after = None if query.after is None else cursor_values(query.after, 3)
        parts = parts_of(query)
        if after is not None:
            if after[0] not in parts:
                raise QueryInvalid(f"{query.after!r} is not a place in this list; pass the cursor of the page before.")
            parts = parts[parts.index(after[0]) :]
        columns, tables = READ[query.noun + "_columns"], READ[query.noun + "_tables"]
        driver = self._few(query.noun, wanted)
        found: list[tuple[Any, Any]] = []
        for part in parts:
            rest = changed(query, limit=query.limit - len(found), after=None)
            begun = after if after is not None and part == after[0] else None
            if part is not None:
                statement = valued_page(rest, wanted, driver, part, begun and begun[1:], columns, tables)
                rows = _placed(self._db.rows(statement.sql, statement.values), statement.place)
            else:
                at = None if begun is None else cursor_text(begun[1:] if query.noun == "version" else begun[2:])
                rows = self._rows(changed(rest, order=None, after=at), [*wanted, without_value(query)])
            found += [(row, (part, place[0], place[-1])) for row, place in rows]
            if len(found) > query.limit:
                break
        return found

    # -- totals --------------------------------------------------------------------------------------------------

    def _counting(self, noun: str, wanted: Sequence[Wanted]) -> Piece:
        driver, estimate = self._driver(noun, wanted, sorts=True)
        branches = self._branches(noun, wanted, BRANCHES) if estimate > ENOUGH else []
        tables = READ[noun + "_tables"]
        if not branches:
            return counting(noun, wanted, driver, tables)
        pieces = [sequences(noun, one, self._driver(noun, one, sorts=True)[0], tables) for one in branches]
        union = " union ".join(piece.sql for piece in pieces)
        return Piece(f"select count(*) from ({union})", tuple(value for piece in pieces for value in piece.values))


def _place(entry: tuple[Any, Any]) -> Any:
    return entry[1]


def _placed(found: Sequence[Any], place: int) -> list[tuple[Any, Any]]:
    return [(row[:-place], row[-place:]) for row in found]


def _in_order(place: Sequence[Any]) -> list[Any]:
    """A place as SQLite orders it: texts come before bytes."""
    return [(isinstance(value, bytes), value) for value in place]
