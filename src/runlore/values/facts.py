"""Facts: the searchable leaves of a parameter or metadata value, under dotted keys."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import math
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import PurePath
from typing import Any
from uuid import UUID

#: What can be searched for.
Scalar = int | float | bool | str


def facts(name: str, value: Any) -> tuple[tuple[str, Scalar], ...]:
    """Return what can be searched of ``value``: pairs of a dotted key and a number, boolean or text.

    Dicts, dataclasses, named tuples and pydantic models contribute a key per member (``optimizer.lr``); moments are ISO
    text (in UTC when they know their zone, so that text order is time order), enums their value where that is a
    scalar, otherwise their name. Whatever else is there, such as a list or bytes, is there as NaN, which compares with
    nothing. None and the missing values of libraries are no value.
    """
    kind = type(value)
    if kind is int or kind is str or kind is bool:
        return ((name, value),)
    return tuple(_leaves(name, value, 0))


def _leaves(name: str, value: Any, depth: int) -> Iterator[tuple[str, Scalar]]:
    members = _members(value)
    if members is not None:
        if depth < 100:
            for key, member in members:
                yield from _leaves(f"{name}.{key}", member, depth + 1)
        return
    if not _is_missing(value):
        leaf = _leaf(value)
        yield name, math.nan if leaf is None else leaf


def _is_missing(value: Any) -> bool:
    """Whether it is None, or one of the values by which pandas and numpy say that a time is not there."""
    if value is None or type(value).__name__ in ("NaTType", "NAType"):
        return True
    return type(value).__name__ in ("datetime64", "timedelta64") and str(value) == "NaT"


def _members(value: Any) -> list[tuple[Any, Any]] | None:
    if isinstance(value, dict):
        return list(value.items())
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return list(zip(value._fields, value, strict=False))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [(field.name, getattr(value, field.name, None)) for field in dataclasses.fields(value)]
    fields = getattr(type(value), "model_fields", None)  # pydantic, which need not be imported here
    if isinstance(fields, dict):
        return [(field, getattr(value, field, None)) for field in fields]
    return None


def _leaf(value: Any) -> Scalar | None:
    if isinstance(value, enum.Enum):
        inner = _leaf(value.value)
        return value.name if inner is None else inner
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, dt.datetime | dt.timedelta) and value != value:  # pandas' NaT
        return None
    if isinstance(value, dt.datetime) and value.tzinfo is not None:
        return value.astimezone(dt.UTC).isoformat()
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, dt.timedelta):
        return value.total_seconds()
    if isinstance(value, Decimal):
        return math.nan if value.is_nan() else float(value)
    if isinstance(value, UUID | PurePath):
        return str(value)
    return _numpy_leaf(value)


def _numpy_leaf(value: Any) -> Scalar | None:
    generic = getattr(sys.modules.get("numpy"), "generic", None)
    if generic is None or not isinstance(value, generic):
        return None
    found = value.item()
    return None if isinstance(found, generic) or found is None else _leaf(found)
