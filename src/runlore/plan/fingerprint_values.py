"""Values: tokens of constants, and which objects count by their type alone."""

from __future__ import annotations

import copyreg
import re
import sys
from types import FunctionType
from typing import Any

from runlore.plan.fingerprint_origin import origin_of_module

_TEXT = (str, bytes)
_BUILTIN_BASES: tuple[type, ...] = (list, tuple, dict, set, frozenset, str, bytes, int, float)
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_WORD = re.compile(r"[A-Za-z_]\w*")

#: Bytes of an array from which on hashing it in every run is worth a warning.
LARGE = 64 * 1024 * 1024

#: Modules and classes whose instances never change a result; named, so that libraries need not be imported.
_BY_TYPE = frozenset(
    {
        ("logging", "Logger"),
        ("logging", "RootLogger"),
        ("logging", "LoggerAdapter"),
        ("_thread", "lock"),
        ("_thread", "RLock"),
        ("threading", "Condition"),
        ("threading", "Event"),
        ("threading", "Semaphore"),
        ("threading", "BoundedSemaphore"),
        ("threading", "Barrier"),
        ("asyncio.locks", "Lock"),
        ("rich.console", "Console"),
        ("os", "_Environ"),
        ("structlog._config", "BoundLoggerLazyProxy"),
        ("loguru._logger", "Logger"),
        ("runlore.recall.client", "Client"),
        ("runlore.client", "Client"),
    }
)
_IMMUTABLE = frozenset({"datetime", "decimal", "uuid", "pathlib", "re", "fractions", "zoneinfo", "enum"})


def plain(value: object) -> Any:
    """Token of a scalar, type and exact value; ``None`` if it is something else."""
    kind = type(value)
    if value is None or value is Ellipsis or value is NotImplemented:
        return ["constant", repr(value)]
    if kind in (int, bool, complex) or kind in _TEXT:
        return [kind.__name__, repr(value)]
    if kind is float:
        return ["float", float.hex(value)]  # type: ignore[arg-type]
    if kind.__module__ == "typing" and kind.__name__ in ("TypeVar", "ParamSpec", "TypeVarTuple"):
        return ["typing", repr(value)]
    if kind is range or kind is slice:
        return [kind.__name__, repr(value)]
    return None


def order(value: Any) -> tuple[str, str]:
    """A sort key for members of a set, the same in every process for everything but plain instances."""
    if isinstance(value, type) or callable(value):
        return "callable", f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', '')}"
    token = plain(value)
    if token is not None:
        return str(token[0]), str(token[1])
    if isinstance(value, tuple | frozenset):
        return type(value).__name__, repr(sorted(order(item) for item in value))
    return type(value).__qualname__, ""


def by_type_alone(value: object) -> bool:
    """Whether ``value`` is a logger, lock, console or cache, which do not take part in results."""
    if any((cls.__module__, cls.__qualname__) in _BY_TYPE for cls in type(value).__mro__):
        return True
    return any(value is stream for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__))


def array(value: Any) -> Any:
    """Token of a numpy array, by its bytes; ``"objects"`` if it holds Python objects; ``None`` if it is none."""
    numpy = sys.modules.get("numpy")
    if numpy is None or not isinstance(value, numpy.ndarray | numpy.generic):
        return None
    if value.dtype.hasobject:
        return "objects"
    if type(value) not in (numpy.ndarray, numpy.memmap) and not isinstance(value, numpy.generic):
        return None
    from hashlib import sha256

    data = numpy.ascontiguousarray(value)
    kind = type(value).__name__
    return [
        kind,
        repr(value.dtype.descr),
        repr(value.shape),
        *_layout(value),
        sha256(data.view(numpy.uint8) if data.size else b"").hexdigest(),
    ]


def tell_of_large(value: Any, where: str) -> None:
    """Warn, once, of an array that is hashed in every run although a step could hand it on."""
    if value.nbytes >= LARGE:
        import warnings

        warnings.warn(
            f"A step reaches {where}, data of {value.nbytes:,} bytes, which are hashed in every run to know whether "
            "they changed. Make them the output of a step, or read them in the step.",
            stacklevel=2,
        )


def _layout(value: Any) -> list[str]:
    """What code can tell about an array beyond its elements: read-only, and not in C order."""
    flags = value.flags
    return ["read-only"] * (not flags.writeable) + [f"strides {value.strides}"] * (not flags.c_contiguous)


def own_state(value: Any) -> list[tuple[str, Any]] | None:
    """Attributes and contents of an instance of a project class, by name; ``None`` if there is no such thing."""
    kind = type(value)
    slots = [name for cls in kind.__mro__ for name in _slots(cls)]
    attributes = getattr(value, "__dict__", None)
    content = _content(value)
    foreign = [cls for cls in kind.__mro__ if cls.__flags__ & (1 << 9) == 0]
    opaque = any(cls not in (object, list, tuple, dict, set, frozenset, str, bytes, int, float) for cls in foreign)
    if opaque or (attributes is None and not slots and content is None and kind.__dictoffset__):
        return None
    from functools import cached_property

    derived = {name for cls in kind.__mro__ for name, item in vars(cls).items() if isinstance(item, cached_property)}
    found = {name: item for name, item in (attributes or {}).items() if name not in derived}
    found.update({name: getattr(value, name) for name in slots if hasattr(value, name)})
    state = sorted(found.items())
    return state if content is None else [*state, ("(content)", content)]


