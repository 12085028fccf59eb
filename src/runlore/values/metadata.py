"""Metadata values: which ones may be noted on runs, steps and artifact versions, and their text."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path, PurePath
from typing import Any
from uuid import UUID

from runlore.errors import ValueUnstorable
from runlore.model.article import with_article
from runlore.model.name import checked_metadata_key
from runlore.values import codec

_EXACT = (type(None), bool, int, float, str, bytes, dt.datetime, UUID, Decimal, type(Path()))
_ALLOWED = "None, bool, int, float, str, bytes, datetime, UUID, Decimal, Path, and lists and dicts of these"


def encode_metadata(key: str, value: Any) -> str:
    """Return the text of a metadata value; numpy scalars become the Python value that they equal.

    Raises:
        ValueUnstorable: the value, or one in it, is of another type; names the key, the place and the type.
    """
    kind = type(value)
    if kind is int or kind is float or kind is str or kind is bool:
        return codec.encode(value)
    return codec.encode(plain_metadata(key, value), name=f"metadata {key!r}")


def kept_metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return metadata as it will be recorded, whatever becomes later of the lists and dicts that were given.

    Raises:
        NameInvalid: a key is no name.
        ValueUnstorable: a value cannot be kept exactly, or ``metadata`` is no dict.
    """
    if not isinstance(metadata, Mapping):
        kind = with_article(type(metadata).__name__)
        raise ValueUnstorable(f"Metadata is a dict, such as {{'accuracy': 0.9}}; this is {kind}.")
    return {checked_metadata_key(key): plain_metadata(key, value) for key, value in metadata.items()}


def plain_metadata(key: str, value: Any) -> Any:
    """Return what `encode_metadata` writes, as a Python value that shares no list or dict with the given one."""
    return _plain(value, f"metadata {key!r}", 0)


def _plain(value: Any, place: str, depth: int) -> Any:
    kind = type(value)
    if kind in _EXACT:
        return value
    if depth > codec.MAX_DEPTH:
        raise ValueUnstorable(f"{place[:80]}… nests deeper than {codec.MAX_DEPTH} levels, or contains itself.")
    if kind is list:
        return [_plain(item, f"{place}[{position}]", depth + 1) for position, item in enumerate(value)]
    if kind is dict:
        return {
            _plain(name, f"a key of {place}", depth + 1): _plain(member, f"{place}[{name!r}]", depth + 1)
            for name, member in value.items()
        }
    found = _from_numpy(value)
    if found is not None:
        return found
    raise ValueUnstorable(
        f"{place} is {with_article(_shown(kind))}, which metadata cannot hold. It may be {_ALLOWED}.{_hint(value)}"
    )


def _from_numpy(value: Any) -> Any:
    numpy = sys.modules.get("numpy")
    generic = getattr(numpy, "generic", None)
    if generic is None or not isinstance(value, generic):
        return None
    if value.dtype.kind == "U":  # str() of numpy's text drops trailing zeros
        return "".join(iter(value))
    if value.dtype.kind == "S":
        return bytes(iter(value))
    found = value.item()
    exact = type(found) in (bool, int, float, dt.datetime) and value.dtype.kind in "biufM"
    return found if exact and (value.dtype.kind != "M" or type(found) is dt.datetime) else None


def _hint(value: Any) -> str:
    if isinstance(value, tuple | set | frozenset):
        return " Pass list(...) of it."
    if callable(getattr(value, "tolist", None)):
        return " Pass what .tolist() gives, or save it as an artifact."
    if isinstance(value, PurePath | str | int | float | dict | list):
        return f" Convert it to its base {_shown(type(value).__mro__[-2])} first."
    return ' Pass str(...) of it, or save it as an artifact with save_artifact(value, "name").'


def _shown(kind: type) -> str:
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
