"""The typed JSON codec: Python values as canonical text and back, exactly (`docs/design/codec.md`).

Two values have the same text if and only if they are indistinguishable: ``1``, ``1.0``, ``True`` and ``"1"`` differ,
as do ``0.0`` and ``-0.0``. The text is both what is stored and what identity is computed from.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import math
import struct
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from decimal import Decimal
from itertools import chain
from pathlib import Path, PosixPath, PurePosixPath, PureWindowsPath, WindowsPath
from typing import Any
from uuid import UUID

from runlore.errors import ValueUnloadable, ValueUnstorable
from runlore.values.text import TAG, WAY_OUT, Encode, Refused, quote, shown, tagged, write_items, write_pairs
from runlore.values.timezones import decode_zone, encode_zone

#: Version of the rule in ``docs/design/codec.md``.
CODEC_VERSION = 1

#: How deeply containers may nest.
MAX_DEPTH = 200

# Python converts this many bits to decimal and back whatever `sys.set_int_max_str_digits` says.
_MAX_DECIMAL_BITS = 2048

_dump_plain = json.JSONEncoder(ensure_ascii=False, check_circular=False, allow_nan=False, separators=(",", ":")).encode

#: Reads a tagged JSON object whose members have been read already.
Decode = Callable[[dict[str, Any]], Any]
#: Writes a value that sits at the given depth, its members with the given function.
Form = Callable[[Any, int, Encode], str]


def encode(value: Any, *, name: str = "value") -> str:
    """Return the canonical text of ``value``; ``name`` is what errors call it.

    Raises:
        ValueUnstorable: the value, or one nested in it, cannot be carried exactly; names the place and the type.
    """
    kind = type(value)
    if kind is int:
        if -0x7FFFFFFFFFFFFFFF <= value <= 0x7FFFFFFFFFFFFFFF:
            return int.__repr__(value)
    elif kind is str and value.isascii():
        return quote(value)
    if kind is list or kind is dict or kind is tuple:
        with suppress(_Unusual):
            text = _encode_plain(value if kind is not tuple and is_plain(value) else _tree(value, 0))
            if text is not None:
                return text
    return _encode_from(value, name, encode_at)


def encode_with(
    value: Any,
    leaf: Callable[[Any, int, Encode], str | None],
    *,
    member: Callable[[Any], str | None] | None = None,
    name: str = "value",
) -> str:
    """Return text in which ``leaf`` has written what it knows; it is asked about values that are not of built-in types.

    ``member`` is asked first about lists, tuples and dicts, ordered ones too, other than ``value`` itself.

    Raises `ValueUnstorable` as `encode` does.
    """

    def write(value: Any, depth: int) -> str:
        if depth > MAX_DEPTH:
            raise Refused(value, f"nests deeper than {MAX_DEPTH} levels")
        kind = type(value)
        if member is not None and depth and kind in _HOLDERS:
            text = member(value)
            if text is not None:
                return text
        form = _FORMS.get(kind)
        if form is not None:
            return form(value, depth, write)
        text = leaf(value, depth, write)
        if text is not None:
            return text
        from runlore.values import objects  # see `encode_at`

        return objects.encode_object(value, depth, write)

    return _encode_from(value, name, write)


def _encode_from(value: Any, name: str, write: Encode) -> str:
    try:
        return write(value, 0)
    except Refused as problem:
        raise ValueUnstorable(_describe(problem, name)) from problem.__cause__
    except RecursionError:
        raise ValueUnstorable(f"{name} nests too deeply for the stack that is left here.") from None


def decode(text: str, *, more: Mapping[str, Decode] | None = None) -> Any:
    """Return the value that `encode` wrote as ``text``, a fresh one each time; ``more`` reads what ``leaf`` wrote.

    Raises:
        ValueUnloadable: the text is not of this codec, or names a class that does not exist here.
    """
    try:
        return (_decoder if more is None else _decoder_with(more)).decode(text)
    except ValueUnloadable:
        raise
    except (ValueError, TypeError, KeyError, ArithmeticError, RecursionError) as error:
        raise ValueUnloadable(f"This is not a typed JSON value: {type(error).__name__}: {error}.") from error


#: What is found by name, for which the module that the name begins with would be imported.
_NAMED = ("class", "function", "enum", "flag", "dataclass", "namedtuple", "pydantic")


def decode_notes(text: str) -> Any:
    """Return what was noted about a run, step or version. What is found by name is given as that name.

    Notes are looked at before anybody decides to trust who wrote them, and an import runs code.
    """
    return decode(text, more=dict.fromkeys(_NAMED, _name_alone))


def _name_alone(found: Mapping[str, Any]) -> str:
    member = found.get("v")
    return f"{found['t']}.{member}" if isinstance(member, str) else str(found["t"])


def is_codable(value: Any) -> bool:
    """Whether `encode` carries ``value``."""
    if type(value) in _SCALARS:
        return True
    if type(value) in (list, dict) and is_plain(value):
        return True
    try:
        encode(value)
    except ValueUnstorable:
        return False
    return True


def encode_at(value: Any, depth: int) -> str:
    """Write a value nested at ``depth``; raises `Refused`."""
    if depth > MAX_DEPTH:
        raise Refused(value, f"nests deeper than {MAX_DEPTH} levels")
    form = _FORMS.get(type(value))
    if form is not None:
        return form(value, depth, encode_at)
    from runlore.values import objects  # only values that are not built in need it, and what it imports

    return objects.encode_object(value, depth, encode_at)


# --- plain values: what JSON says exactly -------------------------------------------------------------------------

_SCALARS = frozenset((type(None), bool, int, float, str))
_CONTAINERS = frozenset((list, dict))
_HOLDERS = frozenset((list, dict, tuple, OrderedDict))
_PLAIN = _SCALARS | _CONTAINERS
_TEXT = frozenset((str,))
_TUPLES = frozenset((tuple,))
_LISTS = frozenset((list,))
# Shorter containers are written faster member by member than by looking whether they can be written at once.
_WORTH_A_LOOK = 8


def is_plain(value: Any, depth: int = 0) -> bool:
    """Whether a list or dict is, all the way down, of exactly JSON's types with proper keys and moderate integers."""
    if depth >= MAX_DEPTH:
        return False  # the slow path decides, and says what is wrong
    if type(value) is dict:
        if not _TEXT.issuperset(map(type, value)) or TAG in value:
            return False
        members: Any = value.values()
    else:
        members = value
    kinds = set(map(type, members))
    if not _PLAIN.issuperset(kinds) or (int in kinds and not _are_moderate(members)):
        return False
    if _CONTAINERS.isdisjoint(kinds):
        return True
    for member in members:
        if type(member) in _CONTAINERS and not is_plain(member, depth + 1):
            return False
    return True


