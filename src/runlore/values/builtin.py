"""The materializer of built-in and typed values: its payload is the codec's text in UTF-8."""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from runlore.errors import ValueUnloadable, ValueUnstorable
from runlore.values import codec
from runlore.values.materializer import ArtifactType, Declined, Materializer, Picture, Reader, Writer

_NUMBERS = frozenset((int, float, bool))
_SIZED = (str, bytes, bytearray, memoryview, list, tuple, set, frozenset, dict, deque, array)
_SHOWN_CHARACTERS = 1_000
_PICTURED_CHARACTERS = 100_000


class BuiltinMaterializer(Materializer):
    """Stores whatever the typed codec carries."""

    name = "json"
    artifact_type = ArtifactType.DATA

    def takes(self, value: Any) -> bool:
        return codec.is_codable(value)

    def may_take(self, value: Any) -> bool:
        return True

    def save(self, value: Any, writer: Writer) -> None:
        try:
            text = codec.encode(value)
        except ValueUnstorable as error:
            raise Declined(str(error)) from error
        writer.write(text.encode())

    def load(self, reader: Reader) -> Any:
        try:
            text = reader.read().decode()
        except UnicodeDecodeError as error:
            raise ValueUnloadable(f"The payload is not text: {error}.") from error
        return codec.decode(text)

    def naming(self, reader: Reader) -> bytes:
        return reader.read()

    def metadata(self, value: Any) -> Mapping[str, Any]:
        """Numbers and booleans are shown as ``string_representation``, sized things by ``length``, dataclasses and
        models by ``fields``."""
        if type(value) in _NUMBERS:  # what steps return most
            return {"string_representation": _shown(value)}
        if isinstance(value, _SIZED):
            return {"length": len(value)}
        if hasattr(type(value), "__dataclass_fields__"):
            import dataclasses  # whoever has one has imported it; who reads numbers and texts has not

            return {"fields": [field.name for field in dataclasses.fields(value)]}
        fields = getattr(type(value), "model_fields", None)
        if isinstance(fields, dict):
            return {"fields": list(fields)}
        return {"string_representation": _shown(value)} if value is not None else {}

    def pictures(self, value: Any) -> Sequence[Picture]:
        """The codec's text as JSON, unless it is too long to look at."""
        text = codec.encode(value)
        if len(text) > _PICTURED_CHARACTERS:
            return ()
        return (Picture(kind="json", data=text.encode(), name="value"),)


def _shown(value: Any) -> str:
    try:
        text = str(value)
    except Exception:  # an integer too long to print, or somebody else's __str__
        text = f"a {type(value).__qualname__} that cannot be printed"
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"
