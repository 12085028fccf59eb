"""Materializer: what turns a Python value into bytes or files and back, and describes and pictures it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Protocol

from runlore.errors import DefinitionError, ValueUnstorable
from runlore.model.artifact import ArtifactType, Picture

__all__ = ["DEFINED", "ArtifactType", "Declined", "Materializer", "Picture", "Reader", "Writer"]


class Declined(ValueUnstorable):
    """Raised by `Materializer.save` before it has written anything: this value has no exact form here, so the next
    fitting materializer is asked."""


class Writer(Protocol):
    """Where a materializer puts a value: either one payload by any number of calls of `write`, or a tree of files."""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Append to the single payload. Large buffers are hashed and written without a copy."""

    def file(self, name: str, *, executable: bool = False) -> BinaryIO:
        """Open a file of a tree for writing. ``name`` is relative, with ``/``; the caller closes it."""

    def folder(self, name: str = "") -> None:
        """Note an empty folder of a tree; without a name, that the value is a tree even if no file is opened."""


class Reader(Protocol):
    """Where a materializer finds what it wrote. Everything handed out has been verified against its digest."""

    size: int

    def read(self) -> bytes:
        """The whole single payload."""

    def path(self) -> Path:
        """A local file holding the single payload, or a folder holding the tree; read-only, may be memory-mapped."""

    def files(self) -> Sequence[str]:
        """Names of a tree's files, sorted."""

    def file(self, name: str) -> bytes:
        """One file of a tree."""


#: Every materializer class that names its types, in the order of definition; the registry reads it.
DEFINED: list[type[Materializer]] = []


class Materializer(ABC):
    """Base of all materializers. Instances hold no state and are shared.

    A subclass that sets ``types`` is registered by being defined.

    The *name* is written to the record and finds the class again, so it never changes meaning; a changed format gets a
    new name, and the old class stays to read.
    """

    #: Short name in the record; the class's own dotted name unless given.
    name: ClassVar[str]
    #: Classes it takes, as importable names such as ``numpy.ndarray``, so that libraries need not be imported.
    #: The classes themselves do as well.
    types: ClassVar[tuple[str | type, ...]] = ()
    artifact_type: ClassVar[ArtifactType] = ArtifactType.DATA
    #: Name of the runlore extra that brings the library it needs, if any.
    extra: ClassVar[str | None] = None
    #: Loading may run code that came with the bytes.
    runs_code: ClassVar[bool] = False
    #: `pictures` takes no longer than storing the value, so they are drawn then and kept; else on the first look.
    cheap_pictures: ClassVar[bool] = False

    def __init_subclass__(cls, **options: Any) -> None:
        """Note a subclass that names its `types`, so that defining it is registering it."""
        super().__init_subclass__(**options)
        if "name" not in cls.__dict__:
            cls.name = f"{cls.__module__}.{cls.__qualname__}"
        cls.artifact_type = _artifact_type(cls)
        if "types" in cls.__dict__:
            _check_types(cls)
            DEFINED.append(cls)

    def takes(self, value: Any) -> bool:
        """Whether this very value can be stored exactly; if not, the next fitting materializer is asked."""
        return True

    def may_take(self, value: Any) -> bool:
        """As `takes`, unless that would cost as much as saving: then it may say yes, and `save` raises `Declined`."""
        return self.takes(value)

    @abstractmethod
    def save(self, value: Any, writer: Writer) -> None:
        """Write ``value`` so that `load` gives an indistinguishable one, or raise `ValueUnstorable` (or `Declined`)."""

    @abstractmethod
    def load(self, reader: Reader) -> Any:
        """Read a value afresh; nobody else holds a reference to what is returned."""

    def naming(self, reader: Reader) -> bytes:
        """The part of a payload in which classes are named, if any is: what a value is made of, without loading it.

        A class that is missing in it may change without the steps that read the value running again.
        """
        return reader.read() if self.runs_code and not reader.files() else b""

    def metadata(self, value: Any) -> Mapping[str, Any]:
        """Describe ``value`` in a few typed values (shape, dtype, …). Called once, when it is saved."""
        return {}

    def pictures(self, value: Any) -> Sequence[Picture]:
        """Draw ``value``, each in less than 200 kB. Called on the first look, or, with `cheap_pictures`, at once."""
        return ()


def _check_types(cls: type[Materializer]) -> None:
    types = cls.__dict__["types"]
    if not isinstance(types, tuple | list) or not all(isinstance(one, str | type) for one in types):
        raise DefinitionError(
            f"{cls.__qualname__}.types is {types!r}; it is a tuple of classes or of their importable names, such as "
            "types = (Model,) or types = ('package.module.Model',)."
        )


def _artifact_type(cls: type[Materializer]) -> ArtifactType:
    try:
        return ArtifactType(cls.artifact_type)
    except ValueError:
        raise DefinitionError(
            f"{cls.__qualname__}.artifact_type is {cls.artifact_type!r}; it is one of ArtifactType: "
            f"{', '.join(one.value for one in ArtifactType)}."
        ) from None
