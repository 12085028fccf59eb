"""Nouns: immutable records of named fields that cost next to nothing to declare.

`dataclasses.dataclass` compiles half a dozen methods for every class when its module is imported, and brings `inspect`
and the parser, which take longer than the rest of a look-up. There are dozens of nouns, and a process that lists runs
uses five of them. So nouns share the methods that need no compiling, what makes instances is compiled when the first
one is made, and `dataclasses` is asked when somebody treats a noun as one.

A frozen dataclass also pays for being frozen with every field that it fills in, going around its own ``__setattr__``.
Nouns are filled in as instances of a twin class that is not frozen, and then become what they are: half the time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import new_class
from typing import Any, TypeVar, dataclass_transform, overload

T = TypeVar("T")


class _Required:
    """Stands for the default of a field that has none."""


class _Factory:
    """The default of a field that is made anew for each instance."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self.make = make

    def __repr__(self) -> str:
        return "<factory>"


def field(*, default_factory: Callable[[], T]) -> T:
    """Declare a default that is made anew for each instance: ``notes: list[str] = field(default_factory=list)``."""
    default: Any = _Factory(default_factory)
    return default  # type: ignore[no-any-return]


@overload
def noun(cls: type[T], /) -> type[T]: ...
@overload
def noun(*, kw_only: bool = True) -> Callable[[type[T]], type[T]]: ...
@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(field,))
def noun(cls: type[T] | None = None, /, *, kw_only: bool = True) -> Any:
    """Make a class a frozen record with slots, compared and hashed by its fields.

    Fields are the annotated names of the class, given by keyword unless ``kw_only`` is false. Assigning to one raises
    `dataclasses.FrozenInstanceError`. `changed` gives a copy; ``fields``, ``replace`` and ``asdict`` of `dataclasses`
    work too.
    """
    if cls is None:
        return lambda given: _made(given, kw_only)
    return _made(cls, kw_only)


def changed(noun: T, **changes: Any) -> T:
    """Return a copy of ``noun`` with other values of the named fields. Raises `TypeError` for an unknown name."""
    given = {name: getattr(noun, name) for name in fields_of(noun)}
    return type(noun)(**(given | changes))


def fields_of(noun: Any) -> tuple[str, ...]:
    """Names of the fields of a noun, or of a class of nouns, in their order."""
    return noun.__slots__  # type: ignore[no-any-return]


def _made(cls: type[Any], kw_only: bool) -> Any:
    annotations: dict[str, Any] = cls.__dict__.get("__annotations__", {})
    body = {name: value for name, value in cls.__dict__.items() if name not in ("__dict__", "__weakref__")}
    defaults = {name: body.pop(name, _Required) for name in annotations}
    body["__slots__"] = tuple(annotations)
    body["__match_args__"] = () if kw_only else tuple(annotations)
    for name, method in _SHARED.items():
        body.setdefault(name, method)
    metaclass: Any = type(cls)
    made = metaclass(cls.__name__, cls.__bases__, body)
    made.__qualname__ = cls.__qualname__

    def __new__(cls: Any, *args: Any, **values: Any) -> Any:
        # two threads may both come here; they compile the same
        made.__new__ = staticmethod(_compiled_new(made, defaults, kw_only))
        return made.__new__(cls, *args, **values)

    made.__new__ = staticmethod(__new__)
    made.__signature__ = _Signature(defaults, kw_only)
    made.__dataclass_fields__ = _Fields(defaults, kw_only)
    return made


def _compiled_new(cls: type[Any], defaults: dict[str, Any], kw_only: bool) -> Any:
    """The function that makes an instance from its fields."""
    known: dict[str, Any] = {"_blank": object.__new__, "_draft": _draft_of(cls)}
    known |= {f"_default_{name}": default for name, default in defaults.items() if default is not _Required}
    taken = [name if default is _Required else f"{name}=_default_{name}" for name, default in defaults.items()]
    lines = [f"def __new__({', '.join(['_cls', *(['*'] if kw_only and taken else []), *taken])}):"]
    lines += ["self = _blank(_draft)", *_fillings(defaults), "self.__class__ = _cls"]
    if hasattr(cls, "__post_init__"):
        lines.append("self.__post_init__()")
    lines.append("return self")
    exec("\n    ".join(lines), known)
    made = known["__new__"]
    made.__qualname__ = cls.__qualname__
    made.__annotations__ = dict(cls.__annotations__)
    return made


def _fillings(defaults: dict[str, Any]) -> Iterator[str]:
    for name, default in defaults.items():
        made = f"_default_{name}.make() if {name} is _default_{name} else {name}"
        yield f"self.{name} = {made if isinstance(default, _Factory) else name}"


def _draft_of(cls: type[Any]) -> type[Any]:
    """The twin that may be filled in: it has the same places in memory, so that an instance can change its class."""
    bases = getattr(cls, "__orig_bases__", cls.__bases__)
    return new_class(cls.__name__, bases, exec_body=lambda body: body.update(__slots__=cls.__slots__))


class _Signature:
    """What `inspect.signature` and ``help`` show of a noun, whether what makes it is compiled yet or not."""

    def __init__(self, defaults: dict[str, Any], kw_only: bool) -> None:
        self._defaults = defaults
        self._kw_only = kw_only

    def __get__(self, instance: object, owner: type[Any]) -> Any:
        import inspect  # whoever asks has it

        found = inspect.signature(_compiled_new(owner, self._defaults, self._kw_only))
        return found.replace(parameters=list(found.parameters.values())[1:])


class _Fields:
    """What `dataclasses` looks for to see whether something is a dataclass, and of which fields."""

    def __init__(self, defaults: dict[str, Any], kw_only: bool) -> None:
        self._defaults = defaults
        self._kw_only = kw_only

    def __get__(self, instance: object, owner: type[Any]) -> Any:
        import dataclasses  # whoever asks has it

        given = []
        for name, default in self._defaults.items():
            said: dict[str, Any] = {"kw_only": self._kw_only}
            if isinstance(default, _Factory):
                said["default_factory"] = default.make
            elif default is not _Required:
                said["default"] = default
            given.append((name, owner.__annotations__[name], dataclasses.field(**said)))
        twin: Any = dataclasses.make_dataclass(owner.__name__, given, init=False, repr=False, eq=False)
        return twin.__dataclass_fields__


def _values(self: Any) -> tuple[Any, ...]:
    return tuple([getattr(self, name) for name in self.__slots__])


def _eq(self: Any, other: object) -> Any:
    return _values(self) == _values(other) if other.__class__ is self.__class__ else NotImplemented


def _hash(self: Any) -> int:
    return hash(_values(self))


def _repr(self: Any) -> str:
    shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__slots__)
    return f"{type(self).__qualname__}({shown})"


def _setattr(self: Any, name: str, value: object) -> None:
    raise _frozen(f"cannot assign to field {name!r}")


def _delattr(self: Any, name: str) -> None:
    raise _frozen(f"cannot delete field {name!r}")


def _frozen(message: str) -> Exception:
    from dataclasses import FrozenInstanceError

    return FrozenInstanceError(message)


def _getnewargs(self: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return (), {name: getattr(self, name) for name in self.__slots__}


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