class _Unusual(Exception):
    """A value that is not written at once, but member by member."""


def _tree(value: Any, depth: int) -> Any:
    """What JSON's own encoder writes as the text of a value of lists, tuples, dicts and moderate scalars.

    Raises `_Unusual` for anything else.
    """
    if depth >= MAX_DEPTH:
        raise _Unusual
    kind = type(value)
    if kind is list:
        return _branch(value, depth)
    if kind is tuple:
        return {TAG: "tuple", "v": _branch(value, depth)}
    if kind is dict:
        members = _branch(list(value.values()), depth)
        if _TEXT.issuperset(map(type, value)) and TAG not in value:
            return dict(zip(value, members, strict=True))
        return {TAG: "dict", "v": list(zip(_branch(list(value), depth), members, strict=True))}
    raise _Unusual


def _branch(members: list[Any] | tuple[Any, ...], depth: int) -> Any:
    kinds = set(map(type, members))
    if int in kinds and not _are_moderate(members):
        raise _Unusual
    if _SCALARS.issuperset(kinds):
        return members
    if (kinds == _TUPLES or kinds == _LISTS) and depth + 1 < MAX_DEPTH:
        if _are_scalars(list(chain.from_iterable(members))):  # rows: looked at all together, which is much faster
            return [{TAG: "tuple", "v": row} for row in members] if kinds == _TUPLES else members
    return [member if type(member) in _SCALARS else _tree(member, depth + 1) for member in members]


def _are_moderate(members: Iterable[Any]) -> bool:
    return max(map(int.bit_length, [member for member in members if type(member) is int])) <= _MAX_DECIMAL_BITS


def _are_scalars(members: Iterable[Any]) -> bool:
    """Whether all are scalars that JSON says exactly, but for nan, infinities and lone surrogates."""
    kinds = set(map(type, members))
    return _SCALARS.issuperset(kinds) and (int not in kinds or _are_moderate(members))


def _encode_plain(value: Any) -> str | None:
    try:
        text = _dump_plain(value)
        if not text.isascii():
            text.encode()  # lone surrogates need the typed form
    except ValueError:  # nan and infinities too
        return None
    return text


