"""Large collections of plain values as columns: numbers as raw bytes, whatever else there is as typed text.

The format is `docs/design/codec.md`, "Columns".
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from itertools import accumulate, chain, compress, pairwise
from types import ModuleType
from typing import Any

from runlore.errors import MissingExtra, ValueUnloadable, ValueUnstorable
from runlore.values import codec
from runlore.values.builtin import BuiltinMaterializer
from runlore.values.materializer import Declined, Materializer, Picture, Reader, Writer
from runlore.values.text import TAG, Encode, Refused

_FORMAT = b"runlore-columns-1"
#: A value that holds fewer numbers stays text, which people can read.
ENOUGH_NUMBERS = 256
#: Shorter columns are text.
_SHORT = 16
#: Of larger payloads only the text is read where classes are looked for.
_READ_WHOLE = 1 << 20
#: Deeper values stay text, too.
_MAX_LEVELS = 32

_CONTAINERS = frozenset((list, tuple, dict))
_NUMBERS = frozenset((int, float))
_NO_NUMBERS = frozenset((str, bool, type(None)))
#: A column of several of these is text.
_TEXTS = frozenset((str, bool, type(None), bytes))
_STRINGS = frozenset((str,))
# In the order in which `mixed` names them; whatever is none of them is the last one.
_KINDS = (type(None), bool, int, float, str, list, tuple, dict, object)
_SEQUENCES = {"list": list, "tuple": tuple}
# By type text: what `array` calls it, and the bytes of one. `b1` is read apart, since `array` has no booleans.
_CODES = {"i1": "b", "i2": "h", "i4": "i", "i8": "q", "f8": "d", "b1": "B"}
_INTEGERS = (("i1", 1 << 7), ("i2", 1 << 15), ("i4", 1 << 31), ("i8", 1 << 63))


class ColumnsMaterializer(Materializer):
    """Stores lists, tuples and dicts that hold many numbers."""

    name = "columns"

    def takes(self, value: Any) -> bool:
        if type(value) not in _CONTAINERS or is_small(value):
            return False
        try:
            _Packer(value)
        except Declined:
            return False
        return True

    def may_take(self, value: Any) -> bool:
        return type(value) in _CONTAINERS

    def save(self, value: Any, writer: Writer) -> None:
        if type(value) not in _CONTAINERS or is_small(value):
            raise Declined(f"The value holds fewer than {ENOUGH_NUMBERS} numbers.")
        packed = _Packer(value)
        text = packed.text.encode()
        writer.write(b"".join((b"%b %d\n" % (_FORMAT, len(text)), text, *packed.leaves)))

    def load(self, reader: Reader) -> Any:
        payload = reader.read()
        start, end = _bounds(payload[:64], len(payload))
        try:
            text = payload[start:end].decode()
        except ValueError as error:
            raise ValueUnloadable(f"The payload is not a collection in columns: {error}.") from error
        return _Unpacker(memoryview(payload)[end:]).value(text)

    def naming(self, reader: Reader) -> bytes:
        """The text: classes of a project may be named in it."""
        if reader.size <= _READ_WHOLE:
            payload = reader.read()
            start, end = _bounds(payload[:64], len(payload))
            return payload[start:end]
        with reader.path().open("rb") as file:
            start, end = _bounds(file.read(64), reader.size)
            file.seek(start)
            return file.read(end - start)

    def metadata(self, value: Any) -> Mapping[str, Any]:
        return _BUILTIN.metadata(value)

    def pictures(self, value: Any) -> Sequence[Picture]:
        return _BUILTIN.pictures(value)


def _bounds(beginning: bytes, size: int) -> tuple[int, int]:
    """Where the text of a payload lies, which begins like this."""
    head, _, _ = beginning.partition(b"\n")
    try:
        form, length = head.split(b" ")
        if form != _FORMAT:
            raise ValueError(f"it begins with {form!r}")
        start = len(head) + 1
        end = start + int(length)
        if not start <= end <= size:
            raise ValueError("its text does not end within it")
    except ValueError as error:
        raise ValueUnloadable(f"The payload is not a collection in columns: {error}.") from error
    return start, end


def is_small(value: Any) -> bool:
    """Whether it is seen at a glance that a list, tuple or dict holds fewer than `ENOUGH_NUMBERS`."""
    kinds = set(map(type, value))
    if type(value) is dict:
        kinds.update(map(type, value.values()))
    if _CONTAINERS.isdisjoint(kinds):  # most values, and most members of larger ones
        return _NO_NUMBERS.issuperset(kinds) or len(value) * (2 if type(value) is dict else 1) < ENOUGH_NUMBERS
    level = [value]
    total = 0
    while True:
        level = [
            member
            for holder in level
            if type(holder) in _CONTAINERS
            for member in (chain(holder, holder.values()) if type(holder) is dict else holder)
        ]
        if not level:
            return True
        total += len(level)
        if total >= ENOUGH_NUMBERS:
            return False


# --- writing ------------------------------------------------------------------------------------------------------


class _Codes(dict[type, int]):
    """Place of a class in `_KINDS`."""

    def __missing__(self, kind: type) -> int:
        return len(_KINDS) - 1


_PLACES = _Codes({kind: place for place, kind in enumerate(_KINDS[:-1])})


class _Packer:
    """Writes columns as text, and collects the numbers that lie behind it, in the order in which the text names them.

    Raises `Declined` where another form is due: too few numbers, too deep, or what has no text.
    """

    def __init__(self, value: Any) -> None:
        self._value = value
        self._numbers = 0
        self._acyclic = False
        self._pending: list[Sequence[Any]] = []
        self.leaves: list[bytes] = []
        draft = self._column([value], ())
        if self._numbers < ENOUGH_NUMBERS:
            raise Declined(f"The value holds fewer than {ENOUGH_NUMBERS} numbers.")
        self.text = self._filled(draft)

    def _column(self, members: Sequence[Any], above: tuple[set[int], ...]) -> str:
        kinds = set(map(type, members))
        if len(kinds) == 1:
            (kind,) = kinds
            if kind in _CONTAINERS:
                return self._containers(kind, members, above)
            if len(members) >= _SHORT:
                if kind.__module__ == "numpy":
                    return self._scalars(kind, members)
                if kind is float:
                    self._numbers += len(members)
                    return self._leaf("f8", members)
                if kind is int:
                    return self._integers(members)
                if kind is bool:
                    return self._leaf("b1", members)
                text = None if kind in _NO_NUMBERS else self._classed(kind, members, above)
                if text is not None:
                    return text
        elif not _CONTAINERS.isdisjoint(kinds) or (
            len(members) >= _SHORT and not _TEXTS.issuperset(kinds) and len(set(map(_PLACES.__getitem__, kinds))) > 1
        ):
            return self._mixed(members, above)
        return self._texts(members)

    def _classed(self, kind: type, members: Sequence[Any], above: tuple[set[int], ...]) -> str | None:
        """Write moments, members of an enum, or instances made of fields; ``None`` if the codec has to."""
        from runlore.values import instances  # numbers and texts do not need it

        if instances.is_moment(kind):
            found = instances.moments(kind, members)
            if found is None:
                return None
            self._numbers += len(members)
            return f'{{"{TAG}":"moments",{found[1]},"v":{self._texts(found[0])}}}'
        if instances.is_enum(kind):
            distinct = list({id(member): member for member in members}.values())
            if len(distinct) > 127:
                return None
            try:
                named = codec.encode(distinct)
            except ValueUnstorable:
                return None
            places = {id(member): place for place, member in enumerate(distinct)}
            self._numbers += len(members)
            stored = self._leaf("i1", list(map(places.__getitem__, map(id, members))))
            return f'{{"{TAG}":"picked","of":{named},"v":{stored}}}'
        if not instances.is_record(kind):
            return None
        below = self._below(members, above)
        head_and_columns = instances.columns_of(kind, members)
        if head_and_columns is None:
            return None
        self._numbers += len(members)
        head, fields = head_and_columns
        columns = ",".join([self._column(column, below) for column in fields])
        return f'{{"{TAG}":"instances",{head},"v":[{columns}]}}'

    def _texts(self, members: Sequence[Any]) -> str:
        """Leave a place, which no JSON looks like, for text that is in vain if there are too few numbers elsewhere."""
        self._pending.append(members)
        return f"\0{len(self._pending) - 1}\0"

    def _filled(self, draft: str) -> str:
        parts = draft.split("\0")
        try:
            parts[1::2] = [codec.encode_with(list(self._pending[int(place)]), _plain_leaf) for place in parts[1::2]]
            return "".join(parts)
        except ValueUnstorable as error:
            raise Declined(str(error)) from error

    def _integers(self, members: Sequence[int]) -> str:
        low, high = min(members), max(members)
        for kind, bound in _INTEGERS:
            if -bound <= low and high < bound:
                self._numbers += len(members)
                return self._leaf(kind, members)
        return self._texts(members)

    def _scalars(self, kind: Any, members: Sequence[Any]) -> str:
        numpy = sys.modules["numpy"]  # somebody made these
        if not issubclass(kind, numpy.generic) or kind not in _scalar_types().values():
            return self._texts(members)
        stored = numpy.array(members, dtype=numpy.dtype(kind).newbyteorder("<"))
        self._numbers += len(members)
        self.leaves.append(stored.tobytes())
        return f'{{"{TAG}":"scalars","t":"{stored.dtype.str}","n":{len(members)}}}'

    def _leaf(self, kind: str, members: Sequence[Any]) -> str:
        numbers = array(_CODES[kind], members)
        if sys.byteorder == "big":
            numbers.byteswap()
        self.leaves.append(numbers.tobytes())
        return f'{{"{TAG}":"numbers","t":"{kind}","n":{len(numbers)}}}'

    def _mixed(self, members: Sequence[Any], above: tuple[set[int], ...]) -> str:
        places = bytes(map(_PLACES.__getitem__, map(type, members)))
        kinds = self._leaf("i1", places)
        columns = []
        for place in sorted(set(places)):
            chosen = list(compress(members, map(place.__eq__, places)))
            columns.append(self._column(chosen, above))
        return f'{{"{TAG}":"mixed","kinds":{kinds},"v":[{",".join(columns)}]}}'

    def _containers(self, kind: type, members: Sequence[Any], above: tuple[set[int], ...]) -> str:
        # no cycle is of tuples alone
        below = self._below(() if kind is tuple else members, above)
        return self._dicts(members, below) if kind is dict else self._rows(kind, members, below)

    def _below(self, members: Sequence[Any], above: tuple[set[int], ...]) -> tuple[set[int], ...]:
        if len(above) >= _MAX_LEVELS:
            raise Declined(f"The value nests deeper than {_MAX_LEVELS} levels.")
        holders = set(map(id, members))
        if holders and not self._acyclic and not all(map(holders.isdisjoint, above)):
            _refuse_cycle(self._value)
            self._acyclic = True
        return *above, holders

    def _rows(self, kind: type, members: Sequence[Any], above: tuple[set[int], ...]) -> str:
        lengths = list(map(len, members))
        flat = list(chain.from_iterable(members))
        if _is_narrow(lengths) and len(set(map(type, flat))) > 1:
            columns = ",".join([self._column(column, above) for column in zip(*members, strict=True)])
            return f'{{"{TAG}":"table","of":"{kind.__name__}","v":[{columns}]}}'
        return f'{{"{TAG}":"rows","of":"{kind.__name__}",{self._sizes(lengths)},"v":{self._column(flat, above)}}}'

    def _dicts(self, members: Sequence[dict[Any, Any]], above: tuple[set[int], ...]) -> str:
        lengths = list(map(len, members))
        keys = list(chain.from_iterable(members))
        if _is_narrow(lengths) and len(members) > 1 and _STRINGS.issuperset(map(type, keys)):
            names = keys[: lengths[0]]
            if keys == names * len(members):
                rows = zip(*map(dict.values, members), strict=True)
                columns = ",".join([self._column(column, above) for column in rows])
                return f'{{"{TAG}":"records","k":{self._texts(names)},"v":[{columns}]}}'
        sizes = self._sizes(lengths)
        keys_text = self._column(keys, above)
        values = self._column(list(chain.from_iterable(map(dict.values, members))), above)
        return f'{{"{TAG}":"dicts",{sizes},"k":{keys_text},"v":{values}}}'

    def _sizes(self, lengths: list[int]) -> str:
        if lengths[0] and lengths.count(lengths[0]) == len(lengths):
            return f'"each":{lengths[0]}'
        return f'"lengths":{self._leaf("i8", lengths)}'


def _plain_leaf(value: Any, depth: int, write: Encode) -> str:
    """Write what no class of a project has a part in: few of these in text would hide the many numbers in them."""
    from runlore.values import scalars, standard  # only values that are not built in need them

    text = standard.encode_standard(value, depth, write)
    if text is None:
        text = scalars.encode_scalar(value, depth, write)
    if text is None:
        raise Refused(value, "is not a plain value")
    return text


@cache
def _scalar_types() -> dict[str, Any]:
    """numpy's classes of numbers and truth values, by the dtype in little endian order that gives each back."""
    dtypes = map(_numpy().dtype, "?bBhHiIlLefdFD")
    return {dtype.newbyteorder("<").str: dtype.type for dtype in dtypes}


