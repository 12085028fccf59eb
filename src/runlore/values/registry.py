"""The registry: which materializer stores a value, and which one reads what a name in the record says.

For storing, the first that takes the value wins: the one given explicitly, one for the annotation's class, one for the
value's class or the nearest of its bases, columns for what holds many numbers, long texts and bytes as they are, the
typed codec, the same with arrays and the like inside, cloudpickle.
"""

from __future__ import annotations

import importlib
import sys
import threading
import types
import typing
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Any

from runlore.errors import DefinitionError, MissingExtra, ValueUnloadable, ValueUnstorable
from runlore.model.suggest import did_you_mean
from runlore.values.builtin import BuiltinMaterializer
from runlore.values.columns import ColumnsMaterializer
from runlore.values.materializer import DEFINED, Materializer
from runlore.values.nested import NestedMaterializer, NestedPickledMaterializer
from runlore.values.pickled import CloudpickleMaterializer
from runlore.values.shipped import REFUSED, SHIPPED
from runlore.values.typenames import resolve_type, type_name

#: Entry points of this group bring materializers of other packages.
ENTRY_POINT_GROUP = "runlore.materializers"

_BUILTIN = BuiltinMaterializer()
_COLUMNS = ColumnsMaterializer()
_CLOUDPICKLE = CloudpickleMaterializer()
_NESTED = NestedMaterializer(_COLUMNS, lambda value: _leaf_materializer(value), lambda name: by_name(name))
_NESTED_PICKLED = NestedPickledMaterializer(
    _COLUMNS, lambda value: _leaf_materializer(value), lambda name: by_name(name)
)

#: Longer texts, in characters, are stored as they are.
LONG_TEXT = 32 * 1024
#: Longer bytes are stored as they are.
LONG_BYTES = 4 * 1024
_LONG: dict[type, tuple[int, tuple[str, ...]]] = {
    str: (LONG_TEXT, ("text",)),
    bytes: (LONG_BYTES, ("bytes",)),
    bytearray: (LONG_BYTES, ("bytearray",)),
    memoryview: (LONG_BYTES, ("memoryview", "memoryview-writable")),
}

# What the codec carries whatever a value of it holds or, for containers, is asked first without looking for others.
_CODEC_TYPES = frozenset((type(None), bool, int, float, str, bytes, list, tuple, dict, set, frozenset))

# The names under which somebody may have registered a materializer for one of these.
_CODEC_NAMES = {kind: type_name(kind) for kind in _CODEC_TYPES - {type(None)}}

_SCALAR_TYPES = frozenset((type(None), bool, int, float, str))

_lock = threading.RLock()
_names: dict[str, Materializer] = {
    "json": _BUILTIN,
    "columns": _COLUMNS,
    "nested": _NESTED,
    "nested-pickled": _NESTED_PICKLED,
    "cloudpickle": _CLOUDPICKLE,
}
#: Importable name of a class → the names of the materializers to ask, in this order. Built-in types are the codec's
#: unless they are long, so no class of a value leads to those that take long ones.
_types: dict[str, tuple[str, ...]] = {}
for _name, _shipped_entry in SHIPPED.items():
    for _type_text in _shipped_entry.types:
        if not _type_text.startswith("builtins."):
            _types[_type_text] = (*_types.get(_type_text, ()), _name)
_dicts_of = [(name, type_text) for name, shipped in SHIPPED.items() for type_text in shipped.dict_of]
_seen = 0
_entry_points_read = False
_revision = 0


def materializer_for(
    value: Any, *, annotation: Any = None, explicit: type[Materializer] | Materializer | str | None = None
) -> Materializer:
    """Return the materializer that stores ``value``.

    Args:
        annotation: what the code says the value is, if it says so.
        explicit: what the user asked for: a class, an instance, or a name.
    """
    for found in materializers_for(value, annotation=annotation, explicit=explicit):
        if explicit is not None or found.takes(value):
            return found
    return _CLOUDPICKLE


def materializers_for(
    value: Any, *, annotation: Any = None, explicit: type[Materializer] | Materializer | str | None = None
) -> Iterator[Materializer]:
    """Yield, best first, those that may store ``value``; each may still decline when it saves. The last never does."""
    if explicit is not None:
        yield chosen_materializer(explicit)
        return
    _take_in_definitions()
    kind = type(value)
    asked = kind not in _CODEC_TYPES or annotation is not None or _CODEC_NAMES.get(kind) in _types
    if asked and not _is_value(value, annotation):
        for found in _candidates(value, annotation):
            if found.may_take(value):
                yield found
    of_members = _of_members(value)
    if of_members is not None:
        yield of_members
    if _COLUMNS.may_take(value):
        yield _COLUMNS
    if kind in _LONG:
        yield from _long(value)
    yield _BUILTIN
    if kind not in _SCALAR_TYPES:
        yield _NESTED
        _refuse(kind)
        yield _NESTED_PICKLED
    yield _CLOUDPICKLE


