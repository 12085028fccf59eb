"""Long ``bytes``, ``bytearray`` and ``memoryview``: the payload is the bytes themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from runlore.errors import ValueUnloadable
from runlore.values.materializer import Declined, Materializer, Picture, Reader, Writer
from runlore.values.outline import bytes_beginning

# Up to this many bytes a payload is read and then copied; above it the file is read into its place.
_DIRECT_FROM = 1 << 20


class BytesMaterializer(Materializer):
    """Stores ``bytes``."""

    name = "bytes"

    def takes(self, value: Any) -> bool:
        return type(value) is bytes

    def save(self, value: Any, writer: Writer) -> None:
        if not self.takes(value):
            raise Declined(f"A {type(value).__qualname__} is not stored by {self.name!r}.")
        writer.write(value)

    def load(self, reader: Reader) -> Any:
        return reader.read()

    def metadata(self, value: Any) -> Mapping[str, Any]:
        """``length`` in bytes."""
        return {"length": memoryview(value).nbytes}

    def pictures(self, value: Any) -> Sequence[Picture]:
        """The first 1,024 bytes, hexadecimal and as ASCII."""
        return (Picture(kind="markdown", data=bytes_beginning(memoryview(value).cast("B")), name="beginning"),)


class BytearrayMaterializer(BytesMaterializer):
    """Stores ``bytearray``."""

    name = "bytearray"

    def takes(self, value: Any) -> bool:
        return type(value) is bytearray

    def load(self, reader: Reader) -> Any:
        return _writable(reader)


class ViewMaterializer(BytesMaterializer):
    """Stores a read-only ``memoryview`` of a row of bytes; one of numbers or of several dimensions is the codec's."""

    name = "memoryview"
    readonly = True

    def takes(self, value: Any) -> bool:
        try:
            plain = type(value) is memoryview and value.format == "B" and value.ndim == 1 and value.c_contiguous
            return plain and value.readonly is self.readonly
        except ValueError:  # released
            return False

    def load(self, reader: Reader) -> Any:
        return memoryview(reader.read())


class WritableViewMaterializer(ViewMaterializer):
    """Stores a ``memoryview`` that can be written to; a fresh piece of memory comes back."""

    name = "memoryview-writable"
    readonly = False

    def load(self, reader: Reader) -> Any:
        return memoryview(_writable(reader))


def _writable(reader: Reader) -> bytearray:
    if reader.size <= _DIRECT_FROM:
        return bytearray(reader.read())
    found = bytearray(reader.size)
    with reader.path().open("rb", buffering=0) as file:
        view, done = memoryview(found), 0
        while done < reader.size:
            count = file.readinto(view[done:])
            if not count:
                raise ValueUnloadable(f"The file ends after {done} of {reader.size} bytes.")
            done += count
    return found
