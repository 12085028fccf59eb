"""Named: a read-only mapping in declared order whose missing keys say which there are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from runlore.errors import NotFound
from runlore.model.suggest import did_you_mean

#: Things that are written out; of more it is said how many.
_WRITTEN = 30

Value = TypeVar("Value", covariant=True)


class Named(Mapping[str, Value]):
    """Things by name, in declared order. A missing name raises `NotFound`, which is a `KeyError`."""

    def __init__(self, things: Mapping[str, Value], *, kind: str, owner: str) -> None:
        self._things = things
        self._kind = kind
        self._owner = owner

    def __getitem__(self, name: str) -> Value:
        try:
            return self._things[name]
        except (KeyError, TypeError):  # what cannot be hashed is no name, either
            hint = did_you_mean(str(name), self._things, nothing=" It has none.")
            raise NotFound(f"{self._owner} has no {self._kind} {name!r}.{hint}") from None

    if not TYPE_CHECKING:  # to a type checker, what is not there is not there

        def __getattr__(self, name: str) -> None:
            # what begins with an underscore may be asked of an object that has no things yet
            if name.startswith("_") or name not in self._things:
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            raise AttributeError(f"The {self._kind} {name!r} of {self._owner} is found by brackets: [{name!r}].")

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name in self._things

    def __iter__(self) -> Iterator[str]:
        return iter(self._things)

    def __len__(self) -> int:
        return len(self._things)

    def __repr__(self) -> str:
        told = [f"{name!r}: {value!r}" for name, value in islice(self._things.items(), _WRITTEN)]
        if len(self) > _WRITTEN:
            told.append(f"… {len(self) - _WRITTEN:,} more")
        return f"{{{', '.join(told)}}}"

    def _repr_html_(self) -> str:
        from runlore.recall.html.mapping import mapping_html  # what only notebooks need

        return mapping_html(self._shown(), kind=self._kind, owner=self._owner)

    def _shown(self) -> Mapping[str, object]:
        """What a listing shows of each."""
        return self._things

    def _ipython_key_completions_(self) -> list[str]:
        return list(self._things)

    def only(self, attribute: str) -> Value:
        """Return the only one. Raises ValueError naming all of them when there is not exactly one."""
        if not self._things:
            raise ValueError(f"{self._owner} has no {self._kind}s, so .{attribute} is not defined.")
        if len(self._things) != 1:
            names = ", ".join(repr(name) for name in self._things)
            raise ValueError(
                f"{self._owner} has {len(self._things)} {self._kind}s ({names}), so .{attribute} is not defined; "
                f'choose one with .{attribute}s["name"].'
            )
        return next(iter(self._things.values()))
