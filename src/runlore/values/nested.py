"""Containers with arrays, frames and the like inside: one payload of typed text followed by the leaves.

The format is `docs/design/codec.md`, "Arrays and frames inside containers".
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any

from runlore.errors import MissingExtra, ValueUnloadable, ValueUnstorable
from runlore.model.digest import digest_of
from runlore.values import codec, pickled
from runlore.values.builtin import BuiltinMaterializer
from runlore.values.codec import Decode
from runlore.values.leaves import ALIGNED, FindLeaf, Leaves, OpaqueLeaves
from runlore.values.materializer import Declined, Materializer, Picture, Reader, Writer
from runlore.values.payload import InlineReader, InlineTreeReader

_FORMAT = b"runlore-nested-1"
_PICKLED_FORMAT = b"runlore-nested-pickled-1"
# Up to this many bytes a payload is read into memory, above it is mapped.
_MAP_FROM = 1 << 20
# Smaller arrays are copied out of the payload.
_COPIED_BELOW = 64 * 1024
_GATHERED = 1 << 20
# No string in the text looks like this, since its quotes are escaped.
_COLUMNS = re.compile(rb'\{"~":"leaf","m":"columns","at":(\d+),"size":(\d+)\}')
#: Finds a materializer by its name in the record.
FindName = Callable[[str], Materializer]


class NestedMaterializer(Materializer):
    """Stores what the typed codec would carry but for leaves that have bytes of their own."""

    name = "nested"

    def __init__(self, columns: Materializer, find_leaf: FindLeaf, find_name: FindName) -> None:
        self._columns = columns
        self._find_leaf = find_leaf
        self._find_name = find_name

    def takes(self, value: Any) -> bool:
        try:
            self._written(value, Leaves(self._find_leaf, self._columns))
        except Declined:
            return False
        return True

    def may_take(self, value: Any) -> bool:
        return True

    def save(self, value: Any, writer: Writer) -> None:
        leaves = Leaves(self._find_leaf, self._columns)
        text = self._written(value, leaves)
        _write(writer, b"%b %d\n" % (_FORMAT, len(text)), text, leaves.parts)

    @staticmethod
    def _written(value: Any, leaves: Leaves) -> bytes:
        try:
            return codec.encode_with(value, leaves.write, member=leaves.write_columns).encode()
        except ValueUnstorable as error:
            raise Declined(str(error)) from error

    def naming(self, reader: Reader) -> bytes:
        text, area, _ = _parts_of(_buffer_of(reader), _FORMAT)
        return text + self._named_in_columns(text, area)

    def _named_in_columns(self, text: bytes, area: memoryview) -> bytes:
        found = [_cut(area, int(place), int(size)) for place, size in _COLUMNS.findall(text)]
        return b"".join(self._columns.naming(InlineReader(data, digest_of(data))) for data in found)

    def load(self, reader: Reader) -> Any:
        text, area, _ = _parts_of(_buffer_of(reader), _FORMAT)
        return self._read(text, area, {})

    def _read(self, text: bytes, area: memoryview, more: Mapping[str, Decode]) -> Any:
        try:
            decoded = text.decode()
        except ValueError as error:
            raise _unlike(error) from error
        return codec.decode(
            decoded,
            more={
                "array": lambda found: _read_array(found, area),
                "objects": _read_objects,
                "leaf": lambda found: self._read_leaf(found, area),
                **more,
            },
        )

    def _read_leaf(self, found: dict[str, Any], area: memoryview) -> Any:
        materializer = self._find_name(found["m"])
        if materializer.runs_code:  # what runs code lies in the one pickle of `nested-pickled`, or nowhere
            raise ValueUnloadable(f"A leaf is stored by {found['m']!r}, which can run code that comes with the bytes.")
        return materializer.load(_leaf_reader(found, area))

    def metadata(self, value: Any) -> Mapping[str, Any]:
        """As of other built-in values; of an array of objects ``shape``, ``dtype`` and what is known of its texts."""
        if self._is_array(value):
            from runlore.values.numpy import words  # numpy is there, or nobody could hold an array

            return {"shape": list(value.shape), "dtype": "object", **words(value)}
        return _BUILTIN.metadata(value)

    def pictures(self, value: Any) -> Sequence[Picture]:
        """What lies where, as JSON; arrays and the like by class, shape and dtype."""
        from runlore.values.outline import outline  # for who looks

        return (Picture(kind="json", data=outline(value), name="outline"),)

    @staticmethod
    def _is_array(value: Any) -> bool:
        return type(value) is getattr(sys.modules.get("numpy"), "ndarray", None)


class NestedPickledMaterializer(NestedMaterializer):
    """Stores such containers where some leaves can only be pickled: these lie together in one pickle behind the rest.

    The payload is signed as a whole, like any other that can run code, and what reads it has checked that.
    """

    name = "nested-pickled"
    runs_code = True

    def takes(self, value: Any) -> bool:
        leaves = OpaqueLeaves(self._find_leaf, self._columns)
        try:
            self._written(value, leaves)
        except Declined:
            return False
        return bool(leaves.objects)

    def save(self, value: Any, writer: Writer) -> None:
        leaves = OpaqueLeaves(self._find_leaf, self._columns)
        text = self._written(value, leaves)
        if not leaves.objects:
            raise Declined("Nothing in the value needs a pickle.")
        try:
            data = pickled.dumps(leaves.objects)
        except ValueUnstorable as error:
            raise Declined(str(error)) from error
        place = leaves.keep(memoryview(data))
        _write(writer, b"%b %d %d %d\n" % (_PICKLED_FORMAT, len(text), place, len(data)), text, leaves.parts)

    def naming(self, reader: Reader) -> bytes:
        text, area, (place, size) = _parts_of(_buffer_of(reader), _PICKLED_FORMAT, 2)
        return text + self._named_in_columns(text, area) + bytes(area[place : place + size])

    def load(self, reader: Reader) -> Any:
        text, area, (place, size) = _parts_of(_buffer_of(reader), _PICKLED_FORMAT, 2)
        try:
            data = _cut(area, place, size)
        except ValueError as error:
            raise _unlike(error) from error
        objects = dict(enumerate(pickled.loads(data, mac=None, key=b"", trust=True)))
        return self._read(text, area, {"pickled": lambda found: objects[found["n"]]})

    #: None: no pickle is loaded to be looked at.
    pictures = Materializer.pictures

    def metadata(self, value: Any) -> Mapping[str, Any]:
        """As of other containers, and that a pickle is in it."""
        return {**super().metadata(value), "pickle": True}


def _write(writer: Writer, head: bytes, text: bytes, parts: list[memoryview]) -> None:
    gathered = bytearray(head)
    gathered += text
    gathered += bytes(-len(gathered) % ALIGNED)
    for part in parts:
        if len(part) < _GATHERED:
            gathered += part
        else:
            writer.write(gathered)
            gathered = bytearray()
            writer.write(part)
        gathered += bytes(-len(part) % ALIGNED)
        if len(gathered) >= _GATHERED:
            writer.write(gathered)
            gathered = bytearray()
    if gathered:
        writer.write(gathered)


def _parts_of(buffer: memoryview, form: bytes, more: int = 0) -> tuple[bytes, memoryview, list[int]]:
    """The text of a payload, what lies behind it, and ``more`` numbers of its first line."""
    head, _, _ = bytes(buffer[:128]).partition(b"\n")
    try:
        found, length, *rest = head.split(b" ")
        if found != form:
            raise ValueError(f"it begins with {found!r}")
        numbers = list(map(int, rest))
        if len(numbers) != more:
            raise ValueError("its first line has another length")
        start = len(head) + 1
        end = start + int(length)
    except ValueError as error:
        raise _unlike(error) from error
    return bytes(buffer[start:end]), buffer[end + -end % ALIGNED :], numbers


def _unlike(error: ValueError) -> ValueUnloadable:
    return ValueUnloadable(f"The payload is not a nested value: {error}.")


def _buffer_of(reader: Reader) -> memoryview:
    if reader.size <= _MAP_FROM:
        return memoryview(bytearray(reader.read()))
    # private copy on write: changing an array changes neither the file nor what others load
    return memoryview(_numpy().memmap(reader.path(), dtype="u1", mode="c"))


def _read_array(found: dict[str, Any], area: memoryview) -> Any:
    numpy = _numpy()
    dtype, shape = numpy.lib.format.descr_to_dtype(found["t"]), found["shape"]
    size = math.prod(shape) * dtype.itemsize
    if dtype.hasobject or size > len(area) - found["at"]:
        raise ValueError("an array lies outside of the payload")
    array = numpy.ndarray(shape, dtype, area if size else None, found["at"] if size else 0, order=found.get("order"))
    return array.copy(order="K") if size < _COPIED_BELOW else array


def _leaf_reader(found: dict[str, Any], area: memoryview) -> Reader:
    if "files" in found:
        return InlineTreeReader({name: _cut(area, place, size) for name, place, size in found["files"]})
    data = _cut(area, found["at"], found["size"])
    return InlineReader(data, digest_of(data))


def _cut(area: memoryview, place: int, size: int) -> bytes:
    data = bytes(area[place : place + size])
    if len(data) != size or place < 0:
        raise ValueError("a leaf lies outside of the payload")
    return data


def _read_objects(found: dict[str, Any]) -> Any:
    numpy = _numpy()
    array = numpy.empty(math.prod(found["shape"]), dtype=object)
    for place, item in enumerate(found["v"]):  # not at once: numpy would look into sequences
        array[place] = item
    return numpy.asarray(array.reshape(found["shape"]), order=found.get("order"))


def _numpy() -> ModuleType:
    try:
        import numpy
    except ImportError as error:
        raise MissingExtra("This value holds arrays, and numpy is not installed: pip install numpy.") from error
    return numpy


_BUILTIN = BuiltinMaterializer()