def _slots(cls: type) -> list[str]:
    import types

    return [name for name, item in vars(cls).items() if isinstance(item, types.MemberDescriptorType)]


def _content(value: Any) -> Any:
    for kind in _BUILTIN_BASES:
        if isinstance(value, kind):
            return _base(kind, value)
    return None


def _base(kind: Any, value: Any) -> Any:
    """The builtin value inside an instance of a subclass, without calling anything that the subclass overrides."""
    if kind is int:
        return int.__add__(value, 0)
    if kind is float:
        return float.__float__(value)
    if kind is str:
        return str.__str__(value) if type(value) is str else "".join(str.__iter__(value))
    if kind is bytes:
        return bytes(bytes.__iter__(value))
    if kind is dict:
        return list(dict.items(value))
    return kind(kind.__iter__(value))


def place_of(value: Any) -> tuple[str, str] | None:
    """Module and name under which an object of an installed, compiled type can be found, if it can."""
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", getattr(value, "__name__", None))
    if not isinstance(name, str):
        return None
    for place in (module, type(value).__module__, str(type(value).__module__).partition(".")[0]):
        found: Any = sys.modules.get(place) if isinstance(place, str) else None
        for part in name.split("."):
            found = getattr(found, part, None)
        if found is value:
            return str(place), name
    return None


#: Modules of the standard library that make classes in their own name.
_FACTORIES = frozenset({"types", "dataclasses", "typing", "collections", "enum", "abc"})


def made_by_factory(cls: type, module: str) -> bool:
    """Whether a class only says that it is from the standard library, as those of ``make_dataclass`` do."""
    return module in _FACTORIES and bool(cls.__flags__ & (1 << 9)) and place_of(cls) is None


def module_of(cls: type) -> str:
    """Module of a class; compiled ones may hide it behind a descriptor."""
    for candidate in cls.__mro__:
        if isinstance(candidate.__module__, str):
            return candidate.__module__
    return "builtins"


def carried_code(value: Any) -> list[Any]:
    """Project classes and functions within a value, each once, in the order in which they are met."""
    found: dict[int, Any] = {}
    seen: set[int] = set()
    waiting = [value]
    while waiting:
        item = waiting.pop(0)
        if id(item) in seen or plain(item) is not None:
            continue
        seen.add(id(item))
        subject = item if isinstance(item, type | FunctionType) else type(item)
        module = subject.__globals__.get("__name__") if isinstance(subject, FunctionType) else module_of(subject)
        if origin_of_module(module) == "project":
            found.setdefault(id(subject), subject)
        if isinstance(item, dict):
            waiting.extend((*item.keys(), *item.values()))
        elif isinstance(item, list | tuple):
            waiting.extend(item)
        elif isinstance(item, set | frozenset):
            waiting.extend(sorted(item, key=order))
        if subject is type(item) and origin_of_module(module) == "project":
            waiting.extend(_held(item))
    return list(found.values())


def _held(value: Any) -> list[Any]:
    """Values of the attributes of an instance."""
    names = [name for cls in type(value).__mro__ for name in _slots(cls)]
    return [*getattr(value, "__dict__", {}).values(), *(getattr(value, name) for name in names if hasattr(value, name))]


def reduced(value: Any) -> tuple[Any, ...] | None:
    """What pickling would take of ``value``: what makes it, and its state. ``None`` if it refuses."""
    try:
        registered = copyreg.dispatch_table.get(type(value))
        result = registered(value) if registered is not None else value.__reduce_ex__(4)
    except Exception:  # any class may refuse in its own way
        return None
    if not isinstance(result, tuple):
        return None
    parts = list(result[:5]) + [None] * (5 - len(result[:5]))
    if parts[0] is copyreg.__newobj__:  # type: ignore[attr-defined]
        parts[0] = "new"
    parts[3] = list(parts[3]) if parts[3] is not None else None
    parts[4] = list(parts[4]) if parts[4] is not None else None
    return tuple(parts)


def is_immutable(value: Any) -> bool:
    """Whether an instance of an installed class can never change."""
    return type(value).__module__.partition(".")[0] in _IMMUTABLE


