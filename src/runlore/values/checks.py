"""Checks of values against annotations, and of annotations against each other.

They are lenient: what they do not understand passes. A refusal is a sentence that says what was expected and what came.
"""

from __future__ import annotations

import collections
import collections.abc
import inspect
import itertools
import sys
import types
import typing
from collections.abc import Iterable
from typing import Any

# How many members of a container are looked at: the first ones, and the last where it can be indexed.
_SAMPLE = 8

_TOWER: dict[type, tuple[type, ...]] = {float: (int,), complex: (int, float)}
_NUMPY_KINDS: dict[type, tuple[str, ...]] = {
    bool: ("bool",),
    int: ("integer",),
    float: ("integer", "floating"),
    complex: ("integer", "floating", "complexfloating"),
    str: ("str_",),
    bytes: ("bytes_",),
}
_MEASURED = (list, tuple, set, frozenset, dict, collections.deque)


def conforms(value: Any, annotation: Any) -> str | None:
    """Return None if ``value`` may stand where ``annotation`` is written, else a sentence.

    An int stands for a float, a numpy scalar for its Python kind; of containers a few members are looked at; type
    variables, unresolved names and constructs unknown here pass.
    """
    if type(value) is annotation or _is_open(annotation):
        return None
    return _conforms(value, _unwrapped(annotation))


def compatible(produced_annotation: Any, wanted_annotation: Any) -> str | None:
    """Return None if a value annotated as the first may be one annotated as the second, else a sentence."""
    produced, wanted = _unwrapped(produced_annotation), _unwrapped(wanted_annotation)
    if produced == wanted or _is_open(produced) or _is_open(wanted):
        return None
    for one, others in ((produced, _alternatives(produced)), (wanted, _alternatives(wanted))):
        if others is not None:
            pairs = [(other, wanted) if one is produced else (produced, other) for other in others]
            return None if any(compatible(*pair) is None for pair in pairs) else _clash(wanted, produced)
    produced_origin = typing.get_origin(produced) or produced
    wanted_origin = typing.get_origin(wanted) or wanted
    if not isinstance(produced_origin, type) or not isinstance(wanted_origin, type):
        return None
    if not _may_be(produced_origin, wanted_origin):
        return _clash(wanted, produced)
    return _compatible_members(produced, wanted, produced_origin, wanted_origin)


def _compatible_members(produced: Any, wanted: Any, produced_origin: type, wanted_origin: type) -> str | None:
    ours, theirs = typing.get_args(produced), typing.get_args(wanted)
    if produced_origin is not wanted_origin or produced_origin not in _MEASURED or not ours or not theirs:
        return None
    if produced_origin is tuple:
        if Ellipsis in ours or Ellipsis in theirs:
            ours, theirs = ours[:1], theirs[:1]
        elif len(ours) != len(theirs):
            return _clash(wanted, produced)
    matching = zip(ours, theirs, strict=False)
    return _clash(wanted, produced) if any(compatible(our, their) is not None for our, their in matching) else None


def _conforms(value: Any, annotation: Any) -> str | None:
    if _is_open(annotation):
        return None
    origin = typing.get_origin(annotation)
    if origin is typing.Literal:
        return _conforms_literal(value, annotation)
    alternatives = _alternatives(annotation)
    if alternatives is not None:
        fits = any(conforms(value, alternative) is None for alternative in alternatives)
        return None if fits else _mismatch(value, annotation)
    if origin is type:
        return _conforms_class(value, annotation)
    cls = annotation if origin is None else origin
    if not isinstance(cls, type):
        return None
    if not _is_instance(value, cls):
        return _mismatch(value, annotation)
    return _conforms_members(value, annotation) if origin is not None else None


def _conforms_literal(value: Any, annotation: Any) -> str | None:
    plain = value.item() if _is_numpy(value, "generic") else value
    for choice in typing.get_args(annotation):
        if type(choice) is type(plain) and choice == plain:
            return None
    choices = ", ".join(repr(choice) for choice in typing.get_args(annotation))
    return f"expected one of {choices}, got {_shortened(repr(value))}"


def _conforms_class(value: Any, annotation: Any) -> str | None:
    if not isinstance(value, type):
        return _mismatch(value, annotation)
    (wanted,) = typing.get_args(annotation) or (Any,)
    if isinstance(wanted, type) and not _is_subclass(value, wanted):
        return f"expected {_shown(annotation)}, got the class {_shown(value)}"
    return None


def _conforms_members(value: Any, annotation: Any) -> str | None:
    arguments = typing.get_args(annotation)
    if not isinstance(value, _MEASURED) or not arguments:
        return None
    if isinstance(value, tuple) and typing.get_origin(annotation) is tuple and arguments[-1] is not Ellipsis:
        if hasattr(value, "_fields"):
            return None
        wanted_length = 0 if arguments == ((),) else len(arguments)
        if len(value) != wanted_length:
            return f"expected {_shown(annotation)}, got a tuple of {len(value)}"
        members: Iterable[tuple[Any, Any, Any]] = zip(itertools.count(), value, arguments, strict=False)
    elif isinstance(value, dict):
        return _conforms_mapping(value, annotation)
    elif len(arguments) == 1 or arguments[-1] is Ellipsis:
        members = ((place, member, arguments[0]) for place, member in _sample(value))
    else:
        return None
    for place, member, wanted in members:
        problem = conforms(member, wanted)
        if problem is not None:
            return f"member {place}: {problem}"
    return None


