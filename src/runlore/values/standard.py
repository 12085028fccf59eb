"""Typed text of what the standard library has beyond the built-in types: queues, counters, fractions, raw memory."""

from __future__ import annotations

import base64
import sys
from array import array
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from runlore.errors import ValueUnloadable
from runlore.values.text import TAG, WAY_OUT, Encode, Refused, tagged, write_items, write_pairs

#: Letters of `array.array` for text; what they hold is written as text.
_TEXT_CODES = "uw"
#: What `memoryview.cast` knows, by letter.
_VIEW_FORMATS = frozenset("cbB?hHiIlLqQnNfd")


def encode_standard(value: Any, depth: int, write: Encode) -> str | None:
    """Write a value of one of the classes above; return ``None`` for anything else. Raises `Refused`."""
    form = _FORMS.get(type(value))
    return None if form is None else form(value, depth, write)


def knows(kind: type) -> bool:
    """Whether it is one of the classes above."""
    return kind in _FORMS


def _encode_deque(value: deque[Any], depth: int, write: Encode) -> str:
    items = ",".join(write_items(value, depth, value, write))
    bound = "" if value.maxlen is None else f',"maxlen":{value.maxlen}'
    return f'{{"{TAG}":"deque","v":[{items}]{bound}}}'


def _decode_deque(found: dict[str, Any]) -> deque[Any]:
    value = deque(found["v"], found.get("maxlen"))
    if len(value) != len(found["v"]):
        raise ValueError("a deque is longer than its bound")
    return value


def _encode_counter(value: Counter[Any], depth: int, write: Encode) -> str:
    if vars(value):
        raise Refused(value, f"{WAY_OUT}: it has the attribute {next(iter(vars(value)))!r}")
    return tagged("counter", write_pairs(value, depth, write))


def _decode_counter(found: dict[str, Any]) -> Counter[Any]:
    value: Counter[Any] = Counter()
    dict.update(value, found["v"])  # its own `update` would add to what is there
    return value


def _encode_defaultdict(value: defaultdict[Any, Any], depth: int, write: Encode) -> str:
    try:
        factory = write(value.default_factory, depth + 1)
    except Refused as problem:
        raise problem.inside(".default_factory", value) from problem.__cause__
    return f'{{"{TAG}":"defaultdict","factory":{factory},"v":{write_pairs(value, depth, write)}}}'


def _encode_fraction(value: Fraction, depth: int, write: Encode) -> str:
    return tagged("fraction", f"[{write(value.numerator, depth + 1)},{write(value.denominator, depth + 1)}]")


# --- raw memory ---------------------------------------------------------------------------------------------------


def _encode_array(value: array[Any], depth: int, write: Encode) -> str:
    if value.typecode in _TEXT_CODES:
        try:
            content = write(value.tounicode(), depth + 1)
        except ValueError:
            raise Refused(value, f"{WAY_OUT}: it holds what is no character") from None
    else:
        content = _base64(_turned(value).tobytes())
    return f'{{"{TAG}":"memory","t":"{value.typecode}","size":{value.itemsize},"v":{content}}}'


def _decode_array(found: dict[str, Any]) -> array[Any]:
    code = found["t"]
    value: array[Any] = array(code)
    if code in _TEXT_CODES:
        value.fromunicode(found["v"])
        return value
    _check_size(f"An array of type {code!r}", found["size"], value.itemsize)
    value.frombytes(base64.b64decode(found["v"], validate=True))
    return _turned(value)


def _turned(value: array[Any]) -> array[Any]:
    """The same numbers in little endian order, or back from it."""
    if sys.byteorder == "big":
        value = value[:]
        value.byteswap()
    return value


def _encode_view(value: memoryview, depth: int, write: Encode) -> str:
    try:
        code = value.format
    except ValueError:
        raise Refused(value, f"{WAY_OUT}: it was released") from None
    if code not in _VIEW_FORMATS or not value.shape or (value.ndim > 1 and not value.nbytes):
        raise Refused(value, f"{WAY_OUT}: it is not of plain numbers. Pass bytes(...) of it")
    if value.itemsize > 1 and sys.byteorder == "big":
        raise Refused(value, f"{WAY_OUT}: its numbers are big endian. Pass an array of them")
    shape = ",".join(map(str, value.shape or ()))
    rest = f'"t":"{code}","size":{value.itemsize},"shape":[{shape}],"readonly":{"true" if value.readonly else "false"}'
    return f'{{"{TAG}":"memoryview",{rest},"v":{_base64(value.tobytes())}}}'


def _decode_view(found: dict[str, Any]) -> memoryview:
    data = base64.b64decode(found["v"], validate=True)
    plain = memoryview(data if found["readonly"] is True else bytearray(data))
    code, shape = found["t"], found["shape"]
    value = plain.cast(code) if len(shape) == 1 else plain.cast(code, shape)
    if list(value.shape or ()) != shape:
        raise ValueError("the bytes of a memoryview do not fit its shape")
    _check_size(f"A memoryview of format {code!r}", found["size"], value.itemsize)
    return value


def _check_size(what: str, stored: Any, here: int) -> None:
    if stored != here:
        raise ValueUnloadable(f"{what} has members of {here} bytes on this machine; the stored one has {stored}.")


def _base64(data: bytes) -> str:
    return f'"{base64.b64encode(data).decode("ascii")}"'


_FORMS: dict[type, Callable[[Any, int, Encode], str]] = {
    deque: _encode_deque,
    Counter: _encode_counter,
    defaultdict: _encode_defaultdict,
    Fraction: _encode_fraction,
    array: _encode_array,
    memoryview: _encode_view,
}

#: Readers by tag.
DECODERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "deque": _decode_deque,
    "counter": _decode_counter,
    "defaultdict": lambda found: defaultdict(found["factory"], found["v"]),
    "fraction": lambda found: Fraction(*found["v"]),
    "memory": _decode_array,
    "memoryview": _decode_view,
}
