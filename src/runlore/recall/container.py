"""Container: a handle that holds others, which are found by name in brackets, walked over and counted."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Any, Generic, TypeVar
from uuid import UUID

from runlore.errors import Ambiguous, NameInvalid, NamespaceMismatch, NotFound, PathspecInvalid
from runlore.model.article import with_article
from runlore.recall.position import Positioned

Child = TypeVar("Child", covariant=True)
#: What a reference that means nothing raises.
_NOTHING = (NotFound, NamespaceMismatch, Ambiguous, PathspecInvalid, NameInvalid, TypeError)
#: Most keys that are offered to complete what is being typed.
COMPLETIONS = 100


class Container(Generic[Child]):
    """Holds handles. ``[]`` finds one by what it is called, never by position: lists are for that."""

    def __getitem__(self, reference: Any) -> Child:
        raise NotImplementedError

    def __iter__(self) -> Iterator[Child]:
        raise NotImplementedError

    def __len__(self) -> int:
        raise NotImplementedError

    def _key(self, child: Any) -> str:
        """What a child is called in brackets."""
        raise NotImplementedError

    def _holds(self, handle: Any) -> bool:
        """Whether a handle is one of the children."""
        raise NotImplementedError

    def __contains__(self, reference: object) -> bool:
        """Whether ``[]`` would find it, or it is the handle of a child; whatever else it is, it is not there."""
        try:
            if isinstance(reference, Positioned):
                return self._holds(reference)
            self[reference]
        except _NOTHING:
            return False
        return True

    def __bool__(self) -> bool:
        return True

    def keys(self) -> Iterator[str]:
        """What its children are called, in the order of walking; lazy, like `values` and `items`."""
        return map(self._key, self)

    def values(self) -> Iterator[Child]:
        """Its children, one after the other."""
        return iter(self)

    def items(self) -> Iterator[tuple[str, Child]]:
        """Pairs of what a child is called and the child."""
        return ((self._key(child), child) for child in self)

    def _ipython_key_completions_(self) -> list[str]:
        keys = self.keys()
        return [key for key, _ in zip(keys, range(COMPLETIONS), strict=False)]


def reference_of(reference: Any, *, what: str, owner: str, instead: str) -> str | int | UUID:
    """What stands in brackets, if it can mean a child; raises TypeError, naming what to write ``instead``."""
    if isinstance(reference, (str, UUID)):
        return reference
    if not isinstance(reference, (bool, slice)):
        try:
            return operator.index(reference)
        except TypeError:
            pass
    given = "a slice" if isinstance(reference, slice) else f"{reference!r}, {with_article(type(reference).__name__)}"
    raise TypeError(f"{owner} is asked for {what}, not for {given}. By position: {instead}.")
