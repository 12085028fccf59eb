"""Columns of what is no plain container: moments, members of enums, dataclasses and named tuples, many of one class.

The format is `docs/design/codec.md`, "Columns". A class that is not written here exactly is left to the codec.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
from collections.abc import Callable, Sequence
from functools import partial
from operator import attrgetter
from typing import Any

from runlore.errors import ValueUnloadable, ValueUnstorable
from runlore.values import objects
from runlore.values.text import Refused, quote
from runlore.values.timezones import decode_zone, encode_zone
from runlore.values.typenames import reference, resolve_type

_MOMENTS: dict[type, str] = {dt.datetime: "datetime", dt.date: "date"}
_UTC, _OFFSET = '"UTC"', "+00:00"
_READ: dict[str, Callable[[str], Any]] = {"datetime": dt.datetime.fromisoformat, "date": dt.date.fromisoformat}


def moments(kind: type, members: Sequence[Any]) -> tuple[list[str], str] | None:
    """ISO texts of moments of one zone, and what is written beside them; ``None`` if they are of several."""
    if kind is dt.date:
        return list(map(dt.date.isoformat, members)), '"of":"date"'
    zones = {id(zone): zone for zone in map(attrgetter("tzinfo"), members)}
    if any(map(attrgetter("fold"), members)):
        return None
    if list(zones.values()) == [None]:
        return list(map(dt.datetime.isoformat, members)), '"of":"datetime"'
    if None in zones.values():
        return None
    try:
        written = set(map(encode_zone, zones.values()))
    except Refused:
        return None
    if len(written) > 1:
        return None
    if written == {_UTC}:  # what most have, cut off and put on again, which is faster
        return [member.isoformat()[: -len(_OFFSET)] for member in members], f'"of":"datetime","zone":{_UTC}'
    return [member.replace(tzinfo=None).isoformat() for member in members], f'"of":"datetime","zone":{written.pop()}'


def is_moment(kind: type) -> bool:
    """Whether `moments` writes members of this class."""
    return kind in _MOMENTS


def read_moments(found: dict[str, Any]) -> list[Any]:
    """Moments from what `moments` wrote."""
    read = _READ[found["of"]]
    if "zone" not in found:
        return list(map(read, found["v"]))
    zone = decode_zone(found["zone"])
    if zone is dt.UTC:
        return [read(text + _OFFSET) for text in found["v"]]
    return [read(text).replace(tzinfo=zone) for text in found["v"]]


def is_enum(kind: type) -> bool:
    """Whether members of this class are few, and found by name."""
    return issubclass(kind, enum.Enum) and not issubclass(kind, enum.Flag)


def is_record(kind: type) -> bool:
    """Whether instances of this class are made of fields."""
    return dataclasses.is_dataclass(kind) or (issubclass(kind, tuple) and hasattr(kind, "_fields"))


def fields_of(value: Any) -> list[Any]:
    """The members of such an instance, as far as they are set."""
    if isinstance(value, tuple):
        return list(value)
    return [getattr(value, field.name) for field in dataclasses.fields(value) if hasattr(value, field.name)]


def columns_of(kind: type, members: Sequence[Any]) -> tuple[str, list[Sequence[Any]]] | None:
    """What is written about instances of one class, and the columns of their fields; ``None`` if the codec must."""
    try:
        name = quote(reference(kind))
    except ValueUnstorable:
        return None
    if issubclass(kind, tuple):
        names = list(kind._fields)  # type: ignore[attr-defined]
        if kind.__dictoffset__ or set(map(len, members)) != {len(names)} or not names:
            return None
        return _head("namedtuple", name, names), list(zip(*members, strict=True))
    names = _names(kind)
    if not names or not _is_plain(kind, names):
        return None
    states = list(map(vars, members))
    keys = set(names)
    if not all(state.keys() == keys for state in states):
        return None
    return _head("dataclass", name, names), [[state[name] for state in states] for name in names]


def _names(kind: Any) -> list[str]:
    return [field.name for field in dataclasses.fields(kind)]


def _head(of: str, name: str, names: list[str]) -> str:
    return f'"of":"{of}","t":{name},"k":[{",".join(map(quote, names))}]'


def _is_plain(kind: Any, names: list[str]) -> bool:
    """Whether the fields of a dataclass, and nothing else, lie in the dictionary of an instance."""
    if objects.hides_state(kind) is not None or objects.slots(kind) or not kind.__dictoffset__:
        return False
    found = (next((base.__dict__[name] for base in kind.__mro__ if name in base.__dict__), None) for name in names)
    return not any(hasattr(type(attribute), "__set__") for attribute in found)


def read_instances(found: dict[str, Any]) -> list[Any]:
    """Instances from the columns of their fields, under the codec's rules for classes that changed since."""
    names, rows = found["k"], zip(*found["v"], strict=True)
    if len(names) != len(found["v"]) or not names:
        raise ValueError("the fields of instances do not fit")
    if found["of"] == "namedtuple":
        return list(map(partial(tuple.__new__, objects.named_tuple(found["t"], len(names))), rows))
    if found["of"] != "dataclass":
        raise ValueUnloadable(f"Instances of the kind {found['of']!r} were written by a newer runlore; upgrade.")
    cls: Any = resolve_type(found["t"])
    if not dataclasses.is_dataclass(cls) or _names(cls) != names or not _is_plain(cls, names):
        read = objects.decode_object
        return [read("dataclass", {"t": found["t"], "v": dict(zip(names, row, strict=True))}) for row in rows]
    new: Any = object.__new__
    values = []
    for row in rows:
        value = new(cls)
        vars(value).update(zip(names, row, strict=True))
        values.append(value)
    return values
