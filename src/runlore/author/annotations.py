"""Annotations as values, wherever a function was defined and however its annotations were written.

Text (``from __future__ import annotations``) is evaluated with the function's globals, the variables that it closes
over and the locals of the scope that decorates it. A name that is not known yet becomes a placeholder, so that the
shape of the annotation (how many outputs, called what) is kept.
"""

from __future__ import annotations

import builtins
import sys
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, ForwardRef, get_args, get_origin

#: Words that carry the shape of an annotation, known even where they are imported for type checkers only.
_SHAPES = {name: getattr(typing, name) for name in ("Annotated", "Any", "Dict", "List", "Optional", "Tuple", "Union")}


class _UnknownMeta(type):
    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return unknown(f"{cls.__name__}.{name}")

    def __getitem__(cls, _item: Any) -> Any:
        return cls


class Unknown(metaclass=_UnknownMeta):
    """Stands for a name that could not be resolved."""


def unknown(name: str) -> Any:
    """Make a placeholder class for an unresolved name."""
    return _UnknownMeta(name, (Unknown,), {})


class _Scope(Mapping[str, Any]):
    """Every name has a value here: a known one, or a placeholder."""

    def __init__(self, layers: tuple[Mapping[str, Any], ...]) -> None:
        self.layers = layers

    def __getitem__(self, name: str) -> Any:
        for layer in self.layers:
            if name in layer:
                return layer[name]
        return unknown(name)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def raw_annotations(function: Callable[..., Any]) -> dict[str, Any]:
    """The annotations of ``function`` as written; from Python 3.14, where they may not be evaluable yet, as text."""
    try:
        return dict(getattr(function, "__annotations__", None) or {})
    except NameError:
        if sys.version_info < (3, 14):
            raise
        from importlib import import_module

        annotationlib = import_module("annotationlib")
        return dict(annotationlib.get_annotations(function, format=annotationlib.Format.STRING))


def evaluated(annotation: Any, function: Callable[..., Any], enclosing: Mapping[str, Any]) -> Any:
    """Evaluate an annotation of ``function``; unresolved names become `Unknown` classes. Never raises."""
    if annotation is None:
        return None
    scope = _Scope((_closure(function), enclosing, getattr(function, "__globals__", {}), vars(builtins), _SHAPES))
    return _resolve(annotation, scope)


def _closure(function: Callable[..., Any]) -> dict[str, Any]:
    code = getattr(function, "__code__", None)
    found: dict[str, Any] = {}
    for name, cell in zip(code.co_freevars if code else (), getattr(function, "__closure__", None) or (), strict=False):
        try:
            found[name] = cell.cell_contents
        except ValueError:  # assigned later, as in recursive definitions
            continue
    return found


def _resolve(annotation: Any, scope: _Scope, depth: int = 0) -> Any:
    if depth > 50:
        return Any
    if isinstance(annotation, ForwardRef):
        annotation = annotation.__forward_arg__
    if isinstance(annotation, str):
        try:
            value = eval(annotation, {"__builtins__": {}}, scope)  # noqa: S307  the user's own annotation
        except Exception:
            return unknown(annotation)
        return None if value is None else _resolve(value, scope, depth + 1)
    if type(annotation).__name__ == "TypeAliasType" and not get_args(annotation):
        try:
            return _resolve(annotation.__value__, scope, depth + 1)
        except Exception:
            return unknown(str(annotation))
    return _rebuilt(annotation, lambda part: _resolve(part, scope, depth + 1))


def _rebuilt(annotation: Any, change: Callable[[Any], Any]) -> Any:
    """Apply ``change`` to the type arguments of a generic annotation; literals and what does not allow it stay."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if not parts or origin is typing.Literal:
        return annotation
    if origin is Annotated:
        inner = change(annotation.__origin__)
        return annotation if inner is annotation.__origin__ else Annotated[(inner, *annotation.__metadata__)]
    changed = tuple(part if part is Ellipsis or isinstance(part, list) else change(part) for part in parts)
    if all(new is old for new, old in zip(changed, parts, strict=True)):
        return annotation
    try:
        if origin is types.UnionType:
            return typing.Union[changed]  # noqa: UP007  made at run time
        if hasattr(annotation, "copy_with"):
            return annotation.copy_with(changed)
        return origin[changed]
    except TypeError:
        return unknown(str(annotation))


def has_unknown(annotation: Any) -> bool:
    """Whether some name in the annotation is unresolved."""
    if isinstance(annotation, type) and issubclass(type(annotation), _UnknownMeta):
        return True
    return any(has_unknown(part) for part in get_args(annotation) if not isinstance(part, (str, list)))


def unknown_names(annotation: Any) -> Iterator[str]:
    """The unresolved names in an annotation."""
    if isinstance(annotation, type) and issubclass(type(annotation), _UnknownMeta):
        yield annotation.__name__
    for part in get_args(annotation):
        yield from unknown_names(part)


def checkable(annotation: Any) -> Any:
    """The annotation with `Any` in place of what is unresolved, so that checks skip it."""
    if not has_unknown(annotation):
        return annotation
    if isinstance(annotation, type) and issubclass(type(annotation), _UnknownMeta):
        return Any
    rebuilt = _rebuilt(annotation, checkable)
    return Any if has_unknown(rebuilt) else rebuilt
