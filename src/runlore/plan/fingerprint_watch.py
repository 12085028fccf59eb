"""Watch: what a walk saw, so that a later call can tell in microseconds whether anything of it changed.

Every check is by object identity, which errs on one side only: something equal but new leads to a new walk.
"""

from __future__ import annotations

from abc import get_cache_token
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import CellType, FunctionType
from typing import Any, Final


class _Missing:
    __slots__ = ()


#: Stands for a name that is bound to nothing.
MISSING: Final = _Missing()


@dataclass(slots=True)
class Watch:
    """Snapshots of everything changeable that a walk looked at."""

    #: Something was seen whose change cannot be noticed; a result must not be kept.
    volatile: bool = False
    _names: dict[tuple[int, str], tuple[Mapping[str, Any], str, object]] = field(default_factory=dict)
    _functions: list[tuple[FunctionType, tuple[object, ...], dict[str, Any], dict[str, Any]]] = field(
        default_factory=list
    )
    _cells: list[tuple[CellType, object]] = field(default_factory=list)
    _sequences: list[tuple[Sequence[Any], tuple[Any, ...]]] = field(default_factory=list)
    _mappings: list[tuple[Mapping[Any, Any], tuple[Any, ...]]] = field(default_factory=list)
    _members: list[tuple[set[Any] | frozenset[Any], tuple[Any, ...]]] = field(default_factory=list)
    _attributes: list[tuple[Any, str, object]] = field(default_factory=list)
    _arrays: list[tuple[Any, object]] = field(default_factory=list)
    _sizes: list[tuple[Mapping[str, Any], int]] = field(default_factory=list)
    #: The state of all registrations with abstract classes, where one of the project's was seen.
    _registrations: object = None

    def lookup(self, namespace: Mapping[str, Any], name: str) -> Any:
        """Read a name, and remember what it was bound to."""
        value = namespace.get(name, MISSING)
        self._names[(id(namespace), name)] = (namespace, name, value)
        return value

    def function(self, subject: FunctionType) -> None:
        facts = (subject.__code__, subject.__defaults__)
        self._functions.append((subject, facts, dict(subject.__kwdefaults__ or {}), dict(vars(subject))))

    def cell(self, cell: CellType) -> None:
        self._cells.append((cell, _contents(cell)))

    def sequence(self, subject: Sequence[Any]) -> None:
        if isinstance(subject, list):
            self._sequences.append((subject, tuple(subject)))

    def mapping(self, subject: Mapping[Any, Any]) -> None:
        self._mappings.append((subject, _pairs(subject)))

    def members(self, subject: set[Any] | frozenset[Any]) -> None:
        if isinstance(subject, set):
            self._members.append((subject, tuple(subject)))

    def instance(self, subject: Any) -> None:
        """Watch the attributes of an instance; one with slots, or with contents, cannot be watched."""
        if isinstance(subject, list | dict | set | bytearray) or not hasattr(subject, "__dict__"):
            self.volatile = True
        elif any("__slots__" in vars(cls) and vars(cls)["__slots__"] for cls in type(subject).__mro__):
            self.volatile = True
        else:
            self.attribute(subject, "__class__")
            self.mapping(vars(subject))

    def attribute(self, subject: Any, name: str) -> None:
        self._attributes.append((subject, name, getattr(subject, name)))

    def size(self, subject: Mapping[str, Any]) -> None:
        """Notice what is added to an installed class; comparing all that it has would take too long."""
        self._sizes.append((subject, len(subject)))

    def registrations(self) -> None:
        """Notice that a class is registered with an abstract one, which leaves no other trace."""
        self._registrations = get_cache_token()

    def array(self, subject: Any, token: object) -> None:
        self._arrays.append((subject, token))

    def unchanged(self) -> bool:
        """Whether everything is still as it was seen."""
        return (
            all(namespace.get(name, MISSING) is value for namespace, name, value in self._names.values())
            and all(
                subject.__code__ is facts[0]
                and subject.__defaults__ is facts[1]
                and _same(subject.__kwdefaults__ or {}, keywords)
                and _same(vars(subject), attributes)
                for subject, facts, keywords, attributes in self._functions
            )
            and all(_contents(cell) is value for cell, value in self._cells)
            and all(getattr(subject, name, MISSING) is value for subject, name, value in self._attributes)
            and all(len(subject) == size for subject, size in self._sizes)
            and (self._registrations is None or self._registrations == get_cache_token())
            and self._contents_unchanged()
        )

    def _contents_unchanged(self) -> bool:
        if not all(_identical(tuple(subject), seen) for subject, seen in self._sequences):
            return False
        if not all(_identical(_pairs(subject), seen) for subject, seen in self._mappings):
            return False
        for subject, seen in self._members:
            if {id(item) for item in subject} != {id(item) for item in seen}:
                return False
        if not self._arrays:
            return True
        from runlore.plan.fingerprint_values import array

        return all(array(subject) == token for subject, token in self._arrays)


def _contents(cell: CellType) -> object:
    try:
        return cell.cell_contents
    except ValueError:
        return MISSING


def _pairs(subject: Mapping[Any, Any]) -> tuple[Any, ...]:
    return (*subject.keys(), *subject.values())


def _identical(now: tuple[Any, ...], seen: tuple[Any, ...]) -> bool:
    return len(now) == len(seen) and all(map(_is, now, seen))


def _is(one: object, other: object) -> bool:
    return one is other


def _same(now: dict[str, Any], seen: dict[str, Any]) -> bool:
    return len(now) == len(seen) and all(now.get(name, MISSING) is value for name, value in seen.items())