def _conforms_mapping(value: dict[Any, Any], annotation: Any) -> str | None:
    arguments = typing.get_args(annotation)
    if len(arguments) != 2:
        return None
    for key, member in itertools.islice(value.items(), _SAMPLE):
        problem = conforms(key, arguments[0])
        if problem is not None:
            return f"a key: {problem}"
        problem = conforms(member, arguments[1])
        if problem is not None:
            return f"member {_shortened(repr(key))}: {problem}"
    return None


def _sample(value: Any) -> Iterable[tuple[Any, Any]]:
    yield from itertools.islice(enumerate(value), _SAMPLE)
    if isinstance(value, list | tuple) and len(value) > _SAMPLE:
        yield len(value) - 1, value[-1]


def _is_open(annotation: Any) -> bool:
    """Whether an annotation says nothing that can be checked here."""
    return (
        annotation is Any
        or annotation is object
        or annotation is inspect.Parameter.empty
        or isinstance(annotation, str | typing.TypeVar | typing.ForwardRef)
        or getattr(annotation, "_is_protocol", False) is True
    )


def _unwrapped(annotation: Any) -> Any:
    if annotation is None:
        return type(None)
    if typing.get_origin(annotation) in (typing.Annotated, typing.Final, typing.ClassVar):
        return _unwrapped(typing.get_args(annotation)[0])
    if isinstance(annotation, typing.NewType):
        return _unwrapped(annotation.__supertype__)
    if type(annotation).__name__ == "TypeAliasType":  # `type X = ...` of Python 3.12
        return _unwrapped(annotation.__value__)
    if typing.is_typeddict(annotation):
        return dict
    return annotation


def _alternatives(annotation: Any) -> tuple[Any, ...] | None:
    origin = typing.get_origin(annotation)
    if origin is typing.Union or origin is types.UnionType:
        return typing.get_args(annotation)
    if origin is typing.Literal:
        return tuple(dict.fromkeys(type(choice) for choice in typing.get_args(annotation)))
    return None


def _is_instance(value: Any, cls: type) -> bool:
    if isinstance(value, _TOWER.get(cls, ())):
        return True
    if any(_is_numpy(value, kind) for kind in _NUMPY_KINDS.get(cls, ())):
        return True
    try:
        if isinstance(value, cls):
            return True
    except TypeError:  # a class that forbids the question
        return True
    return _is_redefined(type(value), cls)


def _is_numpy(value: Any, kind: str) -> bool:
    numpy = sys.modules.get("numpy")
    cls = getattr(numpy, kind, None)
    return isinstance(cls, type) and isinstance(value, cls)


def _is_subclass(cls: type, base: type) -> bool:
    try:
        return issubclass(cls, base) or _is_redefined(cls, base)
    except TypeError:
        return True


def _is_redefined(cls: type, wanted: type) -> bool:
    """A notebook cell that ran twice leaves two classes of one name, and values of both are about."""
    if "__main__" != wanted.__module__ and "<locals>" not in wanted.__qualname__:
        return False
    return any(
        base.__module__ == wanted.__module__ and base.__qualname__ == wanted.__qualname__ for base in cls.__mro__
    )


def _may_be(produced: type, wanted: type) -> bool:
    if _is_subclass(produced, wanted) or _is_subclass(wanted, produced) or produced in _TOWER.get(wanted, ()):
        return True
    for numpy_class, python_class in ((produced, wanted), (wanted, produced)):
        for kind in _NUMPY_KINDS.get(python_class, ()):
            cls = getattr(sys.modules.get("numpy"), kind, None)
            if isinstance(cls, type) and issubclass(numpy_class, cls):
                return True
    return False


def _mismatch(value: Any, annotation: Any) -> str:
    got = _shown(type(value)) if value is None else f"{_shown(type(value))} {_shortened(_safe_repr(value))}".rstrip()
    return f"expected {_shown(annotation)}, got {got}"


def _clash(wanted: Any, produced: Any) -> str:
    return f"expected {_shown(wanted)}, got {_shown(produced)}"


def _shown(annotation: Any) -> str:
    if annotation is type(None):
        return "None"
    if isinstance(annotation, type) and typing.get_origin(annotation) is None:
        builtin = annotation.__module__ == "builtins"
        return annotation.__qualname__ if builtin else f"{annotation.__module__}.{annotation.__qualname__}"
    return str(annotation).replace("typing.", "")


def _safe_repr(value: Any) -> str:
    if not isinstance(value, bool | int | float | str | bytes | complex | type(None)):
        return ""
    try:
        return repr(value)
    except ValueError:  # an integer too long to print
        return "…"


def _shortened(text: str) -> str:
    return text if len(text) <= 60 else text[:59] + "…"
