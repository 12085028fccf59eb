"""Operands: the value that a text means, given the kind of field that it is compared with."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from runlore.errors import QueryInvalid
from runlore.model.status import Status
from runlore.model.suggest import did_you_mean

_SPAN_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_SPAN = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|[smhdw]))+\Z")
_SPAN_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhdw])")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s?([kmgt]?)(i?)b\Z")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}\Z")
EXPECTED = {
    "text": "a text",
    "int": "a whole number",
    "float": "a number",
    "seconds": "a number of seconds, or a time span such as 90s, 5m or 1h30m",
    "bytes": "a number of bytes, or a size such as 500kB, 10MB or 1GiB",
    "bool": "true or false",
    "status": "a status (" + ", ".join(Status) + ")",
    "uuid": "a full id; for the beginning of one write 'startswith:…', or in a text: startswith …",
    "time": "a time such as '2026-11-01' or '2026-11-01 12:30:00' (UTC unless it says otherwise), or -7d, -2h, -30m",
    "fact": "a number, true, false or a text",
}


def operand(kind: str, value: Any, *, about: str) -> object:
    """What ``value`` means for a field of this kind. Raises `QueryInvalid`, beginning with what it is ``about``."""
    try:
        return _READERS[kind](value)
    except (ValueError, TypeError, OverflowError):
        meant = did_you_mean(str(value)[:40], map(str, Status), limit=0) if kind == "status" else ""
        meant = meant if "Did you mean" in meant else ""
        raise QueryInvalid(f"{about}{shortly(value)} is not {EXPECTED[kind]}.{meant}") from None


def whole_day(value: Any) -> tuple[datetime, datetime] | None:
    """The beginning of a day and of the next one, if ``value`` is a date without a time."""
    if isinstance(value, str) and value in ("today", "yesterday"):
        begin = _read_time(value)
    elif (isinstance(value, date) and not isinstance(value, datetime)) or (
        isinstance(value, str) and _DAY.match(value)
    ):
        try:
            begin = _read_time(value)
        except ValueError:
            return None
    else:
        return None
    try:
        return begin, begin + timedelta(days=1)
    except OverflowError:
        return begin, datetime.max.replace(tzinfo=UTC)


def from_now(value: Any) -> bool:
    """Whether ``value`` is a span from now, such as ``-7d``."""
    return isinstance(value, str) and value[:1] in ("+", "-") and _SPAN.match(value[1:]) is not None


def bound(text: str) -> object:
    """What an unquoted word means in a range over a searchable value: a span is seconds, one with a sign a time."""
    if _SPAN.match(text):
        return _read_seconds(text)
    if from_now(text):
        return _read_time(text).isoformat()
    return scalar(text)


def scalar(text: str) -> int | float | bool | str:
    """Read a text as the bool, int or float that it spells, else leave it a str; ``"quoted"`` is always a str."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    if len(text) >= 2 and text[0] == text[-1] == '"':
        return text[1:-1]
    for reader in (int, float):
        try:
            return reader(text)
        except ValueError:
            continue
    return text


def shortly(value: object) -> str:
    """A value for a message."""
    shown = repr(value)
    return shown if len(shown) <= 80 else f"{shown[:60]}… ({len(shown)} characters)"


def _read_text(value: Any) -> object:
    if isinstance(value, (int, float, UUID)) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise TypeError(value)
    return str(value)


def _read_int(value: Any) -> object:
    if isinstance(value, (bool, float)):
        raise TypeError(value)
    return int(value)


def _read_float(value: Any) -> object:
    if isinstance(value, bool):
        raise TypeError(value)
    return float(value)


def _read_seconds(value: Any) -> object:
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, str) and _SPAN.match(value):
        return sum(float(number) * _SPAN_UNITS[unit] for number, unit in _SPAN_PART.findall(value))
    return _read_float(value)


def _read_bytes(value: Any) -> object:
    found = _SIZE.match(value.lower()) if isinstance(value, str) else None
    if found is None:
        return _read_int(value)
    number, prefix, binary = found.groups()
    if binary and not prefix:
        raise ValueError(value)
    return round(float(number) * (1024 if binary else 1000) ** " kmgt".index(prefix or " "))


def _read_bool(value: Any) -> object:
    known = {"true": True, "1": True, "false": False, "0": False}
    if not isinstance(value, bool) and str(value).lower() not in known:
        raise ValueError(value)
    return value if isinstance(value, bool) else known[str(value).lower()]


def _read_status(value: Any) -> object:
    return Status(str(value))


def _read_uuid(value: Any) -> object:
    return value if isinstance(value, UUID) else UUID(str(value))


def _read_time(value: Any) -> datetime:
    if isinstance(value, datetime):
        moment = value
    elif isinstance(value, date):
        moment = datetime(value.year, value.month, value.day)
    elif isinstance(value, timedelta):
        moment = datetime.now(UTC) + value
    else:
        moment = _time_of(str(value))
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _time_of(text: str) -> datetime:
    now = datetime.now(UTC)
    if text == "now":
        return now
    if text in ("today", "yesterday"):
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        return midnight if text == "today" else midnight - timedelta(days=1)
    if text[:1] in ("+", "-") and _SPAN.match(text[1:]):
        seconds: Any = _read_seconds(text[1:])
        return now + timedelta(seconds=seconds if text[0] == "+" else -seconds)
    return datetime.fromisoformat(text)


def _read_fact(value: Any) -> object:
    if not isinstance(value, (int, float, str)):
        raise TypeError(value)
    return value


_READERS: dict[str, Callable[[Any], object]] = {
    "text": _read_text,
    "int": _read_int,
    "float": _read_float,
    "seconds": _read_seconds,
    "bytes": _read_bytes,
    "bool": _read_bool,
    "status": _read_status,
    "uuid": _read_uuid,
    "time": _read_time,
    "fact": _read_fact,
}
