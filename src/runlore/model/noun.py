"""Nouns: immutable records of named fields that cost next to nothing to declare.

`dataclasses.dataclass` compiles half a dozen methods for every class when its module is imported. There are dozens of
nouns, and a process that lists runs uses five of them. So nouns share the methods that need no compiling, and what
makes instances is compiled when the first one is made.

A frozen dataclass also pays for being frozen with every field that it fills in, going around its own ``__setattr__``.
Nouns are filled in as instances of a twin class that is not frozen, and then become what they are: half the time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, Field, FrozenInstanceError, dataclass, field, fields
from types import new_class
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

    def __new__(cls: Any, *args: Any, **values: Any) -> Any:
        # two threads may both come here; they compile the same
        made.__new__ = staticmethod(_compiled_new(made))
        return made.__new__(cls, *args, **values)

    made.__new__ = staticmethod(__new__)
    made.__signature__ = _Signature()
    for name, method in _SHARED.items():
        if name not in cls.__dict__:
            setattr(made, name, method)
    return made


def _compiled_new(cls: type[Any]) -> Any:
    """The function that makes an instance from its fields, as the ``__init__`` of a dataclass takes them."""
    known: dict[str, Any] = {"_blank": object.__new__, "_missing": MISSING, "_draft": _draft_of(cls)}
    by_keyword = [one for one in fields(cls) if one.kw_only]
    by_position = [one for one in fields(cls) if not one.kw_only]
    taken = ["_cls", *(_parameter(one, known) for one in by_position)]
    if by_keyword:
        taken += ["*", *(_parameter(one, known) for one in by_keyword)]
    lines = [f"def __new__({', '.join(taken)}):", "self = _blank(_draft)"]
    lines += [f"self.{one.name} = {_filled(one)}" for one in fields(cls)]
    lines.append("self.__class__ = _cls")
    if hasattr(cls, "__post_init__"):
        lines.append("self.__post_init__()")
    lines.append("return self")
    exec("\n    ".join(lines), known)
    made = known["__new__"]
    made.__qualname__ = cls.__qualname__
    made.__annotations__ = {one.name: one.type for one in fields(cls)}
    return made


def _parameter(one: Field[Any], known: dict[str, Any]) -> str:
    default = f"_default_{one.name}"
    if one.default_factory is not MISSING:
        known[default] = one.default_factory
        return f"{one.name}=_missing"
    if one.default is MISSING:
        return one.name
    known[default] = one.default
    return f"{one.name}={default}"


def _filled(one: Field[Any]) -> str:
    if one.default_factory is MISSING:
        return one.name
    return f"_default_{one.name}() if {one.name} is _missing else {one.name}"


class _Signature:
    """What `inspect.signature` and ``help`` show of a noun, whether what makes it is compiled yet or not."""

    def __get__(self, instance: object, owner: type[Any]) -> Any:
        import inspect  # whoever asks has it

        found = inspect.signature(_compiled_new(owner))
        taken = list(found.parameters.values())[1:]
        return found.replace(
            parameters=[one.replace(default=_FACTORY) if one.default is MISSING else one for one in taken]
        )


class _Factory:
    def __repr__(self) -> str:
        return "<factory>"


_FACTORY = _Factory()


def _draft_of(cls: type[Any]) -> type[Any]:
    """The twin that may be filled in: it has the same places in memory, so that an instance can change its class."""
    bases = getattr(cls, "__orig_bases__", cls.__bases__)
    return new_class(cls.__name__, bases, exec_body=lambda body: body.update(__slots__=cls.__slots__))


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


def _getnewargs(self: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return (), {name: getattr(self, name) for name in self.__dataclass_fields__}


def _getstate(self: Any) -> None:
    """There is nothing beside the fields."""


_SHARED = {
    "__eq__": _eq,
    "__hash__": _hash,
    "__repr__": _repr,
    "__setattr__": _setattr,
    "__delattr__": _delattr,
    # copies and pickles are made as any instance is
    "__getnewargs_ex__": _getnewargs,
    "__getstate__": _getstate,
}