# --- writing ------------------------------------------------------------------------------------------------------


def _encode_int(value: int, depth: int, write: Encode) -> str:
    if value.bit_length() > _MAX_DECIMAL_BITS:
        return tagged("int", f'"{value:x}"')
    return int.__repr__(value)


def _encode_float(value: float, depth: int, write: Encode) -> str:
    if math.isfinite(value):
        return float.__repr__(value)
    if value == value:
        return tagged("float", '"inf"' if value > 0 else '"-inf"')
    bits = struct.pack(">d", value).hex()
    return tagged("float", '"nan"' if bits == "7ff8000000000000" else f'"nan:{bits}"')


def _is_text(value: str) -> bool:
    if value.isascii():
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _encode_str(value: str, depth: int, write: Encode) -> str:
    if _is_text(value):
        return quote(value)
    return tagged("str", f'"{value.encode("utf-8", "surrogatepass").hex()}"')


def _encode_list(value: list[Any] | tuple[Any, ...], depth: int, write: Encode) -> str:
    if len(value) >= _WORTH_A_LOOK and _are_scalars(value):
        text = _encode_plain(value)
        if text is not None:
            return text
    return "[" + ",".join(write_items(value, depth, value, write)) + "]"


def _encode_dict(value: dict[Any, Any], depth: int, write: Encode) -> str:
    if any(type(key) is not str or key == TAG or not _is_text(key) for key in value):
        return tagged("dict", write_pairs(value, depth, write))
    if len(value) >= _WORTH_A_LOOK and _are_scalars(value.values()):
        text = _encode_plain(value)
        if text is not None:
            return text
    texts = []
    key = ""
    try:
        for key, member in value.items():
            texts.append(f"{quote(key)}:{write(member, depth + 1)}")
    except Refused as problem:
        raise problem.inside(f"[{key!r}]", value) from problem.__cause__
    return "{" + ",".join(texts) + "}"


def _encode_ordered(value: OrderedDict[Any, Any], depth: int, write: Encode) -> str:
    if vars(value):
        raise Refused(value, f"{WAY_OUT}: it has the attribute {next(iter(vars(value)))!r}")
    return tagged("ordereddict", write_pairs(value, depth, write))


def _encode_set(tag: str) -> Form:
    def encode_set(value: Iterable[Any], depth: int, write: Encode) -> str:
        texts = []
        member: Any = None
        try:
            for member in value:
                texts.append(write(member, depth + 1))
        except Refused as problem:
            raise problem.inside(f" member {shown(member)}", value) from problem.__cause__
        return tagged(tag, "[" + ",".join(sorted(texts)) + "]")

    return encode_set


def _text_form(tag: str, convert: Callable[[Any], str]) -> Form:
    return lambda value, depth, write: tagged(tag, _encode_str(convert(value), depth, write))


def _parts_form(tag: str, parts: Callable[[Any], list[Any]]) -> Form:
    return lambda value, depth, write: tagged(
        tag, "[" + ",".join(write(part, depth + 1) for part in parts(value)) + "]"
    )


def _base64(value: bytes | bytearray) -> str:
    return base64.b64encode(value).decode("ascii")


def _encode_moment(tag: str) -> Form:
    def encode_moment(value: dt.datetime | dt.time, depth: int, write: Encode) -> str:
        text = f'{{"{TAG}":"{tag}","v":"{value.replace(tzinfo=None).isoformat()}"'
        if value.tzinfo is not None:
            text += f',"zone":{encode_zone(value.tzinfo)}'
        return text + (',"fold":1}' if value.fold else "}")

    return encode_moment


_FORMS: dict[type, Form] = {
    type(None): lambda value, depth, write: "null",
    bool: lambda value, depth, write: "true" if value else "false",
    int: _encode_int,
    float: _encode_float,
    str: _encode_str,
    list: _encode_list,
    dict: _encode_dict,
    tuple: lambda value, depth, write: tagged("tuple", _encode_list(value, depth, write)),
    set: _encode_set("set"),
    frozenset: _encode_set("frozenset"),
    OrderedDict: _encode_ordered,
    bytes: _text_form("bytes", _base64),
    bytearray: _text_form("bytearray", _base64),
    complex: _parts_form("complex", lambda value: [value.real, value.imag]),
    range: _parts_form("range", lambda value: [value.start, value.stop, value.step]),
    slice: _parts_form("slice", lambda value: [value.start, value.stop, value.step]),
    dt.datetime: _encode_moment("datetime"),
    dt.time: _encode_moment("time"),
    dt.date: _text_form("date", dt.date.isoformat),
    dt.timedelta: _parts_form("timedelta", lambda value: [value.days, value.seconds, value.microseconds]),
    Decimal: _text_form("decimal", str),
    UUID: _text_form("uuid", str),
    PosixPath: _text_form("path", str),
    WindowsPath: _text_form("path", str),
    PurePosixPath: _text_form("pureposixpath", str),
    PureWindowsPath: _text_form("purewindowspath", str),
}


