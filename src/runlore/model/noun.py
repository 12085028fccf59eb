"""Nouns: immutable records of named fields that cost next to nothing to declare.

`dataclasses.dataclass` compiles half a dozen methods for every class when its module is imported. There are dozens of
nouns, and a process that lists runs uses five of them. So nouns share the methods that need no compiling, and the
``__init__`` of each is compiled when its first instance is made.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, Field, FrozenInstanceError, dataclass, field, fields, make_dataclass
from typing import Any, TypeVar, dataclass_transform, overload

T = TypeVar("T")


@overload
def noun(cls: type[T], /) -> type[T]: ...
@overload
def noun(*, kw_only: bool = True) -> Callable[[type[T]], type[T]]: ...
@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(field,))
def noun(cls: type[T] | None = None, /, *, kw_only: bool = True) -> Any:
    """Make a class a frozen dataclass with slots, compared and hashed by its fields.

    ``fields``, ``replace`` and ``asdict`` of `dataclasses` work on it. Fields are given by keyword unless ``kw_only``
    is false. Assigning to a field raises `dataclasses.FrozenInstanceError`.
    """
    if cls is None:
        return lambda given: _made(given, kw_only)
    return _made(cls, kw_only)


def _made(cls: type[Any], kw_only: bool) -> Any:
    made: Any = dataclass(init=False, repr=False, eq=False, slots=True, kw_only=kw_only)(cls)

    def __init__(self: Any, *args: Any, **values: Any) -> None:
        # two threads may both come here; they compile the same
        made.__init__ = _compiled_init(made)
        made.__init__(self, *args, **values)

    made.__init__ = __init__
    for name, method in _SHARED.items():
        if name not in cls.__dict__:
            setattr(made, name, method)
    return made


def _compiled_init(cls: type[Any]) -> Any:
    """The ``__init__`` that `dataclass` writes for these fields when they are frozen."""
    given = [(one.name, one.type, _copied(one)) for one in fields(cls)]
    # without a docstring `dataclass` makes one of the signature, which takes longer than all the rest
    said = {"__doc__": cls.__doc__ or cls.__name__}
    twin = make_dataclass(cls.__name__, given, namespace=said, repr=False, eq=False, frozen=True)
    init = twin.__init__  # type: ignore[misc]
    init.__qualname__ = f"{cls.__qualname__}.__init__"
    return init


def _copied(one: Field[Any]) -> Any:
    if one.default_factory is not MISSING:
        return field(default_factory=one.default_factory, kw_only=one.kw_only)
    return field(default=one.default, kw_only=one.kw_only)


def _values(self: Any) -> tuple[Any, ...]:
    return tuple([getattr(self, name) for name in self.__dataclass_fields__])


def _eq(self: Any, other: object) -> Any:
    return _values(self) == _values(other) if other.__class__ is self.__class__ else NotImplemented


def _hash(self: Any) -> int:
    return hash(_values(self))


def _repr(self: Any) -> str:
    shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__dataclass_fields__)
    return f"{type(self).__qualname__}({shown})"


def _setattr(self: Any, name: str, value: object) -> None:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _delattr(self: Any, name: str) -> None:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _setstate(self: Any, state: tuple[Any, ...]) -> None:
    for name, value in zip(self.__dataclass_fields__, state, strict=True):
        object.__setattr__(self, name, value)


_SHARED = {
    "__eq__": _eq,
    "__hash__": _hash,
    "__repr__": _repr,
    "__setattr__": _setattr,
    "__delattr__": _delattr,
    # copying and pickling may not go through `__setattr__`
    "__getstate__": _values,
    "__setstate__": _setstate,
}
