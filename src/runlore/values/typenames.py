"""Type names: the dotted name under which a class or function is written to the record and found again."""

from __future__ import annotations

import importlib
import sys
import typing
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

from runlore.errors import ValueUnloadable, ValueUnstorable

#: What is called otherwise now: dotted name of a module, or of a class or function, as it was stored → as it is here.
MOVED: ContextVar[Mapping[str, str] | None] = ContextVar("moved", default=None)

_ABSENT = object()


def type_name(cls: Any) -> str:
    """Return ``module.qualname`` of a class or function.

    What a program started with ``python -m package.module`` defines is named by that module, not by ``__main__``, so
    that another process finds it.
    """
    module = getattr(cls, "__module__", None)
    qualname = getattr(cls, "__qualname__", None) or getattr(cls, "__name__", None) or repr(cls)
    if module == "__main__":
        module = _main_module_name()
    return f"{module}.{qualname}" if module else str(qualname)


def annotation_name(annotation: Any) -> str | None:
    """Return an annotation as it is told to people: the name of a class, or what was written; ``None`` for `Any`."""
    if typing.get_origin(annotation) is typing.Annotated:
        return annotation_name(typing.get_args(annotation)[0])
    if annotation is typing.Any or annotation is None:
        return None
    if isinstance(annotation, type) and not typing.get_args(annotation):
        return type_name(annotation)
    text = repr(annotation).replace("typing.", "")
    return text if " at 0x" not in text else None  # which would be another one in each process


def resolve_type(name: str) -> Any:
    """Return the class or function that `type_name` named, importing its module if needed.

    Raises:
        ValueUnloadable: the module or the name in it does not exist here.
    """
    name = _now(name)
    parts = name.split(".")
    if name.startswith(".") or len(parts) < 2 or not all(parts):
        raise ValueUnloadable(f"{name!r} is not the dotted name of a class or function.")
    loaded = _walk_loaded(parts)
    return loaded if loaded is not _ABSENT else _walk_imported(name, parts)


def _now(name: str) -> str:
    moved = MOVED.get() or {}
    for start in (name, *(name[:end] for end in range(len(name) - 1, 0, -1) if name[end] == ".")):
        if start in moved:
            return moved[start] + name[len(start) :]
    return name


def reference(cls: Any) -> str:
    """Return the name of a class or function, having made sure that the name leads back to it.

    Raises:
        ValueUnstorable: it is local, a lambda, or its name leads to something else by now.
    """
    name = type_name(cls)
    if "<" in name:
        raise ValueUnstorable(
            f"{name} is defined inside a function, so no other process can find it. Define it at the top of a module."
        )
    found = _walk_loaded(name.split("."))
    if found is not cls:
        meaning = "nothing" if found is _ABSENT else f"another object, {found!r}"
        raise ValueUnstorable(f"the name {name} leads to {meaning}. Define it at the top of an importable module.")
    return name


def _main_module_name() -> str:
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    return spec.name if spec is not None else "__main__"


def _module(name: str) -> Any:
    if name == _main_module_name():  # `python -m`: the running copy, not a second import of the same file
        return sys.modules.get("__main__")
    return sys.modules.get(name)


def _walk_loaded(parts: list[str]) -> Any:
    for length in range(len(parts) - 1, 0, -1):
        module = _module(".".join(parts[:length]))
        if module is not None:
            return _walk(module, parts[length:])
    return _ABSENT


def _walk_imported(name: str, parts: list[str]) -> Any:
    for length in range(len(parts) - 1, 0, -1):
        module_name = ".".join(parts[:length])
        try:
            module = importlib.import_module(module_name)
        except ModuleNotFoundError as error:
            if error.name is not None and (module_name == error.name or module_name.startswith(error.name + ".")):
                continue
            raise ValueUnloadable(f"{name} cannot be imported: {error}. Install what it needs.") from error
        except Exception as error:
            raise ValueUnloadable(f"{name} cannot be imported: {type(error).__name__}: {error}.") from error
        found = _walk(module, parts[length:])
        if found is _ABSENT:
            break
        return found
    if parts[0] == "__main__":
        remedy = "It was defined in a script or notebook: run this in that program, or move it to a module."
        remedy += f" If it is in a module now, load with moved={{{name!r}: 'its.new.place'}}."
    else:
        remedy = "Install the package or put its folder on sys.path, with the version that wrote the value."
    raise ValueUnloadable(f"{name} does not exist in this process. {remedy}")


def _walk(found: Any, attributes: list[str]) -> Any:
    for attribute in attributes:
        found = getattr(found, attribute, _ABSENT)
        if found is _ABSENT:
            return _ABSENT
    return found
