"""Containers with arrays, frames and the like inside: one payload of typed text followed by the leaves.

The format is `docs/design/codec.md`, "Arrays and frames inside containers".
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, BinaryIO

from runlore.errors import MissingExtra, ValueUnloadable, ValueUnstorable
from runlore.model.digest import digest_of
from runlore.values import codec
from runlore.values.builtin import BuiltinMaterializer
from runlore.values.columns import is_small
from runlore.values.materializer import Declined, Materializer, Reader, Writer
from runlore.values.payload import InlineReader
from runlore.values.text import TAG, Encode, Refused, quote

_FORMAT = b"runlore-nested-1"
_ALIGNED = 64
# Up to this many bytes a payload is read into memory, above it is mapped.
_MAP_FROM = 1 << 20
# Smaller arrays are copied out of the payload.
_COPIED_BELOW = 64 * 1024
_GATHERED = 1 << 20
_PLAIN_KINDS = "biufcmMSU"

#: Finds the materializer of a value that may be a leaf: one that is registered for its class and runs no code.
FindLeaf = Callable[[Any], Materializer | None]
#: Finds a materializer by its name in the record.
FindName = Callable[[str], Materializer]


class NestedMaterializer(Materializer):
    """Stores what the typed codec would carry but for leaves that have bytes of their own."""

    name = "nested"

    def takes(self, value: Any) -> bool:
        leaves = _Leaves(self._find_leaf, self._columns)
        try:
            codec.encode_with(value, leaves.write, member=leaves.write_columns)
        except ValueUnstorable:
            return False
        return True

    def may_take(self, value: Any) -> bool:
        return True

    def __init__(self, columns: Materializer, find_leaf: FindLeaf, find_name: FindName) -> None:
        self._columns = columns
        self._find_leaf = find_leaf
        self._find_name = find_name

    def save(self, value: Any, writer: Writer) -> None:
        leaves = _Leaves(self._find_leaf, self._columns)
        try:
            text = codec.encode_with(value, leaves.write, member=leaves.write_columns).encode()
        except ValueUnstorable as error:
            raise Declined(str(error)) from error
        head = b"%b %d\n" % (_FORMAT, len(text))
        gathered = bytearray(head)
        gathered += text
        gathered += bytes(-len(gathered) % _ALIGNED)
        for part in leaves.parts:
            if len(part) < _GATHERED:
                gathered += part
            else:
                writer.write(gathered)
                gathered = bytearray()
                writer.write(part)
            gathered += bytes(-len(part) % _ALIGNED)
            if len(gathered) >= _GATHERED:
                writer.write(gathered)
                gathered = bytearray()
        if gathered:
            writer.write(gathered)

    def naming(self, reader: Reader) -> bytes:
        return _parts_of(_buffer_of(reader))[0]

    def load(self, reader: Reader) -> Any:
        text, area = _parts_of(_buffer_of(reader))
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
            },
        )

    def _read_leaf(self, found: dict[str, Any], area: memoryview) -> Any:
        materializer = self._find_name(found["m"])
        if materializer.runs_code:  # such a payload is signed as a whole, and lies in no other
            raise ValueUnloadable(f"A leaf is stored by {found['m']!r}, which can run code that comes with the bytes.")
        return materializer.load(_leaf_reader(found, area))

    def metadata(self, value: Any) -> Mapping[str, Any]:
        """As of other built-in values; of an array of objects ``shape``, ``dtype`` and what is known of its texts."""
        if self._is_array(value):
            from runlore.values.numpy import words  # numpy is there, or nobody could hold an array

            return {"shape": list(value.shape), "dtype": "object", **words(value)}
        return _BUILTIN.metadata(value)

    @staticmethod
    def _is_array(value: Any) -> bool:
        return type(value) is getattr(sys.modules.get("numpy"), "ndarray", None)


class _Leaves:
    """Collects, in the order in which the text names them, the bytes that lie beside it."""

    def __init__(self, find_leaf: FindLeaf, columns: Materializer) -> None:
        self._columns = columns
        self._find_leaf = find_leaf
        self._numpy = sys.modules.get("numpy")
        self._at = 0
        self.parts: list[memoryview] = []

    def write(self, value: Any, depth: int, write: Encode) -> str | None:
        """Write a leaf's place, and keep its bytes; return ``None`` for what is none."""
        if self._numpy is not None and type(value) is self._numpy.ndarray:
            kind = value.dtype.kind
            if kind == "O":
                return _objects(value, depth, write)
            if kind in _PLAIN_KINDS and value.dtype.metadata is None:
                return self._array(value, quote(value.dtype.str))
            from runlore.values.numpy import is_exact  # numpy is there, or nobody could hold an array

            if is_exact(value.dtype):
                return self._array(value, codec.encode(self._numpy.lib.format.dtype_to_descr(value.dtype)))
        found = self._find_leaf(value)
        if found is None or not found.takes(value):
            return None
        return self._stored(value, found)

    def write_columns(self, value: Any) -> str | None:
        """Write the place of a collection of many numbers, and keep its columns; return ``None`` for any other."""
        if is_small(value):
            return None
        payload = _Payload()
        try:
            self._columns.save(value, payload)
        except Declined:
            return None
        return self._keep_payload(self._columns, payload)

    def _array(self, value: Any, dtype: str) -> str:
        fortran = value.flags.f_contiguous and not value.flags.c_contiguous
        if not (fortran or value.flags.c_contiguous):
            value = value.copy(order="C")
        flat = value.ravel(order="F" if fortran else "C")
        place = self._keep(flat.view("u1").data if flat.nbytes else memoryview(b""))
        shape = ",".join(map(str, value.shape))
        order = ',"order":"F"' if fortran else ""
        return f'{{"{TAG}":"array","t":{dtype},"shape":[{shape}],"at":{place}{order}}}'

    def _stored(self, value: Any, found: Materializer) -> str:
        payload = _Payload()
        try:
            found.save(value, payload)
        except ValueUnstorable as error:
            raise Refused(value, f"has no exact form here: {error}".removesuffix(".")) from error
        return self._keep_payload(found, payload)

    def _keep_payload(self, materializer: Materializer, payload: _Payload) -> str:
        place = self._keep(memoryview(payload.data))
        return f'{{"{TAG}":"leaf","m":{quote(materializer.name)},"at":{place},"size":{len(payload.data)}}}'

    def _keep(self, data: memoryview) -> int:
        place = self._at
        self.parts.append(data)
        self._at += len(data) + -len(data) % _ALIGNED
        return place


