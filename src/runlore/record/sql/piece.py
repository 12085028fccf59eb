"""Piece: some SQL together with the values that are bound in it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from runlore.model.noun import noun


@noun(kw_only=False)
class Piece:
    """Some SQL and the values bound in it, in order. A condition can stand beside ``and`` as it is."""

    sql: str
    values: tuple[Any, ...] = ()


#: Bound, not written: with a constant SQLite would drop the other conditions, and then miss those of the index to walk.
ALWAYS, NEVER = Piece("?", (1,)), Piece("?", (0,))


def all_of(pieces: Iterable[Piece]) -> Piece:
    """Every one holds."""
    return _joined(" and ", pieces) or ALWAYS


def any_of(pieces: Iterable[Piece]) -> Piece:
    """One of them holds."""
    found = _joined(" or ", pieces)
    return NEVER if found is None else Piece(f"({found.sql})", found.values)


def _joined(word: str, pieces: Iterable[Piece]) -> Piece | None:
    known = list(pieces)
    if not known:
        return None
    return Piece(word.join(piece.sql for piece in known), tuple(value for piece in known for value in piece.values))