def by_name(name: str) -> Materializer:
    """Return the materializer that the record calls ``name``.

    Raises:
        MissingExtra: it ships with runlore, and the library that it needs is not installed.
        ValueUnloadable: nothing here has this name.
    """
    _take_in_definitions()
    found = _names.get(name) or _shipped(name)
    if found is not None:
        return found
    _read_entry_points()
    found = _names.get(name)
    if found is not None:
        return found
    if "." in name:  # a user's class without a name of its own is named by where it is
        cls = resolve_type(name)
        if isinstance(cls, type) and issubclass(cls, Materializer):
            return register(cls)()
    raise ValueUnloadable(
        f"No materializer is called {name!r} here.{did_you_mean(name, names())} "
        "Import the module that defines it, or install the package that brings it."
    )


def chosen_materializer(explicit: type[Materializer] | Materializer | str) -> Materializer:
    """Return the materializer that somebody asked for: a class, an instance, or a name.

    Raises:
        DefinitionError: it is none of these, or its name is taken.
        MissingExtra, ValueUnloadable: nothing here has this name.
    """
    if isinstance(explicit, str):
        return by_name(explicit)
    if isinstance(explicit, Materializer):
        return explicit
    if isinstance(explicit, type) and issubclass(explicit, Materializer):
        register(explicit)
        return _names[explicit.name]
    raise DefinitionError(
        f"A materializer is a class derived from runlore's Materializer, or a name, not {explicit!r}."
    )


def by_annotation(annotation: Any) -> Materializer | None:
    """Return the materializer that is registered for the class that an annotation names, or a base of it, if any."""
    _take_in_definitions()
    classes = [base for cls in _annotated_classes(annotation) for base in cls.__mro__ if base is not object]
    return next(_registered(classes), None)


def register(materializer_class: type[Materializer]) -> type[Materializer]:
    """Make a materializer known for its types and by its name; also usable as a decorator.

    A class defined again (a notebook cell run twice) takes the place of the former one.

    Raises:
        DefinitionError: another class has that name.
    """
    global _revision
    name = materializer_class.name
    with _lock:
        former = _names.get(name)
        taken = former is not None and type_name(type(former)) != type_name(materializer_class)
        if taken or (name in SHIPPED and not materializer_class.__module__.startswith("runlore.values.")):
            raise DefinitionError(
                f"A materializer called {name!r} exists already. Give {materializer_class} another name."
            )
        if not isinstance(name, str) or not name:
            raise DefinitionError(f"The name of {materializer_class} must be a non-empty text, not {name!r}.")
        try:
            made = materializer_class()
        except TypeError as error:
            raise DefinitionError(
                f"The materializer {type_name(materializer_class)} cannot be made: {error}. It defines save and load, "
                "and is made without arguments."
            ) from error
        materializer_class.name = name
        _revision += 1
        _names[name] = made
        if name in SHIPPED:  # its types are known, or a user's materializer has taken them over
            return materializer_class
        for type_text in materializer_class.__dict__.get("types", ()):  # an inherited list stays with the base
            _types[type_text if isinstance(type_text, str) else type_name(type_text)] = (name,)
    return materializer_class


def revision() -> int:
    """Return a number that grows whenever a materializer is registered; while it stays, so do decisions by class."""
    _take_in_definitions()
    return _revision


def names() -> list[str]:
    """Return the names of all known materializers, sorted."""
    _take_in_definitions()
    return sorted({*_names, *SHIPPED})


def _take_in_definitions() -> None:
    global _seen
    if _seen == len(DEFINED):
        return
    with _lock:
        while _seen < len(DEFINED):
            _seen += 1
            if not getattr(DEFINED[_seen - 1], "__abstractmethods__", None):  # a base for other materializers
                register(DEFINED[_seen - 1])


def _candidates(value: Any, annotation: Any) -> Iterator[Materializer]:
    kind = type(value)
    classes = [cls for cls in _annotated_classes(annotation) if cls is not Any and _is_instance(value, cls)]
    classes += [cls for cls in kind.__mro__ if cls is not object]
    found = list(_registered(classes))
    if not found and not _entry_points_read and kind not in _CODEC_TYPES and kind.__module__ != "builtins":
        _read_entry_points()
        found = list(_registered(classes))
    yield from found


