"""Listings are sequences: whatever is asked of one, it answers as the list of its items would."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from runlore.model.query import Page, Query
from runlore.recall.listing import Listing


class Numbers:
    """A record of the numbers from 0 that answers queries in keyset pages of at most 7.

    The last third has no value to be sorted by.
    """

    def __init__(self, count: int) -> None:
        self._count = count

    def select(self, query: Query) -> Page[int]:
        way = 1 if query.descending else -1
        valued = list(range(self._count))[: self._count * 2 // 3][::way]
        others = list(range(self._count))[self._count * 2 // 3 :][::way]
        whole = others + valued if query.missing_first else valued + others
        start = 0 if query.after is None else int(query.after)
        stop = start + min(query.limit, 7)
        return Page(items=tuple(whole[start:stop]), cursor=str(stop) if stop < len(whole) else None)

    def count(self, query: Query) -> int:
        return self._count


def listing_of(count: int) -> Listing[int]:
    record: Any = Numbers(count)
    return Listing(record, Query(noun="run"), lambda number: number, what="number")


BOUND = st.none() | st.integers(-40, 40)


@given(st.integers(0, 30), BOUND, BOUND, st.none() | st.integers(-5, 5).filter(bool))
def test_slices_are_those_of_the_list(count: int, start: int | None, stop: int | None, step: int | None) -> None:
    """Every slice, with any sign of its bounds and step, gives the items that a list would."""
    assert listing_of(count)[start:stop:step] == list(range(count))[start:stop:step]


@given(st.integers(0, 30), st.lists(st.integers(-35, 35), max_size=5))
def test_positions_are_those_of_the_list(count: int, positions: list[int]) -> None:
    """Every position, in any order of asking, gives the item or the IndexError that a list would."""
    listing = listing_of(count)
    for position in positions:
        if -count <= position < count:
            assert listing[position] == list(range(count))[position]
        else:
            try:
                listing[position]
            except IndexError:
                continue
            raise AssertionError(position)


@given(st.integers(0, 60))
def test_walking_both_ways_gives_everything(count: int) -> None:
    """Iteration, reversal, length, truth and equality agree with the list."""
    listing = listing_of(count)
    assert list(listing) == list(range(count))
    assert list(reversed(listing)) == list(range(count))[::-1]
    assert (len(listing), bool(listing), count in listing) == (count, count > 0, False)
    assert listing == list(range(count)) and listing != list(range(count + 1)) and listing != [*range(count - 1), -1]
