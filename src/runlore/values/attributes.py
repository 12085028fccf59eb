"""Attributes of a model that its own format leaves out, as a file beside it that runs no code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runlore.errors import ValueUnloadable, ValueUnstorable
from runlore.model.digest import digest_of
from runlore.values.materializer import Declined, Reader, Writer
from runlore.values.payload import InlineReader, InlineWriter
from runlore.values.registry import by_name

#: Name of the file; its format is that of `nested` (`docs/design/codec.md`).
ATTRIBUTES = "attributes"


class Attributes:
    """What is kept of a model beside its own file: the name of its class, and attributes by name."""

    def __init__(self, cls: type, attributes: Mapping[str, Any]) -> None:
        """Raise `Declined` if an attribute is a function or has no exact form without pickle."""
        for name, value in attributes.items():
            if _holds_code(value):
                raise Declined(
                    f"The {name} of a {cls.__qualname__} is or holds a function, which is no data. Name it by a text."
                )
        buffer = InlineWriter()
        try:
            by_name("nested").save({"class": cls.__name__, "attributes": dict(attributes)}, buffer)
        except ValueUnstorable as error:
            raise Declined(str(error)) from error
        self._data = buffer.data

    def write(self, writer: Writer) -> None:
        """Write the file."""
        with writer.file(ATTRIBUTES) as file:
            file.write(self._data)


def read_attributes(reader: Reader, module: Any, base: type) -> tuple[Any, dict[str, Any]]:
    """Return the class, looked up among what the library ``module`` offers, and the attributes.

    Raises:
        ValueUnloadable: there is no such class derived from ``base``.
    """
    data = reader.file(ATTRIBUTES)
    found = by_name("nested").load(InlineReader(data, digest_of(data)))
    name = found["class"]
    cls = getattr(module, name, None)
    if not isinstance(cls, type) or not issubclass(cls, base):
        version = getattr(module, "__version__", "this version")
        raise ValueUnloadable(
            f"{module.__name__} {version} has no class {name}. Install the version that made the model."
        )
    return cls, found["attributes"]


def is_offered(value: Any, module: Any) -> bool:
    """Whether the class of a value is found under its name in a library, so that its name is enough to find it."""
    return getattr(module, type(value).__name__, None) is type(value)


def _holds_code(value: Any) -> bool:
    if isinstance(value, Mapping):
        # a defaultdict's factory is no member
        return any(map(_holds_code, value.values()))
    if isinstance(value, list | tuple | set | frozenset):
        return any(map(_holds_code, value))
    return callable(value)
