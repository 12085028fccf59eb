"""Long texts, and texts of a kind: the payload is the text itself in UTF-8, a file that any program reads."""

from __future__ import annotations

import mmap
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from runlore.errors import ValueUnloadable
from runlore.types import CSVString, HTMLString, JSONString, MarkdownString
from runlore.values.materializer import ArtifactType, Declined, Materializer, Picture, Reader, Writer
from runlore.values.outline import text_beginning

# Characters that are turned into bytes at a time, so that a long text is never there twice.
_CHUNK = 1 << 20
# Up to this many bytes a payload is read, above it is decoded from the mapped file.
_MAP_FROM = 1 << 20


class TextMaterializer(Materializer):
    """Stores long plain text. Lone surrogates have no UTF-8; such a text is the codec's."""

    name = "text"
    kind: ClassVar[type[str]] = str

    def takes(self, value: Any) -> bool:
        return type(value) is self.kind and _is_text(value)

    def may_take(self, value: Any) -> bool:
        return type(value) is self.kind

    def save(self, value: Any, writer: Writer) -> None:
        if not self.takes(value):
            raise Declined("The text holds half a character (a lone surrogate), which UTF-8 does not have.")
        for start in range(0, len(value), _CHUNK):
            writer.write(value[start : start + _CHUNK].encode())

    def load(self, reader: Reader) -> Any:
        try:
            text = _decoded(reader)
        except UnicodeDecodeError as error:
            raise ValueUnloadable(f"The payload is not text: {error}.") from error
        return text if self.kind is str else self.kind(text)

    def metadata(self, value: Any) -> Mapping[str, Any]:
        """``length`` in characters."""
        return {"length": len(value)}

    def pictures(self, value: Any) -> Sequence[Picture]:
        """The first 10,000 characters."""
        return (Picture(kind="markdown", data=text_beginning(value), name="beginning"),)


class _KindMaterializer(TextMaterializer):
    """Stores a text of one class of `runlore.types`."""

    artifact_type = ArtifactType.ANALYSIS
    #: Kind of the picture, which is the text itself.
    picture: ClassVar[str]

    def metadata(self, value: Any) -> Mapping[str, Any]:
        """``length`` in characters and ``lines``."""
        return {"length": len(value), "lines": value.count("\n") + (not value.endswith("\n") and value != "")}

    def pictures(self, value: Any) -> Sequence[Picture]:
        """The text itself."""
        return (Picture(kind=self.picture, data=value.encode(), name=self.picture),)


class HTMLMaterializer(_KindMaterializer):
    """Stores an `HTMLString` as an ``.html`` file."""

    name = "html"
    picture = "html"
    kind = HTMLString


class MarkdownMaterializer(_KindMaterializer):
    """Stores a `MarkdownString` as an ``.md`` file."""

    name = "markdown"
    picture = "markdown"
    kind = MarkdownString


class CSVMaterializer(_KindMaterializer):
    """Stores a `CSVString` as a ``.csv`` file."""

    name = "csv"
    picture = "csv"
    kind = CSVString


class JSONStringMaterializer(_KindMaterializer):
    """Stores a `JSONString` as a ``.json`` file."""

    name = "json-string"
    picture = "json"
    kind = JSONString


def _is_text(value: str) -> bool:
    if value.isascii():
        return True
    try:
        for start in range(0, len(value), _CHUNK):
            value[start : start + _CHUNK].encode()
    except UnicodeEncodeError:
        return False
    return True


def _decoded(reader: Reader) -> str:
    if reader.size <= _MAP_FROM:
        return reader.read().decode()
    with reader.path().open("rb") as file:
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            return str(mapped, "utf-8")