def _numpy() -> ModuleType:
    try:
        import numpy
    except ImportError as error:
        raise MissingExtra(
            "This value holds numpy's numbers, and numpy is not installed: pip install numpy."
        ) from error
    return numpy


def _is_narrow(lengths: list[int]) -> bool:
    """Whether all rows are equally long, none is empty, and there are at least as many as each has members."""
    return 0 < lengths[0] <= len(lengths) and lengths.count(lengths[0]) == len(lengths)


def _refuse_cycle(value: Any) -> None:
    """Raise `Declined` if the value contains itself; the codec says where."""
    inside: set[int] = set()
    done: set[int] = set()
    waiting: list[tuple[Any, bool]] = [(value, False)]
    while waiting:
        holder, left = waiting.pop()
        if left:
            inside.remove(id(holder))
            done.add(id(holder))
        elif id(holder) in inside:
            raise Declined("The value contains itself.")
        elif id(holder) not in done:
            inside.add(id(holder))
            waiting.append((holder, True))
            waiting.extend((member, False) for member in _members(holder) if _is_holder(member))


def _is_holder(value: Any) -> bool:
    from runlore.values import instances  # as in `_classed`

    return type(value) in _CONTAINERS or instances.is_record(type(value))


def _members(holder: Any) -> Iterable[Any]:
    from runlore.values import instances  # as in `_classed`

    if type(holder) is dict:
        return chain(holder, holder.values())
    return holder if type(holder) in _CONTAINERS else instances.fields_of(holder)


