"""Listing: a lazy sequence over the answers to a query, fetched page by page and never cut short."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from runlore.model.counted import counted
from runlore.model.name import shortened
from runlore.model.noun import changed
from runlore.model.query import Query

if TYPE_CHECKING:
    import pandas

    from runlore.record.port import Record

Handle = TypeVar("Handle", covariant=True)
#: Most nouns fetched at once.
PAGE = 500


class Listing(Sequence[Handle], Generic[Handle]):
    """A lazy sequence of handles in the order of its query.

    ``len`` counts in the record; indexing and slicing fetch what they need and remember it; iterating walks pages
    without keeping them. Every answer is reachable: nothing is cut off after a page.
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
        return self._walk(self._query)

    def __reversed__(self) -> Iterator[Handle]:
        return self._walk(self._reversed_query())

    @overload
    def __getitem__(self, index: int) -> Handle: ...
    @overload
    def __getitem__(self, index: slice) -> list[Handle]: ...
    def __getitem__(self, index: int | slice) -> Handle | list[Handle]:
        if isinstance(index, slice):
            return self._slice(index)
        if index < 0:
            return self._from_end(index)
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

    def to_frame(self) -> pandas.DataFrame:
        """Return a pandas frame with one row each. Raises `MissingExtra` where pandas is not installed."""
        try:
            import pandas
        except ImportError:
            from runlore.errors import MissingExtra

            raise MissingExtra("to_frame() needs pandas: pip install 'runlore[pandas]'.") from None
        return pandas.DataFrame([handle.to_row() for handle in self])  # type: ignore[attr-defined]

    def _slice(self, index: slice) -> list[Handle]:
        backwards = index.step is not None and index.step < 0
        if backwards or (index.start or 0) < 0 or (index.stop or 0) < 0:
            positions = range(*index.indices(len(self)))
            return [self[position] for position in positions]
        self._fetch(index.stop)
        return [self._make(noun) for noun in self._known[index]]

    def _from_end(self, index: int) -> Handle:
        for position, handle in enumerate(reversed(self), start=1):
            if position == -index:
                return handle
        raise IndexError(f"There is no position {index}: the list holds {counted(len(self), self._what)}.")

    def _reversed_query(self) -> Query:
        return changed(self._query, descending=not self._query.descending)

    def _fetch(self, count: int | None) -> None:
        """Know the first ``count`` nouns, or all of them."""
        while not self._complete and (count is None or len(self._known) < count):
            missing = PAGE if count is None else min(count - len(self._known), PAGE)
            page = self._record.select(changed(self._query, after=self._cursor, limit=missing))
            self._known.extend(page.items)
            self._cursor = page.cursor
            self._complete = page.cursor is None

    def _walk(self, query: Query) -> Iterator[Handle]:
        limit = 20
        while True:
            page = self._record.select(changed(query, limit=limit))
            yield from map(self._make, page.items)
            if page.cursor is None:
                return
            query = changed(query, after=page.cursor)
            limit = PAGE
