"""The codec's second half: values of classes found by name.

Enums, dataclasses, named tuples, pydantic models, functions and classes themselves.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import sys
import types
from collections.abc import Callable
from typing import Any, Generic

from runlore.errors import ValueUnloadable, ValueUnstorable
from runlore.values import scalars, standard
from runlore.values.text import TAG, Encode, Refused, quote, write_items, write_members
from runlore.values.text import WAY_OUT as _WAY_OUT
from runlore.values.typenames import reference, resolve_type

_HEAP_TYPE = 1 << 9  # a class made by a class statement; its instances hold nothing that Python code cannot see


def encode_object(value: Any, depth: int, write: Encode) -> str:
    """Write a value that is not of a built-in type, its members with ``write``; raises `Refused`."""
    kind = type(value)
    text = standard.encode_standard(value, depth, write)
    if text is not None:
        return text
    # asked of the class, since an object may say anything of itself
    if issubclass(kind, enum.Enum):
        return _encode_enum(value, depth, write)
    if issubclass(kind, type):
        return _named("class", value, value)
    if kind is types.FunctionType or kind is types.BuiltinFunctionType:
        return _encode_function(value)
    if dataclasses.is_dataclass(kind):
        return _encode_dataclass(value, depth, write)
    if issubclass(kind, tuple) and hasattr(kind, "_fields"):
        return _encode_namedtuple(value, depth, write)
    if _is_pydantic(kind):
        return _encode_pydantic(value, depth, write)
    text = scalars.encode_scalar(value, depth, write)
    if text is not None:
        return text
    raise Refused(value, _why_not(value))


def is_structured(kind: type) -> bool:
    """Whether it depends on the instance whether the codec carries it, not on the class alone."""
    return (
        dataclasses.is_dataclass(kind)
        or issubclass(kind, tuple | enum.Enum | type)
        or kind in (types.FunctionType, types.BuiltinFunctionType)
        or _is_pydantic(kind)
        or standard.knows(kind)
    )


def decode_object(tag: Any, found: dict[str, Any]) -> Any:
    """Read a tagged object that is not of a built-in type.

    Raises:
        ValueUnloadable: the tag is unknown, or its class does not exist here or is of another kind now.
    """
    decoder = _DECODERS.get(tag)
    if decoder is None:
        raise ValueUnloadable(f"The typed value {tag!r} is unknown. It was written by a newer runlore; upgrade.")
    return decoder(found)


def _named(tag: str, target: Any, value: Any, rest: str = "") -> str:
    try:
        name = reference(target)
    except ValueUnstorable as error:
        raise Refused(value, f"{_WAY_OUT}: {error}".removesuffix(".")) from error
    return f'{{"{TAG}":"{tag}","t":{quote(name)}{rest}}}'


def _found(found: dict[str, Any], is_kind: Callable[[Any], bool], what: str) -> Any:
    cls = resolve_type(found["t"])
    if not is_kind(cls):
        raise ValueUnloadable(f"{found['t']} was {what} when this value was written, and is not any more.")
    return cls


# --- enums, functions, classes ------------------------------------------------------------------------------------


def _encode_enum(value: enum.Enum, depth: int, write: Encode) -> str:
    if isinstance(value, enum.Flag):
        return _named("flag", type(value), value, f',"v":{write(value.value, depth + 1)}')
    return _named("enum", type(value), value, f',"v":{write(value.name, depth + 1)}')


def _decode_enum(found: dict[str, Any]) -> Any:
    cls = _found(found, lambda cls: isinstance(cls, enum.EnumMeta), "an enum")
    try:
        return cls[found["v"]]
    except KeyError:
        members = ", ".join(cls.__members__)
        raise ValueUnloadable(f"{found['t']} has no member {found['v']!r} any more. There is {members}.") from None


def _decode_flag(found: dict[str, Any]) -> Any:
    return _found(found, lambda cls: isinstance(cls, enum.EnumMeta), "a flag enum")(found["v"])


def _encode_function(value: Any) -> str:
    owner = getattr(value, "__self__", None)
    if owner is not None and not isinstance(owner, types.ModuleType):
        raise Refused(value, "is bound to an object, so a name does not say it. Pass the object and the name instead")
    if value.__name__ == "<lambda>":
        raise Refused(value, "has no name to find it by. Define a function with `def` at the top of a module")
    return _named("function", value, value)


# --- dataclasses and named tuples ---------------------------------------------------------------------------------


def hides_state(cls: type) -> type | None:
    """The built-in base, if any, in which instances of a class hold what Python code cannot see."""
    for base in cls.__mro__:
        if not base.__flags__ & _HEAP_TYPE and base is not object and base is not Generic:
            return base
    return None


def _strays(value: Any, known: set[str]) -> list[str]:
    """Attributes beyond the known ones; what `functools.cached_property` keeps is computed again and no state."""
    state = getattr(value, "__dict__", {})
    return [
        name
        for name in state
        if name not in known and not isinstance(getattr(type(value), name, None), functools.cached_property)
    ]


def _encode_dataclass(value: Any, depth: int, write: Encode) -> str:
    cls = type(value)
    names = [field.name for field in dataclasses.fields(value)]
    hidden = hides_state(cls)
    if hidden is not None:
        raise Refused(value, f"{_WAY_OUT}: it inherits from {hidden.__name__}, whose content is not in its fields")
    strays = _strays(value, set(names))
    if strays:
        raise Refused(value, f"{_WAY_OUT}: its attribute {strays[0]!r} is not one of its fields")
    more = [name for name in slots(cls) if name not in names and hasattr(value, name)]
    if more:
        raise Refused(value, f"{_WAY_OUT}: its slot {more[0]!r} is not one of its fields")
    members = [(name, _field(value, name)) for name in names]
    return _named("dataclass", cls, value, f',"v":{write_members(members, depth, value, write)}')


def _field(value: Any, name: str) -> Any:
    try:
        return object.__getattribute__(value, name)
    except AttributeError:
        raise Refused(value, f"{_WAY_OUT}: its field {name!r} was never set") from None


def slots(cls: type) -> list[str]:
    """Names of the attributes that instances of a class hold outside of their dictionary."""
    found: list[str] = []
    for base in cls.__mro__:
        names = base.__dict__.get("__slots__", ())
        found += [names] if isinstance(names, str) else list(names)
    return [name for name in found if name not in ("__dict__", "__weakref__")]


def _decode_dataclass(found: dict[str, Any]) -> Any:
    cls = _found(found, lambda cls: isinstance(cls, type) and dataclasses.is_dataclass(cls), "a dataclass")
    members = dict(found["v"])
    value = object.__new__(cls)
    for field in dataclasses.fields(cls):
        object.__setattr__(value, field.name, _member(cls, field, members))
    if members:
        raise ValueUnloadable(f"{found['t']} has no field {next(iter(members))!r} any more, but the stored value has.")
    return value


def _member(cls: type, field: dataclasses.Field[Any], members: dict[str, Any]) -> Any:
    if field.name in members:
        return members.pop(field.name)
    if field.default is not dataclasses.MISSING:
        return field.default
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    raise ValueUnloadable(f"{cls.__qualname__} has the field {field.name!r} now, without default; the stored one not.")


def _encode_namedtuple(value: Any, depth: int, write: Encode) -> str:
    cls = type(value)
    strays = _strays(value, set())
    if strays or len(cls._fields) != len(value):
        raise Refused(value, f"{_WAY_OUT}: it holds more than its fields")
    items = ",".join(write_items(tuple(value), depth, value, write))
    return _named("namedtuple", cls, value, f',"v":[{items}]')


def named_tuple(name: str, length: int) -> Any:
    """Return the class of that name. Raises `ValueUnloadable` if it is no named tuple of so many fields."""
    cls = _found(
        {"t": name},
        lambda cls: isinstance(cls, type) and issubclass(cls, tuple) and hasattr(cls, "_fields"),
        "a named tuple",
    )
    if len(cls._fields) != length:
        raise ValueUnloadable(f"{name} has {len(cls._fields)} fields now, the stored value {length}.")
    return cls


def _decode_namedtuple(found: dict[str, Any]) -> Any:
    return tuple.__new__(named_tuple(found["t"], len(found["v"])), found["v"])


# --- pydantic -----------------------------------------------------------------------------------------------------


def _is_pydantic(cls: Any) -> bool:
    pydantic = sys.modules.get("pydantic")
    model = getattr(pydantic, "BaseModel", None)
    return isinstance(model, type) and isinstance(cls, type) and issubclass(cls, model)


def _encode_pydantic(value: Any, depth: int, write: Encode) -> str:
    cls = type(value)
    strays = _strays(value, set(cls.model_fields))
    if strays:
        raise Refused(value, f"{_WAY_OUT}: its attribute {strays[0]!r} is not one of its fields")
    members = [(name, value.__dict__[name]) for name in cls.model_fields if name in value.__dict__]
    text = f',"v":{write_members(members, depth, value, write)}'
    text += f',"set":{write(value.model_fields_set, depth + 1)}'
    for key, attribute in (("extra", "__pydantic_extra__"), ("private", "__pydantic_private__")):
        state = getattr(value, attribute, None)
        if state is not None:
            text += f',"{key}":{write(dict(state), depth + 1)}'
    return _named("pydantic", cls, value, text)


def _decode_pydantic(found: dict[str, Any]) -> Any:
    cls = resolve_type(found["t"])
    if not _is_pydantic(cls):
        raise ValueUnloadable(f"{found['t']} was a pydantic model when this value was written, and is not any more.")
    members = dict(found["v"])
    unknown = [name for name in members if name not in cls.model_fields]
    if unknown:
        raise ValueUnloadable(f"{found['t']} has no field {unknown[0]!r} any more, but the stored value has.")
    for name, field in cls.model_fields.items():
        if name not in members:
            if field.is_required():
                raise ValueUnloadable(f"{found['t']} requires the field {name!r} now; the stored value has none.")
            members[name] = field.get_default(call_default_factory=True)
    value = cls.__new__(cls)
    value.__setstate__(
        {
            "__dict__": members,
            "__pydantic_extra__": found.get("extra"),
            "__pydantic_fields_set__": found["set"],
            "__pydantic_private__": found.get("private"),
        }
    )
    return value


# --- refusals -----------------------------------------------------------------------------------------------------


def _why_not(value: Any) -> str:
    kind = type(value)
    if kind is types.GeneratorType or kind is types.AsyncGeneratorType:
        return "can be read only once. Make a list of it"
    if kind is types.MethodType:
        return "is bound to an object, so a name does not say it. Pass the object and the name instead"
    if hasattr(kind, "fileno") and hasattr(kind, "read"):
        return "is an open file, which exists in this process only. Pass its path"
    for base in (str, bytes, bool, int, float, list, tuple, dict, set, frozenset):
        if issubclass(kind, base):
            return f"{_WAY_OUT}: it is a subclass of {base.__name__}. Convert it with {base.__name__}(...)"
    return _WAY_OUT


_DECODERS: dict[Any, Callable[[dict[str, Any]], Any]] = {
    "enum": _decode_enum,
    "flag": _decode_flag,
    "class": lambda found: _found(found, lambda cls: isinstance(cls, type), "a class"),
    "function": lambda found: _found(found, callable, "a function"),
    "dataclass": _decode_dataclass,
    "namedtuple": _decode_namedtuple,
    "pydantic": _decode_pydantic,
    **scalars.DECODERS,
    **standard.DECODERS,
}
