"""Time zones: how one is written in typed text, and found again."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

from runlore.errors import MissingExtra, ValueUnloadable
from runlore.values.text import Refused

_dump = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def encode_zone(zone: dt.tzinfo) -> str:
    """Write UTC, a fixed offset or a named zone of zoneinfo, pytz or dateutil; raises `Refused` for any other."""
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
    other = _encode_other(zone)
    if other is not None:
        return _dump(other)
    raise Refused(zone, "is a time zone that is neither a fixed offset nor a named zoneinfo.ZoneInfo")


def _encode_other(zone: dt.tzinfo) -> dict[str, Any] | None:
    """What says a zone of pytz or dateutil, if its class and name lead back to it."""
    library = type(zone).__module__.partition(".")[0]
    if library == "pytz":
        import pytz

        name = getattr(zone, "zone", None)
        # pytz has one object for each offset of a zone; only the one that its name gives is said by the name
        if type(name) is str and name in pytz.all_timezones_set and pytz.timezone(name) is zone:
            return {"pytz": name}
    if library == "dateutil":
        from dateutil import tz

        if type(zone) is tz.tzutc:
            return {"dateutil": None}
        if type(zone) is tz.tzoffset:
            offset = zone.utcoffset(None)
            if offset is not None:
                return {"dateutil": [zone.tzname(None), offset // dt.timedelta(seconds=1)]}
        if type(zone) is tz.tzfile:
            place = getattr(zone, "_filename", None)
            parts = place.split("/zoneinfo/") if type(place) is str else [""]
            if parts[-1] and tz.gettz(parts[-1]) == zone:
                return {"dateutil": parts[-1]}
    return None


def decode_zone(zone: Any) -> dt.tzinfo:
    """Return the zone that `encode_zone` wrote. Raises `ValueUnloadable` if its name is not known here."""
    if zone == "UTC":
        return dt.UTC
    if type(zone) is list:
        return dt.timezone(dt.timedelta(microseconds=zone[0]), *zone[1:])
    if "pytz" in zone or "dateutil" in zone:
        return _decode_other(zone)
    import zoneinfo  # rarely needed, and slow to import

    try:
        return zoneinfo.ZoneInfo(zone["key"])
    except zoneinfo.ZoneInfoNotFoundError as error:
        raise ValueUnloadable(f"The time zone {zone['key']!r} is not known here: pip install tzdata.") from error


def _decode_other(zone: dict[str, Any]) -> dt.tzinfo:
    library, name = next(iter(zone.items()))
    found: dt.tzinfo | None
    try:
        if library == "pytz":
            import pytz

            found = pytz.timezone(name)
        else:
            from dateutil import tz

            found = tz.tzutc() if name is None else tz.gettz(name) if type(name) is str else tz.tzoffset(*name)
    except ImportError as error:
        needed = {"dateutil": "python-dateutil"}.get(library, library)
        raise MissingExtra(
            f"This time zone is one of {library}, which is not installed: pip install {needed}."
        ) from error
    if found is None:
        raise ValueUnloadable(f"The time zone {name!r} is not known to {library} here: pip install tzdata.")
    return found