class _Payload:
    """The `Writer` of a leaf."""

    def __init__(self) -> None:
        self.data = bytearray()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.data += memoryview(data).cast("B") if memoryview(data).nbytes else b""

    def file(self, name: str) -> BinaryIO:
        raise ValueUnstorable("a value stored as files cannot lie inside a container")


def _objects(value: Any, depth: int, write: Encode) -> str:
    shape = ",".join(map(str, value.shape))
    return f'{{"{TAG}":"objects","shape":[{shape}],"v":{write(value.ravel(order="C").tolist(), depth + 1)}}}'


def _parts_of(buffer: memoryview) -> tuple[bytes, memoryview]:
    """The text of a payload, and what lies behind it."""
    head, _, _ = bytes(buffer[:64]).partition(b"\n")
    try:
        form, length = head.split(b" ")
        if form != _FORMAT:
            raise ValueError(f"it begins with {form!r}")
        start = len(head) + 1
        end = start + int(length)
    except ValueError as error:
        raise _unlike(error) from error
    return bytes(buffer[start:end]), buffer[end + -end % _ALIGNED :]


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
    data = bytes(area[found["at"] : found["at"] + found["size"]])
    if len(data) != found["size"]:
        raise ValueError("a leaf lies outside of the payload")
    return InlineReader(data, digest_of(data))


def _read_objects(found: dict[str, Any]) -> Any:
    numpy = _numpy()
    array = numpy.empty(math.prod(found["shape"]), dtype=object)
    for place, item in enumerate(found["v"]):  # not at once: numpy would look into sequences
        array[place] = item
    return array.reshape(found["shape"])


def _numpy() -> ModuleType:
    try:
        import numpy
    except ImportError as error:
        raise MissingExtra("This value holds arrays, and numpy is not installed: pip install numpy.") from error
    return numpy


_BUILTIN = BuiltinMaterializer()
