"""Time zones: how one is written in typed text, and found again."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

from runlore.errors import ValueUnloadable
from runlore.values.text import Refused

_dump = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def encode_zone(zone: dt.tzinfo) -> str:
    """Write UTC, a fixed offset or a named `zoneinfo.ZoneInfo`; raises `Refused` for any other."""
    if zone is dt.UTC:
        return '"UTC"'
    if type(zone) is dt.timezone:
        offset = zone.utcoffset(None)
        name = zone.tzname(None)
        parts: list[Any] = [offset // dt.timedelta(microseconds=1)]
        return _dump(parts if name == dt.timezone(offset).tzname(None) and offset else [*parts, name])
    import zoneinfo  # rarely needed, and slow to import

    if type(zone) is zoneinfo.ZoneInfo and zone.key is not None:
        return _dump({"key": zone.key})
    raise Refused(zone, "is a time zone that is neither a fixed offset nor a named zoneinfo.ZoneInfo")


def decode_zone(zone: Any) -> dt.tzinfo:
    """Return the zone that `encode_zone` wrote. Raises `ValueUnloadable` if its name is not known here."""
    if zone == "UTC":
        return dt.UTC
    if type(zone) is list:
        return dt.timezone(dt.timedelta(microseconds=zone[0]), *zone[1:])
    import zoneinfo  # rarely needed, and slow to import

    try:
        return zoneinfo.ZoneInfo(zone["key"])
    except zoneinfo.ZoneInfoNotFoundError as error:
        raise ValueUnloadable(f"The time zone {zone['key']!r} is not known here: pip install tzdata.") from error
