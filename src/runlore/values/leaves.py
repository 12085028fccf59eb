"""Leaves: what has bytes of its own inside a container, collected while the container's text is written."""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from runlore.errors import ValueUnstorable
from runlore.values import codec
from runlore.values.columns import is_small
from runlore.values.materializer import Declined, Materializer
from runlore.values.payload import InlineWriter
from runlore.values.text import TAG, Encode, Refused, quote

#: Each leaf begins at a multiple of so many bytes.
ALIGNED = 64
_PLAIN_KINDS = "biufcmMSU"
# With more objects that need one, a pickle of the whole is as good, and faster.
_MOST_OBJECTS = 1_000

#: Finds the materializer of a value that may be a leaf: one that is registered for its class and runs no code.
FindLeaf = Callable[[Any], Materializer | None]


class Leaves:
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
            # numpy is there, or nobody could hold an array
            from runlore.values.numpy import is_exact, without_padding

            if kind in _PLAIN_KINDS and value.dtype.metadata is None:
                return self._array(without_padding(value), quote(value.dtype.str))
            if is_exact(value.dtype):
                return self._array(value, codec.encode(self._numpy.lib.format.dtype_to_descr(value.dtype)))
        found = self._find_leaf(value)
        if found is None or not found.may_take(value):
            return None
        return self._stored(value, found)

    def write_columns(self, value: Any) -> str | None:
        """Write the place of a dict of tensors, or of a collection of many numbers, and keep its bytes.

        Return ``None`` for any other.
        """
        if type(value) is dict or type(value) is OrderedDict:
            found = self._find_leaf(value)
            if found is not None:
                return self._stored(value, found)
        if type(value) is OrderedDict or is_small(value):
            return None
        payload = InlineWriter()
        try:
            self._columns.save(value, payload)
        except Declined:
            return None
        return self._keep_payload(self._columns, payload)

    def keep(self, data: memoryview) -> int:
        """Keep the bytes of a leaf; return where they lie."""
        place = self._at
        self.parts.append(data)
        self._at += len(data) + -len(data) % ALIGNED
        return place

    def _array(self, value: Any, dtype: str) -> str:
        fortran = value.flags.f_contiguous and not value.flags.c_contiguous
        if not (fortran or value.flags.c_contiguous):
            value = value.copy(order="C")
        flat = value.ravel(order="F" if fortran else "C")
        place = self.keep(flat.view("u1").data if flat.nbytes else memoryview(b""))
        shape = ",".join(map(str, value.shape))
        order = ',"order":"F"' if fortran else ""
        return f'{{"{TAG}":"array","t":{dtype},"shape":[{shape}],"at":{place}{order}}}'

    def _stored(self, value: Any, found: Materializer) -> str | None:
        payload = InlineWriter()
        try:
            found.save(value, payload)
        except Declined:
            return None
        except ValueUnstorable as error:
            raise Refused(value, f"has no exact form here: {error}".removesuffix(".")) from error
        return self._keep_payload(found, payload)

    def _keep_payload(self, materializer: Materializer, payload: InlineWriter) -> str:
        name = quote(materializer.name)
        if not payload.is_tree:
            place = self.keep(memoryview(payload.data))
            return f'{{"{TAG}":"leaf","m":{name},"at":{place},"size":{len(payload.data)}}}'
        files = []
        for file in sorted(payload.files):
            data = payload.files[file].content
            files.append(f"[{quote(file)},{self.keep(memoryview(data))},{len(data)}]")
        return f'{{"{TAG}":"leaf","m":{name},"files":[{",".join(files)}]}}'


class OpaqueLeaves(Leaves):
    """Also collects, for one pickle, what nothing safer can store, so that whatever these share stays shared."""

    def __init__(self, find_leaf: FindLeaf, columns: Materializer) -> None:
        super().__init__(find_leaf, columns)
        self._opaque: set[type] = set()
        #: What is to be pickled, in the order in which the text names it.
        self.objects: list[Any] = []

    def write(self, value: Any, depth: int, write: Encode) -> str | None:
        if type(value) in self._opaque:
            return self._pickled(value)
        from runlore.values import objects  # as in the codec

        before = len(self.parts), len(self.objects), self._at
        try:
            text = super().write(value, depth, write)
            return objects.encode_object(value, depth, write) if text is None else text
        except Refused as problem:
            if problem.value is not value or depth == 0:  # a pickle of the whole is simpler
                raise
            parts, pickled, self._at = before  # its members may have been written
            del self.parts[parts:], self.objects[pickled:]
            if self._find_leaf(value) is None and not objects.is_structured(type(value)):
                self._opaque.add(type(value))
            return self._pickled(value)

    def _pickled(self, value: Any) -> str:
        if len(self.objects) == _MOST_OBJECTS:
            raise Refused(value, f"is one of more than {_MOST_OBJECTS} that only a pickle holds")
        self.objects.append(value)
        return f'{{"{TAG}":"pickled","n":{len(self.objects) - 1}}}'


def _objects(value: Any, depth: int, write: Encode) -> str:
    shape = ",".join(map(str, value.shape))
    order = ',"order":"F"' if value.flags.f_contiguous and not value.flags.c_contiguous else ""
    return f'{{"{TAG}":"objects","shape":[{shape}],"v":{write(value.ravel(order="C").tolist(), depth + 1)}{order}}}'