# --- reading ------------------------------------------------------------------------------------------------------


class _Unpacker:
    """Reads columns. Leaves are taken one after the other, so none can be named twice or left over."""

    def __init__(self, area: memoryview) -> None:
        self._area = area
        self._at = 0

    def value(self, text: str) -> Any:
        """Return the value whose text this is; raises `ValueUnloadable`."""
        found = codec.decode(text, more={"numbers": self._numbers, "scalars": self._scalars, **_DECODERS})
        if type(found) is not list or len(found) != 1 or self._at != len(self._area):
            raise ValueUnloadable("The payload is not a collection in columns: its text and its numbers do not fit.")
        return found[0]

    def _take(self, count: Any, width: int) -> memoryview:
        if type(count) is not int or not 0 <= count * width <= len(self._area) - self._at:
            raise ValueError("numbers lie outside of the payload")
        start, self._at = self._at, self._at + count * width
        return self._area[start : self._at]

    def _numbers(self, found: dict[str, Any]) -> list[Any]:
        numbers = array(_CODES[found["t"]])
        numbers.frombytes(self._take(found["n"], numbers.itemsize))
        if sys.byteorder == "big":
            numbers.byteswap()
        if found["t"] != "b1":
            return numbers.tolist()
        if not {0, 1}.issuperset(numbers):
            raise ValueError("a truth value is neither 0 nor 1")
        return list(map(bool, numbers))

    def _scalars(self, found: dict[str, Any]) -> list[Any]:
        kind = _scalar_types()[found["t"]]
        dtype = _numpy().dtype(found["t"])
        stored = self._take(found["n"], dtype.itemsize)
        return list(_numpy().frombuffer(stored, dtype=dtype).astype(kind)) if stored else []