# --- reading ------------------------------------------------------------------------------------------------------


def _decode_float(text: str) -> float:
    if text.startswith("nan:"):
        return float(struct.unpack(">d", bytes.fromhex(text[4:]))[0])
    if text not in ("nan", "inf", "-inf"):
        raise ValueError(f"{text!r} is not a special float")
    return float(text)


def _decode_moment(read: Callable[[str], Any]) -> Decode:
    def decode_moment(found: dict[str, Any]) -> Any:
        zone = decode_zone(found["zone"]) if "zone" in found else None
        return read(found["v"]).replace(tzinfo=zone, fold=found.get("fold", 0))

    return decode_moment


_DECODERS: dict[str, Decode] = {
    "int": lambda found: int(found["v"], 16),
    "float": lambda found: _decode_float(found["v"]),
    "str": lambda found: bytes.fromhex(found["v"]).decode("utf-8", "surrogatepass"),
    "dict": lambda found: dict(found["v"]),
    "ordereddict": lambda found: OrderedDict(found["v"]),
    "tuple": lambda found: tuple(found["v"]),
    "set": lambda found: set(found["v"]),
    "frozenset": lambda found: frozenset(found["v"]),
    "bytes": lambda found: base64.b64decode(found["v"], validate=True),
    "bytearray": lambda found: bytearray(base64.b64decode(found["v"], validate=True)),
    "complex": lambda found: complex(*found["v"]),
    "range": lambda found: range(*found["v"]),
    "slice": lambda found: slice(*found["v"]),
    "datetime": _decode_moment(dt.datetime.fromisoformat),
    "time": _decode_moment(dt.time.fromisoformat),
    "date": lambda found: dt.date.fromisoformat(found["v"]),
    "timedelta": lambda found: dt.timedelta(*found["v"]),
    "decimal": lambda found: Decimal(found["v"]),
    "uuid": lambda found: UUID(found["v"]),
    "path": lambda found: Path(found["v"]),
    "pureposixpath": lambda found: PurePosixPath(found["v"]),
    "purewindowspath": lambda found: PureWindowsPath(found["v"]),
}


def _decode_object(found: dict[str, Any]) -> Any:
    if TAG not in found:
        return found
    tag = found[TAG]
    decoder = _DECODERS.get(tag)
    if decoder is not None:
        return decoder(found)
    from runlore.values import objects  # only values that are not built in need it

    return objects.decode_object(tag, found)


def _refuse_constant(text: str) -> Any:
    raise ValueError(f"{text} is not canonical")


_decoder = json.JSONDecoder(object_hook=_decode_object, parse_constant=_refuse_constant)


def _decoder_with(more: Mapping[str, Decode]) -> json.JSONDecoder:
    def read(found: dict[str, Any]) -> Any:
        tag = found.get(TAG)
        decoder = more.get(tag) if type(tag) is str else None
        return _decode_object(found) if decoder is None else decoder(found)

    return json.JSONDecoder(object_hook=read, parse_constant=_refuse_constant)


# --- errors -------------------------------------------------------------------------------------------------------


def _describe(problem: Refused, name: str) -> str:
    if len(set(problem.holders)) < len(problem.holders):
        return f"{name} contains itself{_cycle(problem)}, and cannot be written as text. Break the cycle."
    place = name + "".join(reversed(problem.path[-8:])) + ("…" if len(problem.path) > 8 else "")
    kind = type(problem.value)
    return f"{place} is a {kind.__module__}.{kind.__qualname__}, which {problem.reason}.".replace(" a builtins.", " a ")


def _cycle(problem: Refused) -> str:
    holders, steps = problem.holders[::-1], problem.path[::-1]
    seen: set[int] = set()
    for position, holder in enumerate(holders):
        if holder in seen:
            return " at " + "".join(steps[:position])
        seen.add(holder)
    return ""