def _is_instance(value: Any, cls: type) -> bool:
    try:
        return isinstance(value, cls)
    except TypeError:  # a protocol, or another class that forbids the question
        return False


def _is_value(value: Any, annotation: Any) -> bool:
    """Whether a path is meant itself, not the content of its file or folder: it is annotated as a pure one."""
    return isinstance(value, Path) and any(
        issubclass(cls, PurePath) and not issubclass(cls, Path) for cls in _annotated_classes(annotation)
    )


def _long(value: Any) -> Iterator[Materializer]:
    """Those that store a long text, or long bytes, as they are."""
    limit, found = _LONG[type(value)]
    try:
        long = len(value) > limit
    except (TypeError, ValueError, NotImplementedError):  # a memoryview that was released, or shows one number
        return
    if long:
        yield from map(by_name, found)


def _refuse(kind: type) -> None:
    """Raise `ValueUnstorable` for what a pickle would carry badly, saying what to return in its place."""
    for cls in kind.__mro__:
        advice = REFUSED.get(f"{cls.__module__}.{cls.__qualname__}")
        if advice is not None:
            raise ValueUnstorable(f"A {cls.__module__.partition('.')[0]} {cls.__qualname__} is no value. {advice}")


def _of_members(value: Any) -> Materializer | None:
    """The materializer of a dict whose members are all of a class that one is told for, such as tensors."""
    if type(value) not in (dict, OrderedDict) or not value:
        return None
    first = type(next(iter(value.values())))
    if first in _CODEC_TYPES or first.__module__ == "builtins":
        return None
    for name, type_text in _dicts_of:
        cls = (
            _loaded_class(type_text) if _root(type_text) in {_root(base.__module__) for base in first.__mro__} else None
        )
        if cls is not None and issubclass(first, cls):
            found = by_name(name)
            if found.takes(value):
                return found
    return None


def _leaf_materializer(value: Any) -> Materializer | None:
    """The materializer for a value inside a container, if loading it runs no code: the first that may take the value,
    else the first of its class."""
    of_members = _of_members(value)
    if of_members is not None and not of_members.runs_code:
        return of_members
    if type(value).__module__ == "builtins":
        return None
    first = None
    for found in _candidates(value, None):
        if found.runs_code:
            break
        if found.may_take(value):
            return found
        first = first or found
    return first


def _registered(classes: list[type]) -> Iterator[Materializer]:
    by_class: dict[type, tuple[str, ...]] = {}
    roots = {_root(getattr(cls, "__module__", None) or "") for cls in classes}
    for type_text, found in list(_types.items()):
        # large libraries import much when a name of theirs is looked at, so only those that the classes come from are,
        # in modules that are loaded, as the module of every class is
        loaded = type_text.rpartition(".")[0] in sys.modules
        if found[0] in SHIPPED and (_root(type_text) not in roots or not loaded):
            continue
        cls = _loaded_class(type_text)
        if cls is not None:
            by_class[cls] = found
    for cls in classes:
        for name in by_class.get(cls, ()):
            yield by_name(name)


def _root(dotted: str) -> str:
    return dotted.partition(".")[0]


def _loaded_class(type_text: str) -> type | None:
    if _root(type_text) not in sys.modules:  # nobody can hold a value of it
        return None
    try:
        cls = resolve_type(type_text)
    except ValueUnloadable:
        return None
    return cls if isinstance(cls, type) else None


def _annotated_classes(annotation: Any) -> list[type]:
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        return [annotation] if annotation is not object else []
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return _annotated_classes(typing.get_args(annotation)[0])
    if origin is typing.Union or origin is types.UnionType:
        return [cls for argument in typing.get_args(annotation) for cls in _annotated_classes(argument)]
    return [origin] if isinstance(origin, type) else []


def _shipped(name: str) -> Materializer | None:
    shipped = SHIPPED.get(name)
    if shipped is None:
        return None
    try:
        cls = getattr(importlib.import_module(shipped.module), shipped.cls)
    except ImportError as error:
        raise MissingExtra(
            f"The value is stored by {name!r}, which needs {error.name or shipped.extra}: "
            f"pip install 'runlore[{shipped.extra}]'."
        ) from error
    register(cls)
    return _names[name]


def _read_entry_points() -> None:
    global _entry_points_read
    if _entry_points_read:
        return
    import importlib.metadata  # slow to import, and needed for classes that nothing else knows

    with _lock:
        _entry_points_read = True
        for entry in importlib.metadata.entry_points(group=ENTRY_POINT_GROUP):
            try:
                register(entry.load())
            except Exception as error:
                import warnings

                warnings.warn(f"The materializer {entry.value} does not load: {error}", stacklevel=3)
    _take_in_definitions()