_CLASS_NAMES = frozenset(
    "__dict__ __weakref__ __slotnames__ __module__ __qualname__ __firstlineno__ __static_attributes__ "
    "__abstractmethods__ _abc_impl "
    "__annotations__ __slots__ __annotations_cache__ __annotate__ __annotate_func__ __signature__ __parameters__ "
    "__pydantic_core_schema__ __pydantic_validator__ __pydantic_serializer__ __pydantic_complete__ "
    "__pydantic_parent_namespace__ __pydantic_decorators__ __pydantic_fields_set__ __pydantic_generic_metadata__ "
    "__pydantic_custom_init__ __pydantic_post_init__ __pydantic_root_model__ __pydantic_fields__ "
    "__pydantic_computed_fields__ __pydantic_setattr_handlers__ __dataclass_fields__ __dataclass_params__ "
    "__orig_bases__ __type_params__".split()
)
_ENUM_NAMES = frozenset(
    "_member_names_ _member_map_ _value2member_map_ _unhashable_values_ _hashable_values_ _use_args_ _member_type_ "
    "_value_repr_ _new_member_ _unhashable_values_map_ __new__ __new_member__ _inverted_ _flag_mask_ _all_bits_ "
    "_singles_mask_ _boundary_ _generate_next_value_".split()
)


def class_attributes(cls: type, *, docs: bool) -> list[tuple[str, Any]]:
    """What a class body left behind, in the order of names, without what Python and libraries derive from it."""
    import enum

    skipped = _CLASS_NAMES if docs else _CLASS_NAMES | {"__doc__"}
    members: dict[str, Any] = {}
    if issubclass(cls, enum.Enum):
        members = {name: member._value_ for name, member in cls.__members__.items()}
        skipped = skipped | (_ENUM_NAMES - {"_generate_next_value_"}) | members.keys()
    found = [(name, item) for name, item in sorted(vars(cls).items()) if name not in skipped]
    if members:
        found.append(("(members)", list(members.items())))
    registered = _registered(cls)
    if registered:
        found.append(("(registered)", registered))
    fields = vars(cls).get("__dataclass_fields__")
    if isinstance(fields, dict):
        found.append(("(fields)", [_field(name, item) for name, item in fields.items()]))
        found.append(("(parameters)", repr(vars(cls).get("__dataclass_params__"))))
    model = vars(cls).get("__pydantic_fields__")
    if isinstance(model, dict):
        found.append(("(model)", [_model_field(name, item) for name, item in model.items()]))
        found.append(("(decorators)", _model_decorators(vars(cls).get("__pydantic_decorators__"))))
    return found


def _registered(cls: type) -> list[type]:
    """Classes that were registered with an abstract class, by name."""
    if "_abc_impl" not in vars(cls):
        return []
    import abc

    known = [reference() for reference in abc._get_dump(cls)[0]]  # type: ignore[attr-defined]
    return sorted((one for one in known if one is not None), key=order)


def _field(name: str, item: Any) -> list[Any]:
    """A dataclass field: everything but the library's own sentinels."""
    import dataclasses

    default = "missing" if item.default is dataclasses.MISSING else [item.default]
    factory = "missing" if item.default_factory is dataclasses.MISSING else [item.default_factory]
    flags = [item.init, item.repr, item.hash, item.compare, item.kw_only is True]
    return [name, default, factory, flags, dict(item.metadata)]


def _model_field(name: str, item: Any) -> list[Any]:
    """A pydantic field: its description and what makes its default."""
    factory = getattr(item, "default_factory", None)
    shown = [
        (str(key), note_text(value)) for key, value in item.__repr_args__() if key not in ("default", "default_factory")
    ]
    default = None if type(item.default).__name__ == "PydanticUndefinedType" else [item.default]
    return [name, shown, default, factory]


def _model_decorators(decorators: Any) -> list[Any]:
    """Validators and serializers of a pydantic class: how each was declared. Their functions are attributes."""
    found = []
    for kind, group in _slots_of(decorators):
        for name, item in sorted(group.items()) if isinstance(group, dict) else ():
            facts = [(key, note_text(value)) for key, value in _slots_of(item.info) if not callable(value)]
            found.append([kind, name, facts])
    return found


def _slots_of(value: Any) -> list[tuple[str, Any]]:
    import dataclasses

    return [(slot.name, getattr(value, slot.name)) for slot in dataclasses.fields(value)]


def note_text(note: Any) -> str:
    """An annotation as text, without addresses."""
    if isinstance(note, str):
        return note
    return note.__qualname__ if isinstance(note, type) else _ADDRESS.sub("", repr(note))


def classes_in(note: Any, namespace: dict[str, Any]) -> list[type]:
    """Classes that an annotation names, also within ``list[...]`` and as text."""
    if isinstance(note, str):
        words = dict.fromkeys(_WORD.findall(note))
        return [namespace[word] for word in words if isinstance(namespace.get(word), type)]
    if isinstance(note, type) and not hasattr(note, "__args__"):
        return [note]
    return [cls for part in getattr(note, "__args__", ()) for cls in classes_in(part, namespace)]


def label_of(subject: Any) -> str:
    """How people know a function or class: ``module.qualname``."""
    module = getattr(subject, "__module__", None) or "?"
    return f"{module}.{getattr(subject, '__qualname__', type(subject).__name__)}"


def is_constant(token: Any) -> bool:
    """Whether a token is a value, as opposed to code or a reference to something installed."""
    return bool(token) and token[0] not in _REFERENCES


_REFERENCES = frozenset(
    "node installed extension runlore wrapped method bound partial staticmethod classmethod property descriptor slot "
    "missing builtin code again patched".split()
)