def _read_mixed(found: dict[str, Any]) -> list[Any]:
    kinds, columns = _column(found["kinds"]), list(map(_column, _column(found["v"])))
    distinct = sorted(set(kinds))
    if len(distinct) > len(_KINDS) or [kinds.count(kind) for kind in distinct] != list(map(len, columns)):
        raise ValueError("the kinds of a mixed column do not fit")
    parts = dict(zip(distinct, map(iter, columns), strict=True))
    return list(map(next, map(parts.__getitem__, kinds)))


def _read_rows(found: dict[str, Any]) -> list[Any]:
    kind = _SEQUENCES[found["of"]]
    return list(map(kind, _cut(found, _column(found["v"]))))


def _read_table(found: dict[str, Any]) -> list[Any]:
    columns = list(map(_column, _column(found["v"])))
    rows = list(zip(*columns, strict=True))
    return rows if _SEQUENCES[found["of"]] is tuple else list(map(list, rows))


def _read_records(found: dict[str, Any]) -> list[Any]:
    names, columns = _column(found["k"]), list(map(_column, _column(found["v"])))
    if len(names) != len(columns) or not _STRINGS.issuperset(map(type, names)) or len(set(names)) != len(names):
        raise ValueError("the keys of records do not fit")
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _read_dicts(found: dict[str, Any]) -> list[Any]:
    keys, values = _column(found["k"]), _column(found["v"])
    pairs = list(zip(keys, values, strict=True))
    dicts = list(map(dict, _cut(found, pairs)))
    if sum(map(len, dicts)) != len(pairs):
        raise ValueError("a key occurs twice")
    return dicts


