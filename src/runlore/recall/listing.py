"""Listing: a lazy sequence over the answers to a query, fetched page by page and never cut short."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from runlore.model.counted import counted
from runlore.model.name import shortened
from runlore.model.noun import changed
from runlore.model.query import Condition, Operator, Query

if TYPE_CHECKING:
    from runlore.record.port import Record

Handle = TypeVar("Handle", covariant=True)
#: Most nouns fetched at once.
PAGE = 500


class Listing(Sequence[Handle], Generic[Handle]):
    """A lazy sequence of handles in the order of its query.

    ``len``, ``in`` and ``count`` ask the record; indexing and slicing fetch what they need, from whichever end is
    nearer, and remember what is near the beginning; iterating walks pages without keeping them, and neither skips nor
    repeats what was there all the time. Every answer is reachable: nothing is cut off after a page.
    """

    def __init__(self, record: Record, query: Query, make: Callable[[Any], Handle], *, what: str) -> None:
        self._record = record
        self._query = query
        self._make = make
        self._what = what
        self._known: list[Any] = []
        self._cursor: str | None = None
        self._complete = False

    def __len__(self) -> int:
        return self._record.count(self._query)

    def __bool__(self) -> bool:
        self._fetch(1)
        return bool(self._known)

    def __iter__(self) -> Iterator[Handle]:
        return map(self._make, self._walk(self._query))

    def __reversed__(self) -> Iterator[Handle]:
        return map(self._make, self._walk(self._reversed_query()))

    def __contains__(self, handle: object) -> bool:
        """Whether the handle is among the answers now: one question to the record, and no walk."""
        noun: Any = getattr(handle, "_noun", None)
        if type(noun).__name__.lower() != self._query.noun or getattr(handle, "element", None) is not None:
            return False
        # the index that finds one noun fastest; of what has a UUID, that
        itself = Condition("id", Operator.EQ, noun.id)
        question = changed(self._query, conditions=(*self._query.conditions, itself), order=None, limit=1)
        return any(self._make(each) == handle for each in self._record.select(question).items)

    def count(self, value: Any) -> int:
        """1 for the handle of an answer, 0 for anything else: each answer is listed once."""
        return int(value in self)

    def index(self, value: Any, start: int = 0, stop: int | None = None) -> int:
        """Position of a handle. Raises ValueError when it is not listed, or not between ``start`` and ``stop``."""
        if value in self:
            positions = range(len(self))[start:stop]
            for position, handle in enumerate(self):
                if handle == value:
                    if position in positions:
                        return position
                    break
        raise ValueError(f"{value!r} is not in this list.")

    def __eq__(self, other: object) -> bool:
        """Whether another list, tuple or listing holds equal handles in the same order."""
        if isinstance(other, Listing) and (other._record, other._query) == (self._record, self._query):
            return True
        if not isinstance(other, (list, tuple, Listing)):
            return NotImplemented
        nothing = object()
        return all(mine == theirs for mine, theirs in zip_longest(self, other, fillvalue=nothing))

    __hash__ = None  # type: ignore[assignment]
    #: Comparing with a number or array of numpy is left to `__eq__`: numpy would try to make an array of the handles.
    __array_ufunc__ = None

    @overload
    def __getitem__(self, index: int) -> Handle: ...
    @overload
    def __getitem__(self, index: slice) -> list[Handle]: ...
    def __getitem__(self, index: int | slice) -> Handle | list[Handle]:
        if isinstance(index, slice):
            return [self._make(noun) for noun in self._slice(index)]
        if isinstance(index, str):
            raise TypeError(
                f"A list is asked for a position, not for {index!r}. "
                "By name: client.get(…), pipeline[…] or artifact[…]."
            )
        index = operator.index(index)
        if index < 0:
            found = self._last(-index)
            if len(found) < -index:
                raise IndexError(f"There is no position {index}: the list holds {counted(len(found), self._what)}.")
            return self._make(found[0])
        self._fetch(index + 1)
        if index >= len(self._known):
            there = counted(len(self._known), self._what)
            raise IndexError(f"There is no position {index}: the list holds {there}.")
        return self._make(self._known[index])

    def __repr__(self) -> str:
        shown = ", ".join(shortened(str(getattr(handle, "pathspec", handle)), 22) for handle in self[:3])
        total = len(self)
        return f"<{counted(total, self._what)}{': ' if shown else ''}{shown}{', …' if total > 3 else ''}>"

    def _repr_html_(self) -> str:
        from runlore.recall.html.listing import ROWS, listing_html  # what only notebooks need

        return listing_html(self._what, self[:ROWS], len(self))

    def to_frame(self, library: str | None = None) -> Any:
        """Return a frame with a row each: of runs, facts, tags, parameters, metadata, and the last values of metrics.

        Columns are ``parameters.lr``, ``metadata.accuracy``, ``metrics.loss``; of several steps of a run that noted or
        measured under one name, the last step's counts, and before those what was noted on the run itself. Whole
        numbers stay whole where some are missing, and times are in UTC and say so. ``library`` is ``"pandas"`` or
        ``"polars"``; without it, the one that is installed, pandas first. Raises `MissingExtra` where it is not.
        """
        from runlore.recall.frame import frame_of_rows  # with what only tables need
        from runlore.recall.rows import rows_of

        return frame_of_rows(rows_of(self._record, self._walk(self._query), self._make), library)

    def _slice(self, index: slice) -> list[Any]:
        start, stop, step = index.start, index.stop, index.step
        if (step is None or step > 0) and (start is None or start >= 0) and (stop is None or stop >= 0):
            self._fetch(stop)
            return self._known[index]
        if (step is None or step > 0) and start is not None and start < 0 and (stop is None or stop < 0):
            last = self._last(-start)  # shorter than that where the list is
            return last[: max(len(last) + stop, 0) if stop is not None else None : step]
        total = len(self)
        positions = range(*index.indices(total))
        if not positions:
            return []
        least, most = min(positions[0], positions[-1]), max(positions[0], positions[-1])
        if total - least < most + 1:
            nearer = self._last(total - least)
            return [nearer[position - least] for position in positions if position - least < len(nearer)]
        self._fetch(most + 1)
        return [self._known[position] for position in positions if position < len(self._known)]

    def _last(self, count: int) -> list[Any]:
        """The last ``count`` nouns, in the order of the list; fewer where there are no more."""
        found: list[Any] = []
        query = changed(self._reversed_query(), limit=max(min(count, PAGE), 1))
        while len(found) < count:
            page = self._record.select(changed(query, limit=min(count - len(found), PAGE)))
            found.extend(page.items)
            if page.cursor is None:
                break
            query = changed(query, after=page.cursor)
        return found[::-1]

    def _reversed_query(self) -> Query:
        query = self._query
        return changed(query, descending=not query.descending, missing_first=not query.missing_first)

    def _fetch(self, count: int | None) -> None:
        """Know the first ``count`` nouns, or all of them."""
        while not self._complete and (count is None or len(self._known) < count):
            missing = PAGE if count is None else min(count - len(self._known), PAGE)
            page = self._record.select(changed(self._query, after=self._cursor, limit=missing))
            self._known.extend(page.items)
            self._cursor = page.cursor
            self._complete = page.cursor is None

    def _walk(self, query: Query) -> Iterator[Any]:
        limit = 20
        while True:
            page = self._record.select(changed(query, limit=limit))
            yield from page.items
            if page.cursor is None:
                return
            query = changed(query, after=page.cursor)
            limit = PAGE
