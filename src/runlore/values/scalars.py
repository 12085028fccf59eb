"""Scalars of numpy and pandas in typed text. Neither library is imported unless a value of it is written or read."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from runlore.errors import MissingExtra
from runlore.values.text import TAG, WAY_OUT, Encode, Refused, quote, tagged
from runlore.values.timezones import decode_zone, encode_zone


def encode_scalar(value: Any, depth: int, write: Encode) -> str | None:
    """Write a scalar of numpy or pandas; return ``None`` for anything else. Raises `Refused`."""
    kind = type(value)
    generic = getattr(sys.modules.get("numpy"), "generic", None)
    if isinstance(generic, type) and issubclass(kind, generic):
        return _encode_numpy(value, write)
    form = _FORMS.get(kind.__name__)
    if form is None or kind.__module__.partition(".")[0] != "pandas":
        return None
    return form(value, depth, write)


# --- numpy --------------------------------------------------------------------------------------------------------


def _encode_numpy(value: Any, write: Encode) -> str:
    kind = value.dtype.kind
    if type(value).__module__ != "numpy" or kind in "VO" or value.dtype.char in "gG":
        raise Refused(value, f"{WAY_OUT}: its dtype is {value.dtype}")
    if kind == "U":  # str() and bytes() of numpy's text scalars drop trailing zeros
        return f'{{"{TAG}":"numpy","t":"U","v":{write("".join(iter(value)), 0)}}}'
    if kind == "S":
        return f'{{"{TAG}":"numpy","t":"S","v":{write(bytes(iter(value)), 0)}}}'
    payload = f'"{value.astype(value.dtype.newbyteorder("<")).tobytes().hex()}"'
    return f'{{"{TAG}":"numpy","t":"{value.dtype.newbyteorder("<").str}","v":{payload}}}'


def _decode_numpy(found: dict[str, Any]) -> Any:
    numpy = _numpy()
    if found["t"] == "U":
        return numpy.str_(found["v"])
    if found["t"] == "S":
        return numpy.bytes_(found["v"])
    dtype = numpy.dtype(found["t"])
    return numpy.frombuffer(bytes.fromhex(found["v"]), dtype=dtype).astype(dtype.newbyteorder("="))[0]


# --- pandas -------------------------------------------------------------------------------------------------------


def _encode_timestamp(value: Any, depth: int, write: Encode) -> str:
    text = f'{{"{TAG}":"timestamp","v":{_count(value)}'
    if value.tzinfo is not None:
        text += f',"zone":{encode_zone(value.tzinfo)}'
    if value.fold and not _decode_timestamp({"v": [int(value.asm8.view("i8")), value.unit]}, value.tzinfo).fold:
        raise Refused(value, f"{WAY_OUT}: its fold is 1 at a time that is not ambiguous")
    return text + "}"


def _decode_timestamp(found: dict[str, Any], zone: dt.tzinfo | None = None) -> Any:
    count, unit = found["v"]
    value = _pandas().Timestamp(_numpy().datetime64(count, unit))
    zone = decode_zone(found["zone"]) if "zone" in found else zone
    return value if zone is None else value.tz_localize(dt.UTC).tz_convert(zone)


def _encode_timedelta(value: Any, depth: int, write: Encode) -> str:
    return f'{{"{TAG}":"timespan","v":{_count(value)}}}'


def _decode_timedelta(found: dict[str, Any]) -> Any:
    count, unit = found["v"]
    return _pandas().Timedelta(_numpy().timedelta64(count, unit))


def _encode_period(value: Any, depth: int, write: Encode) -> str:
    return tagged("period", f"[{value.ordinal},{quote(value.freqstr)}]")


def _decode_period(found: dict[str, Any]) -> Any:
    ordinal, frequency = found["v"]
    return _pandas().Period(ordinal=ordinal, freq=frequency)


def _encode_interval(value: Any, depth: int, write: Encode) -> str:
    bounds = f"{write(value.left, depth + 1)},{write(value.right, depth + 1)}"
    return tagged("interval", f"[{bounds},{quote(value.closed)}]")


def _decode_interval(found: dict[str, Any]) -> Any:
    left, right, closed = found["v"]
    return _pandas().Interval(left, right, closed)


def _count(value: Any) -> str:
    """Units since the epoch (in UTC where the zone is known), or of a duration, and the unit."""
    return f'[{int(value.asm8.view("i8"))},"{value.unit}"]'


_FORMS: dict[str, Callable[[Any, int, Encode], str]] = {
    "Timestamp": _encode_timestamp,
    "Timedelta": _encode_timedelta,
    "Period": _encode_period,
    "Interval": _encode_interval,
    "NaTType": lambda value, depth, write: tagged("missing", '"NaT"'),
    "NAType": lambda value, depth, write: tagged("missing", '"NA"'),
}

DECODERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "numpy": _decode_numpy,
    "timestamp": _decode_timestamp,
    "timespan": _decode_timedelta,
    "period": _decode_period,
    "interval": _decode_interval,
    "missing": lambda found: {"NaT": _pandas().NaT, "NA": _pandas().NA}[found["v"]],
}


def _numpy() -> ModuleType:
    try:
        import numpy
    except ImportError as error:
        raise MissingExtra("This value is a numpy scalar, and numpy is not installed: pip install numpy.") from error
    return numpy


def _pandas() -> ModuleType:
    try:
        import pandas
    except ImportError as error:
        raise MissingExtra("This value is one of pandas', which is not installed: pip install pandas.") from error
    return pandas