def _cut(found: dict[str, Any], members: list[Any]) -> list[list[Any]]:
    if "each" in found:
        each = found["each"]
        if type(each) is not int or each < 1 or len(members) % each:
            raise ValueError("the length of rows does not fit")
        if each == len(members):
            return [members]
        return [members[start : start + each] for start in range(0, len(members), each)]
    lengths = _column(found["lengths"])
    if any(type(length) is not int or length < 0 for length in lengths) or sum(lengths) != len(members):
        raise ValueError("the lengths of rows do not fit")
    return [members[start:end] for start, end in pairwise(accumulate(lengths, initial=0))]


def _column(found: Any) -> list[Any]:
    if type(found) is not list:
        raise ValueError("a column is not an array")
    return found


def _read_moments(found: dict[str, Any]) -> list[Any]:
    from runlore.values import instances  # as in `_Packer._classed`

    return instances.read_moments(found)


def _read_picked(found: dict[str, Any]) -> list[Any]:
    distinct, places = _column(found["of"]), _column(found["v"])
    if any(type(place) is not int or not 0 <= place < len(distinct) for place in places):
        raise ValueError("the places of a picked column do not fit")
    return list(map(distinct.__getitem__, places))


def _read_instances(found: dict[str, Any]) -> list[Any]:
    from runlore.values import instances  # as in `_Packer._classed`

    return instances.read_instances(found)


#: Readers of what is made of other columns.
_DECODERS: dict[str, Callable[[dict[str, Any]], list[Any]]] = {
    "moments": _read_moments,
    "picked": _read_picked,
    "instances": _read_instances,
    "mixed": _read_mixed,
    "rows": _read_rows,
    "table": _read_table,
    "records": _read_records,
    "dicts": _read_dicts,
}
_BUILTIN = BuiltinMaterializer()
